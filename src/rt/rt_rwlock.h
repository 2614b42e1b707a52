/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RWLock: many readers, or one writer. Writers come first: while one waits, no
 * reader gets in.
 *
 * Of one scheduler's thread; errors as of rt_qlock.h. Who reads is not known by
 * name: a reader that wants to write, or to read again while a writer waits,
 * waits for itself.
 */
#ifndef RT_RWLOCK_H
#define RT_RWLOCK_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_task;

struct rt_rwlock {
	const char *name;	/* for dumps, of who wants one; or NULL */
	uint32_t readers;
	struct rt_task *writer;
	struct utils_list waiting_readers;
	struct utils_list waiting_writers;
	int closed;
};

/* rt_rwlock_init makes a lock that is free. */
void rt_rwlock_init(struct rt_rwlock *lock);

/*
 * rt_rwlock_read and rt_rwlock_write take the lock; with a deadline that has
 * passed, only if that needs no wait. Return 0, or -EDEADLK where the task is
 * the writer, or an error as above.
 */
int rt_rwlock_read(struct rt_rwlock *lock, uint64_t deadline);
int rt_rwlock_write(struct rt_rwlock *lock, uint64_t deadline);

/* The same without a wait: -EAGAIN where there would be one. */
int rt_rwlock_try_read(struct rt_rwlock *lock);
int rt_rwlock_try_write(struct rt_rwlock *lock);

/*
 * rt_rwlock_read_end and rt_rwlock_write_end give it on: to the first writer,
 * or to all readers where none waits. Return 0; or -EPERM where there is no
 * reader, or the task is not the writer.
 */
int rt_rwlock_read_end(struct rt_rwlock *lock);
int rt_rwlock_write_end(struct rt_rwlock *lock);

/* rt_rwlock_close ends all waits, these and later ones, with -EPIPE. */
void rt_rwlock_close(struct rt_rwlock *lock);

#endif
