/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of waiters.
 */
#include "rt/rt_inside.h"
#include "rt/rt_rendez.h"
#include "rt/rt_waiter.h"

void
rt_rendez_init(struct rt_rendez *r)
{
	r->name = NULL;
	utils_list_init(&r->waiters);
	r->closed = 0;
}

int
rt_rendez_sleep(struct rt_rendez *r, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("rendez", NAMED, r,
				       rt_waiter_undo);

	if (rt_task_self())
		rt_task_stand(rt_task_self());
	if (r->closed)
		return -EPIPE;
	return rt_waiter_sleep(&r->waiters, &w, deadline);
}

uint32_t
rt_rendez_wake(struct rt_rendez *r)
{
	struct rt_waiter *w = rt_waiter_first(&r->waiters);

	if (w == NULL)
		return 0;
	rt_waiter_wake(w, 0);
	return 1;
}

uint32_t
rt_rendez_wake_all(struct rt_rendez *r)
{
	return rt_waiter_wake_all(&r->waiters, 0);
}

void
rt_rendez_close(struct rt_rendez *r)
{
	r->closed = 1;
	rt_waiter_wake_all(&r->waiters, -EPIPE);
}
