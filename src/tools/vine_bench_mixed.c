/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mixed: one side is busy and the other one sleeps.
 *
 * A client that polls issues to vined asleep: the round trip has one wake-up in
 * it. A client sleeps until a busy appliance has carried out a long task: what
 * counts is the time from the task's completion, which is stamped, until the
 * client goes on. Beside each a bare futex does the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define END UINT32_MAX

struct side {
	struct vine_bench_bells *bells;
	uint32_t last;
};

/* serve_asleep sleeps for a request, and answers one that polls. */
static void
serve_asleep(void *memory, uint64_t arg)
{
	struct vine_bench_bells *bells = memory;
	uint32_t last = 0;

	(void)arg;
	while ((last = vine_bench_bell_await(&bells->request, last)) != END)
		atomic_store_explicit(&bells->answer, last,
				      memory_order_release);
}

static int
polled_op(void *arg)
{
	struct side *side = arg;

	vine_bench_bell_ring(&side->bells->request, ++side->last);
	while (atomic_load_explicit(&side->bells->answer,
				    memory_order_acquire) != side->last)
		;
	return 0;
}

int
vine_bench_run_futex_server(struct vine_bench_rig *rig,
			    const struct vine_bench *bench,
			    struct vine_bench_result *result)
{
	struct side side = { .last = 0 };
	int rc, slept;

	side.bells = vine_bench_pair_start(rig->pair, sizeof(*side.bells),
					   serve_asleep, 0);
	rc = vine_bench_paused(bench->a, polled_op, &side, result, &slept);
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
vine_bench_run_sleep_vined(struct vine_bench_rig *rig,
			   const struct vine_bench *bench,
			   struct vine_bench_result *result)
{
	struct vine_session *session;
	struct vine_task_opts opts;
	int slept = 0, rc;

	rc = vine_bench_appliance_attach(rig->appliance, VINE_WAIT_SPIN, "noop",
					 &session, &opts);
	if (rc)
		return rc;
	rc = vine_bench_paused(bench->a, empty_op, &opts, result, &slept);
	vine_session_close(session);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

/* serve_late polls for a request, keeps it for a while, then wakes. */
static void
serve_late(void *memory, uint64_t ms)
{
	struct vine_bench_bells *bells = memory;
	uint64_t end;
	uint32_t last = 0, now;

	for (;;) {
		while ((now = atomic_load_explicit(&bells->request,
						   memory_order_acquire)) ==
		       last)
			;
		last = now;
		if (last == END)
			return;
		end = vine_bench_now() + utils_clock_from_ns(ms * 1000000);
		while (vine_bench_now() < end)
			;
		atomic_store_explicit(&bells->tick, vine_bench_now(),
				      memory_order_relaxed);
		vine_bench_bell_ring(&bells->answer, last);
	}
}

int
vine_bench_run_futex_client(struct vine_bench_rig *rig,
			    const struct vine_bench *bench,
			    struct vine_bench_result *result)
{
	struct vine_bench_bells *bells =
		vine_bench_pair_start(rig->pair, sizeof(*bells), serve_late,
				      bench->a);
	uint32_t i;
	uint64_t now;

	for (i = 1; i <= VINE_BENCH_PAUSES; i++) {
		atomic_store_explicit(&bells->request, i, memory_order_release);
		vine_bench_bell_await(&bells->answer, i - 1);
		now = vine_bench_now();
		now -= atomic_load_explicit(&bells->tick, memory_order_relaxed);
		utils_hist_record(&result->hist, utils_clock_span_ns(now));
	}
	result->has_hist = 1;
	vine_bench_by_median(result);
	atomic_store_explicit(&bells->request, END, memory_order_release);
	vine_bench_pair_join(rig->pair);
	return 0;
}

/* late_task writes the ns from a long task's completion until now. */
static int
late_task(const struct vine_task_opts *opts, uint64_t *ns)
{
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;
	uint64_t now;
	int rc = vine_task_issue_opts(opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	now = utils_clock_to_ns(vine_bench_now());
	if (!rc)
		rc = vine_bench_outcome(task, NULL);
	if (!rc)
		rc = vine_task_result(task, &r);
	vine_task_free(task);
	*ns = now > r.complete_ns ? now - r.complete_ns : 0;
	return rc;
}

int
vine_bench_run_sleep_client(struct vine_bench_rig *rig,
			    const struct vine_bench *bench,
			    struct vine_bench_result *result)
{
	struct vine_session *session;
	struct vine_task_opts opts;
	uint64_t ns = 0;
	int i, rc;

	rc = vine_bench_appliance_attach(rig->appliance, VINE_WAIT_LADDER,
					 "late", &session, &opts);
	if (rc)
		return rc;
	for (i = 0; i < VINE_BENCH_PAUSES && !rc; i++) {
		rc = late_task(&opts, &ns);
		utils_hist_record(&result->hist, ns);
	}
	result->has_hist = 1;
	vine_bench_by_median(result);
	vine_session_close(session);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
