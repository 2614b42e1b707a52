/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slabs over runs over extents.
 *
 * When memory is short the heap goes on in steps: pages it has, an extent from
 * the appliance, smaller extents, what all threads' caches hold, and empty
 * extents given back and asked for as one. Only then is it ENOMEM. So no order
 * of frees can keep memory from a thread that needs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_errand.h"
#include "core/vine_heap.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
#include "core/vine_want.h"

#define GRANT_MIN (1u << 20)	/* bytes asked for at least, where there are */

int
vine_heap_init(struct vine_heap *heap, struct vine_session *session)
{
	const struct vine_layout *l = &session->seg->layout;
	uint32_t pages = (uint32_t)(l->heap_size / VINE_PAGE);

	memset(heap, 0, sizeof(*heap));
	heap->session = session;
	heap->heap_off = l->heap_off;
	heap->keep = session->recycle;
	if (heap->keep > l->heap_size / 64)
		heap->keep = l->heap_size / 64;
	heap->extents = calloc(pages, sizeof(*heap->extents));
	if (heap->extents == NULL || vine_runs_init(&heap->runs, pages) != 0) {
		free(heap->extents);
		memset(heap, 0, sizeof(*heap));
		return -ENOMEM;
	}
	pthread_mutex_init(&heap->lock, NULL);
	return 0;
}

static void
free_slabs(struct vine_slab *slab)
{
	struct vine_slab *next;

	for (; slab; slab = next) {
		next = slab->next;
		free(slab);
	}
}

/* Frees the bookkeeping; data that the user still has dies with it. */
void
vine_heap_fini(struct vine_heap *heap)
{
	if (heap->session == NULL)	/* it was never made */
		return;
	for (uint32_t i = 0; i < heap->block_count; i++)
		free(heap->blocks[i]);
	free(heap->blocks);
	for (uint32_t c = 0; c < VINE_HEAP_CLASSES; c++)
		free_slabs(heap->slabs[c]);
	free_slabs(heap->full);
	vine_runs_fini(&heap->runs);
	free(heap->extents);
	pthread_mutex_destroy(&heap->lock);
}

static uint32_t
pages_of(uint64_t bytes)
{
	return (uint32_t)((bytes + VINE_PAGE - 1) / VINE_PAGE);
}

/* Ask the appliance for an extent and make its pages free. */
static int
grant(struct vine_heap *heap, uint32_t pages)
{
	uint64_t off, bytes = (uint64_t)pages * VINE_PAGE;
	uint32_t page;
	int rc = vine_errand_run(heap->session, VINE_CTL_GRANT, bytes, 0,
				 0, NULL, &off);

	if (rc)
		return rc;
	if (vine_seg_at(heap->session->seg, off, bytes, VINE_PAGE) == NULL ||
	    off < heap->heap_off)
		return -EPROTO;
	page = (uint32_t)((off - heap->heap_off) / VINE_PAGE);
	heap->extents[page] = pages;
	heap->granted += bytes;
	vine_runs_edge(&heap->runs, page, 1);
	vine_runs_edge(&heap->runs, page + pages, 1);
	vine_runs_free(&heap->runs, page, pages);
	return 0;
}

/* Give one extent, free as a whole, back to the appliance. */
static void
give_back(struct vine_heap *heap, uint32_t page)
{
	uint32_t pages = heap->extents[page];
	uint64_t off = heap->heap_off + (uint64_t)page * VINE_PAGE;

	if (vine_runs_claim(&heap->runs, page, pages) != 0)
		return;
	if (vine_errand_run(heap->session, VINE_CTL_RETURN, off, 0, 0,
			    NULL, NULL) != 0) {
		vine_runs_free(&heap->runs, page, pages);
		return;
	}
	heap->extents[page] = 0;
	heap->granted -= (uint64_t)pages * VINE_PAGE;
	vine_runs_edge(&heap->runs, page, 0);
	/* the page after it stays an edge if an extent begins there */
	if (page + pages < heap->runs.pages && !heap->extents[page + pages])
		vine_runs_edge(&heap->runs, page + pages, 0);
}

/* A run was freed: is the extent around it free, and enough left without? */
static void
maybe_give_back(struct vine_heap *heap, uint32_t page)
{
	if (heap->wants)	/* they ask for more themselves */
		return;
	while (page > 0 && heap->extents[page] == 0)
		page--;
	if (heap->extents[page] == 0 ||
	    vine_runs_at(&heap->runs, page) != heap->extents[page])
		return;
	if (heap->runs.free_pages * VINE_PAGE <= heap->keep +
	    (uint64_t)heap->extents[page] * VINE_PAGE)
		return;
	give_back(heap, page);
}

static void
give_back_all(struct vine_heap *heap)
{
	for (uint32_t p = 0; p < heap->runs.pages; p++)
		if (heap->extents[p] &&
		    vine_runs_at(&heap->runs, p) == heap->extents[p])
			give_back(heap, p);
}

static void put_locked(struct vine_heap *heap, struct vine_data_s *item);

