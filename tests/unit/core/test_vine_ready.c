/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_ready: flat and with a summary; collecting; the bell. */
#include "rig.h"
#include "arch/spin/arch_bell.h"
#include "core/vine_ready.h"

static struct vine_seg seg;

static void
segment(uint64_t size)
{
	memset(&seg, 0, sizeof(seg));
	ck_assert_int_eq(vine_layout_plan(size, 128, &seg.layout), 0);
	seg.base = mmap(NULL, seg.layout.heap_off, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seg.base, MAP_FAILED);
}

static uint8_t seen[65536];
static uint32_t strange;

static void
see(void *arg, uint32_t queue)
{
	const struct vine_ready *ready = arg;

	if (queue < ready->leaf_words * 64)
		seen[queue]++;
	else
		strange++;
}

static void
set_and_collect(uint64_t size)
{
	struct vine_ready ready, other;
	uint32_t queues, n = 0, got, sum = 0, most = VINE_READY_WORDS * 64;
	uint64_t seed = 17;

	segment(size);
	queues = seg.layout.queues;
	vine_ready_bind(&seg, 3, &ready);
	vine_ready_bind(&seg, 4, &other);
	ck_assert(!vine_ready_any(&ready));
	ck_assert_uint_eq(vine_ready_collect(&ready, see, &ready), 0);
	for (uint32_t q = 0; q < queues; q++) {
		if (q != queues - 1 && q != 0 && rig_random(&seed) % 3)
			continue;
		ck_assert_int_eq(vine_ready_ring(&ready, q), 0);
		vine_ready_ring(&ready, q);	/* twice is once */
		seen[q] = 100;
		n++;
	}
	ck_assert(vine_ready_any(&ready));
	ck_assert(!vine_ready_any(&other));
	do {	/* a part at a time, where there are many */
		got = vine_ready_collect(&ready, see, &ready);
		ck_assert_uint_le(got, most);
		sum += got;
		ck_assert_int_eq(vine_ready_any(&ready), sum < n);
	} while (got);
	ck_assert_uint_eq(sum, n);
	for (uint32_t q = 0; q < queues; q++)
		ck_assert(seen[q] == 0 || seen[q] == 101);
	ck_assert_uint_eq(strange, 0);
	ck_assert(!vine_ready_any(&ready));
	ck_assert_uint_eq(vine_ready_collect(&ready, see, &ready), 0);
}

START_TEST(bits_of_a_flat_set_are_collected_once)
{
	set_and_collect(2 * RIG_MIB);
	ck_assert_uint_eq(seg.layout.summary_words, 0);
}
END_TEST

START_TEST(bits_of_a_set_with_a_summary_are_collected_once)
{
	set_and_collect(1024 * RIG_MIB);
	ck_assert_uint_gt(seg.layout.summary_words, 0);
}
END_TEST

START_TEST(bits_of_the_largest_set_are_collected_once)
{
	set_and_collect(UINT64_C(1) << 40);
	ck_assert_uint_eq(seg.layout.queues, 65536);
	ck_assert_uint_eq(seg.layout.summary_words, 16);
}
END_TEST

/* a producer that died between leaf and summary strands only itself */
START_TEST(a_neighbour_of_a_dead_producer_is_not_stranded)
{
	struct vine_ready ready;

	segment(1024 * RIG_MIB);
	vine_ready_bind(&seg, 0, &ready);
	arch_or64(&ready.leaf[5], 1);		/* and no more */
	ck_assert_int_eq(vine_ready_has(&ready, 5 * 64), 0);
	vine_ready_ring(&ready, 5 * 64 + 9);
	ck_assert_int_eq(vine_ready_has(&ready, 5 * 64), 1);
	ck_assert_int_eq(vine_ready_has(&ready, 5 * 64 + 9), 1);
	ck_assert_int_eq(vine_ready_has(&ready, 5 * 64 + 8), 0);
	ck_assert_uint_eq(vine_ready_collect(&ready, see, &ready), 2);
	ck_assert_uint_eq(seen[5 * 64], 1);
	ck_assert_uint_eq(seen[5 * 64 + 9], 1);
}
END_TEST

