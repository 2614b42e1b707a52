/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot: where another thread of the process is at this moment, in the
 * middle of whatever it does.
 *
 * The thread is interrupted by SIGURG, whose handler copies its registers and
 * the innermost part of its stack, and nothing else; what that says is found
 * out by who asked. By default SIGURG does nothing, and SA_RESTART has system
 * calls go on; of those that it cannot, sleeps and waits with a timeout, the
 * thread sees EINTR.
 */
#ifndef RT_SNAPSHOT_H
#define RT_SNAPSHOT_H

#include <pthread.h>

#include "core/vine_limits.h"
#include "rt/rt_place.h"

struct rt_sched;

/* Of who asks, kept for him until the next one. */
struct rt_snapshot {
	uint64_t running;	/* the scheduler's word, as the thread saw it */
	char task[VINE_RT_NAME];	/* "" : not in a task */
	struct rt_registers registers;
	struct rt_view view;	/* of the copy */
};

/* rt_snapshot_start has SIGURG answered. Returns 0 or -errno. */
int rt_snapshot_start(void);

/*
 * rt_snapshot_take asks the thread of a scheduler and waits for it, for at most
 * VINE_RT_SNAPSHOT_MS. The thread does not end meanwhile. [low, high) is its
 * own stack. One at a time, and not by that thread. Returns 0, or -ETIMEDOUT:
 * it blocks the signal, or has no turn; or -errno of pthread_kill.
 */
int rt_snapshot_take(struct rt_sched *sched, pthread_t thread, uintptr_t low,
		     uintptr_t high, struct rt_snapshot **snapshot);

#endif
