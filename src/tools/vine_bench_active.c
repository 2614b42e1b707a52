/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Active: many queues that all have tasks waiting, and who of them is served.
 *
 * While the appliance stands, each queue's thread fills it; then the appliance
 * goes on, and the stamps of the tasks say in which order, and how fast, it
 * carried them out. What it costs the appliance is therefore measured without
 * the client taking part. What each queue got is counted up to the moment when
 * the first one ran dry: until then all of them had tasks waiting, so a fair
 * appliance has served them alike. Jain's index of n such counts is 1 where
 * they are equal, and 1 / n where one got all.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_crowd.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

/* Tasks of a queue: below the slots of a ring, so that nobody has to wait for
 * room, and several visits of the appliance. */
#define BACKLOG 120u
#define ROUNDS_MIN 3
#define ROUNDS_MAX 64

struct load {
	uint64_t queues;
	vine_task **task;	/* BACKLOG of each queue */
	uint64_t *complete;	/* when, in ns; the same places */
	uint64_t *got;		/* of each queue, over all rounds */
	uint64_t first;		/* task taken in this round, ns */
	double cost[ROUNDS_MAX];
	size_t rounds;
};

static void
load_free(struct load *load)
{
	free(load->task);
	free(load->complete);
	free(load->got);
}

static int
load_init(struct load *load, uint64_t queues)
{
	memset(load, 0, sizeof(*load));
	load->queues = queues;
	load->task = calloc(queues * BACKLOG, sizeof(*load->task));
	load->complete = calloc(queues * BACKLOG, sizeof(*load->complete));
	load->got = calloc(queues, sizeof(*load->got));
	if (load->task && load->complete && load->got)
		return 0;
	load_free(load);
	return -ENOMEM;
}

static int
fill(void *arg, uint64_t index, const struct vine_task_opts *opts)
{
	struct load *load = arg;
	int i, rc = 0;

	for (i = 0; i < (int)BACKLOG && !rc; i++)
		rc = vine_task_issue_opts(opts,
					  &load->task[index * BACKLOG + i]);
	return rc;
}

/* collect waits for a queue's tasks and notes when each one completed. */
static int
collect(void *arg, uint64_t index, const struct vine_task_opts *opts)
{
	struct vine_task_result r = { .size = sizeof(r) };
	struct load *load = arg;
	uint64_t i;
	int rc;

	(void)opts;
	for (i = index * BACKLOG; i < (index + 1) * BACKLOG; i++) {
		rc = vine_task_wait_for(load->task[i], VINE_BENCH_WAIT_NS);
		if (!rc)
			rc = vine_task_result(load->task[i], &r);
		if (!rc && r.status != VINE_STATUS_OK)
			rc = -EIO;
		vine_task_free(load->task[i]);
		load->task[i] = NULL;
		if (rc)
			return rc;
		load->complete[i] = r.complete_ns;
		if (r.take_ns < load->first)
			load->first = r.take_ns;
	}
	return 0;
}

/* last_of returns when a queue's last task completed. */
static uint64_t
last_of(const struct load *load, uint64_t index)
{
	uint64_t i, last = 0;

	for (i = index * BACKLOG; i < (index + 1) * BACKLOG; i++)
		if (load->complete[i] > last)
			last = load->complete[i];
	return last;
}

/* judge adds a round's cost, and what each queue got while none was dry. */
static void
judge(struct load *load)
{
	uint64_t i, last, end = 0, dry = UINT64_MAX;

	for (i = 0; i < load->queues; i++) {
		last = last_of(load, i);
		end = last > end ? last : end;
		dry = last < dry ? last : dry;
	}
	for (i = 0; i < load->queues * BACKLOG; i++)
		load->got[i / BACKLOG] += load->complete[i] <= dry;
	load->cost[load->rounds++] = (double)(end - load->first) /
		(double)(load->queues * BACKLOG);
}

static int
one_round(struct vine_bench_rig *rig, struct vine_bench_crowd *crowd,
	  struct load *load)
{
	int rc;

	load->first = UINT64_MAX;
	vine_bench_appliance_pause(rig->appliance);
	rc = vine_bench_crowd_round(crowd, fill, load);
	vine_bench_appliance_resume(rig->appliance);
	if (!rc)
		rc = vine_bench_crowd_round(crowd, collect, load);
	if (!rc)
		judge(load);
	return rc;
}

static double
jain(const uint64_t *got, uint64_t n)
{
	double sum = 0, squares = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		sum += (double)got[i];
		squares += (double)got[i] * (double)got[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : NAN;
}

/* backlog runs rounds with that many queues, and writes the cost of a task. */
static int
backlog(struct vine_bench_rig *rig, uint64_t queues, double *cost,
	double *fairness)
{
	struct vine_bench_crowd *crowd;
	struct load load;
	uint64_t end;
	int rc = load_init(&load, queues);

	if (rc)
		return rc;
	rc = vine_bench_crowd_sessions(rig, queues, &crowd);
	if (rc)
		goto free_load;
	rc = vine_bench_crowd_gather(crowd);
	end = vine_bench_now() + rig->timer.run;
	while (!rc && load.rounds < ROUNDS_MAX &&
	       (load.rounds < ROUNDS_MIN || vine_bench_now() < end))
		rc = one_round(rig, crowd, &load);
	vine_bench_crowd_free(crowd);
	if (!rc) {
		*fairness = jain(load.got, queues);
		*cost = vine_bench_median(load.cost, load.rounds);
	}
free_load:
	load_free(&load);
	return rc;
}

int
vine_bench_run_active(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	double fairness;
	int rc = 0;

	if (bench->limit)
		rc = backlog(rig, 1, &result->limit_value, &fairness);
	if (!rc)
		rc = backlog(rig, bench->a, &result->value, &fairness);
	if (rc) {
		if (rc != -EOPNOTSUPP)
			log_error("%s: %s", bench->name, strerror(-rc));
		return rc;
	}
	result->mean = result->value;
	vine_bench_part_add(result, "Jain's index of what each queue got", "",
			    fairness);
	vine_bench_part_add(result, "tasks a second", "M/s",
			    1e3 / result->value);
	return 0;
}
