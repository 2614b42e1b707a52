/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring bells: the wait of a ring on the words of bells.
 *
 * It outlives a sleep that something else has ended: as long as it has not
 * completed, none of its words was rung since it was submitted. So it is
 * submitted again only after it completed, or for other words. For
 * rt_engine_uring.c.
 */
#ifndef RT_RING_BELLS_H
#define RT_RING_BELLS_H

#include <errno.h>
#include <linux/futex.h>

#include "arch/spin/arch_bell.h"
#include "rt/rt_ring.h"

/* Zero it to begin. */
struct rt_ring_bells {
	struct futex_waitv words[RT_WAIT_BELLS_MAX + 1];
	uint32_t count;		/* of the wait that is under way */
	uint32_t number;	/* of it; even */
	int waiting;		/* it is */
};

/* rt_ring_bells_is_on tells whether the wait under way is on these bells. */
static inline int
rt_ring_bells_is_on(const struct rt_ring_bells *b,
		    const struct arch_bell_seen *bells, uint32_t count)
{
	if (!b->waiting || count != b->count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (b->words[i].uaddr != (uintptr_t)bells[i].word)
			return 0;
	return 1;
}

/*
 * rt_ring_bells_begin submits a wait on these bells in place of what is under
 * way. Returns 0, or -EAGAIN where the ring has no place for it.
 */
int rt_ring_bells_begin(struct rt_ring_bells *b, struct rt_ring *ring,
			const struct arch_bell_seen *bells, uint32_t count);

/*
 * rt_ring_bells_done takes a completion with a tag of RT_RING_BELLS: it may be
 * of the wait that is under way. Returns 0, or why the words cannot be waited
 * on.
 */
static inline int
rt_ring_bells_done(struct rt_ring_bells *b, uint64_t tag, int result)
{
	if (tag != (RT_RING_BELLS | b->number))
		return 0;
	b->waiting = 0;
	return result < 0 && result != -EAGAIN ? result : 0;
}

#endif
