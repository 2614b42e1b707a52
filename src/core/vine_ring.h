/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring: slots of one producer and one consumer, found by their sequence.
 *
 * Position p lies in slot p mod n and carries the sequence p + 1, which no
 * other lap of that slot has. The producer fills a slot in place and stores its
 * first word last, with release; the consumer looks at the slot that is next
 * for it and sees by the sequence whether it has been filled. So a message
 * costs one cache line, and no index is shared on the road. Positions are
 * private to each side and run freely over 32 bits.
 *
 * Whether a slot is free again is not the ring's affair: a submission slot is
 * when the consumer's published `taken` has passed it, a completion slot when
 * its producer was given a credit for it.
 */
#ifndef VINE_RING_H
#define VINE_RING_H

#include <stdint.h>

#include "core/vine_desc.h"
#include "core/vine_layout.h"

/*
 * Lines ahead that are asked for early, so that several are on their way at a
 * time. Distances as measured to be best for rings that fit L1: 8 to write, 4
 * to read (two vCPUs of an AMD EPYC, 2026).
 */
#define VINE_RING_AHEAD_WRITE 8u
#define VINE_RING_AHEAD_READ 4u

/* One side's private end of a submission ring. */
struct vine_ring {
	struct vine_desc_shm *slots;
	uint32_t mask;
	uint32_t pos;		/* next to fill, or next to take */
};

/* The same of a completion ring. */
struct vine_cring {
	struct vine_comp_shm *slots;
	uint32_t mask;
	uint32_t pos;
};

/* A completion, copied out, as the words of its slot. */
struct vine_comp {
	uint32_t cookie;
	uint64_t value;
	uint64_t how;		/* status, errno, ticks from issue to take */
	uint64_t times;		/* ticks from issue to execute, to complete */
};

static inline uint64_t
vine_comp_how(uint32_t status, uint32_t error, uint32_t take)
{
	return (status & 0xff) | (uint64_t)(error & 0xffff) << 16 |
	       (uint64_t)take << 32;
}

static inline uint64_t
vine_comp_times(uint32_t execute, uint32_t complete)
{
	return execute | (uint64_t)complete << 32;
}

static inline uint32_t
vine_comp_status(uint64_t how)
{
	return how & 0xff;
}

static inline uint32_t
vine_comp_error(uint64_t how)
{
	return how >> 16 & 0xffff;
}

static inline uint32_t
vine_comp_take(uint64_t how)
{
	return (uint32_t)(how >> 32);
}

static inline uint32_t
vine_comp_execute(uint64_t times)
{
	return (uint32_t)times;
}

static inline uint32_t
vine_comp_complete(uint64_t times)
{
	return (uint32_t)(times >> 32);
}

/* vine_ring_slot returns the slot to fill next. It must be free. */
static inline struct vine_desc_shm *
vine_ring_slot(const struct vine_ring *ring)
{
	return &ring->slots[ring->pos & ring->mask];
}

/* task-path 2 publish: vine_ring_push makes the filled slot known. */
static inline void
vine_ring_push(struct vine_ring *ring, uint32_t cookie)
{
	uint32_t seq = ++ring->pos;

	/* RING-R1 publishes words 1 to 7; pairs with RING-A1 in
	 * vine_ring_pop(). Without it the consumer could see the new sequence
	 * and words of the lap before. */
	arch_store_release64(&ring->slots[(seq - 1) & ring->mask].w[0],
			     seq | (uint64_t)cookie << 32);
}

/* vine_ring_reserve asks for the lines that will be filled next. */
static inline void
vine_ring_reserve(const struct vine_ring *ring)
{
	arch_prefetch_write(&ring->slots[(ring->pos + VINE_RING_AHEAD_WRITE) &
					 ring->mask]);
}

/* vine_ring_expect asks for the line that will be taken `ahead` after next. */
static inline void
vine_ring_expect(const struct vine_ring *ring, uint32_t ahead)
{
	arch_prefetch(&ring->slots[(ring->pos + ahead) & ring->mask]);
}

