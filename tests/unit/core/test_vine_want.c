/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_want: waiting for memory that threads of this process free or
 * that other sessions give back, deadlines, order, and who may overtake.
 */
#include "rig.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
#include "core/vine_want.h"

#define MANY 100000
#define MS INT64_C(1000000)

static struct rig rig;
static struct vine_session *s;
static vine_data *held[MANY];
static uint32_t count;

static int
get(struct vine_session *session, size_t bytes, int64_t wait_ns, vine_data **d)
{
	struct vine_data_opts o = {
		.size = sizeof(o),
		.bytes = bytes,
		.wait_ns = wait_ns,
	};

	return vine_data_alloc_opts(session, &o, d);
}

/* Take all there is, in pieces of ever smaller sizes. */
static void
fill(struct vine_session *session, size_t largest)
{
	for (size_t size = largest; size >= 64; size /= 4)
		while (count < MANY && get(session, size, 0, &held[count]) == 0)
			count++;
	ck_assert_uint_lt(count, MANY);
}

static void
empty(void)
{
	while (count)
		vine_data_free(held[--count]);
}

static void
begin(void)
{
	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
}

/* Nobody waits any more, the caches are open, nothing was lost. */
static void
end(void)
{
	vine_data *d, *e;

	ck_assert_ptr_null(s->heap.wants);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(get(s, 64, 0, &d), 0);
		vine_data_free(d);
	}
	ck_assert_int_eq(get(s, 64, 0, &e), 0);
	vine_data_free(e);
	ck_assert_uint_gt(vine_thread_of(s, s->id)->cache.shelves[0].last, 0);
	ck_assert_int_eq(get(s, 3 * RIG_MIB, 0, &d), 0);
	vine_data_free(d);
	vine_session_close(s);
	rig_close(&rig);
}

/* --- one that waits --- */

struct waiter {
	pthread_t thread;
	size_t bytes;
	int64_t wait_ns;
	vine_data *data;
	uint64_t cpu_ns;	/* that the thread used */
	_Atomic int rc;		/* 1: waits yet */
};

static void *
want_one(void *arg)
{
	struct waiter *w = arg;
	struct timespec t;

	w->rc = get(s, w->bytes, w->wait_ns, &w->data);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	w->cpu_ns = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
	return NULL;
}

static uint32_t
wanting(void)
{
	uint32_t n = 0;

	pthread_mutex_lock(&s->heap.lock);
	for (struct vine_want *w = s->heap.wants; w; w = w->next)
		n++;
	pthread_mutex_unlock(&s->heap.lock);
	return n;
}

/* As if so many others had been served before the oldest. */
static void
no_more_overtaking(void)
{
	pthread_mutex_lock(&s->heap.lock);
	s->heap.overtaken = VINE_WANT_OVERTAKEN;
	pthread_mutex_unlock(&s->heap.lock);
}

/* Start one and wait until it stands in the list. */
static void
start(struct waiter *w, size_t bytes, int64_t wait_ns)
{
	uint32_t before = wanting();

	w->bytes = bytes;
	w->wait_ns = wait_ns;
	w->rc = 1;
	ck_assert_int_eq(pthread_create(&w->thread, NULL, want_one, w), 0);
	rig_await(wanting() == before + 1 || w->rc != 1);
}

static void
finish(struct waiter *w, int rc)
{
	pthread_join(w->thread, NULL);
	ck_assert_int_eq(w->rc, rc);
	if (rc)
		return;
	memset(vine_data_deref(w->data), 1, w->bytes);
	vine_data_free(w->data);
}

START_TEST(bad_options_are_einval)
{
	struct vine_data_opts o = { .size = sizeof(o), .bytes = 10 };
	vine_data *d = NULL;

	begin();
	ck_assert_int_eq(vine_data_alloc_opts(s, NULL, &d), -EINVAL);
	o.size--;
	ck_assert_int_eq(vine_data_alloc_opts(s, &o, &d), -EINVAL);
	o.size++;
	o.wait_ns = -2;
	ck_assert_int_eq(vine_data_alloc_opts(s, &o, &d), -EINVAL);
	o.wait_ns = 0;
	o.align = 3;
	ck_assert_int_eq(vine_data_alloc_opts(s, &o, &d), -EINVAL);
	ck_assert_ptr_null(d);
	o.align = 4096;
	ck_assert_int_eq(vine_data_alloc_opts(s, &o, &d), 0);
	ck_assert_uint_eq((uintptr_t)vine_data_deref(d) % 4096, 0);
	ck_assert_uint_eq(vine_data_size(d), 10);
	vine_data_free(d);
	end();
}
END_TEST

