/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_cache: order, limits, emptying while the owner works. */
#include "rig.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"

static struct rig rig;
static struct vine_session *s;

static struct vine_cache *
begin(const char *more)
{
	rig_open(&rig, 16 * RIG_MIB, more);
	s = rig_attach(&rig);
	return &vine_thread_of(s, s->id)->cache;
}

static void
end(void)
{
	vine_session_close(s);
	rig_close(&rig);
}

static uint32_t
kept(const struct vine_cache *cache, uint32_t cls)
{
	return cache->shelves[cls].last - cache->shelves[cls].first;
}

START_TEST(pieces_come_out_in_the_order_they_went_in)
{
	struct vine_cache *cache = begin(NULL);
	uint32_t cls = vine_heap_class(4096);
	struct vine_data_s *d[20], *e;
	uint32_t before;

	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(vine_cache_get(cache, cls, &d[i]), 0);
	before = kept(cache, cls);
	for (int i = 0; i < 20; i++)
		vine_cache_put(cache, d[i]);
	ck_assert_uint_eq(kept(cache, cls), before + 20);
	for (uint32_t i = 0; i < before; i++)
		ck_assert_int_eq(vine_cache_get(cache, cls, &e), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(vine_cache_get(cache, cls, &e), 0);
		ck_assert_ptr_eq(e, d[i]);
	}
	end();
}
END_TEST

START_TEST(a_cache_keeps_no_more_than_recycle_size)
{
	struct vine_cache *cache = begin("recycle_size 64K\n");
	uint32_t cls = vine_heap_class(4096);
	struct vine_data_s *d[300];

	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(vine_cache_get(cache, cls, &d[i]), 0);
	for (int i = 0; i < 300; i++) {
		vine_cache_put(cache, d[i]);
		rig_check(kept(cache, cls) <= 16);
	}
	cls = vine_heap_class(64);
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(vine_cache_get(cache, cls, &d[i]), 0);
	for (int i = 0; i < 300; i++) {
		vine_cache_put(cache, d[i]);
		rig_check(kept(cache, cls) <= VINE_CACHE_SLOTS);
	}
	end();
}
END_TEST

START_TEST(a_recycle_size_of_nothing_keeps_nothing)
{
	struct vine_cache *cache = begin("recycle_size 0\n");

	for (uint32_t cls = 0; cls < VINE_HEAP_CLASSES; cls += 7) {
		struct vine_data_s *d;

		ck_assert_int_eq(vine_cache_get(cache, cls, &d), 0);
		vine_cache_put(cache, d);
		ck_assert_uint_eq(kept(cache, cls), 0);
	}
	end();
}
END_TEST

START_TEST(what_has_no_room_or_is_not_there_is_left_to_the_slow_road)
{
	struct vine_cache *cache = begin("recycle_size 64K\n");
	uint32_t cls = vine_heap_class(4096);
	struct vine_data_s *d[20], *e;
	uint32_t n = 0;

	ck_assert_ptr_null(vine_cache_pop(cache, cls));
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(vine_cache_get(cache, cls, &d[i]), 0);
	while ((e = vine_cache_pop(cache, cls)) != NULL)
		vine_heap_put(&s->heap, &e, 1);
	while (n < 20 && vine_cache_push(cache, d[n]))
		n++;
	ck_assert_uint_eq(n, 16);
	ck_assert_uint_eq(kept(cache, cls), 16);
	for (uint32_t i = 0; i < 16; i++)
		ck_assert_ptr_eq(vine_cache_pop(cache, cls), d[i]);
	ck_assert_ptr_null(vine_cache_pop(cache, cls));
	/* nor when the cache is another's for a moment */
	ck_assert_int_eq(vine_cache_push(cache, d[0]), 1);
	arch_bias_take(&cache->bias);
	ck_assert_ptr_null(vine_cache_pop(cache, cls));
	ck_assert_int_eq(vine_cache_push(cache, d[1]), 0);
	arch_bias_give(&cache->bias);
	ck_assert_ptr_eq(vine_cache_pop(cache, cls), d[0]);
	/* a class that was never used has no ring to push into */
	ck_assert_int_eq(vine_heap_take(&s->heap, 7, &e, 1), 1);
	ck_assert_int_eq(vine_cache_push(cache, e), 0);
	end();
}
END_TEST

