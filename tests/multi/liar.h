/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Liar: a process that maps a segment and writes into it whatever it likes.
 *
 * It speaks the protocol by its own words, not by libvine, which trusts what
 * it reads: it attaches, opens queues and gets memory, so that its lies are
 * told where the appliance listens. Its threads each take a lie of the table at
 * the end of this file, tell it again and again for some milliseconds, and take
 * another. What it needs to know of the segment it has from the truth: a copy
 * of the segment's tables that was made before the first lie.
 *
 * All writes are single words by atomics: a thread must not be torn itself, and
 * the sanitizers are to look at the appliance.
 */
#ifndef LIAR_H
#define LIAR_H

#include <linux/falloc.h>
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
	arch_store64(&s->boot_id, vine_seg_boot_id());
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
		args[0] = (uint32_t)liar_draw(t, 12) - 7;
		task->args_size = 4;
	} else if (strcmp(name, "grayscale") == 0 ||
		   strcmp(name, "sobel") == 0) {
		args[0] = side;
		args[1] = (uint32_t)liar_draw(t, 96) + 1;
		task->args_size = 8;
	} else if (strcmp(name, "fft1d") == 0) {
		args[0] = 32 * side;
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

/* --- the lies ------------------------------------------------------------- */
/* Each returns how many it told. */

static uint32_t
lie_anywhere(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	uint64_t off = liar_draw(t, l->seg.layout.size - VINE_PAGE);
	uint32_t n = 1 + (uint32_t)liar_draw(t, VINE_PAGE / 8);

	for (uint32_t i = 0; i < n; i++)
		arch_store64(liar_word(l, off + 8 * i), liar_draw(t, 0));
	return n;
}

static uint32_t
lie_bits(struct liar_thread *t)
{
	const struct liar *l = t->liar;

	for (int i = 0; i < 64; i++) {
		le64_t *w = liar_word(l, liar_draw(t, l->seg.layout.heap_off));

		arch_store64(w, arch_load64(w) ^
			     UINT64_C(1) << liar_draw(t, 64));
	}
	return 64;
}

/* Numbers in one table of the segment. */
static uint32_t
lie_between(struct liar_thread *t, uint64_t from, uint64_t to)
{
	for (int i = 0; i < 32; i++)
		arch_store64(liar_word(t->liar, from +
				       liar_draw(t, to - from)),
			     liar_number(t));
	return 32;
}

static uint32_t
lie_header(struct liar_thread *t)
{
	return lie_between(t, 0, 128);
}

static uint32_t
lie_sessions(struct liar_thread *t)
{
	const struct vine_layout *l = &t->liar->seg.layout;

	return lie_between(t, l->session_off, l->session_off +
			   l->sessions * sizeof(struct vine_session_shm));
}

static uint32_t
lie_queues(struct liar_thread *t)
{
	const struct vine_layout *l = &t->liar->seg.layout;

	return lie_between(t, l->queue_off, l->queue_off +
			   l->queues * sizeof(struct vine_queue_shm));
}

static uint32_t
lie_directory(struct liar_thread *t)
{
	const struct vine_layout *l = &t->liar->seg.layout;

	return lie_between(t, l->accel_off, l->bell_off);
}

/* All bits, all the time, and bells that ring for nothing. */
static uint32_t
lie_ready(struct liar_thread *t)
{
	const struct vine_layout *l = &t->liar->seg.layout;
	uint32_t set = (uint32_t)liar_draw(t, 2);

	for (uint64_t i = 0; i < l->ready_stride; i += 8)
		arch_store64(liar_word(t->liar, l->ready_off +
				       set * l->ready_stride + i), UINT64_MAX);
	liar_ring(t->liar, set, (uint32_t)liar_draw(t, l->queues));
	if (liar_draw(t, 4) == 0)
		lie_between(t, l->bell_off, l->ready_off);
	return 64;
}

static uint32_t
lie_descriptor(struct liar_thread *t)
{
	struct vine_comp c;
	uint64_t w[8] = { 0 };

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 16; i++) {
		liar_bent_words(t, w);
		liar_put(t, &t->work, w);
	}
	liar_await(t, &t->work, &c);
	return 16;
}

/* What was published changes while it is taken. */
static uint32_t
lie_twice(struct liar_thread *t)
{
	struct liar_task task;
	struct vine_comp c;
	uint64_t good[8], bad[8];
	uint32_t n = 0;

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 8; i++) {
		struct vine_desc_shm *slot = vine_ring_slot(&t->work.sub);

		liar_good_task(t, &task);
		liar_words(t, &task, (int)liar_draw(t, 2), good);
		liar_bent_words(t, bad);
		liar_put(t, &t->work, good);
		for (int j = 0; j < 400; j++, n++) {
			int k = 1 + (int)liar_draw(t, 7);

			arch_store64(&slot->w[k], j & 1 ? good[k] : bad[k]);
		}
	}
	liar_reap(t, &t->work, &c);
	return n;
}

