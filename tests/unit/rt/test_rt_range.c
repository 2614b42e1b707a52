/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_range: order and sharing, a closed lock, and many ranges at
 * random held against a plain table.
 */
#include "rt/rt_range.h"
#include "tests/unit/rt/tasks.h"

#define UNITS 512u

static struct rt_ranges ranges;
static char order[64];
static int32_t units[UNITS];	/* readers, or -1: a writer */
static uint32_t locked, refused;

struct want {
	const char *name;
	uint64_t first;
	uint64_t size;
	int shared;
};

static int
lock_and_note(void *arg)
{
	const struct want *w = arg;
	struct rt_range range;
	int rc = rt_range_lock(&ranges, &range, w->first, w->size, w->shared,
			       RT_NEVER);

	strncat(order, w->name, sizeof(order) - strlen(order) - 1);
	if (rc == 0) {
		rt_task_yield();
		rt_task_yield();
		rt_range_unlock(&ranges, &range);
	}
	return rc;
}

TASK_CASE(ranges_that_overlap_are_locked_in_the_order_of_asking)
{
	struct want a = { "a", 5, 10, 0 }, b = { "b", 14, 10, 0 },
		c = { "c", 20, 5, 0 }, far = { "f", 100, 1, 0 },
		d = { "d", 0, UINT64_MAX, 1 };
	struct rt_range first, other;
	struct rt_task *t, *u;

	rt_ranges_init(&ranges);
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 0, 10, 0, 0), 0);
	t = go_joined(lock_and_note, &a);
	go(lock_and_note, &b);	/* waits for a, though it could be had */
	settle();
	go(lock_and_note, &c);	/* and c for b */
	go(lock_and_note, &far);
	settle();
	ck_assert_str_eq(order, "f");
	ck_assert_str_eq(rt_task_block_of(t)->what, "range");
	ck_assert_int_eq(rt_range_lock(&ranges, &other, 9, 1, 1, 0),
			 -ETIMEDOUT);
	ck_assert_int_eq(rt_range_lock(&ranges, &other, 9, 1, 1, in_ms(1)),
			 -ETIMEDOUT);
	rt_range_unlock(&ranges, &first);
	settle();
	settle();
	ck_assert_str_eq(order, "fabc");
	ck_assert_ptr_null(ranges.root);

	/* readers share; one that is cancelled lets those behind it */
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 0, 10, 1, 0), 0);
	t = go_joined(lock_and_note, &a);
	settle();
	u = go_joined(lock_and_note, &d);
	settle();
	ck_assert_str_eq(order, "fabc");
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), -ECANCELED);
	ck_assert_int_eq(join(u), 0);
	/* handed over, then cancelled */
	t = go_joined(lock_and_note, &a);
	settle();
	rt_range_unlock(&ranges, &first);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	ck_assert_ptr_null(ranges.root);
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 5, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 5, UINT64_MAX - 3, 0,
				       0), -EINVAL);
	return 0;
}

TASK_CASE(a_close_ends_all_waits_and_keeps_what_is_locked)
{
	struct want a = { "a", 5, 10, 0 }, b = { "b", 14, 10, 0 };
	struct rt_range first;
	struct rt_task *t, *u;

	rt_ranges_init(&ranges);
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 0, 10, 0, 0), 0);
	t = go_joined(lock_and_note, &a);
	u = go_joined(lock_and_note, &b);
	settle();
	rt_ranges_close(&ranges);
	ck_assert_ptr_eq(ranges.root, &first);
	ck_assert_int_eq(join(t), -EPIPE);
	ck_assert_int_eq(join(u), -EPIPE);
	rt_range_unlock(&ranges, &first);
	ck_assert_int_eq(rt_range_lock(&ranges, &first, 0, 10, 0, 0), -EPIPE);
	return 0;
}

/* Mark what one has; whoever it may not be beside is found there. */
static void
mark(uint32_t first, uint32_t size, int shared, int by)
{
	for (uint32_t i = first; i < first + size; i++) {
		/* not by ck_assert: it takes us each time */
		if (by > 0 && (shared ? units[i] < 0 : units[i] != 0))
			ck_abort_msg("unit %u has %d", i, units[i]);
		units[i] += shared ? by : -by;
	}
}

static int
lock_at_random(void *arg)
{
	uint64_t stop = (uintptr_t)arg;

	for (uint64_t i = 0; i < stop; i++) {
		uint32_t first = (uint32_t)(rt_sched_random(sched) % UNITS);
		uint32_t size = 1 + (uint32_t)(rt_sched_random(sched) % 40);
		int shared = rt_sched_random(sched) % 2 == 0, rc;
		struct rt_range range;

		if (first + size > UNITS)
			size = UNITS - first;
		rc = rt_range_lock(&ranges, &range, first, size, shared,
				   rt_sched_random(sched) % 3 ? RT_NEVER : 0);
		if (rc) {
			refused++;
			rt_task_yield();
			continue;
		}
		locked++;
		mark(first, size, shared, 1);
		for (uint64_t n = rt_sched_random(sched) % 4; n; n--)
			rt_task_yield();
		mark(first, size, shared, -1);
		rt_range_unlock(&ranges, &range);
	}
	return 0;
}

START_TEST(no_two_have_what_overlaps_but_to_read)
{
	struct rt_sched_opts opts = { .seed = (uint64_t)_i + 1 };

	ck_assert_int_eq(rt_sched_new(&opts, &sched), 0);
	rt_ranges_init(&ranges);
	for (int i = 0; i < 100; i++)
		go(lock_at_random, (void *)(uintptr_t)200);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	ck_assert_ptr_null(ranges.root);
	ck_assert_uint_gt(locked, 100);
	ck_assert_uint_gt(refused, 100);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("range");

	tcase_add_test(tc,
		ranges_that_overlap_are_locked_in_the_order_of_asking);
	tcase_add_test(tc, a_close_ends_all_waits_and_keeps_what_is_locked);
	tcase_add_loop_test(tc, no_two_have_what_overlaps_but_to_read, 0, 5);
	return tasks_main("rt_range", tc);
}
