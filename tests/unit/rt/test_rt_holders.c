/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_holders: a dump says who has the lock that a task waits for, and
 * of tasks that wait for each other in a circle that they do; of others not.
 */
#include <pthread.h>
#include <stdio.h>

#include "rt/rt_holders.h"
#include "rt/rt_place.h"
#include "rt/rt_qlock.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rwlock.h"
#include "tests/unit/rt/tasks.h"

static struct rt_qlock table, other;
static struct rt_rwlock rwlock;
static struct rt_rendez rendez;
static struct rt_dump *dump;
static struct rt_holders *holders;

static void
look(void)
{
	ck_assert_int_eq(rt_dump_here(sched, 20000, &dump), 0);
	ck_assert_int_eq(rt_holders_new(dump, &holders), 0);
}

static void
forget(void)
{
	rt_holders_free(holders);
	rt_dump_drop(dump);
}

static uint32_t
find(const char *name)
{
	for (uint32_t i = 0; i < rt_dump_count(dump); i++)
		if (strcmp(rt_dump_task(dump, i)->name, name) == 0)
			return i;
	ck_abort_msg("the dump has no task %s", name);
	return 0;
}

static void
check_holder(const char *name, const char *holder)
{
	char text[VINE_RT_NAME];

	rt_holders_text(holders, rt_dump_task(dump, find(name)), text,
			sizeof(text));
	ck_assert_str_eq(text, holder);
}

/* Returns how many circles there are; `line` has the last. */
static char line[1024];

static uint32_t
circles(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rt_dump_count(dump); i++)
		n += (uint32_t)rt_holders_circle(holders, i, line,
						 sizeof(line));
	return n;
}

static struct rt_task *
start(const char *name, rt_task_fn fn, void *arg)
{
	struct rt_task_opts o = { .name = name };
	struct rt_task *task;

	ck_assert_int_eq(rt_task_create(sched, fn, arg, &o, &task), 0);
	settle();
	return task;
}

static void
end(struct rt_task *task)
{
	rt_task_cancel(task);
	(void)join(task);
}

/* --- who has a lock ------------------------------------------------------ */

static int
lock_table(void *arg)
{
	int rc = rt_qlock_lock(&table, RT_NEVER);

	(void)arg;
	if (rc == 0)
		rt_qlock_unlock(&table);
	return rc;
}

static int
have_table(void *arg)
{
	ck_assert_int_eq(rt_qlock_lock(&table, 0), 0);
	(void)rt_rendez_sleep(&rendez, RT_NEVER);
	/* one with an argument ends with the lock */
	return arg ? 0 : rt_qlock_unlock(&table);
}

TASK_CASE(the_task_that_has_a_lock_is_named)
{
	struct rt_task *owner, *waiter;

	rt_task_set_name(rt_task_self(), "the case");
	rt_qlock_init(&table);
	rt_rendez_init(&rendez);
	table.name = "the table";
	owner = start("owner", have_table, NULL);
	waiter = start("waiter", lock_table, NULL);
	look();
	check_holder("waiter", "owner");
	check_holder("owner", "");
	check_holder("the case", "");
	ck_assert_str_eq(rt_dump_task(dump, find("waiter"))->called,
			 "the table");
	ck_assert_uint_eq(circles(), 0);
	forget();
	rt_rendez_wake_all(&rendez);
	ck_assert_int_eq(join(owner), 0);
	ck_assert_int_eq(join(waiter), 0);
	return 0;
}

static int
have_rwlock(void *arg)
{
	int rc = arg ? rt_rwlock_write(&rwlock, RT_NEVER) :
		rt_rwlock_read(&rwlock, RT_NEVER);

	if (rc)
		return rc;
	(void)rt_rendez_sleep(&rendez, RT_NEVER);
	return arg ? rt_rwlock_write_end(&rwlock) :
		rt_rwlock_read_end(&rwlock);
}

TASK_CASE(of_those_who_read_the_number_is_known_and_of_who_writes_the_name)
{
	struct rt_task *tasks[4];

	rt_rwlock_init(&rwlock);
	rt_rendez_init(&rendez);
	tasks[0] = start("one", have_rwlock, NULL);
	tasks[1] = start("two", have_rwlock, NULL);
	tasks[2] = start("three", have_rwlock, &rwlock);
	tasks[3] = start("four", have_rwlock, NULL);
	look();
	check_holder("three", "2 readers");
	check_holder("four", "2 readers");	/* behind the writer */
	forget();
	rt_rendez_wake_all(&rendez);
	settle();
	look();
	check_holder("four", "three");
	forget();
	for (int i = 0; i < 4; i++)
		end(tasks[i]);
	return 0;
}

