/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_io: one suite that each engine runs, as tasks. What ops do is in
 * test_rt_op.c; here is what a task sees of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "rt/rt_io.h"
#include "tests/unit/rt/io.h"

IO_CASE(tasks_read_and_write_as_if_they_had_threads)
{
	char in[16] = "";
	int fds[2];

	io_pair(fds);
	ck_assert_int_eq(rt_io_write(fds[1], "hello", 5, RT_IO_HERE, RT_NEVER),
			 5);
	ck_assert_int_eq(rt_io_read(fds[0], in, sizeof(in), RT_IO_HERE,
				    RT_NEVER), 5);
	ck_assert_str_eq(in, "hello");
	ck_assert_int_eq(rt_io_send(fds[1], "abc", 3, 0, RT_NEVER), 3);
	ck_assert_int_eq(rt_io_recv(fds[0], in, sizeof(in), MSG_PEEK,
				    RT_NEVER), 3);
	ck_assert_int_eq(rt_io_recv(fds[0], in, 2, 0, RT_NEVER), 2);
	ck_assert_int_eq(rt_io_poll(fds[0], POLLIN, RT_NEVER), POLLIN);
	ck_assert_int_eq(rt_io_close(fds[1]), 0);
	ck_assert_int_eq(rt_io_read(fds[0], in, sizeof(in), RT_IO_HERE,
				    RT_NEVER), 1);
	ck_assert_int_eq(rt_io_read(fds[0], in, sizeof(in), RT_IO_HERE,
				    RT_NEVER), 0);
	ck_assert_int_eq(rt_io_close(fds[0]), 0);
	ck_assert_int_eq(rt_io_close(fds[0]), -EBADF);
	return 0;
}

/* --- all of it ------------------------------------------------------------ */

#define BIG (4u << 20)

static char big[BIG], back[BIG];

static int
write_big(void *arg)
{
	int fd = *(int *)arg;
	int rc = rt_io_write_all(fd, big, BIG, RT_IO_HERE, RT_NEVER);

	rt_io_close(fd);
	return rc;
}

IO_CASE(all_is_read_and_written_however_small_the_parts)
{
	struct rt_task *writer;
	int fds[2];

	for (uint32_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 31 + i / 4096);
	for (int kind = 0; kind < 2; kind++) {
		if (kind)
			io_pair(fds);
		else
			ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
		writer = go_joined(write_big, &fds[1]);
		memset(back, 0, BIG);
		ck_assert_int_eq(rt_io_read_all(fds[0], back, BIG, RT_IO_HERE,
						RT_NEVER), 0);
		ck_assert_int_eq(memcmp(big, back, BIG), 0);
		ck_assert_int_eq(join(writer), 0);
		ck_assert_int_eq(rt_io_read_all(fds[0], back, 1, RT_IO_HERE,
						RT_NEVER), -ENODATA);
		rt_io_close(fds[0]);
	}
	return 0;
}

static struct iovec *
cut(char *from, uint32_t count)
{
	struct iovec *pieces = calloc(count, sizeof(*pieces));
	uint64_t at = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t end = i + 1 == count ? BIG :
			(uint64_t)BIG * (i + 1) / count;

		pieces[i] = (struct iovec){ from + at, end - at };
		at = end;
	}
	return pieces;
}

static int
write_pieces(void *arg)
{
	struct iovec *pieces = cut(big, 3000);
	int rc = rt_io_writev_all(*(int *)arg, pieces, 3000, RT_IO_HERE,
				  RT_NEVER);

	free(pieces);
	return rc;
}

