/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_wait: any, all, of several sessions, of many queues. */
#include "rig.h"
#include "core/vine_limits.h"

static struct rig rig;
static struct vine_session *s;

static vine_task *
issue(struct vine_session *session, const char *proc)
{
	struct vine_task_opts o = rig_opts(session, proc);
	vine_task *task = NULL;

	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

START_TEST(any_tells_the_one_that_completed)
{
	vine_task *tasks[6] = { NULL };
	size_t index = 99;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (int i = 1; i < 5; i++)
		tasks[i] = issue(s, i == 3 ? "nop" : "keep");
	ck_assert_int_eq(vine_task_wait_any(tasks, 6, 60 * SECOND, &index), 0);
	ck_assert_uint_eq(index, 3);
	vine_task_free(tasks[3]);
	tasks[3] = NULL;
	index = 99;
	ck_assert_int_eq(vine_task_wait_any(tasks, 6, 0, &index), -ETIMEDOUT);
	ck_assert_int_eq(vine_task_wait_any(tasks, 6, 20000000, &index),
			 -ETIMEDOUT);
	ck_assert_uint_eq(index, 99);
	ck_assert_int_eq(vine_task_wait_all(tasks, 6, 20000000), -ETIMEDOUT);
	rig_await(rig.kept_count == 3);
	while (rig.kept_count)
		rig_release(&rig, 0, 0);
	ck_assert_int_eq(vine_task_wait_all(tasks, 6, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_wait_any(tasks, 6, 0, &index), 0);
	for (int i = 0; i < 6; i++)
		vine_task_free(tasks[i]);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(nothing_to_wait_for_is_einval_for_any_and_done_for_all)
{
	vine_task *none[3] = { NULL };
	size_t index;

	ck_assert_int_eq(vine_task_wait_any(none, 3, 0, &index), -EINVAL);
	ck_assert_int_eq(vine_task_wait_any(NULL, 0, 0, &index), -EINVAL);
	ck_assert_int_eq(vine_task_wait_all(none, 3, 0), 0);
	ck_assert_int_eq(vine_task_wait_all(NULL, 0, VINE_FOREVER), 0);
}
END_TEST

START_TEST(one_wait_covers_several_sessions_and_segments)
{
	static struct rig other;
	struct vine_session *b, *c;
	vine_task *tasks[3];
	size_t index;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	rig_open(&other, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	b = rig_attach(&rig);
	c = rig_attach(&other);
	for (int round = 0; round < 20; round++) {
		tasks[0] = issue(s, "keep");
		tasks[1] = issue(b, "keep");
		tasks[2] = issue(c, "keep");
		rig_await(rig.kept_count == 2 && other.kept_count == 1);
		ck_assert_int_eq(vine_task_wait_any(tasks, 3, 1000000, &index),
				 -ETIMEDOUT);
		rig_release(&other, 0, 0);
		ck_assert_int_eq(vine_task_wait_any(tasks, 3, 60 * SECOND,
						    &index), 0);
		ck_assert_uint_eq(index, 2);
		rig_release(&rig, 0, 0);
		rig_release(&rig, 0, 0);
		ck_assert_int_eq(vine_task_wait_all(tasks, 3, 60 * SECOND), 0);
		for (int i = 0; i < 3; i++)
			vine_task_free(tasks[i]);
	}
	vine_session_close(c);
	vine_session_close(s);
	vine_session_close(b);
	rig_close(&rig);
	rig_close(&other);
}
END_TEST

#define MANY 70

static vine_task *crowd[MANY];
static _Atomic uint32_t issued;
static _Atomic int leave;

static void *
issue_and_stay(void *arg)
{
	crowd[(uintptr_t)arg] = issue(s, "keep");
	issued++;
	while (!leave)
		rig_nap(1000000);
	return NULL;
}

/* A thread a queue; only the last of them completes. */
START_TEST(the_first_of_more_queues_than_a_wait_watches_is_found)
{
	pthread_t threads[MANY];
	size_t index = 0;
	int rc;

	rig_open(&rig, 64 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (uintptr_t i = 0; i < MANY; i++) {
		pthread_create(&threads[i], NULL, issue_and_stay, (void *)i);
		rig_await(rig.kept_count == i + 1 && issued == i + 1);
	}
	rig_release(&rig, MANY - 1, 0);
	rc = vine_task_wait_any(crowd, MANY, 60 * SECOND, &index);
	leave = 1;
	for (int i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	ck_assert_msg(rc == 0, "task %d of %d completed, any returned %d",
		      MANY - 1, MANY, rc);
	ck_assert_uint_eq(index, MANY - 1);
	while (rig.kept_count)
		rig_release(&rig, 0, 0);
	ck_assert_int_eq(vine_task_wait_all(crowd, MANY, 60 * SECOND), 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Sleeps and wakes in every phase: none may be missed. */
START_TEST(no_wake_is_missed_whatever_the_phase)
{
	uint64_t seed = 3;
	uint32_t late = 0;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (int i = 0; i < 400; i++) {
		vine_task *task;
		uint64_t from;

		rig_nap(rig_random(&seed) % 300000);
		from = rig_ns();
		task = issue(s, "nop");
		rig_nap(rig_random(&seed) % 60000);
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		vine_task_free(task);
		late += rig_ns() - from >= VINE_SLEEP_BUSY_MS * 1000000u;
	}
	/* each that is missed takes so long; a busy machine is late, too */
	ck_assert_uint_lt(late, 200);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(any_tells_the_one_that_completed),
	RIG_CASE(nothing_to_wait_for_is_einval_for_any_and_done_for_all),
	RIG_CASE(one_wait_covers_several_sessions_and_segments),
	RIG_CASE(the_first_of_more_queues_than_a_wait_watches_is_found),
	RIG_CASE(no_wake_is_missed_whatever_the_phase),
};

RIG_MAIN("vine_wait", cases)
