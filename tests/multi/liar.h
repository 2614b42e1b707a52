/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liar: a process that maps a segment and writes into it whatever it likes;
 * here is how it attaches and issues, in liar_lies.h what it lies about.
 *
 * It speaks the protocol by its own words, not by libvine, which trusts what
 * it reads: it attaches, opens queues and gets memory, so that its lies are
 * told where the appliance listens. What it needs to know of the segment it has
 * from the truth: a copy of the segment's tables that was made before the first
 * lie.
 *
 * All writes are single words by atomics: a thread must not be torn itself, and
 * the sanitizers are to look at the appliance.
 */
#ifndef LIAR_H
#define LIAR_H

#include <pthread.h>
#include <stdatomic.h>

#include <vine/status.h>
#include <vine_talk.h>

#include "appliance.h"
#include "arch/shm/arch_shm.h"
#include "arch/shm/arch_shm_guard.h"
#include "core/vine_ctl.h"
#include "core/vine_desc.h"
#include "core/vine_ready.h"
#include "core/vine_ring.h"
#include "utils/utils_clock.h"

enum {
	LIAR_THREADS = 3,
	LIAR_KINDS = 20,	/* places in the score */
	LIAR_PROCS = 64,	/* that the truth names */
	LIAR_BYTES = 256 << 10,	/* of heap, to each thread's session */
	LIAR_SPELL_US = 20000,	/* one kind of lie at a stretch */
	LIAR_PATIENCE_US = 20000, /* for an answer of the appliance */
};

/* What all liars did; in memory that they share with the test. */
struct liar_score {
	_Atomic uint64_t told[LIAR_KINDS];
	_Atomic uint64_t attached;	/* sessions that it was given */
	_Atomic uint64_t granted;	/* control tasks that succeeded */
	_Atomic uint64_t answers;	/* tasks that were answered */
	_Atomic uint64_t refused;	/* of them, not with OK */
};

struct liar {
	struct vine_seg seg;	/* of our own making: base and layout */
	int fd;
	uint64_t bytes;		/* of the object */
	const uint8_t *truth;	/* layout.heap_off bytes */
	struct liar_score *score;
	uint32_t moods;		/* bits of liar_mood */
	uint64_t seed;
	struct {
		uint32_t accel;	/* handles */
		uint32_t proc;
		char name[32];
	} procs[LIAR_PROCS];
	uint32_t proc_count;
	_Atomic int over;
};

/* Its end of a queue. */
struct liar_end {
	uint32_t index;
	uint32_t bell;
	struct vine_ring sub;
	struct vine_cring comp;
};

struct liar_thread {
	pthread_t id;
	struct liar *liar;
	uint64_t seed;
	int attached;
	uint32_t slot;
	uint64_t nonce;
	uint64_t mailbox;
	uint64_t heap;		/* offset of its extent of LIAR_BYTES */
	struct liar_end ctl;
	struct liar_end work;
	uint32_t cookie;
	uint32_t uses;		/* lies that this session still serves for */
};

/* A task before it is bent. */
struct liar_task {
	uint32_t accel, proc, in, out, args_size, flags, deadline_us;
	struct vine_ref refs[4];
	uint32_t args[8];
};

/* --- drawing -------------------------------------------------------------- */

static inline uint64_t
liar_draw(struct liar_thread *t, uint64_t bound)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return bound ? (t->seed >> 11) % bound : t->seed;
}

/* A number that somebody may have forgotten. */
static inline uint64_t
liar_number(struct liar_thread *t)
{
	const struct vine_layout *l = &t->liar->seg.layout;
	const uint64_t edges[] = {
		0, 1, 2, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32,
		(UINT64_C(1) << 48) - 1, UINT64_C(1) << 48, INT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - VINE_PAGE + 1,
		l->size, l->size - 1, l->size - 8, l->heap_off, t->heap,
		t->heap + LIAR_BYTES, VINE_REFS_MAX, VINE_ARGS_MAX,
	};
	uint64_t n = edges[liar_draw(t, sizeof(edges) / sizeof(edges[0]))];

	switch (liar_draw(t, 4)) {
	case 0:
		return liar_draw(t, 0);
	case 1:
		return n + liar_draw(t, 17) - 8;
	default:
		return n;
	}
}

static inline le64_t *
liar_word(const struct liar *l, uint64_t off)
{
	return (le64_t *)(uintptr_t)(l->seg.base + (off & ~UINT64_C(7)));
}

/* --- attaching ------------------------------------------------------------ */