IO_CASE(lists_of_any_length_go_to_streams_and_files)
{
	struct iovec *pieces = cut(back, 2500);
	struct rt_task *writer;
	int fds[2], fd = io_file(0);

	io_pair(fds);
	for (uint32_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 512);
	writer = go_joined(write_pieces, &fds[1]);
	ck_assert_int_eq(rt_io_readv_all(fds[0], pieces, 2500, RT_IO_HERE,
					 RT_NEVER), 0);
	ck_assert_int_eq(memcmp(big, back, BIG), 0);
	ck_assert_int_eq(join(writer), 0);
	free(pieces);
	pieces = cut(big, 5000);
	ck_assert_int_eq(rt_io_writev_all(fd, pieces, 5000, 4096, RT_NEVER), 0);
	free(pieces);
	ck_assert_int_eq(rt_io_fdatasync(fd, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	memset(back, 0, BIG);
	ck_assert_int_eq(rt_io_read_all(fd, back, BIG, 4096, RT_NEVER), 0);
	ck_assert_int_eq(memcmp(big, back, BIG), 0);
	pieces = cut(back, 77);
	ck_assert_int_eq(rt_io_readv_all(fd, pieces, 77, 4097, RT_NEVER),
			 -ENODATA);
	free(pieces);
	ck_assert_int_eq(rt_io_write_all(fd, "x", 1, 0, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_close(fd), 0);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	return 0;
}

/* --- every way to wait ---------------------------------------------------- */

/* What one can wait for in vain. */
struct fixture {
	int p[2];		/* a pipe: nothing comes, nothing fits */
	int u[2];		/* u[0]: nothing comes, nothing fits */
	int spare[2];		/* a pipe for splices; holds a byte */
	int empty[2];		/* another */
	int listener;		/* nobody comes */
	int full;		/* one where nobody gets in */
	int held[8];
	struct sockaddr_in full_address;
};

static int
listener_of(int backlog, struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(fd, (void *)a, sizeof(*a)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, (void *)a, &n), 0);
	return fd;
}

static void
set_up(struct fixture *f)
{
	struct sockaddr_in a;

	ck_assert_int_eq(pipe2(f->p, O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(f->spare, O_NONBLOCK), 0);
	ck_assert_int_eq(pipe2(f->empty, O_NONBLOCK), 0);
	ck_assert_int_eq(write(f->spare[1], "x", 1), 1);
	io_pair(f->u);
	while (write(f->p[1], big, BIG) > 0)
		;
	while (write(f->u[0], big, BIG) > 0)
		;
	f->listener = listener_of(8, &a);
	f->full = listener_of(0, &f->full_address);
	for (int i = 0; i < 8; i++) {
		f->held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(f->held[i], (void *)&f->full_address,
			      sizeof(f->full_address));
	}
}

static void
tear_down(struct fixture *f)
{
	const int fds[] = { f->p[0], f->p[1], f->u[0], f->u[1], f->spare[0],
			    f->spare[1], f->empty[0], f->empty[1], f->listener,
			    f->full };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		ck_assert_int_eq(rt_io_close(fds[i]), 0);
	for (int i = 0; i < 8; i++)
		close(f->held[i]);
}

typedef int64_t (*io_wait)(struct fixture *f, uint64_t deadline);

static char byte;
static struct iovec one = { &byte, 1 };

static int64_t
wait_read(struct fixture *f, uint64_t deadline)
{
	return rt_io_read(f->u[0], &byte, 1, RT_IO_HERE, deadline);
}

static int64_t
wait_readv(struct fixture *f, uint64_t deadline)
{
	return rt_io_readv(f->u[0], &one, 1, RT_IO_HERE, deadline);
}

static int64_t
wait_read_all(struct fixture *f, uint64_t deadline)
{
	return rt_io_read_all(f->u[0], &byte, 1, RT_IO_HERE, deadline);
}

static int64_t
wait_write(struct fixture *f, uint64_t deadline)
{
	return rt_io_write(f->p[1], &byte, 1, RT_IO_HERE, deadline);
}

static int64_t
wait_writev_all(struct fixture *f, uint64_t deadline)
{
	struct iovec v = one;

	return rt_io_writev_all(f->p[1], &v, 1, RT_IO_HERE, deadline);
}

static int64_t
wait_recv(struct fixture *f, uint64_t deadline)
{
	return rt_io_recv(f->u[0], &byte, 1, 0, deadline);
}

static int64_t
wait_send(struct fixture *f, uint64_t deadline)
{
	return rt_io_send(f->u[0], &byte, 1, 0, deadline);
}

static int64_t
wait_recvmsg(struct fixture *f, uint64_t deadline)
{
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	return rt_io_recvmsg(f->u[0], &m, 0, deadline);
}

static int64_t
wait_sendmsg(struct fixture *f, uint64_t deadline)
{
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1 };

	return rt_io_sendmsg(f->u[0], &m, 0, deadline);
}

static int64_t
wait_accept(struct fixture *f, uint64_t deadline)
{
	return rt_io_accept(f->listener, NULL, NULL, deadline);
}

static int64_t
wait_connect(struct fixture *f, uint64_t deadline)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int64_t rc = rt_io_connect(fd, (void *)&f->full_address,
				   sizeof(f->full_address), deadline);

	rt_io_close(fd);
	return rc;
}

static int64_t
wait_poll(struct fixture *f, uint64_t deadline)
{
	return rt_io_poll(f->u[0], POLLIN, deadline);
}

static int64_t
wait_pull(struct fixture *f, uint64_t deadline)
{
	return rt_io_pull(f->u[0], f->empty[1], 10, RT_IO_HERE, deadline);
}

static int64_t
wait_push(struct fixture *f, uint64_t deadline)
{
	return rt_io_push(f->p[1], f->spare[0], 10, RT_IO_HERE, deadline);
}

static const struct {
	const char *name;
	io_wait wait;
	int at;			/* of the fixture's: u[0], p[1], the listener */
} waits[] = {
	{ "read", wait_read, 0 },
	{ "readv", wait_readv, 0 },
	{ "read_all", wait_read_all, 0 },
	{ "write", wait_write, 1 },
	{ "writev_all", wait_writev_all, 1 },
	{ "recv", wait_recv, 0 },
	{ "send", wait_send, 0 },
	{ "recvmsg", wait_recvmsg, 0 },
	{ "sendmsg", wait_sendmsg, 0 },
	{ "accept", wait_accept, 2 },
	{ "connect", wait_connect, 3 },
	{ "poll", wait_poll, 0 },
	{ "pull", wait_pull, 0 },
	{ "push", wait_push, 1 },
};

#define WAITS (sizeof(waits) / sizeof(waits[0]))

IO_CASE(every_call_that_waits_has_a_deadline)
{
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < WAITS; i++) {
		uint64_t until = in_ms(5);
		int64_t rc = waits[i].wait(&f, until);

		ck_assert_msg(rc == -ETIMEDOUT, "%s: %d", waits[i].name,
			      (int)rc);
		ck_assert_msg(rt_sched_now(sched) >= until, "%s",
			      waits[i].name);
		rc = waits[i].wait(&f, 0);
		ck_assert_msg(rc == -ETIMEDOUT, "%s, at once: %d",
			      waits[i].name, (int)rc);
	}
	tear_down(&f);
	return 0;
}

