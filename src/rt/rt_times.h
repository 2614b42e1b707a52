/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times: for how long the tasks of a scheduler run, wait for their turn once
 * they are ready, and are blocked.
 *
 * A scheduler times a turn of some task every VINE_RT_SAMPLE_US, at its own
 * turns, so that a switch costs nothing for it: of a task that is timed the end
 * of its turn is seen, then when it is woken, then when its next turn comes.
 * Where turns are longer than that nearly all are timed. rt_times_all times
 * every one, which makes the scheduler slower.
 */
#ifndef RT_TIMES_H
#define RT_TIMES_H

#include <stdint.h>

#include "core/vine_limits.h"

struct rt_sched;
struct rt_times;

/* What was counted of a kind of time, ns. */
struct rt_times_of {
	uint64_t count;
	uint64_t mean;
	uint64_t p50;
	uint64_t p99;
	uint64_t p999;
	uint64_t max;
};

/* The same of tasks of a name, without percentiles. */
struct rt_times_sum {
	uint64_t count;
	uint64_t total;		/* ns */
	uint64_t max;
};

struct rt_times_name {
	char name[VINE_RT_NAME];
	struct rt_times_sum run;
	struct rt_times_sum wait;
	struct rt_times_sum blocked;
};

/* All of it, since the scheduler was made or rt_times_all was called. */
struct rt_times_report {
	struct rt_times_of run;
	struct rt_times_of wait;
	struct rt_times_of blocked;
	uint32_t names;		/* the last is "others" where there are more */
	struct rt_times_name by_name[VINE_RT_TIMED_NAMES];
};

/* rt_times_new and rt_times_free are for the scheduler. 0 or -ENOMEM. */
int rt_times_new(struct rt_sched *sched, struct rt_times **times);
void rt_times_free(struct rt_times *times);

/*
 * rt_times_all has every turn timed, or, with 0, some. What was counted is
 * forgotten. The scheduler's thread.
 */
void rt_times_all(struct rt_sched *sched, int all);

/*
 * rt_times_read reports what was counted. The scheduler's thread; rt_dump.h has
 * it for others.
 */
void rt_times_read(const struct rt_sched *sched,
		   struct rt_times_report *report);

#endif
