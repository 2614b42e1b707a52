/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents: who holds which pages of the heap, as the appliance knows it.
 *
 * All of it is private memory; who holds what also stands in the keep, for the
 * next appliance. Grants and returns are control work, done under the pipe's
 * lock. The one question on the road of a task, "does this session
 * hold these bytes", reads two words without a lock.
 *
 * An extent that is returned, or whose session ended, may still be in use by a
 * task in flight. It rests until every lane has passed a quiet point and no
 * request holds it; then its pages are free again.
 */
#ifndef VINE_EXTENT_H
#define VINE_EXTENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/vine_keep.h"
#include "core/vine_runs.h"
#include "core/vine_seg.h"

enum vine_extent_state {
	VINE_EXTENT_FREE = 0,
	VINE_EXTENT_GRANTED,
	VINE_EXTENT_RESTING,
};

struct vine_extent {
	vine_off_t off;		/* constant while not FREE */
	uint64_t len;
	_Atomic uint32_t serial; /* of the holding session; 0: nobody's */
	_Atomic uint32_t holds;	/* requests that hold it */
	uint64_t epoch;		/* RESTING waits for a quiet point after it */
	uint32_t state;		/* enum vine_extent_state */
	uint32_t slot;		/* of the session that it is counted on */
	uint32_t rings;		/* 1: of a queue, counted on nobody */
	uint32_t next;		/* entry + 1 of the next FREE or RESTING */
	uint32_t mates[2];	/* entries + 1 of the slot's before and after */
};

/* What a slot's session has; the bytes without those of rings. */
struct vine_extents_use {
	uint64_t held;		/* granted, and not free again */
	uint64_t resting;	/* of them */
	uint32_t first;		/* entry + 1 of the last GRANTED, also rings */
};

struct vine_extents {
	const struct vine_seg *seg;
	struct vine_keep *keep;
	vine_off_t heap_off;
	uint64_t heap_size;
	uint32_t pages;
	uint32_t max;		/* entries */
	uint32_t free_entry;	/* first FREE entry, + 1 */
	uint32_t resting;	/* how many rest */
	uint32_t rest_first;	/* entry + 1; they rest since ever later */
	uint32_t rest_last;
	struct vine_extents_use *use; /* by slot */
	_Atomic uint32_t changes; /* counts returns: see vine_req.c */
	_Atomic uint32_t *owner; /* per page: entry + 1, 0: none */
	struct vine_extent *entries;
	struct vine_runs free;
};

/*
 * vine_extents_init makes the whole heap free, but for what is granted by the
 * keep, which lives longer. Returns 0 or -ENOMEM.
 */
int vine_extents_init(struct vine_extents *x, const struct vine_seg *seg,
		      struct vine_keep *keep);
void vine_extents_fini(struct vine_extents *x);

/*
 * vine_extents_grant gives `len` bytes, rounded up to pages, to a session.
 * Rings (queue not 0) come from the top of the heap, data from its bottom, so
 * that the middle stays whole. Returns 0, or -ENOMEM, or -EINVAL for len 0.
 */
int vine_extents_grant(struct vine_extents *x, uint32_t serial, uint32_t slot,
		       uint32_t queue, uint64_t len, vine_off_t *off);

/*
 * vine_extents_claim gives a certain range to a session: for what an earlier
 * appliance granted. Returns 0, -EINVAL outside the heap, -EBUSY where part of
 * it is not free.
 */
int vine_extents_claim(struct vine_extents *x, uint32_t serial, uint32_t slot,
		       vine_off_t off, uint64_t len);

/*
 * vine_extents_return takes an extent back from its session: it rests until
 * epoch. Returns its bytes, or -EINVAL where the session holds no extent that
 * begins at off.
 */
int64_t vine_extents_return(struct vine_extents *x, uint32_t serial,
			    vine_off_t off, uint64_t epoch);

/* vine_extents_leave takes back all that a slot's session has, data and rings,
 * in as many steps as it has extents. Returns bytes. */
uint64_t vine_extents_leave(struct vine_extents *x, uint32_t slot,
			    uint64_t epoch);

/*
 * vine_extents_sweep frees what rests since before `quiet` and is not held; it
 * looks at up to `most` extents, those that rest longest first. Those that are
 * held still come last then.
 */
void vine_extents_sweep(struct vine_extents *x, uint64_t quiet, uint32_t most);


/*
 * vine_extents_find returns the extent of a session that has all of
 * [off, off + len), or NULL. Any lane, between two of its quiet points.
 */
static inline struct vine_extent *
vine_extents_find(const struct vine_extents *x, uint32_t serial,
		  vine_off_t off, uint64_t len)
{
	uint64_t at = off - x->heap_off;
	struct vine_extent *e;
	uint32_t i;

	if (off < x->heap_off || at >= x->heap_size)
		return NULL;
	/* EXT-A1: the entry was filled before its pages named it; pairs with
	 * EXT-R1 in own_pages(). */
	i = atomic_load_explicit(&x->owner[at / VINE_PAGE],
				 memory_order_acquire);
	if (i == 0)
		return NULL;
	e = &x->entries[i - 1];
	if (atomic_load_explicit(&e->serial, memory_order_relaxed) != serial)
		return NULL;
	at = off - e->off;
	if (len > e->len || at > e->len - len)
		return NULL;
	return e;
}

#endif
