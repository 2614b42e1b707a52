/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_task and rt_sched: life, turns, delay, join, cancel, and what a
 * scheduler does between them.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "rt/rt_rendez.h"
#include "tests/unit/rt/tasks.h"

static char order[64];
static uint32_t ended;

static int
note(void *arg)
{
	const char *name = arg;

	for (int i = 0; i < 3; i++) {
		strncat(order, name, sizeof(order) - strlen(order) - 1);
		ck_assert_int_eq(rt_task_yield(), 0);
	}
	return 0;
}

TASK_CASE(tasks_have_turns_in_the_order_in_which_they_became_ready)
{
	go(note, (void *)(uintptr_t)"a");
	go(note, (void *)(uintptr_t)"b");
	go(note, (void *)(uintptr_t)"c");
	settle();
	ck_assert_str_eq(order, "abcabcabc");
	return 0;
}

static int
number(void *arg)
{
	ended++;
	return (int)(intptr_t)arg;
}

static int
leave_early(void *arg)
{
	if (ended != UINT32_MAX)
		rt_task_exit((int)(intptr_t)arg);
	return 0;
}

TASK_CASE(a_join_gives_what_the_task_returned_or_exited_with)
{
	struct rt_task *a = go_joined(number, (void *)7);
	struct rt_task *b = go_joined(leave_early, (void *)42);
	int rc = 0;

	ck_assert_int_eq(join(a), 7);
	ck_assert_int_eq(rt_task_state(b), RT_TASK_ENDED);
	ck_assert_int_eq(rt_task_join(b, &rc, 0), 0);
	ck_assert_int_eq(rc, 42);
	ck_assert_int_eq(rt_task_join(rt_task_self(), NULL, RT_NEVER),
			 -EDEADLK);
	return 0;
}

static int
sleep_ms(void *arg)
{
	return rt_task_delay(in_ms((uintptr_t)arg));
}

static int
join_it(void *arg)
{
	int rc = 0;

	ck_assert_int_eq(rt_task_join(arg, &rc, RT_NEVER), 0);
	return rc + 1;
}

TASK_CASE(a_join_ends_at_its_deadline_and_can_be_made_again)
{
	struct rt_task *slow = go_joined(sleep_ms, (void *)50), *other;
	int rc = 1;

	ck_assert_int_eq(rt_task_join(slow, &rc, in_ms(1)), -ETIMEDOUT);
	ck_assert_int_eq(rc, 1);
	ck_assert_int_eq(rt_task_join(slow, &rc, 0), -ETIMEDOUT);
	other = go_joined(join_it, slow);
	settle();
	ck_assert_int_eq(rt_task_join(slow, &rc, RT_NEVER), -EBUSY);
	ck_assert_int_eq(join(other), 1);
	return 0;
}

static struct rt_task *both;

static int
number_later(void *arg)
{
	settle();
	return number(arg);
}

static int
join_when_ended(void *arg)
{
	while (rt_task_state(both) < RT_TASK_ENDED)
		rt_task_yield();
	*(int *)arg = rt_task_join(both, NULL, 0);
	return 0;
}

/*
 * Turns go round, so the second comes when the first was woken and has not had
 * its turn. It had freed the task, and then the first one did.
 */
TASK_CASE(a_task_that_has_ended_is_joined_by_who_waited_for_it_alone)
{
	struct rt_task *other, *third, *fourth;
	int late = 1;

	go(join_when_ended, &late);
	both = go_joined(number_later, (void *)7);
	other = go_joined(join_it, both);
	ck_assert_int_eq(join(other), 8);
	ck_assert_int_eq(late, -EBUSY);
	/* freed twice its stack would be two tasks' */
	third = go_joined(number, (void *)3);
	fourth = go_joined(number, (void *)4);
	ck_assert_ptr_ne(third, fourth);
	ck_assert_int_eq(join(third), 3);
	ck_assert_int_eq(join(fourth), 4);
	return 0;
}

/* What a task's data ends with, where it is the data that has the handle. */
struct owner {
	struct rt_task *task;
	int joins;
	int rc;
};

