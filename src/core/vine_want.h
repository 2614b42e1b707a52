/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Want: an allocation that waits for memory.
 *
 * Wants stand in the heap's list, oldest first. Who frees serves them: what
 * becomes free goes to the oldest that it is enough for. Memory that others
 * hold is the appliance's to give, so each want also asks it again, at first
 * after VINE_WANT_ASK_MIN_MS, at last every VINE_WANT_ASK_MAX_MS.
 *
 * A large want is not starved by small ones. Whoever comes later, wait or not,
 * may take free pages before the oldest VINE_WANT_OVERTAKEN times; from then on
 * all pages that become free stay until they are enough for the oldest. Pieces
 * of slabs that are there may always be had: they are no pages, and tasks need
 * some to go on.
 *
 * While nobody waits a free costs nothing for it: the first want shuts all
 * caches, which sends every free through the heap's lock, where it is seen.
 */
#ifndef VINE_WANT_H
#define VINE_WANT_H

#include <errno.h>
#include <pthread.h>

#include "core/vine_heap.h"
#include "core/vine_limits.h"

struct vine_want {
	struct vine_want *next;	/* the younger one */
	uint32_t cls;
	size_t size;		/* without a class */
	struct vine_data_s *item; /* what it got */
	pthread_cond_t served;
};

/*
 * vine_want_wait takes a piece of a class (`size` bytes for VINE_HEAP_NO_CLASS)
 * as soon as there is one, at most wait_ns ns from now, or VINE_FOREVER. Sleeps
 * meanwhile, without the lock. Returns 0, or
 *   -ENOMEM      it is more than the whole heap
 *   -EDQUOT      it is more than the session may ever have
 *   -ETIMEDOUT   there was none in time; or the appliance does not answer
 *   -ECONNRESET  the session was lost
 */
int vine_want_wait(struct vine_heap *heap, uint32_t cls, size_t size,
		   int64_t wait_ns, struct vine_data_s **item);

/*
 * vine_want_serve gives what is free to those that wait, oldest first, and
 * wakes them. Under the heap's lock, after something was freed.
 */
void vine_want_serve(struct vine_heap *heap);

/* vine_want_helps tells whether waiting may help against an error. */
static inline int
vine_want_helps(int rc)
{
	return rc == -ENOMEM || rc == -EDQUOT;
}

/*
 * vine_want_reach tells how far an allocation may go that is the want's, or
 * nobody's who waits (NULL). Under the heap's lock.
 */
static inline enum vine_heap_reach
vine_want_reach(const struct vine_heap *heap, const struct vine_want *want)
{
	return heap->wants == NULL || heap->wants == want ||
		heap->overtaken < VINE_WANT_OVERTAKEN ? VINE_HEAP_GRANT :
		VINE_HEAP_AT_HAND;
}

#endif
