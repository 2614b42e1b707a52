/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks and leaves early takes its block out. Who closes does not leave:
 * what the operation points to is its own until done.
 */
#include <errno.h>

#include "rt/rt_inflow.h"

int
rt_inflow_may(const struct rt_inflow *in)
{
	int rc = rt_task_check();

	return rc == 0 && (in->block || in->woken) ? -EBUSY : rc;
}

static int
leave(struct rt_block *block, int why)
{
	struct rt_inflow *in = (struct rt_inflow *)(uintptr_t)block->object;

	(void)why;
	in->block = NULL;
	return 0;
}

int
rt_inflow_await(struct rt_inflow *in, const char *what, uint64_t deadline)
{
	struct rt_block block = { .what = what, .object = in, .undo = leave };
	int rc;

	in->block = &block;
	rc = rt_task_block(&block, deadline);
	if (rc == 0)		/* else it was not woken; another may be */
		in->woken = 0;
	return rc;
}

/* The wake is that of done. */
static int
stay(struct rt_block *block, int why)
{
	(void)block;
	(void)why;
	return -EBUSY;
}

void
rt_inflow_close(struct rt_inflow *in, const char *what)
{
	struct rt_block block = { .what = what, .object = in, .undo = stay };

	in->closing = 1;
	if (!rt_inflow_is_under_way(in))
		return;
	in->block = &block;
	rt_wait_cancel(in->wait, &in->op);
	rt_task_block(&block, RT_NEVER);
	in->woken = 0;
}