static inline void
liar_ring(const struct liar *l, uint32_t bell, uint32_t queue)
{
	struct vine_ready ready;

	vine_ready_bind(&l->seg, bell % VINE_BELLS_MAX, &ready);
	vine_ready_ring(&ready, queue % l->seg.layout.queues);
}

static inline void
liar_pause(void)
{
	struct timespec t = { 0, 20000 };

	nanosleep(&t, NULL);
}

static inline int
liar_expired(uint64_t start, uint64_t us)
{
	return utils_clock_ns() - start > us * 1000;
}

/* What the directory says of a queue, as far as it can be. */
static inline int
liar_bind(const struct liar *l, uint32_t index, struct liar_end *end)
{
	struct vine_queue_shm *q;
	uint32_t slots;
	uint64_t sub, comp;

	if (index >= l->seg.layout.queues)
		return 0;
	q = vine_seg_queue(&l->seg, index);
	slots = arch_load32(&q->sub_slots);
	sub = arch_load64(&q->sub);
	comp = arch_load64(&q->comp);
	if (slots < VINE_SLOTS_MIN || slots > VINE_SLOTS_MAX ||
	    (slots & (slots - 1)) || sub < l->seg.layout.heap_off ||
	    comp < l->seg.layout.heap_off ||
	    !vine_seg_at(&l->seg, sub, slots * UINT64_C(64), 64) ||
	    !vine_seg_at(&l->seg, comp, slots * UINT64_C(64), 32))
		return 0;
	memset(end, 0, sizeof(*end));
	end->index = index;
	end->bell = arch_load32(&q->bell);
	end->sub.slots = vine_seg_at(&l->seg, sub, 64, 64);
	end->sub.mask = slots - 1;
	end->comp.slots = vine_seg_at(&l->seg, comp, 32, 32);
	end->comp.mask = 2 * slots - 1;
	return 1;
}

/* Publish a slot of eight words; the first is made here. */
static inline void
liar_put(struct liar_thread *t, struct liar_end *end, const uint64_t w[8])
{
	struct vine_desc_shm *slot = vine_ring_slot(&end->sub);

	for (int i = 1; i < 8; i++)
		arch_store64(&slot->w[i], w[i]);
	vine_ring_push(&end->sub, (uint32_t)(w[0] >> 32));
	liar_ring(t->liar, end->bell, end->index);
}

/* Take in what was answered; returns how many. */
static inline uint32_t
liar_reap(struct liar_thread *t, struct liar_end *end, struct vine_comp *last)
{
	struct vine_comp c;
	uint32_t n = 0, bad = 0;

	for (; vine_cring_pop(&end->comp, &c); n++) {
		bad += vine_comp_status(c.how) != VINE_STATUS_OK;
		*last = c;
	}
	atomic_fetch_add(&t->liar->score->answers, n);
	atomic_fetch_add(&t->liar->score->refused, bad);
	return n;
}

static inline int
liar_await(struct liar_thread *t, struct liar_end *end, struct vine_comp *c)
{
	uint64_t start = utils_clock_ns();

	while (liar_reap(t, end, c) == 0) {
		if (liar_expired(start, LIAR_PATIENCE_US) || t->liar->over)
			return 0;
		liar_pause();
	}
	return 1;
}

/* A control task that is meant. Returns its value, or UINT64_MAX. */
static inline uint64_t
liar_control(struct liar_thread *t, uint32_t op, uint64_t a, uint64_t b)
{
	const uint64_t w[8] = { UINT64_C(1) << 32, (uint64_t)op << 32, 0, 0,
		a, b };
	struct vine_comp c;

	liar_put(t, &t->ctl, w);
	if (!liar_await(t, &t->ctl, &c) ||
	    vine_comp_status(c.how) != VINE_STATUS_OK)
		return UINT64_MAX;
	atomic_fetch_add(&t->liar->score->granted, 1);
	return c.value;
}

static inline void
liar_detach(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	struct vine_session_shm *s = vine_seg_session(&l->seg, t->slot);

	if (!t->attached)
		return;
	t->attached = 0;
	switch (liar_draw(t, 4)) {
	case 0:	/* as one should */
		arch_store_release32(&s->request, VINE_REQUEST_DETACH);
		liar_ring(l, 0, VINE_READY_DOOR);
		break;
	case 1:	/* as if dead */
		arch_shm_unlock(l->fd, ARCH_SHM_BYTE_SESSION + t->slot);
		break;
	case 2:
		arch_store32(&s->claim, 0);
		break;
	default:
		break;
	}
}

