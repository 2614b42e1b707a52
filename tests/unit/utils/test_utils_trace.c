/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the tracer: what rows look like, and that they get into the file
 * whole and once on every way a trace can end. Each case traces into an empty
 * directory of its own. What ends a process runs in a child.
 *
 * The case call_cost_is_printed measures and judges nothing.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"
#include "utils/utils_trace_row.h"

#ifdef VINE_TRACE_ENABLE

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define ONE_ROW UTILS_TRACE_RECORD	/* bytes of the smallest buffer */
#define PLENTY (4096 * UTILS_TRACE_RECORD)
#define ROWS_MAX (1 << 20)

static char dir[256];			/* of this case */

static void
dir_make(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/vine-trace-XXXXXX",
		 base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

/* dir_file writes the path of the n-th trace by name; returns how many. */
static int
dir_file(int n, char *path, size_t size)
{
	struct dirent **list;
	int count = scandir(dir, &list, NULL, alphasort), found = 0, i;

	ck_assert_int_ge(count, 0);
	for (i = 0; i < count; i++) {
		if (strncmp(list[i]->d_name, "trace_", 6) == 0 && found++ == n)
			snprintf(path, size, "%s/%s", dir, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return found;
}

static int
dir_files(void)
{
	return dir_file(-1, NULL, 0);
}

static void
dir_remove(void)
{
	char path[512];

	utils_trace_stop();
	while (dir_file(0, path, sizeof(path)) > 0)
		unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* The lines of one file; a quoted newline is not expected in them. */
static struct {
	char *text;
	char *lines[ROWS_MAX];
	size_t count;
} file;

static void
file_read_nth(int n)
{
	char path[512], *line;
	struct stat st;
	int fd;

	ck_assert_int_gt(dir_file(n, path, sizeof(path)), n);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	free(file.text);
	file.text = calloc(1, (size_t)st.st_size + 1);
	ck_assert_int_eq(read(fd, file.text, (size_t)st.st_size), st.st_size);
	close(fd);
	file.count = 0;
	for (line = file.text; *line != '\0'; file.count++) {
		char *end = strchr(line, '\n');

		ck_assert_msg(end != NULL, "the last line has no end: %s",
			      line);
		ck_assert_uint_lt(file.count, ROWS_MAX);
		*end = '\0';
		file.lines[file.count] = line;
		line = end + 1;
	}
}

static void
file_read(void)
{
	ck_assert_int_eq(dir_files(), 1);
	file_read_nth(0);
}

static size_t
commas(const char *line)
{
	size_t count = 0;
	int quoted = 0;

	for (; *line != '\0'; line++) {
		quoted ^= *line == '"';
		count += *line == ',' && !quoted;
	}
	return count;
}

/* cell copies the i-th cell of a line that has no quotes. */
static const char *
cell(const char *line, unsigned int i)
{
	static char text[128];

	while (i-- > 0)
		line = strchr(line, ',') + 1;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, ","), line);
	return text;
}

static const char *
cell_of(const char *line, const char *column)
{
	unsigned int i = 0;
	char name[128];

	for (;; i++) {
		snprintf(name, sizeof(name), "%s", cell(file.lines[0], i));
		if (strcmp(name, column) == 0)
			return cell(line, i);
		ck_assert_uint_lt(i, commas(file.lines[0]));
	}
}

static size_t
rows_of(const char *function)
{
	size_t i, count = 0;

	for (i = 1; i < file.count; i++)
		count += strcmp(cell(file.lines[i], 3), function) == 0;
	return count;
}

/* file_check reads the only file: every line is whole. */
static void
file_check(void)
{
	size_t i;

	file_read();
	ck_assert_uint_ge(file.count, 2);
	for (i = 1; i < file.count; i++)
		ck_assert_msg(commas(file.lines[i]) == commas(file.lines[0]),
			      "line %zu: %s", i + 1, file.lines[i]);
	ck_assert_str_eq(cell(file.lines[1], 3), "trace_start");
}

/* call records one vine_data_free with the argument n. */
static void
call(uint64_t n)
{
	UTILS_TRACE_BEGIN(t);

	UTILS_TRACE_END(t, vine_data_free, 0, n);
}

static atomic_uint log_lines;
static char log_last[1024];

static void
log_take(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	snprintf(log_last, sizeof(log_last), "%s", text);
	log_lines++;
}

/* child runs fn in a child that dies at its end and returns how it ended. */
static int
child(void (*fn)(int), int arg)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		fn(arg);
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static struct utils_trace_record
record_of(enum utils_trace_fn fn, const char *text)
{
	struct utils_trace_record record = {
		.fn = (uint16_t)fn,
		.core = 3,
		.words = { 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	};

	snprintf(record.text, sizeof(record.text), "%s", text);
	return record;
}

static const char *
row_of(const struct utils_trace_record *record)
{
	static char row[UTILS_TRACE_ROW_MAX + 1];
	size_t length = utils_trace_row_write(row, record, 1000, 20, 77);

	ck_assert_uint_le(length, UTILS_TRACE_ROW_MAX);
	row[length] = '\0';
	return row;
}

START_TEST(header_begins_with_vinetalks_six_columns)
{
	char header[UTILS_TRACE_HEADER_MAX + 1];
	size_t length = utils_trace_row_header(header);

	header[length] = '\0';
	ck_assert_str_eq(header,
		"Timestamp,Core Id,Thread Id,Function Id,Task Duration,"
		"Return Value,session,pipe,accel,vaccel,type,proc,func_name,"
		"code,code_size,data,offset,size,place,align,args,args_size,"
		"in_count,in,out_count,out,task,stats,req,status,error,value,"
		"timeout,count,index,priority,flags,fd,queue,cookie,pid,lost"
		"\n");
}
END_TEST

START_TEST(arguments_stand_in_their_columns)
{
	struct utils_trace_record record =
		record_of(UTILS_TRACE_FN_vine_task_issue, "");

	ck_assert_str_eq(row_of(&record),
		"1000,3,77,vine_task_issue,20,0x1,,,0x2,,,0x3,,,,,,,,,0x4,,5,"
		"0x6,7,0x8,,,,,,,,,,,,,,,,\n");
	record = record_of(UTILS_TRACE_FN_vine_proc_register, "matmul");
	record.words[0] = 0;
	ck_assert_str_eq(row_of(&record),
		"1000,3,77,vine_proc_register,20,0x0,,,,,2,,matmul,0x3,4,,,,,,"
		",,,,,,,,,,,,,,,,,,,,,\n");
}
END_TEST

START_TEST(signed_words_have_a_sign_and_void_returns_are_empty)
{
	struct utils_trace_record record =
		record_of(UTILS_TRACE_FN_vine_task_wait_for, "");

	record.words[0] = (uint64_t)-110;
	record.words[2] = (uint64_t)-1;
	ck_assert_str_eq(row_of(&record),
		"1000,3,77,vine_task_wait_for,20,-110,,,,,,,,,,,,,,,,,,,,,0x2,,"
		",,,,-1,,,,,,,,,\n");
	record = record_of(UTILS_TRACE_FN_vine_data_free, "");
	record.core = UTILS_TRACE_NO_CORE;
	ck_assert_str_eq(row_of(&record),
		"1000,,77,vine_data_free,20,,,,,,,,,,,0x2,,,,,,,,,,,,,,,,,,,,,,"
		",,,,\n");
}
END_TEST

START_TEST(stops_have_queue_and_cookie)
{
	struct utils_trace_record record =
		record_of(UTILS_TRACE_FN_execute, "");

	ck_assert_str_eq(row_of(&record),
		"1000,3,77,execute,20,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,2,3,,"
		"\n");
}
END_TEST

START_TEST(text_is_quoted_as_rfc_4180_says)
{
	static const char *const texts[][2] = {
		{ "plain", ",plain," },
		{ "a b;c'd", ",a b;c'd," },
		{ "a,b", ",\"a,b\"," },
		{ "say \"x\"", ",\"say \"\"x\"\"\"," },
		{ "two\nlines", ",\"two\nlines\"," },
		{ "cr\r", ",\"cr\r\"," },
		{ "", ",,," },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct utils_trace_record record =
			record_of(UTILS_TRACE_FN_vine_proc_get, texts[i][0]);

		ck_assert_ptr_nonnull(strstr(row_of(&record), texts[i][1]));
	}
}
END_TEST

START_TEST(every_function_fills_all_columns_within_the_limit)
{
	char header[UTILS_TRACE_HEADER_MAX + 1], quotes[UTILS_TRACE_TEXT + 1];
	size_t length = utils_trace_row_header(header);
	unsigned int fn, i;

	header[length] = '\0';
	memset(quotes, '"', UTILS_TRACE_TEXT);
	quotes[UTILS_TRACE_TEXT] = '\0';
	for (fn = 0; fn < UTILS_TRACE_FN_COUNT; fn++) {
		struct utils_trace_record record =
			record_of((enum utils_trace_fn)fn, quotes);

		for (i = 0; i <= UTILS_TRACE_ARGS; i++)
			record.words[i] = UINT64_MAX - 1;
		ck_assert_uint_eq(commas(row_of(&record)), commas(header));
	}
}
END_TEST

START_TEST(nothing_happens_without_a_start)
{
	UTILS_TRACE_BEGIN(t);

	ck_assert_uint_eq(t, 0);
	call(1);
	UTILS_TRACE_POINT(issue, 1, 2, 3);
	ck_assert_int_eq(dir_files(), 0);
}
END_TEST

START_TEST(calls_and_points_are_in_the_file_after_stop)
{
	uint64_t before, after, stamp;

	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	before = utils_clock_ns();
	{
		UTILS_TRACE_BEGIN(t);

		usleep(2000);
		UTILS_TRACE_END_TEXT(t, vine_proc_get, NULL, "saxpy", 2);
	}
	UTILS_TRACE_POINT(take, 5, 6, utils_clock_ticks());
	after = utils_clock_ns();
	utils_trace_stop();

	file_check();
	ck_assert_uint_eq(file.count, 5);
	stamp = strtoull(cell(file.lines[2], 0), NULL, 10);
	/* the clock promises 1 us */
	ck_assert_uint_ge(stamp + 1000, before);
	ck_assert_uint_le(stamp, after);
	stamp = strtoull(cell(file.lines[2], 4), NULL, 10);
	ck_assert_uint_ge(stamp, 1900000);
	ck_assert_int_eq(atoi(cell(file.lines[2], 2)), gettid());
	ck_assert_str_eq(cell_of(file.lines[2], "func_name"), "saxpy");
	ck_assert_str_eq(cell(file.lines[3], 3), "take");
	ck_assert_str_eq(cell_of(file.lines[3], "queue"), "5");
	ck_assert_str_eq(cell_of(file.lines[3], "cookie"), "6");
	ck_assert_int_eq(atoi(cell_of(file.lines[1], "pid")), getpid());
	ck_assert_str_eq(cell(file.lines[4], 3), "trace_end");
	ck_assert_str_eq(cell_of(file.lines[4], "count"), "2");
	ck_assert_str_eq(cell_of(file.lines[4], "lost"), "0");
	ck_assert_str_eq(cell_of(file.lines[4], "status"), "0");
}
END_TEST

START_TEST(long_text_is_cut_at_31_bytes)
{
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	{
		UTILS_TRACE_BEGIN(t);

		UTILS_TRACE_END_TEXT(t, vine_proc_get, NULL,
				     "0123456789012345678901234567890xyz", 2);
	}
	utils_trace_stop();
	file_check();
	ck_assert_str_eq(cell_of(file.lines[2], "func_name"),
			 "0123456789012345678901234567890");
}
END_TEST

START_TEST(file_is_named_as_vinetalk_named_it_and_private)
{
	char host[256] = "", begin[600], path[512];
	int month, day, year, hour, minute, second, end = 0;
	struct stat st;

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	ck_assert_int_eq(utils_trace_start_in(dir, 0), 0);
	utils_trace_stop();
	ck_assert_int_eq(dir_file(0, path, sizeof(path)), 1);
	snprintf(begin, sizeof(begin), "%s/trace_%s_%d_", dir, host, getpid());
	ck_assert_int_eq(strncmp(path, begin, strlen(begin)), 0);
	ck_assert_int_eq(sscanf(path + strlen(begin),
				"%2d-%2d-%4d-%2d:%2d:%2d.csv%n", &month, &day,
				&year, &hour, &minute, &second, &end), 6);
	ck_assert_int_eq(path[strlen(begin) + (size_t)end], '\0');
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(full_buffer_is_written_at_once)
{
	ck_assert_int_eq(utils_trace_start_in(dir, 2 * ONE_ROW), 0);
	call(1);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 0);
	call(2);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 2);
	call(3);
	utils_trace_stop();
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 3);
}
END_TEST

static void *
three_calls(void *arg)
{
	(void)arg;
	call(1);
	call(2);
	call(3);
	return NULL;
}

START_TEST(thread_that_ends_leaves_its_rows_in_the_file)
{
	pthread_t thread;
	int i;

	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	for (i = 1; i <= 3; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, three_calls,
						NULL), 0);
		pthread_join(thread, NULL);
		file_check();
		ck_assert_uint_eq(rows_of("vine_data_free"), 3 * (size_t)i);
	}
}
END_TEST

