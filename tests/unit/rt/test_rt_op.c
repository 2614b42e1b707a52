/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_op: one suite that each engine runs, over sockets, pipes and
 * files of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "../core/rig.h"
#include "core/vine_limits.h"
#include "rt/rt_op.h"
#include "rt/rt_wait.h"

#define MS UINT64_C(1000000)
#define LONG (50 * SECOND)
#define MANY 3000

static struct rt_wait *w;

/* An op and what became of it. */
struct job {
	struct rt_op op;
	uint32_t calls;
	int64_t result;
};

static void
note(struct rt_op *op, int64_t result)
{
	struct job *job = op->user;

	job->calls++;
	job->result = result;
}

/* Engine _i; returns 0 where the kernel does not have it. */
static int
begin(int i)
{
	enum rt_wait_engine engine = i ? RT_WAIT_EPOLL : RT_WAIT_URING;
	int rc = rt_wait_new(engine, &w);

	signal(SIGPIPE, SIG_IGN);
	if (rc == -ENOSYS && engine == RT_WAIT_URING) {
		printf("skipped: no io_uring with futexes here\n");
		return 0;
	}
	ck_assert_int_eq(rc, 0);
	return 1;
}

static void
end(void)
{
	ck_assert_uint_eq(rt_wait_ops(w), 0);
	rt_wait_free(w);
}

static struct job
job_of(enum rt_op_kind kind, int fd, void *data, size_t length)
{
	return (struct job){ .op = {
		.done = note, .kind = kind, .fd = fd, .data = data,
		.length = length, .offset = RT_OP_HERE,
	} };
}

static int
submit(struct job *job)
{
	job->op.user = job;
	job->calls = 0;
	return rt_wait_submit(w, &job->op);
}

/* Sleep until a job has ended. */
static int64_t
await(struct job *job)
{
	uint64_t give_up = rig_ns() + LONG;

	while (job->calls == 0) {
		ck_assert_uint_lt(rig_ns(), give_up);
		rt_wait_sleep(w, NULL, 0, LONG);
	}
	ck_assert_uint_eq(job->calls, 1);
	return job->result;
}

static int64_t
run(struct job job)
{
	ck_assert_int_eq(submit(&job), 0);
	return await(&job);
}

/* Whatever is going to happen by itself has happened. */
static void
settle(void)
{
	for (int i = 0; i < 5; i++)
		rt_wait_sleep(w, NULL, 0, 2 * MS);
}

/* --- streams ----------------------------------------------------------- */

enum { UNIX_PAIR, PIPE, TCP_PAIR, UDP_PAIR, STREAMS };

static struct sockaddr_in
loopback(int fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	if (fd >= 0)
		ck_assert_int_eq(getsockname(fd, (void *)&a, &n), 0);
	return a;
}

static int
bound(int type)
{
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = loopback(-1);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

/* fds[0] is read, fds[1] written. */
static void
tcp_pair(int fds[2])
{
	int listener = bound(SOCK_STREAM);
	struct sockaddr_in a;

	ck_assert_int_eq(listen(listener, 1), 0);
	a = loopback(listener);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fds[1], (void *)&a, sizeof(a)), 0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	rig_await((fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	close(listener);
}

static void
stream(int kind, int fds[2])
{
	struct sockaddr_in a;

	if (kind == UNIX_PAIR) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM |
					    SOCK_NONBLOCK, 0, fds), 0);
	} else if (kind == PIPE) {
		ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	} else if (kind == TCP_PAIR) {
		tcp_pair(fds);
	} else {
		fds[0] = bound(SOCK_DGRAM);
		fds[1] = bound(SOCK_DGRAM);
		a = loopback(fds[0]);
		ck_assert_int_eq(connect(fds[1], (void *)&a, sizeof(a)), 0);
	}
}

