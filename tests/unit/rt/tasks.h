/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: what tests of the runtime share. A case that is written as a task:
 *
 *	TASK_CASE(a_sentence) { ...; return 0; }
 *
 * runs as the first task of a scheduler of its own, `sched`. When it returns,
 * the other tasks that are not system tasks must end too, and nothing may be
 * left of any. tasks_add has it run in simulations too (rt_sim.h), by some seeds.
 */
#ifndef TASKS_H
#define TASKS_H

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_op.h"
#include "rt/rt_sched.h"
#include "rt/rt_sim.h"
#include "rt/rt_task.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TASKS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TASKS_SANITIZED 1
#endif
#endif
#ifndef TASKS_SANITIZED
#define TASKS_SANITIZED 0
#endif

#if defined(__SANITIZE_THREAD__)
#define TASKS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TASKS_TSAN 1
#endif
#endif
#ifndef TASKS_TSAN
#define TASKS_TSAN 0
#endif

#define TASKS_UNUSED __attribute__((unused))

static struct rt_sched *sched TASKS_UNUSED;

static TASKS_UNUSED void
tasks_run(struct rt_sched **s, rt_task_fn fn)
{
	ck_assert_int_eq(rt_sched_new(NULL, s), 0);
	ck_assert_int_eq(rt_task_create(*s, fn, NULL, NULL, NULL), 0);
	ck_assert_int_eq(rt_sched_run(*s), 0);
	ck_assert_int_eq(rt_sched_free(*s), 0);
}

/* A simulation has one thread: ThreadSanitizer finds nothing in it. */
#define TASKS_SEEDS (TASKS_TSAN ? 0 : TASKS_SANITIZED ? 3 : 10)

/* What a simulated node begins with. */
static TASKS_UNUSED int
tasks_first(void *fn)
{
	sched = rt_sched_self();
	return ((struct { rt_task_fn fn; } *)fn)->fn(NULL);
}

/* The same on a node of a simulation. A failure is repeated by the same case. */
static TASKS_UNUSED void
tasks_simulate(uint64_t seed, rt_task_fn fn)
{
	const struct rt_sim_opts opts = { .seed = seed };
	struct { rt_task_fn fn; } first = { fn };
	struct rt_sim_node *node;
	struct rt_sim *sim;
	int rc;

	ck_assert_int_eq(rt_sim_new(&opts, &sim), 0);
	ck_assert_int_eq(rt_sim_node(sim, "case", tasks_first, &first, &node),
			 0);
	rc = rt_sim_run(sim, RT_NEVER);
	if (rc)
		rt_sim_print(sim, stderr);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(rt_wait_ops(rt_sched_wait(rt_sim_sched(node))), 0);
	ck_assert_int_eq(rt_sim_free(sim), 0);
}

#define TASK_CASE(name) \
	static int name##_task(void *arg); \
	START_TEST(name) \
	{ \
		if (_i) \
			tasks_simulate((uint64_t)_i, name##_task); \
		else \
			tasks_run(&sched, name##_task); \
	} \
	END_TEST \
	static int \
	name##_task(TASKS_UNUSED void *arg)

#define tasks_add(tc, test) tcase_add_loop_test(tc, test, 0, 1 + TASKS_SEEDS)

/* Start a task that is nobody's. */
static TASKS_UNUSED void
go(rt_task_fn fn, void *arg)
{
	ck_assert_int_eq(rt_task_create(sched, fn, arg, NULL, NULL), 0);
}

/* Start one with a handle. */
static TASKS_UNUSED struct rt_task *
go_joined(rt_task_fn fn, void *arg)
{
	struct rt_task *task;

	ck_assert_int_eq(rt_task_create(sched, fn, arg, NULL, &task), 0);
	return task;
}

static TASKS_UNUSED int
join(struct rt_task *task)
{
	int rc = -1;

	ck_assert_int_eq(rt_task_join(task, &rc, RT_NEVER), 0);
	return rc;
}

/* Let all others run until they wait. */
static TASKS_UNUSED void
settle(void)
{
	for (int i = 0; i < 8; i++)
		rt_task_yield();
}

static TASKS_UNUSED uint64_t
in_ms(uint64_t ms)
{
	return rt_sched_now(sched) + ms * MS;
}

static TASKS_UNUSED int
tasks_main(const char *name, TCase *tc)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
