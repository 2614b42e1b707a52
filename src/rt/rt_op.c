/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind has a function that makes its system call. Whether that blocks is
 * up to the descriptor: streams are O_NONBLOCK, files have no such thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "rt/rt_op.h"
#include "rt/rt_stock.h"

enum side { IN, OUT, READS, WRITES, EVENTS, DISK, ALL, NONE };

static const uint8_t sides[RT_OP_KINDS] = {
#define RT_OP(NAME, name, side) [RT_OP_##NAME] = (side),
#include "rt/rt_op.def"
#undef RT_OP
};

static const char *const names[RT_OP_KINDS] = {
#define RT_OP(NAME, name, side) [RT_OP_##NAME] = #name,
#include "rt/rt_op.def"
#undef RT_OP
};

const char *
rt_op_name(enum rt_op_kind kind)
{
	return (unsigned int)kind < RT_OP_KINDS ? names[kind] : "?";
}

uint32_t
rt_op_side(const struct rt_op *op)
{
	switch ((enum side)sides[op->kind]) {
	case IN:
		return RT_OP_IN;
	case OUT:
		return RT_OP_OUT;
	case READS:
		return op->offset == RT_OP_HERE ? RT_OP_IN : 0;
	case WRITES:
		return op->offset == RT_OP_HERE ? RT_OP_OUT : 0;
	case EVENTS:
		/* who asks for no event waits for what goes wrong */
		return (op->flags == POLLOUT ? 0 : RT_OP_IN) |
			(op->flags & POLLOUT ? RT_OP_OUT : 0);
	case DISK:
	case ALL:
	case NONE:
		break;
	}
	return 0;
}

int
rt_op_is_helped(const struct rt_op *op)
{
	return op->kind == RT_OP_SIZE || op->kind == RT_OP_TRUNCATE ||
		op->kind == RT_OP_ALLOCATE || op->kind == RT_OP_CALL;
}

uint32_t
rt_op_events(const struct rt_op *op)
{
	if (op->kind == RT_OP_POLL)
		return op->flags | POLLERR | POLLHUP;
	return rt_op_side(op) == RT_OP_IN ? POLLIN : POLLOUT;
}

/* READ and WRITE with an offset or flags are READV and WRITEV of one piece. */
static struct iovec
piece(const struct rt_op *op)
{
	return (struct iovec){ op->data, op->length };
}

static int64_t
carry_readv(struct rt_op *op)
{
	if (op->flags)
		return preadv2(op->fd, op->data, (int)op->length, op->offset,
			       (int)op->flags);
	if (op->offset == RT_OP_HERE)
		return readv(op->fd, op->data, (int)op->length);
	return preadv(op->fd, op->data, (int)op->length, op->offset);
}

static int64_t
carry_writev(struct rt_op *op)
{
	if (op->flags)
		return pwritev2(op->fd, op->data, (int)op->length, op->offset,
				(int)op->flags);
	if (op->offset == RT_OP_HERE)
		return writev(op->fd, op->data, (int)op->length);
	return pwritev(op->fd, op->data, (int)op->length, op->offset);
}

static int64_t
carry_read(struct rt_op *op)
{
	struct iovec v = piece(op);

	if (op->flags)
		return preadv2(op->fd, &v, 1, op->offset, (int)op->flags);
	if (op->offset == RT_OP_HERE)
		return read(op->fd, op->data, op->length);
	return pread(op->fd, op->data, op->length, op->offset);
}

static int64_t
carry_write(struct rt_op *op)
{
	struct iovec v = piece(op);

	if (op->flags)
		return pwritev2(op->fd, &v, 1, op->offset, (int)op->flags);
	if (op->offset == RT_OP_HERE)
		return write(op->fd, op->data, op->length);
	return pwrite(op->fd, op->data, op->length, op->offset);
}

static int64_t
carry_recv(struct rt_op *op)
{
	return recv(op->fd, op->data, op->length,
		    (int)op->flags | MSG_DONTWAIT);
}

