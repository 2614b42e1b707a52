/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set is a hierarchical timing wheel. A time is 11 digits of 6 bits. Level
 * n has a slot for each value of digit n, and a timer stands at the level of
 * the highest digit in which its time differs from `base`, in the slot of that
 * digit. So at level 0 a slot is one ns; a level's timers share all higher
 * digits with `base`, so they are earlier than all of the next level; and two
 * timers of one time stand in one slot, in the order in which they were set.
 * Words of bits tell the first level and slot that have any, so the earliest
 * slot is found without a walk.
 *
 * To fire, the earliest slot is looked at. If it holds one timer, or one time,
 * that is next. Else `base` moves on to that slot, whose timers then differ
 * from it in a lower digit only: they are spread over the levels below. So a
 * timer moves ten times at most, and one with its slot to itself never.
 *
 * Source: G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels",
 * SOSP 1987, scheme 7.
 */
#include <stddef.h>

#include "rt/rt_timer.h"

#define DUE RT_TIMER_SLOTS	/* where they stand while rt_timers_run fires */

static uint32_t
level_of(const struct rt_timers *timers, uint64_t at)
{
	uint64_t differs = at ^ timers->base;

	return differs == 0 ? 0 :
		(63 - (uint32_t)__builtin_clzll(differs)) / RT_TIMER_BITS;
}

static uint32_t
digit_of(uint64_t at, uint32_t level)
{
	return at >> (level * RT_TIMER_BITS) & 63;
}

/* Put a timer last in a slot. */
static void
put(struct rt_timers *timers, struct rt_timer *t, uint32_t index)
{
	struct rt_timer_slot *slot = &timers->slots[index];
	struct rt_timer *first = slot->first;

	t->slot = index + 1;
	if (first == NULL) {
		t->next = t->prev = t;
		slot->first = t;
		slot->least = t->at;
		return;
	}
	t->next = first;
	t->prev = first->prev;
	t->prev->next = t;
	first->prev = t;
	if (t->at < slot->least)
		slot->least = t->at;
}

static void
place(struct rt_timers *timers, struct rt_timer *t)
{
	uint32_t level = level_of(timers, t->at);
	uint32_t digit = digit_of(t->at, level);

	put(timers, t, level * 64 + digit);
	timers->used[level] |= UINT64_C(1) << digit;
	timers->levels |= UINT64_C(1) << level;
}

/* A slot has no timer left. */
static void
vacate(struct rt_timers *timers, uint32_t index)
{
	uint32_t level = index / 64;

	timers->slots[index].first = NULL;
	if (index == DUE)
		return;
	timers->used[level] &= ~(UINT64_C(1) << index % 64);
	if (timers->used[level] == 0)
		timers->levels &= ~(UINT64_C(1) << level);
}

static void
take(struct rt_timers *timers, struct rt_timer *t)
{
	uint32_t index = t->slot - 1;
	struct rt_timer_slot *slot = &timers->slots[index];

	t->slot = 0;
	if (t->next == t) {
		vacate(timers, index);
		return;
	}
	t->prev->next = t->next;
	t->next->prev = t->prev;
	if (slot->first == t)
		slot->first = t->next;
	if (slot->first->next == slot->first)
		slot->least = slot->first->at;
}

/* The earliest slot's timers go to the levels below. */
static void
spread(struct rt_timers *timers, uint32_t index)
{
	struct rt_timer *t = timers->slots[index].first, *last = t->prev, *next;

	timers->base = timers->slots[index].least;
	vacate(timers, index);
	for (;; t = next) {
		next = t->next;
		place(timers, t);
		if (t == last)
			return;
	}
}

/* Those whose time has come go to where they fire from. */
static void
gather(struct rt_timers *timers, uint64_t now)
{
	while (rt_timers_next(timers) <= now) {
		uint32_t level = (uint32_t)__builtin_ctzll(timers->levels);
		uint32_t index = level * 64 +
			(uint32_t)__builtin_ctzll(timers->used[level]);
		struct rt_timer *t = timers->slots[index].first;

		if (level != 0 && t->next != t) {
			spread(timers, index);
			continue;
		}
		timers->base = t->at;
		take(timers, t);
		put(timers, t, DUE);
	}
}

/*
 * Let `base` follow the clock, so that new timers come to low levels; unless
 * `now` is in a slot that has timers, which would have to be spread.
 */
static void
follow(struct rt_timers *timers, uint64_t now)
{
	uint32_t level = level_of(timers, now);

	if (now > timers->base &&
	    (timers->used[level] >> digit_of(now, level) & 1) == 0)
		timers->base = now;
}

void
rt_timers_cancel(struct rt_timers *timers, struct rt_timer *timer)
{
	if (rt_timer_is_set(timer))
		take(timers, timer);
}

void
rt_timers_set(struct rt_timers *timers, struct rt_timer *timer, uint64_t at)
{
	rt_timers_cancel(timers, timer);
	timer->at = at < timers->now ? timers->now : at;
	place(timers, timer);
}

uint32_t
rt_timers_run(struct rt_timers *timers, uint64_t now)
{
	struct rt_timer *t;
	uint32_t n = 0;

	if (now == RT_TIMER_NEVER)
		now--;
	if (now > timers->now)
		timers->now = now;
	gather(timers, now);
	follow(timers, now);
	while ((t = timers->slots[DUE].first) != NULL) {
		take(timers, t);
		t->fire(t);
		n++;
	}
	return n;
}