START_TEST(who_does_not_wait_gets_enomem_and_who_waits_a_timeout)
{
	static const size_t sizes[] = { 64, 4096, 100000, RIG_MIB };
	vine_data *d = NULL;

	begin();
	fill(s, RIG_MIB);
	for (int i = 0; i < 4; i++) {
		uint64_t from = rig_ns();

		ck_assert_int_eq(get(s, sizes[i], 0, &d), -ENOMEM);
		ck_assert_int_eq(get(s, sizes[i], 30 * MS, &d), -ETIMEDOUT);
		ck_assert_uint_ge(rig_ns() - from, 30 * MS);
	}
	ck_assert_ptr_null(d);
	empty();
	end();
}
END_TEST

START_TEST(more_than_the_heap_is_enomem_at_once)
{
	vine_data *d;

	begin();
	ck_assert_int_eq(get(s, SIZE_MAX, VINE_FOREVER, &d), -ENOMEM);
	ck_assert_int_eq(get(s, 5 * RIG_MIB, VINE_FOREVER, &d), -ENOMEM);
	end();
}
END_TEST

START_TEST(what_another_thread_frees_ends_the_wait_whatever_the_size)
{
	static const size_t sizes[] = { 1, 64, 4096, 32768, 100000, RIG_MIB };

	begin();
	for (int i = 0; i < 6; i++) {
		struct waiter w;

		fill(s, RIG_MIB);
		start(&w, sizes[i], VINE_FOREVER);
		rig_nap(5000000);
		ck_assert_int_eq(w.rc, 1);
		empty();
		finish(&w, 0);
	}
	end();
}
END_TEST

START_TEST(one_free_of_the_right_size_is_enough)
{
	struct waiter w[3];
	vine_data *d[3];

	begin();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(get(s, 64 * 1024, 0, &d[i]), 0);
	fill(s, RIG_MIB);
	for (int i = 0; i < 3; i++)
		start(&w[i], 64 * 1024, VINE_FOREVER);
	for (uint32_t i = 0; i < 3; i++) {
		vine_data_free(d[i]);
		/* by who frees, not when it asks the next time */
		ck_assert_uint_eq(wanting(), 2 - i);
	}
	empty();
	for (int i = 0; i < 3; i++)
		finish(&w[i], 0);
	end();
}
END_TEST

START_TEST(the_oldest_is_served_first)
{
	struct waiter w[4];

	begin();
	fill(s, RIG_MIB);
	/* there is room for one at a time */
	for (int i = 0; i < 4; i++)
		start(&w[i], 3 * RIG_MIB - (size_t)i * 200000, VINE_FOREVER);
	no_more_overtaking();
	empty();
	for (uint32_t i = 0; i < 4; i++) {
		rig_await(w[i].rc != 1);
		ck_assert_uint_eq(wanting(), 3 - i);
		finish(&w[i], 0);
	}
	end();
}
END_TEST

/* Work with small and middling data until told to stop. */
static _Atomic int working;

static void *
churn(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 11;
	vine_data *d[64] = { NULL };

	while (working) {
		uint64_t r = rig_random(&seed);
		vine_data **at = &d[r % 64];

		vine_data_free(*at);
		if (get(s, (size_t)(r >> 40) % 90000, 0, at) != 0)
			*at = NULL;
	}
	for (int i = 0; i < 64; i++)
		vine_data_free(d[i]);
	return NULL;
}

START_TEST(a_large_request_gets_its_turn_while_small_ones_go_on)
{
	pthread_t threads[3];

	begin();
	working = 1;
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, (void *)i);
	for (int i = 0; i < 10; i++) {
		vine_data *d;
		int rc = get(s, 2 * RIG_MIB, 50 * (int64_t)SECOND, &d);

		ck_assert_msg(rc == 0, "request %d: %d", i, rc);
		memset(vine_data_deref(d), 1, 2 * RIG_MIB);
		vine_data_free(d);
	}
	working = 0;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	end();
}
END_TEST

START_TEST(who_overtakes_the_oldest_may_do_so_only_so_often)
{
	struct waiter w;
	vine_data *half, *d;
	uint32_t n = 0;

	begin();
	ck_assert_int_eq(get(s, 2 * RIG_MIB, 0, &half), 0);
	start(&w, 3 * RIG_MIB, VINE_FOREVER);
	/* there is room for these, and not for the other */
	while (get(s, 100000, 0, &d) == 0) {
		vine_data_free(d);
		ck_assert_uint_le(++n, VINE_WANT_OVERTAKEN);
	}
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(get(s, 100000, 20 * MS, &d), -ETIMEDOUT);
	ck_assert_int_eq(w.rc, 1);
	vine_data_free(half);
	finish(&w, 0);
	ck_assert_int_eq(get(s, 100000, 0, &d), 0);
	vine_data_free(d);
	end();
}
END_TEST

