/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_door_answer, the session slots. The input says what applicants
 * write into theirs: claims, nonces, requests, any word of any slot, in any
 * order, with knocks and time in between, while sessions have queues, extents,
 * virtual accelerators and held tasks. No slot keeps what its session had once
 * that is closed, and a session beside them works on.
 */
#include "tests/fuzz/fuzz_pipe.h"

#define STEPS 96
#define SLOTS 4u	/* written over; the next one is the good session's */

/* Whoever is in the slot now, opens whatever the appliance lets him. */
static void
use(struct fuzz_pipe *f, uint32_t slot, uint32_t what)
{
	struct fuzz_session s = { .fuzz = f, .rec = &f->pipe->recs[slot] };
	uint64_t w[8] = { 0, f->accel->handle | (uint64_t)f->proc << 32 };

	if (s.rec->state != VINE_REC_OPEN)
		return;
	fuzz_bind(f, s.rec->control, &s.control, &s.control_comp);
	switch (what % 4) {
	case 0:
		fuzz_control(&s, VINE_CTL_GRANT, VINE_PAGE, 0, 0);
		break;
	case 1:
		fuzz_control(&s, VINE_CTL_ACCEL_OPEN, f->accel->handle,
			     what >> 2, 0);
		break;
	case 2:
		fuzz_control(&s, VINE_CTL_QUEUE_OPEN, 0, 0, 0);
		break;
	default: {
		int64_t queue = fuzz_control(&s, VINE_CTL_QUEUE_OPEN, 0, 0, 0);

		if (queue < 0)
			break;
		s.queue = (uint32_t)queue;
		fuzz_bind(f, s.queue, &s.sub, &s.comp);
		fuzz_push(&s, w, 2);	/* is held */
		fuzz_push(&s, w, 3);
		fuzz_poll(f);
		break;
	}
	}
}

/* A word of a slot, mostly one that matters. */
static void
write_slot(struct fuzz_pipe *f, struct fuzz_in *in)
{
	uint8_t where = (uint8_t)fuzz_take(in, 1);
	struct vine_session_shm *s =
		vine_seg_session(f->pipe->seg, where % SLOTS);
	uint64_t value = fuzz_take(in, 1);

	switch (where / SLOTS % 8) {
	case 0:
		arch_store32(&s->claim, (uint32_t)value & 1);
		break;
	case 1:
		arch_store32(&s->request, (uint32_t)value & 3);
		break;
	case 2:
		arch_store64(&s->nonce, value & 7);
		break;
	case 3:
		arch_store32(&s->state, (uint32_t)value & 7);
		break;
	case 4:
		arch_store32(&s->weight, (uint32_t)fuzz_take(in, 4));
		break;
	case 5:
		arch_store64(&s->mailbox, fuzz_take(in, 8));
		break;
	default:
		((uint8_t *)s)[value] = (uint8_t)fuzz_take(in, 1);
		break;
	}
}

static void
step(struct fuzz_pipe *f, struct fuzz_in *in)
{
	struct fuzz_session s;
	uint32_t arg;

	switch (fuzz_take(in, 1) % 8) {
	case 0: case 1:
		write_slot(f, in);
		break;
	case 2:
		fuzz_knock(f);
		fuzz_poll(f);
		break;
	case 3:
		fuzz_ask(&s, f, (uint32_t)fuzz_take(in, 1) % SLOTS);
		break;
	case 4:
		arg = (uint32_t)fuzz_take(in, 1) % SLOTS;
		arch_store_release32(&vine_seg_session(f->pipe->seg,
						       arg)->request,
				     VINE_REQUEST_DETACH);
		fuzz_knock(f);
		break;
	case 5:
		arg = (uint32_t)fuzz_take(in, 2);
		use(f, arg % SLOTS, arg / SLOTS);
		break;
	case 6:
		fuzz_tick(f, 100 + fuzz_take(in, 1) * 8);
		break;
	default:
		if (f->held_count)
			fuzz_answer(f, (uint32_t)fuzz_take(in, 1) %
				    f->held_count);
		break;
	}
}

/* A closed session holds nothing; an open one no more than it was told. */
static void
check_recs(const struct fuzz_pipe *f)
{
	const struct vine_pipe_s *p = f->pipe;
	uint32_t open = 0;

	for (uint32_t i = 0; i < p->seg->layout.sessions; i++) {
		const struct vine_rec *rec = &p->recs[i];

		open += rec->state == VINE_REC_OPEN ||
			rec->state == VINE_REC_CLOSING;
		if (rec->state == VINE_REC_NONE ||
		    rec->state == VINE_REC_CLOSED)
			fuzz_check(rec->queues == 0 && rec->vaccels == 0 &&
				   rec->procs == 0 && rec->code == 0);
	}
	fuzz_check(open == p->recs_open);
}

/* Close all of them by the rules: everything comes back. */
static void
close_all(struct fuzz_pipe *f)
{
	while (f->held_count)
		fuzz_answer(f, 0);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct vine_session_shm *s = vine_seg_session(f->pipe->seg, i);

		arch_store32(&s->claim, 1);
		arch_store64(&s->nonce, f->pipe->recs[i].nonce);
		arch_store_release32(&s->request, VINE_REQUEST_DETACH);
	}
	fuzz_knock(f);
	fuzz_poll(f);
	fuzz_tick(f, 2000);
	fuzz_tick(f, 2000);
	check_recs(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_pipe *f = fuzz_pipe_new();
	struct fuzz_in in = { data, size };
	struct fuzz_session good;

	fuzz_check(fuzz_pipe_serve(f) == 0);
	fuzz_attach(&good, f, SLOTS);
	fuzz_equip(&good, 2);
	for (int i = 0; i < STEPS && in.left; i++) {
		step(f, &in);
		check_recs(f);
	}
	fuzz_work(&good, 1);
	close_all(f);
	fuzz_check(f->pipe->recs_open == 1);
	fuzz_check(f->accel->vaccels == 0);
	fuzz_check(f->pipe->extents.resting == 0);
	fuzz_work(&good, 2);
	fuzz_pipe_free(f);
	return 0;
}