void
vine_heap_shut(struct vine_heap *heap)
{
	struct vine_data_s *items = NULL, *next;

	for (struct vine_thread *t = heap->threads; t; t = t->peer)
		vine_cache_shut(&t->cache, &items);
	for (; items; items = next) {
		next = items->next;
		put_locked(heap, items);
	}
}

static void
open_caches(struct vine_heap *heap)
{
	for (struct vine_thread *t = heap->threads; t; t = t->peer)
		vine_cache_open(&t->cache);
}

void
vine_heap_open(struct vine_heap *heap)
{
	open_caches(heap);
	for (uint32_t p = 0; p < heap->runs.pages; p++)
		if (heap->extents[p])
			maybe_give_back(heap, p);
}

static void
empty_caches(struct vine_heap *heap)
{
	if (heap->wants)	/* shut, so empty */
		return;
	vine_heap_shut(heap);
	open_caches(heap);
}

/* Find `want` pages, going through the steps named above. */
static int
find_pages(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t want,
	   uint32_t *page)
{
	uint32_t ask = want < GRANT_MIN / VINE_PAGE ? GRANT_MIN / VINE_PAGE :
		want;
	uint32_t most = heap->runs.pages / 16;
	int rc;

	if (reach == VINE_HEAP_AT_HAND)
		return -ENOMEM;
	if (vine_runs_take(&heap->runs, want, 0, page) == 0)
		return 0;
	if (reach == VINE_HEAP_PAGES || want > heap->runs.pages)
		return -ENOMEM;
	if (ask > most && most >= want)
		ask = most;
	for (; ask > want; ask = ask / 2 > want ? ask / 2 : want) {
		if (grant(heap, ask) == 0)
			return vine_runs_take(&heap->runs, want, 0, page);
	}
	rc = grant(heap, want);
	if (vine_want_helps(rc)) {
		empty_caches(heap);
		if (vine_runs_take(&heap->runs, want, 0, page) == 0)
			return 0;
		give_back_all(heap);
		rc = grant(heap, want);
	}
	return rc ? rc : vine_runs_take(&heap->runs, want, 0, page);
}

static int
take_pages(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t want,
	   uint32_t *page)
{
	int rc = find_pages(heap, reach, want, page);

	heap->overtaken += rc == 0;
	return rc;
}

/* Remember a block of bookkeeping, to free it with the session. */
static int
remember(struct vine_heap *heap, void *block)
{
	if (heap->block_count == heap->block_room) {
		uint32_t room = heap->block_room ? heap->block_room * 2 : 64;
		void **blocks = realloc(heap->blocks, room * sizeof(*blocks));

		if (blocks == NULL)
			return -ENOMEM;
		heap->blocks = blocks;
		heap->block_room = room;
	}
	heap->blocks[heap->block_count++] = block;
	return 0;
}

static void
set_place(struct vine_heap *heap, struct vine_data_s *d, uint64_t at)
{
	d->session = heap->session;
	d->off = heap->heap_off + at;
	d->ptr = heap->session->seg->base + d->off;
}

/* Slabs hang in the list of their class, or in `full`. */
static void
slab_link(struct vine_slab **list, struct vine_slab *slab)
{
	slab->prev = NULL;
	slab->next = *list;
	if (slab->next)
		slab->next->prev = slab;
	*list = slab;
}

static void
slab_unlink(struct vine_slab **list, struct vine_slab *slab)
{
	if (slab->next)
		slab->next->prev = slab->prev;
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		*list = slab->next;
}

/* Zeroed memory at a line of its own; bytes are a multiple of 64. */
static void *
lines(size_t bytes)
{
	void *ptr = aligned_alloc(64, bytes);

	return ptr ? memset(ptr, 0, bytes) : NULL;
}

static int
slab_new(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t cls)
{
	size_t size = vine_heap_class_size(cls);
	uint32_t count = (uint32_t)((64u << 10) / size), pages, page;
	struct vine_slab *slab;
	int rc;

	count = count < 8 ? 8 : count > 512 ? 512 : count;
	pages = pages_of(count * size);
	rc = take_pages(heap, reach, pages, &page);
	if (vine_want_helps(rc)) {	/* the last of it: one piece will do */
		pages = pages_of(size);
		rc = take_pages(heap, reach, pages, &page);
	}
	if (rc)
		return rc;
	count = (uint32_t)((uint64_t)pages * VINE_PAGE / size);
	slab = lines(sizeof(*slab) + count * sizeof(slab->items[0]));
	if (slab == NULL) {
		vine_runs_free(&heap->runs, page, pages);
		return -ENOMEM;
	}
	slab->page = page;
	slab->pages = pages;
	slab->cls = cls;
	slab->count = count;
	slab->free_count = count;
	for (uint32_t i = count; i-- > 0;) {
		struct vine_data_s *d = &slab->items[i];

		set_place(heap, d, (uint64_t)page * VINE_PAGE + i * size);
		d->slab = slab;
		d->cls = cls;
		d->next = slab->free_first;
		slab->free_first = d;
	}
	slab_link(&heap->slabs[cls], slab);
	return 0;
}

