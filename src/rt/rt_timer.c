/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set is a pairing heap: a tree in which no child is earlier than its
 * parent. `link` points to what points to a timer: the parent's `child`, a
 * sibling's `next`, or the set's `first`. So a timer is taken out of wherever
 * it hangs in the same way.
 *
 * Source: M. Fredman et al., "The pairing heap: a new form of self-adjusting
 * heap", Algorithmica 1986.
 */
#include <stddef.h>

#include "rt/rt_timer.h"

/* Hang a timer in front of a list. */
static void
hang(struct rt_timer **list, struct rt_timer *t)
{
	t->next = *list;
	if (t->next)
		t->next->link = &t->next;
	t->link = list;
	*list = t;
}

static void
unhang(struct rt_timer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->next = NULL;
	t->link = NULL;
}

/* Of two trees that hang nowhere make one. */
static struct rt_timer *
meld(struct rt_timer *a, struct rt_timer *b)
{
	if (a == NULL || b == NULL)
		return a ? a : b;
	if (b->at < a->at) {
		struct rt_timer *t = a;

		a = b;
		b = t;
	}
	hang(&a->child, b);
	return a;
}

/* Of the trees in a list make one: in pairs, then from the last to the first */
static struct rt_timer *
meld_list(struct rt_timer **list)
{
	struct rt_timer *pairs = NULL, *all = NULL;

	while (*list) {
		struct rt_timer *a = *list, *b;

		unhang(a);
		b = *list;
		if (b)
			unhang(b);
		hang(&pairs, meld(a, b));
	}
	while (pairs) {
		struct rt_timer *t = pairs;

		unhang(t);
		all = meld(all, t);
	}
	return all;
}

/* A tree that hangs nowhere becomes part of the set. */
static void
join(struct rt_timers *timers, struct rt_timer *tree)
{
	struct rt_timer *first = timers->first;

	if (tree == NULL)
		return;
	if (first)
		unhang(first);
	hang(&timers->first, meld(first, tree));
}

void
rt_timers_cancel(struct rt_timers *timers, struct rt_timer *timer)
{
	if (!rt_timer_is_set(timer))
		return;
	unhang(timer);
	join(timers, meld_list(&timer->child));
}

void
rt_timers_set(struct rt_timers *timers, struct rt_timer *timer, uint64_t at)
{
	rt_timers_cancel(timers, timer);
	timer->at = at;
	join(timers, timer);
}

uint32_t
rt_timers_run(struct rt_timers *timers, uint64_t now)
{
	struct rt_timer *due = NULL, **last = &due, *t;
	uint32_t n = 0;

	while (rt_timers_next(timers) <= now) {
		t = timers->first;
		rt_timers_cancel(timers, t);
		hang(last, t);
		last = &t->next;
	}
	/* they hang in a list here, from which a cancel takes them as well */
	while ((t = due) != NULL) {
		unhang(t);
		t->fire(t);
		n++;
	}
	return n;
}
