/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk: reads of 4 KiB at random places of a file, past the page cache, so many
 * under way at a time. Bare: one thread and liburing, which submits what it may
 * and waits for one. As tasks: so many tasks of one scheduler, each with one
 * read at a time.
 *
 * The file has no name; it is made in TMPDIR, or /var/tmp, and written once a
 * run. What its disk's host keeps in memory we cannot know: both read the same
 * file in the same way.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_sched.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define BLOCK 4096u
#define BLOCKS 16384u		/* of the file: 64 MiB */
#define DEPTH_MAX 64u
#define CHUNK (1u << 20)	/* written at a time */

struct reads {
	struct vine_bench_rig *rig;
	struct vine_bench_result *result;
	int fd;
	uint32_t depth;
	char *memory;		/* a block for each */
	uint64_t random;
	uint64_t begin, end;	/* of what is measured, ticks */
	uint64_t last;		/* the last read that counts */
	uint64_t count;
	uint32_t next;		/* task */
	int rc;
};

static int
make_file(void)
{
	const char *dir = getenv("TMPDIR");
	char *data = aligned_alloc(BLOCK, CHUNK);
	int fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_DIRECT |
		      O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : 0;

	if (data == NULL)
		rc = -ENOMEM;
	else
		memset(data, 0x5a, CHUNK);
	for (uint32_t i = 0; rc == 0 && i < BLOCKS * BLOCK / CHUNK; i++)
		if (pwrite(fd, data, CHUNK, (off_t)i * CHUNK) != CHUNK)
			rc = errno ? -errno : -EIO;
	free(data);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

static off_t
some_place(struct reads *r)
{
	uint64_t x = r->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	r->random = x;
	return (off_t)(x % BLOCKS) * BLOCK;
}

/* A read that took from `from` until now. Returns whether there are more. */
static int
note(struct reads *r, uint64_t from)
{
	uint64_t now = vine_bench_now();

	if (from >= r->begin && now <= r->end) {
		r->count++;
		r->last = now;
		utils_hist_record(&r->result->hist,
				  vine_bench_timer_span(&r->rig->timer,
							now - from));
	}
	return now < r->end && r->rc == 0;
}

/* --- bare ----------------------------------------------------------------- */

static void
ask(struct reads *r, struct io_uring *ring, uint32_t i, uint64_t *from)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	from[i] = vine_bench_now();
	io_uring_prep_read(sqe, r->fd, r->memory + (size_t)i * BLOCK, BLOCK,
			   (uint64_t)some_place(r));
	io_uring_sqe_set_data64(sqe, i);
}

static int
read_bare(struct reads *r)
{
	struct io_uring_cqe *cqes[DEPTH_MAX];
	uint64_t from[DEPTH_MAX];
	uint32_t under_way = r->depth;
	struct io_uring ring;
	int rc = io_uring_queue_init(DEPTH_MAX, &ring,
				     IORING_SETUP_SINGLE_ISSUER |
				     IORING_SETUP_DEFER_TASKRUN);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < r->depth; i++)
		ask(r, &ring, i, from);
	while (under_way) {
		unsigned int n;

		rc = io_uring_submit_and_wait(&ring, 1);
		if (rc < 0 && rc != -EINTR)
			r->rc = rc;
		n = io_uring_peek_batch_cqe(&ring, cqes, DEPTH_MAX);
		under_way -= n;
		for (unsigned int k = 0; k < n; k++) {
			uint32_t i = (uint32_t)io_uring_cqe_get_data64(cqes[k]);

			if (cqes[k]->res != (int)BLOCK)
				r->rc = -EIO;
			if (!note(r, from[i]))
				continue;
			ask(r, &ring, i, from);
			under_way++;
		}
		io_uring_cq_advance(&ring, n);
	}
	io_uring_queue_exit(&ring);
	return r->rc;
}

/* --- tasks ---------------------------------------------------------------- */

static int
read_on(void *arg)
{
	struct reads *r = arg;
	char *to = r->memory + (size_t)r->next++ * BLOCK;
	uint64_t from;

	do {
		from = vine_bench_now();
		if (rt_io_read(r->fd, to, BLOCK, some_place(r), RT_NEVER) !=
		    BLOCK)
			r->rc = -EIO;
	} while (note(r, from));
	return 0;
}