#define THREADS 4
#define CALLS 3000

static void *
numbered_calls(void *arg)
{
	uint64_t thread = (uint64_t)(uintptr_t)arg, i;

	for (i = 0; i < CALLS; i++)
		call(thread * CALLS + i);
	return NULL;
}

START_TEST(rows_of_many_threads_are_whole_in_order_and_there_once)
{
	static uint64_t next[THREADS];
	pthread_t threads[THREADS];
	uintptr_t n;
	size_t i;

	/* 7 and 200 records: one write and several a flush */
	ck_assert_int_eq(utils_trace_start_in(dir, (_i ? 200 : 7) * ONE_ROW),
			 0);
	for (n = 0; n < THREADS; n++)
		ck_assert_int_eq(pthread_create(&threads[n], NULL,
						numbered_calls, (void *)n), 0);
	for (n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	utils_trace_stop();
	file_check();
	ck_assert_uint_eq(file.count, 2 + THREADS * CALLS + 1);
	for (i = 2; i < file.count - 1; i++) {
		uint64_t value = strtoull(cell_of(file.lines[i], "data"), NULL,
					  16);

		ck_assert_uint_lt(value, THREADS * CALLS);
		ck_assert_uint_eq(value % CALLS, next[value / CALLS]);
		next[value / CALLS]++;
	}
	ck_assert_str_eq(cell_of(file.lines[i], "count"), "12000");
}
END_TEST

static atomic_int run_on;

static void *
endless_calls(void *arg)
{
	uint64_t i;

	(void)arg;
	for (i = 0; run_on; i++)
		call(i);
	return NULL;
}

START_TEST(stop_and_start_under_calls_lose_no_whole_rows)
{
	pthread_t threads[2];
	char path[512];
	size_t line;
	int i;

	run_on = 1;
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						endless_calls, NULL), 0);
	for (i = 0; i < 50; i++) {
		ck_assert_int_eq(utils_trace_start_in(dir, 16 * ONE_ROW), 0);
		sched_yield();
		utils_trace_stop();
		ck_assert_int_eq(dir_files(), 1);
		dir_file(0, path, sizeof(path));
		file_check();
		line = file.count - 1;
		ck_assert_str_eq(cell(file.lines[line], 3), "trace_end");
		ck_assert_uint_eq(strtoul(cell_of(file.lines[line], "count"),
					  NULL, 10), file.count - 3);
		unlink(path);
	}
	run_on = 0;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(starts_nest)
{
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	call(1);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_on, 1);
	call(2);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_on, 0);
	utils_trace_stop();
	call(3);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 2);
}
END_TEST

