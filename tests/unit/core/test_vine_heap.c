/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_heap: classes, running out and recovering, the whole of the
 * segment in one piece, threads that free what others allocated.
 */
#include <sys/resource.h>

#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "utils/utils_config.h"

static struct rig rig;

START_TEST(a_class_holds_its_sizes_and_wastes_at_most_a_fifth)
{
	uint32_t last = 0;

	for (size_t size = 1; size <= VINE_HEAP_CLASS_MAX;
	     size += size < 70000 ? 1 : 61) {
		uint32_t c = vine_heap_class(size);
		size_t room = vine_heap_class_size(c);

		rig_check(c < VINE_HEAP_CLASSES && c >= last);
		rig_check(room >= size && room % 64 == 0);
		rig_check(size < 256 || (room - size) * 5 <= room + 64 * 5);
		rig_check(c == 0 || vine_heap_class_size(c - 1) < size);
		last = c;
	}
	ck_assert_uint_eq(vine_heap_class(0), 0);
	ck_assert_uint_eq(vine_heap_class(VINE_HEAP_CLASS_MAX),
			  VINE_HEAP_CLASSES - 1);
	ck_assert_uint_eq(vine_heap_class(VINE_HEAP_CLASS_MAX + 1),
			  VINE_HEAP_NO_CLASS);
	ck_assert_uint_eq(vine_heap_class(SIZE_MAX), VINE_HEAP_NO_CLASS);
}
END_TEST

/* Most bytes one allocation can have. */
static size_t
largest(struct vine_session *s)
{
	size_t low = 0, high = s->seg->layout.heap_size;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;
		vine_data *d;

		if (vine_data_alloc_in(s, mid, 0, &d) == 0) {
			vine_data_free(d);
			low = mid;
		} else {
			high = mid - 1;
		}
	}
	return low;
}

/* What the control queue's rings leave, in one piece. */
static void
expect_whole(struct vine_session *s, size_t whole)
{
	vine_data *d = NULL;
	int rc = vine_data_alloc_in(s, whole, 0, &d);

	ck_assert_msg(rc == 0, "%zu bytes in one piece: %d", whole, rc);
	memset(vine_data_deref(d), 1, whole);
	vine_data_free(d);
}

