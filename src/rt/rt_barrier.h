/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Barrier: tasks wait until as many as it is for have come; then all go on, and
 * it begins again.
 *
 * Of one scheduler's thread; errors as of rt_qlock.h. One that leaves early has
 * not come.
 */
#ifndef RT_BARRIER_H
#define RT_BARRIER_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_barrier {
	const char *name;	/* for dumps, of who wants one; or NULL */
	uint32_t size;
	uint32_t here;
	struct utils_list waiters;
	int closed;
};

/* rt_barrier_init makes a barrier for `size` tasks, 1 at least. */
void rt_barrier_init(struct rt_barrier *barrier, uint32_t size);

/* rt_barrier_wait returns 1 to the task that came last, 0 to the others; or an
 * error as above. */
int rt_barrier_wait(struct rt_barrier *barrier, uint64_t deadline);

/* rt_barrier_close ends all waits, these and later ones, with -EPIPE. */
void rt_barrier_close(struct rt_barrier *barrier);

#endif