struct waiter {
	struct fixture *f;
	size_t i;
	int64_t rc;
	int ended;
};

static int
wait_it(void *arg)
{
	struct waiter *w = arg;

	w->rc = waits[w->i].wait(w->f, RT_NEVER);
	w->ended = 1;
	return 0;
}

IO_CASE(every_call_that_waits_can_be_cancelled)
{
	struct fixture f;

	set_up(&f);
	/* while it waits; before it begins to; and in the sleep of all */
	for (size_t i = 0; i < WAITS * 3; i++) {
		struct waiter w = { .f = &f, .i = i % WAITS };
		struct rt_task *task = go_joined(wait_it, &w);

		if (i / WAITS != 1)
			settle();
		if (i / WAITS == 2)
			rt_task_delay(in_ms(2));
		ck_assert_int_eq(w.ended, 0);
		rt_task_cancel(task);
		join(task);
		ck_assert_msg(w.rc == -ECANCELED, "%s: %d", waits[w.i].name,
			      (int)w.rc);
	}
	tear_down(&f);
	return 0;
}

IO_CASE(a_call_ends_when_another_task_closes_what_it_waits_for)
{
	for (size_t i = 0; i < WAITS; i++) {
		struct fixture f;
		struct waiter w = { .f = &f, .i = i };
		struct rt_task *task;
		int *fd;

		if (waits[i].at == 3)	/* closes its own */
			continue;
		set_up(&f);
		fd = waits[i].at == 0 ? &f.u[0] : waits[i].at == 1 ? &f.p[1] :
			&f.listener;
		task = go_joined(wait_it, &w);
		settle();
		if (i % 2)
			rt_task_delay(in_ms(1));
		ck_assert_int_eq(rt_io_close(*fd), 0);
		join(task);
		ck_assert_msg(w.rc == -EBADF, "%s: %d", waits[i].name,
			      (int)w.rc);
		*fd = open("/dev/null", O_RDONLY);
		tear_down(&f);
	}
	return 0;
}

