/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_sched: shares of sessions, queues and levels. Work is counted
 * in units, so nothing here depends on time.
 */
#include "rig.h"
#include "core/vine_sched.h"

#define MANY 4096

/* A queue whose tasks are numbers. */
struct queue {
	struct vine_sched_item item;
	uint64_t served;
};

static struct vine_sched sched;
static struct vine_sched_session sessions[MANY];
static struct queue queues[MANY];

static void
setup(uint32_t count, uint32_t weight)
{
	vine_sched_init(&sched);
	memset(queues, 0, sizeof(queues));
	for (uint32_t i = 0; i < count; i++)
		vine_sched_session_init(&sessions[i], weight);
}

static void
file(uint32_t queue, uint32_t session, uint32_t level)
{
	vine_sched_add(&sched, &sessions[session], &queues[queue].item, level);
}

/* As a lane does: a visit of as many tasks as the turn has, each of a cost. */
static struct queue *
visit(uint32_t tasks, uint32_t cost)
{
	struct vine_sched_item *item = vine_sched_next(&sched);
	struct queue *q = (struct queue *)item;
	uint32_t n;

	ck_assert_ptr_nonnull(item);
	n = vine_sched_credit(item);
	rig_check(n > 0 && item->left > 0);
	if (n > (uint32_t)item->left)
		n = (uint32_t)item->left;
	if (n > tasks)
		n = tasks;
	vine_sched_charge(&sched, item, n, n * cost);
	q->served += n;
	return q;
}

static void
visit_until(uint64_t tasks)
{
	uint64_t sum = 0;

	while (sum < tasks) {
		struct queue *q = (struct queue *)vine_sched_next(&sched);
		uint64_t before = q->served;

		visit(UINT32_MAX, 1);
		sum += q->served - before;
	}
}

/* (sum x)^2 / (n sum x^2): 1 where all are equal. */
static double
jain(uint32_t count)
{
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < count; i++) {
		double x = (double)queues[i].served;

		sum += x;
		squares += x * x;
	}
	return sum * sum / (count * squares);
}

START_TEST(nothing_filed_is_nothing_to_serve)
{
	setup(1, 10);
	ck_assert_ptr_null(vine_sched_next(&sched));
	file(0, 0, VINE_LEVEL_NORMAL);
	ck_assert_ptr_eq(vine_sched_next(&sched), &queues[0].item);
	vine_sched_remove(&sched, &queues[0].item);
	vine_sched_remove(&sched, &queues[0].item);
	ck_assert_ptr_null(vine_sched_next(&sched));
	ck_assert_uint_eq(sched.filled, 0);
}
END_TEST

START_TEST(queues_of_4096_sessions_are_served_alike)
{
	setup(MANY, 10);
	for (uint32_t i = 0; i < MANY; i++)
		file(i, i, VINE_LEVEL_NORMAL);
	visit_until(MANY * 25);
	ck_assert_double_ge(jain(MANY), 0.95);
}
END_TEST

START_TEST(queues_of_one_session_are_served_alike)
{
	setup(1, 10);
	for (uint32_t i = 0; i < MANY; i++)
		file(i, 0, VINE_LEVEL_NORMAL);
	visit_until(MANY * 4 * VINE_VISIT_BUDGET);
	ck_assert_double_ge(jain(MANY), 0.95);
}
END_TEST

START_TEST(queues_of_64_sessions_are_served_alike)
{
	setup(64, 10);
	for (uint32_t i = 0; i < MANY; i++)
		file(i, i % 64, VINE_LEVEL_NORMAL);
	visit_until(MANY * 4 * VINE_VISIT_BUDGET);
	ck_assert_double_ge(jain(MANY), 0.95);
}
END_TEST

