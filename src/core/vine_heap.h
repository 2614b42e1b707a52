/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap: how a session divides the extents that it was granted.
 *
 * All of its bookkeeping is private memory; nothing of it lies in the segment.
 * Sizes up to VINE_HEAP_SLAB_MAX come from slabs, runs of pages that are cut
 * into pieces of one class; larger ones are runs of pages of their own. Classes
 * grow by a quarter of the power of two below, so at most a fifth of a piece is
 * unused. Every piece is a multiple of 64 bytes at a multiple of 64.
 *
 * One lock. Threads keep freed data of their own in front of it (vine_cache.h)
 * and may wait behind it for memory (vine_want.h); while one waits, the caches
 * are shut and everything goes through the lock.
 *
 * An extent that is free as a whole goes back to the appliance unless little
 * would be left or somebody waits; all of them do, and what the caches hold,
 * when another session finds no memory.
 */
#ifndef VINE_HEAP_H
#define VINE_HEAP_H

#include <pthread.h>
#include <stdint.h>

#include "core/vine_data.h"
#include "core/vine_runs.h"

struct vine_session;
struct vine_thread;
struct vine_want;

#define VINE_HEAP_CLASSES 60u		/* 64 bytes to 4 MiB */
#define VINE_HEAP_CLASS_MAX (4u << 20)
#define VINE_HEAP_SLAB_MAX (32u << 10)
#define VINE_HEAP_NO_CLASS UINT32_MAX

/* How far an allocation goes for memory. */
enum vine_heap_reach {
	VINE_HEAP_AT_HAND,	/* pieces of slabs that are there */
	VINE_HEAP_PAGES,	/* and free pages */
	VINE_HEAP_GRANT,	/* and the appliance's */
};

struct vine_slab {
	uint32_t page;		/* of the heap */
	uint32_t pages;
	uint32_t cls;
	uint32_t count;		/* pieces */
	uint32_t free_count;
	struct vine_slab *next;	/* of those of its class with a free piece */
	struct vine_slab *prev;
	struct vine_data_s *free_first;
	struct vine_data_s items[]; /* one per piece, for as long as it lives */
};

struct vine_heap {
	struct vine_session *session;
	pthread_mutex_t lock;
	uint64_t heap_off;	/* of page 0 in the segment */
	struct vine_runs runs;
	uint32_t *extents;	/* pages of the extent that begins at a page */
	struct vine_slab *slabs[VINE_HEAP_CLASSES]; /* with a free piece */
	struct vine_data_s *free_items; /* of pieces without a slab */
	void **blocks;		/* of free_items, freed with the heap */
	uint32_t block_count;
	uint32_t block_room;
	struct vine_slab *full;	/* slabs without a free piece */
	struct vine_thread *threads;	/* whose caches may hold memory */
	_Atomic uint64_t granted;	/* bytes; vine_session_info takes no lock */
	uint32_t scarce;	/* what vine_session_scarce said last */
	uint64_t keep;		/* bytes of free extents to keep */
	struct vine_want *wants; /* who waits for memory, see vine_want.h */
	uint32_t overtaken;	/* takes of pages since the oldest want is so */
};

int vine_heap_init(struct vine_heap *heap, struct vine_session *session);
void vine_heap_fini(struct vine_heap *heap);

/* vine_heap_class returns the class of a size, or VINE_HEAP_NO_CLASS. */
static inline uint32_t
vine_heap_class(size_t size)
{
	uint32_t units, e;	/* units beyond the first */

	if (size > VINE_HEAP_CLASS_MAX)
		return VINE_HEAP_NO_CLASS;
	units = (uint32_t)((size - (size != 0)) / 64);
	e = 29 - (uint32_t)__builtin_clz(units | 4);
	return e * 4 + (units >> e);
}

/* vine_heap_class_size returns the bytes of a class's pieces. */
static inline size_t
vine_heap_class_size(uint32_t cls)
{
	if (cls < 4)
		return (cls + 1) * 64;
	return (size_t)((cls & 3) + 5) << ((cls - 4) / 4) << 6;
}

/*
 * vine_heap_take writes up to `want` pieces of a class, at least one. Returns
 * how many, or -ENOMEM, -EDQUOT, -ETIMEDOUT, -ECONNRESET. Takes the lock; may
 * ask the appliance for an extent.
 */
int vine_heap_take(struct vine_heap *heap, uint32_t cls,
		   struct vine_data_s **items, uint32_t want);

/* vine_heap_take_large takes one piece of a size beyond all classes. */
int vine_heap_take_large(struct vine_heap *heap, size_t size,
			 struct vine_data_s **item);

/* vine_heap_put gives pieces back. Takes the lock. */
void vine_heap_put(struct vine_heap *heap, struct vine_data_s **items,
		   uint32_t count);

/*
 * vine_heap_one takes one piece of a class, or of `size` bytes for
 * VINE_HEAP_NO_CLASS, under the lock. Returns 0 or as vine_heap_take.
 */
int vine_heap_one(struct vine_heap *heap, enum vine_heap_reach reach,
		  uint32_t cls, size_t size, struct vine_data_s **item);

/*
 * vine_heap_shut empties all threads' caches and keeps their owners out;
 * vine_heap_open lets them in again and gives back what is more than to be
 * kept. Both under the lock.
 */
void vine_heap_shut(struct vine_heap *heap);
void vine_heap_open(struct vine_heap *heap);

#endif