static struct vine_data_s *
item_new(struct vine_heap *heap)
{
	struct vine_data_s *d = heap->free_items;

	if (d == NULL) {
		d = lines(64 * sizeof(*d));
		if (d == NULL || remember(heap, d) != 0) {
			free(d);
			return NULL;
		}
		for (int i = 0; i < 64; i++) {
			d[i].next = heap->free_items;
			heap->free_items = &d[i];
		}
		d = heap->free_items;
	}
	heap->free_items = d->next;
	return d;
}

static int
take_run(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t cls,
	 size_t size, struct vine_data_s **item)
{
	uint32_t pages = pages_of(size), page;
	struct vine_data_s *d = item_new(heap);
	int rc = d ? take_pages(heap, reach, pages, &page) : -ENOMEM;

	if (rc) {
		if (d) {
			d->next = heap->free_items;
			heap->free_items = d;
		}
		return rc;
	}
	set_place(heap, d, (uint64_t)page * VINE_PAGE);
	d->slab = NULL;
	d->cls = cls;
	d->pages = pages;
	*item = d;
	return 0;
}

static int
take_piece(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t cls,
	   struct vine_data_s **item)
{
	struct vine_slab *slab = heap->slabs[cls];
	int rc;

	if (slab == NULL) {
		rc = slab_new(heap, reach, cls);
		slab = heap->slabs[cls];
		/* without a page there may still be what a cache kept */
		if (slab == NULL)
			return rc;
	}
	*item = slab->free_first;
	slab->free_first = (*item)->next;
	if (--slab->free_count == 0) {
		slab_unlink(&heap->slabs[cls], slab);
		slab_link(&heap->full, slab);
	}
	return 0;
}

int
vine_heap_one(struct vine_heap *heap, enum vine_heap_reach reach, uint32_t cls,
	      size_t size, struct vine_data_s **item)
{
	if (cls == VINE_HEAP_NO_CLASS)
		return take_run(heap, reach, cls, size, item);
	size = vine_heap_class_size(cls);
	if (size > VINE_HEAP_SLAB_MAX)
		return take_run(heap, reach, cls, size, item);
	return take_piece(heap, reach, cls, item);
}

int
vine_heap_take(struct vine_heap *heap, uint32_t cls,
	       struct vine_data_s **items, uint32_t want)
{
	uint32_t n = 0;
	int rc;

	pthread_mutex_lock(&heap->lock);
	do {
		rc = vine_heap_one(heap, vine_want_reach(heap, NULL), cls, 0,
				   &items[n]);
		n += rc == 0;
		/* after the first, only what is at hand */
	} while (n < want && rc == 0 && heap->slabs[cls]);
	pthread_mutex_unlock(&heap->lock);
	return n ? (int)n : rc;
}

int
vine_heap_take_large(struct vine_heap *heap, size_t size,
		     struct vine_data_s **item)
{
	int rc;

	if (size > heap->session->seg->layout.heap_size)
		return -ENOMEM;
	pthread_mutex_lock(&heap->lock);
	rc = vine_heap_one(heap, vine_want_reach(heap, NULL),
			   VINE_HEAP_NO_CLASS, size, item);
	pthread_mutex_unlock(&heap->lock);
	return rc;
}

static void
put_locked(struct vine_heap *heap, struct vine_data_s *item)
{
	struct vine_slab *slab = item->slab;
	uint32_t page;

	if (slab == NULL) {
		page = (uint32_t)((item->off - heap->heap_off) / VINE_PAGE);
		vine_runs_free(&heap->runs, page, item->pages);
		item->next = heap->free_items;
		heap->free_items = item;
		maybe_give_back(heap, page);
		return;
	}
	item->next = slab->free_first;
	slab->free_first = item;
	if (slab->free_count++ == 0) {
		slab_unlink(&heap->full, slab);
		slab_link(&heap->slabs[slab->cls], slab);
	}
	if (slab->free_count < slab->count)
		return;
	page = slab->page;
	slab_unlink(&heap->slabs[slab->cls], slab);
	vine_runs_free(&heap->runs, page, slab->pages);
	free(slab);
	maybe_give_back(heap, page);
}

/* Another session found no memory: what we do not use goes back. */
static void
heed(struct vine_heap *heap)
{
	uint32_t scarce = vine_session_scarce(heap->session);

	if (scarce == heap->scarce)
		return;
	heap->scarce = scarce;
	empty_caches(heap);
	give_back_all(heap);
}

void
vine_heap_put(struct vine_heap *heap, struct vine_data_s **items,
	      uint32_t count)
{
	pthread_mutex_lock(&heap->lock);
	for (uint32_t i = 0; i < count; i++)
		put_locked(heap, items[i]);
	if (heap->wants)
		vine_want_serve(heap);
	else
		heed(heap);
	pthread_mutex_unlock(&heap->lock);
}