static void
give_up(void *data)
{
	struct owner *o = data;

	if (o->joins)
		ck_assert_int_eq(rt_task_join(o->task, &o->rc, 0), 0);
	else
		rt_task_detach(o->task);
}

static int
with_owner(void *arg)
{
	rt_task_set_data(rt_task_self(), arg, give_up);
	return 5;
}

TASK_CASE(a_handle_may_be_given_up_by_what_is_called_at_the_tasks_end)
{
	struct owner owners[2] = { { .joins = 1 }, { .joins = 0 } };
	struct rt_task *a, *b;

	for (int i = 0; i < 2; i++)
		owners[i].task = go_joined(with_owner, &owners[i]);
	settle();
	ck_assert_int_eq(owners[0].rc, 5);
	ck_assert_uint_eq(rt_sched_tasks(sched), 1);
	a = go_joined(number, (void *)1);
	b = go_joined(number, (void *)2);
	ck_assert_ptr_ne(a, b);
	ck_assert_int_eq(join(a), 1);
	ck_assert_int_eq(join(b), 2);
	return 0;
}

TASK_CASE(a_detached_task_goes_on_and_one_that_has_ended_is_freed)
{
	struct rt_task *a = go_joined(sleep_ms, (void *)1);
	struct rt_task *b = go_joined(number, NULL);

	rt_task_detach(a);
	settle();
	ck_assert_int_eq(rt_task_state(b), RT_TASK_ENDED);
	rt_task_detach(b);
	return 0;
}

TASK_CASE(a_delay_lasts_until_its_deadline_and_shorter_ones_end_first)
{
	uint64_t start = rt_sched_now(sched);
	struct rt_task *slow = go_joined(sleep_ms, (void *)20);
	struct rt_task *fast = go_joined(sleep_ms, (void *)5);

	ck_assert_int_eq(join(fast), 0);
	ck_assert_uint_ge(rt_sched_now(sched), start + 5 * MS);
	/* a machine that stood still may have let both end */
	if (rt_sched_now(sched) < start + 20 * MS) {
		ck_assert_int_eq(rt_task_state(slow), RT_TASK_BLOCKED);
		ck_assert_str_eq(rt_task_block_of(slow)->what, "delay");
	}
	ck_assert_int_eq(join(slow), 0);
	ck_assert_uint_ge(rt_sched_now(sched), start + 20 * MS);
	ck_assert_int_eq(rt_task_delay(0), 0);
	ck_assert_int_eq(rt_task_delay(start), 0);
	return 0;
}

static struct rt_rendez rendez;

static int
sleep_on(void *arg)
{
	int rc = rt_rendez_sleep(&rendez, RT_NEVER);

	(void)arg;
	ended++;
	return rc;
}

TASK_CASE(a_cancel_ends_this_wait_and_all_later_ones)
{
	struct rt_task *t, *fresh;

	rt_rendez_init(&rendez);
	t = go_joined(sleep_on, NULL);
	settle();
	rt_task_cancel(t);
	ck_assert(rt_task_cancelled(t));
	ck_assert_int_eq(join(t), -ECANCELED);
	ck_assert(rt_rendez_wake(&rendez) == 0);
	/* one that has not run yet */
	fresh = go_joined(sleep_on, NULL);
	rt_task_cancel(fresh);
	ck_assert_int_eq(join(fresh), -ECANCELED);
	/* itself */
	rt_task_cancel(rt_task_self());
	ck_assert_int_eq(rt_task_yield(), -ECANCELED);
	ck_assert_int_eq(rt_task_delay(RT_NEVER), -ECANCELED);
	ck_assert_int_eq(rt_rendez_sleep(&rendez, RT_NEVER), -ECANCELED);
	return 0;
}

static int
hold(void *arg)
{
	int rc;

	rt_task_hold_cancel();
	rt_task_hold_cancel();
	rt_task_let_cancel();
	rc = rt_rendez_sleep(&rendez, RT_NEVER);
	*(int *)arg = rc;
	rt_task_let_cancel();
	return rt_rendez_sleep(&rendez, RT_NEVER);
}

