/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer: a function that is called once, when a time has come.
 *
 * A timer is a member of whatever it is for; setting and cancelling allocate
 * nothing and cannot fail. Times are ns of CLOCK_MONOTONIC, or of another clock
 * that does not go back.
 *
 * All timers of a set, and all calls, belong to one thread. Another one cancels
 * a timer by mail (rt_mail.h), whose `call` calls rt_timers_cancel there: the
 * timer has fired by then, or it never does, and rt_timer_is_set in `call`
 * tells which. Setting one from elsewhere is the same.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdint.h>

#define RT_TIMER_NEVER UINT64_MAX

/* Zero it, set the first two. The rest is the set's. */
struct rt_timer {
	void (*fire)(struct rt_timer *timer);
	void *user;		/* kept for you */
	uint64_t at;
	struct rt_timer *next;	/* of the same slot, in a circle */
	struct rt_timer *prev;
	uint32_t slot;		/* its number, from 1 on; 0: not set */
};

#define RT_TIMER_BITS 6u	/* of a time, for each level */
#define RT_TIMER_LEVELS 11u	/* the last has 4 bits left */
#define RT_TIMER_SLOTS ((RT_TIMER_LEVELS - 1) * 64 + 16)

/* The timers of some range of times. */
struct rt_timer_slot {
	struct rt_timer *first;	/* set first; NULL: none */
	uint64_t least;		/* none is earlier */
};

/* Zero it to begin. It must not move while it has timers. */
struct rt_timers {
	uint64_t base;		/* no timer is earlier; places are against it */
	uint64_t now;		/* of the last rt_timers_run */
	uint64_t levels;	/* a bit for each that has timers */
	uint64_t used[RT_TIMER_LEVELS];	/* a bit for each slot that has */
	struct rt_timer_slot slots[RT_TIMER_SLOTS + 1];	/* and the due ones */
};

/*
 * rt_timers_set has a timer fire at `at`, whether it was set before or not. A
 * time before the `now` of the last rt_timers_run counts as that one. At
 * RT_TIMER_NEVER it never fires. The caller keeps it in place until it fires or
 * is cancelled. O(1).
 */
void rt_timers_set(struct rt_timers *timers, struct rt_timer *timer,
		   uint64_t at);

/*
 * rt_timers_cancel takes a timer out, if it is set: it does not fire. From a
 * timer's fire too. O(1).
 */
void rt_timers_cancel(struct rt_timers *timers, struct rt_timer *timer);

/* rt_timer_is_set tells whether a timer will fire. */
static inline int
rt_timer_is_set(const struct rt_timer *timer)
{
	return timer->slot != 0;
}

/*
 * rt_timers_next returns when the next one fires, or RT_TIMER_NEVER. It is
 * early where the earliest timer was cancelled and others are near it: then an
 * rt_timers_run at that time fires none, and what this returns is right until
 * another is cancelled. O(1).
 */
static inline uint64_t
rt_timers_next(const struct rt_timers *timers)
{
	uint32_t level;

	if (timers->levels == 0)
		return RT_TIMER_NEVER;
	level = (uint32_t)__builtin_ctzll(timers->levels);
	return timers->slots[level * 64 + (uint32_t)__builtin_ctzll(
				     timers->used[level])].least;
}

/*
 * rt_timers_run fires the timers whose time has come at `now`, which is not
 * before that of the last call: in the order of their times, to the ns, and of
 * the same time in the order in which they were set. They may set and cancel
 * any, themselves too; what they set fires at the next call, even if its time
 * has come. Takes O(1) for each that fires, over time, and nothing for the time
 * that has passed. Returns how many fired.
 */
uint32_t rt_timers_run(struct rt_timers *timers, uint64_t now);

#endif