START_TEST(second_trace_of_a_second_gets_a_file_of_its_own)
{
	size_t rows;

	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	call(1);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_start_in(dir, ONE_ROW), 0);
	call(2);
	call(3);
	utils_trace_stop();
	ck_assert_int_eq(dir_files(), 2);
	file_read_nth(0);
	rows = rows_of("vine_data_free");
	file_read_nth(1);
	ck_assert_uint_eq(rows + rows_of("vine_data_free"), 3);
	ck_assert(rows == 1 || rows == 2);
}
END_TEST

/* traces_as_process_1: arg is a pipe; what is read from it ends the trace. */
static void
traces_as_process_1(int arg)
{
	pid_t pid;
	int status;
	char c;

	if (unshare(CLONE_NEWPID) != 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
		_exit(77);
	pid = fork();
	if (pid == 0) {
		if (getpid() != 1 || utils_trace_start_in(dir, PLENTY) != 0)
			_exit(1);
		call(1);
		if (read(arg, &c, 1) != 1)
			_exit(2);
		call(2);
		utils_trace_stop();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
}

START_TEST(equal_pids_of_two_namespaces_get_a_file_each)
{
	int go[2], status, skipped = 0;
	pid_t pids[2];

	ck_assert_int_eq(pipe(go), 0);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			traces_as_process_1(go[0]);
	}
	ck_assert_int_eq(write(go[1], "..", 2), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert(WIFEXITED(status));
		skipped += WEXITSTATUS(status) == 77;
		ck_assert(skipped || WEXITSTATUS(status) == 0);
	}
	if (skipped) {
		fprintf(stderr, "skipped: no PID namespaces here\n");
		return;
	}
	ck_assert_int_eq(dir_files(), 2);
	for (int i = 0; i < 2; i++) {
		file_read_nth(i);
		ck_assert_uint_eq(rows_of("vine_data_free"), 2);
	}
}
END_TEST

START_TEST(errno_survives_a_flush_and_a_failed_start)
{
	utils_log_set(UTILS_LOG_WARN, log_take, NULL);
	errno = EXDEV;
	ck_assert_int_eq(utils_trace_start_in("/proc/none", 0), -ENOENT);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_int_eq(utils_trace_start_in(dir, ONE_ROW), 0);
	call(1);
	ck_assert_int_eq(errno, EXDEV);
	utils_trace_stop();
	utils_trace_stop();
	ck_assert_int_eq(errno, EXDEV);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
}
END_TEST

START_TEST(file_that_cannot_be_made_is_one_warning_and_no_trace)
{
	char gone[512];

	snprintf(gone, sizeof(gone), "%s/gone", dir);
	utils_log_set(UTILS_LOG_WARN, log_take, NULL);
	log_lines = 0;
	ck_assert_int_eq(utils_trace_start_in(gone, 0), -ENOENT);
	ck_assert_int_eq(utils_trace_start_in(gone, 0), -ENOENT);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	/* another case of this process may have had the one warning */
	ck_assert_uint_le(log_lines, 1);
	if (log_lines == 1)
		ck_assert_ptr_nonnull(strstr(log_last, gone));
	ck_assert_int_eq(utils_trace_on, 0);
	call(1);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	utils_trace_stop();
	utils_trace_stop();
	file_check();
}
END_TEST

static void
start_by_config(const char *trace)
{
	struct utils_config *config;
	char text[512];

	snprintf(text, sizeof(text), "shm_file /x\nshm_size 64M\n"
		 "trace %s\ntrace_dir %s\nlog_buffer_size 4K\n", trace, dir);
	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	ck_assert_int_eq(utils_trace_start(config), 0);
	utils_config_free(config);
}

START_TEST(config_says_whether_and_where)
{
	int i;

	start_by_config("0");
	ck_assert_int_eq(utils_trace_on, 0);
	ck_assert_int_eq(dir_files(), 0);
	start_by_config("1");
	for (i = 0; i < 31; i++)
		call(1);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 0);
	call(1);
	file_check();	/* 4 KiB are 32 records */
	ck_assert_uint_eq(rows_of("vine_data_free"), 32);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_on, 1);
	utils_trace_stop();
	ck_assert_int_eq(utils_trace_on, 0);
}
END_TEST

