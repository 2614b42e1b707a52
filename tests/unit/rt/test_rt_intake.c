/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_intake: one suite that each engine runs, over sockets of UNIX and
 * TCP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_intake.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "tests/unit/rt/io.h"

enum { MANY = 700 };

struct scene {
	struct rt_intake intake;
	int listener;
	char text[RT_NET_TEXT];
};

static void
listen_at(struct scene *s, int tcp)
{
	struct rt_net_address a;
	char path[64];

	snprintf(path, sizeof(path), "unix:@vine-test-intake-%d-%d",
		 (int)getpid(), (int)io_engine);
	ck_assert_int_eq(rt_net_announce(tcp ? "tcp:127.0.0.1:0" : path, NULL,
					 &s->listener), 0);
	ck_assert_int_eq(rt_net_local(s->listener, &a), 0);
	rt_net_print(&a, s->text);
	ck_assert_int_eq(rt_intake_open(&s->intake, rt_sched_wait(sched),
					s->listener), 0);
}

static void
end_scene(struct scene *s)
{
	rt_intake_close(&s->intake);
	ck_assert_int_eq(rt_io_close(s->listener), 0);
}

static int
dial(struct scene *s)
{
	int fd;

	ck_assert_int_eq(rt_net_dial(s->text, RT_NEVER, &fd), 0);
	return fd;
}

static void
may_have_files(rlim_t n)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = n < files.rlim_max ? n : files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void
pause_ms(uint64_t ms)
{
	rt_task_delay(rt_sched_now(sched) + ms * 1000000);
}

IO_CASE(connections_come_and_are_as_those_of_accept)
{
	struct scene s;
	char byte;

	for (int tcp = 0; tcp < 2; tcp++) {
		listen_at(&s, tcp);
		for (int i = 0; i < 5; i++) {
			int out = dial(&s);
			int in = rt_intake_next(&s.intake, RT_NEVER);

			ck_assert_int_ge(in, 0);
			ck_assert(fcntl(in, F_GETFL) & O_NONBLOCK);
			ck_assert(fcntl(in, F_GETFD) & FD_CLOEXEC);
			ck_assert_int_eq(rt_io_send(out, "x", 1, 0, RT_NEVER),
					 1);
			ck_assert_int_eq(rt_io_recv(in, &byte, 1, 0, RT_NEVER),
					 1);
			rt_io_close(in);
			rt_io_close(out);
		}
		end_scene(&s);
	}
	return 0;
}

/* More than are taken in ahead, and each is answered. */
IO_CASE(none_of_many_is_lost)
{
	static int out[MANY];
	struct scene s;
	char byte;

	may_have_files(2 * MANY + 100);
	listen_at(&s, 1);
	for (int i = 0; i < MANY; i++)
		out[i] = dial(&s);
	pause_ms(5);
	for (int i = 0; i < MANY; i++) {
		int in = rt_intake_next(&s.intake, RT_NEVER);

		ck_assert_int_ge(in, 0);
		ck_assert_int_eq(rt_io_send(in, "y", 1, 0, RT_NEVER), 1);
		rt_io_close(in);
		if (i % 100 == 0)
			pause_ms(1);
	}
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(rt_io_recv(out[i], &byte, 1, 0, RT_NEVER), 1);
		rt_io_close(out[i]);
	}
	ck_assert_int_eq(rt_intake_next(&s.intake, 0), -ETIMEDOUT);
	end_scene(&s);
	return 0;
}

IO_CASE(connections_that_nobody_asked_for_are_closed)
{
	struct scene s;
	int out[10];
	char byte;

	listen_at(&s, 0);
	for (int i = 0; i < 10; i++)
		out[i] = dial(&s);
	pause_ms(5);
	end_scene(&s);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_le(rt_io_recv(out[i], &byte, 1, 0, RT_NEVER), 0);
		rt_io_close(out[i]);
	}
	return 0;
}

static int
next(void *arg)
{
	return rt_intake_next(arg, RT_NEVER);
}

