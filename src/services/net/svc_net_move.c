/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes go between sockets and the task's slices themselves. How far a task has
 * come is its value, however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_move.h"
#include "services/net/svc_net.h"
#include "services/net/svc_net_address.h"

#define PART (UINT64_C(256) << 10) /* of a file, at a time */
#define SLICES 64	/* of a task: VINE_TASK_REFS_MAX */

/* A list of pieces, of which the first may have been used in part. */
struct pieces {
	struct iovec all[SLICES];
	struct iovec *next;
	uint32_t left;
};

static void
pieces_of(const struct vine_view *views, uint32_t count, struct pieces *p)
{
	for (uint32_t i = 0; i < count; i++)
		p->all[i] = (struct iovec){ views[i].ptr, views[i].length };
	p->next = p->all;
	p->left = count;
}

/* Past `n` bytes, and past what is empty. */
static void
advance(struct pieces *p, size_t n)
{
	while (p->left && n >= p->next->iov_len) {
		n -= p->next->iov_len;
		p->next++;
		p->left--;
	}
	if (p->left) {
		p->next->iov_base = (char *)p->next->iov_base + n;
		p->next->iov_len -= n;
	}
}

static int
is_stream(const struct svc_net_call *call)
{
	return call->socket->type == SOCK_STREAM && !call->socket->listens;
}

int
svc_net_send(struct svc_net_call *call)
{
	const struct vine_net_io *io = call->args;
	int fd = call->socket->fd, stream = is_stream(call);
	struct pieces p;
	int64_t n;

	if (call->socket->listens)
		return -ENOTSOCK;
	pieces_of(call->in, call->in_count, &p);
	if (stream)
		advance(&p, 0);	/* a datagram may be empty */
	while (p.left) {
		struct msghdr m = { .msg_iov = p.next, .msg_iovlen = p.left };

		n = rt_io_sendmsg(fd, &m, MSG_NOSIGNAL, call->deadline);
		if (n < 0)
			return (int)n;
		call->value += (uint64_t)n;
		if (!stream || !(io->flags & VINE_NET_ALL))
			return 0;
		advance(&p, (size_t)n);
	}
	return 0;
}

int
svc_net_receive(struct svc_net_call *call)
{
	const struct vine_net_io *io = call->args;
	int fd = call->socket->fd, stream = is_stream(call);
	struct pieces p;
	int64_t n;

	if (call->socket->listens)
		return -ENOTSOCK;
	pieces_of(call->out, call->out_count, &p);
	if (stream)
		advance(&p, 0);
	while (p.left) {
		struct msghdr m = { .msg_iov = p.next, .msg_iovlen = p.left };

		n = rt_io_recvmsg(fd, &m, 0, call->deadline);
		if (n < 0)
			return (int)n;
		call->value += (uint64_t)n;
		if (!stream || !(io->flags & VINE_NET_ALL))
			return 0;
		if (n == 0)
			return -EPIPE;
		advance(&p, (size_t)n);
	}
	return 0;
}

int
svc_net_send_to(struct svc_net_call *call)
{
	const struct vine_net_to *to = call->args;
	struct sockaddr_storage address;
	socklen_t length;
	struct pieces p;
	struct msghdr m;
	int64_t n;
	int rc;

	if (call->socket->type != SOCK_DGRAM)
		return -ENOTSOCK;
	rc = svc_net_address_in(&to->address, &address, &length);
	if (rc)
		return rc;
	if (!svc_net_rule_allows(call->net->connect, call->net->connect_count,
				 SOCK_DGRAM, (struct sockaddr *)&address,
				 length))
		return SVC_NET_REFUSED;
	pieces_of(call->in, call->in_count, &p);
	m = (struct msghdr){
		.msg_name = &address,
		.msg_namelen = length,
		.msg_iov = p.next,
		.msg_iovlen = p.left,
	};
	n = rt_io_sendmsg(call->socket->fd, &m, MSG_NOSIGNAL, call->deadline);
	if (n < 0)
		return (int)n;
	call->value = (uint64_t)n;
	return 0;
}

int
svc_net_receive_from(struct svc_net_call *call)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	struct vine_net_address from;
	struct pieces p;
	struct msghdr m;
	int64_t n;

	if (call->socket->type != SOCK_DGRAM)
		return -ENOTSOCK;
	if (call->out[0].length < sizeof(from))
		return -EINVAL;
	pieces_of(call->out + 1, call->out_count - 1, &p);
	m = (struct msghdr){
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = p.next,
		.msg_iovlen = p.left,
	};
	n = rt_io_recvmsg(call->socket->fd, &m, 0, call->deadline);
	if (n < 0)
		return (int)n;
	svc_net_address_out(&address, m.msg_namelen, &from);
	memcpy(call->out[0].ptr, &from, sizeof(from));
	call->value = (uint64_t)n;
	return 0;
}

/*
 * Opens a file below a directory, a component at a time, and through no link:
 * what an application names may not lead elsewhere.
 */
static int
open_below(int dir, const char *name)
{
	const int way = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char part[sizeof(((struct vine_net_file *)0)->name)];
	int at = dir, next;

	for (;;) {
		size_t n = strcspn(name, "/");
		int last = name[n] == '\0';

		if (n == 0 || (n == 1 && name[0] == '.') ||
		    (n == 2 && name[0] == '.' && name[1] == '.')) {
			next = -1;
			errno = EINVAL;
		} else {
			memcpy(part, name, n);
			part[n] = '\0';
			next = openat(at, part, last ?
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
				      O_NOCTTY | O_CLOEXEC : way);
		}
		if (at != dir) {
			int why = errno;

			close(at);
			errno = why;
		}
		if (next < 0 || last)
			return next < 0 ? -errno : next;
		at = next;
		name += n + 1;
	}
}

static int
send_open_file(struct svc_net_call *call, int file)
{
	const struct vine_net_file *args = call->args;
	struct stat st;
	uint64_t length;
	int64_t n;

	if (fstat(file, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (args->offset >= (uint64_t)st.st_size)
		return 0;
	length = (uint64_t)st.st_size - args->offset;
	if (length > args->length)
		length = args->length;
	while (call->value < length) {
		uint64_t part = length - call->value;

		/* of a part that fails it is not known how much went */
		n = rt_move(file, (int64_t)(args->offset + call->value),
			    call->socket->fd, RT_IO_HERE,
			    part < PART ? part : PART, call->deadline);
		if (n < 0)
			return (int)n;
		if (n == 0)	/* it was cut meanwhile */
			break;
		call->value += (uint64_t)n;
	}
	return 0;
}

int
svc_net_send_file(struct svc_net_call *call)
{
	const struct vine_net_file *args = call->args;
	int file, rc;

	if (!is_stream(call))
		return -ENOTSOCK;
	if (memchr(args->name, '\0', sizeof(args->name)) == NULL)
		return -EINVAL;
	if (call->net->files < 0)
		return SVC_NET_REFUSED;
	file = open_below(call->net->files, args->name);
	if (file < 0)
		return file == -ELOOP ? SVC_NET_REFUSED : file;
	rc = send_open_file(call, file);
	close(file);
	return rc;
}
