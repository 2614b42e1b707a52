/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_times: what tasks were made to take is what is counted.
 */
#include <stdio.h>

#include "rt/rt_rendez.h"
#include "rt/rt_times.h"
#include "tests/unit/rt/tasks.h"
#include "utils/utils_clock.h"

static struct rt_rendez rendez;
static struct rt_times_report report;

static const struct rt_times_name *
of(const char *name)
{
	rt_times_read(sched, &report);
	for (uint32_t i = 0; i < report.names; i++)
		if (strcmp(report.by_name[i].name, name) == 0)
			return &report.by_name[i];
	ck_abort_msg("no times of %s", name);
	return NULL;
}

static void
burn(uint64_t ns)
{
	uint64_t end = utils_clock_ns() + ns;

	while (utils_clock_ns() < end)
		;
}

static int
sleeper(void *arg)
{
	(void)arg;
	return rt_rendez_sleep(&rendez, RT_NEVER);
}

static void
start(rt_task_fn fn, const char *name)
{
	struct rt_task_opts o = { .name = name };

	ck_assert_int_eq(rt_task_create(sched, fn, NULL, &o, NULL), 0);
}

TASK_CASE(of_all_turns_each_is_counted_for_as_long_as_it_was)
{
	rt_rendez_init(&rendez);
	rt_task_set_name(rt_task_self(), "main");
	rt_times_all(sched, 1);
	start(sleeper, "sleeper");
	for (int i = 0; i < 3; i++)
		rt_task_yield();
	/* blocked for 5 ms at least, all of which is a turn of ours */
	burn(5 * MS);
	rt_rendez_wake_all(&rendez);
	burn(3 * MS);		/* and ready for as long as this */
	for (int i = 0; i < 3; i++)
		rt_task_yield();
	rt_times_read(sched, &report);
	ck_assert_uint_eq(of("sleeper")->run.count, 2);
	ck_assert_uint_eq(of("sleeper")->blocked.count, 1);
	ck_assert_uint_ge(of("sleeper")->blocked.max, 5 * MS);
	ck_assert_uint_ge(of("sleeper")->wait.max, 3 * MS);
	ck_assert_uint_ge(of("main")->run.max, 8 * MS);
	/* the first turn began before all were timed */
	ck_assert_uint_ge(of("main")->run.count, 5);
	ck_assert_uint_le(of("main")->run.count, 6);
	ck_assert_uint_eq(report.run.count, of("main")->run.count + 2);
	ck_assert_uint_ge(report.run.max, 8 * MS);
	ck_assert_uint_le(report.run.p50, report.run.p99);
	ck_assert_uint_le(report.run.p99, report.run.max);
	rt_times_all(sched, 0);
	rt_times_read(sched, &report);
	ck_assert_uint_eq(report.run.count + report.wait.count +
			  report.blocked.count + report.names, 0);
	return 0;
}

static int stop;

static int
yielder(void *arg)
{
	(void)arg;
	while (!stop)
		rt_task_yield();
	return 0;
}

static int
delayer(void *arg)
{
	(void)arg;
	while (!stop)
		rt_task_delay(in_ms(1));
	return 0;
}

static int
slow(void *arg)
{
	(void)arg;
	while (!stop) {
		burn(200000);
		rt_task_delay(in_ms(3));
	}
	return 0;
}

TASK_CASE(of_some_turns_all_kinds_of_tasks_are_seen_and_few_turns_are_timed)
{
	uint64_t turns;

	for (int i = 0; i < 20; i++)
		start(yielder, "yielder");
	start(delayer, "delayer");
	start(slow, "slow");
	turns = rt_sched_switches(sched);
	ck_assert_int_eq(rt_task_delay(in_ms(400)), 0);
	turns = rt_sched_switches(sched) - turns;
	ck_assert_uint_gt(of("yielder")->run.count, 10);
	ck_assert_uint_gt(of("yielder")->wait.count, 10);
	ck_assert_uint_eq(of("yielder")->blocked.count, 0);
	/* at most one in 20 us but for the one that is looked out for */
	ck_assert_uint_le(report.run.count, turns);
	ck_assert_uint_gt(report.run.count, 20);
	stop = 1;
	return 0;
}

static int
one_turn(void *arg)
{
	(void)arg;
	return 0;
}

TASK_CASE(names_that_have_no_place_are_the_others)
{
	char name[16];

	rt_times_all(sched, 1);
	for (int i = 0; i < 2 * VINE_RT_TIMED_NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		start(one_turn, name);
	}
	settle();
	rt_times_read(sched, &report);
	ck_assert_uint_eq(report.names, VINE_RT_TIMED_NAMES);
	ck_assert_uint_gt(of("others")->run.count, VINE_RT_TIMED_NAMES / 2);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("times");

	tcase_add_test(tc, of_all_turns_each_is_counted_for_as_long_as_it_was);
	tcase_add_test(tc,
		of_some_turns_all_kinds_of_tasks_are_seen_and_few_turns_are_timed);
	tcase_add_test(tc, names_that_have_no_place_are_the_others);
	return tasks_main("rt_times", tc);
}
