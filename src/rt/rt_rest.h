/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rest: where ops of a wait are left alone for a while that were told to go on
 * and could not, again and again: a socket says that it is writable and takes
 * nothing, for want of memory. The kernel tells of no moment at which that is
 * over, so they try again after VINE_RT_VAIN_MS, and each time after twice as
 * long, up to VINE_RT_VAIN_MAX_MS.
 *
 * It belongs to the thread of its wait.
 */
#ifndef RT_REST_H
#define RT_REST_H

#include <stdint.h>

#include "core/vine_limits.h"
#include "rt/rt_op.h"
#include "rt/rt_timer.h"
#include "utils/utils_list.h"

#define RT_REST_STEPS 6u	/* until twice as long is VINE_RT_VAIN_MAX_MS */

struct rt_rest {
	struct utils_list steps[RT_REST_STEPS];	/* by how long they rest */
	struct rt_timers *timers;
	struct rt_timer timer;
	void (*again)(void *user, struct rt_op *op);
	void *user;
};

/*
 * rt_rest_init begins without ops. again(user, op) is called for each that has
 * rested, out of the timers, which stay in place.
 */
void rt_rest_init(struct rt_rest *rest, struct rt_timers *timers,
		  void (*again)(void *user, struct rt_op *op), void *user);

/*
 * rt_rest_vain notes that an op was told to go on at `now`, ns, and could not.
 * Returns 1 if it rests from here on, on its `queued`, from which it may be
 * removed; 0 if it should wait as before: it is the first time for long.
 */
int rt_rest_vain(struct rt_rest *rest, struct rt_op *op, uint64_t now);

#endif
