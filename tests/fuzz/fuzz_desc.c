/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_req_run, a descriptor from its slot to its completion, over the
 * appliance's whole road: vine_lane_poll finds it, admits it by
 * vine_desc_check, the tables and the extents, and answers.
 *
 * The input is what one session does to its own queue and memory: descriptors
 * that are nearly right or not at all, tables, slots and queue words written
 * over, cancellations, extents given back while tasks use them. Each task that
 * was taken is answered once, no view leaves the session's extents, and the
 * session beside it works on, byte for byte.
 */
#include "tests/fuzz/fuzz_pipe.h"

#define STEPS 64
#define PAGES 4u

/* A reference: raw, or near the edges of the session's extent. */
static struct vine_ref
some_ref(struct fuzz_in *in, const struct fuzz_session *s)
{
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	struct vine_ref ref = { s->off, 16 };

	switch (how & 3) {
	case 0:
		ref.off = fuzz_take(in, 8);
		ref.len = fuzz_take(in, 8);
		break;
	case 1:
		ref.off += fuzz_take(in, 2);
		ref.len = fuzz_take(in, 2);
		break;
	case 2:
		ref.off += s->len - fuzz_take(in, 1);
		ref.len = fuzz_take(in, 1);
		break;
	default:
		break;
	}
	return ref;
}

/* Words 1 to 7, each from the input unless `how` asks for a right one. */
static void
push_task(struct fuzz_session *s, struct fuzz_in *in)
{
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	uint64_t w[8] = { 0 };

	if (how & 1)
		w[1] = s->fuzz->accel->handle | (uint64_t)s->fuzz->proc << 32;
	else
		w[1] = fuzz_take(in, 8);
	if (how & 2)
		w[2] = fuzz_take(in, 4) & 0x0f1f0303;
	else
		w[2] = fuzz_take(in, 8);
	if (how & 4)
		w[3] = fuzz_take(in, 8);
	if (how & 8) {
		struct vine_ref a = some_ref(in, s), b = some_ref(in, s);
		struct vine_body body = vine_desc_body(2, a, b);

		memcpy(&w[4], body.w, sizeof(body.w));
	} else {
		fuzz_copy(in, &w[4], 32);
	}
	fuzz_push(s, w, (uint32_t)fuzz_take(in, 1));
}

/* A table at the front of the extent, and a task that names it. */
static void
push_table(struct fuzz_session *s, struct fuzz_in *in)
{
	uint8_t *base = s->fuzz->pipe->seg->base;
	uint8_t shape = (uint8_t)fuzz_take(in, 1);
	uint32_t head[4] = { shape & 7, shape >> 3 & 7,
			     (uint32_t)fuzz_take(in, 2), 0 };
	struct vine_ref table = { s->off + (shape >> 6), 0 }, none = { 0, 0 };
	struct vine_body body;
	uint64_t w[8] = { 0 };

	if (shape == 0xff)
		fuzz_copy(in, head, sizeof(head));
	memcpy(base + s->off, head, sizeof(head));
	for (uint32_t i = 0; i < 14; i++) {
		struct vine_ref ref = some_ref(in, s);

		memcpy(base + s->off + 16 + i * 16, &ref, sizeof(ref));
	}
	table.len = fuzz_take(in, 2);
	body = vine_desc_body(1, table, none);
	w[1] = s->fuzz->accel->handle | (uint64_t)s->fuzz->proc << 32;
	w[2] = vine_desc_w2(1, 0, 0, VINE_DESC_TABLE, 0);
	memcpy(&w[4], body.w, sizeof(body.w));
	fuzz_push(s, w, (uint32_t)fuzz_take(in, 1));
}

/* What lies in the segment and is the session's to write. */
static void
scribble(struct fuzz_session *s, struct fuzz_in *in)
{
	uint32_t where = (uint32_t)fuzz_take(in, 1);
	uint32_t at = (uint32_t)fuzz_take(in, 2);
	uint64_t value = fuzz_take(in, 8);
	struct vine_queue_shm *q = vine_seg_queue(s->fuzz->pipe->seg, s->queue);

	switch (where % 4) {
	case 0:
		arch_store64(&s->sub.slots[at % FUZZ_SLOTS].w[at >> 8 & 7],
			     value);
		break;
	case 1:
		memcpy((uint8_t *)q + at % (sizeof(*q) - 8), &value, 8);
		break;
	case 2:
		arch_store64(&s->comp.slots[at % (2 * FUZZ_SLOTS)].w[at >> 8 & 3],
			     value);
		break;
	default:
		memcpy(s->fuzz->pipe->seg->base + s->off + at % (s->len - 8),
		       &value, 8);
		break;
	}
}

static void
step(struct fuzz_session *s, struct fuzz_in *in)
{
	struct fuzz_pipe *f = s->fuzz;
	int64_t off;

	switch (fuzz_take(in, 1) % 10) {
	case 0: case 1:
		push_task(s, in);
		break;
	case 2: case 3:
		push_table(s, in);
		break;
	case 4:
		scribble(s, in);
		break;
	case 5:
		if (f->held_count)
			fuzz_answer(f, (uint32_t)fuzz_take(in, 1) %
				    f->held_count);
		break;
	case 6:
		fuzz_control(s, VINE_CTL_CANCEL, s->queue, fuzz_take(in, 1),
			     0);
		break;
	case 7:		/* what is held keeps its pages out of use */
		fuzz_control(s, VINE_CTL_RETURN, s->off, 0, 0);
		off = fuzz_control(s, VINE_CTL_GRANT, s->len, 0, 0);
		if (off > 0)
			s->off = (vine_off_t)off;
		break;
	case 8:
		vine_ready_ring(&f->lane->ready, (uint32_t)fuzz_take(in, 2) %
				f->pipe->seg->layout.queues);
		break;
	default:
		fuzz_poll(f);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_pipe *f = fuzz_pipe_new();
	struct fuzz_in in = { data, size };
	struct fuzz_session bad, good;
	const struct vine_pq *pq;

	fuzz_check(fuzz_pipe_serve(f) == 0);
	fuzz_attach(&good, f, 0);
	fuzz_equip(&good, 2);
	fuzz_attach(&bad, f, 1);
	fuzz_equip(&bad, PAGES);
	pq = atomic_load(&f->pipe->queues[bad.queue]);
	for (int i = 0; i < STEPS && in.left; i++)
		step(&bad, &in);
	fuzz_work(&good, 1);
	fuzz_poll(f);
	fuzz_check(pq->in_flight == f->held_count);
	while (f->held_count)
		fuzz_answer(f, 0);
	fuzz_poll(f);
	/* one answer for each task that was taken */
	fuzz_check(pq->in_flight == 0 && pq->completed == pq->sub.pos);
	fuzz_work(&good, 2);
	fuzz_pipe_free(f);
	return 0;
}