TASK_CASE(a_cancel_that_is_held_off_comes_after)
{
	struct rt_task *t;
	int first = 1;

	rt_rendez_init(&rendez);
	t = go_joined(hold, &first);
	settle();
	rt_task_cancel(t);
	settle();
	ck_assert_int_eq(rt_task_state(t), RT_TASK_BLOCKED);
	rt_rendez_wake(&rendez);
	ck_assert_int_eq(join(t), -ECANCELED);
	ck_assert_int_eq(first, 0);
	return 0;
}

TASK_CASE(whichever_of_wake_and_cancel_comes_first_counts)
{
	struct rt_task *t;

	rt_rendez_init(&rendez);
	t = go_joined(sleep_on, NULL);
	settle();
	ck_assert_uint_eq(rt_rendez_wake(&rendez), 1);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	t = go_joined(sleep_on, NULL);
	settle();
	rt_task_cancel(t);
	ck_assert_uint_eq(rt_rendez_wake(&rendez), 0);
	ck_assert_int_eq(join(t), -ECANCELED);
	return 0;
}

/* A block as an operation of the kernel has it: it cannot leave at once. */
static uint32_t undone;

static int
undo_busy(struct rt_block *b, int why)
{
	(void)b;
	undone++;
	ck_assert_int_eq(why, -ETIMEDOUT);
	return -EBUSY;
}

static struct rt_block *pending;

static int
wait_busy(void *arg)
{
	struct rt_block b = { .what = "busy", .undo = undo_busy };

	pending = &b;
	return rt_task_block(&b, in_ms((uintptr_t)arg));
}

TASK_CASE(what_cannot_leave_at_once_is_asked_once_and_waits_for_its_wake)
{
	struct rt_task *t = go_joined(wait_busy, (void *)1);

	while (undone == 0)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	ck_assert_int_eq(rt_task_delay(in_ms(5)), 0);
	ck_assert_uint_eq(undone, 1);
	rt_task_cancel(t);
	settle();
	ck_assert_uint_eq(undone, 1);
	ck_assert_int_eq(rt_task_state(t), RT_TASK_BLOCKED);
	rt_task_wake(pending, 17);
	ck_assert_int_eq(join(t), 17);
	return 0;
}

TASK_CASE(a_wake_before_the_wait_is_not_lost)
{
	struct rt_block b = { .what = "early" };

	rt_task_wake(&b, 5);
	rt_task_wake(&b, 6);
	ck_assert_int_eq(rt_task_block(&b, RT_NEVER), 5);
	return 0;
}

START_TEST(outside_of_a_task_nothing_waits)
{
	struct rt_block b = { .what = "none" };

	ck_assert_ptr_null(rt_task_self());
	ck_assert_ptr_null(rt_sched_self());
	ck_assert_int_eq(rt_task_block(&b, RT_NEVER), -EPERM);
	ck_assert_int_eq(rt_task_yield(), -EPERM);
	ck_assert_int_eq(rt_task_delay(0), -EPERM);
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_rendez_sleep(&rendez, RT_NEVER), -EPERM);
	ck_assert_uint_eq(rt_rendez_wake(&rendez), 0);
}
END_TEST

static int
for_ever(void *arg)
{
	(void)arg;
	while (rt_task_yield() == 0)
		;
	return 0;
}

