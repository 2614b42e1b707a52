/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_session: opening, closing, forking, outliving one. */
#include <stdlib.h>

#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

/* Sessions that the appliance has. */
static uint32_t
sessions_of(struct rig *r)
{
	uint32_t n;

	pthread_mutex_lock(&r->pipe->lock);
	n = r->pipe->recs_open;
	pthread_mutex_unlock(&r->pipe->lock);
	return n;
}

static vine_task *
issue(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = rig_opts(s, proc);
	vine_task *task = NULL;

	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

START_TEST(a_session_tells_what_it_is_attached_to)
{
	struct vine_session_info info = { .size = sizeof(info) };
	struct vine_session *s;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_session_info(s, &info), 0);
	ck_assert_uint_eq(info.segment_size, 16 * RIG_MIB);
	ck_assert_uint_eq(info.generation, 1);
	ck_assert_uint_ne(info.incarnation, 0);
	ck_assert_uint_eq(info.queues, 0);
	ck_assert_uint_gt(info.heap_size, 8 * RIG_MIB);
	info.size--;
	ck_assert_int_eq(vine_session_info(s, &info), -EINVAL);
	ck_assert_int_eq(vine_session_info(s, NULL), -EINVAL);
	vine_session_close(s);
	vine_session_close(NULL);
	rig_close(&rig);
}
END_TEST