static int
read_tasks(struct reads *r, enum rt_wait_engine engine)
{
	struct rt_sched_opts opts = { .engine = engine };
	struct rt_sched *sched;
	int rc = rt_sched_new(&opts, &sched);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < r->depth && rc == 0; i++)
		rc = rt_task_create(sched, read_on, r, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	rt_sched_free(sched);
	return rc ? rc : r->rc;
}

/* --- fio ------------------------------------------------------------------ */

#define FIO_IOPS 8	/* the field of its terse line, version 3 */

/* The reads a second of its line, or 0. */
static double
iops_of(char *line)
{
	char *field = strtok(line, ";");

	for (int i = 1; field && i < FIO_IOPS; i++)
		field = strtok(NULL, ";");
	return field ? strtod(field, NULL) : 0;
}

/* It opens the file by our descriptor, and runs where we do. */
static int
read_fio(struct reads *r)
{
	const double ms = (double)r->rig->timer.run *
		r->rig->timer.ns_per_tick / 1e6;
	char command[512], line[4096] = "";
	double iops = 0;
	FILE *fio;

	snprintf(command, sizeof(command), "fio --name=read --rw=randread "
		 "--bs=%u --size=%llu --iodepth=%u --ioengine=io_uring "
		 "--direct=1 --time_based --runtime=%.0fms --minimal "
		 "--terse-version=3 --filename=/proc/%d/fd/%d 2>&1", BLOCK,
		 (unsigned long long)BLOCKS * BLOCK, r->depth, ms < 300 ? 300 :
		 ms, getpid(), r->fd);
	fio = popen(command, "r");
	if (fio == NULL)
		return -errno;
	if (fgets(line, sizeof(line), fio))
		line[strcspn(line, "\n")] = '\0';
	if (pclose(fio) == 0)
		iops = iops_of(line);
	if (iops <= 0) {
		log_warn("read.fio: %s", line);
		return -EOPNOTSUPP;
	}
	r->result->value = r->result->mean = iops / 1e3;
	return 0;
}

/* --- all ------------------------------------------------------------------ */

static int
run_bare(struct reads *r, const struct vine_bench *bench)
{
	(void)bench;
	return read_bare(r);
}

static int
run_fio(struct reads *r, const struct vine_bench *bench)
{
	(void)bench;
	return read_fio(r);
}

static int
run_tasks(struct reads *r, const struct vine_bench *bench)
{
	return read_tasks(r, (enum rt_wait_engine)bench->b);
}

/* *r is set to a file and memory, and undone again. */
static int
run(struct vine_bench_rig *rig, const struct vine_bench *bench,
    struct vine_bench_result *result,
    int (*by)(struct reads *r, const struct vine_bench *bench))
{
	struct reads r = { .rig = rig, .result = result, .random = 88172645 };
	uint64_t now;
	int rc;

	r.depth = (uint32_t)bench->a;
	r.fd = make_file();
	if (r.fd < 0) {
		log_warn("%s: no file for O_DIRECT in TMPDIR or /var/tmp: %s",
			 bench->name, strerror(-r.fd));
		return -EOPNOTSUPP;
	}
	r.memory = aligned_alloc(BLOCK, (size_t)DEPTH_MAX * BLOCK);
	if (r.memory == NULL) {
		close(r.fd);
		return -ENOMEM;
	}
	now = vine_bench_now();
	r.begin = r.last = now + rig->timer.warm;
	r.end = r.begin + rig->timer.run;
	rc = by(&r, bench);
	free(r.memory);
	close(r.fd);
	if (rc && rc != -EOPNOTSUPP)
		log_error("%s: %s", bench->name, strerror(-rc));
	if (rc || r.count == 0)
		return rc;
	result->has_hist = 1;
	result->value = result->mean = (double)r.count * 1e6 /
		((double)(r.last - r.begin) * rig->timer.ns_per_tick);
	return 0;
}

int
vine_bench_run_read_bare(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	return run(rig, bench, result, run_bare);
}

int
vine_bench_run_io_read(struct vine_bench_rig *rig,
		       const struct vine_bench *bench,
		       struct vine_bench_result *result)
{
	return run(rig, bench, result, run_tasks);
}

int
vine_bench_run_read_fio(struct vine_bench_rig *rig,
			const struct vine_bench *bench,
			struct vine_bench_result *result)
{
	return run(rig, bench, result, run_fio);
}
