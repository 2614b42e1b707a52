/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of tasks: a scheduler lives, with more tasks than one mapping of
 * stacks has, while the nth call for memory, a mapping or a guard fails. Then a
 * task is refused and all others go on. Also the fault that only an overflow
 * has, and what is refused outright.
 */
#define FAULTS_URING 1
#include "tests/lib/faults.h"
#include "core/vine_limits.h"
#include "rt/rt_rendez.h"
#include "rt/rt_topic.h"
#include "tests/unit/rt/tasks.h"

#define TASKS (2 * VINE_STACK_CHUNK + 3)

static struct rt_rendez rendez;
static uint32_t done;

static int
sleeper(void *arg)
{
	if (rt_rendez_sleep(&rendez, RT_NEVER) == 0)
		done++;
	return arg != NULL;
}

/* Make as many as can be had, and see that each of them works. */
static int
first(void *arg)
{
	uint32_t made = 0;
	int *rc = arg;

	while (made < TASKS && *rc == 0) {
		*rc = rt_task_create(sched, sleeper, NULL, NULL, NULL);
		made += *rc == 0;
	}
	rt_task_yield();
	if (rt_rendez_wake_all(&rendez) != made)
		*rc = -EIO;
	rt_task_yield();
	if (done != made)
		*rc = -EIO;
	return 0;
}

static void
hear(struct rt_subscriber *sub, const void *news, size_t size)
{
	(void)sub;
	(void)news;
	(void)size;
}

static int
talk(void)
{
	struct rt_subscriber sub = { .hear = hear };
	struct rt_topic topic;
	int rc;

	rt_topic_init(&topic);
	rt_topic_join(&topic, sched, &sub);
	rc = rt_topic_publish(&topic, "news", 4);
	rt_topic_leave(&sub);
	rt_topic_fini(&topic);
	return rc < 0 ? rc : 0;
}

static int
live(void)
{
	int rc = rt_sched_new(NULL, &sched), made = 0, ended;

	if (rc)
		return rc;
	done = 0;
	rt_rendez_init(&rendez);
	rc = talk();
	if (rc == 0)
		rc = rt_task_create(sched, first, &made, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	/* where the thread has no stack for signals it is not entered */
	ended = rt_sched_free(sched);
	if (ended)
		ended = rt_sched_free(sched);
	if (ended)
		return -EIO;
	return rc ? rc : made;
}

START_TEST(a_scheduler_bears_each_fault)
{
	/* 3 chunks and their guards; the scheduler, its wait, its stack for
	 * signals; news */
	ck_assert_uint_ge(faults_sweep("tasks", live), 3 * VINE_STACK_CHUNK);
}
END_TEST

START_TEST(a_stack_that_is_too_small_is_refused)
{
	struct rt_sched_opts opts = { .stack_size = VINE_STACK_MIN - 1 };

	ck_assert_int_eq(rt_sched_new(&opts, &sched), -EINVAL);
	opts.stack_size = UINT32_MAX;
	ck_assert_int_eq(rt_sched_new(&opts, &sched), -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("tasks");

	tcase_add_test(tc, a_scheduler_bears_each_fault);
	tcase_add_test(tc, a_stack_that_is_too_small_is_refused);
	return tasks_main("rt faults of tasks", tc);
}
