/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleep: what waking up costs, and what an idle appliance costs.
 *
 * Between two round trips the client sleeps, so that the other side does too;
 * the bare futex beside it does the same, because a cpu that has been idle
 * wakes more slowly than one that was busy a microsecond ago. Who slept is
 * taken from the kernel's counts of voluntary switches and written into the
 * note: a client that is still spinning when its answer arrives was not woken.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_proc.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define END UINT32_MAX
#define IDLE_SETTLE_MS 1500	/* until the bounded sleeps have grown */

struct bell_side {
	struct vine_bench_bells *bells;
	uint32_t last;
};

static void
serve_futex(void *memory, uint64_t arg)
{
	struct vine_bench_bells *bells = memory;
	uint32_t last = 0;

	(void)arg;
	for (;;) {
		last = vine_bench_bell_await(&bells->request, last);
		if (last == END)
			return;
		vine_bench_bell_ring(&bells->answer, last);
	}
}

static int
futex_op(void *arg)
{
	struct bell_side *side = arg;

	vine_bench_bell_ring(&side->bells->request, side->last + 1);
	side->last = vine_bench_bell_await(&side->bells->answer, side->last);
	return 0;
}

int
vine_bench_run_futex(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct bell_side side = { .last = 0 };
	int rc, slept = 0;

	side.bells = vine_bench_pair_start(rig->pair, sizeof(*side.bells),
					   serve_futex, 0);
	if (bench->a) {
		rc = vine_bench_paused(bench->a, futex_op, &side, result,
				       &slept);
		snprintf(result->note, sizeof(result->note),
			 "client slept in %d of %d", slept, VINE_BENCH_PAUSES);
	} else {
		rc = vine_bench_timer_each(&rig->timer, futex_op, &side,
					   result);
		vine_bench_by_median(result);
	}
	vine_bench_bell_ring(&side.bells->request, END);
	vine_bench_pair_join(rig->pair);
	return rc;
}

static int
empty_op(void *arg)
{
	const struct vine_task_opts *opts = arg;
	vine_task *task;
	int rc = vine_task_issue_opts(opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	if (!rc)
		rc = vine_bench_outcome(task, NULL);
	vine_task_free(task);
	return rc;
}

int
vine_bench_run_sleep(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = rig->appliance->accel,
		.proc = rig->appliance->noop,
	};
	const pid_t pid = rig->appliance->pid;
	uint64_t before = vine_bench_proc_switches(pid);
	int slept = 0, rc;

	rc = vine_bench_paused(bench->a, empty_op, &opts, result, &slept);
	snprintf(result->note, sizeof(result->note), "client slept in %d of "
		 "%d, vined switched %llu times", slept, VINE_BENCH_PAUSES,
		 (unsigned long long)(vine_bench_proc_switches(pid) - before));
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

int
vine_bench_run_idle(struct vine_bench_rig *rig, const struct vine_bench *bench,
		    struct vine_bench_result *result)
{
	const unsigned int s = rig->opts->idle_s;
	const pid_t pid = rig->appliance->pid;
	struct timespec before, after;
	long ticks[2];
	clockid_t clock;
	int rc = clock_getcpuclockid(pid, &clock);

	vine_bench_nap(IDLE_SETTLE_MS);
	ticks[0] = vine_bench_proc_ticks(pid);
	if (!rc && clock_gettime(clock, &before) < 0)
		rc = errno;
	vine_bench_nap((uint64_t)s * 1000);
	if (!rc && clock_gettime(clock, &after) < 0)
		rc = errno;
	ticks[1] = vine_bench_proc_ticks(pid);
	if (rc) {
		log_error("%s: no cpu clock of vined: %s", bench->name,
			  strerror(rc));
		return -rc;
	}
	result->value = ((double)(after.tv_sec - before.tv_sec) * 1e3 +
			 (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
			(double)s;
	result->mean = result->value;
	snprintf(result->note, sizeof(result->note), "over %u s; /proc showed "
		 "%ld ticks of %ld ms", s, ticks[1] - ticks[0],
		 1000 / sysconf(_SC_CLK_TCK));
	return 0;
}
