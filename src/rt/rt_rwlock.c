/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass_on() is called whenever somebody may get in who could not before: at the
 * end of a reader or writer, and where a writer that held readers up leaves.
 */
#include "rt/rt_rwlock.h"
#include "rt/rt_waiter.h"

void
rt_rwlock_init(struct rt_rwlock *l)
{
	l->name = NULL;
	l->readers = 0;
	l->writer = NULL;
	l->closed = 0;
	utils_list_init(&l->waiting_readers);
	utils_list_init(&l->waiting_writers);
}

static void
pass_on(struct rt_rwlock *l)
{
	struct rt_waiter *w = rt_waiter_first(&l->waiting_writers);

	if (l->writer)
		return;
	if (w == NULL) {
		l->readers += rt_waiter_wake_all(&l->waiting_readers, 0);
	} else if (l->readers == 0) {
		l->writer = w->block.task;
		rt_waiter_wake(w, 0);
	}
}

static int
undo_write(struct rt_block *b, int why)
{
	/* the object is the lock, const for those who only look at it */
	struct rt_rwlock *l = (struct rt_rwlock *)(uintptr_t)b->object;

	rt_waiter_undo(b, why);
	pass_on(l);
	return 0;
}

int
rt_rwlock_try_read(struct rt_rwlock *l)
{
	if (rt_task_self() == NULL)
		return -EPERM;
	if (l->closed)
		return -EPIPE;
	if (l->writer || !utils_list_empty(&l->waiting_writers))
		return -EAGAIN;
	l->readers++;
	return 0;
}

int
rt_rwlock_try_write(struct rt_rwlock *l)
{
	struct rt_task *t = rt_task_self();

	if (t == NULL)
		return -EPERM;
	if (l->closed)
		return -EPIPE;
	if (l->writer || l->readers)
		return -EAGAIN;
	l->writer = t;
	return 0;
}

int
rt_rwlock_read(struct rt_rwlock *l, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("rwlock, to read", RWLOCK, l,
				       rt_waiter_undo);
	int rc = rt_task_check();

	if (rc == 0)
		rc = rt_rwlock_try_read(l);
	if (rc != -EAGAIN)
		return rc;
	if (l->writer == rt_task_self())
		return -EDEADLK;
	return rt_waiter_sleep(&l->waiting_readers, &w, deadline);
}

int
rt_rwlock_write(struct rt_rwlock *l, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("rwlock, to write", RWLOCK, l,
				       undo_write);
	int rc = rt_task_check();

	if (rc == 0)
		rc = rt_rwlock_try_write(l);
	if (rc != -EAGAIN)
		return rc;
	if (l->writer == rt_task_self())
		return -EDEADLK;
	return rt_waiter_sleep(&l->waiting_writers, &w, deadline);
}

int
rt_rwlock_read_end(struct rt_rwlock *l)
{
	if (l->readers == 0)
		return -EPERM;
	l->readers--;
	pass_on(l);
	return 0;
}

int
rt_rwlock_write_end(struct rt_rwlock *l)
{
	if (l->writer == NULL || l->writer != rt_task_self())
		return -EPERM;
	l->writer = NULL;
	pass_on(l);
	return 0;
}

void
rt_rwlock_close(struct rt_rwlock *l)
{
	l->closed = 1;
	rt_waiter_wake_all(&l->waiting_readers, -EPIPE);
	rt_waiter_wake_all(&l->waiting_writers, -EPIPE);
}
