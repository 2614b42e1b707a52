/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs: which pages of the heap are free, for whoever divides pages.
 *
 * The appliance divides the heap into extents with one, and each session its
 * extents into spans with another. All of it is private memory. Not safe for
 * threads; the owner has a lock.
 *
 * A page may be an edge: runs left and right of it never join. A session's
 * extents have edges, so that no data crosses from one into the next.
 */
#ifndef VINE_RUNS_H
#define VINE_RUNS_H

#include <stdint.h>

struct vine_run {
	uint32_t len;		/* pages; 0: not the end of a free run */
	uint32_t next;		/* in the list of its class; page + 1 */
	uint32_t prev;
	uint16_t edge;		/* 1: does not join what is left of it */
	uint16_t first;		/* 1: a free run begins here */
};

#define VINE_RUN_CLASSES 33

struct vine_runs {
	uint32_t pages;
	uint64_t free_pages;
	struct vine_run *runs;	/* per page */
	uint32_t lists[VINE_RUN_CLASSES]; /* by log2 of length; page + 1 */
};

/* vine_runs_init: no page is free. Returns 0 or -ENOMEM. */
int vine_runs_init(struct vine_runs *x, uint32_t pages);
void vine_runs_fini(struct vine_runs *x);

/* vine_runs_free makes pages free, which were not. */
void vine_runs_free(struct vine_runs *x, uint32_t page, uint32_t len);

/*
 * vine_runs_take takes `want` pages, from the top of the run that it finds
 * where from_top is set. Returns 0 or -ENOMEM.
 */
int vine_runs_take(struct vine_runs *x, uint32_t want, int from_top,
		   uint32_t *page);

/*
 * vine_runs_claim takes certain pages: 0, or -EBUSY if one is not free. Claims
 * of pages that are all free cost O(n log n) for n pages, in any order.
 */
int vine_runs_claim(struct vine_runs *x, uint32_t page, uint32_t len);

/* vine_runs_edge marks or unmarks a page as an edge. */
void vine_runs_edge(struct vine_runs *x, uint32_t page, int edge);

/* vine_runs_at returns the length of the free run that begins at page, or 0. */
uint32_t vine_runs_at(const struct vine_runs *x, uint32_t page);

#endif
