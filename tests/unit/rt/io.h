/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Io: what tests of tasks' I/O share. A case written as a task, IO_CASE(name)
 * {...}, is run for each engine (io_add), or in simulations too (io_add_all),
 * and leaves no operation behind.
 */
#ifndef IO_H
#define IO_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_op.h"
#include "tests/unit/rt/tasks.h"

static enum rt_wait_engine io_engine TASKS_UNUSED;

static TASKS_UNUSED void
io_run(int i, rt_task_fn fn)
{
	struct rt_sched_opts opts = { .engine = i ? RT_WAIT_EPOLL :
						RT_WAIT_URING };
	int rc;

	if (i >= 2) {
		tasks_simulate((uint64_t)i, fn);
		return;
	}
	rc = rt_sched_new(&opts, &sched);
	io_engine = opts.engine;
	if (rc == -ENOSYS && i == 0) {
		printf("skipped: no io_uring with futexes here\n");
		return;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(rt_task_create(sched, fn, NULL, NULL, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_uint_eq(rt_wait_ops(rt_sched_wait(sched)), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}

#define IO_CASE(name) \
	static int name##_task(void *arg); \
	START_TEST(name) \
	{ \
		io_run(_i, name##_task); \
	} \
	END_TEST \
	static int \
	name##_task(TASKS_UNUSED void *arg)

#define io_add(tc, test) tcase_add_loop_test(tc, test, 0, 2)

/* The same, and in simulations by some seeds, of what makes no call itself. */
#define io_add_all(tc, test) tcase_add_loop_test(tc, test, 0, 2 + TASKS_SEEDS)

/* Two ends of a stream, for rt_io. */
static TASKS_UNUSED void
io_pair(int fds[2])
{
	if (rt_sim_node_self()) {
		ck_assert_int_eq(rt_sim_pair(fds), 0);
		return;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0, fds), 0);
}

/* A file without a name, on a disk or in memory. */
static TASKS_UNUSED int
io_file(int in_memory)
{
	static int next;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/vine-test-%d-io-%d", in_memory ?
		 "/dev/shm" : ".", (int)getpid(), next++);
	if (rt_sim_node_self()) {
		fd = rt_io_open(path, O_RDWR | O_CREAT, 0600, RT_NEVER);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(rt_io_unlink(path, RT_NEVER), 0);
		return fd;
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	unlink(path);
	return fd;
}

#endif
