/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendez: where tasks sleep until somebody wakes them.
 *
 * It remembers nothing: a wake without a sleeper is lost. As no other task runs
 * between a look at a condition and the sleep, that is no race. A rendez, like
 * all that follows it, belongs to one scheduler's thread; rt_sched_new comes
 * before, and nothing of it is allocated.
 */
#ifndef RT_RENDEZ_H
#define RT_RENDEZ_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_rendez {
	const char *name;	/* for dumps, of who wants one; or NULL */
	struct utils_list waiters;
	int closed;
};

/* rt_rendez_init makes a rendez without sleepers. */
void rt_rendez_init(struct rt_rendez *rendez);

/*
 * rt_rendez_sleep sleeps until a wake; those that sleep longest wake first.
 * Returns 0; or -ETIMEDOUT, -ECANCELED, -EPIPE where it is closed, -EPERM
 * outside of a task.
 */
int rt_rendez_sleep(struct rt_rendez *rendez, uint64_t deadline);

/* rt_rendez_wake wakes one task, rt_rendez_wake_all all. Return how many. */
uint32_t rt_rendez_wake(struct rt_rendez *rendez);
uint32_t rt_rendez_wake_all(struct rt_rendez *rendez);

/* rt_rendez_close ends all sleeps, these and later ones, with -EPIPE. */
void rt_rendez_close(struct rt_rendez *rendez);

#endif