static int64_t
carry_send(struct rt_op *op)
{
	return send(op->fd, op->data, op->length,
		    (int)op->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int64_t
carry_recvmsg(struct rt_op *op)
{
	return recvmsg(op->fd, op->data, (int)op->flags | MSG_DONTWAIT);
}

static int64_t
carry_sendmsg(struct rt_op *op)
{
	return sendmsg(op->fd, op->data,
		       (int)op->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int64_t
carry_accept(struct rt_op *op)
{
	return accept4(op->fd, op->address,
		       op->address ? &op->address_length : NULL,
		       (int)op->flags);
}

static int64_t
no_more(void)
{
	errno = ENOBUFS;
	return -1;
}

/* All that wait, up to a bound: -EAGAIN has the descriptor asked again. */
static int64_t
carry_accepts(struct rt_op *op)
{
	for (uint32_t i = 0; i < VINE_RT_ACCEPTS; i++) {
		int fd = accept4(op->fd, NULL, NULL, (int)op->flags);

		if (fd < 0)
			return -1;
		op->vain = 0;
		if (!op->fed(op, fd, 0))
			return no_more();
	}
	errno = EAGAIN;
	return -1;
}

static int64_t
carry_feed(struct rt_op *op)
{
	struct rt_stock *stock = op->data;

	for (uint32_t i = 0; i < VINE_RT_FEEDS; i++) {
		uint32_t index = rt_stock_take(stock);
		int64_t n;

		if (index == RT_STOCK_NONE)
			return no_more();
		n = recv(op->fd, rt_stock_at(stock, index), stock->size,
			 (int)op->flags | MSG_DONTWAIT);
		if (n <= 0) {
			rt_stock_untake(stock, index);
			return n;
		}
		op->vain = 0;
		if (!op->fed(op, n, index))
			return no_more();
	}
	errno = EAGAIN;
	return -1;
}

/* The first call begins, the others ask what became of it. */
static int64_t
carry_connect(struct rt_op *op)
{
	int again = op->tried;

	op->tried = 1;
	if (connect(op->fd, op->address, op->address_length) == 0 ||
	    (again && errno == EISCONN))
		return 0;
	if (errno == EINPROGRESS || (again && errno == EALREADY))
		errno = EAGAIN;
	else if (errno == EAGAIN)
		errno = EBUSY;	/* UNIX, the other's queue is full: no event */
	return -1;
}

static int64_t
carry_fsync(struct rt_op *op)
{
	return fsync(op->fd);
}

static int64_t
carry_fdatasync(struct rt_op *op)
{
	return fdatasync(op->fd);
}

static int64_t
carry_size(struct rt_op *op)
{
	struct stat st;

	return fstat(op->fd, &st) == 0 ? st.st_size : -1;
}

static int64_t
carry_truncate(struct rt_op *op)
{
	return ftruncate(op->fd, op->offset);
}

static int64_t
carry_allocate(struct rt_op *op)
{
	return fallocate(op->fd, (int)op->flags, op->offset,
			 (off_t)op->length);
}

static int64_t
carry_poll(struct rt_op *op)
{
	struct pollfd p = { .fd = op->fd, .events = (short)op->flags };
	int n = poll(&p, 1, 0);

	if (n == 1 && p.revents & POLLNVAL) {
		errno = EBADF;
		return -1;
	}
	if (n == 0)
		errno = EAGAIN;
	return n == 1 ? p.revents : -1;
}

static loff_t *
place(struct rt_op *op, loff_t *offset)
{
	*offset = op->offset;
	return op->offset == RT_OP_HERE ? NULL : offset;
}

static int64_t
carry_pull(struct rt_op *op)
{
	loff_t offset;

	return splice(op->fd, place(op, &offset), op->pipe, NULL, op->length,
		      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static int64_t
carry_push(struct rt_op *op)
{
	loff_t offset;

	return splice(op->pipe, NULL, op->fd, place(op, &offset), op->length,
		      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static int64_t
carry_close(struct rt_op *op)
{
	(void)op;
	errno = EINVAL;
	return -1;
}

static int64_t
carry_call(struct rt_op *op)
{
	int64_t result = op->call(op);

	if (result >= 0)
		return result;
	/* an error that is none ends an op, too */
	errno = result < -4095 ? EINVAL : (int)-result;
	return -1;
}

int64_t
rt_op_carry(struct rt_op *op)
{
	static int64_t (*const carry[RT_OP_KINDS])(struct rt_op *op) = {
#define RT_OP(NAME, name, side) [RT_OP_##NAME] = carry_##name,
#include "rt/rt_op.def"
#undef RT_OP
	};
	int64_t result;

	do
		result = carry[op->kind](op);
	while (result < 0 && errno == EINTR && op->kind != RT_OP_CALL);
	return result < 0 ? -errno : result;
}