START_TEST(a_run_ends_without_system_tasks_and_freeing_cancels_them)
{
	struct rt_task_opts opts = { .name = "ticker", .flags = RT_TASK_SYSTEM };

	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_task_create(sched, for_ever, NULL, &opts, NULL), 0);
	ck_assert_int_eq(rt_task_create(sched, sleep_on, NULL, &opts, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	go(sleep_ms, (void *)2);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_uint_eq(rt_sched_tasks(sched), 2);
	ck_assert_uint_eq(ended, 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	ck_assert_uint_eq(ended, 1);
}
END_TEST

static int stubborn_stop;

static int
stubborn(void *arg)
{
	(void)arg;
	while (!stubborn_stop)
		rt_task_yield();
	return 0;
}

START_TEST(a_scheduler_whose_task_does_not_end_is_not_freed)
{
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	go(stubborn, NULL);
	ck_assert_int_eq(rt_sched_free(sched), -EBUSY);
	/* the thread is as it was: another's, maybe */
	ck_assert_ptr_null(rt_sched_self());
	ck_assert_int_eq(rt_task_create(sched, number, NULL, NULL, NULL),
			 -ESHUTDOWN);
	stubborn_stop = 1;
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

static int
make_more(void *arg)
{
	uintptr_t n = (uintptr_t)arg;

	ended++;
	if (n)
		go(make_more, (void *)(n - 1));
	return 0;
}

START_TEST(a_step_makes_at_most_so_many_switches)
{
	uint64_t before;

	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_sched_enter(sched), 0);
	ck_assert_int_eq(rt_sched_enter(sched), -EBUSY);
	ck_assert_ptr_eq(rt_sched_self(), sched);
	ck_assert_uint_eq(rt_sched_step(sched, 10), 0);
	ck_assert(rt_sched_idle(sched));
	for (uint32_t most = 1; most < 200; most += 7) {
		go(note, (void *)(uintptr_t)"");
		go(note, (void *)(uintptr_t)"");
		for (int i = 0; i < 60; i++)
			go(make_more, (void *)10);
		while (!rt_sched_idle(sched)) {
			before = ended;
			ck_assert_uint_gt(rt_sched_step(sched, most), 0);
			ck_assert_uint_le(ended - before, most);
		}
	}
	ck_assert_uint_eq(rt_sched_step(sched, 10), 0);
	rt_sched_leave(sched);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

static struct rt_timer timer;
static uint32_t fired;

static void
on_timer(struct rt_timer *t)
{
	(void)t;
	fired++;
}

static int
until_fired(void *arg)
{
	uint64_t turns = 0;

	(void)arg;
	while (!fired) {
		rt_task_yield();
		turns++;
	}
	return turns > 100;
}

TASK_CASE(tasks_that_always_yield_do_not_keep_timers_from_firing)
{
	struct rt_task *a, *b;

	timer.fire = on_timer;
	rt_timers_set(rt_wait_timers(rt_sched_wait(sched)), &timer, in_ms(2));
	a = go_joined(until_fired, NULL);
	b = go_joined(until_fired, NULL);
	join(a);
	join(b);
	ck_assert_uint_eq(fired, 1);
	return 0;
}

TASK_CASE(one_task_that_always_yields_does_not_either)
{
	timer.fire = on_timer;
	rt_timers_set(rt_wait_timers(rt_sched_wait(sched)), &timer, in_ms(2));
	while (!fired)
		rt_task_yield();
	return 0;
}

static void *
stop_soon(void *arg)
{
	struct timespec nap = { 0, 5000000 };

	nanosleep(&nap, NULL);
	rt_sched_stop(arg);
	return NULL;
}

START_TEST(another_thread_stops_a_run_that_sleeps)
{
	pthread_t thread;

	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	rt_rendez_init(&rendez);
	go(sleep_on, NULL);
	pthread_create(&thread, NULL, stop_soon, sched);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(rt_sched_tasks(sched), 1);
	/* one that came before the run ends that one */
	rt_sched_stop(sched);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

TASK_CASE(a_scheduler_without_ready_tasks_uses_no_processor)
{
	uint64_t before = cpu_ns();

	go(sleep_ms, (void *)300);
	rt_task_delay(in_ms(300));
	/* to go to sleep and to wake: us. The bound is for sanitizers. */
	ck_assert_uint_lt(cpu_ns() - before, 30 * MS);
	return 0;
}

static void
end_data(void *data)
{
	++*(int *)data;
}

static int
with_data(void *arg)
{
	rt_task_set_data(rt_task_self(), arg, end_data);
	rt_task_yield();
	ck_assert_ptr_eq(rt_task_data(rt_task_self()), arg);
	return 0;
}

static void
count_task(struct rt_task *task, void *user)
{
	ck_assert_ptr_eq(rt_task_sched(task), sched);
	++*(uint32_t *)user;
}

TASK_CASE(a_task_has_a_name_a_state_and_data_that_ends_with_it)
{
	struct rt_task_opts opts = { .name =
		"a name that is longer than there is room for one" };
	struct rt_task *t;
	uint32_t n = 0;
	int ends = 0;

	ck_assert_int_eq(rt_task_create(sched, with_data, &ends, &opts, &t), 0);
	ck_assert_str_eq(rt_task_name(t), "a name that is longer t");
	ck_assert_int_eq(rt_task_state(t), RT_TASK_READY);
	rt_task_set_name(t, "short");
	ck_assert_str_eq(rt_task_name(t), "short");
	ck_assert_str_eq(rt_task_name(rt_task_self()), "task");
	ck_assert_str_eq(rt_task_state_name(rt_task_state(rt_task_self())),
			 "running");
	rt_sched_each(sched, count_task, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(rt_sched_tasks(sched), 2);
	ck_assert_int_eq(ends, 0);
	join(t);
	ck_assert_int_eq(ends, 1);
	return 0;
}

#define MANY (TASKS_SANITIZED ? 2000u : 40000u)

/* 40,000 guards by mprotect are more mappings than a process may have. */
TASK_CASE(forty_thousand_tasks_live_at_a_time)
{
	int rc = 0;
	uint32_t n = 0;

	rt_rendez_init(&rendez);
	for (; n < MANY && rc == 0; n++)
		rc = rt_task_create(sched, sleep_on, NULL, NULL, NULL);
	if (rc == -ENOMEM && n > 30000)
		printf("no MADV_GUARD_INSTALL here: %u tasks\n", n);
	else
		ck_assert_int_eq(rc, 0);
	settle();
	ck_assert_uint_eq(rt_rendez_wake_all(&rendez), n - (rc != 0));
	settle();
	ck_assert_uint_eq(ended, n - (rc != 0));
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("task");

	tcase_add_test(tc,
		tasks_have_turns_in_the_order_in_which_they_became_ready);
	tcase_add_test(tc,
		a_join_gives_what_the_task_returned_or_exited_with);
	tcase_add_test(tc, a_join_ends_at_its_deadline_and_can_be_made_again);
	tcase_add_test(tc,
		a_task_that_has_ended_is_joined_by_who_waited_for_it_alone);
	tcase_add_test(tc,
		a_handle_may_be_given_up_by_what_is_called_at_the_tasks_end);
	tcase_add_test(tc,
		a_detached_task_goes_on_and_one_that_has_ended_is_freed);
	tcase_add_test(tc,
		a_delay_lasts_until_its_deadline_and_shorter_ones_end_first);
	tcase_add_test(tc, a_cancel_ends_this_wait_and_all_later_ones);
	tcase_add_test(tc, a_cancel_that_is_held_off_comes_after);
	tcase_add_test(tc, whichever_of_wake_and_cancel_comes_first_counts);
	tcase_add_test(tc,
		what_cannot_leave_at_once_is_asked_once_and_waits_for_its_wake);
	tcase_add_test(tc, a_wake_before_the_wait_is_not_lost);
	tcase_add_test(tc, outside_of_a_task_nothing_waits);
	tcase_add_test(tc,
		a_run_ends_without_system_tasks_and_freeing_cancels_them);
	tcase_add_test(tc, a_scheduler_whose_task_does_not_end_is_not_freed);
	tcase_add_test(tc, a_step_makes_at_most_so_many_switches);
	tcase_add_test(tc,
		tasks_that_always_yield_do_not_keep_timers_from_firing);
	tcase_add_test(tc, one_task_that_always_yields_does_not_either);
	tcase_add_test(tc, another_thread_stops_a_run_that_sleeps);
	tcase_add_test(tc, a_scheduler_without_ready_tasks_uses_no_processor);
	tcase_add_test(tc,
		a_task_has_a_name_a_state_and_data_that_ends_with_it);
	tcase_add_test(tc, forty_thousand_tasks_live_at_a_time);
	return tasks_main("rt_task", tc);
}