START_TEST(random_bits_of_a_peer_stay_within_the_leaves)
{
	uint64_t sizes[] = { RIG_MIB, 2 * RIG_MIB, 20 * RIG_MIB,
			     UINT64_C(5) << 30 };

	for (int k = 0; k < 4; k++) {
		struct vine_ready ready;
		uint64_t seed = 23;

		segment(sizes[k]);
		vine_ready_bind(&seg, 15, &ready);
		for (int round = 0; round < 50; round++) {
			uint8_t *at = seg.base + seg.layout.ready_off +
				15 * seg.layout.ready_stride;

			for (uint64_t i = 0; i < seg.layout.ready_stride; i++)
				at[i] = (uint8_t)rig_random(&seed);
			vine_ready_any(&ready);
			vine_ready_collect(&ready, see, &ready);
		}
		ck_assert_uint_eq(strange, 0);
	}
}
END_TEST

static void *
sleep_on(void *arg)
{
	struct vine_ready *ready = arg;
	uint32_t word = arch_load32(&ready->bell->word);

	arch_store32(&ready->bell->sleeping, 1);
	arch_bell_barrier();
	while (!vine_ready_any(ready))
		arch_bell_wait(&ready->ring, word, ~0u, 50 * SECOND);
	return NULL;
}

START_TEST(a_ring_wakes_a_sleeper_and_only_the_first_rings)
{
	struct vine_ready ready;
	pthread_t thread;

	segment(RIG_MIB);
	vine_ready_bind(&seg, 1, &ready);
	ck_assert_int_eq(vine_ready_ring(&ready, 1), 0);
	vine_ready_collect(&ready, see, &ready);
	pthread_create(&thread, NULL, sleep_on, &ready);
	rig_await(arch_load32(&ready.bell->sleeping));
	rig_nap(5000000);
	ck_assert_int_eq(vine_ready_ring(&ready, 7), 1);
	ck_assert_int_eq(vine_ready_ring(&ready, 8), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(arch_load32(&ready.bell->sleeping), 0);
}
END_TEST

/* --- no bit is lost between several producers and the worker --- */

#define PRODUCERS 3u
#define RINGS (RIG_SANITIZED ? 20000u : 200000u)

static struct vine_ready shared;
static _Atomic uint32_t work[1200];
static uint64_t taken_work;
static _Atomic uint32_t producing;

static void *
produce(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;

	for (uint32_t i = 0; i < RINGS; i++) {
		uint32_t q = (uint32_t)(rig_random(&seed) % 1200);

		atomic_fetch_add(&work[q], 1);
		vine_ready_ring(&shared, q);
	}
	producing--;
	return NULL;
}

static void
take_work(void *arg, uint32_t queue)
{
	(void)arg;
	taken_work += atomic_exchange(&work[queue], 0);
}

START_TEST(no_bit_is_lost_between_threads)
{
	pthread_t threads[PRODUCERS];

	segment(64 * RIG_MIB);
	vine_ready_bind(&seg, 2, &shared);
	producing = PRODUCERS;
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		pthread_create(&threads[i], NULL, produce, (void *)i);
	while (producing)
		vine_ready_collect(&shared, take_work, NULL);
	while (vine_ready_collect(&shared, take_work, NULL))
		;
	for (uint32_t i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(taken_work, PRODUCERS * (uint64_t)RINGS);
	ck_assert(!vine_ready_any(&shared));
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(bits_of_a_flat_set_are_collected_once),
	RIG_CASE(bits_of_a_set_with_a_summary_are_collected_once),
	RIG_CASE(bits_of_the_largest_set_are_collected_once),
	RIG_CASE(a_neighbour_of_a_dead_producer_is_not_stranded),
	RIG_CASE(random_bits_of_a_peer_stay_within_the_leaves),
	RIG_CASE(a_ring_wakes_a_sleeper_and_only_the_first_rings),
	RIG_CASE(no_bit_is_lost_between_threads),
};

RIG_MAIN("vine_ready", cases)
