/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free buffers are a list through their first word, last in, first out. A
 * waiter's buffers are taken for it when it is woken, by who wakes it; they
 * hang on its reserve.
 *
 * Where memory is short a waiter waits for what is out to come back. With
 * nothing out, nothing will: it is told -ENOMEM.
 */
#include <stdlib.h>

#include "core/vine_limits.h"
#include "rt/rt_pool.h"
#include "rt/rt_waiter.h"

struct rt_buffer {
	struct rt_buffer *next;
};

/* A task that waits for some buffers. */
struct taker {
	struct rt_waiter waiter;	/* its count: how many */
	struct rt_reserve *reserve;
};

static int
grow(struct rt_pool *p)
{
	struct rt_buffer *b = aligned_alloc(p->align, p->size);

	if (b == NULL)
		return -ENOMEM;
	b->next = p->free;
	p->free = b;
	p->free_count++;
	p->total++;
	return 0;
}

static void
shrink(struct rt_pool *p)
{
	struct rt_buffer *b = p->free;

	p->free = b->next;
	p->free_count--;
	p->total--;
	free(b);
}

int
rt_pool_init(struct rt_pool *p, size_t size, size_t align, uint32_t low,
	     uint32_t high)
{
	if (size == 0 || high == 0 || low > high || align == 0 ||
	    (align & (align - 1)))
		return -EINVAL;
	if (align < sizeof(void *))
		align = sizeof(void *);
	if (size > SIZE_MAX - align)	/* it is rounded up */
		return -EINVAL;
	*p = (struct rt_pool){ .size = (size + align - 1) / align * align,
			       .align = align, .low = low, .high = high };
	utils_list_init(&p->waiters);
	while (p->total < low)
		if (grow(p) != 0) {
			rt_pool_fini(p);
			return -ENOMEM;
		}
	p->least = p->free_count;
	return 0;
}

void
rt_pool_fini(struct rt_pool *p)
{
	while (p->free)
		shrink(p);
}

/* Move n buffers to a reserve, if they can be had. */
static int
take(struct rt_pool *p, uint32_t n, struct rt_reserve *r)
{
	int rc = 0;

	while (p->free_count < n && p->total < p->high && rc == 0)
		rc = grow(p);
	if (p->free_count < n)	/* all are back, and there is no memory */
		return p->free_count == p->total && rc ? rc : -EAGAIN;
	*r = (struct rt_reserve){ .pool = p };
	while (r->count < n) {
		struct rt_buffer *b = p->free;

		p->free = b->next;
		p->free_count--;
		rt_reserve_put(r, b);
	}
	if (p->free_count < p->least)
		p->least = p->free_count;
	return 0;
}

/* Give those that wait what there is. */
static void
serve(struct rt_pool *p)
{
	struct rt_waiter *w;

	while ((w = rt_waiter_first(&p->waiters)) != NULL) {
		struct taker *t = (struct taker *)(void *)w;
		int rc = take(p, (uint32_t)w->count, t->reserve);

		if (rc == -EAGAIN)
			return;
		rt_waiter_wake(w, rc);
	}
}

static int
undo(struct rt_block *b, int why)
{
	rt_waiter_undo(b, why);
	serve((struct rt_pool *)(uintptr_t)b->object);
	return 0;
}

static int
try_take(struct rt_pool *p, uint32_t n, struct rt_reserve *r)
{
	if (p->closed)
		return -EPIPE;
	if (n == 0 || n > p->high)
		return -EINVAL;
	if (!utils_list_empty(&p->waiters))
		return -EAGAIN;
	return take(p, n, r);
}

int
rt_pool_reserve(struct rt_pool *p, uint32_t n, struct rt_reserve *reserve,
		uint64_t deadline)
{
	struct rt_reserve got;
	struct taker t = { RT_WAITER("pool", NAMED, p, undo), &got };
	int rc = rt_task_check();

	if (rc == 0)
		rc = try_take(p, n, &got);
	if (rc == -EAGAIN) {
		t.waiter.count = n;
		rc = rt_waiter_sleep(&p->waiters, &t.waiter, deadline);
	}
	if (rc == 0)
		*reserve = got;
	return rc;
}

int
rt_pool_get(struct rt_pool *p, void **buffer, uint64_t deadline)
{
	struct rt_reserve r;
	int rc = rt_pool_reserve(p, 1, &r, deadline);

	if (rc == 0)
		*buffer = rt_reserve_get(&r);
	return rc;
}

int
rt_pool_try(struct rt_pool *p, void **buffer)
{
	struct rt_reserve r;
	int rc = try_take(p, 1, &r);

	if (rc == 0)
		*buffer = rt_reserve_get(&r);
	return rc;
}

/* Those that were free all the time, above `low`, half of them at a time. */
static void
look_for_spare(struct rt_pool *p)
{
	uint32_t spare = p->total - p->low;

	if (spare > p->least)
		spare = p->least;
	for (spare = (spare + 1) / 2; spare; spare--)
		shrink(p);
	p->puts = 0;
	p->least = p->free_count;
}

void
rt_pool_put(struct rt_pool *p, void *buffer)
{
	struct rt_buffer *b = buffer;

	b->next = p->free;
	p->free = b;
	p->free_count++;
	serve(p);
	if (++p->puts >= VINE_POOL_QUIET)
		look_for_spare(p);
}

void
rt_pool_release(struct rt_reserve *r)
{
	void *b;

	while ((b = rt_reserve_get(r)) != NULL)
		rt_pool_put(r->pool, b);
}

void *
rt_reserve_get(struct rt_reserve *r)
{
	struct rt_buffer *b = r->buffers;

	if (b) {
		r->buffers = b->next;
		r->count--;
	}
	return b;
}

void
rt_reserve_put(struct rt_reserve *r, void *buffer)
{
	struct rt_buffer *b = buffer;

	b->next = r->buffers;
	r->buffers = b;
	r->count++;
}

void
rt_pool_close(struct rt_pool *p)
{
	p->closed = 1;
	rt_waiter_wake_all(&p->waiters, -EPIPE);
}
