/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_ring: laps, the wrap of positions, two threads, forgeries. */
#include "rig.h"
#include "core/vine_ring.h"

#define SLOTS 16u

static struct vine_desc_shm slots[SLOTS];
static struct vine_comp_shm comps[SLOTS];

static void
rings_at(uint32_t pos, struct vine_ring *in, struct vine_ring *out)
{
	*in = *out = (struct vine_ring){ slots, SLOTS - 1, pos };
}

static void
push(struct vine_ring *ring, uint64_t value)
{
	struct vine_desc_shm *s = vine_ring_slot(ring);

	for (int i = 1; i < 8; i++)
		arch_store64(&s->w[i], value + (uint64_t)i);
	vine_ring_push(ring, (uint32_t)value);
}

static void
expect(struct vine_ring *ring, uint64_t value)
{
	struct vine_desc d;

	ck_assert(vine_ring_peek(ring));
	ck_assert_int_eq(vine_ring_pop(ring, &d), 1);
	ck_assert_uint_eq(vine_desc_cookie(&d), (uint32_t)value);
	for (int i = 1; i < 8; i++)
		ck_assert_uint_eq(d.w[i], value + (uint64_t)i);
}

START_TEST(an_empty_ring_gives_nothing)
{
	struct vine_ring in, out;
	struct vine_desc d;

	rings_at(0, &in, &out);
	ck_assert(!vine_ring_peek(&out));
	ck_assert_int_eq(vine_ring_pop(&out, &d), 0);
	ck_assert_uint_eq(out.pos, 0);
}
END_TEST

START_TEST(a_full_lap_comes_out_in_order_and_not_twice)
{
	struct vine_ring in, out;
	struct vine_desc d;

	rings_at(0, &in, &out);
	for (uint64_t lap = 0; lap < 5; lap++) {
		for (uint64_t i = 0; i < SLOTS; i++)
			push(&in, lap * 100 + i);
		for (uint64_t i = 0; i < SLOTS; i++)
			expect(&out, lap * 100 + i);
		ck_assert_int_eq(vine_ring_pop(&out, &d), 0);
	}
}
END_TEST

START_TEST(positions_wrap_at_2_to_the_32)
{
	struct vine_ring in, out;
	struct vine_desc d;

	/* one lap that fills the slots with the sequences before */
	rings_at(UINT32_MAX - 40, &in, &out);
	for (uint64_t i = 0; i < 100; i++) {
		ck_assert_int_eq(vine_ring_pop(&out, &d), 0);
		for (uint64_t j = 0; j < i % SLOTS + 1; j++)
			push(&in, i * 1000 + j);
		for (uint64_t j = 0; j < i % SLOTS + 1; j++)
			expect(&out, i * 1000 + j);
	}
	ck_assert_uint_eq(in.pos, out.pos);
	ck_assert_uint_lt(in.pos, UINT32_MAX - 40);
}
END_TEST

START_TEST(a_forged_sequence_is_not_taken)
{
	struct vine_ring in, out;
	struct vine_desc d;
	uint64_t seed = 5;

	rings_at(1000, &in, &out);
	for (int i = 0; i < 100000; i++) {
		uint32_t seq = (uint32_t)rig_random(&seed) >> (i % 20);

		if (seq == out.pos + 1)
			continue;
		arch_store64(&slots[out.pos & 15].w[0],
			     seq | rig_random(&seed) << 32);
		rig_check(vine_ring_pop(&out, &d) == 0);
		rig_check(!vine_ring_peek(&out));
	}
	push(&in, 77);
	expect(&out, 77);
}
END_TEST