static void
exit_without_stop(int arg)
{
	(void)arg;
	utils_trace_start_in(dir, PLENTY);
	call(1);
	call(2);
	exit(5);
}

START_TEST(exit_writes_what_is_left)
{
	int status = child(exit_without_stop, 0);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 5);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 2);
	ck_assert_uint_eq(rows_of("trace_end"), 1);
}
END_TEST

static const int fatal[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	SIGABRT,
};

/* fatal_reset: a sanitizer or the test runner may have taken some. */
static void
fatal_reset(void)
{
	size_t i;

	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], SIG_DFL);
}

static atomic_int other_is_done;

static void *
two_calls_and_wait(void *arg)
{
	(void)arg;
	call(1);
	call(2);
	other_is_done = 1;
	for (;;)
		pause();
	return NULL;
}

static void
two_threads_then(int how)
{
	pthread_t thread;

	fatal_reset();
	utils_trace_start_in(dir, PLENTY);
	call(3);
	pthread_create(&thread, NULL, two_calls_and_wait, NULL);
	while (!other_is_done)
		usleep(100);
	if (how == SIGABRT)
		abort();
	if (how == SIGSEGV) {
		volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE |
					   MAP_ANONYMOUS, -1, 0);
		page[0] = 1;
	}
	kill(getpid(), how);
	for (;;)
		pause();
}

