/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_watch: a session's descriptor in poll and epoll. */
#include <poll.h>
#include <sys/epoll.h>

#include "rig.h"

static struct rig rig;
static struct vine_session *s;
static int fd;

static void
begin_idle(void)
{
	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_session_fd(s, &fd), 0);
}

static void
end(void)
{
	vine_session_close(s);
	rig_close(&rig);
}

static int
readable(int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

/* Reap whatever there is, so that the descriptor is quiet: the watch has looked
 * again and sleeps. */
static void
settle(void)
{
	do {
		vine_session_reap(s);
		rig_await_all_asleep();
	} while (readable(0));
}

/* With a queue, and nothing to reap. */
static void
begin(void)
{
	struct vine_task_opts o;

	begin_idle();
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	settle();
}

static vine_task *
issue(const char *proc)
{
	struct vine_task_opts o = rig_opts(s, proc);
	vine_task *task = NULL;

	settle();

	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

START_TEST(the_descriptor_is_one_and_the_same)
{
	int again = -1;

	begin();
	ck_assert_int_eq(vine_session_fd(s, &again), 0);
	ck_assert_int_eq(again, fd);
	ck_assert(!readable(30));
	end();
}
END_TEST

START_TEST(it_is_readable_after_a_completion_until_the_reap)
{
	begin();
	for (int i = 0; i < 20; i++) {
		vine_task *task = issue("nop");

		ck_assert(readable(60000));
		ck_assert(readable(0));		/* level-triggered */
		ck_assert_int_eq(vine_session_reap(s), 1);
		ck_assert_int_eq(vine_task_wait_for(task, 0), 0);
		ck_assert(!readable(0));
		ck_assert_int_eq(vine_session_reap(s), 0);
		vine_task_free(task);
	}
	end();
}
END_TEST

START_TEST(a_task_in_flight_is_not_yet_readable)
{
	vine_task *task;

	begin();
	task = issue("keep");
	ck_assert(!readable(80));
	rig_await(rig.kept_count == 1);
	rig_release(&rig, 0, 0);
	ck_assert(readable(60000));
	ck_assert_int_eq(vine_session_reap(s), 1);
	vine_task_free(task);
	end();
}
END_TEST

static _Atomic uint32_t called;

static void
count(vine_task *task, void *user)
{
	(void)user;
	called++;
	vine_task_free(task);
}

/* finding a procedure is not a task of the application's */
START_TEST(control_work_does_not_make_it_readable)
{
	begin();
	ck_assert(!readable(30));
	rig_proc(s, "nop");
	ck_assert_msg(!readable(30), "readable, and nothing to reap");
	end();
}
END_TEST

START_TEST(an_epoll_loop_sees_every_completion)
{
	struct epoll_event e = { .events = EPOLLIN }, got;
	struct vine_task_opts o;
	uint32_t issued = 0, total = RIG_SANITIZED ? 2000 : 10000;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	begin();
	o = rig_opts(s, "nop");
	o.cb = count;
	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	while (called < total) {
		uint32_t burst = issued % 13 + 1;

		while (burst-- && issued < total) {
			vine_task *task;

			ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
			issued++;
		}
		while (called < issued) {
			ck_assert_int_eq(epoll_wait(ep, &got, 1, 60000), 1);
			ck_assert_int_ge(vine_session_reap(s), 0);
		}
	}
	ck_assert_uint_eq(called, total);
	close(ep);
	end();
}
END_TEST

START_TEST(what_another_thread_took_in_is_signaled_too)
{
	vine_task *task;

	begin();
	task = issue("nop");
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert(readable(60000));
	vine_session_reap(s);
	vine_task_free(task);
	end();
}
END_TEST

/* No queue, nothing to do: no time of a CPU. */
START_TEST(an_idle_watch_costs_nothing)
{
	struct timespec a, b;
	uint64_t used;

	begin_idle();
	rig_nap(100000000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	rig_nap(1000000000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	used = (uint64_t)(b.tv_sec - a.tv_sec) * 1000 +
		(uint64_t)(b.tv_nsec / 1000000) -
		(uint64_t)(a.tv_nsec / 1000000);
	ck_assert_msg(used < 300, "an idle session used %llu ms of 1000",
		      (unsigned long long)used);
	end();
}
END_TEST

/* Who sleeps in epoll must learn that the session is lost. */
START_TEST(a_lost_session_makes_it_readable)
{
	struct vine_task_opts o;
	vine_task *task = NULL;
	int rc, woken;

	begin();
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	while (readable(0))
		vine_session_reap(s);
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	rig.pipe = NULL;
	rc = vine_task_issue_opts(&o, &task);
	woken = readable(60000);
	if (rc == 0) {
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		ck_assert_int_eq(rig_result(task).status,
				 VINE_STATUS_SESSION_LOST);
		vine_task_free(task);
	}
	end();
	ck_assert_msg(woken, "the task ended, the descriptor said nothing");
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(the_descriptor_is_one_and_the_same),
	RIG_CASE(it_is_readable_after_a_completion_until_the_reap),
	RIG_CASE(a_task_in_flight_is_not_yet_readable),
	RIG_CASE(control_work_does_not_make_it_readable),
	RIG_CASE(an_epoll_loop_sees_every_completion),
	RIG_CASE(what_another_thread_took_in_is_signaled_too),
	RIG_CASE(an_idle_watch_costs_nothing),
	RIG_CASE(a_lost_session_makes_it_readable),
};

RIG_MAIN("vine_watch", cases)
