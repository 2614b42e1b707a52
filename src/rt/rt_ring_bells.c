/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wait is one FUTEX_WAITV, which the kernel reads `words` for when it is
 * submitted. For others it is cancelled, and one with another number follows:
 * what the first still completes with is told apart by that.
 */
#include "rt/rt_ring_bells.h"

int
rt_ring_bells_begin(struct rt_ring_bells *b, struct rt_ring *ring,
		    const struct arch_bell_seen *bells, uint32_t count)
{
	struct io_uring_sqe *sqe;

	if (b->waiting && !rt_ring_cancel(ring, RT_RING_BELLS | b->number))
		return -EAGAIN;
	b->waiting = 0;
	sqe = rt_ring_submission(ring);
	if (sqe == NULL)
		return -EAGAIN;
	for (uint32_t i = 0; i < count; i++)
		b->words[i] = (struct futex_waitv){
			.val = bells[i].seen,
			.uaddr = (uintptr_t)bells[i].word,
			.flags = FUTEX_32,
		};
	b->count = count;
	b->number += 2;
	io_uring_prep_rw(OP_FUTEX_WAITV, sqe, 0, b->words, count, 0);
	io_uring_sqe_set_data64(sqe, RT_RING_BELLS | b->number);
	b->waiting = 1;
	return 0;
}