START_TEST(fatal_signal_writes_all_buffers_and_stays_fatal)
{
	int status = child(two_threads_then, fatal[_i]);
	char number[16];

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), fatal[_i]);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 3);
	ck_assert_str_eq(cell(file.lines[file.count - 1], 3), "trace_end");
	snprintf(number, sizeof(number), "%d", fatal[_i]);
	ck_assert_str_eq(cell_of(file.lines[file.count - 1], "status"),
			 number);
	ck_assert_str_eq(cell_of(file.lines[file.count - 1], "lost"), "0");
}
END_TEST

static void
signal_under_load(int signal_number)
{
	pthread_t thread;
	int i;

	fatal_reset();
	utils_trace_start_in(dir, 64 * ONE_ROW);
	run_on = 1;
	for (i = 0; i < 3; i++)
		pthread_create(&thread, NULL, endless_calls, NULL);
	usleep(3000);
	kill(getpid(), signal_number);
	for (;;)
		pause();
}

START_TEST(fatal_signal_amid_flushes_leaves_whole_rows)
{
	int status = child(signal_under_load, SIGTERM);
	size_t i, end = 0;

	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGTERM);
	file_check();
	for (i = 1; i < file.count; i++)
		if (strcmp(cell(file.lines[i], 3), "trace_end") == 0)
			end = i;
	ck_assert_uint_gt(end, 0);
	/* the other threads run on until the signal strikes */
	ck_assert_uint_ge(rows_of("vine_data_free"),
			  strtoul(cell_of(file.lines[end], "count"), NULL,
				  10));
}
END_TEST

