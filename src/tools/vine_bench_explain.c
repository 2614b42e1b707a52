/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explain: what a round trip consists of.
 *
 * A task carries stamps of both sides, and the two read one counter. Together
 * with reads around the client's calls they cut the round trip into parts that
 * add up to it. Means would be those of the worst moments, and medians of parts
 * would not add up: so the round trips are put in order by their length, and
 * the parts are the means over the fifth in the middle.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vine_bench_costs.h"
#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define SAMPLES_MAX 65536
#define ALONE 100		/* tasks, fewer than a ring has slots */
#define ALONE_ROUNDS 20
#define DRAIN_MS 5		/* for the appliance to carry them out */

/* Where a round trip is cut. AT_ISSUED is in no part: the task is under way. */
enum at { AT_CALL, AT_ISSUE, AT_TAKE, AT_COMPLETE, AT_WAITED, AT_FREED,
	  AT_ISSUED, ATS };

static const char *const polling_names[] = {
	"called, until the stamp of the issue",
	"... until it is taken: a line goes",
	"... completed: checks, dispatch, noop",
	"... waited for: a line comes back",
	"... freed",
};

static const char *const sleeping_names[] = {
	"called, until the stamp of the issue",
	"... until taken: a bell, vined wakes",
	"... completed: checks, dispatch, noop",
	"... waited for: a bell, client wakes",
	"... freed",
};

/* The ns of one round trip, from AT_CALL on. */
struct sample {
	double at[ATS];
};

static int
compare_samples(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->at[AT_FREED];
	double y = ((const struct sample *)b)->at[AT_FREED];

	return x < y ? -1 : x > y;
}

/* since converts a stamp to ns after the call; both are CLOCK_MONOTONIC. */
static double
since(uint64_t ns, uint64_t call_ns)
{
	return (double)(int64_t)(ns - call_ns);
}

/* one_trip carries out one task and fills in where its time went. */
static int
one_trip(const struct vine_bench_rig *rig, const struct vine_task_opts *opts,
	 struct sample *sample)
{
	struct vine_task_result r = { .size = sizeof(r) };
	const double scale = rig->timer.ns_per_tick;
	uint64_t call, issued, waited, looked, freed, base;
	vine_task *task;
	int rc;

	call = vine_bench_now();
	rc = vine_task_issue_opts(opts, &task);
	issued = vine_bench_now();
	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	waited = vine_bench_now();
	if (!rc)
		rc = vine_task_result(task, &r);
	looked = vine_bench_now();
	vine_task_free(task);
	freed = vine_bench_now();
	if (!rc && r.status != VINE_STATUS_OK)
		rc = -EIO;
	base = utils_clock_to_ns(call);
	sample->at[AT_CALL] = 0;
	sample->at[AT_ISSUE] = since(r.issue_ns, base);
	sample->at[AT_TAKE] = since(r.take_ns, base);
	sample->at[AT_COMPLETE] = since(r.complete_ns, base);
	sample->at[AT_WAITED] = (double)(waited - call) * scale;
	/* the look at the result is left out */
	sample->at[AT_FREED] = sample->at[AT_WAITED] +
			       (double)(freed - looked) * scale;
	sample->at[AT_ISSUED] = (double)(issued - call) * scale;
	return rc;
}

/* middle writes the means over the samples of middle length. */
static void
middle(struct sample *sample, size_t n, struct sample *mean)
{
	size_t i, from = n * 2 / 5, to = n * 3 / 5 + 1;
	int at;

	qsort(sample, n, sizeof(*sample), compare_samples);
	memset(mean, 0, sizeof(*mean));
	for (i = from; i < to && i < n; i++)
		for (at = 0; at < ATS; at++)
			mean->at[at] += sample[i].at[at];
	for (at = 0; at < ATS; at++)
		mean->at[at] /= (double)(i - from);
}

static int
trips(const struct vine_bench_rig *rig, const struct vine_task_opts *opts,
      uint64_t pause_ms, struct sample *mean)
{
	struct sample *sample = calloc(SAMPLES_MAX, sizeof(*sample));
	const size_t want = pause_ms ? VINE_BENCH_PAUSES : SAMPLES_MAX;
	uint64_t end;
	size_t n = 0;
	int rc = 0;

	if (!sample)
		return -ENOMEM;
	end = vine_bench_now() + rig->timer.run;
	while (!rc && n < want && (pause_ms || !n || vine_bench_now() < end)) {
		if (pause_ms)
			vine_bench_nap(pause_ms);
		rc = one_trip(rig, opts, &sample[n]);
		n += !rc;
	}
	if (!rc)
		middle(sample, n, mean);
	free(sample);
	return rc;
}

/* What the client's calls cost where nothing comes from the other side. */
struct alone {
	double issue, finish;		/* ns a task */
	double issue_n, finish_n;	/* instructions a task; NAN: unknown */
};

/*
 * alone_round issues tasks while the appliance stands, and waits for them when
 * all have been carried out: the client never looks in vain.
 */
