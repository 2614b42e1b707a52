/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflow: an operation that goes on (multishot), what it brings ahead of who
 * asks, and the one task that asks. What is ahead is kept by whose inflow it
 * is: a feed (rt_feed.h) or an intake (rt_intake.h).
 *
 * All of it is the scheduler's thread's.
 */
#ifndef RT_INFLOW_H
#define RT_INFLOW_H

#include "rt/rt_op.h"
#include "rt/rt_task.h"
#include "rt/rt_wait.h"

/* Zero it, set op and wait. The first of what it is a part of. */
struct rt_inflow {
	struct rt_op op;
	struct rt_wait *wait;
	struct rt_block *block;	/* of the task that waits; NULL: none */
	int woken;		/* it was, and has not had its turn yet */
	int closing;		/* nobody asks any more */
};

/* rt_inflow_begin has the operation begin, again: as rt_wait_submit. */
static inline int
rt_inflow_begin(struct rt_inflow *in)
{
	return rt_wait_submit(in->wait, &in->op);
}

/* rt_inflow_is_under_way tells whether it has begun, and is not done. */
static inline int
rt_inflow_is_under_way(const struct rt_inflow *in)
{
	return in->op.state != RT_OP_IDLE;
}

/* rt_inflow_wake has the task that waits go on, if one does. */
static inline void
rt_inflow_wake(struct rt_inflow *in)
{
	struct rt_block *block = in->block;

	if (block == NULL)
		return;
	in->block = NULL;
	in->woken = 1;
	rt_task_wake(block, 0);
}

/* rt_inflow_came: something is ahead. While it is closed that wakes nobody. */
static inline void
rt_inflow_came(struct rt_inflow *in)
{
	if (!in->closing)
		rt_inflow_wake(in);
}

/*
 * rt_inflow_may tells whether the current task may ask: 0, or -EBUSY where
 * another waits, or was woken for what is ahead and has not had its turn; or an
 * error of rt_task_check.
 */
int rt_inflow_may(const struct rt_inflow *in);

/*
 * rt_inflow_await blocks the current task, which may ask, until rt_inflow_wake.
 * `what` says for what, in dumps. Returns 0, -ETIMEDOUT or -ECANCELED.
 */
int rt_inflow_await(struct rt_inflow *in, const char *what, uint64_t deadline);

/*
 * rt_inflow_close ends the operation. It blocks the current task until its done
 * has called rt_inflow_wake, whether the task is cancelled or not. No other
 * waits.
 */
void rt_inflow_close(struct rt_inflow *in, const char *what);

#endif