START_TEST(pieces_at_hand_can_be_had_while_a_large_request_waits)
{
	vine_data *d[8], *half;
	struct waiter w;

	begin();
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(get(s, 200, 0, &d[i]), 0);
	ck_assert_int_eq(get(s, 2 * RIG_MIB, 0, &half), 0);
	start(&w, 3 * RIG_MIB, VINE_FOREVER);
	no_more_overtaking();
	for (int i = 0; i < 1000; i++) {
		vine_data_free(d[i % 4]);
		ck_assert_int_eq(get(s, 200, 0, &d[i % 4]), 0);
	}
	vine_data_free(half);
	for (int i = 0; i < 8; i++)
		vine_data_free(d[i]);
	finish(&w, 0);
	end();
}
END_TEST

START_TEST(one_that_gives_up_leaves_the_memory_to_the_next)
{
	struct waiter large, small;
	vine_data *half;
	int both;

	begin();
	ck_assert_int_eq(get(s, 2 * RIG_MIB, 0, &half), 0);
	/* again where the small one came too late */
	for (int64_t wait = 300 * MS; ; wait *= 4) {
		start(&large, 3 * RIG_MIB, wait);
		no_more_overtaking();
		start(&small, RIG_MIB, VINE_FOREVER);
		both = wanting() == 2;
		finish(&large, -ETIMEDOUT);
		finish(&small, 0);
		if (both)
			break;
	}
	vine_data_free(half);
	end();
}
END_TEST

START_TEST(what_another_session_gives_back_ends_the_wait)
{
	struct vine_session *other;
	struct waiter w;

	begin();
	other = rig_attach(&rig);
	fill(other, RIG_MIB);
	start(&w, RIG_MIB, VINE_FOREVER);
	rig_nap(20000000);
	ck_assert_int_eq(w.rc, 1);
	vine_session_close(other);	/* with all it has */
	count = 0;
	finish(&w, 0);
	end();
}
END_TEST

/*
 * A session does not give back all at once, and the two ask one after the
 * other: now and then the younger may find enough when the older did not, and on
 * a busy machine often. It never is the older where nobody has a turn.
 */
START_TEST(what_another_session_gives_back_is_the_oldest_ones)
{
	int overtaken = 0, i;

	begin();
	for (i = 0; i - overtaken < 4; i++) {
		struct vine_session *other = rig_attach(&rig);
		struct waiter old, young;
		int young_first;

		fill(other, RIG_MIB);
		/* there is room for one, and the younger mostly asks first */
		start(&old, 3 * RIG_MIB, VINE_FOREVER);
		rig_nap(50000000);
		start(&young, 2500000, VINE_FOREVER);
		rig_nap(80000000 + (uint64_t)(i % 6) * 10000000);
		vine_session_close(other);
		count = 0;
		rig_await(old.rc != 1 || young.rc != 1);
		young_first = young.rc != 1;
		overtaken += young_first;
		finish(young_first ? &young : &old, 0);
		finish(young_first ? &old : &young, 0);
		/* it would keep an extent, which the next round wants */
		vine_session_close(s);
		s = rig_attach(&rig);
		ck_assert_msg(i < 24, "overtaken %d times of %d", overtaken, i);
	}
	end();
}
END_TEST

START_TEST(one_that_waits_sleeps)
{
	struct waiter w;

	begin();
	fill(s, RIG_MIB);
	start(&w, RIG_MIB, 2 * (int64_t)SECOND);
	finish(&w, -ETIMEDOUT);
	/* some 40 questions; a loop would take all of 2 s */
	ck_assert_uint_lt(w.cpu_ns, SECOND / 2);
	empty();
	end();
}
END_TEST

static void *
pass_by(void *arg)
{
	vine_data *d;

	(void)arg;
	for (int i = 0; i < 100; i++) {
		if (get(s, 200, 0, &d) != 0)
			return NULL;
		vine_data_free(d);
	}
	return arg;
}

START_TEST(threads_come_and_go_while_one_waits)
{
	vine_data *small, *half;
	struct waiter w;

	begin();
	ck_assert_int_eq(get(s, 200, 0, &small), 0);
	ck_assert_int_eq(get(s, 2 * RIG_MIB, 0, &half), 0);
	start(&w, 3 * RIG_MIB, VINE_FOREVER);
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		void *ok;

		pthread_create(&thread, NULL, pass_by, s);
		pthread_join(thread, &ok);
		ck_assert_ptr_nonnull(ok);
	}
	vine_data_free(small);
	vine_data_free(half);
	finish(&w, 0);
	end();
}
END_TEST

/* Begins while another waits, and frees something of a class that it uses. */
static void *
free_late(void *arg)
{
	vine_data *d;

	if (get(s, 64 * 1024, 0, &d) != -ENOMEM)
		return NULL;
	vine_data_free(arg);
	return wanting() == 0 ? arg : NULL;
}

