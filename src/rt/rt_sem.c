/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a waiter wants is taken from the count when it is woken, by who wakes
 * it. When the first one leaves, those behind it may want less.
 */
#include "rt/rt_sem.h"
#include "rt/rt_waiter.h"

void
rt_sem_init(struct rt_sem *s, uint64_t count)
{
	s->name = NULL;
	s->count = count;
	s->closed = 0;
	utils_list_init(&s->waiters);
}

static void
serve(struct rt_sem *s)
{
	struct rt_waiter *w;

	while ((w = rt_waiter_first(&s->waiters)) && w->count <= s->count) {
		s->count -= w->count;
		rt_waiter_wake(w, 0);
	}
}

static int
undo(struct rt_block *b, int why)
{
	struct rt_sem *s = (struct rt_sem *)(uintptr_t)b->object;

	rt_waiter_undo(b, why);
	serve(s);
	return 0;
}

int
rt_sem_try(struct rt_sem *s, uint64_t n)
{
	if (s->closed)
		return -EPIPE;
	if (!utils_list_empty(&s->waiters) || s->count < n)
		return -EAGAIN;
	s->count -= n;
	return 0;
}

int
rt_sem_take(struct rt_sem *s, uint64_t n, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("semaphore", NAMED, s, undo);
	int rc = rt_task_check();

	if (rc == 0)
		rc = rt_sem_try(s, n);
	if (rc != -EAGAIN)
		return rc;
	w.count = n;
	return rt_waiter_sleep(&s->waiters, &w, deadline);
}

void
rt_sem_give(struct rt_sem *s, uint64_t n)
{
	s->count = n > UINT64_MAX - s->count ? UINT64_MAX : s->count + n;
	serve(s);
}

void
rt_sem_close(struct rt_sem *s)
{
	s->closed = 1;
	rt_waiter_wake_all(&s->waiters, -EPIPE);
}