static void
own_handler(int signal_number)
{
	(void)signal_number;
	_exit(7);
}

static void
signal_of_the_application(int after)
{
	struct sigaction now;

	fatal_reset();
	signal(SIGHUP, SIG_IGN);
	if (!after)
		signal(SIGTERM, own_handler);
	utils_trace_start_in(dir, PLENTY);
	if (after)
		signal(SIGTERM, own_handler);
	raise(SIGHUP);
	utils_trace_stop();
	sigaction(SIGTERM, NULL, &now);
	if (now.sa_handler != own_handler)
		_exit(1);
	sigaction(SIGHUP, NULL, &now);
	if (now.sa_handler != SIG_IGN)
		_exit(2);
	sigaction(SIGINT, NULL, &now);
	if (now.sa_handler != SIG_DFL)
		_exit(3);
	raise(SIGTERM);
}

START_TEST(application_keeps_its_own_handlers)
{
	int status = child(signal_of_the_application, _i);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

static void
killed(int arg)
{
	(void)arg;
	utils_trace_start_in(dir, 2 * ONE_ROW);
	call(1);
	call(2);
	call(3);
	kill(getpid(), SIGKILL);
}

START_TEST(sigkill_leaves_what_was_written_before)
{
	int status = child(killed, 0);

	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 2);
}
END_TEST

static void
forked_child_exits(int start)
{
	call(4);
	if (utils_trace_on)
		_exit(1);
	if (start) {
		utils_trace_start_in(dir, PLENTY);
		call(5);
		call(6);
	}
	exit(0);
}

static void
forked_child_dies(int arg)
{
	(void)arg;
	kill(getpid(), SIGTERM);
}

START_TEST(forked_child_does_not_write_its_parents_rows)
{
	int status;

	fatal_reset();
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	call(1);
	status = child(forked_child_exits, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = child(forked_child_dies, 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	file_check();
	ck_assert_uint_eq(file.count, 2);
	call(2);
	utils_trace_stop();
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), 2);
}
END_TEST