START_TEST(bad_options_are_einval)
{
	struct vine_session_opts o = { .size = sizeof(o) };
	struct vine_session *s = NULL;

	rig_listen();
	o.size--;
	ck_assert_int_eq(vine_session_open(&o, &s), -EINVAL);
	o.size = sizeof(o);
	o.weight = 101;
	ck_assert_int_eq(vine_session_open(&o, &s), -EINVAL);
	o.weight = 0;
	o.wait_mode = 3;
	ck_assert_int_eq(vine_session_open(&o, &s), -EINVAL);
	o.wait_mode = 0;
	o.attach_timeout = -1;
	ck_assert_int_eq(vine_session_open(&o, &s), -EINVAL);
	o.attach_timeout = 0;
	o.config = "nonsense 1\n";
	ck_assert_int_eq(vine_session_open(&o, &s), -EINVAL);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(closing_waits_for_tasks_in_flight)
{
	struct vine_session *s;
	vine_task *task;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (int i = 0; i < 200; i++) {
		task = issue(s, "nop");
		vine_task_free(task);
	}
	vine_session_close(s);
	ck_assert_uint_eq(rig.served, 200);
	rig_close(&rig);
}
END_TEST

static void *
release_later(void *arg)
{
	(void)arg;
	rig_nap(100000000);
	rig_release(&rig, 0, 0);
	return NULL;
}

START_TEST(closing_waits_for_a_slow_task)
{
	struct vine_session *s;
	pthread_t thread;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	issue(s, "keep");
	rig_await(rig.kept_count == 1);
	pthread_create(&thread, NULL, release_later, NULL);
	vine_session_close(s);
	ck_assert_uint_eq(rig.kept_count, 0);
	pthread_join(thread, NULL);
	rig_close(&rig);
}
END_TEST

START_TEST(sessions_of_two_segments_do_not_mix)
{
	static struct rig other;
	struct vine_session *a, *b;
	struct vine_task_opts o;
	uint64_t value;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	rig_open(&other, 4 * RIG_MIB, NULL);
	a = rig_attach(&rig);
	b = rig_attach(&other);
	for (int i = 0; i < 300; i++) {
		o = rig_opts(i & 1 ? a : b, "nop");
		ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	}
	/* a task is complete a moment before its server has counted it */
	rig_await(rig.served == 150);
	rig_await(other.served == 150);
	vine_session_close(a);
	o = rig_opts(b, "nop");
	ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	vine_session_close(b);
	rig_close(&rig);
	rig_close(&other);
}
END_TEST

START_TEST(a_child_gets_echild_and_opens_its_own)
{
	struct vine_task_opts o;
	struct vine_session *s;
	vine_task *task;
	vine_data *d;
	pid_t pid;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	ck_assert_int_eq(vine_data_alloc_in(s, 100, 0, &d), 0);
	task = issue(s, "keep");
	pid = fork();
	if (pid == 0) {
		struct vine_session *mine = NULL;
		vine_accel *v = NULL;
		vine_task *t;
		vine_data *e;
		size_t i;
		int fd;

		if (vine_task_issue_opts(&o, &t) != -ECHILD)
			_exit(1);
		if (vine_data_alloc_in(s, 10, 0, &e) != -ECHILD)
			_exit(2);
		if (vine_session_reap(s) != -ECHILD)
			_exit(3);
		if (vine_session_fd(s, &fd) != -ECHILD)
			_exit(4);
		if (vine_accel_open(o.accel, 0, &v) != -ECHILD)
			_exit(5);
		if (vine_accel_list_in(s, ANY, NULL, 0) != -ECHILD)
			_exit(6);
		vine_data_free(d);
		vine_task_free(task);
		vine_session_close(s);
		if (rig_attach_for(&rig, 30 * SECOND, &mine) != 0)
			_exit(7);
		o = rig_opts(mine, "nop");
		if (rig_run(&o, NULL) != VINE_STATUS_OK)
			_exit(8);
		vine_session_close(mine);
		(void)i;
		_exit(0);
	}
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	rig_await(rig.kept_count == 1);
	rig_release(&rig, 0, 0);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* mapped memory is not inherited: these must look at the fork first */
START_TEST(waiting_in_a_child_is_echild)
{
	struct vine_session *s;
	vine_task *task;
	pid_t pid;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	task = issue(s, "keep");
	pid = fork();
	if (pid == 0) {
		size_t i;

		if (vine_task_wait_any(&task, 1, 0, &i) != -ECHILD)
			_exit(1);
		if (vine_task_wait_for(task, 0) != -ECHILD)
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(rig_child_ended(pid), 0);
	rig_await(rig.kept_count == 1);
	rig_release(&rig, 0, 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* A thread that worked in a session which closed waits in the next one. */
static struct vine_session *_Atomic current;
static vine_task *_Atomic pass;
static _Atomic int stage;

static void *
outlive(void *arg)
{
	(void)arg;
	vine_task_free(issue(current, "nop"));
	stage = 1;
	while (stage != 2)
		rig_nap(100000);
	return (void *)(intptr_t)vine_task_wait_for(pass, 60 * SECOND);
}

START_TEST(a_thread_may_outlive_a_session_and_wait_in_another)
{
	struct vine_session *s;
	pthread_t thread;
	void *rc;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	current = s = rig_attach(&rig);
	pthread_create(&thread, NULL, outlive, NULL);
	rig_await(stage == 1);
	vine_session_close(s);
	s = rig_attach(&rig);
	pass = issue(s, "keep");
	rig_await(rig.kept_count == 1);
	stage = 2;
	rig_nap(50000000);
	rig_release(&rig, 0, 0);
	pthread_join(thread, &rc);
	ck_assert_ptr_null(rc);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static void *
come_and_go(void *arg)
{
	(void)arg;
	for (int i = 0; i < (RIG_SANITIZED ? 20 : 60); i++) {
		struct vine_session *s = rig_attach(&rig);
		struct vine_task_opts o = rig_opts(s, "nop");

		if (rig_run(&o, NULL) != VINE_STATUS_OK)
			abort();
		vine_session_close(s);
	}
	return NULL;
}

START_TEST(threads_open_and_close_sessions_at_the_same_time)
{
	pthread_t threads[4];

	rig_open(&rig, 16 * RIG_MIB, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, come_and_go, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	rig_await(sessions_of(&rig) == 0);
	rig_stop(&rig);
	ck_assert_uint_le(rig.pipe->lanes[0].all_room, 64);
	rig_close(&rig);
}
END_TEST

/* However often a session registers code, what it gave back does not count. */
START_TEST(procedures_that_were_released_do_not_use_up_the_quota)
{
	struct vine_session *s;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (int i = 0; i < 400; i++) {
		char name[32];
		vine_proc *p;
		int rc;

		snprintf(name, sizeof(name), "code%d", i);
		rc = vine_proc_add(s, CPU, name, name, sizeof(name), &p);
		ck_assert_msg(rc == 0, "registration %d, none is held: %d", i,
			      rc);
		ck_assert_int_eq(vine_proc_release(p), 0);
	}
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_session_tells_what_it_is_attached_to),
	RIG_CASE(bad_options_are_einval),
	RIG_CASE(closing_waits_for_tasks_in_flight),
	RIG_CASE(closing_waits_for_a_slow_task),
	RIG_CASE(sessions_of_two_segments_do_not_mix),
	RIG_CASE(a_child_gets_echild_and_opens_its_own),
	RIG_CASE(waiting_in_a_child_is_echild),
	RIG_CASE(a_thread_may_outlive_a_session_and_wait_in_another),
	RIG_CASE(threads_open_and_close_sessions_at_the_same_time),
	RIG_CASE(procedures_that_were_released_do_not_use_up_the_quota),
};

RIG_MAIN("vine_session", cases)
