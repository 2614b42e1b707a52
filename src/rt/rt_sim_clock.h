/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: what a simulation knows will happen, in the order of its time.
 *
 * An event is a member of whatever it is for and fires once. Of events of the
 * same time a random key says which comes first. For rt_sim*.c.
 */
#ifndef RT_SIM_CLOCK_H
#define RT_SIM_CLOCK_H

#include <stdint.h>

struct rt_sim_event {
	void (*fire)(struct rt_sim_event *event);
	void *user;
	uint64_t at;
	uint64_t key;
	uint32_t place;		/* in the heap, from 1; 0: not set */
};

/* Zero it to begin. */
struct rt_sim_clock {
	struct rt_sim_event **heap;	/* heap[0] is the first */
	uint32_t count;
	uint32_t room;
};

/*
 * rt_sim_clock_set has an event fire at a time; if it was set, no more at the
 * other. Returns 0, or -ENOMEM: it is not set.
 */
int rt_sim_clock_set(struct rt_sim_clock *clock, struct rt_sim_event *event,
		     uint64_t at, uint64_t key);

/* rt_sim_clock_cancel takes an event out, if it is set. */
void rt_sim_clock_cancel(struct rt_sim_clock *clock,
			 struct rt_sim_event *event);

/* rt_sim_clock_next returns when the first fires, or UINT64_MAX. */
uint64_t rt_sim_clock_next(const struct rt_sim_clock *clock);

/* rt_sim_clock_fire fires the first. There is one. */
void rt_sim_clock_fire(struct rt_sim_clock *clock);

#endif
