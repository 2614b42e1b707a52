/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind has a function that does to a file or a socket of the node what the
 * kernel's call of that name would. What is in pieces is copied to one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "rt/rt_sim_file.h"
#include "rt/rt_sim_listener.h"
#include "rt/rt_sim_op.h"
#include "rt/rt_sim_socket.h"
#include "rt/rt_stock.h"

#define LENGTH_MAX 0x7ffff000u	/* of one call; the kernel's own bound */

static size_t
total(const struct iovec *pieces, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += pieces[i].iov_len;
	return n < LENGTH_MAX ? n : LENGTH_MAX;
}

/* Copy n bytes between pieces and a buffer. */
static void
copy(const struct iovec *pieces, char *bytes, size_t n, int to_pieces)
{
	for (; n; pieces++) {
		size_t part = pieces->iov_len < n ? pieces->iov_len : n;

		if (part && to_pieces)
			memcpy(pieces->iov_base, bytes, part);
		else if (part)
			memcpy(bytes, pieces->iov_base, part);
		bytes += part;
		n -= part;
	}
}

static int64_t
do_file(struct rt_sim_node *node, struct rt_sim_fd *at, struct rt_op *op,
	char *bytes, size_t n, int is_read)
{
	const int here = op->offset == RT_OP_HERE;
	const int64_t offset = here ? at->position : op->offset;
	const int safe = (at->flags & (O_DSYNC | O_SYNC)) != 0 ||
		(op->flags & (RWF_DSYNC | RWF_SYNC)) != 0;
	const uint32_t mode = at->flags & O_ACCMODE;
	int64_t result;

	if (mode == (is_read ? O_WRONLY : O_RDONLY))
		return -EBADF;
	if (at->flags & O_DIRECT && ((uint64_t)offset | n) % 512)
		return -EINVAL;
	result = is_read ?
		rt_sim_file_read(node, at->file, bytes, n, offset) :
		rt_sim_file_write(node, at->file, bytes, n,
				  at->flags & O_APPEND ?
				  rt_sim_file_size(at->file) : offset, safe);
	if (here && result > 0)
		at->position += result;
	return result;
}

/* Reads and writes, of streams and files, of one piece or more. */
static int64_t
do_pieces(struct rt_sim_node *node, struct rt_sim_fd *at, struct rt_op *op,
	  const struct iovec *pieces, size_t count, int is_read)
{
	size_t n = total(pieces, count);
	char *bytes = malloc(n + 1);
	int64_t result;

	if (bytes == NULL)
		return -ENOMEM;
	if (!is_read)
		copy(pieces, bytes, n, 0);
	if (at->file)
		result = do_file(node, at, op, bytes, n, is_read);
	else if (op->offset != RT_OP_HERE && op->kind <= RT_OP_WRITEV)
		result = -ESPIPE;
	else if (is_read)
		result = rt_sim_socket_recv(at->socket, bytes, n, op->kind ==
					 RT_OP_RECV ? (int)op->flags : 0,
					 NULL, NULL);
	else
		result = rt_sim_socket_send(at->socket, bytes, n, NULL, 0);
	if (is_read && result > 0)
		copy(pieces, bytes, (size_t)result, 1);
	free(bytes);
	return result;
}

static int64_t
do_message(struct rt_sim_fd *at, struct rt_op *op)
{
	struct sockaddr_storage from;
	struct msghdr *m = op->data;
	size_t n = total(m->msg_iov, m->msg_iovlen);
	socklen_t length = 0;
	char *bytes = malloc(n + 1);
	int64_t result;

	if (bytes == NULL)
		return -ENOMEM;
	if (op->kind == RT_OP_SENDMSG) {
		copy(m->msg_iov, bytes, n, 0);
		result = rt_sim_socket_send(at->socket, bytes, n, m->msg_name,
					 m->msg_namelen);
		free(bytes);
		return result;
	}
	result = rt_sim_socket_recv(at->socket, bytes, n, (int)op->flags, &from,
				 &length);
	if (result >= 0) {
		copy(m->msg_iov, bytes, (size_t)result, 1);
		if (m->msg_name && length)
			memcpy(m->msg_name, &from, length < m->msg_namelen ?
			       length : m->msg_namelen);
		m->msg_namelen = length;
		m->msg_controllen = 0;
		m->msg_flags = 0;
	}
	free(bytes);
	return result;
}