IO_CASE(a_second_reader_or_writer_is_told_at_once)
{
	struct fixture f;
	struct waiter reader = { .f = &f, .i = 0 };
	struct waiter writer = { .f = &f, .i = 6 };
	struct rt_task *tasks[2];

	set_up(&f);
	tasks[0] = go_joined(wait_it, &reader);
	tasks[1] = go_joined(wait_it, &writer);
	settle();
	ck_assert_int_eq(wait_recv(&f, RT_NEVER), -EBUSY);
	ck_assert_int_eq(wait_send(&f, RT_NEVER), -EBUSY);
	ck_assert_int_eq(wait_poll(&f, RT_NEVER), -EBUSY);
	/* even where it could be done: it is the first one's */
	ck_assert_int_eq(write(f.u[1], "z", 1), 1);
	ck_assert_int_eq(wait_recvmsg(&f, 0), -EBUSY);
	join(tasks[0]);
	ck_assert_int_eq(reader.rc, 1);
	ck_assert_int_eq(byte, 'z');
	rt_task_cancel(tasks[1]);
	join(tasks[1]);
	tear_down(&f);
	return 0;
}

IO_CASE(what_is_there_is_taken_though_the_deadline_has_passed)
{
	struct fixture f;

	set_up(&f);
	ck_assert_int_eq(write(f.u[1], "ab", 2), 2);
	ck_assert_int_eq(wait_recv(&f, 0), 1);
	ck_assert_int_eq(byte, 'a');
	ck_assert_int_eq(wait_read(&f, rt_sched_now(sched)), 1);
	ck_assert_int_eq(byte, 'b');
	while (read(f.p[0], back, BIG) > 0)
		;
	ck_assert_int_eq(wait_write(&f, 0), 1);
	tear_down(&f);
	return 0;
}

/* What a task does when it has been cancelled, though nothing has to wait. */
struct after_cancel {
	int fds[2];		/* there is a byte in the first, room in both */
	int64_t got, sent, synced, held;
	int closed;
};

static int
go_on_cancelled(void *arg)
{
	struct after_cancel *a = arg;
	char byte_in;

	rt_task_cancel(rt_task_self());
	a->got = rt_io_recv(a->fds[0], &byte_in, 1, 0, RT_NEVER);
	a->sent = rt_io_send(a->fds[0], "x", 1, 0, RT_NEVER);
	a->synced = rt_io_fsync(a->fds[1], RT_NEVER);
	rt_task_hold_cancel();
	a->held = rt_io_send(a->fds[0], "y", 1, 0, RT_NEVER);
	rt_task_let_cancel();
	a->closed = rt_io_close(a->fds[1]);
	return 0;
}

/* Else one whose calls never have to wait would not end by a cancel. */
IO_CASE(a_cancelled_task_moves_no_more_bytes_and_can_close)
{
	struct after_cancel a;
	char bytes[2];
	int fds[2];

	io_pair(fds);
	a.fds[0] = fds[0];
	a.fds[1] = io_file(1);
	ck_assert_int_eq(rt_io_send(fds[1], "a", 1, 0, RT_NEVER), 1);
	join(go_joined(go_on_cancelled, &a));
	ck_assert_int_eq(a.got, -ECANCELED);
	ck_assert_int_eq(a.sent, -ECANCELED);
	ck_assert_int_eq(a.synced, -ECANCELED);
	ck_assert_int_eq(a.held, 1);
	ck_assert_int_eq(a.closed, 0);
	ck_assert_int_eq(rt_io_recv(fds[0], bytes, 2, 0, RT_NEVER), 1);
	ck_assert_int_eq(bytes[0], 'a');
	ck_assert_int_eq(rt_io_recv(fds[1], bytes, 2, 0, RT_NEVER), 1);
	ck_assert_int_eq(bytes[0], 'y');
	ck_assert_int_eq(rt_io_close(fds[0]), 0);
	ck_assert_int_eq(rt_io_close(fds[1]), 0);
	return 0;
}

