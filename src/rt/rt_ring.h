/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring: one io_uring of the kernel, as the engine has it: how it is set up,
 * what it is held to where it is confined, and what memory it knows. What is
 * submitted to it is the engine's: watches, ops (rt_ring_op.h) and the wait on
 * bells (rt_ring_bells.h).
 *
 * It belongs to the thread that opens it; rt_ring_close may be another's.
 */
#ifndef RT_RING_H
#define RT_RING_H

#include <liburing.h>
#include <stdint.h>

#include "core/vine_limits.h"
#include "rt/rt_engine.h"
#include "rt/rt_op.h"
#include "rt/rt_stock.h"
#include "rt/rt_wait.h"

#define OP_FUTEX_WAITV 53	/* in linux/io_uring.h since 6.7 */

/*
 * Tags of what is submitted, other than those of watches (rt_engine.h): a wait
 * on bells carries its number, which is even; an op where it stands: no address
 * of a program has the highest bit.
 */
#define RT_RING_BELLS RT_ENGINE_TAG
#define RT_RING_IGNORE (RT_ENGINE_TAG | UINT32_MAX)
#define RT_RING_OP (RT_ENGINE_TAG << 1)

struct rt_area {
	char *base;
	size_t length;		/* 0: none here */
};

struct rt_ring {
	struct io_uring io;
	uint32_t groups;	/* of buffers, so far */
	int confined;
	int has_areas;		/* the kernel has a table for them */
	struct rt_area areas[VINE_RT_AREAS];
};

/* rt_ring_probe tells whether the kernel has all of rt_ring.def: 0, -ENOSYS. */
int rt_ring_probe(void);

/*
 * rt_ring_open makes a ring; rt_ring_confine makes one that the kernel holds to
 * `may` (rt_wait_confine). rt_ring_close ends it. 0 or -errno; -ENOSYS where
 * none can be confined.
 */
int rt_ring_open(struct rt_ring *ring);
int rt_ring_confine(struct rt_ring *ring, uint32_t may);
void rt_ring_close(struct rt_ring *ring);

/*
 * rt_ring_submission returns a place for a submission, if need be by submitting
 * the others; NULL: there is none now.
 */
static inline struct io_uring_sqe *
rt_ring_submission(struct rt_ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->io);

	if (sqe == NULL && io_uring_submit(&ring->io) >= 0)
		sqe = io_uring_get_sqe(&ring->io);
	return sqe;
}

/*
 * rt_ring_cancel submits that what has a tag is cancelled; that completes with
 * RT_RING_IGNORE. Returns whether there was a place for it.
 */
int rt_ring_cancel(struct rt_ring *ring, uint64_t tag);

/*
 * rt_ring_stock gives the kernel the buffers of a stock, all of which are free;
 * none where the ring is confined. 0 or -errno. rt_ring_unstock ends that;
 * rt_ring_restock gives one back.
 */
int rt_ring_stock(struct rt_ring *ring, struct rt_stock *stock);
void rt_ring_unstock(struct rt_ring *ring, struct rt_stock *stock);
void rt_ring_restock(struct rt_stock *stock, uint32_t index);

/* rt_ring_area is rt_wait_register, rt_ring_drop is rt_wait_unregister. */
int rt_ring_area(struct rt_ring *ring, void *base, size_t length);
void rt_ring_drop(struct rt_ring *ring, const void *base, size_t length);

/* rt_ring_area_of returns the number of the area that an op is to use, or -1. */
int rt_ring_area_of(const struct rt_ring *ring, const struct rt_op *op);

#endif