TASK_CASE(a_task_that_ended_with_a_lock_is_gone)
{
	struct rt_task_opts o = { .name = "owner" };
	struct rt_task *waiter;

	rt_qlock_init(&table);
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_task_create(sched, have_table, &table, &o, NULL),
			 0);
	settle();
	waiter = start("waiter", lock_table, NULL);
	rt_rendez_wake_all(&rendez);
	settle();
	look();
	check_holder("waiter", "a task that is gone");
	ck_assert_uint_eq(circles(), 0);
	forget();
	end(waiter);
	return 0;
}

/* --- circles ------------------------------------------------------------- */

static int
table_then_other(void *arg)
{
	(void)arg;
	ck_assert_int_eq(rt_qlock_lock(&table, 0), 0);
	rt_task_yield();
	if (rt_qlock_lock(&other, RT_NEVER) == 0)
		rt_qlock_unlock(&other);
	return rt_qlock_unlock(&table);
}

static int
other_then_table(void *arg)
{
	(void)arg;
	ck_assert_int_eq(rt_qlock_lock(&other, 0), 0);
	rt_task_yield();
	if (rt_qlock_lock(&table, RT_NEVER) == 0)
		rt_qlock_unlock(&table);
	return rt_qlock_unlock(&other);
}

/* The task makes room for nobody: one first, then two, then who waits. */
static void
make_circle(struct rt_task *tasks[3])
{
	struct rt_task_opts one = { .name = "one" }, two = { .name = "two" };

	rt_qlock_init(&table);
	rt_qlock_init(&other);
	table.name = "table";
	other.name = "other";
	ck_assert_int_eq(rt_task_create(sched, table_then_other, NULL, &one,
					&tasks[0]), 0);
	ck_assert_int_eq(rt_task_create(sched, other_then_table, NULL, &two,
					&tasks[1]), 0);
	settle();
	tasks[2] = start("three", lock_table, NULL);
}

static void
end_circle(struct rt_task *tasks[3])
{
	end(tasks[0]);
	ck_assert_int_eq(join(tasks[1]), 0);
	ck_assert_int_eq(join(tasks[2]), 0);
}

TASK_CASE(two_tasks_that_wait_for_each_other_are_one_line)
{
	struct rt_task *tasks[3];
	char expect[256];

	make_circle(tasks);
	look();
	ck_assert_uint_eq(circles(), 1);
	snprintf(expect, sizeof(expect), "one waits for two (qlock other %p), "
		 "two waits for one (qlock table %p)", (void *)&other,
		 (void *)&table);
	ck_assert_str_eq(line, expect);
	check_holder("three", "one");
	/* the circle is not that of who waits behind it */
	ck_assert_int_eq(rt_holders_circle(holders, find("three"), line,
					   sizeof(line)), 0);
	/* one that does not fit is cut */
	ck_assert_int_eq(rt_holders_circle(holders, find("one"), line, 12), 1);
	ck_assert_str_eq(line, "one waits f");
	forget();
	end_circle(tasks);
	return 0;
}

static int
join_with_table(void *arg)
{
	int rc;

	ck_assert_int_eq(rt_qlock_lock(&table, 0), 0);
	rc = rt_task_join(*(struct rt_task **)arg, NULL, RT_NEVER);
	rt_qlock_unlock(&table);
	return rc;
}

TASK_CASE(a_join_may_be_a_part_of_a_circle)
{
	struct rt_task_opts a = { .name = "joiner" }, b = { .name = "joined" };
	struct rt_task *joined, *joiner;

	rt_qlock_init(&table);
	table.name = "table";
	/* the first has the lock when the other one asks for it */
	ck_assert_int_eq(rt_task_create(sched, join_with_table, &joined, &a,
					&joiner), 0);
	ck_assert_int_eq(rt_task_create(sched, lock_table, NULL, &b, &joined),
			 0);
	settle();
	look();
	ck_assert_uint_eq(circles(), 1);
	ck_assert_ptr_eq(strstr(line, "joiner waits for joined (join joined), "
				"joined waits for joiner (qlock table 0x"),
			 line);
	check_holder("joiner", "");	/* it waits for no lock */
	forget();
	rt_task_cancel(joiner);
	ck_assert_int_eq(join(joiner), -ECANCELED);
	ck_assert_int_eq(join(joined), 0);
	return 0;
}

/* --- while it is taken down ---------------------------------------------- */

#define FILLERS (3 * VINE_RT_DUMP_SLICE)

static int
sleep_on(void *arg)
{
	(void)arg;
	return rt_rendez_sleep(&rendez, RT_NEVER);
}