/* A peer that has stopped sending, or has gone, is no POLLIN of its own. */
IO_CASE(a_poll_waits_for_any_event_and_for_none_but_what_goes_wrong)
{
	int fds[2];

	io_pair(fds);
	ck_assert_int_eq(rt_io_poll(fds[0], POLLRDHUP, in_ms(2)), -ETIMEDOUT);
	ck_assert_int_eq(rt_io_poll(fds[0], 0, in_ms(2)), -ETIMEDOUT);
	ck_assert_int_eq(shutdown(fds[1], SHUT_WR), 0);
	ck_assert_int_eq(rt_io_poll(fds[0], POLLRDHUP, RT_NEVER), POLLRDHUP);
	ck_assert_int_eq(rt_io_poll(fds[0], 0, in_ms(2)), -ETIMEDOUT);
	ck_assert_int_eq(rt_io_close(fds[1]), 0);
	ck_assert_int_eq(rt_io_poll(fds[0], 0, RT_NEVER), POLLHUP);
	ck_assert_int_eq(rt_io_close(fds[0]), 0);
	return 0;
}

/* --- among others --------------------------------------------------------- */

static _Atomic uint32_t turns;

static int
count_turns(void *arg)
{
	const int *stop = arg;

	while (!*stop) {
		turns++;
		if (rt_task_yield() != 0)
			break;
	}
	return 0;
}

IO_CASE(a_task_that_never_has_to_wait_lets_others_run)
{
	int fds[2], stop = 0;
	struct rt_task *other = go_joined(count_turns, &stop);

	io_pair(fds);
	turns = 0;
	for (int i = 0; i < 50 * VINE_RT_IN_A_ROW; i++) {
		ck_assert_int_eq(rt_io_send(fds[0], "x", 1, 0, RT_NEVER), 1);
		ck_assert_int_eq(rt_io_recv(fds[1], &byte, 1, 0, RT_NEVER), 1);
	}
	ck_assert_uint_ge(turns, 40);
	stop = 1;
	join(other);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	return 0;
}

/* How many connections a listener has that nobody has accepted. A connect
 * returns before the kernel has put it there. */
static uint32_t
in_queue(int listener)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	ck_assert_int_eq(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info,
				    &size), 0);
	if (getenv("VINE_EMULATED"))
		return VINE_RT_ACCEPTS;	/* qemu passes on an int of it */
	return info.tcpi_unacked;
}

/*
 * Whoever sends and receives has its turn each time; connections that wait are
 * taken in first, so many as may be.
 */
IO_CASE(connections_that_wait_are_taken_in_before_others_run)
{
	struct sockaddr_in a;
	int fds[VINE_RT_ACCEPTS], stop = 0;
	int listener = listener_of(VINE_RT_ACCEPTS, &a);
	struct rt_task *other = go_joined(count_turns, &stop);

	for (int i = 0; i < VINE_RT_ACCEPTS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(fds[i], (void *)&a, sizeof(a)), 0);
	}
	while (in_queue(listener) < VINE_RT_ACCEPTS)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	rt_task_yield();
	turns = 0;
	for (int i = 0; i < VINE_RT_ACCEPTS; i++) {
		int fd = rt_io_accept(listener, NULL, NULL, RT_NEVER);

		ck_assert_int_ge(fd, 0);
		close(fd);
	}
	ck_assert_uint_le(turns, 1);
	stop = 1;
	join(other);
	for (int i = 0; i < VINE_RT_ACCEPTS; i++)
		close(fds[i]);
	rt_io_close(listener);
	return 0;
}

/*
 * A socket that has room, to one that has none: it is writable and takes
 * nothing. Then the kernel's own threads wait for it.
 */
IO_CASE(a_send_that_is_writable_and_waits_has_a_deadline)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof(to) };
	struct iovec piece = { &byte, 1 };
	int from, at;

	snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "vine-test-%d-%d",
		 (int)getpid(), (int)io_engine);
	message.msg_iov = &piece;
	message.msg_iovlen = 1;
	at = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	from = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(at, (void *)&to, sizeof(to)), 0);
	while (sendmsg(from, &message, 0) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(rt_io_sendmsg(from, &message, 0, in_ms(50)),
			 -ETIMEDOUT);
	rt_io_close(from);
	rt_io_close(at);
	return 0;
}

static int64_t
slow(void *arg)
{
	struct timespec t = { 0, 20000000 };

	nanosleep(&t, NULL);
	return *(int *)arg;
}