START_TEST(forked_child_can_trace_into_a_file_of_its_own)
{
	size_t rows;
	int status;

	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	call(1);
	status = child(forked_child_exits, 1);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	utils_trace_stop();
	ck_assert_int_eq(dir_files(), 2);
	file_read_nth(0);
	rows = rows_of("vine_data_free");
	file_read_nth(1);
	ck_assert_uint_eq(rows + rows_of("vine_data_free"), 3);
	ck_assert(rows == 1 || rows == 2);
}
END_TEST

/* disk_is_full: the limit on a file's size stands for the disk. */
static void
disk_is_full(int arg)
{
	const struct rlimit small = { 6000, RLIM_INFINITY },
			    plenty = { RLIM_INFINITY, RLIM_INFINITY };
	int i;

	(void)arg;
	utils_log_set(UTILS_LOG_WARN, log_take, NULL);
	utils_trace_start_in(dir, 10 * ONE_ROW);
	setrlimit(RLIMIT_FSIZE, &small);
	for (i = 0; i < 200; i++)
		call((uint64_t)i);
	if (log_lines != 1)
		_exit(1);
	setrlimit(RLIMIT_FSIZE, &plenty);
	for (i = 0; i < 50; i++)
		call(1000);
	utils_trace_stop();
	if (log_lines != 2 || strstr(log_last, "missing") == NULL)
		_exit(2);
	_exit(0);
}

START_TEST(full_disk_is_one_warning_and_costs_rows_only)
{
	int status = child(disk_is_full, 0);
	size_t i, torn = 0, whole, lost;

	ck_assert_msg(WIFEXITED(status), "status %x", (unsigned int)status);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	file_read();
	for (i = 1; i < file.count; i++)
		torn += commas(file.lines[i]) != commas(file.lines[0]);
	ck_assert_uint_le(torn, 1);
	ck_assert_str_eq(cell(file.lines[file.count - 1], 3), "trace_end");
	whole = strtoul(cell_of(file.lines[file.count - 1], "count"), NULL,
			10);
	lost = strtoul(cell_of(file.lines[file.count - 1], "lost"), NULL, 10);
	ck_assert_uint_eq(whole + lost, 250);
	ck_assert_uint_eq(file.count, 1 + 1 + whole + torn + 1);
	ck_assert_uint_gt(lost, 100);
	ck_assert_uint_gt(whole, 50);
}
END_TEST

static void
memory_is_short(int arg)
{
	const struct rlimit small = { 256 << 20, 256 << 20 };

	(void)arg;
	utils_log_set(UTILS_LOG_WARN, log_take, NULL);
	setrlimit(RLIMIT_AS, &small);
	utils_trace_start_in(dir, UINT64_MAX);	/* is limited to 1 GiB */
	call(1);
	call(2);
	if (log_lines != 1 || strstr(log_last, "no memory") == NULL)
		_exit(1);
	utils_trace_stop();
	_exit(0);
}