IO_CASE(a_wait_ends_early_and_loses_none)
{
	struct rt_task *t;
	struct scene s;
	int rc, out;

	listen_at(&s, 0);
	ck_assert_int_eq(rt_intake_next(&s.intake, 0), -ETIMEDOUT);
	t = go_joined(next, &s.intake);
	pause_ms(1);
	ck_assert_int_eq(rt_intake_next(&s.intake, RT_NEVER), -EBUSY);
	pause_ms(1);
	ck_assert_int_eq(rt_io_accept(s.listener, NULL, NULL, RT_NEVER),
			 -EBUSY);
	rt_task_cancel(t);
	ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
	ck_assert_int_eq(rc, -ECANCELED);
	out = dial(&s);
	rc = rt_intake_next(&s.intake, RT_NEVER);
	ck_assert_int_ge(rc, 0);
	rt_io_close(rc);
	rt_io_close(out);
	end_scene(&s);
	return 0;
}

/* A connection to a listener of UNIX, at once. */
static int
connect_here(const struct scene *s)
{
	struct rt_net_address a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rt_net_parse(s->text, &a), 0);
	ck_assert_int_eq(connect(fd, (void *)&a.storage, a.length), 0);
	return fd;
}

/* It is his who was woken for it, though it is not his turn yet. */
IO_CASE(a_connection_that_somebody_waited_for_is_nobody_elses)
{
	struct rt_task *t;
	struct scene s;
	int in, out, early = 0;

	listen_at(&s, 0);
	for (int i = 0; i < 50; i++) {
		t = go_joined(next, &s.intake);
		rt_task_yield();
		out = connect_here(&s);
		while (rt_task_block_of(t))
			rt_task_yield();
		if (s.intake.tail != s.intake.head) {	/* it has not run */
			early++;
			ck_assert_int_eq(rt_intake_next(&s.intake, RT_NEVER),
					 -EBUSY);
		}
		in = join(t);
		ck_assert_int_gt(in, 0);
		rt_io_close(in);
		rt_io_close(out);
	}
	ck_assert_int_gt(early, 0);
	end_scene(&s);
	return 0;
}

/* The kernel counts by the limit of when it was asked to begin. */
IO_CASE(an_error_is_told_and_the_next_call_goes_on)
{
	struct rt_net_address a;
	struct scene s;
	int out, in;

	listen_at(&s, 0);
	out = dial(&s);
	ck_assert_int_ge(in = rt_intake_next(&s.intake, RT_NEVER), 0);
	rt_io_close(in);
	rt_io_close(out);
	rt_intake_close(&s.intake);
	out = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(out, 0);
	may_have_files((rlim_t)out + 1);	/* not one more */
	ck_assert_int_eq(rt_intake_open(&s.intake, rt_sched_wait(sched),
					s.listener), 0);
	ck_assert_int_eq(rt_net_parse(s.text, &a), 0);
	ck_assert_int_eq(rt_io_connect(out, (void *)&a.storage, a.length,
				       RT_NEVER), 0);
	ck_assert_int_eq(rt_intake_next(&s.intake, RT_NEVER), -EMFILE);
	may_have_files(1000);
	ck_assert_int_ge(in = rt_intake_next(&s.intake, RT_NEVER), 0);
	rt_io_close(in);
	rt_io_close(out);
	end_scene(&s);
	return 0;
}

IO_CASE(what_is_no_listener_is_an_error)
{
	struct rt_intake in;
	int fds[2];

	ck_assert_int_eq(rt_intake_open(&in, rt_sched_wait(sched), -1), -EBADF);
	io_pair(fds);
	ck_assert_int_eq(rt_intake_open(&in, rt_sched_wait(sched), fds[0]), 0);
	ck_assert_int_eq(rt_intake_next(&in, RT_NEVER), -EINVAL);
	rt_intake_close(&in);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("intake");

	signal(SIGPIPE, SIG_IGN);
	io_add(tc, connections_come_and_are_as_those_of_accept);
	io_add_all(tc, none_of_many_is_lost);
	io_add_all(tc, connections_that_nobody_asked_for_are_closed);
	io_add_all(tc, a_wait_ends_early_and_loses_none);
	io_add(tc, a_connection_that_somebody_waited_for_is_nobody_elses);
	io_add(tc, an_error_is_told_and_the_next_call_goes_on);
	io_add(tc, what_is_no_listener_is_an_error);
	return tasks_main("rt_intake", tc);
}