/* It ends when another task has had its turns, in a minute at most. */
static int64_t
until_turns(void *arg)
{
	struct timespec t = { 0, 1000000 };

	for (int i = 0; i < 60000 && turns <= 10; i++)
		nanosleep(&t, NULL);
	return *(int *)arg;
}

static _Atomic int begun;

static int64_t
slow_begun(void *arg)
{
	begun = 1;
	return slow(arg);
}

IO_CASE(a_call_that_blocks_does_not_hold_the_others_up)
{
	int stop = 0, value = 42;
	int64_t rc;
	struct rt_task *other = go_joined(count_turns, &stop);

	turns = 0;
	if (rt_sim_node_self())		/* where a call takes a time by itself */
		ck_assert_int_eq(rt_io_call(slow, &value, RT_NEVER), 42);
	else
		ck_assert_int_eq(rt_io_call(until_turns, &value, RT_NEVER), 42);
	ck_assert_uint_gt(turns, 10);
	value = -EDOM;
	ck_assert_int_eq(rt_io_call(slow, &value, RT_NEVER), -EDOM);
	/* one that has begun is waited for; a busy machine may not begin it */
	value = 7;
	do
		rc = rt_io_call(slow_begun, &value, in_ms(5));
	while (rc == -ETIMEDOUT && !begun);
	ck_assert_int_eq(rc, 7);
	stop = 1;
	join(other);
	return 0;
}

#define ECHOES 200
#define ROUNDS (TASKS_SANITIZED ? 20 : 200)

static int
echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[64];
	int64_t n;

	while ((n = rt_io_recv(fd, bytes, sizeof(bytes), 0, RT_NEVER)) > 0)
		if (rt_io_write_all(fd, bytes, (size_t)n, RT_IO_HERE,
				    RT_NEVER) != 0)
			break;
	rt_io_close(fd);
	return (int)n;
}

static int
ask(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char out[32], in[32];

	for (int i = 0; i < ROUNDS; i++) {
		memset(out, i + fd, sizeof(out));
		if (rt_io_write_all(fd, out, sizeof(out), RT_IO_HERE,
				    RT_NEVER) ||
		    rt_io_read_all(fd, in, sizeof(in), RT_IO_HERE, RT_NEVER) ||
		    memcmp(in, out, sizeof(in)) != 0)
			return -1;
	}
	rt_io_close(fd);
	return ROUNDS;
}

IO_CASE(many_tasks_talk_at_a_time)
{
	static struct rt_task *asking[ECHOES], *answering[ECHOES];
	int fds[2];

	for (int i = 0; i < ECHOES; i++) {
		io_pair(fds);
		asking[i] = go_joined(ask, (void *)(intptr_t)fds[0]);
		answering[i] = go_joined(echo, (void *)(intptr_t)fds[1]);
	}
	for (int i = 0; i < ECHOES; i++) {
		ck_assert_int_eq(join(asking[i]), ROUNDS);
		ck_assert_int_eq(join(answering[i]), 0);
	}
	return 0;
}

