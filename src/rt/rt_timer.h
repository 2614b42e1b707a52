/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer: a function that is called once, when a time has come.
 *
 * A timer is a member of whatever it is for; setting and cancelling allocate
 * nothing and cannot fail. All timers of a set, and all calls, belong to one
 * thread; another one posts it mail (rt_mail.h). Times are ns of
 * CLOCK_MONOTONIC.
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
	struct rt_timer *child;		/* the first of them */
	struct rt_timer *next;		/* of the same parent */
	struct rt_timer **link;		/* what points here; NULL: not set */
};

/* Zero it to begin. It must not move while it has timers. */
struct rt_timers {
	struct rt_timer *first;
};

/*
 * rt_timers_set has a timer fire at `at`, whether it was set before or not. The
 * caller keeps it in place until it fires or is cancelled. Takes O(1); if it
 * was set, as rt_timers_cancel.
 */
void rt_timers_set(struct rt_timers *timers, struct rt_timer *timer,
		   uint64_t at);

/*
 * rt_timers_cancel takes a timer out, if it is set: it does not fire. From a
 * timer's fire too. Takes O(log n) over time.
 */
void rt_timers_cancel(struct rt_timers *timers, struct rt_timer *timer);

/* rt_timer_is_set tells whether a timer will fire. */
static inline int
rt_timer_is_set(const struct rt_timer *timer)
{
	return timer->link != 0;
}

/* rt_timers_next returns when the next one fires, or RT_TIMER_NEVER. */
static inline uint64_t
rt_timers_next(const struct rt_timers *timers)
{
	return timers->first ? timers->first->at : RT_TIMER_NEVER;
}

/*
 * rt_timers_run fires the timers whose time has come at `now`, in the order of
 * their times. They may set and cancel any, themselves too; what they set fires
 * at the next call, even if its time has come. Returns how many fired.
 */
uint32_t rt_timers_run(struct rt_timers *timers, uint64_t now);

#endif
