/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call is tried first, where that is cheaper; then it is submitted and the
 * task sleeps until its done. A call that is ended early asks the wait to
 * cancel its op and goes on sleeping: the wake is that of done. A task that is
 * cancelled already begins no call: one that never has to wait would not end.
 *
 * A task whose calls never have to wait lets the others run after some.
 */
#include <errno.h>
#include <limits.h>

#include "core/vine_limits.h"
#include "rt/rt_host.h"
#include "rt/rt_inside.h"
#include "rt/rt_io.h"
#include "rt/rt_op.h"

struct call {
	struct rt_block block;
	struct rt_op op;
	struct rt_wait *wait;
	int why;		/* it was to end early; 0: no */
};

static void
on_done(struct rt_op *op, int64_t result)
{
	struct call *c = op->user;

	RT_TRACE_AT(rt_self, op_done, c->block.task, (intptr_t)op->fd, result);
	op->result = result;
	rt_task_wake(&c->block, 0);
}

static int
leave(struct rt_block *block, int why)
{
	struct call *c = (struct call *)(void *)((char *)block -
						 offsetof(struct call, block));

	c->why = why;
	rt_wait_cancel(c->wait, &c->op);
	return -EBUSY;
}

static int64_t
sleep_on(struct call *c, uint64_t deadline)
{
	int rc;

	c->op.done = on_done;
	c->op.user = c;
	c->block.what = rt_op_name(c->op.kind);
	c->block.object = (void *)(intptr_t)c->op.fd;
	c->block.kind = c->op.kind == RT_OP_CALL ? RT_OBJECT_ANY :
		RT_OBJECT_FD;
	c->block.undo = leave;
	RT_TRACE_AT(rt_self, op_submit, rt_self->current,
		    (intptr_t)c->op.fd, c->op.kind);
	rc = rt_wait_submit(c->wait, &c->op);
	if (rc)
		return rc;
	rt_task_block(&c->block, deadline);
	rt_self->in_a_row = 0;
	return c->op.result == -ECANCELED && c->why ? c->why : c->op.result;
}

static int64_t
run(struct call *c, uint64_t deadline)
{
	int64_t result = rt_task_check();

	/* what is not closed now never is */
	if (result == -EPERM || (result && c->op.kind != RT_OP_CLOSE))
		return result;
	c->wait = rt_sched_wait(rt_sched_self());
	result = rt_wait_try(c->wait, &c->op);
	if (result == -EAGAIN)
		return sleep_on(c, deadline);
	if (++rt_self->in_a_row >= (c->op.kind == RT_OP_ACCEPT ?
				    VINE_RT_ACCEPTS : VINE_RT_IN_A_ROW)) {
		rt_self->in_a_row = 0;
		rt_task_yield();	/* a cancel is for the next call */
	}
	return result;
}

static int64_t
data(enum rt_op_kind kind, int fd, const void *data, size_t length,
     int64_t offset, uint64_t deadline)
{
	struct call c = { .op = {
		.kind = kind, .fd = fd, .data = (void *)(uintptr_t)data,
		.length = length, .offset = offset,
	} };

	return run(&c, deadline);
}

static int64_t
message(enum rt_op_kind kind, int fd, const void *data, size_t length,
	int flags, uint64_t deadline)
{
	struct call c = { .op = {
		.kind = kind, .fd = fd, .data = (void *)(uintptr_t)data,
		.length = length, .flags = (uint32_t)flags,
	} };

	return run(&c, deadline);
}

/* --- some of it ----------------------------------------------------------- */

int64_t
rt_io_read(int fd, void *to, size_t length, int64_t offset, uint64_t deadline)
{
	return data(RT_OP_READ, fd, to, length, offset, deadline);
}

int64_t
rt_io_write(int fd, const void *from, size_t length, int64_t offset,
	    uint64_t deadline)
{
	return data(RT_OP_WRITE, fd, from, length, offset, deadline);
}

/* The kernel takes so many pieces at a time. */
static uint32_t
pieces_of(uint32_t count)
{
	return count < IOV_MAX ? count : IOV_MAX;
}

int64_t
rt_io_readv(int fd, const struct iovec *pieces, uint32_t count, int64_t offset,
	    uint64_t deadline)
{
	return data(RT_OP_READV, fd, pieces, pieces_of(count), offset,
		    deadline);
}

