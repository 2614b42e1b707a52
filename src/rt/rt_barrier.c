/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who have come are the waiters; the last one never waits.
 */
#include "rt/rt_barrier.h"
#include "rt/rt_waiter.h"

void
rt_barrier_init(struct rt_barrier *b, uint32_t size)
{
	b->name = NULL;
	b->size = size;
	b->here = 0;
	b->closed = 0;
	utils_list_init(&b->waiters);
}

static int
undo(struct rt_block *block, int why)
{
	((struct rt_barrier *)(uintptr_t)block->object)->here--;
	return rt_waiter_undo(block, why);
}

int
rt_barrier_wait(struct rt_barrier *b, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("barrier", NAMED, b, undo);
	int rc = rt_task_check();

	if (rc)
		return rc;
	if (b->closed)
		return -EPIPE;
	if (b->here + 1 >= b->size) {
		b->here = 0;
		rt_waiter_wake_all(&b->waiters, 0);
		return 1;
	}
	b->here++;
	return rt_waiter_sleep(&b->waiters, &w, deadline);
}

void
rt_barrier_close(struct rt_barrier *b)
{
	b->closed = 1;
	b->here = 0;
	rt_waiter_wake_all(&b->waiters, -EPIPE);
}
