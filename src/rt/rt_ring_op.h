/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring op: what an op is in a ring: the operation of the kernel that it is
 * submitted as, and how much of it that does. For rt_engine_uring.c.
 */
#ifndef RT_RING_OP_H
#define RT_RING_OP_H

#include "rt/rt_ring.h"

/* rt_ring_op_tag returns the tag of an op, rt_ring_op_of the op of a tag. */
static inline uint64_t
rt_ring_op_tag(const struct rt_op *op)
{
	return RT_RING_OP | (uintptr_t)op;
}

static inline struct rt_op *
rt_ring_op_of(uint64_t tag)
{
	return (struct rt_op *)(uintptr_t)(tag & ~RT_RING_OP);
}

/*
 * rt_ring_op_is_splice tells whether an op moves bytes through a pipe. The
 * kernel's own splices each block a thread of it. So they wait for readiness,
 * and are then carried out by the engine; those of files, by a helper.
 */
static inline int
rt_ring_op_is_splice(const struct rt_op *op)
{
	return op->kind == RT_OP_PULL || op->kind == RT_OP_PUSH;
}

/*
 * rt_ring_op_is_by_hand tells whether it is readiness that an op waits for in
 * the ring, and the engine does the rest.
 */
static inline int
rt_ring_op_is_by_hand(const struct rt_op *op)
{
	const struct rt_stock *stock = op->data;

	return rt_ring_op_is_splice(op) ||
		(op->kind == RT_OP_FEED && stock->ring == NULL);
}

/* rt_ring_op_goes_on: does the kernel complete it again and again? */
static inline int
rt_ring_op_goes_on(const struct rt_op *op)
{
	return op->kind == RT_OP_ACCEPTS ||
		(op->kind == RT_OP_FEED && !rt_ring_op_is_by_hand(op));
}

/* rt_ring_op_prepare writes an op, with its tag, to a place in the ring. */
void rt_ring_op_prepare(const struct rt_ring *ring, struct io_uring_sqe *sqe,
			struct rt_op *op);

#endif