/* Slots of one task in another's place, whole or by halves. */
static uint32_t
lie_swapped(struct liar_thread *t)
{
	const struct vine_ring *ring = &t->work.sub;
	struct liar_task task;
	uint64_t w[8];

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 8; i++) {
		struct vine_desc_shm *a, *b;
		int from = (int)liar_draw(t, 8);

		liar_good_task(t, &task);
		liar_words(t, &task, 0, w);
		liar_put(t, &t->work, w);
		a = &ring->slots[liar_draw(t, ring->mask + 1)];
		b = &ring->slots[liar_draw(t, ring->mask + 1)];
		for (int k = from; k < 8; k++) {
			uint64_t old = arch_load64(&a->w[k]);

			arch_store64(&a->w[k], arch_load64(&b->w[k]));
			arch_store64(&b->w[k], old);
		}
	}
	return 8;
}

/* Sequences ahead, behind, a lap off; a ring that looks full for ever. */
static uint32_t
lie_sequence(struct liar_thread *t)
{
	const struct vine_ring *ring = &t->work.sub;
	uint32_t off = (uint32_t)(uint64_t[]){ 0, 1, 2, ring->mask + 1,
		0x7fffffff, UINT32_MAX, liar_draw(t, 0) }[liar_draw(t, 7)];

	if (!liar_attach(t))
		return 0;
	for (uint32_t i = 0; i <= ring->mask; i++)
		arch_store64(&ring->slots[(ring->pos + i) & ring->mask].w[0],
			     ring->pos + i + 1 + off);
	liar_ring(t->liar, t->work.bell, t->work.index);
	if (off == 0)
		t->work.sub.pos += ring->mask + 1;
	return ring->mask + 1;
}

/* Tables that name themselves, rings, each other, and change meanwhile. */
static uint32_t
lie_table(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	uint64_t at = t->heap + LIAR_BYTES - VINE_PAGE, w[8];
	struct liar_task task;
	struct vine_comp c;

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 8; i++) {
		liar_good_task(t, &task);
		task.refs[liar_draw(t, 3)] = (struct vine_ref){
			liar_draw(t, 2) ? at : liar_number(t), VINE_PAGE };
		liar_words(t, &task, 1, w);
		liar_put(t, &t->work, w);
		for (int j = 0; j < 200; j++)
			arch_store64(liar_word(l, at + 8 * liar_draw(t, 16)),
				     liar_number(t));
	}
	liar_reap(t, &t->work, &c);
	return 8 * 200;
}

/* Each control task, with operands and a name that change. */
static uint32_t
lie_control(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	struct vine_comp c;

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 8; i++) {
		const char *name = l->procs[liar_draw(t, l->proc_count)].name;
		uint64_t w[8] = { liar_draw(t, 2) << 32,
			liar_draw(t, 12) << 32, 0, 0, liar_number(t),
			liar_draw(t, 2) ? t->heap : liar_number(t),
			liar_draw(t, 2) ? 70000 : liar_number(t), 0 };
		uint64_t text[4];

		switch (liar_draw(t, 4)) {
		case 0:
			w[4] = liar_draw(t, 10);
			break;
		case 1:
			w[4] = l->procs[liar_draw(t, l->proc_count)].accel;
			break;
		case 2:
			w[4] = t->work.index;
			break;
		default:
			break;
		}
		memcpy(text, name, sizeof(text));
		for (uint64_t j = 0; j < 4; j++)
			arch_store64(liar_word(l, t->mailbox + 8 * j), text[j]);
		liar_put(t, &t->ctl, w);
		for (int j = 0; j < 100; j++)
			arch_store64(liar_word(l, t->mailbox +
					       liar_draw(t, 64)),
				     liar_draw(t, 0));
	}
	liar_await(t, &t->ctl, &c);
	return 8;
}

/* Answers before they are given, over those that were; sleepers that are none
 * or too many. */
static uint32_t
lie_answers(struct liar_thread *t)
{
	const struct vine_cring *ring = &t->work.comp;
	struct vine_queue_shm *q;
	uint64_t w[8];
	struct liar_task task;

	if (!liar_attach(t))
		return 0;
	q = vine_seg_queue(&t->liar->seg, t->work.index);
	for (int i = 0; i < 32; i++) {
		liar_good_task(t, &task);
		liar_words(t, &task, 0, w);
		liar_put(t, &t->work, w);
		arch_store32(&q->waiting, (uint32_t)liar_draw(t, 0));
		arch_store32(&q->armed, (uint32_t)liar_draw(t, 2));
		arch_store32(&q->taken, (uint32_t)liar_number(t));
		arch_store64(&ring->slots[liar_draw(t, ring->mask + 1)]
			     .w[liar_draw(t, 4)], liar_number(t));
	}
	return 4 * 32;
}

