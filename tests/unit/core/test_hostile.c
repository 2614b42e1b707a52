/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile application: a child that attached as any other, then writes random
 * bytes over random places of its queues, its session's slot, the ready bits,
 * the directories and the heap, while the appliance serves that segment and a
 * well-behaved session on a second one. The appliance must survive, answer the
 * second segment correctly, and take everything back when the child is gone.
 * VINE_TEST_SEED sets the seed, VINE_TEST_SECONDS how long.
 */
#include <signal.h>

#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"

static struct rig bad, good;

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Sessions that the appliance has. */
static uint32_t
sessions_of(struct rig *r)
{
	uint32_t n;

	pthread_mutex_lock(&r->pipe->lock);
	n = r->pipe->recs_open;
	pthread_mutex_unlock(&r->pipe->lock);
	return n;
}

/* Bytes that look like something, or like nothing. */
static uint64_t
value(uint64_t *seed, const struct vine_seg *seg)
{
	uint64_t r = rig_random(seed);

	switch (r >> 60) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return r & 0xff;
	case 3: return seg->layout.heap_off + (r & 0xffff8);
	case 4: return seg->layout.size - (r & 15);
	case 5: return r & 0x7fffffff7fffffff;
	default: return rig_random(seed);
	}
}

static void
scribble(uint8_t *at, uint64_t bytes, uint64_t *seed,
	 const struct vine_seg *seg)
{
	uint64_t v = value(seed, seg), off = rig_random(seed) % bytes;
	uint64_t n = (uint64_t[]){ 1, 2, 4, 8 }[rig_random(seed) % 4];

	if (n > bytes - off)
		n = 1;
	memcpy(at + off, &v, n);
}

/* Descriptors that come to their slots by the rules and say anything. */
static void
push_junk(struct vine_queue *q, uint64_t *seed, const struct vine_seg *seg,
	  uint64_t handles)
{
	for (uint64_t n = rig_random(seed) % 20; n; n--) {
		struct vine_desc_shm *slot = vine_ring_slot(&q->sub);

		for (int i = 1; i < 8; i++)
			arch_store64(&slot->w[i], value(seed, seg));
		if (rig_random(seed) % 4)
			arch_store64(&slot->w[1], handles);
		if (rig_random(seed) % 4)
			arch_store64(&slot->w[2], rig_random(seed) &
				     0x0f030101);
		vine_ring_push(&q->sub, (uint32_t)rig_random(seed));
	}
	vine_ready_ring(&q->ready, q->index);
}

static void
ring_bytes(struct vine_queue *q, uint64_t *seed, const struct vine_seg *seg)
{
	scribble((uint8_t *)q->sub.slots, (q->sub.mask + 1) * UINT64_C(64),
		 seed, seg);
	scribble((uint8_t *)q->comp.slots, (q->comp.mask + 1) * UINT64_C(32),
		 seed, seg);
	scribble((uint8_t *)q->shm, sizeof(*q->shm), seed, seg);
}

/* One act of hostility. `everywhere` also hits what other sides write. */
static void
attack(struct vine_session *s, struct vine_queue *q, uint64_t *seed,
       uint64_t handles, int everywhere)
{
	const struct vine_seg *seg = s->seg;
	const struct vine_layout *l = &seg->layout;

	switch (rig_random(seed) % (everywhere ? 12 : 8)) {
	case 0: case 1:
		push_junk(q, seed, seg, handles);
		break;
	case 2:
		push_junk(s->control, seed, seg,
			  (rig_random(seed) % 12) << 32);
		break;
	case 3:
		ring_bytes(q, seed, seg);
		break;
	case 4:
		ring_bytes(s->control, seed, seg);
		break;
	case 5:
		scribble((uint8_t *)s->shm, sizeof(*s->shm), seed, seg);
		break;
	case 6:
		scribble(seg->base + l->ready_off,
			 VINE_BELLS_MAX * l->ready_stride, seed, seg);
		break;
	case 7:
		scribble(s->mailbox, 4096, seed, seg);
		vine_ready_ring(&q->ready, (uint32_t)(rig_random(seed) %
						      l->queues));
		break;
	case 8:
		scribble(seg->base + 64, l->heap_off - 64, seed, seg);
		break;
	case 9:
		scribble(seg->base + l->session_off, l->sessions * 256, seed,
			 seg);
		break;
	case 10:
		scribble(seg->base + l->bell_off, VINE_BELLS_MAX * 64, seed,
			 seg);
		break;
	default:
		scribble(seg->base + l->heap_off, l->heap_size, seed, seg);
		break;
	}
}