static void
close_both(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

START_TEST(a_stream_is_read_when_something_has_come)
{
	char in[16];
	int fds[2];

	if (!begin(_i))
		return;
	for (int kind = 0; kind < STREAMS; kind++) {
		struct job read = job_of(RT_OP_READ, 0, in, sizeof(in));

		stream(kind, fds);
		read.op.fd = fds[0];
		ck_assert_int_eq(submit(&read), 0);
		settle();
		ck_assert_uint_eq(read.calls, 0);
		ck_assert_uint_eq(rt_wait_ops(w), 1);
		ck_assert_int_eq(run(job_of(RT_OP_WRITE, fds[1], "hello", 5)),
				 5);
		ck_assert_int_eq(await(&read), 5);
		ck_assert_int_eq(memcmp(in, "hello", 5), 0);
		/* and at once what is there already */
		ck_assert_int_eq(write(fds[1], "more", 4), 4);
		ck_assert_int_eq(run(read), 4);
		close_both(fds);
	}
	end();
}
END_TEST

START_TEST(done_is_never_called_out_of_submit)
{
	struct job out;
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	out = job_of(RT_OP_SEND, fds[1], "x", 1);
	ck_assert_int_eq(submit(&out), 0);
	ck_assert_uint_eq(out.calls, 0);
	ck_assert_int_eq(submit(&out), -EBUSY);
	while (out.calls == 0)
		rt_wait_poll(w);
	ck_assert_int_eq(out.result, 1);
	close_both(fds);
	end();
}
END_TEST

START_TEST(a_write_waits_for_a_slow_reader)
{
	static char big[4 << 20], in[64 << 10];
	int fds[2];

	if (!begin(_i))
		return;
	for (int kind = 0; kind < UDP_PAIR; kind++) {
		struct job out;
		size_t sent = 0, got = 0;

		stream(kind, fds);
		while (sent < sizeof(big)) {
			ssize_t n;

			out = job_of(RT_OP_WRITE, fds[1], big + sent,
				     sizeof(big) - sent);
			ck_assert_int_eq(submit(&out), 0);
			while (out.calls == 0) {
				rt_wait_sleep(w, NULL, 0, MS);
				n = read(fds[0], in, sizeof(in));
				got += n > 0 ? (size_t)n : 0;
			}
			ck_assert_int_gt(out.result, 0);
			sent += (size_t)out.result;
		}
		while (got < sent) {
			ssize_t n = read(fds[0], in, sizeof(in));

			got += n > 0 ? (size_t)n : 0;
		}
		close_both(fds);
	}
	end();
}
END_TEST

START_TEST(a_stream_has_one_reader_and_one_writer)
{
	struct job in, in2, out, any;
	static char big[4 << 20];
	char byte, byte2;
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	in = job_of(RT_OP_RECV, fds[0], &byte, 1);
	in2 = job_of(RT_OP_READ, fds[0], &byte2, 1);
	while (write(fds[0], big, sizeof(big)) > 0)
		;
	out = job_of(RT_OP_SEND, fds[0], "x", 1);
	any = job_of(RT_OP_POLL, fds[0], NULL, 0);
	ck_assert_int_eq(submit(&in), 0);
	ck_assert_int_eq(submit(&in2), -EBUSY);
	ck_assert_int_eq(submit(&out), 0);
	any.op.flags = POLLOUT;
	ck_assert_int_eq(submit(&any), -EBUSY);
	any.op.flags = POLLIN | POLLOUT;
	ck_assert_int_eq(submit(&any), -EBUSY);
	settle();
	ck_assert_uint_eq(in.calls + out.calls, 0);
	while (read(fds[1], big, sizeof(big)) > 0)
		;
	ck_assert_int_eq(await(&out), 1);
	ck_assert_uint_eq(in.calls, 0);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	ck_assert_int_eq(await(&in), 1);
	/* the place is free again, in done at the latest */
	ck_assert_int_eq(run(in2), 1);
	ck_assert_int_eq(byte2, 'b');
	close_both(fds);
	end();
}
END_TEST

START_TEST(a_descriptor_is_watched_or_has_ops)
{
	struct rt_watch watch = { .events = POLLIN };
	struct job in;
	char byte;
	int fds[2];

	if (!begin(_i))
		return;
	stream(PIPE, fds);
	watch.fd = fds[0];
	in = job_of(RT_OP_READ, fds[0], &byte, 1);
	ck_assert_int_eq(rt_wait_watch(w, &watch), 0);
	ck_assert_int_eq(submit(&in), -EBUSY);
	rt_wait_unwatch(w, &watch);
	ck_assert_int_eq(submit(&in), 0);
	ck_assert_int_eq(rt_wait_watch(w, &watch), -EEXIST);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(await(&in), 1);
	close_both(fds);
	end();
}
END_TEST

START_TEST(the_end_of_a_stream_is_told)
{
	char byte;
	int fds[2];

	if (!begin(_i))
		return;
	for (int kind = 0; kind < UDP_PAIR; kind++) {
		struct job in;

		stream(kind, fds);
		in = job_of(RT_OP_READ, fds[0], &byte, 1);
		ck_assert_int_eq(submit(&in), 0);
		settle();
		close(fds[1]);
		ck_assert_int_eq(await(&in), 0);
		close(fds[0]);
		stream(kind, fds);
		close(fds[0]);
		if (kind == TCP_PAIR)
			ck_assert_int_eq(write(fds[1], "x", 1), 1);
		settle();
		ck_assert_int_eq(run(job_of(kind == PIPE ? RT_OP_WRITE :
					    RT_OP_SEND, fds[1], "x", 1)),
				 -EPIPE);
		close(fds[1]);
	}
	end();
}
END_TEST

START_TEST(messages_go_in_pieces_and_with_addresses)
{
	char a[3], b[8];
	struct iovec to[2] = { { a, 3 }, { b, 8 } };
	struct iovec from[2] = { { "12", 2 }, { "3abc", 4 } };
	struct msghdr out = { .msg_iov = from, .msg_iovlen = 2 };
	struct sockaddr_in who;
	struct msghdr in = { .msg_iov = to, .msg_iovlen = 2 };
	int fds[2];

	if (!begin(_i))
		return;
	for (int kind = 0; kind < STREAMS; kind++) {
		if (kind == PIPE)
			continue;
		stream(kind, fds);
		in.msg_name = &who;
		in.msg_namelen = sizeof(who);
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		ck_assert_int_eq(run(job_of(RT_OP_SENDMSG, fds[1], &out, 0)),
				 6);
		ck_assert_int_eq(run(job_of(RT_OP_RECVMSG, fds[0], &in, 0)), 6);
		ck_assert_int_eq(memcmp(a, "123", 3), 0);
		ck_assert_int_eq(memcmp(b, "abc", 3), 0);
		if (kind == UDP_PAIR)
			ck_assert_uint_eq(who.sin_port,
					  loopback(fds[1]).sin_port);
		/* the same by pieces alone */
		ck_assert_int_eq(run(job_of(RT_OP_WRITEV, fds[1], from, 2)), 6);
		ck_assert_int_eq(run(job_of(RT_OP_READV, fds[0], to, 2)), 6);
		close_both(fds);
	}
	end();
}
END_TEST

START_TEST(readiness_can_be_waited_for)
{
	struct job ready;
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	ready = job_of(RT_OP_POLL, fds[0], NULL, 0);
	ready.op.flags = POLLIN;
	ck_assert_int_eq(submit(&ready), 0);
	settle();
	ck_assert_uint_eq(ready.calls, 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(await(&ready) & (POLLIN | POLLOUT), POLLIN);
	ready.op.flags = POLLIN | POLLOUT;
	ck_assert_int_eq(run(ready) & (POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(fds[1]);
	ready.op.flags = POLLOUT;
	ck_assert_int_eq(run(ready) & POLLHUP, POLLHUP);
	close(fds[0]);
	end();
}
END_TEST

/* --- sockets that say yes and mean no ----------------------------------- */

/* A socket of datagrams says that it is writable while it has room itself, and
 * takes nothing for another whose queue is full. */
static struct sockaddr_un
full_peer(int fds[2])
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "vine-test-%d-full",
		 (int)getpid());
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		ck_assert_int_ge(fds[i], 0);
	}
	ck_assert_int_eq(bind(fds[0], (void *)&a, sizeof(a)), 0);
	while (sendto(fds[1], "x", 1, 0, (void *)&a, sizeof(a)) == 1)
		;
	ck_assert_int_eq(errno, EAGAIN);
	return a;
}

/* How often sleeps end in so many ms. */
static uint32_t
sleeps_in(uint64_t ms)
{
	uint64_t end = rig_ns() + ms * MS, now;
	uint32_t n = 0;

	while ((now = rig_ns()) < end) {
		rt_wait_sleep(w, NULL, 0, end - now);
		n++;
	}
	return n;
}

START_TEST(a_socket_that_says_it_is_writable_in_vain_is_left_alone_for_a_while)
{
	struct iovec v = { "y", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct sockaddr_un a;
	struct job out;
	char byte;
	int fds[2];

	if (!begin(_i))
		return;
	a = full_peer(fds);
	m.msg_name = &a;
	m.msg_namelen = sizeof(a);
	out = job_of(RT_OP_SENDMSG, fds[1], &m, 0);
	ck_assert_int_eq(submit(&out), 0);
	/* by pauses of 1, 2, 4, 8, 16, 20, 20... ms, and a few at once */
	ck_assert_uint_lt(sleeps_in(400), 100);
	ck_assert_uint_eq(out.calls, 0);
	ck_assert_int_eq(rt_wait_cancel(w, &out.op), 0);
	ck_assert_int_eq(await(&out), -ECANCELED);
	/* and one that was cancelled may be submitted again */
	ck_assert_int_eq(submit(&out), 0);
	ck_assert_uint_lt(sleeps_in(100), 100);
	ck_assert_uint_eq(out.calls, 0);
	while (recv(fds[0], &byte, 1, 0) == 1)
		;
	ck_assert_int_eq(await(&out), 1);
	close_both(fds);
	end();
}
END_TEST

/* A caller's MSG_DONTWAIT is nothing that a wait knows: it does not block. */
START_TEST(a_send_waits_for_room_whatever_its_flags)
{
	static char big[1 << 20];
	struct job out;
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	while (write(fds[1], big, sizeof(big)) > 0)
		;
	out = job_of(RT_OP_SEND, fds[1], "y", 1);
	out.op.flags = MSG_DONTWAIT;
	ck_assert_int_eq(submit(&out), 0);
	ck_assert_uint_lt(sleeps_in(100), 20);
	ck_assert_uint_eq(out.calls, 0);
	while (read(fds[0], big, sizeof(big)) > 0)
		;
	ck_assert_int_eq(await(&out), 1);
	close_both(fds);
	end();
}
END_TEST

/* --- connections ------------------------------------------------------- */

static struct job
connect_job(int fd, void *address, socklen_t n)
{
	struct job job = job_of(RT_OP_CONNECT, fd, NULL, 0);

	job.op.address = address;
	job.op.address_length = n;
	return job;
}

START_TEST(connections_are_taken_in_and_made)
{
	struct job in, out;
	struct sockaddr_in a, who;
	int listener, fd, other;

	if (!begin(_i))
		return;
	listener = bound(SOCK_STREAM);
	ck_assert_int_eq(listen(listener, 8), 0);
	a = loopback(listener);
	in = job_of(RT_OP_ACCEPT, listener, NULL, 0);
	in.op.flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	in.op.address = (void *)&who;
	in.op.address_length = sizeof(who);
	ck_assert_int_eq(submit(&in), 0);
	settle();
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	out = connect_job(fd, &a, sizeof(a));
	ck_assert_int_eq(submit(&out), 0);
	ck_assert_int_eq(await(&out), 0);
	other = (int)await(&in);
	ck_assert_int_ge(other, 0);
	ck_assert_uint_eq(in.op.address_length, sizeof(who));
	ck_assert_uint_eq(who.sin_port, loopback(fd).sin_port);
	ck_assert_int_ne(fcntl(other, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(other, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_eq(run(connect_job(fd, &a, sizeof(a))), -EISCONN);
	close(listener);
	close(other);
	close(fd);
	/* nobody listens there any more */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(run(connect_job(fd, &a, sizeof(a))), -ECONNREFUSED);
	close(fd);
	end();
}
END_TEST

/* A listener whose queue is full: nobody gets in. */
static int
full_listener(struct sockaddr_in *a, int held[8])
{
	int listener = bound(SOCK_STREAM);

	ck_assert_int_eq(listen(listener, 0), 0);
	*a = loopback(listener);
	for (int i = 0; i < 8; i++) {
		held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(held[i], (void *)a, sizeof(*a));
	}
	return listener;
}

/* --- files ------------------------------------------------------------- */

/* On a disk, or in memory. */
static int
file(int in_memory, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/vine-test-%d-op", in_memory ?
		 "/dev/shm" : ".", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

START_TEST(a_file_has_many_readers_and_writers)
{
	enum { COUNT = 64, SIZE = 4096 };
	static char data[COUNT][SIZE];
	static struct job jobs[COUNT];

	if (!begin(_i))
		return;
	for (int in_memory = 0; in_memory < 2; in_memory++) {
		int fd = file(in_memory, 0);

		ck_assert_int_ge(fd, 0);
		for (int i = 0; i < COUNT; i++) {
			memset(data[i], i + 1, SIZE);
			jobs[i] = job_of(RT_OP_WRITE, fd, data[i], SIZE);
			jobs[i].op.offset = (int64_t)i * SIZE;
			ck_assert_int_eq(submit(&jobs[i]), 0);
		}
		for (int i = 0; i < COUNT; i++)
			ck_assert_int_eq(await(&jobs[i]), SIZE);
		ck_assert_int_eq(run(job_of(RT_OP_FDATASYNC, fd, NULL, 0)), 0);
		ck_assert_int_eq(run(job_of(RT_OP_FSYNC, fd, NULL, 0)), 0);
		memset(data, 0, sizeof(data));
		for (int i = 0; i < COUNT; i++) {
			jobs[i].op.kind = RT_OP_READ;
			ck_assert_int_eq(submit(&jobs[i]), 0);
		}
		for (int i = 0; i < COUNT; i++) {
			ck_assert_int_eq(await(&jobs[i]), SIZE);
			ck_assert_int_eq(data[i][0], i + 1);
			ck_assert_int_eq(data[i][SIZE - 1], i + 1);
		}
		/* short where it ends, and nothing behind it */
		jobs[0].op.offset = COUNT * SIZE - 10;
		ck_assert_int_eq(run(jobs[0]), 10);
		jobs[0].op.offset = COUNT * SIZE;
		ck_assert_int_eq(run(jobs[0]), 0);
		close(fd);
	}
	end();
}
END_TEST

START_TEST(pieces_lie_one_behind_the_other_in_a_file)
{
	char a[4], b[8];
	struct iovec from[2] = { { "abc", 3 }, { "defgh", 5 } };
	struct iovec to[2] = { { a, 4 }, { b, 4 } };
	/* qemu has no pwritev2 */
	const uint32_t sync = getenv("VINE_EMULATED") ? 0 : RWF_DSYNC;
	struct job job;
	int fd;

	if (!begin(_i))
		return;
	fd = file(0, 0);
	job = job_of(RT_OP_WRITEV, fd, from, 2);
	job.op.offset = 100;
	job.op.flags = sync;
	ck_assert_int_eq(run(job), 8);
	job = job_of(RT_OP_READV, fd, to, 2);
	job.op.offset = 100;
	ck_assert_int_eq(run(job), 8);
	ck_assert_int_eq(memcmp(a, "abcd", 4), 0);
	ck_assert_int_eq(memcmp(b, "efgh", 4), 0);
	/* and with a flag and one piece */
	job = job_of(RT_OP_WRITE, fd, "xy", 2);
	job.op.offset = 102;
	job.op.flags = sync;
	ck_assert_int_eq(run(job), 2);
	job = job_of(RT_OP_READ, fd, b, 4);
	job.op.offset = 101;
	ck_assert_int_eq(run(job), 4);
	ck_assert_int_eq(memcmp(b, "bxye", 4), 0);
	close(fd);
	end();
}
END_TEST

START_TEST(a_disk_is_read_past_the_page_cache)
{
	static _Alignas(4096) char block[4096], back[4096];
	struct job job;
	int64_t n;
	int fd;

	if (!begin(_i))
		return;
	fd = file(0, O_DIRECT);
	if (fd < 0) {
		printf("skipped: no O_DIRECT here\n");
		end();
		return;
	}
	memset(block, 7, sizeof(block));
	job = job_of(RT_OP_WRITE, fd, block, sizeof(block));
	job.op.offset = 8192;
	ck_assert_int_eq(run(job), sizeof(block));
	job = job_of(RT_OP_READ, fd, back, sizeof(back));
	job.op.offset = 8192;
	ck_assert_int_eq(run(job), sizeof(back));
	ck_assert_int_eq(memcmp(block, back, sizeof(block)), 0);
	/* memory that is not aligned is refused, by most */
	job = job_of(RT_OP_READ, fd, back + 1, 512);
	job.op.offset = 8192;
	n = run(job);
	ck_assert(n == -EINVAL || n == 512);
	close(fd);
	end();
}
END_TEST

START_TEST(a_disk_that_is_full_is_told)
{
	struct rlimit limit = { 8192, 8192 };
	char bytes[4096] = { 0 };
	struct job job;
	int fd;

	if (!begin(_i))
		return;
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	job = job_of(RT_OP_WRITE, fd, bytes, sizeof(bytes));
	job.op.offset = 0;
	ck_assert_int_eq(run(job), -ENOSPC);
	close(fd);
	/* and that a file may not be larger; the rest is written before */
	signal(SIGXFSZ, SIG_IGN);
	fd = file(1, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	job = job_of(RT_OP_WRITE, fd, bytes, sizeof(bytes));
	job.op.offset = 6144;
	ck_assert_int_eq(run(job), 2048);
	job.op.offset = 8192;
	ck_assert_int_eq(run(job), -EFBIG);
	close(fd);
	end();
}
END_TEST

START_TEST(what_cannot_be_is_refused_or_fails)
{
	struct job job = job_of(RT_OP_READ, -1, NULL, 1);
	char byte;
	int fds[2];

	if (!begin(_i))
		return;
	ck_assert_int_eq(submit(&job), -EBADF);
	job.op.fd = 99999999;
	ck_assert_int_eq(submit(&job), -EBADF);
	job.op.kind = RT_OP_KINDS;
	ck_assert_int_eq(submit(&job), -EINVAL);
	ck_assert_int_eq(rt_wait_cancel(w, &job.op), -ENOENT);
	stream(PIPE, fds);
	/* known, but closed since */
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(run(job_of(RT_OP_READ, fds[0], &byte, 1)), 1);
	close(fds[0]);
	ck_assert_int_eq(run(job_of(RT_OP_READ, fds[0], &byte, 1)), -EBADF);
	job = job_of(RT_OP_POLL, fds[0], NULL, 0);
	job.op.flags = POLLIN;
	ck_assert_int_eq(run(job), -EBADF);
	ck_assert_int_eq(run(job_of(RT_OP_RECV, fds[1], &byte, 1)), -ENOTSOCK);
	job = job_of(RT_OP_READ, fds[1], &byte, 1);
	job.op.offset = 0;
	ck_assert_int_lt(run(job), 0);
	ck_assert_int_eq(run(job_of(RT_OP_CLOSE, fds[0], NULL, 0)), -EBADF);
	close(fds[1]);
	ck_assert_str_eq(rt_op_name(RT_OP_FDATASYNC), "fdatasync");
	ck_assert_str_eq(rt_op_name(RT_OP_KINDS), "?");
	end();
}
END_TEST

/* --- calls ------------------------------------------------------------- */

static _Atomic uint32_t inside, most_inside;
static _Atomic int hold_calls;

static int64_t
slow_call(struct rt_op *op)
{
	uint32_t n = atomic_fetch_add(&inside, 1) + 1;

	if (n > atomic_load(&most_inside))
		atomic_store(&most_inside, n);
	while (atomic_load(&hold_calls))
		rig_nap(MS);
	atomic_fetch_sub(&inside, 1);
	return (int64_t)op->length;
}

static int64_t
bad_call(struct rt_op *op)
{
	return -(int64_t)op->length;
}

START_TEST(calls_that_block_are_made_by_helpers)
{
	enum { COUNT = 40 };
	struct job jobs[COUNT], bad = job_of(RT_OP_CALL, -1, NULL, EDOM);

	if (!begin(_i))
		return;
	atomic_store(&hold_calls, 1);
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = job_of(RT_OP_CALL, -1, NULL, (size_t)i);
		jobs[i].op.call = slow_call;
		ck_assert_int_eq(submit(&jobs[i]), 0);
	}
	rig_await(atomic_load(&inside) == VINE_RT_HELPERS);
	/* the last has not begun: it is gone at once; the first has */
	ck_assert_int_eq(rt_wait_cancel(w, &jobs[COUNT - 1].op), 0);
	ck_assert_int_eq(rt_wait_cancel(w, &jobs[0].op), 0);
	settle();
	ck_assert_int_eq(await(&jobs[COUNT - 1]), -ECANCELED);
	ck_assert_uint_eq(jobs[0].calls, 0);
	atomic_store(&hold_calls, 0);
	for (int i = 0; i < COUNT - 1; i++)
		ck_assert_int_eq(await(&jobs[i]), i);
	ck_assert_uint_eq(atomic_load(&most_inside), VINE_RT_HELPERS);
	bad.op.call = bad_call;
	ck_assert_int_eq(run(bad), -EDOM);
	bad.op.length = 1 << 20;
	ck_assert_int_eq(run(bad), -EINVAL);
	end();
}
END_TEST

/* --- ending early ------------------------------------------------------ */

START_TEST(every_op_that_waits_can_be_cancelled)
{
	struct sockaddr_in a;
	static char big[4 << 20];
	struct job jobs[7];
	char byte;
	int p[2], u[2], full[2], held[8], listener;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (!begin(_i))
		return;
	stream(PIPE, p);
	stream(UNIX_PAIR, u);
	stream(TCP_PAIR, full);
	listener = full_listener(&a, held);
	while (write(u[1], big, sizeof(big)) > 0)
		;
	while (write(p[1], big, sizeof(big)) > 0)
		;
	jobs[0] = job_of(RT_OP_WRITE, p[1], &byte, 1);
	jobs[1] = job_of(RT_OP_RECV, u[1], &byte, 1);
	jobs[2] = job_of(RT_OP_SEND, u[1], &byte, 1);
	jobs[3] = job_of(RT_OP_RECVMSG, full[1], &m, 0);
	jobs[4] = connect_job(-1, &a, sizeof(a));
	jobs[5] = job_of(RT_OP_POLL, full[0], NULL, 0);
	jobs[5].op.flags = POLLIN;
	jobs[6] = job_of(RT_OP_ACCEPT, bound(SOCK_STREAM), NULL, 0);
	ck_assert_int_eq(listen(jobs[6].op.fd, 1), 0);
	/* once when they wait, and once at once */
	for (int late = 0; late < 2; late++) {
		jobs[4].op.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		for (int i = 0; i < 7; i++)
			ck_assert_int_eq(submit(&jobs[i]), 0);
		if (late)
			settle();
		for (int i = 0; i < 7; i++)
			ck_assert_msg(rt_wait_cancel(w, &jobs[i].op) == 0,
				      "%s: %d", rt_op_name(jobs[i].op.kind),
				      (int)jobs[i].result);
		for (int i = 0; i < 7; i++)
			ck_assert_msg(await(&jobs[i]) == -ECANCELED, "%s: %d",
				      rt_op_name(jobs[i].op.kind),
				      (int)jobs[i].result);
		settle();
		for (int i = 0; i < 7; i++)
			ck_assert_uint_eq(jobs[i].calls, 1);
		close(jobs[4].op.fd);
	}
	/* nothing of them is left that would take what comes */
	ck_assert_int_eq(write(full[0], "z", 1), 1);
	settle();
	ck_assert_int_eq(run(jobs[3]), 1);
	ck_assert_int_eq(byte, 'z');
	close_both(p);
	close_both(u);
	close_both(full);
	close(jobs[6].op.fd);
	for (int i = 0; i < 8; i++)
		close(held[i]);
	close(listener);
	end();
}
END_TEST

START_TEST(a_cancel_that_comes_too_late_changes_nothing)
{
	struct job out, again;
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 3; i++) {
		char byte = 0;

		out = job_of(RT_OP_READ, fds[0], &byte, 1);
		ck_assert_int_eq(submit(&out), 0);
		if (i)
			rig_nap(MS);
		ck_assert_int_eq(rt_wait_cancel(w, &out.op), 0);
		ck_assert_int_eq(rt_wait_cancel(w, &out.op), 0);
		await(&out);
		/* either it was read, or it is still there */
		ck_assert(out.result == 1 || out.result == -ECANCELED);
		ck_assert_int_eq(byte, out.result == 1 ? 'x' : 0);
		if (out.result == 1)
			ck_assert_int_eq(write(fds[1], "x", 1), 1);
		again = job_of(RT_OP_READ, fds[0], &byte, 1);
		ck_assert_int_eq(run(again), 1);
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
	}
	ck_assert_int_eq(rt_wait_cancel(w, &out.op), -ENOENT);
	close_both(fds);
	end();
}
END_TEST

/* --- closing ----------------------------------------------------------- */

/* Another thread that opens and closes: it gets every number that is free. */
static _Atomic int stop_opening;

static void *
open_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop_opening)) {
		int fds[2];

		if (pipe2(fds, O_NONBLOCK) != 0)
			continue;
		/* who reads this has another's file */
		(void)!write(fds[1], "!", 1);
		sched_yield();
		close_both(fds);
	}
	return NULL;
}

START_TEST(a_descriptor_is_closed_under_its_reader_and_writer)
{
	static char big[4 << 20];
	struct job in, out, shut, more;
	struct pollfd p = { .events = POLLIN };
	char byte = 0;
	int fds[2];

	if (!begin(_i))
		return;
	for (int late = 0; late < 2; late++) {
		stream(UNIX_PAIR, fds);
		while (write(fds[0], big, sizeof(big)) > 0)
			;
		in = job_of(RT_OP_READ, fds[0], &byte, 1);
		out = job_of(RT_OP_SEND, fds[0], "x", 1);
		shut = job_of(RT_OP_CLOSE, fds[0], NULL, 0);
		more = job_of(RT_OP_RECV, fds[0], &byte, 1);
		ck_assert_int_eq(submit(&in), 0);
		ck_assert_int_eq(submit(&out), 0);
		if (late)
			settle();
		ck_assert_int_eq(submit(&shut), 0);
		if (shut.op.state == RT_OP_CLOSING) {
			ck_assert_int_eq(submit(&more), -EBADF);
			ck_assert_int_eq(rt_wait_cancel(w, &shut.op), -EBUSY);
		}
		ck_assert_int_eq(await(&shut), 0);
		ck_assert_uint_eq(in.calls, 1);
		ck_assert_uint_eq(out.calls, 1);
		ck_assert_int_eq(in.result, -EBADF);
		ck_assert_int_eq(out.result, -EBADF);
		/* and nobody holds the file: the other side sees its end */
		p.fd = fds[1];
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		while (read(fds[1], big, sizeof(big)) > 0)
			;
		ck_assert_int_eq(read(fds[1], &byte, 1), 0);
		close(fds[1]);
	}
	end();
}
END_TEST

START_TEST(no_reader_of_a_closed_descriptor_reads_its_successor)
{
	const int rounds = RIG_SANITIZED ? 500 : 5000;
	pthread_t thread;

	if (!begin(_i))
		return;
	atomic_store(&stop_opening, 0);
	pthread_create(&thread, NULL, open_all_the_time, NULL);
	for (int i = 0; i < rounds; i++) {
		struct job in, shut;
		char byte = 0;
		int fds[2];

		stream(PIPE, fds);
		in = job_of(RT_OP_READ, fds[0], &byte, 1);
		shut = job_of(RT_OP_CLOSE, fds[0], NULL, 0);
		ck_assert_int_eq(submit(&in), 0);
		if (i % 2)
			rt_wait_poll(w);
		ck_assert_int_eq(submit(&shut), 0);
		ck_assert_int_eq(await(&shut), 0);
		ck_assert_int_eq(in.result, -EBADF);
		ck_assert_int_eq(byte, 0);
		close(fds[1]);
	}
	atomic_store(&stop_opening, 1);
	pthread_join(thread, NULL);
	end();
}
END_TEST

START_TEST(a_file_is_closed_when_its_writes_are_done)
{
	enum { COUNT = 64, SIZE = 65536 };
	static char data[SIZE];
	static struct job jobs[COUNT];
	struct job shut;
	int fd, copy;

	if (!begin(_i))
		return;
	fd = file(0, 0);
	copy = dup(fd);
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = job_of(RT_OP_WRITE, fd, data, SIZE);
		jobs[i].op.offset = (int64_t)i * SIZE;
		ck_assert_int_eq(submit(&jobs[i]), 0);
	}
	shut = job_of(RT_OP_CLOSE, fd, NULL, 0);
	ck_assert_int_eq(submit(&shut), 0);
	ck_assert_int_eq(await(&shut), 0);
	for (int i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(jobs[i].calls, 1);
		ck_assert(jobs[i].result == SIZE || jobs[i].result == -EBADF);
		if (jobs[i].result == SIZE)
			ck_assert_int_eq(pread(copy, data, SIZE,
					       jobs[i].op.offset), SIZE);
	}
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	close(copy);
	end();
}
END_TEST

/* --- many -------------------------------------------------------------- */

/* More than fit a ring of submissions, or of completions. */
START_TEST(thousands_of_ops_are_under_way_at_a_time)
{
	static struct job jobs[MANY];
	static char in[MANY];
	static int fds[MANY][2];
	struct rlimit files;
	uint32_t ended = 0;

	if (!begin(_i))
		return;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_uint_gt(files.rlim_cur, 2 * MANY + 50);
	for (int i = 0; i < MANY; i++) {
		stream(UNIX_PAIR, fds[i]);
		jobs[i] = job_of(RT_OP_RECV, fds[i][0], &in[i], 1);
		ck_assert_int_eq(submit(&jobs[i]), 0);
	}
	rt_wait_poll(w);
	ck_assert_uint_eq(rt_wait_ops(w), MANY);
	for (int i = 0; i < MANY; i++) {
		char byte = (char)i;

		ck_assert_int_eq(write(fds[i][1], &byte, 1), 1);
	}
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(await(&jobs[i]), 1);
		ck_assert_int_eq(in[i], (char)i);
	}
	/* all submitted and all cancelled, between two sleeps */
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(submit(&jobs[i]), 0);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(rt_wait_cancel(w, &jobs[i].op), 0);
	for (int i = 0; i < MANY; i++)
		ended += await(&jobs[i]) == -ECANCELED;
	ck_assert_uint_eq(ended, MANY);
	for (int i = 0; i < MANY; i++)
		close_both(fds[i]);
	end();
}
END_TEST

