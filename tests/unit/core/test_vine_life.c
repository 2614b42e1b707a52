/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_life: what becomes of a session when its appliance goes. */
#include <signal.h>

#include "rig.h"
#include "core/vine_life.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

static vine_task *
issue(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = rig_opts(s, proc);
	vine_task *task = NULL;

	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

START_TEST(an_appliance_that_leaves_fails_tasks_and_calls)
{
	struct vine_session *s;
	struct vine_task_opts o;
	vine_task *held, *task = NULL;
	vine_data *d;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	held = issue(s, "keep");
	rig_await(rig.kept_count == 1);
	rig_listen();
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	rig.pipe = NULL;
	ck_assert_int_eq(vine_task_wait_for(held, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(held).status, VINE_STATUS_APPLIANCE_LOST);
	if (vine_task_issue_opts(&o, &task) == 0) {
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		ck_assert_int_eq(rig_result(task).status,
				 VINE_STATUS_SESSION_LOST);
		ck_assert_int_eq(rig_result(task).error, ECONNRESET);
	}
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), -ECONNRESET);
	ck_assert_int_eq(vine_data_alloc_in(s, 9 << 20, 0, &d), -ECONNRESET);
	ck_assert_int_eq(vine_session_reap(s), -ECONNRESET);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(closing_after_the_appliance_left_does_not_wait_for_it)
{
	struct vine_session *s;
	uint64_t from;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	issue(s, "nop");
	rig_listen();
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	rig.pipe = NULL;
	from = rig_ns();
	vine_session_close(s);
	ck_assert_uint_lt(rig_ns() - from, 15 * SECOND);
	rig_close(&rig);
}
END_TEST

/* An appliance in a process of its own, which is killed. */
static pid_t
appliance_process(void)
{
	int tell[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(tell), 0);
	pid = fork();
	if (pid == 0) {
		rig_serve_on(&rig);
		if (write(tell[1], "x", 1) == 1)
			rig_serve(&rig);
		_exit(0);
	}
	ck_assert_int_eq(read(tell[0], &c, 1), 1);
	return pid;
}

/* The appliance has taken it when it has answered what came after. */
static vine_task *
issue_taken(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = rig_opts(s, "nop");
	vine_task *task = issue(s, proc);

	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	return task;
}

START_TEST(a_killed_appliance_does_not_leave_a_waiter_hanging)
{
	struct vine_session *s;
	vine_task *task;
	pid_t pid;
	int rc;

	rig_init(&rig, 16 * RIG_MIB, "restart_wait 0\n");
	pid = appliance_process();
	s = rig_attach(&rig);
	task = issue_taken(s, "keep");
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	rig_listen();
	rc = vine_task_wait_for(task, 60 * SECOND);
	ck_assert_msg(rc == 0, "60 s after the appliance was killed: %d", rc);
	ck_assert_int_ge((int)rig_result(task).status,
			 VINE_STATUS_SESSION_CLOSED);
	rig_close(&rig);
}
END_TEST

START_TEST(a_restarted_appliance_ends_what_was_in_flight)
{
	struct vine_task_opts o;
	struct vine_session *s;
	vine_task *task;
	pid_t pid;

	rig_init(&rig, 16 * RIG_MIB, NULL);
	pid = appliance_process();
	s = rig_attach(&rig);
	task = issue_taken(s, "keep");
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	rig_listen();
	rig_serve_on(&rig);
	rig_start(&rig);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(task).status, VINE_STATUS_APPLIANCE_LOST);
	o = rig_opts(s, "nop");	/* and the session goes on */
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Who lost his session still has his bytes until he closes it. */
static void
lost_data_is_not_given_away(int kill_it)
{
	struct vine_session *s, *t;
	vine_data *mine, *d;
	uint64_t lo, hi;
	pid_t pid = 0;

	rig_init(&rig, 4 * RIG_MIB, NULL);
	rig_listen();
	if (kill_it) {
		pid = appliance_process();
	} else {
		rig_serve_on(&rig);
		rig_start(&rig);
	}
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_data_alloc_in(s, RIG_MIB, 0, &mine), 0);
	lo = mine->off;
	hi = lo + RIG_MIB;
	if (kill_it) {
		kill(pid, SIGKILL);
		rig_child_ended(pid);
	} else {
		rig_stop(&rig);
		vine_pipe_exit(rig.pipe);
	}
	rig_serve_on(&rig);
	rig_start(&rig);
	t = rig_attach(&rig);
	while (vine_data_alloc_in(t, 60000, 0, &d) == 0)
		ck_assert_msg(d->off + 60000 <= lo || d->off >= hi,
			      "offset %llu was given to a second session",
			      (unsigned long long)d->off);
	vine_session_close(t);
	vine_session_close(s);
	rig_close(&rig);
}

START_TEST(data_of_a_session_lost_by_a_kill_is_not_given_away)
{
	lost_data_is_not_given_away(1);
}
END_TEST

START_TEST(data_of_a_session_lost_by_a_restart_is_not_given_away)
{
	lost_data_is_not_given_away(0);
}
END_TEST

START_TEST(a_lost_session_closes_soon_when_the_next_appliance_is_there)
{
	struct vine_session *s = NULL;
	uint64_t from;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	ck_assert_int_eq(rig_attach_for(&rig, 8 * SECOND, &s), 0);
	rig_listen();
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	ck_assert_int_eq(vine_life_check(s), -ECONNRESET);
	rig_serve_on(&rig);
	rig_start(&rig);
	from = rig_ns();
	vine_session_close(s);
	ck_assert_msg(rig_ns() - from < 15 * SECOND, "it took %llu ms",
		      (unsigned long long)(rig_ns() - from) / 1000000);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_appliance_that_leaves_fails_tasks_and_calls),
	RIG_CASE(closing_after_the_appliance_left_does_not_wait_for_it),
	RIG_CASE(a_killed_appliance_does_not_leave_a_waiter_hanging),
	RIG_CASE(a_restarted_appliance_ends_what_was_in_flight),
	RIG_CASE(data_of_a_session_lost_by_a_kill_is_not_given_away),
	RIG_CASE(data_of_a_session_lost_by_a_restart_is_not_given_away),
	RIG_CASE(a_lost_session_closes_soon_when_the_next_appliance_is_there),
};

RIG_MAIN("vine_life", cases)