/* One cookie for all, cancelled before, while and after it runs. */
static uint32_t
lie_cookies(struct liar_thread *t)
{
	uint64_t cancel[8] = { 0, (uint64_t)VINE_CTL_CANCEL << 32 };
	struct liar_task task;
	struct vine_comp c;
	uint64_t w[8];

	if (!liar_attach(t))
		return 0;
	for (int i = 0; i < 16; i++) {
		liar_good_task(t, &task);
		liar_words(t, &task, 0, w);
		w[0] = UINT64_C(7) << 32;
		liar_put(t, &t->work, w);
		cancel[4] = liar_draw(t, 4) ? t->work.index : liar_number(t);
		cancel[5] = liar_draw(t, 4) ? 7 : liar_number(t);
		liar_put(t, &t->ctl, cancel);
	}
	liar_reap(t, &t->work, &c);
	liar_reap(t, &t->ctl, &c);
	return 32;
}

/* Data that changes under the kernel which works on it. */
static uint32_t
lie_data(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	struct liar_task task;
	struct vine_comp c;
	const char *name;
	uint64_t w[8];
	uint32_t n = 0;

	if (!liar_attach(t))
		return 0;
	name = liar_good_task(t, &task);
	for (uint64_t i = 0; i < 3 * 65536; i += 8)
		arch_store64(liar_word(l, t->heap + i), i >> liar_draw(t, 16));
	liar_words(t, &task, 0, w);
	liar_put(t, &t->work, w);
	if (strcmp(name, "zstd_compress") == 0 &&
	    liar_await(t, &t->work, &c) && c.value < 40000) {
		for (uint32_t i = 0; i < l->proc_count; i++)
			if (strcmp(l->procs[i].name, "zstd_decompress") == 0)
				task.proc = l->procs[i].proc;
		task.args_size = 0;
		task.refs[0] = (struct vine_ref){ task.refs[1].off, c.value };
		task.refs[1] = task.refs[2];
		liar_words(t, &task, 0, w);
		liar_put(t, &t->work, w);
	}
	for (; n < 2000 && liar_reap(t, &t->work, &c) == 0; n++) {
		le64_t *word = liar_word(l, task.refs[liar_draw(t, 2)].off +
					 liar_draw(t, 40000));

		arch_store64(word, arch_load64(word) ^
			     UINT64_C(1) << liar_draw(t, 64));
	}
	return n;
}

/* Knocks without end, at every slot. */
static uint32_t
lie_door(struct liar_thread *t)
{
	const struct liar *l = t->liar;

	for (int i = 0; i < 32; i++) {
		struct vine_session_shm *s = vine_seg_session(&l->seg,
			(uint32_t)liar_draw(t, l->seg.layout.sessions));

		arch_store32(&s->claim, (uint32_t)liar_draw(t, 2));
		if (liar_draw(t, 2))
			arch_store64(&s->nonce, liar_draw(t, 0));
		arch_store_release32(&s->request, (uint32_t)liar_draw(t, 4));
		liar_ring(l, 0, VINE_READY_DOOR);
	}
	return 32;
}

/* Locks that belong to others. */
static uint32_t
lie_locks(struct liar_thread *t)
{
	const struct liar *l = t->liar;

	for (int i = 0; i < 8; i++) {
		uint32_t byte = (uint32_t)liar_draw(t, l->seg.layout.sessions)
			+ ARCH_SHM_BYTE_SESSION;

		if (liar_draw(t, 2))
			arch_shm_lock(l->fd, byte, 0);
		else
			arch_shm_unlock(l->fd, byte);
	}
	return 8;
}

/* Pages that are there no more, or were never. */
static uint32_t
lie_size(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	uint64_t to[] = { 0, VINE_PAGE, liar_draw(t, l->bytes), 2 * l->bytes,
		l->seg.layout.heap_off + liar_draw(t, 1 << 20) };
	uint64_t hole = liar_draw(t, l->bytes / VINE_PAGE) * VINE_PAGE;
	int rc = fallocate(l->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   (off_t)hole, 1 << 20);

	if (ftruncate(l->fd, (off_t)to[liar_draw(t, 5)]) != 0 || rc != 0)
		_exit(3);
	if (liar_draw(t, 2))
		usleep((useconds_t)liar_draw(t, 5000));
	if (liar_draw(t, 16) == 0)
		_exit(0);	/* and leave it so */
	if (arch_shm_guard_mend(l->fd, 0, l->bytes, l->seg.base) != 0)
		_exit(3);
	usleep((useconds_t)liar_draw(t, 50000));
	return 2;
}

