/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz pipe: an appliance on a segment in memory, polled by the fuzzer's own
 * thread, and sessions whose every word the fuzzer writes by hand.
 *
 * The owner of the accelerators checks each request that was admitted: all of
 * its views lie in extents of its own session. It overwrites the outputs, so
 * that a view where it must not be shows in another session's bytes. Some
 * requests it holds until fuzz_answer. Time plays no part: the door is looked
 * at whenever it was knocked at, and what is done now and then is done by
 * fuzz_tick.
 */
#ifndef FUZZ_PIPE_H
#define FUZZ_PIPE_H

#include <errno.h>

#include <vine_pipe.h>

#include "core/vine_ctl.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_SIZE ((uint64_t)VINE_SEGMENT_MIN)
#define FUZZ_SLOTS 16u		/* of a thread's submission ring */
#define FUZZ_HELD 256u
#define FUZZ_WRITTEN 0xee	/* what is written to outputs */

struct fuzz_pipe {
	uint8_t *mem;
	vine_pipe_s *pipe;
	struct vine_lane *lane;
	struct vine_owner owner;
	vine_accel_s *accel;
	uint32_t proc;		/* handle of "nop" */
	struct vine_req *held[FUZZ_HELD];
	uint32_t held_count;
	uint64_t now;		/* ns, of fuzz_tick */
	uint64_t submitted;
	int built;		/* procedures that were made of code */
};

/* A session of the fuzzer's, as an application sees it. */
struct fuzz_session {
	struct fuzz_pipe *fuzz;
	struct vine_session_shm *shm;
	struct vine_rec *rec;
	struct vine_ring control, sub;	/* producer's ends */
	struct vine_cring control_comp, comp;
	uint32_t queue;		/* index; 0: none */
	vine_off_t off;		/* of its extent */
	uint64_t len;
	uint64_t nonce;
};

/* --- the owner of the accelerators --- */

static void
fuzz_check_views(const struct vine_req *req)
{
	const struct vine_pipe_s *pipe = req->lane->pipe;
	uint32_t in, out, size;

	vine_req_in(req, &in);
	vine_req_out(req, &out);
	vine_req_args(req, &size);
	fuzz_check(in + out <= VINE_REFS_MAX && size <= VINE_ARGS_MAX);
	for (uint32_t i = 0; i < in + out; i++) {
		const struct vine_view *v = &req->views[i];
		uint64_t off = (uint64_t)((uint8_t *)v->ptr - pipe->seg->base);

		if (v->length)
			fuzz_check(vine_extents_find(&pipe->extents,
						     req->pq->serial, off,
						     v->length) != NULL);
	}
}

static void
fuzz_carry_out(struct vine_req *req)
{
	uint32_t count, size, sum = 0;
	const struct vine_view *v = vine_req_out(req, &count);
	const uint8_t *args = vine_req_args(req, &size);

	vine_req_execute(req);
	for (uint32_t i = 0; i < count; i++)
		memset(v[i].ptr, FUZZ_WRITTEN, v[i].length);
	for (uint32_t i = 0; i < size; i++)
		sum += args[i];
	vine_req_complete(req, VINE_STATUS_OK, 0, sum);
}

static void
fuzz_submit(void *state, struct vine_req *req)
{
	struct fuzz_pipe *f = state;

	f->submitted++;
	fuzz_check_views(req);
	/* every third by its cookie is held for a while */
	if (req->cookie % 3 == 2 && f->held_count < FUZZ_HELD) {
		vine_req_hold(req);
		f->held[f->held_count++] = req;
		return;
	}
	fuzz_carry_out(req);
}

/* fuzz_answer completes held request i. */
static FUZZ_UNUSED void
fuzz_answer(struct fuzz_pipe *f, uint32_t i)
{
	struct vine_req *req = f->held[i];

	f->held[i] = f->held[--f->held_count];
	/* its memory is there though its session may be gone */
	fuzz_carry_out(req);
}

static void
fuzz_cancel(void *state, struct vine_req *req)
{
	struct fuzz_pipe *f = state;
	uint32_t i = 0;

	while (i < f->held_count && f->held[i] != req)
		i++;
	fuzz_check(i < f->held_count);
	if (req->cookie & 8)	/* some cannot be stopped */
		return;
	f->held[i] = f->held[--f->held_count];
	vine_req_complete(req, VINE_STATUS_CANCELED, ECANCELED, 0);
}

static int
fuzz_build(void *state, const char *name, const void *code, size_t size,
	   void **ctx)
{
	struct fuzz_pipe *f = state;
	uint32_t sum = 0;

	fuzz_check(name[0] != '\0' && strlen(name) < VINE_CTL_NAME);
	for (size_t i = 0; i < size; i++)
		sum += ((const uint8_t *)code)[i];
	if (sum & 1)
		return -ENOEXEC;
	f->built++;
	*ctx = f;
	return 0;
}

