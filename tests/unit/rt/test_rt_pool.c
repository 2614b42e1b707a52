/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_pool: how many buffers there are, who gets the next, and that a
 * reserve is all or nothing.
 */
#include "core/vine_limits.h"
#include "rt/rt_pool.h"
#include "tests/unit/rt/tasks.h"

static struct rt_pool pool;
static char order[64];
static void *last;

static int
get_one(void *arg)
{
	void *b = NULL;
	int rc = rt_pool_get(&pool, &b, RT_NEVER);

	strncat(order, arg, sizeof(order) - strlen(order) - 1);
	if (rc == 0) {
		memset(b, 1, 100);
		last = b;
	}
	return rc;
}

static struct rt_reserve reserve;

static int
reserve_three(void *arg)
{
	int rc = rt_pool_reserve(&pool, 3, &reserve, RT_NEVER);

	strncat(order, arg, sizeof(order) - strlen(order) - 1);
	return rc;
}

TASK_CASE(a_pool_grows_to_its_high_mark_and_then_tasks_wait)
{
	struct rt_task *t;
	void *b[3], *more = NULL;

	ck_assert_int_eq(rt_pool_init(&pool, 100, 64, 1, 3), 0);
	ck_assert_uint_eq(pool.total, 1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(rt_pool_get(&pool, &b[i], 0), 0);
		ck_assert_uint_eq((uintptr_t)b[i] % 64, 0);
		memset(b[i], i, 100);
	}
	ck_assert_int_eq(rt_pool_try(&pool, &more), -EAGAIN);
	ck_assert_int_eq(rt_pool_get(&pool, &more, 0), -ETIMEDOUT);
	ck_assert_int_eq(rt_pool_get(&pool, &more, in_ms(1)), -ETIMEDOUT);
	ck_assert_ptr_null(more);
	t = go_joined(get_one, (void *)(uintptr_t)"a");
	settle();
	rt_pool_put(&pool, b[1]);
	/* it is a's already, whatever comes */
	ck_assert_int_eq(rt_pool_try(&pool, &more), -EAGAIN);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	ck_assert_ptr_eq(last, b[1]);
	for (int i = 0; i < 3; i++)
		rt_pool_put(&pool, b[i]);
	ck_assert_uint_eq(pool.free_count, 3);
	rt_pool_fini(&pool);
	return 0;
}

TASK_CASE(a_reserve_is_all_or_nothing_and_nobody_overtakes_it)
{
	struct rt_task *much, *one;
	void *b[4];

	ck_assert_int_eq(rt_pool_init(&pool, 100, 8, 4, 4), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(rt_pool_get(&pool, &b[i], 0), 0);
	ck_assert_int_eq(rt_pool_reserve(&pool, 5, &reserve, 0), -EINVAL);
	much = go_joined(reserve_three, (void *)(uintptr_t)"3");
	one = go_joined(get_one, (void *)(uintptr_t)"1");
	settle();
	rt_pool_put(&pool, b[0]);
	rt_pool_put(&pool, b[1]);
	settle();
	ck_assert_str_eq(order, "");
	ck_assert_uint_eq(pool.free_count, 2);
	rt_pool_put(&pool, b[2]);
	ck_assert_int_eq(join(much), 0);
	ck_assert_str_eq(order, "3");
	ck_assert_uint_eq(reserve.count, 3);
	b[0] = rt_reserve_get(&reserve);
	rt_reserve_put(&reserve, b[0]);
	rt_pool_release(&reserve);
	ck_assert_ptr_null(rt_reserve_get(&reserve));
	ck_assert_int_eq(join(one), 0);
	rt_pool_put(&pool, last);
	/* one that gives up lets those behind it; b[3] is still out */
	b[0] = NULL;
	ck_assert_int_eq(rt_pool_get(&pool, &b[0], 0), 0);
	ck_assert_int_eq(rt_pool_get(&pool, &b[1], 0), 0);
	much = go_joined(reserve_three, (void *)(uintptr_t)"-");
	one = go_joined(get_one, (void *)(uintptr_t)"1");
	settle();
	rt_task_cancel(much);
	ck_assert_int_eq(join(much), -ECANCELED);
	ck_assert_int_eq(join(one), 0);
	rt_pool_put(&pool, last);
	rt_pool_put(&pool, b[0]);
	rt_pool_put(&pool, b[1]);
	rt_pool_put(&pool, b[3]);
	ck_assert_uint_eq(pool.free_count, 4);
	rt_pool_fini(&pool);
	return 0;
}

TASK_CASE(a_close_ends_the_waits_for_buffers)
{
	struct rt_task *t;
	void *b, *c;

	ck_assert_int_eq(rt_pool_init(&pool, 1, 1, 0, 1), 0);
	ck_assert_int_eq(rt_pool_get(&pool, &b, 0), 0);
	t = go_joined(get_one, (void *)(uintptr_t)"");
	settle();
	rt_pool_close(&pool);
	ck_assert_int_eq(join(t), -EPIPE);
	rt_pool_put(&pool, b);
	ck_assert_int_eq(rt_pool_get(&pool, &c, 0), -EPIPE);
	rt_pool_fini(&pool);
	ck_assert_int_eq(rt_pool_init(&pool, 0, 8, 0, 1), -EINVAL);
	ck_assert_int_eq(rt_pool_init(&pool, 8, 3, 0, 1), -EINVAL);
	ck_assert_int_eq(rt_pool_init(&pool, 8, 8, 2, 1), -EINVAL);
	ck_assert_int_eq(rt_pool_init(&pool, 8, 8, 0, 0), -EINVAL);
	/* rounded up it would be none */
	ck_assert_int_eq(rt_pool_init(&pool, SIZE_MAX - 2, 1, 0, 1), -EINVAL);
	return 0;
}

TASK_CASE(buffers_above_the_low_mark_go_when_they_were_not_needed)
{
	void *b[64];
	uint32_t before;

	ck_assert_int_eq(rt_pool_init(&pool, 64, 64, 4, 64), 0);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(rt_pool_get(&pool, &b[i], 0), 0);
	for (int i = 0; i < 64; i++)
		rt_pool_put(&pool, b[i]);
	/* as long as now and then all are in use, none goes */
	for (int n = 0; n < 5 * VINE_POOL_QUIET / 64; n++) {
		for (int i = 0; i < 64; i++)
			ck_assert_int_eq(rt_pool_get(&pool, &b[i], 0), 0);
		for (int i = 0; i < 64; i++)
			rt_pool_put(&pool, b[i]);
	}
	ck_assert_uint_eq(pool.total, 64);
	for (int round = 0; round < 12; round++) {
		before = pool.total;
		for (int n = 0; n < VINE_POOL_QUIET; n++) {
			ck_assert_int_eq(rt_pool_get(&pool, &b[0], 0), 0);
			ck_assert_int_eq(rt_pool_get(&pool, &b[1], 0), 0);
			rt_pool_put(&pool, b[0]);
			rt_pool_put(&pool, b[1]);
		}
		ck_assert_uint_le(pool.total, before);
		ck_assert_uint_ge(pool.total, 4);
	}
	ck_assert_uint_eq(pool.total, 4);
	rt_pool_fini(&pool);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("pool");

	tcase_add_test(tc, a_pool_grows_to_its_high_mark_and_then_tasks_wait);
	tcase_add_test(tc, a_reserve_is_all_or_nothing_and_nobody_overtakes_it);
	tcase_add_test(tc, a_close_ends_the_waits_for_buffers);
	tcase_add_test(tc,
		buffers_above_the_low_mark_go_when_they_were_not_needed);
	return tasks_main("rt_pool", tc);
}