enum liar_mood {
	LIAR_SUBTLE = 1,	/* leaves the tables alone */
	LIAR_LOUD = 2,		/* overwrites whatever there is */
	LIAR_BRUTE = 4,		/* takes the memory away */
};

static const struct {
	const char *name;
	uint32_t (*tell)(struct liar_thread *t);
	uint32_t mood;
} liar_lies[] = {
	{ "descriptors", lie_descriptor, LIAR_SUBTLE },
	{ "descriptors that change", lie_twice, LIAR_SUBTLE },
	{ "swapped slots", lie_swapped, LIAR_SUBTLE },
	{ "sequences", lie_sequence, LIAR_SUBTLE },
	{ "tables", lie_table, LIAR_SUBTLE },
	{ "control tasks", lie_control, LIAR_SUBTLE },
	{ "answers and sleepers", lie_answers, LIAR_SUBTLE },
	{ "cookies", lie_cookies, LIAR_SUBTLE },
	{ "data under kernels", lie_data, LIAR_SUBTLE },
	{ "knocks", lie_door, LIAR_SUBTLE },
	{ "ready bits and bells", lie_ready, LIAR_SUBTLE },
	{ "locks", lie_locks, LIAR_SUBTLE },
	{ "bytes anywhere", lie_anywhere, LIAR_LOUD },
	{ "bits of the tables", lie_bits, LIAR_LOUD },
	{ "header", lie_header, LIAR_LOUD },
	{ "session slots", lie_sessions, LIAR_LOUD },
	{ "queue entries", lie_queues, LIAR_LOUD },
	{ "directory", lie_directory, LIAR_LOUD },
	{ "sizes and holes", lie_size, LIAR_BRUTE },
};

#define LIAR_LIES (sizeof(liar_lies) / sizeof(liar_lies[0]))

/* --- the process ---------------------------------------------------------- */

static inline void *
liar_main(void *arg)
{
	struct liar_thread *t = arg;
	struct liar *l = t->liar;

	while (!l->over) {
		uint64_t start = utils_clock_ns();
		size_t i = liar_draw(t, LIAR_LIES);
		uint64_t spell = liar_draw(t, LIAR_SPELL_US);
		uint32_t n = 1;

		if (!(liar_lies[i].mood & l->moods))
			continue;
		while (n && !l->over && !liar_expired(start, spell)) {
			n = liar_lies[i].tell(t);
			atomic_fetch_add(&l->score->told[i], n);
		}
	}
	return NULL;
}

/* The procedures that the truth has, each with the accelerator it runs on. */
static inline void
liar_learn(struct liar *l)
{
	struct vine_seg seg = { .base = (uint8_t *)(uintptr_t)l->truth,
		.layout = l->seg.layout };

	for (uint32_t i = 1; i < seg.layout.procs &&
	     l->proc_count < LIAR_PROCS; i++) {
		const struct vine_proc_shm *p = vine_seg_proc(&seg, i);
		uint32_t handle = arch_load32(&p->handle);

		for (uint32_t j = 1; j < seg.layout.accels && handle; j++) {
			const struct vine_accel_shm *a =
				vine_seg_accel(&seg, j);

			if (arch_load32(&a->handle) == 0 ||
			    arch_load32(&a->type) != arch_load32(&p->type))
				continue;
			l->procs[l->proc_count].accel = arch_load32(&a->handle);
			l->procs[l->proc_count].proc = handle;
			memcpy(l->procs[l->proc_count++].name, p->name, 31);
			break;
		}
	}
}

/* liar_be is a liar's life of ms milliseconds. Never returns. */
static inline void
liar_be(struct liar *l, const char *path, int64_t ms)
{
	struct liar_thread threads[LIAR_THREADS];
	void *base;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	l->fd = open(path, O_RDWR | O_CLOEXEC);
	/* an earlier one may have left it short; it cuts its own, too */
	if (l->fd < 0 || ftruncate(l->fd, (off_t)l->bytes) != 0 ||
	    arch_shm_guard_start() != 0 ||
	    arch_shm_map(l->fd, 0, l->bytes, 0, &base) != 0)
		_exit(2);
	l->seg.base = base;
	liar_learn(l);
	memset(threads, 0, sizeof(threads));
	for (int i = 0; i < LIAR_THREADS; i++) {
		threads[i].liar = l;
		threads[i].seed = (l->seed + (uint64_t)i + 1) *
			UINT64_C(0x9e3779b97f4a7c15);
		if (pthread_create(&threads[i].id, NULL, liar_main,
				   &threads[i]) != 0)
			_exit(2);
	}
	appliance_nap(ms);
	l->over = 1;
	for (int i = 0; i < LIAR_THREADS; i++)
		pthread_join(threads[i].id, NULL);
	_exit(0);
}

#endif