START_TEST(a_thread_that_came_later_keeps_nothing_for_itself)
{
	struct waiter w;
	pthread_t thread;
	vine_data *d;
	void *ok;

	begin();
	ck_assert_int_eq(get(s, 64 * 1024, 0, &d), 0);
	fill(s, RIG_MIB);
	start(&w, 64 * 1024, VINE_FOREVER);
	pthread_create(&thread, NULL, free_late, d);
	pthread_join(thread, &ok);
	ck_assert_ptr_nonnull(ok);
	empty();
	finish(&w, 0);
	end();
}
END_TEST

START_TEST(a_lost_session_ends_the_wait)
{
	struct waiter w[2];

	begin();
	fill(s, RIG_MIB);
	rig_listen();
	start(&w[0], RIG_MIB, VINE_FOREVER);
	start(&w[1], 64, VINE_FOREVER);
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	rig.pipe = NULL;
	finish(&w[0], -ECONNRESET);
	finish(&w[1], -ECONNRESET);
	empty();
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Many wait at once for more than there is; all get theirs in the end. */
static void *
crowd(void *arg)
{
	uint64_t seed = (uintptr_t)arg * 5 + 3;

	for (int i = 0; i < (RIG_SANITIZED ? 100 : 400); i++) {
		size_t bytes = (size_t)(rig_random(&seed) >> 43);
		vine_data *d;

		if (get(s, bytes, 50 * (int64_t)SECOND, &d) != 0)
			return NULL;
		if (bytes)
			memset(vine_data_deref(d), 1, bytes);
		vine_data_free(d);
	}
	return arg;
}

START_TEST(a_crowd_gets_through)
{
	pthread_t threads[8];

	begin();
	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, crowd, (void *)(i + 1));
	for (int i = 0; i < 8; i++) {
		void *ok;

		pthread_join(threads[i], &ok);
		ck_assert_ptr_nonnull(ok);
	}
	end();
}
END_TEST

struct other {
	struct vine_session *s;
	vine_data *d;
	_Atomic int rc;		/* 1: not yet */
};

static void *
want_of_another(void *arg)
{
	struct other *o = arg;

	o->rc = get(o->s, 2 * RIG_MIB, VINE_FOREVER, &o->d);
	return NULL;
}

/* It keeps one free extent, however large, and its thread's cache. */
START_TEST(a_session_at_work_gives_back_what_another_waits_for)
{
	struct other o = { .rc = 1 };
	vine_data *d, *small[8];
	pthread_t thread;

	begin();
	o.s = rig_attach(&rig);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(get(s, 100000, 0, &small[i]), 0);
	ck_assert_int_eq(get(s, 2 * RIG_MIB, 0, &d), 0);
	vine_data_free(d);
	for (int i = 1; i < 8; i++)
		vine_data_free(small[i]);
	pthread_create(&thread, NULL, want_of_another, &o);
	rig_nap(20 * MS);
	ck_assert_int_eq(o.rc, 1);
	/* what it works on is too large for a cache, and for nobody else */
	rig_await(get(s, VINE_HEAP_CLASS_MAX / 64, 0, &d) == 0 &&
		  (vine_heap_put(&s->heap, &d, 1), o.rc != 1));
	pthread_join(thread, NULL);
	ck_assert_int_eq(o.rc, 0);
	vine_session_close(o.s);
	vine_data_free(small[0]);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_session_at_work_gives_back_what_another_waits_for),
	RIG_CASE(bad_options_are_einval),
	RIG_CASE(who_does_not_wait_gets_enomem_and_who_waits_a_timeout),
	RIG_CASE(more_than_the_heap_is_enomem_at_once),
	RIG_CASE(what_another_thread_frees_ends_the_wait_whatever_the_size),
	RIG_CASE(one_free_of_the_right_size_is_enough),
	RIG_CASE(the_oldest_is_served_first),
	RIG_CASE(a_large_request_gets_its_turn_while_small_ones_go_on),
	RIG_CASE(who_overtakes_the_oldest_may_do_so_only_so_often),
	RIG_CASE(pieces_at_hand_can_be_had_while_a_large_request_waits),
	RIG_CASE(one_that_gives_up_leaves_the_memory_to_the_next),
	RIG_CASE(what_another_session_gives_back_ends_the_wait),
	RIG_CASE(what_another_session_gives_back_is_the_oldest_ones),
	RIG_CASE(one_that_waits_sleeps),
	RIG_CASE(threads_come_and_go_while_one_waits),
	RIG_CASE(a_thread_that_came_later_keeps_nothing_for_itself),
	RIG_CASE(a_lost_session_ends_the_wait),
	RIG_CASE(a_crowd_gets_through),
};

RIG_MAIN("vine_want", cases)
