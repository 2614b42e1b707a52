/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace file: blocks of whole rows are appended with one write each, in
 * O_APPEND mode, so the rows of several threads never mix. There is no lock.
 *
 * A write that a full disk cuts short leaves a torn row at the end. The next
 * write puts a newline in front, so the reader loses that row alone.
 */
#include "utils/utils_trace_file.h"

#ifdef VINE_TRACE_ENABLE

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "utils/utils_trace_row.h"

#define TRACE_NAMES_MAX 100	/* files of one process in one second */

struct utils_trace_file utils_trace_file = {
	.fd = -1,
};

/*
 * trace_swallow_xfsz takes back the SIGXFSZ of a write beyond the limit on a
 * file's size: the application asked for no signal. The caller blocks it.
 */
static void
trace_swallow_xfsz(void)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGXFSZ);
	(void)sigtimedwait(&set, NULL, &now);
}

size_t
utils_trace_file_write(char *text, size_t length)
{
	int torn = atomic_exchange(&utils_trace_file.torn, 0);
	ssize_t got;

	text[0] = '\n';
	do
		got = write(utils_trace_file.fd, text + !torn,
			    length + (size_t)torn);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno == EFBIG)
			trace_swallow_xfsz();
		atomic_fetch_or(&utils_trace_file.torn, torn);
		return 0;
	}
	if (torn && got > 0)
		got--;
	if ((size_t)got < length) {
		if (got > 0)
			atomic_store(&utils_trace_file.torn, 1);
		errno = ENOSPC;
	}
	return (size_t)got;
}

int
utils_trace_file_row(enum utils_trace_fn fn, const char *text,
		     const uint64_t words[3])
{
	struct utils_trace_record record = {
		.fn = (uint16_t)fn,
		.words = { 0, words[0], words[1], words[2] },
	};
	char row[1 + UTILS_TRACE_ROW_MAX];
	int core = sched_getcpu();
	size_t length;

	record.core = core < 0 ? UTILS_TRACE_NO_CORE : (uint16_t)core;
	if (text != NULL)
		memcpy(record.text, text, strnlen(text, UTILS_TRACE_TEXT));
	length = utils_trace_row_write(row + 1, &record, utils_clock_ns(), 0,
				       (uint32_t)gettid());
	return utils_trace_file_write(row, length) == length ? 0 : -errno;
}

void
utils_trace_file_last_row(int signal_number)
{
	const uint64_t words[3] = {
		atomic_load(&utils_trace_file.rows),
		atomic_load(&utils_trace_file.lost),
		(uint64_t)signal_number,
	};

	(void)utils_trace_file_row(UTILS_TRACE_FN_trace_end, NULL, words);
}

/*
 * trace_file_name writes the path; `n` over 1 tells it from an earlier trace of
 * the same second. Returns 0 or -ENAMETOOLONG.
 */
static int
trace_file_name(const char *dir, int n)
{
	char host[256] = "", stamp[32], again[16] = "";
	size_t room = sizeof(utils_trace_file.path);
	time_t now = time(NULL);
	struct tm tm;
	char *slash;
	int length;

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
	while ((slash = strchr(host, '/')) != NULL)
		*slash = '_';
	if (localtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(stamp, sizeof(stamp), "%m-%d-%Y-%H:%M:%S", &tm);
	if (n > 1)
		snprintf(again, sizeof(again), "_%d", n);
	length = snprintf(utils_trace_file.path, room,
			  "%s/trace_%s_%d_%s%s.csv", dir, host, (int)getpid(),
			  stamp, again);
	return length < (int)room ? 0 : -ENAMETOOLONG;
}

/* trace_file_open creates the file and returns its descriptor or -errno. */
static int
trace_file_open(const char *dir)
{
	int n, fd, error;

	for (n = 1; n <= TRACE_NAMES_MAX; n++) {
		error = trace_file_name(dir, n);
		if (error != 0)
			return error;
		/* addresses of the process stand in it: for its owner alone */
		fd = open(utils_trace_file.path,
			  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
			  0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int
trace_file_first_rows(void)
{
	const uint64_t words[3] = { (uint64_t)utils_trace_file.pid, 0, 0 };
	char header[1 + UTILS_TRACE_HEADER_MAX];
	size_t length = utils_trace_row_header(header + 1);

	if (utils_trace_file_write(header, length) != length)
		return -errno;
	return utils_trace_file_row(UTILS_TRACE_FN_trace_start,
				    program_invocation_short_name, words);
}

int
utils_trace_file_create(const char *dir)
{
	int error, fd = trace_file_open(dir);

	if (fd < 0)
		return fd;
	utils_trace_file.fd = fd;
	utils_trace_file.pid = getpid();
	atomic_store(&utils_trace_file.rows, 0);
	atomic_store(&utils_trace_file.lost, 0);
	atomic_store(&utils_trace_file.torn, 0);
	error = trace_file_first_rows();
	if (error != 0) {
		utils_trace_file_close();
		unlink(utils_trace_file.path);
	}
	return error;
}

void
utils_trace_file_close(void)
{
	if (utils_trace_file.fd >= 0)
		close(utils_trace_file.fd);
	utils_trace_file.fd = -1;
}

#endif
