/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside: a wait, as its parts know it. For rt_wait*.c.
 *
 * Those are the wait itself, with the sleep (rt_wait.c), the watches
 * (rt_wait_watch.c) and the ops that are under way (rt_wait_op.c).
 */
#ifndef RT_WAIT_INSIDE_H
#define RT_WAIT_INSIDE_H

#include <stdatomic.h>

#include "rt/rt_engine.h"
#include "rt/rt_helpers.h"
#include "rt/rt_rest.h"
#include "rt/rt_wait.h"

struct rt_wait {
	const struct rt_engine_ops *ops;
	void *state;		/* the engine's; NULL until it is needed */
	struct rt_host *host;
	const uint64_t *clock;	/* NULL: CLOCK_MONOTONIC */
	int fixed;		/* no other engine will do */
	struct rt_timers timers;
	struct rt_fds fds;
	uint32_t armed;		/* watches */
	uint32_t under_way;	/* ops, but for those that are finished */
	uint32_t helped;	/* of them, with the helpers */
	uint32_t calls;		/* made in this sleep */
	struct rt_rest rest;
	struct rt_helpers *helpers;	/* NULL until the first is needed */
	struct utils_list finished;
	le32_t poke;		/* rung by rt_wait_wake */
	uint32_t poked;		/* what it was after the last sleep */
	_Atomic int wake_fd;	/* to be rung too; -1: none */
};

/* --- rt_wait.c --- */

/*
 * rt_wait_open_engine makes what descriptors need, if it is not there: 0 or an
 * error of the engine.
 */
int rt_wait_open_engine(struct rt_wait *wait);

/* --- rt_wait_op.c --- */

/* rt_wait_ops_init begins without ops. The rest of the wait is there. */
void rt_wait_ops_init(struct rt_wait *wait);

/*
 * rt_wait_call_done calls done of all ops that are finished by now, and counts
 * the calls. What these finish is for the next sleep.
 */
void rt_wait_call_done(struct rt_wait *wait);

#endif
