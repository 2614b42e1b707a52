/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most kinds of ops are an operation of the kernel's by themselves. The others
 * are a poll, and what follows it is the engine's.
 */
#include <poll.h>

#include "rt/rt_ring_op.h"

#define LENGTH_MAX 0x7ffff000u	/* of one call; the kernel's own bound */

static unsigned int
clamp(size_t length)
{
	return length < LENGTH_MAX ? (unsigned int)length : LENGTH_MAX;
}

/* The opcode of what is a buffer, or pieces, at an offset. */
static void
prepare_data(struct io_uring_sqe *sqe, const struct rt_op *op, int code)
{
	io_uring_prep_rw(code, sqe, op->fd, op->data, clamp(op->length),
			 (uint64_t)op->offset);
	sqe->rw_flags = (__kernel_rwf_t)op->flags;
}

/* READ or WRITE, and how it is called where the memory is registered. */
static void
prepare_buffer(const struct rt_ring *ring, struct io_uring_sqe *sqe,
	       const struct rt_op *op, int code, int fixed)
{
	int area = rt_ring_area_of(ring, op);

	prepare_data(sqe, op, area < 0 ? code : fixed);
	if (area >= 0)
		sqe->buf_index = (uint16_t)area;
}

static void
prepare_socket(struct io_uring_sqe *sqe, struct rt_op *op)
{
	/* the kernel would not wait for room, and say so all the time */
	const int flags = (int)op->flags & ~MSG_DONTWAIT;

	switch (op->kind) {
	case RT_OP_RECV:
		io_uring_prep_recv(sqe, op->fd, op->data, clamp(op->length),
				   flags);
		break;
	case RT_OP_SEND:
		io_uring_prep_send(sqe, op->fd, op->data, clamp(op->length),
				   flags | MSG_NOSIGNAL);
		break;
	case RT_OP_RECVMSG:
		io_uring_prep_recvmsg(sqe, op->fd, op->data,
				      (unsigned int)flags);
		break;
	case RT_OP_SENDMSG:
		io_uring_prep_sendmsg(sqe, op->fd, op->data,
				      (unsigned int)flags | MSG_NOSIGNAL);
		break;
	case RT_OP_ACCEPTS:
		io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, flags);
		break;
	case RT_OP_ACCEPT:
		io_uring_prep_accept(sqe, op->fd, op->address, op->address ?
				     &op->address_length : NULL, flags);
		break;
	default:
		io_uring_prep_connect(sqe, op->fd, op->address,
				      op->address_length);
	}
}

/* Into buffers that the kernel picks; where it has none, when they are there. */
static void
prepare_feed(struct io_uring_sqe *sqe, const struct rt_op *op)
{
	const struct rt_stock *stock = op->data;

	if (stock->ring == NULL) {
		io_uring_prep_poll_add(sqe, op->fd, POLLIN);
		return;
	}
	io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0,
				     (int)op->flags & ~MSG_DONTWAIT);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t)stock->group;
}

void
rt_ring_op_prepare(const struct rt_ring *ring, struct io_uring_sqe *sqe,
		   struct rt_op *op)
{
	switch (op->kind) {
	case RT_OP_READ:
		prepare_buffer(ring, sqe, op, IORING_OP_READ,
			       IORING_OP_READ_FIXED);
		break;
	case RT_OP_WRITE:
		prepare_buffer(ring, sqe, op, IORING_OP_WRITE,
			       IORING_OP_WRITE_FIXED);
		break;
	case RT_OP_READV:
		prepare_data(sqe, op, IORING_OP_READV);
		break;
	case RT_OP_WRITEV:
		prepare_data(sqe, op, IORING_OP_WRITEV);
		break;
	case RT_OP_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, 0);
		break;
	case RT_OP_FDATASYNC:
		io_uring_prep_fsync(sqe, op->fd, IORING_FSYNC_DATASYNC);
		break;
	case RT_OP_POLL:
	case RT_OP_PULL:
	case RT_OP_PUSH:
		io_uring_prep_poll_add(sqe, op->fd, rt_op_events(op));
		break;
	case RT_OP_FEED:
		prepare_feed(sqe, op);
		break;
	default:
		prepare_socket(sqe, op);
	}
	io_uring_sqe_set_data64(sqe, rt_ring_op_tag(op));
}