static inline int
liar_knock(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	struct vine_session_shm *s;
	uint64_t start = utils_clock_ns();

	t->slot = (uint32_t)liar_draw(t, l->seg.layout.sessions);
	t->nonce = liar_draw(t, 0) | 1;
	s = vine_seg_session(&l->seg, t->slot);
	if (liar_draw(t, 4))
		arch_shm_lock(l->fd, ARCH_SHM_BYTE_SESSION + t->slot, 0);
	arch_store32(&s->claim, 1);
	arch_store64(&s->nonce, t->nonce);
	arch_store32(&s->weight, (uint32_t)liar_number(t));
	arch_store32(&s->flags, (uint32_t)liar_draw(t, 2));
	arch_store64(&s->boot_id, liar_draw(t, 4) ? vine_seg_boot_id() : 0);
	arch_store_release32(&s->request, VINE_REQUEST_ATTACH);
	liar_ring(l, 0, VINE_READY_DOOR);
	while (arch_load_acquire64(&s->echo) != t->nonce) {
		if (liar_expired(start, LIAR_PATIENCE_US) || l->over)
			return 0;
		liar_pause();
	}
	return arch_load32(&s->state) == VINE_SESSION_OPEN;
}

/* Be a session with a queue and memory. Others may lie meanwhile: 0. */
static inline int
liar_attach(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	struct vine_session_shm *s;
	uint64_t q;

	if (t->attached && t->uses-- > 0)
		return 1;
	liar_detach(t);
	if (!liar_knock(t))
		return 0;
	s = vine_seg_session(&l->seg, t->slot);
	t->mailbox = arch_load64(&s->mailbox);
	if (!vine_seg_at(&l->seg, t->mailbox, VINE_PAGE, 8) ||
	    !liar_bind(l, arch_load32(&s->queue), &t->ctl))
		return 0;
	t->attached = 1;
	t->uses = 0;
	q = liar_control(t, VINE_CTL_QUEUE_OPEN, 0, 0);
	if (q == UINT64_MAX || !liar_bind(l, (uint32_t)q, &t->work))
		return 0;
	t->heap = liar_control(t, VINE_CTL_GRANT, LIAR_BYTES, 0);
	if (!vine_seg_at(&l->seg, t->heap, LIAR_BYTES, 8)) {
		t->heap = 0;
		return 0;
	}
	t->uses = (uint32_t)liar_draw(t, 16);
	atomic_fetch_add(&l->score->attached, 1);
	return 1;
}

/* --- tasks ---------------------------------------------------------------- */

static inline void
liar_table(struct liar_thread *t, const struct liar_task *task, uint64_t at)
{
	const struct liar *l = t->liar;

	arch_store64(liar_word(l, at), task->in | (uint64_t)task->out << 32);
	arch_store64(liar_word(l, at + 8), task->args_size);
	for (uint32_t i = 0; i < 4; i++) {
		arch_store64(liar_word(l, at + 16 + 16 * i), task->refs[i].off);
		arch_store64(liar_word(l, at + 24 + 16 * i), task->refs[i].len);
	}
	at += 16 + 16 * (uint64_t)(task->in + task->out);
	for (uint32_t i = 0; i < 4 && task->in + task->out <= 4; i++)
		arch_store64(liar_word(l, at + 8 * i), task->args[2 * i] |
			     (uint64_t)task->args[2 * i + 1] << 32);
}

/* The words of a task; by a table at the end of its memory, or without. */
static inline void
liar_words(struct liar_thread *t, const struct liar_task *task, int table,
	   uint64_t w[8])
{
	uint64_t at = t->heap + LIAR_BYTES - VINE_PAGE;
	struct vine_ref whole = { at, VINE_PAGE };
	uint32_t refs = task->in + task->out;
	struct vine_body body;

	if (refs > 2 || refs * VINE_DESC_REF + task->args_size > VINE_DESC_BODY)
		table = 1;
	if (table) {
		liar_table(t, task, at);
		body = vine_desc_body(1, whole, whole);
		w[2] = vine_desc_w2(1, 0, 0, task->flags | VINE_DESC_TABLE,
				    task->deadline_us);
	} else {
		body = vine_desc_body(refs, task->refs[0], task->refs[1]);
		memcpy((uint8_t *)body.w + refs * VINE_DESC_REF, task->args,
		       task->args_size);
		w[2] = vine_desc_w2(task->in, task->out, task->args_size,
				    task->flags, task->deadline_us);
	}
	w[0] = (uint64_t)t->cookie++ << 32;
	w[1] = task->accel | (uint64_t)task->proc << 32;
	w[3] = liar_draw(t, 4) ? utils_clock_ticks() : liar_number(t);
	memcpy(&w[4], body.w, sizeof(body.w));
}

