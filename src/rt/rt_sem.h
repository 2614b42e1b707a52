/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphore: a number that tasks take from, and wait where it is too small.
 * First come, first served: who wants little waits behind who wants much.
 *
 * Of one scheduler's thread; errors as of rt_qlock.h. Outside of a task one may
 * give, and take what is there.
 */
#ifndef RT_SEM_H
#define RT_SEM_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_sem {
	const char *name;	/* for dumps, of who wants one; or NULL */
	uint64_t count;
	struct utils_list waiters;
	int closed;
};

/* rt_sem_init makes a semaphore of that many. */
void rt_sem_init(struct rt_sem *sem, uint64_t count);

/*
 * rt_sem_take takes n; with a deadline that has passed, only if they are there
 * and nobody waits. Returns 0 or an error as above.
 */
int rt_sem_take(struct rt_sem *sem, uint64_t n, uint64_t deadline);

/* rt_sem_try is the same without a wait: -EAGAIN where there would be one. */
int rt_sem_try(struct rt_sem *sem, uint64_t n);

/* rt_sem_give adds n and wakes whom that is enough for. */
void rt_sem_give(struct rt_sem *sem, uint64_t n);

/* rt_sem_close ends all waits, these and later ones, with -EPIPE. */
void rt_sem_close(struct rt_sem *sem);

#endif