/* vine_ring_peek tells whether the next slot has been filled. */
static inline int
vine_ring_peek(const struct vine_ring *ring)
{
	const struct vine_desc_shm *s = &ring->slots[ring->pos & ring->mask];

	return (uint32_t)arch_load64(&s->w[0]) == ring->pos + 1;
}

/*
 * vine_ring_peek_accel tells whether the next slot has been filled, and for
 * which accelerator its task is: a hint, which nobody has checked.
 */
static inline int
vine_ring_peek_accel(const struct vine_ring *ring, uint32_t *accel)
{
	const struct vine_desc_shm *s = &ring->slots[ring->pos & ring->mask];

	/* RING-A1: as in vine_ring_pop(). */
	if ((uint32_t)arch_load_acquire64(&s->w[0]) != ring->pos + 1)
		return 0;
	*accel = (uint32_t)arch_load64(&s->w[1]);
	return 1;
}

/*
 * task-path 4 take: vine_ring_pop copies the next slot out, each word by one
 * load. Returns 1, or 0 when it has not been filled.
 */
static inline int
vine_ring_pop(struct vine_ring *ring, struct vine_desc *copy)
{
	const struct vine_desc_shm *s = &ring->slots[ring->pos & ring->mask];
	/* RING-A1: see vine_ring_push(). */
	uint64_t w0 = arch_load_acquire64(&s->w[0]);

	if ((uint32_t)w0 != ring->pos + 1)
		return 0;
	copy->w[0] = w0;
	copy->w[1] = arch_load64(&s->w[1]);
	copy->w[2] = arch_load64(&s->w[2]);
	copy->w[3] = arch_load64(&s->w[3]);
	copy->w[4] = arch_load64(&s->w[4]);
	copy->w[5] = arch_load64(&s->w[5]);
	copy->w[6] = arch_load64(&s->w[6]);
	copy->w[7] = arch_load64(&s->w[7]);
	ring->pos++;
	return 1;
}

/* vine_cring_push fills and publishes the next completion slot. */
static inline void
vine_cring_push(struct vine_cring *ring, const struct vine_comp *c)
{
	struct vine_comp_shm *s = &ring->slots[ring->pos & ring->mask];
	uint32_t seq = ++ring->pos;

	arch_prefetch_write(&ring->slots[(seq + 2 * VINE_RING_AHEAD_WRITE) &
					 ring->mask]);
	arch_store64(&s->w[1], c->value);
	arch_store64(&s->w[2], c->how);
	arch_store64(&s->w[3], c->times);
	/* RING-R2 publishes words 1 to 3; pairs with RING-A2 in
	 * vine_cring_pop(). It also orders what the procedure wrote into the
	 * task's data before its completion. */
	arch_store_release64(&s->w[0], seq | (uint64_t)c->cookie << 32);
}

static inline int
vine_cring_peek(const struct vine_cring *ring)
{
	const struct vine_comp_shm *s = &ring->slots[ring->pos & ring->mask];

	return (uint32_t)arch_load64(&s->w[0]) == ring->pos + 1;
}

/* vine_cring_pop copies the next completion out; 0 when there is none. */
static inline int
vine_cring_pop(struct vine_cring *ring, struct vine_comp *c)
{
	const struct vine_comp_shm *s = &ring->slots[ring->pos & ring->mask];
	/* RING-A2: see vine_cring_push(). */
	uint64_t w0 = arch_load_acquire64(&s->w[0]);

	if ((uint32_t)w0 != ring->pos + 1)
		return 0;
	c->cookie = (uint32_t)(w0 >> 32);
	c->value = arch_load64(&s->w[1]);
	c->how = arch_load64(&s->w[2]);
	c->times = arch_load64(&s->w[3]);
	ring->pos++;
	return 1;
}

#endif
