/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shelf a class: a ring that is filled at one end and emptied at the other.
 * What cannot be kept, or is not there, is the heap's affair, a few pieces at a
 * time.
 */
#include <stdlib.h>
#include <string.h>

#include "core/vine_cache.h"
#include "core/vine_session.h"

#define BATCH 16u	/* pieces moved from or to the heap at a time */

void
vine_cache_init(struct vine_cache *cache, struct vine_heap *heap)
{
	uint64_t recycle = heap->session->recycle;

	memset(cache, 0, sizeof(*cache));
	cache->heap = heap;
	for (uint32_t c = 0; c < VINE_HEAP_CLASSES; c++) {
		uint64_t n = recycle / vine_heap_class_size(c);

		cache->shelves[c].limit =
			(uint32_t)(n > VINE_CACHE_SLOTS ? VINE_CACHE_SLOTS : n);
	}
}

/* More pieces at once where they are small. */
static uint32_t
batch_of(const struct vine_shelf *shelf)
{
	uint32_t n = shelf->limit / 4;

	return n > BATCH ? BATCH : n ? n : 1;
}

static int
refill(struct vine_cache *cache, uint32_t cls, uint32_t want,
       struct vine_data_s **item)
{
	struct vine_shelf *shelf = &cache->shelves[cls];
	struct vine_data_s *items[BATCH];
	int n = vine_heap_take(cache->heap, cls, items, want);

	if (n < 0)
		return n;
	*item = items[0];
	if (n > 1 && (shelf->ring == NULL || !arch_bias_enter(&cache->bias))) {
		vine_heap_put(cache->heap, items + 1, (uint32_t)n - 1);
		return 0;
	}
	for (int i = 1; i < n; i++)
		shelf->ring[shelf->last++ & (VINE_CACHE_SLOTS - 1)] = items[i];
	if (n > 1)
		arch_bias_leave(&cache->bias);
	return 0;
}

int
vine_cache_get(struct vine_cache *cache, uint32_t cls,
	       struct vine_data_s **item)
{
	struct vine_shelf *shelf = &cache->shelves[cls];
	uint32_t want = 1;

	if (__builtin_expect(arch_bias_enter(&cache->bias), 1)) {
		if (__builtin_expect(shelf->first != shelf->last, 1)) {
			*item = shelf->ring[shelf->first++ &
					    (VINE_CACHE_SLOTS - 1)];
			arch_bias_leave(&cache->bias);
			return 0;
		}
		if (shelf->ring == NULL && shelf->limit)
			shelf->ring = malloc(VINE_CACHE_SLOTS *
					     sizeof(*shelf->ring));
		shelf->room = shelf->ring ? shelf->limit : 0;
		want = batch_of(shelf);
		arch_bias_leave(&cache->bias);
	}
	return refill(cache, cls, want, item);
}

void
vine_cache_put(struct vine_cache *cache, struct vine_data_s *item)
{
	struct vine_shelf *shelf = &cache->shelves[item->cls];
	struct vine_data_s *out[BATCH];
	uint32_t n = 0, batch = batch_of(shelf);

	if (__builtin_expect(arch_bias_enter(&cache->bias), 1)) {
		if (shelf->ring == NULL) {
			out[n++] = item;
		} else {
			while (shelf->last - shelf->first >= shelf->limit &&
			       n < batch)
				out[n++] = shelf->ring[shelf->first++ &
						(VINE_CACHE_SLOTS - 1)];
			shelf->ring[shelf->last++ & (VINE_CACHE_SLOTS - 1)] =
				item;
		}
		arch_bias_leave(&cache->bias);
	} else {
		out[n++] = item;
	}
	if (n)
		vine_heap_put(cache->heap, out, n);
}

void
vine_cache_shut(struct vine_cache *cache, struct vine_data_s **items)
{
	arch_bias_take(&cache->bias);
	for (uint32_t c = 0; c < VINE_HEAP_CLASSES; c++) {
		struct vine_shelf *s = &cache->shelves[c];

		while (s->first != s->last) {
			struct vine_data_s *d =
				s->ring[s->first++ & (VINE_CACHE_SLOTS - 1)];

			d->next = *items;
			*items = d;
		}
	}
}

void
vine_cache_fini(struct vine_cache *cache)
{
	for (uint32_t c = 0; c < VINE_HEAP_CLASSES; c++) {
		free(cache->shelves[c].ring);
		cache->shelves[c].ring = NULL;
	}
}