START_TEST(a_hundred_queues_get_no_more_than_one)
{
	uint64_t many = 0;

	setup(2, 10);
	for (uint32_t i = 1; i <= 100; i++)
		file(i, 0, VINE_LEVEL_NORMAL);
	file(0, 1, VINE_LEVEL_NORMAL);
	visit_until(100000);
	for (uint32_t i = 1; i <= 100; i++)
		many += queues[i].served;
	ck_assert_uint_le(many, queues[0].served + 10);
	ck_assert_uint_ge(many + 10, queues[0].served);
}
END_TEST

START_TEST(weights_of_1_and_3_give_shares_of_1_and_3)
{
	static const uint32_t pairs[][2] = { { 1, 3 }, { 10, 30 }, { 33, 99 } };

	for (size_t i = 0; i < 3; i++) {
		double ratio;

		setup(0, 0);
		vine_sched_session_init(&sessions[0], pairs[i][0]);
		vine_sched_session_init(&sessions[1], pairs[i][1]);
		file(0, 0, VINE_LEVEL_NORMAL);
		file(1, 1, VINE_LEVEL_NORMAL);
		visit_until(100000);
		ratio = (double)queues[1].served / (double)queues[0].served;
		ck_assert_double_ge(ratio, 3 * 0.95);
		ck_assert_double_le(ratio, 3 * 1.05);
	}
}
END_TEST

START_TEST(a_weight_out_of_range_counts_as_one_in_range)
{
	vine_sched_session_init(&sessions[0], 0);
	ck_assert_uint_eq(sessions[0].weight, VINE_WEIGHT_DEFAULT);
	vine_sched_session_init(&sessions[0], UINT32_MAX);
	ck_assert_uint_eq(sessions[0].weight, VINE_WEIGHT_MAX);
	vine_sched_session_init(&sessions[0], 1);
	ck_assert_uint_eq(sessions[0].weight, 1);
}
END_TEST

/* Tasks of one session cost 7 times as much: it gets a seventh of the tasks. */
START_TEST(what_is_charged_is_shared_and_not_the_number_of_tasks)
{
	uint64_t dear = 0, cheap = 0;

	setup(2, 10);
	file(0, 0, VINE_LEVEL_NORMAL);
	file(1, 1, VINE_LEVEL_NORMAL);
	for (int i = 0; i < 20000; i++) {
		int is_dear = vine_sched_next(&sched) == &queues[0].item;

		visit(1, is_dear ? 7 : 1);
	}
	dear = queues[0].served * 7;
	cheap = queues[1].served;
	ck_assert_uint_ge(dear * 100, cheap * 95);
	ck_assert_uint_le(dear * 95, cheap * 100);
}
END_TEST

START_TEST(a_turn_that_was_overdrawn_is_paid_for_and_no_more_than_the_most)
{
	uint64_t others = 0;

	setup(2, 10);
	file(0, 0, VINE_LEVEL_NORMAL);
	file(1, 1, VINE_LEVEL_NORMAL);
	while (vine_sched_next(&sched) != &queues[0].item)
		visit(UINT32_MAX, 1);
	vine_sched_charge(&sched, &queues[0].item, 1, UINT32_MAX);
	while (vine_sched_next(&sched) != &queues[0].item) {
		others = queues[1].served;
		visit(UINT32_MAX, 1);
		ck_assert_uint_le(queues[1].served, VINE_DEBT_WORK_MAX + 20);
	}
	ck_assert_uint_ge(others + 20, VINE_DEBT_WORK_MAX);
}
END_TEST

START_TEST(a_higher_level_is_served_first)
{
	uint32_t high = VINE_LEVEL_NORMAL + 3;

	setup(3, 10);
	file(0, 0, VINE_LEVEL_NORMAL);
	file(1, 1, high);
	ck_assert_ptr_eq(visit(4, 1), &queues[1]);
	/* one that comes later is next, also within another's turn */
	file(2, 2, high + 1);
	ck_assert_ptr_eq(vine_sched_next(&sched), &queues[2].item);
	vine_sched_remove(&sched, &queues[2].item);
	vine_sched_remove(&sched, &queues[1].item);
	ck_assert_ptr_eq(vine_sched_next(&sched), &queues[0].item);
}
END_TEST