/* What the kernels take: places in three areas of its memory. */
static inline void
liar_shape(struct liar_thread *t, const char *name, struct liar_task *task)
{
	uint32_t side = 1 + (uint32_t)liar_draw(t, 96);
	uint32_t *args = task->args;

	task->in = 1;
	task->out = 1;
	for (uint32_t i = 0; i < 4; i++)
		task->refs[i] = (struct vine_ref){ t->heap + i * 65536, 40000 };
	if (strcmp(name, "fill") == 0) {
		task->in = 0;
		task->args_size = 1;
	} else if (strcmp(name, "add") == 0 || strcmp(name, "sgemm") == 0) {
		task->in = 2;
	} else if (strcmp(name, "zstd_compress") == 0) {
		args[0] = (uint32_t)liar_draw(t, 27) - 7;
		task->args_size = 4;
	} else if (strcmp(name, "grayscale") == 0 ||
		   strcmp(name, "sobel") == 0) {
		args[0] = side;
		args[1] = (uint32_t)liar_draw(t, 96) + 1;
		task->args_size = 8;
	} else if (strcmp(name, "fft1d") == 0) {
		args[0] = 1 + (uint32_t)liar_draw(t, 5000);
		args[1] = liar_draw(t, 2) ? 1 : UINT32_MAX;
		task->args_size = 8;
	}
	if (strcmp(name, "sgemm") == 0) {
		const uint32_t one = 0x3f800000;	/* 1.0f */

		memcpy(args, (uint32_t[]){ side, side, side, one, one }, 20);
		task->args_size = 20;
	}
}

/* Any procedure, with what it takes. Returns its name. */
static inline const char *
liar_good_task(struct liar_thread *t, struct liar_task *task)
{
	const struct liar *l = t->liar;
	uint32_t i = (uint32_t)liar_draw(t, l->proc_count);

	memset(task, 0, sizeof(*task));
	task->accel = l->procs[i].accel;
	task->proc = l->procs[i].proc;
	task->flags = liar_draw(t, 2) ? VINE_DESC_STREAM : 0;
	liar_shape(t, l->procs[i].name, task);
	return l->procs[i].name;
}

/* A thing of it, or two, is made a lie. */
static inline void
liar_bend(struct liar_thread *t, struct liar_task *task)
{
	struct vine_ref *ref = &task->refs[liar_draw(t, 3)];

	switch (liar_draw(t, 10)) {
	case 0:
		ref->off = liar_number(t);
		break;
	case 1:
		ref->len = liar_number(t);
		break;
	case 2:	/* ends where it must not */
		ref->len = UINT64_MAX - ref->off + liar_draw(t, 3);
		break;
	case 3:	/* another's memory, rings, tables */
		ref->off = liar_draw(t, t->liar->seg.layout.size);
		break;
	case 4:
		task->in = (uint32_t)liar_number(t);
		break;
	case 5:
		task->out = (uint32_t)liar_number(t);
		break;
	case 6:
		task->args_size = (uint32_t)liar_number(t);
		break;
	case 7:	/* stale, or foreign */
		task->accel += liar_draw(t, 2) ? 1 : (uint32_t)liar_number(t);
		break;
	case 8:
		task->proc += liar_draw(t, 2) ? 1u << 16 :
			(uint32_t)liar_number(t);
		break;
	default:
		task->args[liar_draw(t, 8)] = (uint32_t)liar_number(t);
		task->flags = (uint32_t)liar_draw(t, 256);
		task->deadline_us = (uint32_t)liar_number(t);
		break;
	}
}

/* Words that a bent task has; counts that overflow a field are cut. */
static inline void
liar_bent_words(struct liar_thread *t, uint64_t w[8])
{
	struct liar_task task;

	liar_good_task(t, &task);
	liar_bend(t, &task);
	if (liar_draw(t, 2))
		liar_bend(t, &task);
	if (liar_draw(t, 2) && task.in + task.out <= 2 &&
	    task.args_size <= 8) {
		liar_words(t, &task, (int)liar_draw(t, 2), w);
		return;
	}
	/* the counts as they are, which liar_words would not write */
	liar_table(t, &task, t->heap + LIAR_BYTES - VINE_PAGE);
	w[0] = (uint64_t)t->cookie++ << 32;
	w[1] = task.accel | (uint64_t)task.proc << 32;
	w[2] = vine_desc_w2(task.in & 0xff, task.out & 0xff,
			    task.args_size & 0xff, task.flags & 0xff,
			    task.deadline_us);
	w[3] = liar_number(t);
	memcpy(&w[4], vine_desc_body(2, task.refs[0], task.refs[1]).w, 32);
}

#endif
