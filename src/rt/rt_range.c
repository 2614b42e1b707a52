/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All ranges, those that are locked and those that are waited for, stand in one
 * interval tree: by their first number, each node with the greatest last number
 * below it. A range counts the earlier ones that it waits for; one that goes
 * counts down the later ones that waited for it.
 *
 * The tree is a treap: in order of `first`, and a heap by a weight that is as
 * good as random, so its depth is O(log n) whatever is locked.
 *
 * Source: R. Seidel, C. Aragon, "Randomized search trees", Algorithmica 1996.
 * The counting is that of J. Kara's range locks for Linux.
 */
#include "rt/rt_range.h"
#include "rt/rt_sched.h"

/* What a walk over the ranges that overlap one does to each. */
typedef void (*visit_fn)(struct rt_range *other, struct rt_range *range);

struct range_wait {
	struct rt_block block;
	struct rt_ranges *ranges;
	struct rt_range *range;
};

void
rt_ranges_init(struct rt_ranges *r)
{
	*r = (struct rt_ranges){ 0 };
}

static void
update(struct rt_range *n)
{
	n->most = n->last;
	for (int i = 0; i < 2; i++)
		if (n->child[i] && n->child[i]->most > n->most)
			n->most = n->child[i]->most;
}

static struct rt_range **
link_of(struct rt_ranges *r, struct rt_range *n)
{
	if (n->up == NULL)
		return &r->root;
	return &n->up->child[n->up->child[1] == n];
}

/* A node and its parent change places; `most` of both is put right. */
static void
rotate_up(struct rt_ranges *r, struct rt_range *n)
{
	struct rt_range *p = n->up;
	int side = p->child[1] == n;

	*link_of(r, p) = n;
	n->up = p->up;
	p->child[side] = n->child[!side];
	if (p->child[side])
		p->child[side]->up = p;
	n->child[!side] = p;
	p->up = n;
	update(p);
	update(n);
}

static void
insert(struct rt_ranges *r, struct rt_range *n)
{
	struct rt_range **at = &r->root;

	n->child[0] = n->child[1] = n->up = NULL;
	n->most = n->last;
	while (*at) {
		n->up = *at;
		if (n->up->most < n->last)
			n->up->most = n->last;
		at = &n->up->child[n->first >= n->up->first];
	}
	*at = n;
	while (n->up && n->up->weight < n->weight)
		rotate_up(r, n);
}

static void
take_out(struct rt_ranges *r, struct rt_range *n)
{
	struct rt_range *up;

	while (n->child[0] || n->child[1]) {
		struct rt_range *a = n->child[0], *b = n->child[1];

		rotate_up(r, b == NULL || (a && a->weight > b->weight) ? a : b);
	}
	up = n->up;
	*link_of(r, n) = NULL;
	for (; up; up = up->up)
		update(up);
}

/* The next node in order, in those parts that may overlap [first, last]. */
static struct rt_range *
leftmost(struct rt_range *n, uint64_t first)
{
	while (n && n->child[0] && n->child[0]->most >= first)
		n = n->child[0];
	return n;
}

static struct rt_range *
next(struct rt_range *n, uint64_t first)
{
	if (n->child[1] && n->child[1]->most >= first)
		return leftmost(n->child[1], first);
	while (n->up && n->up->child[1] == n)
		n = n->up;
	return n->up;
}

/* Visit every other range that overlaps one and may not be held beside it. */
static void
each_conflict(struct rt_ranges *r, struct rt_range *range, visit_fn visit)
{
	struct rt_range *n = leftmost(r->root, range->first), *after;

	for (; n && n->first <= range->last; n = after) {
		after = next(n, range->first);
		if (n != range && n->last >= range->first &&
		    !(n->shared && range->shared))
			visit(n, range);
	}
}

static void
count_before(struct rt_range *other, struct rt_range *range)
{
	(void)other;
	range->before++;
}

/* `range` goes: who came later waits for one less. */
static void
let_later(struct rt_range *other, struct rt_range *range)
{
	struct rt_block *b = other->waiting;

	if (other->number < range->number || --other->before)
		return;
	other->waiting = NULL;
	if (b)
		rt_task_wake(b, 0);
}

static void
leave(struct rt_ranges *r, struct rt_range *range)
{
	take_out(r, range);
	each_conflict(r, range, let_later);
}

static int
undo(struct rt_block *b, int why)
{
	struct range_wait *w = (struct range_wait *)(void *)b;

	(void)why;
	leave(w->ranges, w->range);
	return 0;
}

int
rt_range_lock(struct rt_ranges *r, struct rt_range *range, uint64_t first,
	      uint64_t size, int shared, uint64_t deadline)
{
	struct range_wait w = { { .what = "range", .object = r,
				  .kind = RT_OBJECT_NAMED, .undo = undo },
				r, range };
	int rc = rt_task_check();

	if (rc)
		return rc;
	if (size == 0 || size - 1 > UINT64_MAX - first)
		return -EINVAL;
	if (r->closed)
		return -EPIPE;
	*range = (struct rt_range){ .first = first, .last = first + (size - 1),
		.shared = shared, .number = ++r->number,
		.weight = rt_sched_random(rt_sched_self()) };
	each_conflict(r, range, count_before);
	insert(r, range);
	if (range->before == 0)
		return 0;
	range->waiting = &w.block;
	return rt_task_block(&w.block, deadline);
}

void
rt_range_unlock(struct rt_ranges *r, struct rt_range *range)
{
	leave(r, range);
}

void
rt_ranges_close(struct rt_ranges *r)
{
	struct rt_range *all = NULL, *n;

	r->closed = 1;
	for (n = leftmost(r->root, 0); n; n = next(n, 0)) {
		if (n->waiting == NULL)
			continue;
		n->closed = all;
		all = n;
	}
	/* nobody waits for one that waits: who came later is in `all` too */
	for (; all; all = n) {
		n = all->closed;
		take_out(r, all);
		rt_task_wake(all->waiting, -EPIPE);
	}
}