/* Of 16 + 1 units one goes below; 15 levels share it. */
START_TEST(no_level_starves_and_the_highest_keeps_its_share)
{
	uint64_t total = 0, top;

	setup(1, 10);
	for (uint32_t i = 0; i < VINE_LEVELS; i++)
		file(i, 0, i);
	visit_until(200000);
	for (uint32_t i = 0; i < VINE_LEVELS; i++)
		total += queues[i].served;
	top = queues[VINE_LEVELS - 1].served;
	ck_assert_uint_ge(top * 17 * 100, total * 16 * 98);
	for (uint32_t i = 0; i < VINE_LEVELS - 1; i++)
		ck_assert_uint_ge(queues[i].served * 17 * 15 * 100,
				  total * 95);
}
END_TEST

START_TEST(what_a_level_was_owed_is_forgotten_when_it_is_empty)
{
	setup(2, 10);
	file(0, 0, 9);
	file(1, 1, 2);
	visit(10, 1);
	vine_sched_remove(&sched, &queues[1].item);
	for (int i = 0; i < 1000; i++)
		visit(10, 1);
	file(1, 1, 2);
	/* no arrears: the highest has its 16 units first */
	ck_assert_ptr_eq(visit(10, 1), &queues[0]);
	ck_assert_ptr_eq(visit(10, 1), &queues[0]);
	ck_assert_ptr_eq(visit(10, 1), &queues[1]);
	ck_assert_ptr_eq(visit(10, 1), &queues[0]);
}
END_TEST

START_TEST(a_queue_comes_and_goes_in_the_middle_of_a_turn)
{
	setup(3, 10);
	file(0, 0, VINE_LEVEL_NORMAL);
	file(1, 1, VINE_LEVEL_NORMAL);
	ck_assert_ptr_eq(visit(4, 1), &queues[0]);
	file(2, 2, VINE_LEVEL_NORMAL);
	file(3, 0, VINE_LEVEL_NORMAL);
	ck_assert_ptr_eq(visit(4, 1), &queues[0]);
	/* the rest of the turn is the session's other queue's */
	vine_sched_remove(&sched, &queues[0].item);
	ck_assert_uint_eq(vine_sched_credit(&queues[3].item), 2);
	ck_assert_ptr_eq(visit(4, 1), &queues[3]);
	ck_assert_ptr_null(sched.current);
	/* whose turn it is goes with its last queue */
	visit(4, 1);
	ck_assert_ptr_nonnull(sched.current);
	vine_sched_remove(&sched, vine_sched_next(&sched));
	ck_assert_ptr_null(sched.current);
	visit(4, 1);
	vine_sched_remove(&sched, vine_sched_next(&sched));
	vine_sched_remove(&sched, &queues[3].item);
	ck_assert_ptr_null(vine_sched_next(&sched));
}
END_TEST

/* A calm session has a task now and then beside one that has always many. */
START_TEST(a_calm_session_waits_for_one_turn_of_a_flooding_one)
{
	setup(2, 10);
	for (uint32_t i = 1; i <= 100; i++)
		file(i, 1, VINE_LEVEL_NORMAL);
	for (uint32_t round = 0; round < 1000; round++) {
		uint32_t waited = 0;
		struct queue *q;

		file(0, 0, VINE_LEVEL_NORMAL);
		while ((q = visit(1, 1)) != &queues[0])
			waited++;
		vine_sched_remove(&sched, &queues[0].item);
		ck_assert_uint_le(waited, 10);
		for (uint32_t i = 0; i < round % 23; i++)
			visit(1, 1);
	}
}
END_TEST