/* Gives its lock to a task that the dump has already, and waits for that. */
static int
change_hands(void *arg)
{
	(void)arg;
	ck_assert_int_eq(rt_qlock_lock(&other, 0), 0);
	rt_task_delay(in_ms(2));
	ck_assert_int_eq(rt_dump_ask(sched, 20000, &dump), 0);
	while (rt_dump_count(dump) == 0)
		rt_task_yield();
	ck_assert_uint_le(rt_dump_count(dump), 2 * VINE_RT_DUMP_SLICE);
	rt_qlock_unlock(&other);
	ck_assert_int_eq(rt_qlock_lock(&table, RT_NEVER), 0);
	return rt_qlock_unlock(&table);
}

TASK_CASE(locks_that_change_hands_during_a_dump_make_no_circle)
{
	struct rt_task *changer;

	rt_rendez_init(&rendez);
	rt_qlock_init(&table);
	rt_qlock_init(&other);
	rt_task_set_name(rt_task_self(), "first");
	ck_assert_int_eq(rt_qlock_lock(&table, 0), 0);
	for (uint32_t i = 0; i < FILLERS; i++)
		go(sleep_on, NULL);
	changer = start("changer", change_hands, NULL);
	ck_assert_int_eq(rt_qlock_lock(&other, RT_NEVER), 0);
	while (!rt_dump_done(dump))
		rt_task_yield();
	ck_assert_int_eq(rt_holders_new(dump, &holders), 0);
	check_holder("first", "changer");
	check_holder("changer", "first");
	ck_assert_uint_eq(circles(), 0);
	forget();
	rt_qlock_unlock(&other);
	rt_qlock_unlock(&table);
	ck_assert_int_eq(join(changer), 0);
	rt_rendez_wake_all(&rendez);
	return 0;
}

static int
ask(void *arg)
{
	(void)arg;
	ck_assert_int_eq(rt_dump_ask(sched, 20000, &dump), 0);
	while (!rt_dump_done(dump))
		rt_task_yield();
	return 0;
}

TASK_CASE(a_circle_is_found_among_many_tasks)
{
	struct rt_task *tasks[3];

	rt_rendez_init(&rendez);
	make_circle(tasks);
	for (uint32_t i = 0; i < FILLERS; i++)
		go(sleep_on, NULL);
	rt_task_delay(in_ms(2));
	ck_assert_int_eq(join(go_joined(ask, NULL)), 0);
	ck_assert_int_eq(rt_holders_new(dump, &holders), 0);
	ck_assert_uint_eq(rt_dump_count(dump), FILLERS + 5);
	ck_assert_uint_eq(circles(), 1);
	forget();
	/* of one that is left out it is said so */
	ck_assert_int_eq(rt_dump_here(sched, 2, &dump), 0);
	ck_assert_int_eq(rt_holders_new(dump, &holders), 0);
	check_holder("one", "a task that is left out");
	ck_assert_uint_eq(circles(), 0);
	forget();
	end_circle(tasks);
	rt_rendez_wake_all(&rendez);
	return 0;
}

/* --- as text ------------------------------------------------------------- */

static char report[8192];

static void
add_line(const char *text, void *user)
{
	size_t used = strlen(report);

	(void)user;
	snprintf(report + used, sizeof(report) - used, "%s\n", text);
}

/* libdw needs more stack than a task has. */
static void *
print(void *arg)
{
	(void)arg;
	rt_dump_print(dump, add_line, NULL);
	return NULL;
}

TASK_CASE(a_report_begins_with_the_circles_and_names_holders)
{
	struct rt_task *tasks[3];
	pthread_t thread;

	report[0] = '\0';
	make_circle(tasks);
	look();
	ck_assert_int_eq(pthread_create(&thread, NULL, print, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_ptr_eq(strstr(report, "deadlock: one waits for two "),
			 report);
	ck_assert_ptr_nonnull(strstr(report, "\nthree: blocked, qlock table 0x"));
	ck_assert_ptr_nonnull(strstr(report, " of one for "));
	forget();
	end_circle(tasks);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("holders");
	int rc;

	tasks_add(tc, the_task_that_has_a_lock_is_named);
	tasks_add(tc,
		of_those_who_read_the_number_is_known_and_of_who_writes_the_name);
	tasks_add(tc, a_task_that_ended_with_a_lock_is_gone);
	tcase_add_test(tc, two_tasks_that_wait_for_each_other_are_one_line);
	tcase_add_test(tc, a_join_may_be_a_part_of_a_circle);
	tcase_add_test(tc,
		locks_that_change_hands_during_a_dump_make_no_circle);
	tcase_add_test(tc, a_circle_is_found_among_many_tasks);
	tcase_add_test(tc, a_report_begins_with_the_circles_and_names_holders);
	(void)rt_place_open();
	rc = tasks_main("rt_holders", tc);
	rt_place_close();
	return rc;
}
