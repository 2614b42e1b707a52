/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QLock: one task at a time. Who unlocks hands the lock to the task that has
 * waited longest, so none comes in between.
 *
 * Of one scheduler's thread. Its errors are those of every primitive:
 * -ETIMEDOUT at the deadline, -ECANCELED where the task is cancelled, -EPIPE
 * where the primitive is closed, -EPERM outside of a task; then the caller has
 * nothing.
 */
#ifndef RT_QLOCK_H
#define RT_QLOCK_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_task;

struct rt_qlock {
	const char *name;	/* for dumps, of who wants one; or NULL */
	struct rt_task *owner;	/* NULL: free */
	struct utils_list waiters;
	int closed;
};

/* rt_qlock_init makes a lock that is free. */
void rt_qlock_init(struct rt_qlock *lock);

/*
 * rt_qlock_lock takes the lock; with a deadline that has passed, only if it is
 * free. Returns 0, or -EDEADLK where the task has it, or an error as above.
 */
int rt_qlock_lock(struct rt_qlock *lock, uint64_t deadline);

/* rt_qlock_try takes it if it is free. Returns 0 or -EAGAIN, -EPIPE, -EPERM. */
int rt_qlock_try(struct rt_qlock *lock);

/* rt_qlock_unlock gives it on. Returns 0, or -EPERM: the task has it not. */
int rt_qlock_unlock(struct rt_qlock *lock);

/*
 * rt_qlock_close ends all waits, these and later ones, with -EPIPE. Who has the
 * lock keeps it until it unlocks.
 */
void rt_qlock_close(struct rt_qlock *lock);

#endif