static int
alone_round(struct vine_bench_rig *rig, const struct vine_task_opts *opts,
	    int counter, struct alone *a)
{
	const double scale = rig->timer.ns_per_tick / ALONE;
	uint64_t tick[4], count[4] = { 0 };
	vine_task *task[ALONE];
	int i, n, rc = 0, failed = 0;

	vine_bench_appliance_pause(rig->appliance);
	count[0] = vine_bench_instructions_read(counter);
	tick[0] = vine_bench_now();
	for (n = 0; n < ALONE && !rc; n += !rc)
		rc = vine_task_issue_opts(opts, &task[n]);
	tick[1] = vine_bench_now();
	count[1] = vine_bench_instructions_read(counter);
	vine_bench_appliance_resume(rig->appliance);
	vine_bench_nap(DRAIN_MS);
	count[2] = vine_bench_instructions_read(counter);
	tick[2] = vine_bench_now();
	for (i = 0; i < n; i++) {
		failed |= vine_task_wait_for(task[i], VINE_BENCH_WAIT_NS);
		vine_task_free(task[i]);
	}
	tick[3] = vine_bench_now();
	count[3] = vine_bench_instructions_read(counter);
	a->issue = (double)(tick[1] - tick[0]) * scale;
	a->finish = (double)(tick[3] - tick[2]) * scale;
	a->issue_n = (double)(count[1] - count[0]) / ALONE;
	a->finish_n = (double)(count[3] - count[2]) / ALONE;
	return rc ? rc : failed;
}

static int
alone_rounds(struct vine_bench_rig *rig, const struct vine_task_opts *opts,
	     struct alone *median)
{
	double value[4][ALONE_ROUNDS];
	int i, rc = 0, counter = vine_bench_instructions_open();
	struct alone a;

	for (i = 0; i < ALONE_ROUNDS && !rc; i++) {
		rc = alone_round(rig, opts, counter, &a);
		value[0][i] = a.issue;
		value[1][i] = a.finish;
		value[2][i] = a.issue_n;
		value[3][i] = a.finish_n;
	}
	if (counter >= 0)
		close(counter);
	if (rc)
		return rc;
	median->issue = vine_bench_median(value[0], ALONE_ROUNDS);
	median->finish = vine_bench_median(value[1], ALONE_ROUNDS);
	median->issue_n = counter < 0 ? NAN :
		vine_bench_median(value[2], ALONE_ROUNDS);
	median->finish_n = counter < 0 ? NAN :
		vine_bench_median(value[3], ALONE_ROUNDS);
	return 0;
}

static void
add_chain(const struct sample *mean, const char *const *names,
	  struct vine_bench_result *result)
{
	int at;

	for (at = AT_ISSUE; at <= AT_FREED; at++)
		vine_bench_part_add(result, names[at - 1], "ns",
				    mean->at[at] - mean->at[at - 1]);
	vine_bench_part_add(result, "beside: issue called until it returned",
			    "ns", mean->at[AT_ISSUED]);
	result->value = result->mean = mean->at[AT_FREED];
}

/* What stands beside a polling round trip. */
static int
add_polling(struct vine_bench_rig *rig, const struct vine_task_opts *opts,
	    struct vine_bench_result *result)
{
	struct alone a;
	int rc = alone_rounds(rig, opts, &a);

	if (rc)
		return rc;
	vine_bench_part_add(result, "beside: a read of the clock", "ns",
			    vine_bench_cost_clock(rig));
	vine_bench_part_add(result, "beside: issue alone, vined stands", "ns",
			    a.issue);
	vine_bench_part_add(result, "beside: wait and free, all completed",
			    "ns", a.finish);
	vine_bench_part_add(result, "beside: issue alone", "instructions",
			    a.issue_n);
	vine_bench_part_add(result, "beside: wait and free", "instructions",
			    a.finish_n);
	return 0;
}

/* What stands beside one where both sides sleep. */
static void
add_sleeping(struct vine_bench_rig *rig, struct vine_bench_result *result)
{
	vine_bench_part_add(result, "beside: a system call", "ns",
			    vine_bench_cost_call(rig));
	vine_bench_part_add(result, "beside: a futex wake, nobody sleeps",
			    "ns", vine_bench_cost_wake(rig));
	vine_bench_part_add(result, "beside: a barrier of all processes", "ns",
			    vine_bench_cost_barrier(rig));
	vine_bench_part_add(result, "beside: wake, wait, switch on one cpu",
			    "ns", vine_bench_cost_switch(rig));
}

int
vine_bench_run_explain(struct vine_bench_rig *rig,
		       const struct vine_bench *bench,
		       struct vine_bench_result *result)
{
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = rig->appliance->accel,
		.proc = rig->appliance->noop,
	};
	struct sample mean;
	int rc = trips(rig, &opts, bench->a, &mean);

	if (!rc)
		add_chain(&mean, bench->a ? sleeping_names : polling_names,
			  result);
	if (!rc && !bench->a)
		rc = add_polling(rig, &opts, result);
	if (!rc && bench->a)
		add_sleeping(rig, result);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