START_TEST(all_of_it_comes_in_one_piece_after_any_order_of_frees)
{
	struct vine_session *s;
	uint64_t seed = 41;
	size_t whole;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	whole = largest(s);
	ck_assert_uint_gt(whole, 3 * RIG_MIB);
	for (int round = 0; round < 12; round++) {
		static vine_data *d[20000];
		uint32_t n = 0;
		size_t most = round % 3 == 0 ? 300 : round % 3 == 1 ? 70000 :
			400000;

		while (n < 20000 && vine_data_alloc_in(s, rig_random(&seed) %
						       most, 0, &d[n]) == 0)
			n++;
		ck_assert_uint_gt(n, 5);
		while (n) {
			uint32_t i = round % 4 == 0 ? n - 1 : round % 4 == 1 ?
				0 : (uint32_t)(rig_random(&seed) % n);

			vine_data_free(d[i]);
			d[i] = d[--n];
		}
		expect_whole(s, whole);
	}
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(out_of_memory_is_enomem_and_then_it_works_again)
{
	static vine_data *d[100000];
	struct vine_session *s;
	uint32_t n = 0, again;
	int rc;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	while ((rc = vine_data_alloc_in(s, 1000, 0, &d[n])) == 0)
		n++;
	ck_assert_int_eq(rc, -ENOMEM);
	ck_assert_uint_gt(n * UINT64_C(1024), RIG_MIB);
	rc = vine_data_alloc_in(s, 1000, 0, &d[n]);
	ck_assert_int_eq(rc, -ENOMEM);
	vine_data_free(d[--n]);
	ck_assert_int_eq(vine_data_alloc_in(s, 1000, 0, &d[n]), 0);
	n++;
	again = n;
	while (n)
		vine_data_free(d[--n]);
	while (vine_data_alloc_in(s, 1000, 0, &d[n]) == 0)
		n++;
	ck_assert_uint_ge(n + n / 50, again);
	while (n)
		vine_data_free(d[--n]);
	ck_assert_int_eq(vine_data_alloc_in(s, SIZE_MAX, 0, &d[0]), -ENOMEM);
	ck_assert_int_eq(vine_data_alloc_in(s, SIZE_MAX - 63, 0, &d[0]),
			 -ENOMEM);
	ck_assert_int_eq(vine_data_alloc_in(s, 2 * RIG_MIB, 0, &d[0]),
			 -ENOMEM);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(memory_of_one_session_comes_to_the_next)
{
	struct vine_session *a, *b;
	size_t whole;
	vine_data *d;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	a = rig_attach(&rig);
	whole = largest(a);
	ck_assert_int_eq(vine_data_alloc_in(a, whole, 0, &d), 0);
	vine_session_close(a);	/* with the data */
	b = rig_attach(&rig);
	expect_whole(b, whole);
	vine_session_close(b);
	rig_close(&rig);
}
END_TEST

/* Fill a cache with what was freed, and then sleep. */
static pthread_barrier_t asleep;

static void *
keep_and_sleep(void *arg)
{
	struct vine_session *s = arg;

	for (size_t size = 1000; size < 600000; size *= 2) {
		vine_data *d[4];

		for (int i = 0; i < 4; i++)
			if (vine_data_alloc_in(s, size, 0, &d[i]) != 0)
				d[i] = NULL;
		for (int i = 0; i < 4; i++)
			vine_data_free(d[i]);
	}
	pthread_barrier_wait(&asleep);	/* its cache is full */
	pthread_barrier_wait(&asleep);	/* the others are done */
	return NULL;
}

START_TEST(what_another_thread_keeps_is_found_when_memory_is_short)
{
	struct vine_session *s;
	pthread_t thread;
	size_t whole;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	whole = largest(s);
	pthread_barrier_init(&asleep, NULL, 2);
	pthread_create(&thread, NULL, keep_and_sleep, s);
	pthread_barrier_wait(&asleep);
	expect_whole(s, whole);
	pthread_barrier_wait(&asleep);
	pthread_join(thread, NULL);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Fill the segment, and then free some small data of pages that stay used. */
static void *
free_small_and_sleep(void *arg)
{
	static vine_data *d[100000];
	uint32_t n = 0;

	while (n < 100000 && vine_data_alloc_in(arg, 64, 0, &d[n]) == 0)
		n++;
	for (uint32_t i = 0; i < 64 && n > 6400; i++)
		vine_data_free(d[i * 100]);
	pthread_barrier_wait(&asleep);
	pthread_barrier_wait(&asleep);
	return NULL;
}

START_TEST(a_piece_that_another_thread_keeps_is_found_though_no_page_is_free)
{
	struct vine_session *s;
	pthread_t thread;
	vine_data *d;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	pthread_barrier_init(&asleep, NULL, 2);
	pthread_create(&thread, NULL, free_small_and_sleep, s);
	pthread_barrier_wait(&asleep);
	ck_assert_int_eq(vine_data_alloc_in(s, 64, 0, &d), 0);
	pthread_barrier_wait(&asleep);
	pthread_join(thread, NULL);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* --- threads: data travels through a table, freed by whoever finds it --- */

#define TABLE 512
#define STEPS (RIG_SANITIZED ? 20000 : 100000)

static vine_data *_Atomic table[TABLE];
static struct vine_session *shared;
static _Atomic uint32_t broken;

static uint8_t
mark_of(const vine_data *d)
{
	return (uint8_t)((uintptr_t)d >> 6 ^ (uintptr_t)d >> 13);
}

/* The first and last byte say whose they are. */
static int
intact(vine_data *d)
{
	uint8_t *p = vine_data_deref(d);
	size_t n = vine_data_size(d);

	return n == 0 || (p[0] == mark_of(d) && p[n - 1] == mark_of(d));
}

static void *
trade(void *arg)
{
	uint64_t seed = (uintptr_t)arg * 77 + 1;

	for (int i = 0; i < STEPS; i++) {
		size_t size = rig_random(&seed) >> (50 + i % 13);
		vine_data *d = NULL, *old;
		int rc = vine_data_alloc_in(shared, size, 0, &d);

		if (rc != 0 && rc != -ENOMEM)
			broken++;
		if (d) {
			uint8_t *p = vine_data_deref(d);

			broken += ((uintptr_t)p & 63) != 0;
			broken += vine_data_size(d) != size;
			if (size)
				p[0] = p[size - 1] = mark_of(d);
		}
		old = atomic_exchange(&table[rig_random(&seed) % TABLE], d);
		if (old) {
			broken += !intact(old);
			vine_data_free(old);
		}
	}
	return NULL;
}

START_TEST(threads_free_what_others_allocated)
{
	pthread_t threads[4];
	size_t whole;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	shared = rig_attach(&rig);
	whole = largest(shared);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, trade, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < TABLE; i++) {
		if (table[i])
			broken += !intact(table[i]);
		vine_data_free(table[i]);
	}
	ck_assert_uint_eq(broken, 0);
	expect_whole(shared, whole);
	vine_session_close(shared);
	rig_close(&rig);
}
END_TEST

START_TEST(sessions_never_share_a_byte)
{
	struct vine_session *s[3];
	vine_data *d[3][30];

	rig_open(&rig, 8 * RIG_MIB, NULL);
	for (int i = 0; i < 3; i++) {
		s[i] = rig_attach(&rig);
		for (int j = 0; j < 30; j++) {
			ck_assert_int_eq(vine_data_alloc_in(s[i],
				(size_t)j * 1000 + 1, 0, &d[i][j]), 0);
			memset(vine_data_deref(d[i][j]), i * 30 + j,
			       vine_data_size(d[i][j]));
		}
	}
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 30; j++) {
			uint8_t *p = vine_data_deref(d[i][j]);

			for (size_t k = 0; k < vine_data_size(d[i][j]); k++)
				rig_check(p[k] == i * 30 + j);
		}
	for (int i = 0; i < 3; i++)
		vine_session_close(s[i]);
	rig_close(&rig);
}
END_TEST

/* What session_free does with a heap that could not be made. */
START_TEST(a_heap_that_was_not_made_can_be_ended)
{
	struct rlimit limit;
	struct vine_session s;
	struct vine_seg seg;
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	int rc;

	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	memset(&s, 0, sizeof(s));
	memset(&seg, 0, sizeof(seg));
	s.seg = &seg;
	seg.layout.heap_off = 4096;
	seg.layout.heap_size = 256u * RIG_MIB;	/* 256 KiB, then 1 MiB */
	limit.rlim_cur = limit.rlim_max = pages * 4096 + 768 * 1024;
	if (RIG_SANITIZED || setrlimit(RLIMIT_AS, &limit) != 0)
		return;
	rc = vine_heap_init(&s.heap, &s);
	limit.rlim_cur = RLIM_INFINITY;
	if (rc == 0)	/* there was room elsewhere: nothing to see */
		return;
	ck_assert_int_eq(rc, -ENOMEM);
	if (s.heap.session)
		vine_heap_fini(&s.heap);
}
END_TEST

/* Another worker is in the midst of something for a while. */
static void *
slow_lane(void *arg)
{
	struct rig *r = arg;

	while (!r->stop) {
		atomic_store(&r->pipe->lanes[1].asleep, 0);
		vine_lane_poll(&r->pipe->lanes[1]);
		rig_nap(5000000);
	}
	return NULL;
}

static void *
quick_lane(void *arg)
{
	struct rig *r = arg;

	while (!r->stop) {
		atomic_store(&r->pipe->lanes[0].asleep, 0);
		if (vine_lane_poll(&r->pipe->lanes[0]) == 0)
			sched_yield();
	}
	return NULL;
}

START_TEST(a_busy_worker_does_not_make_memory_run_out)
{
	struct utils_config *config;
	pthread_t a, b;
	size_t whole;

	rig_init(&rig, 4 * RIG_MIB, NULL);
	ck_assert_int_eq(utils_config_parse(rig.config, "test", &config), 0);
	ck_assert_int_eq(vine_pipe_start(config, 2, 2, &rig.pipe), 0);
	utils_config_free(config);
	vine_pipe_serve(rig.pipe);
	pthread_create(&a, NULL, quick_lane, &rig);
	pthread_create(&b, NULL, slow_lane, &rig);
	shared = rig_attach(&rig);
	whole = 3 * RIG_MIB;
	for (int i = 0; i < 20; i++) {
		vine_data *d[100];
		uint32_t n = 0;

		while (n < 100 && vine_data_alloc_in(shared, 100000, 0,
						     &d[n]) == 0)
			n++;
		while (n)
			vine_data_free(d[--n]);
		expect_whole(shared, whole);
	}
	vine_session_close(shared);
	rig.stop = 1;
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_class_holds_its_sizes_and_wastes_at_most_a_fifth),
	RIG_CASE(all_of_it_comes_in_one_piece_after_any_order_of_frees),
	RIG_CASE(out_of_memory_is_enomem_and_then_it_works_again),
	RIG_CASE(memory_of_one_session_comes_to_the_next),
	RIG_CASE(what_another_thread_keeps_is_found_when_memory_is_short),
	RIG_CASE(
		a_piece_that_another_thread_keeps_is_found_though_no_page_is_free),
	RIG_CASE(threads_free_what_others_allocated),
	RIG_CASE(sessions_never_share_a_byte),
	RIG_CASE(a_heap_that_was_not_made_can_be_ended),
	RIG_CASE(a_busy_worker_does_not_make_memory_run_out),
};

RIG_MAIN("vine_heap", cases)