static void
be_hostile(uint64_t seed, uint64_t until, int everywhere)
{
	struct vine_session *s = rig_attach(&bad);
	struct vine_task_opts o = rig_opts(s, "sum");
	struct vine_queue *q;
	uint64_t handles;
	vine_data *d;

	if (rig_run(&o, NULL) != VINE_STATUS_OK ||
	    vine_data_alloc_in(s, 65536, 0, &d) != 0)
		_exit(3);
	q = vine_thread_of(s, s->id)->queue;
	handles = o.accel->handle | (uint64_t)o.proc->handle << 32;
	while (rig_ns() < until) {
		for (int i = 0; i < 64; i++)
			attack(s, q, &seed, handles, everywhere);
		if (rig_random(&seed) % 64 == 0)
			rig_nap(rig_random(&seed) % 3000000);
	}
	_exit(0);
}

/* Work on the second segment, all of it checked, until the child ends. */
static uint64_t
be_good(uint64_t until)
{
	struct vine_session *s = rig_attach(&good);
	struct vine_task_opts o = rig_opts(s, "copy");
	struct vine_slice in, out;
	vine_data *a, *b;
	uint64_t n = 0;

	ck_assert_int_eq(vine_data_alloc_in(s, 20000, 0, &a), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 20000, 0, &b), 0);
	in = vine_slice_all(a);
	out = vine_slice_all(b);
	o.in = &in;
	o.in_count = 1;
	o.out = &out;
	o.out_count = 1;
	for (; rig_ns() < until; n++) {
		uint64_t v;

		memset(vine_data_deref(a), (int)n, 20000);
		ck_assert_int_eq(rig_run(&o, &v), VINE_STATUS_OK);
		rig_check(v == 20000);
		rig_check(memcmp(vine_data_deref(a), vine_data_deref(b),
				 20000) == 0);
		if (n % 64 == 0) {
			vine_session_close(s);
			s = rig_attach(&good);
			o = rig_opts(s, "copy");
			ck_assert_int_eq(vine_data_alloc_in(s, 20000, 0, &a),
					 0);
			ck_assert_int_eq(vine_data_alloc_in(s, 20000, 0, &b),
					 0);
			in = vine_slice_all(a);
			out = vine_slice_all(b);
			o.in = &in;
			o.in_count = 1;
			o.out = &out;
			o.out_count = 1;
		}
	}
	vine_session_close(s);
	return n;
}

static void
run_attack(uint64_t seed, int everywhere)
{
	uint64_t seconds = number("VINE_TEST_SECONDS", 2);
	uint64_t until, served;
	pid_t pid;

	seed = number("VINE_TEST_SEED", seed);
	printf("seed %llu, %s\n", (unsigned long long)seed,
	       everywhere ? "everywhere" : "its own");
	fflush(stdout);
	rig_listen();
	utils_log_set(UTILS_LOG_ERROR, rig_hear, NULL);
	rig_open(&bad, 4 * RIG_MIB, NULL);
	rig_open(&good, 4 * RIG_MIB, NULL);
	until = rig_ns() + seconds * SECOND;
	pid = fork();
	if (pid == 0)
		be_hostile(seed, until, everywhere);
	ck_assert_uint_gt(be_good(until), 10);
	/* it may have hurt itself; what counts is us */
	rig_child_ended(pid);
	served = bad.served;
	ck_assert_uint_gt(served, 0);
	if (!everywhere) {
		struct vine_task_opts o;
		struct vine_session *s;
		uint64_t v;

		/* its own damage ends with it */
		rig_await(sessions_of(&bad) == 0);
		s = rig_attach(&bad);
		o = rig_opts(s, "nop");
		ck_assert_int_eq(rig_run(&o, &v), VINE_STATUS_OK);
		vine_session_close(s);
	}
	rig_close(&bad);
	rig_close(&good);
}

START_TEST(an_application_that_ruins_its_own_parts_harms_nobody)
{
	for (uint64_t seed = 1; seed <= 2; seed++)
		run_attack(seed, 0);
}
END_TEST

START_TEST(an_application_that_ruins_its_segment_harms_no_other)
{
	for (uint64_t seed = 11; seed <= 12; seed++)
		run_attack(seed, 1);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_application_that_ruins_its_own_parts_harms_nobody),
	RIG_CASE(an_application_that_ruins_its_segment_harms_no_other),
};

RIG_MAIN("hostile", cases)
