/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool: buffers of one size, so many and no more.
 *
 * It has `low` buffers from its beginning, makes more as they are wanted, up to
 * `high`, and gives those above `low` back when it has not needed them for
 * VINE_POOL_QUIET puts. Tasks that find none wait, first come first served, who
 * wants many before who came later and wants one. What is in a buffer is not
 * defined.
 *
 * A request that will need several takes them by one reserve: so it has all
 * before it begins, and none waits half-way for what another one holds.
 *
 * Of one scheduler's thread; errors as of rt_qlock.h.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "utils/utils_list.h"

struct rt_buffer;

struct rt_pool {
	const char *name;	/* for dumps, of who wants one; or NULL */
	size_t size;		/* of a buffer, bytes */
	size_t align;
	uint32_t low;
	uint32_t high;
	uint32_t total;		/* buffers there are */
	uint32_t free_count;
	uint32_t least;		/* of them, since the last look */
	uint32_t puts;		/* since then */
	struct rt_buffer *free;
	struct utils_list waiters;
	int closed;
};

/* Buffers that are somebody's, to be used one after the other. */
struct rt_reserve {
	struct rt_pool *pool;
	struct rt_buffer *buffers;
	uint32_t count;
};

/*
 * rt_pool_init makes a pool of buffers of `size` bytes, aligned to `align`, a
 * power of two. Returns 0; or -ENOMEM; -EINVAL for no size, high of 0 or below
 * low, an alignment that is none. rt_pool_fini frees it; all buffers are back
 * and nobody waits.
 */
int rt_pool_init(struct rt_pool *pool, size_t size, size_t align, uint32_t low,
		 uint32_t high);
void rt_pool_fini(struct rt_pool *pool);

/*
 * rt_pool_get takes a buffer; rt_pool_put gives it back, from anywhere on the
 * thread. With a deadline that has passed, only if there is one. Returns 0; or
 * -ENOMEM where there is no memory and no buffer that could come back; or an
 * error as above.
 */
int rt_pool_get(struct rt_pool *pool, void **buffer, uint64_t deadline);
void rt_pool_put(struct rt_pool *pool, void *buffer);

/* rt_pool_try is rt_pool_get without a wait: -EAGAIN where there would be one.
 * Also outside of a task. */
int rt_pool_try(struct rt_pool *pool, void **buffer);

/*
 * rt_pool_reserve takes n buffers at once. Errors as of rt_pool_get; -EINVAL
 * for more than the pool may have. rt_pool_release gives what is left of them
 * back.
 */
int rt_pool_reserve(struct rt_pool *pool, uint32_t n,
		    struct rt_reserve *reserve, uint64_t deadline);
void rt_pool_release(struct rt_reserve *reserve);

/*
 * rt_reserve_get takes a buffer out of a reserve, NULL where none is left;
 * rt_reserve_put puts one into it. Neither waits.
 */
void *rt_reserve_get(struct rt_reserve *reserve);
void rt_reserve_put(struct rt_reserve *reserve, void *buffer);

/* rt_pool_close ends all waits, these and later ones, with -EPIPE. */
void rt_pool_close(struct rt_pool *pool);

#endif
