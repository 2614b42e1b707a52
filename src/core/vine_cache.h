/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache: freed data that a thread keeps, class by class, to hand out again.
 *
 * First in, first out: memory handed to and fro while the other side still has
 * it in its cache is the slowest there is, so a piece is used again as late as
 * possible. A thread keeps at most `recycle_size` bytes of a class, in at most
 * VINE_CACHE_SLOTS pieces.
 *
 * A cache belongs to its thread, but one that runs out of memory may empty all
 * caches of the session, and one that waits for memory keeps them shut, so a
 * bias guards each. The owner never waits: finding it taken he goes to the
 * heap.
 */
#ifndef VINE_CACHE_H
#define VINE_CACHE_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch/spin/arch_bias.h"
#include "core/vine_heap.h"

#define VINE_CACHE_SLOTS 256u	/* a power of two */

/* A ring of freed pieces; positions run freely. */
struct vine_shelf {
	struct vine_data_s **ring; /* VINE_CACHE_SLOTS; NULL: not used yet */
	uint32_t first;
	uint32_t last;
	uint32_t room;		/* pieces; 0 without a ring, else the limit */
	uint32_t limit;		/* pieces that it may keep */
};

struct vine_cache {
	struct arch_bias bias;
	struct vine_heap *heap;
	struct vine_shelf shelves[VINE_HEAP_CLASSES];
};

void vine_cache_init(struct vine_cache *cache, struct vine_heap *heap);

/*
 * vine_cache_pop takes a piece of a class that the cache has, or returns NULL:
 * vine_cache_get may find one. The owner alone.
 */
static inline struct vine_data_s *
vine_cache_pop(struct vine_cache *cache, uint32_t cls)
{
	struct vine_shelf *shelf = &cache->shelves[cls];
	struct vine_data_s *item = NULL;

	if (__builtin_expect(!arch_bias_enter(&cache->bias), 0))
		return NULL;
	if (__builtin_expect(shelf->first != shelf->last, 1))
		item = shelf->ring[shelf->first++ & (VINE_CACHE_SLOTS - 1)];
	arch_bias_leave(&cache->bias);
	return item;
}

/*
 * vine_cache_push keeps a piece if there is room: 1, or 0: vine_cache_put will.
 * The owner alone.
 */
static inline int
vine_cache_push(struct vine_cache *cache, struct vine_data_s *item)
{
	struct vine_shelf *shelf = &cache->shelves[item->cls];
	int kept;

	if (__builtin_expect(!arch_bias_enter(&cache->bias), 0))
		return 0;
	kept = shelf->last - shelf->first < shelf->room;
	if (__builtin_expect(kept, 1))
		shelf->ring[shelf->last++ & (VINE_CACHE_SLOTS - 1)] = item;
	arch_bias_leave(&cache->bias);
	return kept;
}

/* vine_cache_get takes a piece of a class: 0 or as vine_heap_take. */
int vine_cache_get(struct vine_cache *cache, uint32_t cls,
		   struct vine_data_s **item);

/* vine_cache_put keeps a piece or gives some to the heap. Never fails. */
void vine_cache_put(struct vine_cache *cache, struct vine_data_s *item);

/*
 * vine_cache_shut moves all a cache has into `items`, linked by next, and keeps
 * the owner out until vine_cache_open. Any thread, under the heap's lock; or
 * the owner as he leaves.
 */
void vine_cache_shut(struct vine_cache *cache, struct vine_data_s **items);

static inline void
vine_cache_open(struct vine_cache *cache)
{
	arch_bias_give(&cache->bias);
}

/* vine_cache_fini empties and frees a cache. */
void vine_cache_fini(struct vine_cache *cache);

#endif
