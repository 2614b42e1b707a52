/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_timer: order, cancelling, what a timer may do as it fires, and
 * random programs against a list of what each timer is known to want.
 */
#include "../core/rig.h"
#include "rt/rt_timer.h"

#define MANY (RIG_SANITIZED ? 20000u : 200000u)
#define PROGRAM 20000u	/* steps */

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

static uint32_t turn;

static void
note_turn(struct rt_timer *t)
{
	item_of(t)->fired = ++turn;
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
	ck_assert_uint_eq(rt_timers_run(&timers, 5), 0);
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
	set(&i, 51);
	ck_assert_uint_eq(rt_timers_run(&timers, 50), 0);
	set(&i, 60);
	set(&i, 52);
	ck_assert_uint_eq(rt_timers_run(&timers, 52), 1);
	ck_assert_uint_eq(rt_timers_run(&timers, 100), 0);
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
					rig_check(items[k].at + 50 >= now);
			rt_timers_run(&timers, now);
			rig_check(rt_timers_next(&timers) > now);
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
		rig_check(items[k].fired <= 1);
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

START_TEST(timers_of_one_time_fire_in_the_order_in_which_they_were_set)
{
	struct item i[4] = { 0 };

	/* from places of their own, spread over levels on the way */
	set(&i[2], 7000000);
	rt_timers_run(&timers, 1000000);
	set(&i[0], 7000000);
	set(&i[3], 6999999);
	rt_timers_run(&timers, 6999998);
	set(&i[1], 7000000);
	set(&i[2], 7000000);
	for (uint32_t k = 0; k < 4; k++)
		i[k].timer.fire = note_turn;
	turn = 0;
	ck_assert_uint_eq(rt_timers_run(&timers, 8000000), 4);
	ck_assert_uint_eq(i[3].fired, 1);
	ck_assert_uint_eq(i[0].fired, 2);
	ck_assert_uint_eq(i[1].fired, 3);
	ck_assert_uint_eq(i[2].fired, 4);
}
END_TEST

START_TEST(times_at_both_ends_of_the_clock_and_a_step_over_all_of_it)
{
	static const uint64_t at[] = { UINT64_MAX, UINT64_MAX - 1,
		UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1, 1, 0 };
	struct item i[6] = { 0 };

	for (uint32_t k = 0; k < 6; k++)
		set(&i[k], at[k]);
	ck_assert_uint_eq(rt_timers_next(&timers), 0);
	ck_assert_uint_eq(rt_timers_run(&timers, 0), 1);
	ck_assert_uint_eq(rt_timers_next(&timers), 1);
	ck_assert_uint_eq(rt_timers_run(&timers, (UINT64_C(1) << 63) - 1), 2);
	ck_assert_uint_eq(rt_timers_run(&timers, UINT64_MAX - 2), 1);
	ck_assert_uint_eq(rt_timers_next(&timers), UINT64_MAX - 1);
	ck_assert_uint_eq(rt_timers_run(&timers, UINT64_MAX), 1);
	ck_assert_uint_eq(out_of_order, 0);
	/* at RT_TIMER_NEVER: it is set, and that is all */
	ck_assert_uint_eq(rt_timers_next(&timers), RT_TIMER_NEVER);
	ck_assert(rt_timer_is_set(&i[0].timer));
	rt_timers_cancel(&timers, &i[0].timer);
	/* nothing is earlier than what was run */
	set(&i[5], 0);
	ck_assert_uint_eq(rt_timers_next(&timers), UINT64_MAX - 1);
}
END_TEST

/* A walk over the slots of that time would not end. */
START_TEST(years_in_which_nothing_is_set_cost_nothing)
{
	const uint64_t year = UINT64_C(31556952000000000);
	struct item near = { 0 }, far = { 0 };
	uint64_t now = 0;

	for (uint32_t n = 0; n < 500; n++) {
		set(&near, now + 1);
		set(&far, now + year + n);
		ck_assert_uint_eq(rt_timers_next(&timers), now + 1);
		now += year;
		ck_assert_uint_eq(rt_timers_run(&timers, now), n ? 1 : 2);
		now += n;
		ck_assert_uint_eq(rt_timers_run(&timers, now), n ? 1 : 0);
		ck_assert_uint_eq(rt_timers_next(&timers), RT_TIMER_NEVER);
	}
	ck_assert_uint_eq(near.fired + far.fired, 1000);
	ck_assert_uint_eq(out_of_order, 0);
}
END_TEST

/* What sleeps until rt_timers_next wakes in vain once, not until each slot. */
START_TEST(where_the_earliest_was_cancelled_one_wake_is_in_vain)
{
	struct item i[3] = { 0 };
	const uint64_t s = UINT64_C(1000000000);

	rt_timers_run(&timers, 5 * s);
	set(&i[0], 30 * s);
	set(&i[1], 30 * s + 50);
	set(&i[2], 30 * s + 60);
	rt_timers_cancel(&timers, &i[0].timer);
	ck_assert_uint_eq(rt_timers_next(&timers), 30 * s);
	ck_assert_uint_eq(rt_timers_run(&timers, 30 * s), 0);
	ck_assert_uint_eq(rt_timers_next(&timers), 30 * s + 50);
	rt_timers_cancel(&timers, &i[1].timer);
	ck_assert_uint_eq(rt_timers_next(&timers), 30 * s + 60);
	ck_assert_uint_eq(rt_timers_run(&timers, 30 * s + 60), 1);
}
END_TEST

/* --- against a list --- */

#define KNOWN 100

static struct known {
	struct rt_timer timer;
	uint64_t at;
	uint64_t order;		/* in which they were set; 0: not set */
	int due;		/* in this run */
} known[KNOWN];

static uint64_t orders, model_now, model_seed, model_bits;

/* A span of any size up to the program's: as many bits as come. */
static uint64_t
any_span(void)
{
	uint64_t bits = rig_random(&model_seed) % (model_bits + 1);

	return bits == 0 ? 0 : rig_random(&model_seed) >> (64 - bits);
}

static void
model_set(struct known *k)
{
	uint64_t at = model_now + any_span();

	if (at < model_now)	/* past the end; or a time that has passed */
		at = rig_random(&model_seed) % 2 ? UINT64_MAX : 0;
	rt_timers_set(&timers, &k->timer, at);
	k->at = at < model_now ? model_now : at;
	k->order = ++orders;
	k->due = 0;
}

static void
model_cancel(struct known *k)
{
	rig_check(rt_timer_is_set(&k->timer) == (k->order != 0));
	rt_timers_cancel(&timers, &k->timer);
	k->order = 0;
	k->due = 0;
}

static int
is_before(const struct known *a, const struct known *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void
model_change(void)
{
	struct known *k = &known[rig_random(&model_seed) % KNOWN];

	if (rig_random(&model_seed) % 3)
		model_set(k);
	else
		model_cancel(k);
}

/* It is the first of those that are due; then it changes others, or itself. */
static void
model_fire(struct rt_timer *timer)
{
	struct known *me = timer->user;

	rig_check(me->due);
	for (uint32_t k = 0; k < KNOWN; k++)
		rig_check(!known[k].due || !is_before(&known[k], me));
	rig_check(!rt_timer_is_set(timer));
	me->order = 0;
	me->due = 0;
	for (uint64_t n = rig_random(&model_seed) % 3; n; n--)
		model_change();
	if (rig_random(&model_seed) % 4 == 0)
		model_set(me);
}

static uint64_t
model_next(void)
{
	uint64_t next = RT_TIMER_NEVER;

	for (uint32_t k = 0; k < KNOWN; k++)
		if (known[k].order && known[k].at < next)
			next = known[k].at;
	return next;
}

static void
model_run(uint64_t now)
{
	model_now = now;
	for (uint32_t k = 0; k < KNOWN; k++)
		known[k].due = known[k].order && known[k].at <= now &&
			known[k].at != RT_TIMER_NEVER;
	rt_timers_run(&timers, now);
	for (uint32_t k = 0; k < KNOWN; k++)
		rig_check(!known[k].due);
}

START_TEST(random_programs_do_what_a_list_would)
{
	model_seed = (uint64_t)_i + 1;
	model_now = _i % 2 ? rig_random(&model_seed) / 2 : 0;
	model_bits = _i == 0 ? 64 : 6 + (uint64_t)_i * 2;
	rt_timers_run(&timers, model_now);
	for (uint32_t k = 0; k < KNOWN; k++)
		known[k].timer = (struct rt_timer){ .fire = model_fire,
						    .user = &known[k] };
	for (uint32_t n = 0; n < PROGRAM; n++) {
		uint64_t next = rt_timers_next(&timers), span;

		rig_check(next >= model_now && next <= model_next());
		if (rig_random(&model_seed) % 8) {
			model_change();
			continue;
		}
		span = any_span();
		if (rig_random(&model_seed) % 2 && next != RT_TIMER_NEVER) {
			int early = next < model_next();

			model_run(next);
			rig_check(!early || rt_timers_next(&timers) ==
				  model_next());
		} else if (span < UINT64_MAX - model_now) {
			model_run(model_now + span);
		}
	}
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(timers_fire_in_the_order_of_their_times_and_not_before),
	RIG_CASE(a_cancelled_timer_does_not_fire),
	RIG_CASE(a_timer_that_is_set_again_moves),
	RIG_CASE(a_timer_may_cancel_one_that_is_due_and_set_itself),
	RIG_CASE(timers_of_one_time_fire_in_the_order_in_which_they_were_set),
	RIG_CASE(times_at_both_ends_of_the_clock_and_a_step_over_all_of_it),
	RIG_CASE(years_in_which_nothing_is_set_cost_nothing),
	RIG_CASE(where_the_earliest_was_cancelled_one_wake_is_in_vain),
	RIG_EACH(random_programs_do_what_a_list_would, 20),
	RIG_CASE(many_timers_set_moved_and_cancelled_at_random),
	RIG_CASE(a_million_timers_are_set_at_once_and_cancelled_in_any_order),
};

RIG_MAIN("rt_timer", cases)