int64_t
rt_io_writev(int fd, const struct iovec *pieces, uint32_t count,
	     int64_t offset, uint64_t deadline)
{
	return data(RT_OP_WRITEV, fd, pieces, pieces_of(count), offset,
		    deadline);
}

int64_t
rt_io_recv(int fd, void *to, size_t length, int flags, uint64_t deadline)
{
	return message(RT_OP_RECV, fd, to, length, flags, deadline);
}

int64_t
rt_io_send(int fd, const void *from, size_t length, int flags,
	   uint64_t deadline)
{
	return message(RT_OP_SEND, fd, from, length, flags, deadline);
}

int64_t
rt_io_recvmsg(int fd, struct msghdr *to, int flags, uint64_t deadline)
{
	return message(RT_OP_RECVMSG, fd, to, 0, flags, deadline);
}

int64_t
rt_io_sendmsg(int fd, const struct msghdr *from, int flags, uint64_t deadline)
{
	return message(RT_OP_SENDMSG, fd, from, 0, flags, deadline);
}

/* --- all of it ------------------------------------------------------------ */

static int
all(enum rt_op_kind kind, int fd, const void *from, size_t length,
    int64_t offset, uint64_t deadline)
{
	const char *at = from;

	while (length) {
		int64_t n = data(kind, fd, at, length, offset, deadline);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		at += n;
		length -= (size_t)n;
		if (offset != RT_IO_HERE)
			offset += n;
	}
	return 0;
}

int
rt_io_read_all(int fd, void *to, size_t length, int64_t offset,
	       uint64_t deadline)
{
	return all(RT_OP_READ, fd, to, length, offset, deadline);
}

int
rt_io_write_all(int fd, const void *from, size_t length, int64_t offset,
		uint64_t deadline)
{
	return all(RT_OP_WRITE, fd, from, length, offset, deadline);
}

/* Take n bytes off the front of a list; returns how many pieces that ends. */
static uint32_t
take_off(struct iovec *pieces, uint32_t count, size_t n)
{
	uint32_t i = 0;

	while (i < count && n >= pieces[i].iov_len) {
		n -= pieces[i].iov_len;
		pieces[i].iov_len = 0;
		i++;
	}
	if (n) {
		pieces[i].iov_base = (char *)pieces[i].iov_base + n;
		pieces[i].iov_len -= n;
	}
	return i;
}

static int
all_pieces(enum rt_op_kind kind, int fd, struct iovec *pieces, uint32_t count,
	   int64_t offset, uint64_t deadline)
{
	uint32_t at = take_off(pieces, count, 0);

	while (at < count) {
		int64_t n = data(kind, fd, pieces + at, pieces_of(count - at),
				 offset, deadline);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		at += take_off(pieces + at, count - at, (size_t)n);
		if (offset != RT_IO_HERE)
			offset += n;
	}
	return 0;
}

int
rt_io_readv_all(int fd, struct iovec *pieces, uint32_t count, int64_t offset,
		uint64_t deadline)
{
	return all_pieces(RT_OP_READV, fd, pieces, count, offset, deadline);
}

int
rt_io_writev_all(int fd, struct iovec *pieces, uint32_t count, int64_t offset,
		 uint64_t deadline)
{
	return all_pieces(RT_OP_WRITEV, fd, pieces, count, offset, deadline);
}

/* --- the rest ------------------------------------------------------------- */

int
rt_io_accept(int fd, struct sockaddr *address, socklen_t *length,
	     uint64_t deadline)
{
	struct call c = { .op = {
		.kind = RT_OP_ACCEPT, .fd = fd, .address = address,
		.address_length = address ? *length : 0,
		.flags = SOCK_NONBLOCK | SOCK_CLOEXEC,
	} };
	int64_t result = run(&c, deadline);

	if (result >= 0 && address)
		*length = c.op.address_length;
	return (int)result;
}

int
rt_io_connect(int fd, const struct sockaddr *address, socklen_t length,
	      uint64_t deadline)
{
	struct call c = { .op = {
		.kind = RT_OP_CONNECT, .fd = fd,
		.address = (struct sockaddr *)(uintptr_t)address,
		.address_length = length,
	} };

	return (int)run(&c, deadline);
}

