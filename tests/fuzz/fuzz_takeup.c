/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_pipe_init on a segment that an earlier appliance left, by
 * vine_heir_take_up: its session slots, its directories of extents, queues,
 * accelerators and procedures, ready bits and bells hold anything. The input is
 * what stands where. The next appliance starts, never grants a page twice, and
 * serves a new session.
 */
#include "tests/fuzz/fuzz_pipe.h"

#define PATCHES 64

/* A patch goes anywhere before the heap, or into a word that matters. */
static void
patch(struct fuzz_in *in, uint8_t *mem, const struct vine_layout *l)
{
	uint8_t what = (uint8_t)fuzz_take(in, 1);
	uint32_t i = (uint32_t)fuzz_take(in, 1);
	struct vine_session_shm *s = (struct vine_session_shm *)
		(mem + l->session_off) + i % l->sessions;
	struct vine_extent_shm *e = (struct vine_extent_shm *)
		(mem + l->extent_off) + i % l->extents;

	switch (what % 4) {
	case 0:
		arch_store32(&s->claim, what >> 2 & 1);
		arch_store32(&s->state, what >> 3 & 7);
		arch_store64(&s->nonce, what >> 6);
		arch_store32(&s->request, what >> 4 & 3);
		break;
	case 1:		/* whole pages, in the heap or nearly */
		arch_store64(&e->off, l->heap_off + (fuzz_take(in, 1) << 12));
		arch_store64(&e->len, fuzz_take(in, 1) << 12);
		arch_store32(&e->session, what >> 2 & 15);
		arch_store32(&e->queue, what >> 6);
		break;
	case 2:
		arch_store64(&e->off, fuzz_take(in, 8));
		arch_store64(&e->len, fuzz_take(in, 8));
		arch_store32(&e->session, (uint32_t)fuzz_take(in, 4));
		break;
	default: {
		uint64_t at = VINE_LINE + fuzz_take(in, 4) %
			(l->heap_off - VINE_LINE - 8);

		fuzz_copy(in, mem + at, 8);
		break;
	}
	}
}

/* No page has two owners, and each entry owns its pages. */
static void
check_extents(const struct vine_extents *x)
{
	uint64_t owned = 0;

	for (uint32_t i = 0; i < x->pages; i++)
		owned += x->owner[i] != 0;
	for (uint32_t i = 0; i < x->max; i++) {
		const struct vine_extent *e = &x->entries[i];
		uint64_t page;

		if (e->state == VINE_EXTENT_FREE)
			continue;
		page = (e->off - x->heap_off) / VINE_PAGE;
		fuzz_check(e->len && page + e->len / VINE_PAGE <= x->pages);
		for (uint64_t p = 0; p < e->len / VINE_PAGE; p++)
			fuzz_check(x->owner[page + p] == i + 1);
		owned -= e->len / VINE_PAGE;
	}
	fuzz_check(owned == 0);
}

/* The slot that nobody claims, or UINT32_MAX. */
static uint32_t
free_slot(const struct fuzz_pipe *f)
{
	for (uint32_t i = 0; i < f->pipe->seg->layout.sessions; i++)
		if (arch_load32(&vine_seg_session(f->pipe->seg, i)->claim) == 0)
			return i;
	return UINT32_MAX;
}

/* A new session gets what there is, by the rules, and uses it. */
static void
come_anew(struct fuzz_pipe *f)
{
	uint32_t slot = free_slot(f);
	struct fuzz_session s;

	if (slot == UINT32_MAX)
		return;
	fuzz_ask(&s, f, slot);
	fuzz_poll(f);
	fuzz_check(arch_load64(&s.shm->echo) == s.nonce);
	if (arch_load32(&s.shm->state) != VINE_SESSION_OPEN)
		return;		/* all memory is still a lost session's */
	fuzz_bind(f, s.rec->control, &s.control, &s.control_comp);
	if (fuzz_try_equip(&s, 1) == 0)
		fuzz_work(&s, 1);
}

/* Lost sessions leave by the rules. */
static void
leave_all(struct fuzz_pipe *f)
{
	for (uint32_t i = 0; i < f->pipe->seg->layout.sessions; i++)
		arch_store_release32(&vine_seg_session(f->pipe->seg, i)->request,
				     VINE_REQUEST_DETACH);
	fuzz_knock(f);
	fuzz_poll(f);
	fuzz_tick(f, 2000);
	fuzz_tick(f, 2000);
	for (uint32_t i = 0; i < f->pipe->seg->layout.sessions; i++)
		fuzz_check(f->pipe->recs[i].state != VINE_REC_LOST);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_pipe *f = fuzz_pipe_new();
	struct fuzz_in in = { data, size };
	struct vine_header_shm *h = (struct vine_header_shm *)f->mem;
	struct vine_layout l;
	struct vine_seg *seg;

	fuzz_check(vine_seg_wrap(f->mem, FUZZ_SIZE, FUZZ_SLOTS, &seg) == 0);
	l = seg->layout;
	vine_seg_close(seg);
	for (int i = 0; i < PATCHES && in.left; i++)
		patch(&in, f->mem, &l);
	/* memory has no lock that a dead appliance drops: it is the word */
	arch_store32(&h->appliance, VINE_APPLIANCE_NONE);
	fuzz_check(fuzz_pipe_serve(f) == 0);
	check_extents(&f->pipe->extents);
	fuzz_poll(f);
	come_anew(f);
	check_extents(&f->pipe->extents);
	leave_all(f);
	check_extents(&f->pipe->extents);
	fuzz_pipe_free(f);
	return 0;
}