/* Two that take turns in coming back do not keep the third from its own. */
START_TEST(who_comes_back_again_and_again_overtakes_nobody_twice)
{
	setup(3, 10);
	file(2, 2, VINE_LEVEL_NORMAL);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t me = i & 1;

		file(me, me, VINE_LEVEL_NORMAL);
		visit(1, 1);
		if (queues[me].item.session)
			vine_sched_remove(&sched, &queues[me].item);
	}
	ck_assert_uint_ge(queues[2].served, 300);
}
END_TEST

START_TEST(sessions_are_counted_while_they_have_entered)
{
	setup(2, 10);
	vine_sched_enter(&sched, &sessions[0]);
	vine_sched_enter(&sched, &sessions[0]);
	ck_assert_uint_eq(sched.sessions, 1);
	vine_sched_enter(&sched, &sessions[1]);
	ck_assert_uint_eq(sched.sessions, 2);
	vine_sched_leave(&sched, &sessions[0]);
	ck_assert_uint_eq(sched.sessions, 2);
	vine_sched_leave(&sched, &sessions[0]);
	vine_sched_leave(&sched, &sessions[1]);
	ck_assert_uint_eq(sched.sessions, 0);
}
END_TEST

/*
 * A session files and moves its queues as it likes, at every level. Another
 * with one queue at the normal level still has what is guaranteed to it.
 */
START_TEST(a_session_that_changes_its_levels_all_the_time_starves_nobody)
{
	uint64_t seed = 7, total = 0;

	setup(2, 10);
	file(0, 1, VINE_LEVEL_NORMAL);
	for (uint32_t i = 1; i <= 64; i++)
		file(i, 0, i % VINE_LEVELS);
	for (uint32_t i = 0; i < 200000; i++) {
		uint64_t r = rig_random(&seed);
		uint32_t move = 1 + (uint32_t)(r % 64);
		struct queue *q = visit(1 + (uint32_t)(r >> 8 & 15),
					1 + (uint32_t)(r >> 16 & 3));

		vine_sched_remove(&sched, &queues[move].item);
		file(move, 0, (uint32_t)(r >> 32) % VINE_LEVELS);
		rig_check(q->item.session != NULL);
	}
	for (uint32_t i = 0; i <= 64; i++)
		total += queues[i].served;
	/* 1 of 17 is for 15 lower levels, each of two sessions; half of that,
	 * because what a task costs is not counted here */
	ck_assert_uint_ge(queues[0].served * 17 * 15 * 2 * 2, total);
	for (uint32_t i = 0; i <= 64; i++)
		vine_sched_remove(&sched, &queues[i].item);
	ck_assert_uint_eq(sched.filled, 0);
	ck_assert_ptr_null(sched.current);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(nothing_filed_is_nothing_to_serve),
	RIG_CASE(queues_of_4096_sessions_are_served_alike),
	RIG_CASE(queues_of_one_session_are_served_alike),
	RIG_CASE(queues_of_64_sessions_are_served_alike),
	RIG_CASE(a_hundred_queues_get_no_more_than_one),
	RIG_CASE(weights_of_1_and_3_give_shares_of_1_and_3),
	RIG_CASE(a_weight_out_of_range_counts_as_one_in_range),
	RIG_CASE(what_is_charged_is_shared_and_not_the_number_of_tasks),
	RIG_CASE(a_turn_that_was_overdrawn_is_paid_for_and_no_more_than_the_most),
	RIG_CASE(a_higher_level_is_served_first),
	RIG_CASE(no_level_starves_and_the_highest_keeps_its_share),
	RIG_CASE(what_a_level_was_owed_is_forgotten_when_it_is_empty),
	RIG_CASE(a_queue_comes_and_goes_in_the_middle_of_a_turn),
	RIG_CASE(a_calm_session_waits_for_one_turn_of_a_flooding_one),
	RIG_CASE(who_comes_back_again_and_again_overtakes_nobody_twice),
	RIG_CASE(sessions_are_counted_while_they_have_entered),
	RIG_CASE(a_session_that_changes_its_levels_all_the_time_starves_nobody),
};

RIG_MAIN("vine_sched", cases)