int
rt_io_fsync(int fd, uint64_t deadline)
{
	return (int)message(RT_OP_FSYNC, fd, NULL, 0, 0, deadline);
}

int
rt_io_fdatasync(int fd, uint64_t deadline)
{
	return (int)message(RT_OP_FDATASYNC, fd, NULL, 0, 0, deadline);
}

int64_t
rt_io_size(int fd, uint64_t deadline)
{
	return message(RT_OP_SIZE, fd, NULL, 0, 0, deadline);
}

int
rt_io_truncate(int fd, int64_t size, uint64_t deadline)
{
	return (int)data(RT_OP_TRUNCATE, fd, NULL, 0, size, deadline);
}

int
rt_io_allocate(int fd, int mode, int64_t offset, int64_t length,
	       uint64_t deadline)
{
	struct call c = { .op = {
		.kind = RT_OP_ALLOCATE, .fd = fd, .flags = (uint32_t)mode,
		.offset = offset, .length = (size_t)length,
	} };

	return (int)run(&c, deadline);
}

int
rt_io_poll(int fd, uint32_t events, uint64_t deadline)
{
	return (int)message(RT_OP_POLL, fd, NULL, 0, (int)events, deadline);
}

static int64_t
splice_of(enum rt_op_kind kind, int fd, int pipe, size_t length,
	  int64_t offset, uint64_t deadline)
{
	struct call c = { .op = {
		.kind = kind, .fd = fd, .pipe = pipe, .length = length,
		.offset = offset,
	} };

	return run(&c, deadline);
}

int64_t
rt_io_pull(int fd, int pipe, size_t length, int64_t offset, uint64_t deadline)
{
	return splice_of(RT_OP_PULL, fd, pipe, length, offset, deadline);
}

int64_t
rt_io_push(int fd, int pipe, size_t length, int64_t offset, uint64_t deadline)
{
	return splice_of(RT_OP_PUSH, fd, pipe, length, offset, deadline);
}

struct called {
	int64_t (*call)(void *arg);
	void *arg;
};

static int64_t
make_call(struct rt_op *op)
{
	const struct called *c = op->data;

	return c->call(c->arg);
}

int64_t
rt_io_call(int64_t (*fn)(void *arg), void *arg, uint64_t deadline)
{
	struct called called = { fn, arg };
	struct call c = { .op = {
		.kind = RT_OP_CALL, .fd = -1, .data = &called,
		.call = make_call,
	} };

	return run(&c, deadline);
}

int
rt_io_close(int fd)
{
	struct call c = { .op = { .kind = RT_OP_CLOSE, .fd = fd } };

	return (int)run(&c, RT_NEVER);
}

/* --- files by name: helpers ask the host -------------------------------- */

struct named {
	struct rt_host *host;
	const char *path;
	const char *to;
	int flags;
	mode_t mode;
};

static int64_t
open_it(void *arg)
{
	const struct named *n = arg;

	return n->host->ops->open(n->host, n->path, n->flags, n->mode);
}

int
rt_io_open(const char *path, int flags, mode_t mode, uint64_t deadline)
{
	struct named n = { .host = rt_host_self(), .path = path,
			   .flags = flags, .mode = mode };

	return (int)rt_io_call(open_it, &n, deadline);
}

static int64_t
unlink_it(void *arg)
{
	const struct named *n = arg;

	return n->host->ops->unlink(n->host, n->path);
}

int
rt_io_unlink(const char *path, uint64_t deadline)
{
	struct named n = { .host = rt_host_self(), .path = path };

	return (int)rt_io_call(unlink_it, &n, deadline);
}

static int64_t
rename_it(void *arg)
{
	const struct named *n = arg;

	return n->host->ops->rename(n->host, n->path, n->to);
}

int
rt_io_rename(const char *from, const char *to, uint64_t deadline)
{
	struct named n = { .host = rt_host_self(), .path = from, .to = to };

	return (int)rt_io_call(rename_it, &n, deadline);
}

static int64_t
sync_it(void *arg)
{
	const struct named *n = arg;

	return n->host->ops->sync_dir(n->host, n->path);
}

int
rt_io_sync_dir(const char *path, uint64_t deadline)
{
	struct named n = { .host = rt_host_self(), .path = path };

	return (int)rt_io_call(sync_it, &n, deadline);
}
