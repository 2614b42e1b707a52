/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: what idle queues cost the one that is active, and what memory they
 * take. The client's own session is no part of the crowd, and the crowd's
 * queues are gone when it is freed; so its round trip is measured alone, beside
 * them, and alone again, all in one repetition.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/vine_bench_counters.h"
#include "tools/vine_bench_crowd.h"
#include "tools/vine_bench_proc.h"
#include "tools/vine_bench_rates.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

/* The appliance's active set must have forgotten the queues: far more than the
 * looks that it gives an idle one. */
#define SETTLE_NS 200000000

static void
settle(void)
{
	const struct timespec t = { 0, SETTLE_NS };

	nanosleep(&t, NULL);
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
	vine_task_free(task);
	return rc;
}

/* round_trip measures the client's own queue, after a moment of rest. */
static int
round_trip(struct vine_bench_rig *rig, struct vine_bench_result *result)
{
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = rig->appliance->accel,
		.proc = rig->appliance->noop,
	};
	int rc;

	settle();
	rc = vine_bench_timer_chunks(&rig->timer, VINE_BENCH_BATCH, empty_op,
				     &opts);
	if (!rc)
		vine_bench_timer_ns(&rig->timer, VINE_BENCH_BATCH, result);
	return rc;
}

/* beside measures it while that many queues are there. */
static int
beside(struct vine_bench_rig *rig, uint64_t queues,
       struct vine_bench_result *result)
{
	struct vine_bench_crowd *crowd;
	int rc = vine_bench_crowd_sessions(rig, queues, &crowd);

	if (rc)
		return rc;
	rc = vine_bench_crowd_gather(crowd);
	if (!rc)
		rc = round_trip(rig, result);
	vine_bench_crowd_free(crowd);
	return rc;
}

int
vine_bench_run_queues(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	struct vine_bench_result alone[2] = { { .value = 0 } };
	int rc = round_trip(rig, &alone[0]);

	if (!rc)
		rc = beside(rig, bench->a, result);
	if (!rc)
		rc = round_trip(rig, &alone[1]);
	if (rc) {
		if (rc != -EOPNOTSUPP)
			log_error("%s: %s", bench->name, strerror(-rc));
		return rc;
	}
	result->limit_value = (alone[0].value + alone[1].value) / 2;
	snprintf(result->note, sizeof(result->note), "alone before %.1f ns, "
		 "after %.1f ns", alone[0].value, alone[1].value);
	return 0;
}

/* What an appliance and its segment hold at a moment. */
struct held {
	struct vine_bench_counters segment;
	uint64_t anon;		/* the process's own memory */
	uint64_t tables;	/* the kernel's page tables for it */
};

static void
look(const struct vine_bench_appliance *app, struct held *held)
{
	settle();
	vine_bench_counters_read(app->session, &held->segment);
	held->anon = vine_bench_proc_bytes(app->pid, "RssAnon");
	held->tables = vine_bench_proc_bytes(app->pid, "VmPTE");
}

/* grow fills in what there is before and after a crowd has got its queues. */
static int
grow(struct vine_bench_rig *rig, uint64_t queues, struct held held[2])
{
	struct vine_bench_crowd *crowd;
	int rc = vine_bench_crowd_sessions(rig, queues, &crowd);

	if (rc)
		return rc;
	look(rig->appliance, &held[0]);
	rc = vine_bench_crowd_gather(crowd);
	if (!rc)
		look(rig->appliance, &held[1]);
	vine_bench_crowd_free(crowd);
	return rc;
}

/*
 * The appliance is a fresh one: memory that an earlier crowd has left would be
 * used again, and the queues would seem to need none.
 */
int
vine_bench_run_memory(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	struct vine_bench_appliance *app = rig->appliance;
	const enum vine_bench_need kind = app->kind;
	struct held held[2];
	uint64_t n;
	int rc;

	vine_bench_appliance_end(app);
	rc = vine_bench_appliance_want(app, kind);
	if (rc)
		return rc;
	vine_bench_appliance_resume(app);
	rc = grow(rig, bench->a, held);
	if (rc)
		return rc;
	n = held[1].segment.queues - held[0].segment.queues;
	if (n != bench->a) {
		log_error("%s: %llu queues came, not %llu", bench->name,
			  (unsigned long long)n, (unsigned long long)bench->a);
		return -EPROTO;
	}
	result->limit_value = (double)bench->b;
	if (bench->b == VINE_BENCH_QUEUE_SEGMENT)
		result->value = (double)(held[1].segment.queue_bytes -
					 held[0].segment.queue_bytes) /
				(double)n +
				(double)held[0].segment.entry_bytes;
	else
		result->value = (double)(held[1].anon - held[0].anon) /
				(double)n;
	result->mean = result->value;
	snprintf(result->note, sizeof(result->note), "over %llu queues; page "
		 "tables of vined: %.1f bytes a queue", (unsigned long long)n,
		 (double)(held[1].tables - held[0].tables) / (double)n);
	return 0;
}
