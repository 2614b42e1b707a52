/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of SIGPIPE: whatever a task writes to a stream that nobody reads fails
 * with EPIPE and ends nobody; and the thread's mask and what is pending are
 * afterwards as they were. The program leaves the signal at its default.
 */
#include <pthread.h>
#include <signal.h>

#include "rt/rt_io.h"
#include "rt/rt_move.h"
#include "tests/unit/rt/io.h"

static uint64_t rings;

static void
count(int sig)
{
	(void)sig;
	rings++;
}

static int
is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE);
}

static int
is_blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, SIGPIPE);
}

static int64_t
write_by_helper(void *arg)
{
	return write(*(int *)arg, "x", 1) == 1 ? 1 : -errno;
}

/* A stream without a reader, a socket or a pipe. */
static int
widow(int of_pipe)
{
	int fds[2];

	if (of_pipe)
		ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	else
		io_pair(fds);
	close(fds[0]);
	return fds[1];
}

static void
write_to_nobody(int fd)
{
	const struct iovec piece = { "piece", 5 };
	struct iovec left = piece;
	char text[] = "text";

	ck_assert_int_eq(rt_io_write(fd, text, 4, RT_IO_HERE, RT_NEVER),
			 -EPIPE);
	ck_assert_int_eq(rt_io_writev(fd, &piece, 1, RT_IO_HERE, RT_NEVER),
			 -EPIPE);
	ck_assert_int_eq(rt_io_write_all(fd, text, 4, RT_IO_HERE, RT_NEVER),
			 -EPIPE);
	ck_assert_int_eq(rt_io_writev_all(fd, &left, 1, RT_IO_HERE, RT_NEVER),
			 -EPIPE);
	ck_assert_int_eq(rt_io_call(write_by_helper, &fd, RT_NEVER), -EPIPE);
}

IO_CASE(who_writes_where_nobody_reads_is_told_and_goes_on)
{
	int file = io_file(0), fd;

	ck_assert_int_eq(rt_io_write(file, "text", 4, 0, RT_NEVER), 4);
	for (int of_pipe = 0; of_pipe < 2; of_pipe++) {
		fd = widow(of_pipe);
		write_to_nobody(fd);
		ck_assert_int_eq(rt_move(file, 0, fd, RT_IO_HERE, 4, RT_NEVER),
				 -EPIPE);
		ck_assert_int_eq(rt_io_close(fd), 0);
	}
	return rt_io_close(file);
}

/* It has to wait first, then its reader goes. */
static int
write_much(void *arg)
{
	static const char much[1 << 20];

	return rt_io_write_all(*(int *)arg, much, sizeof(much), RT_IO_HERE,
			       RT_NEVER);
}

IO_CASE(who_waits_to_write_when_the_reader_goes_is_told)
{
	struct rt_task *task;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	task = go_joined(write_much, &fds[1]);
	ck_assert_int_eq(rt_task_delay(in_ms(5)), 0);
	close(fds[0]);
	ck_assert_int_eq(join(task), -EPIPE);
	return rt_io_close(fds[1]);
}

IO_CASE(no_handler_of_the_program_is_called)
{
	int fd = widow(1);

	signal(SIGPIPE, count);
	write_to_nobody(fd);
	ck_assert_uint_eq(rings, 0);
	return rt_io_close(fd);
}

START_TEST(a_thread_that_leaves_has_its_mask_and_no_signal_of_ours)
{
	struct rt_sched *s;

	signal(SIGPIPE, count);
	ck_assert_int_eq(rt_sched_new(NULL, &s), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(rt_sched_enter(s), 0);
		ck_assert(is_blocked());
		raise(SIGPIPE);
		ck_assert(is_pending());
		rt_sched_leave(s);
		ck_assert(!is_blocked());
		ck_assert(!is_pending());
		ck_assert_uint_eq(rings, 0);
	}
	raise(SIGPIPE);
	ck_assert_uint_eq(rings, 1);
	ck_assert_int_eq(rt_sched_free(s), 0);
}
END_TEST

START_TEST(a_thread_that_had_it_blocked_keeps_it_and_what_is_pending)
{
	struct rt_sched *s;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	ck_assert_int_eq(rt_sched_new(NULL, &s), 0);
	ck_assert_int_eq(rt_sched_enter(s), 0);
	rt_sched_leave(s);
	ck_assert(is_blocked());
	ck_assert(is_pending());
	ck_assert_int_eq(rt_sched_free(s), 0);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("sigpipe");

	signal(SIGPIPE, SIG_DFL);
	io_add(tc, who_writes_where_nobody_reads_is_told_and_goes_on);
	io_add(tc, who_waits_to_write_when_the_reader_goes_is_told);
	io_add(tc, no_handler_of_the_program_is_called);
	tcase_add_test(tc,
		a_thread_that_leaves_has_its_mask_and_no_signal_of_ours);
	tcase_add_test(tc,
		a_thread_that_had_it_blocked_keeps_it_and_what_is_pending);
	return tasks_main("rt_sigpipe", tc);
}