static void
fuzz_drop(void *state, void *ctx)
{
	struct fuzz_pipe *f = state;

	fuzz_check(ctx == f && f->built > 0);
	f->built--;
}

/* --- the appliance --- */

/* fuzz_pipe_serve opens the appliance on memory that may hold anything. */
static int
fuzz_pipe_serve(struct fuzz_pipe *f)
{
	vine_proc_s *proc;

	f->pipe = vine_pipe_init(f->mem, FUZZ_SIZE, FUZZ_SLOTS);
	if (f->pipe == NULL)
		return -errno;
	f->lane = &f->pipe->lanes[0];
	f->owner = (struct vine_owner){ f, fuzz_submit, fuzz_cancel,
					fuzz_build, fuzz_drop };
	fuzz_check(vine_pipe_add_accel_of(f->pipe, CPU, "fuzz", 2, &f->owner,
					  &f->accel) == 0);
	fuzz_check(vine_pipe_add_proc_of(f->pipe, CPU, "nop", &f->owner,
					 NULL) == 0);
	proc = vine_pipe_find_proc(f->pipe, "nop", CPU);
	fuzz_check(proc != NULL);
	f->proc = proc->handle;
	vine_pipe_serve(f->pipe);
	atomic_store(&f->lane->asleep, 0);
	return 0;
}

/* fuzz_pipe_new returns one with fresh memory, not yet served. */
static FUZZ_UNUSED struct fuzz_pipe *
fuzz_pipe_new(void)
{
	struct fuzz_pipe *f = calloc(1, sizeof(*f));

	fuzz_check(f != NULL);
	f->mem = aligned_alloc(VINE_PAGE, FUZZ_SIZE);
	fuzz_check(f->mem != NULL);
	memset(f->mem, 0, FUZZ_SIZE);
	f->now = UINT64_C(1000000000);
	return f;
}

/* fuzz_poll lets the appliance work until it finds nothing. */
static FUZZ_UNUSED void
fuzz_poll(struct fuzz_pipe *f)
{
	uint32_t found;
	int rounds = 0;

	do {
		f->lane->last_door = 0;
		f->lane->looks = 0;	/* no tick of its own */
		found = vine_lane_poll(f->lane);
		/* nobody writes meanwhile: there is an end */
		fuzz_check(++rounds < 10000);
	} while (found || f->lane->sched.filled);
	vine_lane_run_deferred(f->lane);
}

/* fuzz_tick lets some time pass. */
static FUZZ_UNUSED void
fuzz_tick(struct fuzz_pipe *f, uint64_t ms)
{
	f->now += ms * UINT64_C(1000000);
	vine_pipe_tick(f->pipe, f->now);
	fuzz_poll(f);
}

static FUZZ_UNUSED void
fuzz_pipe_free(struct fuzz_pipe *f)
{
	while (f->held_count)
		fuzz_answer(f, 0);
	if (f->pipe) {
		/* what never rang is found by a round of the watch: here, and
		 * not when the pipe ends, which would leave it to its owner */
		for (int i = 0; i < 4; i++) {
			f->lane->last_watch = 0;
			f->lane->looks = 1u << 20;
			vine_lane_poll(f->lane);
			fuzz_poll(f);
			while (f->held_count)
				fuzz_answer(f, 0);
		}
		fuzz_poll(f);
		fuzz_check(vine_pipe_busy(f->pipe) == 0);
		vine_pipe_exit(f->pipe);
		fuzz_check(f->built == 0);
	}
	free(f->mem);
	free(f);
}

/* --- sessions --- */

