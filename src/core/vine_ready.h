/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready set: which armed queues of one worker have work, in a bit each.
 *
 * Up to VINE_READY_FLAT_MAX queues the bits fill one cache line. Beyond that a
 * summary says which leaf words are not zero. A producer sets its leaf bit and
 * then always tests the summary: setting it only when the leaf had been zero
 * would strand a neighbour's work if a producer died between the two. Queue 0
 * does not exist; its bit says that somebody is at the door (vine_door.h).
 *
 * The bits are hints that the peer may set at will. A bit without work costs
 * one look.
 */
#ifndef VINE_READY_H
#define VINE_READY_H

#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_seg.h"

#define VINE_READY_DOOR 0u	/* the bit of those who attach and detach */

struct vine_ready {
	le64_t *summary;
	le64_t *leaf;
	uint32_t leaf_words;
	uint32_t summary_words;	/* 0: flat */
	struct vine_bell_shm *bell;
	struct arch_bell ring;	/* the worker's */
};

/* vine_ready_bind finds ready set and bell i of a segment. */
void vine_ready_bind(const struct vine_seg *seg, uint32_t i,
		     struct vine_ready *ready);

/*
 * task-path 3 ring: vine_ready_ring sets a queue's bit and wakes the worker if
 * it sleeps. Returns 1 if it rang the bell, else 0. Any thread.
 */
int vine_ready_ring(const struct vine_ready *ready, uint32_t queue);

/* vine_ready_any tells whether a bit is set. */
int vine_ready_any(const struct vine_ready *ready);

/* vine_ready_has tells whether vine_ready_collect would find a queue's bit. */
int vine_ready_has(const struct vine_ready *ready, uint32_t queue);

/*
 * vine_ready_collect takes every bit and calls fn for each; where there is a
 * summary, those of up to VINE_READY_WORDS words: anybody can set all, all the
 * time. The others stay set. The worker alone. Returns how many it took.
 */
uint32_t vine_ready_collect(const struct vine_ready *ready,
			    void (*fn)(void *arg, uint32_t queue), void *arg);

#endif
