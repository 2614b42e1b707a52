/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries say who holds what; the owner table says which entry a page belongs
 * to. A page's owner is written after its entry and cleared before the entry
 * is used again, and not before every lane has passed a quiet point.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_extent.h"

static void
own_pages(struct vine_extents *x, uint32_t page, uint32_t len, uint32_t entry)
{
	for (uint32_t i = 0; i < len; i++)
		/* EXT-R1: pairs with EXT-A1 in vine_extents_find(). */
		atomic_store_explicit(&x->owner[page + i], entry,
				      memory_order_release);
}

/* Write the directory's entry, for tools, and for an appliance that has no keep
 * of ours. */
static void
publish(struct vine_extents *x, uint32_t i, uint32_t slot, uint32_t queue)
{
	struct vine_extent_shm *shm = vine_seg_extent(x->seg, i);
	const struct vine_extent *e = &x->entries[i];

	arch_store64(&shm->off, e->off);
	arch_store32(&shm->session, slot);
	arch_store32(&shm->queue, queue);
	arch_store_release64(&shm->len, e->state ? e->len : 0);
}

/* Into the list of its slot, and out of it. */
static void
link_mate(struct vine_extents *x, struct vine_extent *e)
{
	uint32_t *first = &x->use[e->slot].first;

	e->mates[0] = 0;
	e->mates[1] = *first;
	*first = (uint32_t)(e - x->entries) + 1;
	if (e->mates[1])
		x->entries[e->mates[1] - 1].mates[0] = *first;
}

static void
unlink_mate(struct vine_extents *x, const struct vine_extent *e)
{
	if (e->mates[0])
		x->entries[e->mates[0] - 1].mates[1] = e->mates[1];
	else
		x->use[e->slot].first = e->mates[1];
	if (e->mates[1])
		x->entries[e->mates[1] - 1].mates[0] = e->mates[0];
}

/* The same for the next appliance, which will believe it. */
static void
note(struct vine_extents *x, uint32_t i, uint32_t queue)
{
	struct vine_keep_extent *k = &x->keep->extents[i];
	const struct vine_extent *e = &x->entries[i];

	k->slot = e->slot;
	k->queue = queue;
	k->off = e->off;
	k->len = e->len;
	k->task = x->keep->sessions[e->slot].task;
	vine_keep_set(&k->serial,
		      atomic_load_explicit(&e->serial, memory_order_relaxed));
}

static void
entry_fill(struct vine_extents *x, uint32_t i, uint32_t serial, uint32_t slot,
	   uint32_t queue, uint32_t page, uint32_t len)
{
	struct vine_extent *e = &x->entries[i];

	e->slot = slot;
	e->rings = queue != 0;
	e->off = x->heap_off + (uint64_t)page * VINE_PAGE;
	e->len = (uint64_t)len * VINE_PAGE;
	e->state = VINE_EXTENT_GRANTED;
	atomic_store_explicit(&e->holds, 0, memory_order_relaxed);
	atomic_store_explicit(&e->serial, serial, memory_order_relaxed);
	if (!e->rings)
		x->use[slot].held += e->len;
	link_mate(x, e);
	own_pages(x, page, len, i + 1);
	publish(x, i, slot, queue);
}

static void
entry_take(struct vine_extents *x, uint32_t serial, uint32_t slot,
	   uint32_t queue, uint32_t page, uint32_t len)
{
	uint32_t i = x->free_entry - 1;

	x->free_entry = x->entries[i].next;
	entry_fill(x, i, serial, slot, queue, page, len);
	note(x, i, queue);
}

/* What stands in the keep was judged when that was opened. */
static int
restore(struct vine_extents *x)
{
	for (uint32_t i = x->max; i-- > 0;) {
		const struct vine_keep_extent *k = &x->keep->extents[i];
		uint32_t page = (uint32_t)((k->off - x->heap_off) / VINE_PAGE);
		uint32_t len = (uint32_t)(k->len / VINE_PAGE);

		if (k->serial == 0) {
			x->entries[i].next = x->free_entry;
			x->free_entry = i + 1;
			continue;
		}
		if (vine_runs_claim(&x->free, page, len) != 0)
			return -ENOMEM;
		entry_fill(x, i, k->serial, k->slot, k->queue, page, len);
	}
	return 0;
}

int
vine_extents_init(struct vine_extents *x, const struct vine_seg *seg,
		  struct vine_keep *keep)
{
	int rc = -ENOMEM;

	memset(x, 0, sizeof(*x));
	x->seg = seg;
	x->keep = keep;
	x->heap_off = seg->layout.heap_off;
	x->heap_size = seg->layout.heap_size;
	if (x->heap_size / VINE_PAGE > UINT32_MAX - 2)
		return -ENOMEM;
	x->pages = (uint32_t)(x->heap_size / VINE_PAGE);
	x->max = seg->layout.extents;
	x->owner = calloc(x->pages, sizeof(*x->owner));
	x->entries = calloc(x->max, sizeof(*x->entries));
	x->use = calloc(seg->layout.sessions, sizeof(*x->use));
	if (x->owner && x->entries && x->use &&
	    vine_runs_init(&x->free, x->pages) == 0) {
		vine_runs_free(&x->free, 0, x->pages);
		rc = restore(x);
	}
	if (rc)
		vine_extents_fini(x);
	return rc;
}