static FUZZ_UNUSED void
fuzz_knock(struct fuzz_pipe *f)
{
	struct vine_ready door;

	vine_ready_bind(f->pipe->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

/* The producer's end of a queue that the appliance made. */
static void
fuzz_bind(struct fuzz_pipe *f, uint32_t index, struct vine_ring *sub,
	  struct vine_cring *comp)
{
	struct vine_pq *pq = atomic_load(&f->pipe->queues[index]);

	fuzz_check(pq != NULL);
	*sub = pq->sub;
	*comp = pq->comp;
}

/*
 * fuzz_control carries a control task out by the rules and returns its value,
 * or -errno.
 */
static FUZZ_UNUSED int64_t
fuzz_control(struct fuzz_session *s, uint32_t op, uint64_t a, uint64_t b,
	     uint64_t c)
{
	struct vine_desc_shm *slot = vine_ring_slot(&s->control);
	uint32_t cookie = s->control.pos | 1u << 31;
	struct vine_comp comp = { 0 };

	arch_store64(&slot->w[1], (uint64_t)op << 32);
	arch_store64(&slot->w[2], 0);
	arch_store64(&slot->w[3], 0);
	arch_store64(&slot->w[4], a);
	arch_store64(&slot->w[5], b);
	arch_store64(&slot->w[6], c);
	arch_store64(&slot->w[7], 0);
	vine_ring_push(&s->control, cookie);
	vine_ready_ring(&s->fuzz->lane->ready, s->rec->control);
	fuzz_poll(s->fuzz);
	fuzz_check(vine_cring_pop(&s->control_comp, &comp));
	fuzz_check(comp.cookie == cookie);
	if (vine_comp_status(comp.how) == VINE_STATUS_OK)
		return (int64_t)comp.value;
	fuzz_check(vine_comp_error(comp.how) != 0);
	return -(int64_t)vine_comp_error(comp.how);
}

/* fuzz_ask writes what an applicant writes to a slot, and knocks. */
static FUZZ_UNUSED void
fuzz_ask(struct fuzz_session *s, struct fuzz_pipe *f, uint32_t slot)
{
	static const uint64_t nonce = UINT64_C(0x1234567800000000);

	memset(s, 0, sizeof(*s));
	s->fuzz = f;
	s->shm = vine_seg_session(f->pipe->seg, slot);
	s->rec = &f->pipe->recs[slot];
	s->nonce = nonce + slot;
	arch_store32(&s->shm->claim, 1);
	arch_store64(&s->shm->nonce, s->nonce);
	arch_store32(&s->shm->flags, 0);
	arch_store64(&s->shm->boot_id, f->pipe->boot_id);
	arch_store32(&s->shm->weight, 0);
	arch_store_release32(&s->shm->request, VINE_REQUEST_ATTACH);
	fuzz_knock(f);
}

/* fuzz_attach opens the session of a slot by the rules, with its control. */
static FUZZ_UNUSED void
fuzz_attach(struct fuzz_session *s, struct fuzz_pipe *f, uint32_t slot)
{
	fuzz_ask(s, f, slot);
	fuzz_poll(f);
	fuzz_check(arch_load64(&s->shm->echo) == s->nonce);
	fuzz_check(arch_load32(&s->shm->state) == VINE_SESSION_OPEN);
	fuzz_bind(f, s->rec->control, &s->control, &s->control_comp);
}

/* fuzz_try_equip gives it a queue and an extent of `pages`. Returns 0 or -1. */
static FUZZ_UNUSED int
fuzz_try_equip(struct fuzz_session *s, uint32_t pages)
{
	int64_t queue = fuzz_control(s, VINE_CTL_QUEUE_OPEN, 0, 0, 0);
	int64_t off = fuzz_control(s, VINE_CTL_GRANT, pages * VINE_PAGE, 0, 0);

	if (queue < 0 || off < 0)
		return -1;
	s->queue = (uint32_t)queue;
	s->off = (vine_off_t)off;
	s->len = pages * (uint64_t)VINE_PAGE;
	fuzz_bind(s->fuzz, s->queue, &s->sub, &s->comp);
	return 0;
}

static FUZZ_UNUSED void
fuzz_equip(struct fuzz_session *s, uint32_t pages)
{
	fuzz_check(fuzz_try_equip(s, pages) == 0);
}

/* fuzz_push publishes a descriptor of these words 1 to 7. */
static FUZZ_UNUSED void
fuzz_push(struct fuzz_session *s, const uint64_t w[8], uint32_t cookie)
{
	struct vine_desc_shm *slot = vine_ring_slot(&s->sub);

	for (int i = 1; i < 8; i++)
		arch_store64(&slot->w[i], w[i]);
	vine_ring_push(&s->sub, cookie);
	vine_ready_ring(&s->fuzz->lane->ready, s->queue);
}

/*
 * fuzz_work runs a task of a well-behaved session, all by the rules: its
 * output is its extent's second half, its input the first.
 */
static FUZZ_UNUSED void
fuzz_work(struct fuzz_session *s, uint32_t cookie)
{
	struct vine_ref in = { s->off, s->len / 2 };
	struct vine_ref out = { s->off + s->len / 2, s->len / 2 };
	struct vine_body body = vine_desc_body(2, in, out);
	uint8_t *base = s->fuzz->pipe->seg->base;
	uint64_t w[8] = { 0, s->fuzz->accel->handle |
			     (uint64_t)s->fuzz->proc << 32,
			  vine_desc_w2(1, 1, 0, 0, 0), 0, body.w[0],
			  body.w[1], body.w[2], body.w[3] };
	struct vine_comp comp = { 0 };

	memset(base + in.off, 0x5a, in.len);
	memset(base + out.off, 0, out.len);
	fuzz_push(s, w, cookie * 3);	/* not held */
	fuzz_poll(s->fuzz);
	fuzz_check(vine_cring_pop(&s->comp, &comp));
	fuzz_check(comp.cookie == cookie * 3);
	fuzz_check(vine_comp_status(comp.how) == VINE_STATUS_OK);
	for (uint64_t i = 0; i < in.len; i++) {
		fuzz_check(base[in.off + i] == 0x5a);
		fuzz_check(base[out.off + i] == FUZZ_WRITTEN);
	}
}

#endif