START_TEST(thread_without_memory_is_counted_as_lost_rows)
{
	int status;

	if (getenv("VINE_EMULATED"))
		return;	/* qemu cannot run with so little memory */
	if (SANITIZED)	/* they need the address space */
		return;
	status = child(memory_is_short, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	file_check();
	ck_assert_str_eq(cell_of(file.lines[2], "lost"), "2");
}
END_TEST

START_TEST(cancelled_thread_leaves_no_lock_behind)
{
	pthread_t thread;
	int i;

	ck_assert_int_eq(utils_trace_start_in(dir, ONE_ROW), 0);
	for (i = 0; i < 20; i++) {
		run_on = 1;
		ck_assert_int_eq(pthread_create(&thread, NULL, endless_calls,
						NULL), 0);
		usleep(500);
		pthread_cancel(thread);
		run_on = 0;
		pthread_join(thread, NULL);
	}
	utils_trace_stop();
	file_check();
	ck_assert_str_eq(cell(file.lines[file.count - 1], 3), "trace_end");
}
END_TEST

START_TEST(call_cost_is_printed)
{
	enum { N = 2000 };
	uint64_t begin, off, on, i;

	begin = utils_clock_ns();
	for (i = 0; i < N; i++)
		call(i);
	off = utils_clock_ns() - begin;
	ck_assert_int_eq(utils_trace_start_in(dir, PLENTY), 0);
	call(0);
	begin = utils_clock_ns();
	for (i = 0; i < N; i++)
		call(i);
	on = utils_clock_ns() - begin;
	utils_trace_stop();
	printf("ns a call: %.1f not running, %.1f recorded\n",
	       (double)off / N, (double)on / N);
	file_check();
	ck_assert_uint_eq(rows_of("vine_data_free"), N + 1);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("utils_trace");
	TCase *rows = tcase_create("row"), *trace = tcase_create("trace");

	tcase_add_test(rows, header_begins_with_vinetalks_six_columns);
	tcase_add_test(rows, arguments_stand_in_their_columns);
	tcase_add_test(rows,
		       signed_words_have_a_sign_and_void_returns_are_empty);
	tcase_add_test(rows, stops_have_queue_and_cookie);
	tcase_add_test(rows, text_is_quoted_as_rfc_4180_says);
	tcase_add_test(rows, every_function_fills_all_columns_within_the_limit);
	suite_add_tcase(s, rows);

	tcase_add_checked_fixture(trace, dir_make, dir_remove);
	tcase_add_test(trace, nothing_happens_without_a_start);
	tcase_add_test(trace, calls_and_points_are_in_the_file_after_stop);
	tcase_add_test(trace, long_text_is_cut_at_31_bytes);
	tcase_add_test(trace, file_is_named_as_vinetalk_named_it_and_private);
	tcase_add_test(trace, full_buffer_is_written_at_once);
	tcase_add_test(trace, thread_that_ends_leaves_its_rows_in_the_file);
	tcase_add_loop_test(trace,
		rows_of_many_threads_are_whole_in_order_and_there_once, 0, 2);
	tcase_add_test(trace, stop_and_start_under_calls_lose_no_whole_rows);
	tcase_add_test(trace, starts_nest);
	tcase_add_test(trace, second_trace_of_a_second_gets_a_file_of_its_own);
	tcase_add_test(trace, equal_pids_of_two_namespaces_get_a_file_each);
	tcase_add_test(trace, errno_survives_a_flush_and_a_failed_start);
	tcase_add_test(trace,
		       file_that_cannot_be_made_is_one_warning_and_no_trace);
	tcase_add_test(trace, config_says_whether_and_where);
	tcase_add_test(trace, exit_writes_what_is_left);
	tcase_add_loop_test(trace,
			    fatal_signal_writes_all_buffers_and_stays_fatal, 0,
			    sizeof(fatal) / sizeof(fatal[0]));
	tcase_add_test(trace, fatal_signal_amid_flushes_leaves_whole_rows);
	tcase_add_loop_test(trace, application_keeps_its_own_handlers, 0, 2);
	tcase_add_test(trace, sigkill_leaves_what_was_written_before);
	tcase_add_test(trace, forked_child_does_not_write_its_parents_rows);
	tcase_add_test(trace, forked_child_can_trace_into_a_file_of_its_own);
	tcase_add_test(trace, full_disk_is_one_warning_and_costs_rows_only);
	tcase_add_test(trace, thread_without_memory_is_counted_as_lost_rows);
	tcase_add_test(trace, cancelled_thread_leaves_no_lock_behind);
	tcase_add_test(trace, call_cost_is_printed);
	suite_add_tcase(s, trace);
	return s;
}

#else /* VINE_TRACE_ENABLE */

START_TEST(macros_leave_nothing_of_their_arguments)
{
	/* none of these names exists */
	UTILS_TRACE_BEGIN(t);
	UTILS_TRACE_END(t, no_function, no_value, no_argument);
	UTILS_TRACE_END_TEXT(t, no_function, no_value, no_text, no_argument);
	UTILS_TRACE_POINT(no_stop, no_queue, no_cookie, no_ticks);
	ck_assert_int_eq(utils_trace_start(NULL), 0);
	utils_trace_stop();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("utils_trace");
	TCase *off = tcase_create("compiled out");

	tcase_add_test(off, macros_leave_nothing_of_their_arguments);
	suite_add_tcase(s, off);
	return s;
}

#endif

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