static int64_t
do_call(struct rt_op *op)
{
	int64_t result = op->call(op);

	/* an error that is none ends an op, too */
	return result < -4095 ? -EINVAL : result;
}

/* All that wait: -EAGAIN has the socket asked again. */
static int64_t
do_accepts(struct rt_sim_fd *at, struct rt_op *op)
{
	for (uint32_t i = 0; i < VINE_RT_ACCEPTS; i++) {
		socklen_t length = 0;
		int64_t fd = rt_sim_listener_accept(at->socket, NULL, &length);

		if (fd < 0)
			return fd;
		if (!op->fed(op, fd, 0))
			return -ENOBUFS;
	}
	return -EAGAIN;
}

static int64_t
do_feed(struct rt_sim_fd *at, struct rt_op *op)
{
	struct rt_stock *stock = op->data;

	for (uint32_t i = 0; i < VINE_RT_FEEDS; i++) {
		uint32_t index = rt_stock_take(stock);
		int64_t n;

		if (index == RT_STOCK_NONE)
			return -ENOBUFS;
		n = rt_sim_socket_recv(at->socket, rt_stock_at(stock, index),
				    stock->size, (int)op->flags, NULL, NULL);
		if (n <= 0) {
			rt_stock_untake(stock, index);
			return n;
		}
		if (!op->fed(op, n, index))
			return -ENOBUFS;
	}
	return -EAGAIN;
}

static int64_t
do_socket(struct rt_sim_fd *at, struct rt_op *op)
{
	uint32_t events;

	if (op->kind == RT_OP_POLL) {
		events = at->file ? POLLIN | POLLOUT :
			rt_sim_socket_events(at->socket);
		events &= op->flags | POLLERR | POLLHUP;
		return events ? (int64_t)events : -EAGAIN;
	}
	if (at->socket == NULL)
		return -ENOTSOCK;
	if (op->kind == RT_OP_ACCEPT)
		return rt_sim_listener_accept(at->socket, op->address,
					 &op->address_length);
	if (op->kind == RT_OP_ACCEPTS)
		return do_accepts(at, op);
	if (op->kind == RT_OP_FEED)
		return do_feed(at, op);
	if (op->kind == RT_OP_CONNECT)
		return rt_sim_socket_connect(at->socket, op->address,
					  op->address_length);
	return do_message(at, op);
}

static int64_t
do_disk(struct rt_sim_node *node, struct rt_sim_fd *at, struct rt_op *op,
	uint64_t mark)
{
	if (at->file == NULL)
		return -EINVAL;
	switch (op->kind) {
	case RT_OP_SIZE:
		return rt_sim_file_size(at->file);
	case RT_OP_TRUNCATE:
		return rt_sim_file_truncate(node, at->file, op->offset);
	case RT_OP_ALLOCATE:
		return rt_sim_file_allocate(node, at->file, (int)op->flags,
					    op->offset, (int64_t)op->length);
	default:
		return rt_sim_file_sync(node, at->file, mark);
	}
}

int64_t
rt_sim_op_carry(struct rt_sim_node *node, struct rt_op *op, uint64_t mark)
{
	struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);
	const struct iovec one = { op->data, op->length };

	if (op->kind == RT_OP_CALL)
		return do_call(op);
	if (at == NULL)
		return -EBADF;
	switch (op->kind) {
	case RT_OP_RECV:
	case RT_OP_SEND:
		if (at->socket == NULL)
			return -ENOTSOCK;
		/* fall through */
	case RT_OP_READ:
	case RT_OP_WRITE:
		return do_pieces(node, at, op, &one, 1, op->kind ==
				 RT_OP_READ || op->kind == RT_OP_RECV);
	case RT_OP_READV:
	case RT_OP_WRITEV:
		return do_pieces(node, at, op, op->data, op->length,
				 op->kind == RT_OP_READV);
	case RT_OP_PULL:
	case RT_OP_PUSH:
		return -EINVAL;	/* there are no pipes */
	case RT_OP_FSYNC:
	case RT_OP_FDATASYNC:
	case RT_OP_SIZE:
	case RT_OP_TRUNCATE:
	case RT_OP_ALLOCATE:
		return do_disk(node, at, op, mark);
	default:
		return do_socket(at, op);
	}
}