START_TEST(emptying_gives_every_piece_once)
{
	struct vine_cache *cache = begin(NULL);
	struct vine_data_s *items = NULL, *next, *d[64];
	uint32_t n = 0, had = 0;

	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(vine_cache_get(cache, i % 8, &d[i]), 0);
	for (uint32_t i = 0; i < 64; i++)
		vine_cache_put(cache, d[i]);
	for (uint32_t cls = 0; cls < VINE_HEAP_CLASSES; cls++)
		had += kept(cache, cls);
	vine_cache_shut(cache, &items);
	for (; items; items = next, n++) {
		next = items->next;
		vine_heap_put(&s->heap, &items, 1);
	}
	ck_assert_uint_eq(n, had);
	vine_cache_shut(cache, &items);
	ck_assert_ptr_null(items);
	/* nothing goes in or out until it is opened */
	ck_assert_int_eq(vine_cache_get(cache, 0, &d[0]), 0);
	ck_assert_int_eq(vine_cache_push(cache, d[0]), 0);
	vine_cache_put(cache, d[0]);
	ck_assert_uint_eq(kept(cache, 0), 0);
	vine_cache_open(cache);
	ck_assert_int_eq(vine_cache_get(cache, 0, &d[0]), 0);
	ck_assert_int_eq(vine_cache_push(cache, d[0]), 1);
	end();
}
END_TEST

/* Another thread empties the owner's cache while he works with it. */
static _Atomic int working;

static void *
rob(void *arg)
{
	struct vine_cache *cache = arg;

	while (working) {
		struct vine_data_s *items = NULL, *next;

		pthread_mutex_lock(&s->heap.lock);
		vine_cache_shut(cache, &items);
		vine_cache_open(cache);
		pthread_mutex_unlock(&s->heap.lock);
		for (; items; items = next) {
			next = items->next;
			vine_heap_put(&s->heap, &items, 1);
		}
	}
	return NULL;
}

START_TEST(a_cache_may_be_emptied_while_its_owner_works)
{
	struct vine_cache *cache = begin(NULL);
	uint32_t steps = RIG_SANITIZED ? 30000 : 300000;
	uint64_t seed = 7;
	pthread_t thread;

	working = 1;
	pthread_create(&thread, NULL, rob, cache);
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t cls = (uint32_t)(rig_random(&seed) % 20);
		struct vine_data_s *d[4];

		for (int j = 0; j < 4; j++) {
			d[j] = vine_cache_pop(cache, cls);
			rig_check(d[j] || vine_cache_get(cache, cls,
							 &d[j]) == 0);
			rig_check(d[j]->cls == cls);
			*(volatile uint32_t *)d[j]->ptr = i * 4 + (uint32_t)j;
		}
		for (int j = 0; j < 4; j++)
			rig_check(*(volatile uint32_t *)d[j]->ptr ==
				  i * 4 + (uint32_t)j);
		for (int j = 0; j < 4; j++)
			if (!vine_cache_push(cache, d[j]))
				vine_cache_put(cache, d[j]);
	}
	working = 0;
	pthread_join(thread, NULL);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(pieces_come_out_in_the_order_they_went_in),
	RIG_CASE(a_cache_keeps_no_more_than_recycle_size),
	RIG_CASE(a_recycle_size_of_nothing_keeps_nothing),
	RIG_CASE(what_has_no_room_or_is_not_there_is_left_to_the_slow_road),
	RIG_CASE(emptying_gives_every_piece_once),
	RIG_CASE(a_cache_may_be_emptied_while_its_owner_works),
};

RIG_MAIN("vine_cache", cases)