void
vine_extents_fini(struct vine_extents *x)
{
	free(x->owner);
	vine_runs_fini(&x->free);
	free(x->entries);
	free(x->use);
	x->owner = NULL;
	x->use = NULL;
	x->entries = NULL;
}

int
vine_extents_grant(struct vine_extents *x, uint32_t serial, uint32_t slot,
		   uint32_t queue, uint64_t len, vine_off_t *off)
{
	uint32_t want, page;

	if (len == 0)
		return -EINVAL;
	if (len > x->heap_size || x->free_entry == 0)
		return -ENOMEM;
	want = (uint32_t)((len + VINE_PAGE - 1) / VINE_PAGE);
	if (vine_runs_take(&x->free, want, queue != 0, &page) != 0)
		return -ENOMEM;
	entry_take(x, serial, slot, queue, page, want);
	*off = x->heap_off + (uint64_t)page * VINE_PAGE;
	return 0;
}

int
vine_extents_claim(struct vine_extents *x, uint32_t serial, uint32_t slot,
		   vine_off_t off, uint64_t len)
{
	uint32_t page, pages;

	if (off < x->heap_off || off % VINE_PAGE || len % VINE_PAGE ||
	    len == 0 || len > x->heap_size ||
	    off - x->heap_off > x->heap_size - len)
		return -EINVAL;
	page = (uint32_t)((off - x->heap_off) / VINE_PAGE);
	pages = (uint32_t)(len / VINE_PAGE);
	/* a page that has an owner is looked at first: to find that it is in
	 * no free run may take long */
	if (x->free_entry == 0 || x->owner[page] ||
	    vine_runs_claim(&x->free, page, pages) != 0)
		return -EBUSY;
	entry_take(x, serial, slot, 0, page, pages);
	return 0;
}

static void
rest_push(struct vine_extents *x, uint32_t i)
{
	x->entries[i].next = 0;
	if (x->resting++)
		x->entries[x->rest_last - 1].next = i + 1;
	else
		x->rest_first = i + 1;
	x->rest_last = i + 1;
}

static int64_t
rest(struct vine_extents *x, struct vine_extent *e, uint64_t epoch)
{
	/* it rests for the sake of tasks, which end with us */
	vine_keep_set(&x->keep->extents[e - x->entries].serial, 0);
	atomic_store_explicit(&e->serial, 0, memory_order_relaxed);
	atomic_fetch_add(&x->changes, 1);
	e->state = VINE_EXTENT_RESTING;
	e->epoch = epoch;
	unlink_mate(x, e);
	if (!e->rings)
		x->use[e->slot].resting += e->len;
	rest_push(x, (uint32_t)(e - x->entries));
	return (int64_t)e->len;
}

int64_t
vine_extents_return(struct vine_extents *x, uint32_t serial, vine_off_t off,
		    uint64_t epoch)
{
	struct vine_extent *e = vine_extents_find(x, serial, off, 1);

	if (e == NULL || e->off != off || serial == 0)
		return -EINVAL;
	return rest(x, e, epoch);
}

uint64_t
vine_extents_leave(struct vine_extents *x, uint32_t slot, uint64_t epoch)
{
	uint64_t bytes = 0;

	while (x->use[slot].first)
		bytes += (uint64_t)rest(x, &x->entries[x->use[slot].first - 1],
					epoch);
	return bytes;
}

/* Nobody can find it any more: its pages are free. */
static void
entry_free(struct vine_extents *x, uint32_t i)
{
	struct vine_extent *e = &x->entries[i];
	uint32_t page = (uint32_t)((e->off - x->heap_off) / VINE_PAGE);
	uint32_t pages = (uint32_t)(e->len / VINE_PAGE);

	own_pages(x, page, pages, 0);
	vine_runs_free(&x->free, page, pages);
	if (!e->rings) {
		x->use[e->slot].held -= e->len;
		x->use[e->slot].resting -= e->len;
	}
	e->state = VINE_EXTENT_FREE;
	e->next = x->free_entry;
	x->free_entry = i + 1;
	publish(x, i, 0, 0);
}

void
vine_extents_sweep(struct vine_extents *x, uint64_t quiet, uint32_t most)
{
	if (most > x->resting)
		most = x->resting;
	for (; most > 0; most--) {
		uint32_t i = x->rest_first - 1;
		struct vine_extent *e = &x->entries[i];

		if (e->epoch >= quiet)	/* nor will those behind it be */
			return;
		x->rest_first = e->next;
		x->resting--;
		if (atomic_load_explicit(&e->holds, memory_order_acquire))
			rest_push(x, i);
		else
			entry_free(x, i);
	}
}
