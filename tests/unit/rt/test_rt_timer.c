/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_timer: order, cancelling, and what a timer may do as it fires. */
#include "../core/rig.h"
#include "rt/rt_timer.h"

#define MANY (RIG_SANITIZED ? 20000u : 200000u)

struct item {
	struct rt_timer timer;
	uint64_t at;
	uint32_t fired;
};

static struct rt_timers timers;
static uint64_t last;
static uint32_t out_of_order;

static struct item *
item_of(struct rt_timer *t)
{
	return t->user;
}

static void
note(struct rt_timer *t)
{
	struct item *i = item_of(t);

	i->fired++;
	out_of_order += i->at < last;
	last = i->at;
}

static void
set(struct item *i, uint64_t at)
{
	i->at = at;
	i->timer.fire = note;
	i->timer.user = i;
	rt_timers_set(&timers, &i->timer, at);
}

START_TEST(timers_fire_in_the_order_of_their_times_and_not_before)
{
	struct item i[3] = { 0 };

	ck_assert_uint_eq(rt_timers_next(&timers), RT_TIMER_NEVER);
	ck_assert_uint_eq(rt_timers_run(&timers, UINT64_MAX - 1), 0);
	set(&i[0], 30);
	set(&i[1], 10);
	set(&i[2], 20);
	ck_assert_uint_eq(rt_timers_next(&timers), 10);
	ck_assert_uint_eq(rt_timers_run(&timers, 9), 0);
	ck_assert_uint_eq(rt_timers_run(&timers, 20), 2);
	ck_assert_uint_eq(i[0].fired, 0);
	ck_assert_uint_eq(i[1].fired + i[2].fired, 2);
	ck_assert(rt_timer_is_set(&i[0].timer));
	ck_assert(!rt_timer_is_set(&i[1].timer));
	ck_assert_uint_eq(rt_timers_run(&timers, 30), 1);
	ck_assert_uint_eq(out_of_order, 0);
}
END_TEST

START_TEST(a_cancelled_timer_does_not_fire)
{
	struct item i[2] = { 0 };

	set(&i[0], 10);
	set(&i[1], 20);
	rt_timers_cancel(&timers, &i[0].timer);
	rt_timers_cancel(&timers, &i[0].timer);
	ck_assert_uint_eq(rt_timers_next(&timers), 20);
	ck_assert_uint_eq(rt_timers_run(&timers, 100), 1);
	ck_assert_uint_eq(i[0].fired, 0);
}
END_TEST

START_TEST(a_timer_that_is_set_again_moves)
{
	struct item i = { 0 };

	set(&i, 10);
	set(&i, 50);
	ck_assert_uint_eq(rt_timers_run(&timers, 49), 0);
	set(&i, 5);
	ck_assert_uint_eq(rt_timers_run(&timers, 5), 1);
	ck_assert_uint_eq(i.fired, 1);
}
END_TEST

static struct item other;

static void
cancel_other(struct rt_timer *t)
{
	item_of(t)->fired++;
	rt_timers_cancel(&timers, &other.timer);
}

static void
again_at_once(struct rt_timer *t)
{
	item_of(t)->fired++;
	rt_timers_set(&timers, t, 0);
}

START_TEST(a_timer_may_cancel_one_that_is_due_and_set_itself)
{
	struct item i = { .timer.fire = cancel_other };

	i.timer.user = &i;
	set(&other, 10);
	rt_timers_set(&timers, &i.timer, 5);
	ck_assert_uint_eq(rt_timers_run(&timers, 20), 1);
	ck_assert_uint_eq(other.fired, 0);
	i.timer.fire = again_at_once;
	rt_timers_set(&timers, &i.timer, 5);
	for (uint32_t n = 2; n < 6; n++) {
		ck_assert_uint_eq(rt_timers_run(&timers, 20), 1);
		ck_assert_uint_eq(i.fired, n);
	}
}
END_TEST

/* Against what each is known to want. */
START_TEST(many_timers_set_moved_and_cancelled_at_random)
{
	struct item *items = calloc(MANY, sizeof(*items));
	uint64_t seed = 3, now = 0;
	uint32_t left = 0;

	for (uint32_t n = 0; n < 5 * MANY; n++) {
		struct item *i = &items[rig_random(&seed) % MANY];
		uint64_t how = rig_random(&seed) % 8;

		if (how < 5) {
			set(i, now + rig_random(&seed) % 4000000);
		} else if (how < 7) {
			rt_timers_cancel(&timers, &i->timer);
		} else {
			now += rig_random(&seed) % 50;
			last = 0;
			for (uint32_t k = 0; n % 5000 == 0 && k < MANY; k++)
				if (rt_timer_is_set(&items[k].timer))
					ck_assert_uint_ge(items[k].at + 50,
							  now);
			rt_timers_run(&timers, now);
			ck_assert_uint_gt(rt_timers_next(&timers), now);
		}
	}
	for (uint32_t k = 0; k < MANY; k++) {
		left += rt_timer_is_set(&items[k].timer) ? 1 : 0;
		items[k].fired = 0;
	}
	ck_assert_uint_gt(left, MANY / 10);
	last = 0;
	ck_assert_uint_eq(rt_timers_run(&timers, UINT64_MAX - 1), left);
	ck_assert_uint_eq(out_of_order, 0);
	for (uint32_t k = 0; k < MANY; k++)
		ck_assert_uint_le(items[k].fired, 1);
	free(items);
}
END_TEST

/* As deadlines are: far away, and nearly all cancelled. */
START_TEST(a_million_timers_are_set_at_once_and_cancelled_in_any_order)
{
	const uint32_t count = RIG_SANITIZED ? 100000 : 1000000;
	struct item *items = calloc(count, sizeof(*items));
	uint64_t seed = 11;

	for (uint32_t n = 0; n < count; n++)
		set(&items[n], 1000000 + rig_random(&seed) % 1000000);
	/* 7 has no factor in common with either count */
	for (uint32_t n = 0; n < count; n++)
		if (n % 100)
			rt_timers_cancel(&timers,
				&items[(uint64_t)n * 7 % count].timer);
	ck_assert_uint_eq(rt_timers_run(&timers, 2000000), count / 100);
	ck_assert_uint_eq(out_of_order, 0);
	ck_assert_uint_eq(rt_timers_next(&timers), RT_TIMER_NEVER);
	free(items);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(timers_fire_in_the_order_of_their_times_and_not_before),
	RIG_CASE(a_cancelled_timer_does_not_fire),
	RIG_CASE(a_timer_that_is_set_again_moves),
	RIG_CASE(a_timer_may_cancel_one_that_is_due_and_set_itself),
	RIG_CASE(many_timers_set_moved_and_cancelled_at_random),
	RIG_CASE(a_million_timers_are_set_at_once_and_cancelled_in_any_order),
};

RIG_MAIN("rt_timer", cases)
