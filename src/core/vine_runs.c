/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free pages are runs with their length at both ends (boundary tags, D. Knuth,
 * TAOCP vol. 1, 2.5), in lists by the logarithm of their length. Taking looks
 * in the list of its own class for the first run that is long enough, then
 * takes any run of a larger class. A run that comes free joins its neighbours.
 * The tags are memory that is touched as the pages are, not at start.
 *
 * A page that begins or ends a free run has len != 0; no other page has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_runs.h"

static uint32_t
class_of(uint32_t pages)
{
	return 31 - (uint32_t)__builtin_clz(pages);
}

static void
insert(struct vine_runs *x, uint32_t page, uint32_t len)
{
	uint32_t c = class_of(len);
	struct vine_run *r = &x->runs[page];

	r->len = len;
	r->first = 1;
	x->runs[page + len - 1].len = len;
	r->prev = 0;
	r->next = x->lists[c];
	if (r->next)
		x->runs[r->next - 1].prev = page + 1;
	x->lists[c] = page + 1;
	x->free_pages += len;
}

static void
remove_run(struct vine_runs *x, uint32_t page)
{
	struct vine_run *r = &x->runs[page];
	uint32_t len = r->len;

	if (r->next)
		x->runs[r->next - 1].prev = r->prev;
	if (r->prev)
		x->runs[r->prev - 1].next = r->next;
	else
		x->lists[class_of(len)] = r->next;
	x->runs[page + len - 1].len = 0;
	r->len = 0;
	r->first = 0;
	x->free_pages -= len;
}

int
vine_runs_init(struct vine_runs *x, uint32_t pages)
{
	memset(x, 0, sizeof(*x));
	x->runs = calloc(pages, sizeof(*x->runs));
	if (x->runs == NULL)
		return -ENOMEM;
	x->pages = pages;
	return 0;
}

void
vine_runs_fini(struct vine_runs *x)
{
	free(x->runs);
	x->runs = NULL;
}

void
vine_runs_free(struct vine_runs *x, uint32_t page, uint32_t len)
{
	uint32_t end = page + len;

	if (page > 0 && !x->runs[page].edge && x->runs[page - 1].len) {
		uint32_t left = x->runs[page - 1].len;

		remove_run(x, page - left);
		page -= left;
	}
	if (end < x->pages && !x->runs[end].edge && x->runs[end].len) {
		uint32_t right = x->runs[end].len;

		remove_run(x, end);
		end += right;
	}
	insert(x, page, end - page);
}

static int
find(const struct vine_runs *x, uint32_t want, uint32_t *page)
{
	uint32_t c = class_of(want);

	for (uint32_t p = x->lists[c]; p; p = x->runs[p - 1].next) {
		if (x->runs[p - 1].len >= want) {
			*page = p - 1;
			return 0;
		}
	}
	while (++c < VINE_RUN_CLASSES) {
		if (x->lists[c]) {
			*page = x->lists[c] - 1;
			return 0;
		}
	}
	return -ENOMEM;
}

int
vine_runs_take(struct vine_runs *x, uint32_t want, int from_top,
	       uint32_t *page)
{
	uint32_t start, have;

	if (want == 0 || find(x, want, &start) != 0)
		return -ENOMEM;
	have = x->runs[start].len;
	remove_run(x, start);
	*page = from_top ? start + have - want : start;
	if (have > want)
		insert(x, from_top ? start : start + want, have - want);
	return 0;
}

/*
 * The first page of the free run that has `page`. Its marks are looked for to
 * both sides at once: the nearer one is at most half the run away, so cutting
 * up a run to its last page costs no more than n log n steps.
 */
static int
run_of(const struct vine_runs *x, uint32_t page, uint32_t *start)
{
	const struct vine_run *r = &x->runs[page];
	uint32_t right = x->pages - page;

	if (r->len) {	/* an end of it, or both */
		*start = r->first ? page : page + 1 - r->len;
		return 0;
	}
	for (uint32_t d = 1; d <= page || d < right; d++) {
		r = &x->runs[d <= page ? page - d : page];
		if (r->len) {
			*start = page - d;
			return r->first && r->len > d ? 0 : -EBUSY;
		}
		r = &x->runs[d < right ? page + d : page];
		if (r->len) {
			*start = page + d + 1 - r->len;
			return r->first ? -EBUSY : 0;
		}
	}
	return -EBUSY;
}

int
vine_runs_claim(struct vine_runs *x, uint32_t page, uint32_t len)
{
	uint32_t start, run;

	if (run_of(x, page, &start) != 0)
		return -EBUSY;
	run = x->runs[start].len;
	if (len > run || page - start > run - len)
		return -EBUSY;
	remove_run(x, start);
	if (page > start)
		insert(x, start, page - start);
	if (start + run > page + len)
		insert(x, page + len, start + run - page - len);
	return 0;
}

void
vine_runs_edge(struct vine_runs *x, uint32_t page, int edge)
{
	if (page < x->pages)
		x->runs[page].edge = (uint16_t)edge;
}

uint32_t
vine_runs_at(const struct vine_runs *x, uint32_t page)
{
	return x->runs[page].len;
}