/* Another scheduler in another thread. */
static void *
other_thread(void *arg)
{
	struct rt_sched_opts opts = { .engine = io_engine };
	struct rt_sched *other;
	int rc = rt_sched_new(&opts, &other);

	if (rc == 0)
		rc = rt_task_create(other, echo, arg, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(other);
	if (rc == 0)
		rc = rt_sched_free(other);
	return (void *)(intptr_t)rc;
}

IO_CASE(tasks_of_two_threads_talk)
{
	pthread_t thread;
	int fds[2];
	void *rc;

	io_pair(fds);
	pthread_create(&thread, NULL, other_thread, (void *)(intptr_t)fds[1]);
	ck_assert_int_eq(ask((void *)(intptr_t)fds[0]), ROUNDS);
	pthread_join(thread, &rc);
	ck_assert_ptr_null(rc);
	return 0;
}

/* Any engine: helpers carry it out, or the world does. */
IO_CASE(files_are_made_sized_renamed_and_removed)
{
	char a[64], b[64], bytes[8] = { 0 };
	int fd;

	snprintf(a, sizeof(a), "./vine-test-%d-%d-a", (int)getpid(), io_engine);
	snprintf(b, sizeof(b), "./vine-test-%d-%d-b", (int)getpid(), io_engine);
	ck_assert_int_eq(rt_io_open(a, O_RDWR, 0, RT_NEVER), -ENOENT);
	fd = rt_io_open(a, O_RDWR | O_CREAT | O_EXCL, 0600, RT_NEVER);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rt_io_open(a, O_CREAT | O_EXCL, 0600, RT_NEVER),
			 -EEXIST);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_write_all(fd, "abcdefgh", 8, 0, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 8);
	ck_assert_int_eq(rt_io_truncate(fd, 3, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_truncate(fd, -1, RT_NEVER), -EINVAL);
	ck_assert_int_eq(rt_io_allocate(fd, 0, 0, 8192, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_allocate(fd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, 2, RT_NEVER),
			 0);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 8192);
	ck_assert_int_eq(rt_io_read_all(fd, bytes, 8, 0, RT_NEVER), 0);
	ck_assert_mem_eq(bytes, "\0\0c\0\0\0\0", 8);
	ck_assert_int_eq(rt_io_fsync(fd, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_rename(a, b, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_rename(a, b, RT_NEVER), -ENOENT);
	ck_assert_int_eq(rt_io_sync_dir(".", RT_NEVER), 0);
	ck_assert_int_eq(rt_io_close(fd), 0);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), -EBADF);
	fd = rt_io_open(b, O_RDONLY, 0, RT_NEVER);
	ck_assert_int_eq(rt_io_size(fd, RT_NEVER), 8192);
	ck_assert_int_eq(rt_io_close(fd), 0);
	ck_assert_int_eq(rt_io_unlink(b, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_unlink(b, RT_NEVER), -ENOENT);
	return 0;
}

START_TEST(outside_of_a_task_there_is_no_io)
{
	ck_assert_int_eq(rt_io_read(0, &byte, 1, RT_IO_HERE, 0), -EPERM);
	ck_assert_int_eq(rt_io_close(0), -EPERM);
	ck_assert_int_eq(rt_io_call(slow, NULL, 0), -EPERM);
}
END_TEST

/* A scheduler that is freed ends what its tasks wait for. */
START_TEST(a_scheduler_ends_the_io_of_its_tasks)
{
	struct rt_sched_opts opts = { .engine = _i ? RT_WAIT_EPOLL :
						RT_WAIT_AUTO };
	struct rt_sched *s;
	int fds[2];

	io_pair(fds);
	ck_assert_int_eq(rt_sched_new(&opts, &s), 0);
	ck_assert_int_eq(rt_sched_enter(s), 0);
	ck_assert_int_eq(rt_task_create(s, echo, (void *)(intptr_t)fds[0],
					NULL, NULL), 0);
	while (rt_sched_step(s, 10))
		;
	ck_assert_uint_eq(rt_wait_ops(rt_sched_wait(s)), 1);
	ck_assert_int_eq(rt_sched_free(s), 0);
	ck_assert_int_eq(read(fds[1], &byte, 1), 0);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("io");

	io_add_all(tc, tasks_read_and_write_as_if_they_had_threads);
	io_add(tc, all_is_read_and_written_however_small_the_parts);
	io_add_all(tc, lists_of_any_length_go_to_streams_and_files);
	io_add(tc, every_call_that_waits_has_a_deadline);
	io_add(tc, every_call_that_waits_can_be_cancelled);
	io_add(tc, a_call_ends_when_another_task_closes_what_it_waits_for);
	io_add(tc, a_second_reader_or_writer_is_told_at_once);
	io_add(tc, what_is_there_is_taken_though_the_deadline_has_passed);
	io_add_all(tc, a_cancelled_task_moves_no_more_bytes_and_can_close);
	io_add(tc, a_poll_waits_for_any_event_and_for_none_but_what_goes_wrong);
	io_add_all(tc, a_task_that_never_has_to_wait_lets_others_run);
	io_add(tc, connections_that_wait_are_taken_in_before_others_run);
	io_add(tc, a_send_that_is_writable_and_waits_has_a_deadline);
	io_add_all(tc, a_call_that_blocks_does_not_hold_the_others_up);
	io_add_all(tc, files_are_made_sized_renamed_and_removed);
	io_add_all(tc, many_tasks_talk_at_a_time);
	io_add(tc, tasks_of_two_threads_talk);
	io_add(tc, a_scheduler_ends_the_io_of_its_tasks);
	tcase_add_test(tc, outside_of_a_task_there_is_no_io);
	return tasks_main("rt_io", tc);
}