/* Completions that find no room: none is looked at until all have come. */
START_TEST(more_ops_than_a_ring_has_room_for_end)
{
	enum { COUNT = 20000 };
	struct job *jobs = calloc(COUNT, sizeof(*jobs));
	static char in[COUNT];
	uint32_t calls = 0;
	int fd;

	if (!begin(_i))
		return;
	fd = file(1, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	for (int i = 0; i < COUNT; i++) {
		jobs[i] = job_of(RT_OP_READ, fd, &in[i], 1);
		jobs[i].op.offset = 0;
		ck_assert_int_eq(submit(&jobs[i]), 0);
	}
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(await(&jobs[i]), 1);
	settle();
	for (int i = 0; i < COUNT; i++)
		calls += jobs[i].calls;
	ck_assert_uint_eq(calls, COUNT);
	close(fd);
	free(jobs);
	end();
}
END_TEST

/* --- with what else a wait is for -------------------------------------- */

struct echo {
	struct rt_op op;
	uint32_t left;
	char byte;
};

/* Reads and writes by turns, out of its own done. */
static void
go_on(struct rt_op *op, int64_t result)
{
	struct echo *e = op->user;

	rig_check(result == 1);
	if (e->left == 0)
		return;
	e->left--;
	op->kind = op->kind == RT_OP_RECV ? RT_OP_SEND : RT_OP_RECV;
	rig_check(rt_wait_submit(w, op) == 0);
}

START_TEST(done_may_submit_its_op_again)
{
	const uint32_t rounds = RIG_SANITIZED ? 2000 : 20000;
	struct echo a = { .left = rounds }, b = { .left = rounds + 1 };
	int fds[2];

	if (!begin(_i))
		return;
	stream(UNIX_PAIR, fds);
	a.op = (struct rt_op){ .kind = RT_OP_RECV, .fd = fds[0] };
	b.op = (struct rt_op){ .kind = RT_OP_SEND, .fd = fds[1] };
	for (struct echo *e = &a; e; e = e == &a ? &b : NULL) {
		e->op.done = go_on;
		e->op.user = e;
		e->op.data = &e->byte;
		e->op.length = 1;
		ck_assert_int_eq(rt_wait_submit(w, &e->op), 0);
	}
	/* b ends waiting for what a, at its end, does not send */
	while (a.left || b.left || rt_wait_ops(w) > 1)
		rt_wait_sleep(w, NULL, 0, LONG);
	ck_assert_int_eq(rt_wait_ops(w), 0 + (b.op.state != RT_OP_IDLE));
	b.left = 0;
	b.op.done = note;
	if (b.op.state != RT_OP_IDLE) {
		struct job last = { .calls = 0 };

		b.op.user = &last;
		rt_wait_cancel(w, &b.op);
		while (last.calls == 0)
			rt_wait_sleep(w, NULL, 0, LONG);
	}
	close_both(fds);
	end();
}
END_TEST

static void *
wake_soon(void *arg)
{
	(void)arg;
	rig_nap(20 * MS);
	rt_wait_wake(w);
	return NULL;
}

START_TEST(a_sleep_on_ops_can_be_ended_by_others)
{
	le32_t word = { 0 };
	struct arch_bell bell = arch_bell_of_word(&word);
	struct arch_bell_seen seen;
	struct job in;
	pthread_t thread;
	uint64_t from = rig_ns();
	char byte;
	int fds[2];

	if (!begin(_i))
		return;
	stream(PIPE, fds);
	in = job_of(RT_OP_READ, fds[0], &byte, 1);
	ck_assert_int_eq(submit(&in), 0);
	rt_wait_wake(w);
	rt_wait_sleep(w, NULL, 0, LONG);
	pthread_create(&thread, NULL, wake_soon, NULL);
	while (rig_ns() - from < 20 * MS)
		rt_wait_sleep(w, NULL, 0, LONG);
	ck_assert_uint_lt(rig_ns() - from, LONG / 2);
	pthread_join(thread, NULL);
	seen = (struct arch_bell_seen){ &word, arch_bell_look(&bell) };
	arch_bell_ring(&bell, ~0u);
	rt_wait_sleep(w, &seen, 1, LONG);
	ck_assert_uint_lt(rig_ns() - from, LONG / 2);
	rt_wait_cancel(w, &in.op);
	ck_assert_int_eq(await(&in), -ECANCELED);
	close_both(fds);
	end();
}
END_TEST

/*
 * At random: bytes through pipes, in order; with cancels, closes and new pipes
 * in between. What is read is what was written, whatever was cancelled.
 */
struct line {
	struct job in, out, shut;
	int fds[2];
	uint8_t wrote, read, sent, got;
	int closing;
};

static void
step(struct line *l, uint64_t *seed)
{
	if (l->closing) {
		if (l->shut.calls == 0)
			return;
		rig_check(l->shut.result == 0);
		close(l->fds[1]);
		*l = (struct line){ .closing = 0 };
		stream((int)(rig_random(seed) % 2), l->fds);
	}
	if (l->in.op.state == RT_OP_IDLE && l->out.op.state == RT_OP_IDLE &&
	    l->in.calls == 0 && l->out.calls == 0 &&
	    rig_random(seed) % 64 == 0) {
		l->shut = job_of(RT_OP_CLOSE, l->fds[0], NULL, 0);
		l->in = job_of(RT_OP_READ, l->fds[0], &l->read, 1);
		rig_check(submit(&l->in) == 0);
		rig_check(submit(&l->shut) == 0);
		l->closing = 1;
		return;
	}
	if (l->in.calls) {
		rig_check(l->in.result == 1 || l->in.result == -ECANCELED);
		if (l->in.result == 1)
			rig_check(l->read == l->got++);
		l->in.calls = 0;
	}
	if (l->out.calls) {
		rig_check(l->out.result == 1 || l->out.result == -ECANCELED);
		l->sent += l->out.result == 1;
		l->out.calls = 0;
	}
	switch (rig_random(seed) % 4) {
	case 0:
		if (l->in.op.state != RT_OP_IDLE)
			break;
		l->in = job_of(RT_OP_READ, l->fds[0], &l->read, 1);
		rig_check(submit(&l->in) == 0);
		break;
	case 1:
		if (l->out.op.state != RT_OP_IDLE)
			break;
		l->wrote = l->sent;
		l->out = job_of(RT_OP_WRITE, l->fds[1], &l->wrote, 1);
		rig_check(submit(&l->out) == 0);
		break;
	case 2:
		rt_wait_cancel(w, rig_random(seed) % 2 ? &l->in.op :
			       &l->out.op);
	}
}

START_TEST(ops_begun_cancelled_and_closed_at_random)
{
	enum { LINES = 50 };
	static struct line lines[LINES];
	uint32_t steps = RIG_SANITIZED ? 50000 : 500000;
	uint64_t seed = 11, bytes = 0;

	if (!begin(_i))
		return;
	for (int i = 0; i < LINES; i++)
		stream(i % 2, lines[i].fds);
	for (uint32_t n = 0; n < steps; n++) {
		uint8_t before;
		struct line *l = &lines[rig_random(&seed) % LINES];

		before = l->got;
		step(l, &seed);
		bytes += l->got != before;
		if (rig_random(&seed) % 8 == 0)
			rt_wait_poll(w);
	}
	ck_assert_uint_gt(bytes, steps / 100);
	for (int i = 0; i < LINES; i++) {
		rt_wait_cancel(w, &lines[i].in.op);
		rt_wait_cancel(w, &lines[i].out.op);
	}
	while (rt_wait_ops(w))
		rt_wait_sleep(w, NULL, 0, MS);
	settle();
	end();
}
END_TEST

/* A confined wait of engine _i; returns 0 where there is none. */
static int
begin_confined(int i, uint32_t may)
{
	int rc;

	if (!begin(i))
		return 0;
	rc = rt_wait_confine(w, may);
	if (rc == 0)
		return 1;
	ck_assert_int_eq(rc, -ENOSYS);
	ck_assert_int_eq(i, 0);
	printf("skipped: no io_uring that can be confined here\n");
	rt_wait_free(w);
	return 0;
}

/* --- registered --------------------------------------------------------- */

enum { AREA = 4 << 20, PIECE = 256 << 10 };

/* Write a piece of an area and read it into another place of the same size. */
static void
there_and_back(int fd, char *from, char *to)
{
	struct job out = job_of(RT_OP_WRITE, fd, from, PIECE);
	struct job in = job_of(RT_OP_READ, fd, to, PIECE);

	for (int i = 0; i < PIECE; i++)
		from[i] = (char)(i * 7 + i / 4096);
	out.op.offset = in.op.offset = PIECE;
	ck_assert_int_eq(run(out), PIECE);
	ck_assert_int_eq(run(in), PIECE);
	ck_assert_int_eq(memcmp(from, to, PIECE), 0);
	memset(to, 0, PIECE);
}

START_TEST(registered_memory_is_read_and_written_as_any_other)
{
	char *area = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd, rc;

	if (!begin(_i))
		return;
	ck_assert_ptr_ne(area, MAP_FAILED);
	for (int direct = 0; direct < 2; direct++) {
		fd = file(0, direct ? O_DIRECT : 0);
		if (fd < 0)
			continue;	/* no such disk */
		rc = rt_wait_register(w, area, AREA);
		if (rc == -ENOMEM) {
			printf("skipped: RLIMIT_MEMLOCK\n");
			close(fd);
			break;
		}
		ck_assert_int_eq(rc, 0);
		there_and_back(fd, area, area + PIECE);
		/* in it and beside it, and across its end */
		there_and_back(fd, area + AREA - PIECE, area + AREA);
		there_and_back(fd, area + AREA - 4096, area + AREA + PIECE);
		rt_wait_unregister(w, area, AREA);
		there_and_back(fd, area, area + AREA - PIECE);
		/* and again, a part */
		ck_assert_int_eq(rt_wait_register(w, area + PIECE, PIECE), 0);
		there_and_back(fd, area + PIECE, area);
		rt_wait_unregister(w, area + PIECE, PIECE);
		close(fd);
	}
	munmap(area, 2 * AREA);
	end();
}
END_TEST

START_TEST(what_cannot_be_registered_is_refused_and_changes_nothing)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i;

	if (!begin(0))
		return;
	ck_assert_int_eq(rt_wait_register(w, (void *)4096, 4096), -EFAULT);
	for (i = 0; i < VINE_RT_AREAS; i++)
		ck_assert_int_eq(rt_wait_register(w, page, 4096), 0);
	ck_assert_int_eq(rt_wait_register(w, page, 4096), -ENOSPC);
	rt_wait_unregister(w, page, 4096);
	ck_assert_int_eq(rt_wait_register(w, page, 4096), 0);
	end();
	if (!begin_confined(0, RT_WAIT_DATA))
		return;
	ck_assert_int_eq(rt_wait_register(w, page, 4096), -EACCES);
	munmap(page, 4096);
	end();
}
END_TEST

