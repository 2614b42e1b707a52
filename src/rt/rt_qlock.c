/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner is changed by whoever unlocks, before the next one runs: a waiter
 * that was woken has the lock, even if it was cancelled since.
 */
#include "rt/rt_qlock.h"
#include "rt/rt_waiter.h"

void
rt_qlock_init(struct rt_qlock *l)
{
	l->name = NULL;
	l->owner = NULL;
	l->closed = 0;
	utils_list_init(&l->waiters);
}

int
rt_qlock_try(struct rt_qlock *l)
{
	struct rt_task *t = rt_task_self();

	if (t == NULL)
		return -EPERM;
	if (l->closed)
		return -EPIPE;
	if (l->owner)
		return -EAGAIN;
	l->owner = t;
	return 0;
}

int
rt_qlock_lock(struct rt_qlock *l, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("qlock", QLOCK, l,
				       rt_waiter_undo);
	int rc = rt_task_check();

	if (rc == 0)
		rc = rt_qlock_try(l);
	if (rc != -EAGAIN)
		return rc;
	if (l->owner == rt_task_self())
		return -EDEADLK;
	return rt_waiter_sleep(&l->waiters, &w, deadline);
}

int
rt_qlock_unlock(struct rt_qlock *l)
{
	struct rt_waiter *w = rt_waiter_first(&l->waiters);

	if (l->owner == NULL || l->owner != rt_task_self())
		return -EPERM;
	l->owner = w ? w->block.task : NULL;
	if (w)
		rt_waiter_wake(w, 0);
	return 0;
}

void
rt_qlock_close(struct rt_qlock *l)
{
	l->closed = 1;
	rt_waiter_wake_all(&l->waiters, -EPIPE);
}