START_TEST(a_completion_keeps_all_of_its_members)
{
	struct vine_cring in = { comps, SLOTS - 1, UINT32_MAX - 100 };
	struct vine_cring out = in;
	uint64_t seed = 9;

	for (int i = 0; i < 1000; i++) {
		uint32_t status = (uint32_t)rig_random(&seed) & 0xff;
		uint32_t error = (uint32_t)rig_random(&seed) & 0xffff;
		uint32_t take = (uint32_t)rig_random(&seed);
		uint32_t execute = (uint32_t)rig_random(&seed);
		uint32_t complete = (uint32_t)rig_random(&seed);
		struct vine_comp c = {
			.cookie = (uint32_t)rig_random(&seed),
			.value = rig_random(&seed),
			.how = vine_comp_how(status, error, take),
			.times = vine_comp_times(execute, complete),
		}, got;

		memset(&got, 0, sizeof(got));
		ck_assert(!vine_cring_peek(&out));
		ck_assert_int_eq(vine_cring_pop(&out, &got), 0);
		vine_cring_push(&in, &c);
		ck_assert(vine_cring_peek(&out));
		ck_assert_int_eq(vine_cring_pop(&out, &got), 1);
		ck_assert_uint_eq(got.cookie, c.cookie);
		ck_assert_uint_eq(vine_comp_status(got.how), status);
		ck_assert_uint_eq(vine_comp_error(got.how), error);
		ck_assert_uint_eq(vine_comp_take(got.how), take);
		ck_assert_uint_eq(vine_comp_execute(got.times), execute);
		ck_assert_uint_eq(vine_comp_complete(got.times), complete);
		ck_assert_uint_eq(got.value, c.value);
	}
}
END_TEST

/* --- two threads: descriptors one way, completions the other --- */

#define ROUNDS (RIG_SANITIZED ? 300000u : 2000000u)

static _Atomic int torn;
static _Atomic uint32_t last = ROUNDS;	/* lowered before it is reached */

static void *
consume(void *arg)
{
	struct vine_ring *in = arg;
	struct vine_cring out = { comps, SLOTS - 1, in->pos };

	for (uint32_t n = 0; n < last;) {
		struct vine_comp c;
		struct vine_desc d;

		if (!vine_ring_pop(in, &d)) {
			sched_yield();
			continue;
		}
		for (int i = 1; i < 8; i++)
			torn |= d.w[i] != n + (uint64_t)i;
		torn |= vine_desc_cookie(&d) != n;
		c.cookie = n;
		c.value = ~(uint64_t)n;
		c.how = vine_comp_how(3, 0, n);
		c.times = vine_comp_times(0, n + 1);
		vine_cring_push(&out, &c);
		n++;
	}
	return NULL;
}

START_TEST(two_threads_exchange_millions_without_a_torn_slot)
{
	/* positions wrap early, as a busy machine leaves out most rounds */
	uint32_t start = UINT32_MAX - ROUNDS / 200, sent = 0, got = 0;
	struct vine_cring back = { comps, SLOTS - 1, start };
	struct vine_ring in, out;
	uint64_t from = rig_ns();
	pthread_t thread;

	rings_at(start, &in, &out);
	pthread_create(&thread, NULL, consume, &out);
	while (got < last) {
		struct vine_comp c;

		if (last == ROUNDS && sent < ROUNDS &&
		    rig_enough(got, ROUNDS, from))
			last = sent + 1;
		/* a credit a slot, as queues have it */
		while (sent < last && sent - got < SLOTS)
			push(&in, sent++);
		if (!vine_cring_pop(&back, &c)) {
			sched_yield();
			continue;
		}
		torn |= c.cookie != got || c.value != ~(uint64_t)got ||
			c.how != vine_comp_how(3, 0, got) ||
			c.times != vine_comp_times(0, got + 1);
		got++;
	}
	pthread_join(thread, NULL);
	ck_assert_int_eq(torn, 0);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_empty_ring_gives_nothing),
	RIG_CASE(a_full_lap_comes_out_in_order_and_not_twice),
	RIG_CASE(positions_wrap_at_2_to_the_32),
	RIG_CASE(a_forged_sequence_is_not_taken),
	RIG_CASE(a_completion_keeps_all_of_its_members),
	RIG_CASE(two_threads_exchange_millions_without_a_torn_slot),
};

RIG_MAIN("vine_ring", cases)