/* --- confined ----------------------------------------------------------- */

START_TEST(a_confined_wait_does_what_it_may_and_no_more)
{
	const int refused = _i == 0 ? -EACCES : 0;
	struct iovec v = { "yes", 3 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct sockaddr_in a;
	struct job in, out;
	int fds[2], listener, fd;
	char bytes[8];

	if (!begin_confined(_i, RT_WAIT_DATA))
		return;
	ck_assert_int_eq(rt_wait_confine(w, ~0u), _i == 0 ? -EBUSY : 0);
	stream(UNIX_PAIR, fds);
	in = job_of(RT_OP_RECV, fds[0], bytes, 3);
	ck_assert_int_eq(submit(&in), 0);
	settle();
	ck_assert_int_eq(run(job_of(RT_OP_SENDMSG, fds[1], &m, 0)),
			 refused ? refused : 3);
	if (refused)
		ck_assert_int_eq(run(job_of(RT_OP_SEND, fds[1], "yes", 3)), 3);
	ck_assert_int_eq(await(&in), 3);
	close_both(fds);
	listener = bound(SOCK_STREAM);
	ck_assert_int_eq(listen(listener, 8), 0);
	a = loopback(listener);
	in = job_of(RT_OP_ACCEPT, listener, NULL, 0);
	ck_assert_int_eq(submit(&in), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	out = connect_job(fd, &a, sizeof(a));
	ck_assert_int_eq(submit(&out), 0);
	ck_assert_int_eq(await(&out), refused);
	if (refused)
		connect(fd, (void *)&a, sizeof(a));
	close((int)await(&in));
	close(fd);
	close(listener);
	fd = file(1, 0);
	ck_assert_int_eq(run(job_of(RT_OP_WRITE, fd, "yes", 3)), 3);
	ck_assert_int_eq(run(job_of(RT_OP_FSYNC, fd, NULL, 0)), refused);
	close(fd);
	end();
}
END_TEST

START_TEST(each_list_of_a_confined_wait_is_by_itself)
{
	struct iovec v = { "y", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int fds[2], fd;
	char byte;

	if (!begin_confined(0, RT_WAIT_SOCKETS))
		return;
	stream(UNIX_PAIR, fds);
	ck_assert_int_eq(run(job_of(RT_OP_SENDMSG, fds[1], &m, 0)), 1);
	ck_assert_int_eq(run(job_of(RT_OP_READ, fds[0], &byte, 1)), -EACCES);
	end();
	if (!begin_confined(0, RT_WAIT_DISKS))
		return;
	fd = file(1, 0);
	ck_assert_int_eq(run(job_of(RT_OP_FSYNC, fd, NULL, 0)), 0);
	ck_assert_int_eq(run(job_of(RT_OP_SEND, fds[1], "y", 1)), -EACCES);
	close(fd);
	close_both(fds);
	end();
}
END_TEST

/* The ring of this process. */
static int
find_ring(void)
{
	char path[64], what[64];

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, what, sizeof(what) - 1);
		what[n < 0 ? 0 : n] = '\0';
		if (strstr(what, "io_uring"))
			return fd;
	}
	return -1;
}

static void *
enter_ring(void *arg)
{
	int rc = (int)syscall(SYS_io_uring_enter, *(int *)arg, 0, 0,
			      1 /* to take */, NULL, 0);

	return (void *)(intptr_t)(rc < 0 ? errno : 0);
}

/* What code that has taken a process over would try with a ring of it. */
START_TEST(a_confined_ring_takes_nothing_in_and_goes_nowhere)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fds[2], ring, none[4] = { -1, -1, -1, -1 };
	pthread_t thread;
	void *error;

	if (!begin_confined(0, RT_WAIT_DATA))
		return;
	ring = find_ring();
	ck_assert_int_ge(ring, 0);
	/* files, an eventfd, restrictions once more */
	ck_assert_int_eq(syscall(SYS_io_uring_register, ring, 2, none, 4), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(syscall(SYS_io_uring_register, ring, 4, none, 1), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(syscall(SYS_io_uring_register, ring, 11, none, 1), -1);
	ck_assert_int_eq(errno, EACCES);
	/* it has one thread */
	pthread_create(&thread, NULL, enter_ring, &ring);
	pthread_join(thread, &error);
	ck_assert_int_eq((int)(intptr_t)error, EEXIST);
	/* and stays in its process */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(ring));
	memcpy(CMSG_DATA(c), &ring, sizeof(ring));
	ck_assert_int_eq(sendmsg(fds[0], &m, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	close_both(fds);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_EACH(a_stream_is_read_when_something_has_come, 2),
	RIG_EACH(done_is_never_called_out_of_submit, 2),
	RIG_EACH(a_write_waits_for_a_slow_reader, 2),
	RIG_EACH(a_stream_has_one_reader_and_one_writer, 2),
	RIG_EACH(a_descriptor_is_watched_or_has_ops, 2),
	RIG_EACH(the_end_of_a_stream_is_told, 2),
	RIG_EACH(messages_go_in_pieces_and_with_addresses, 2),
	RIG_EACH(readiness_can_be_waited_for, 2),
	RIG_EACH(a_socket_that_says_it_is_writable_in_vain_is_left_alone_for_a_while,
		 2),
	RIG_EACH(a_send_waits_for_room_whatever_its_flags, 2),
	RIG_EACH(connections_are_taken_in_and_made, 2),
	RIG_EACH(a_file_has_many_readers_and_writers, 2),
	RIG_EACH(pieces_lie_one_behind_the_other_in_a_file, 2),
	RIG_EACH(a_disk_is_read_past_the_page_cache, 2),
	RIG_EACH(a_disk_that_is_full_is_told, 2),
	RIG_EACH(what_cannot_be_is_refused_or_fails, 2),
	RIG_EACH(calls_that_block_are_made_by_helpers, 2),
	RIG_EACH(every_op_that_waits_can_be_cancelled, 2),
	RIG_EACH(a_cancel_that_comes_too_late_changes_nothing, 2),
	RIG_EACH(a_descriptor_is_closed_under_its_reader_and_writer, 2),
	RIG_EACH(no_reader_of_a_closed_descriptor_reads_its_successor, 2),
	RIG_EACH(a_file_is_closed_when_its_writes_are_done, 2),
	RIG_EACH(thousands_of_ops_are_under_way_at_a_time, 2),
	RIG_EACH(more_ops_than_a_ring_has_room_for_end, 2),
	RIG_EACH(done_may_submit_its_op_again, 2),
	RIG_EACH(a_sleep_on_ops_can_be_ended_by_others, 2),
	RIG_EACH(ops_begun_cancelled_and_closed_at_random, 2),
	RIG_EACH(registered_memory_is_read_and_written_as_any_other, 2),
	RIG_CASE(what_cannot_be_registered_is_refused_and_changes_nothing),
	RIG_EACH(a_confined_wait_does_what_it_may_and_no_more, 2),
	RIG_CASE(each_list_of_a_confined_wait_is_by_itself),
	RIG_CASE(a_confined_ring_takes_nothing_in_and_goes_nowhere),
};

RIG_MAIN("rt_op", cases)
