/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compress file: has an appliance compress a file of any size, piece by piece,
 * with several pieces in flight.
 *
 *	cc -o compress-file compress-file.c -lvine
 *	./compress-file big.tar big.tar.zst
 *	zstd -d -c big.tar.zst | cmp - big.tar
 *
 * Each piece becomes a zstd frame of its own, and frames one after the other
 * are a zstd file. So the pieces are compressed side by side, by as many
 * threads as the appliance has, and memory does not grow with the file. Tasks
 * may end in any order; a ring of lanes keeps the order of the file: a lane is
 * written out before it is filled again.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no appliance.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vine/vine.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };
enum {
	LANES = 8,		/* pieces in flight */
	PIECE = 1 << 20,	/* bytes; a larger one packs better */
	PACKED = PIECE + PIECE / 256 + 64, /* always holds its frame */
};

static const char help[] =
	"usage: compress-file [-l LEVEL] IN OUT\n"
	"\n"
	"Has an appliance compress IN to OUT, in the format of zstd. IN may\n"
	"be - for stdin, OUT - for stdout.\n"
	"\n"
	"  -l, --level LEVEL  -7 to 19, default 3\n"
	"  -h, --help         print this\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

/* A piece on its way: data that is used again and again, and its task. */
struct lane {
	vine_data *piece;
	vine_data *packed;
	vine_task *task;	/* NULL: nothing in flight */
};

struct compress {
	struct vine_session *session;
	vine_accel *accel;
	vine_proc *proc;
	int32_t level;
	int in;
	int out;
	uint64_t bytes_in;
	uint64_t bytes_out;
	struct lane lanes[LANES];
};

static int
complain(const char *what, int err)
{
	fprintf(stderr, "compress-file: %s: %s\n", what, strerror(err));
	return FAILED;
}

/* Fill a piece from the file, straight into shared memory. -1: errno. */
static ssize_t
read_piece(int fd, char *to)
{
	size_t got = 0;

	while (got < PIECE) {
		ssize_t n = read(fd, to + got, PIECE - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int
write_all(int fd, const char *from, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, from, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		from += n;
		length -= (size_t)n;
	}
	return 0;
}

/* The piece's data is as long as a piece, what was read may be shorter. */
static int
issue(struct compress *z, struct lane *lane, size_t length)
{
	struct vine_slice in = { lane->piece, 0, length };
	struct vine_slice out = vine_slice_all(lane->packed);
	struct vine_task_opts opts = {
		.size = sizeof(opts),
		.accel = z->accel,
		.proc = z->proc,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1,
		.args = &z->level,
		.args_size = sizeof(z->level),
	};
	int rc = vine_task_issue_opts(&opts, &lane->task);

	return rc ? complain("issue", -rc) : DONE;
}

/* Wait for a lane's task and write its frame, whose length is its value. */
static int
collect(struct compress *z, struct lane *lane)
{
	struct vine_task_result result = { .size = sizeof(result) };
	int rc;

	if (lane->task == NULL)
		return DONE;
	rc = vine_task_wait_for(lane->task, VINE_FOREVER);
	if (rc == 0)
		rc = vine_task_result(lane->task, &result);
	vine_task_free(lane->task);
	lane->task = NULL;
	if (rc)
		return complain("wait", -rc);
	if (result.status != VINE_STATUS_OK)
		return complain(vine_status_name(result.status), result.error);
	if (write_all(z->out, vine_data_deref(lane->packed), result.value) != 0)
		return complain("write", errno);
	z->bytes_out += result.value;
	return DONE;
}

/* An empty file still gets a frame, so that it can be decompressed. */
static int
compress(struct compress *z)
{
	ssize_t n = PIECE;
	size_t i, pieces;

	for (pieces = 0; n == PIECE; pieces++) {
		struct lane *lane = &z->lanes[pieces % LANES];

		if (collect(z, lane) != DONE)
			return FAILED;
		n = read_piece(z->in, vine_data_deref(lane->piece));
		if (n < 0)
			return complain("read", errno);
		if (n == 0 && pieces > 0)
			break;
		if (issue(z, lane, (size_t)n) != DONE)
			return FAILED;
		z->bytes_in += (uint64_t)n;
	}
	for (i = 0; i < LANES; i++)	/* the oldest first */
		if (collect(z, &z->lanes[(pieces + i) % LANES]) != DONE)
			return FAILED;
	return DONE;
}

static int
prepare(struct compress *z)
{
	int rc = vine_accel_list_in(z->session, CPU, &z->accel, 1);
	int i;

	if (rc <= 0)
		return complain("accelerator of the type CPU",
				rc ? -rc : ENODEV);
	rc = vine_proc_find(z->session, CPU, "zstd_compress", &z->proc);
	if (rc)
		return complain("procedure zstd_compress", -rc);
	for (i = 0; i < LANES; i++) {
		struct lane *lane = &z->lanes[i];

		rc = vine_data_alloc_in(z->session, PIECE, 0, &lane->piece);
		if (rc == 0)
			rc = vine_data_alloc_in(z->session, PACKED, 0,
						&lane->packed);
		if (rc)
			return complain("data (see shm_size)", -rc);
	}
	return DONE;
}

static int
open_files(struct compress *z, const char *in, const char *out)
{
	z->in = strcmp(in, "-") ? open(in, O_RDONLY) : STDIN_FILENO;
	if (z->in < 0)
		return complain(in, errno);
	z->out = strcmp(out, "-") ? open(out, O_WRONLY | O_CREAT | O_TRUNC,
					 0666) : STDOUT_FILENO;
	if (z->out < 0)
		return complain(out, errno);
	return DONE;
}

static int
run(struct compress *z, const char *in, const char *out)
{
	struct timespec a, b;
	double s;

	if (prepare(z) != DONE || open_files(z, in, out) != DONE)
		return FAILED;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (compress(z) != DONE)
		return FAILED;
	if (close(z->out) != 0)
		return complain(out, errno);
	clock_gettime(CLOCK_MONOTONIC, &b);
	s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) /
		1e9;
	fprintf(stderr, "compress-file: %llu to %llu bytes in %.3f s, "
		"%.0f MB/s\n", (unsigned long long)z->bytes_in,
		(unsigned long long)z->bytes_out, s,
		s > 0 ? (double)z->bytes_in / 1e6 / s : 0);
	return DONE;
}

static int
read_level(const char *s, int32_t *level)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < -7 || n > 19)
		return -1;
	*level = (int32_t)n;
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "level", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct compress z = { .level = 3 };
	int c, rc;

	while ((c = getopt_long(argc, argv, "l:h", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? FAILED : DONE;
		if (c != 'l' || read_level(optarg, &z.level) != 0) {
			fputs(help, stderr);
			return USAGE;
		}
	}
	if (argc - optind != 2) {
		fputs(help, stderr);
		return USAGE;
	}
	rc = vine_session_open(NULL, &z.session);
	if (rc) {	/* the library has said more on stderr */
		complain("no session", -rc);
		return NO_APPLIANCE;
	}
	rc = run(&z, argv[optind], argv[optind + 1]);
	vine_session_close(z.session);	/* waits for what is in flight */
	return rc;
}
