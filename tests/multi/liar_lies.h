/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lies: what a liar (liar.h) writes into its segment, by kind.
 *
 * Each of its threads takes a lie of the table below, tells it again and again
 * for some milliseconds, and takes another, until the process is killed or its
 * time is over.
 */
#ifndef LIAR_LIES_H
#define LIAR_LIES_H

#include <linux/falloc.h>

#include "liar.h"

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

/* Knocks without end, at every slot; or all slots at once. */
static uint32_t
lie_door(struct liar_thread *t)
{
	const struct liar *l = t->liar;

	for (uint32_t i = 0; i < l->seg.layout.sessions &&
	     liar_draw(t, 2000); i++) {
		struct vine_session_shm *s = vine_seg_session(&l->seg, i);

		arch_store32(&s->claim, 1);
		arch_store64(&s->nonce, liar_draw(t, 0));
		arch_store_release32(&s->request, VINE_REQUEST_ATTACH);
	}
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

/* Locks that belong to others, and so many that the kernel looks for long. */
static uint32_t
lie_locks(struct liar_thread *t)
{
	const struct liar *l = t->liar;
	uint32_t many = 4 * l->seg.layout.sessions;

	for (int i = 0; i < 8; i++) {
		uint32_t byte = (uint32_t)liar_draw(t, l->seg.layout.sessions)
			+ ARCH_SHM_BYTE_SESSION;

		if (liar_draw(t, 2))
			arch_shm_lock(l->fd, byte, 0);
		else
			arch_shm_unlock(l->fd, byte);
		byte = 2 * (uint32_t)liar_draw(t, 4096);
		arch_shm_lock(l->fd, ARCH_SHM_BYTE_SESSION + many + byte, 0);
	}
	if (liar_draw(t, 64) == 0) {
		arch_shm_lock(l->fd, ARCH_SHM_BYTE_ATTACH, 0);
		liar_pause();
		arch_shm_unlock(l->fd, ARCH_SHM_BYTE_ATTACH);
	}
	return 16;
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
	LIAR_DEEP = 1,		/* as a session that leaves the tables alone */
	LIAR_BUSY = 2,		/* at the door, and with bells and locks */
	LIAR_LOUD = 4,		/* overwrites whatever there is */
	LIAR_BRUTE = 8,		/* takes the memory away */
};

static const struct {
	const char *name;
	uint32_t (*tell)(struct liar_thread *t);
	uint32_t mood;
} liar_lies[] = {
	{ "descriptors", lie_descriptor, LIAR_DEEP },
	{ "descriptors that change", lie_twice, LIAR_DEEP },
	{ "swapped slots", lie_swapped, LIAR_DEEP },
	{ "sequences", lie_sequence, LIAR_DEEP },
	{ "tables", lie_table, LIAR_DEEP },
	{ "control tasks", lie_control, LIAR_DEEP },
	{ "answers and sleepers", lie_answers, LIAR_DEEP },
	{ "cookies", lie_cookies, LIAR_DEEP },
	{ "data under kernels", lie_data, LIAR_DEEP },
	{ "knocks", lie_door, LIAR_BUSY },
	{ "ready bits and bells", lie_ready, LIAR_BUSY },
	{ "locks", lie_locks, LIAR_BUSY },
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
	struct arch_shm_object o = { .size = l->bytes };
	struct liar_thread threads[LIAR_THREADS];
	void *base;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	l->fd = open(path, O_RDWR | O_CLOEXEC);
	/* an earlier one may have left it short; it cuts its own, too */
	o.fd = l->fd;
	if (l->fd < 0 || ftruncate(l->fd, (off_t)l->bytes) != 0 ||
	    arch_shm_guard_start() != 0 ||
	    arch_shm_map(&o, 0, l->bytes, 0, &base) != 0)
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
