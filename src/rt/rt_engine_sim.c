/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of a simulated node, and its host: operations end when the clock
 * of the world says so, descriptors are numbers of the node.
 *
 * What a disk does takes a time out of the seed and is done at its end, so that
 * operations pass each other. What a stream does is tried, at once or a little
 * later, and again when its socket has news. A write to a disk that is under
 * way when power is cut may have come to it.
 *
 * All that an operation ends with goes through `end`, and so into the digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "rt/rt_sim_file.h"
#include "rt/rt_sim_listener.h"
#include "rt/rt_sim_net.h"
#include "rt/rt_sim_socket.h"
#include "rt/rt_stock.h"

#define SOON 3000u		/* ns, at most, until something is tried */
#define SLOW 100u		/* times as long as usual */
#define LENGTH_MAX 0x7ffff000u	/* of one call; the kernel's own bound */
#define UNDER_WAY(link_) utils_list_of(link_, struct under_way, link)

/* An operation that the engine has. */
struct under_way {
	struct utils_link link;	/* of its node's */
	struct rt_sim_event event;
	struct rt_sim_node *node;
	struct rt_op *op;
	uint64_t mark;		/* of an fsync: where its file was */
	uint8_t waits;		/* for news of its socket */
};

/* --- descriptors ---------------------------------------------------------- */

struct rt_sim_fd *
rt_sim_fd_at(struct rt_sim_node *node, int fd)
{
	struct rt_sim_fd *at;

	if (fd < RT_SIM_FD || fd >= RT_SIM_FD + VINE_RT_SIM_FDS)
		return NULL;
	at = &node->fds[fd - RT_SIM_FD];
	return at->file || at->socket ? at : NULL;
}

int
rt_sim_fd_new(struct rt_sim_node *node, struct rt_sim_fd **at)
{
	for (int i = 0; i < VINE_RT_SIM_FDS; i++) {
		*at = &node->fds[i];
		if ((*at)->file || (*at)->socket)
			continue;
		memset(*at, 0, sizeof(**at));
		return RT_SIM_FD + i;
	}
	return -EMFILE;
}

static void
try_soon(struct rt_op *op)
{
	struct under_way *u = op ? op->engine : NULL;
	struct rt_sim *sim;

	if (u == NULL || !u->waits)
		return;
	sim = u->node->sim;
	u->waits = 0;
	rt_sim_at(sim, &u->event, sim->now + rt_sim_below(sim, SOON));
}

void
rt_sim_fd_news(struct rt_sim_node *node, int fd)
{
	struct rt_sim_fd *at = rt_sim_fd_at(node, fd);
	struct rt_fd *ops;

	if (at == NULL || node->wait == NULL)
		return;
	node->news |= at->events != 0;
	ops = rt_wait_fd(node->wait, fd);
	if (ops == NULL)
		return;
	try_soon(ops->in);
	try_soon(ops->out);
}

/* --- what operations do --------------------------------------------------- */

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
do_disk(struct rt_sim_node *node, struct rt_sim_fd *at, struct rt_op *op)
{
	const struct under_way *u = op->engine;

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
		return rt_sim_file_sync(node, at->file, u ? u->mark :
					rt_sim_file_mark(at->file));
	}
}

/* Do what an operation is, now. -EAGAIN: it has to wait for its socket. */
static int64_t
carry(struct rt_sim_node *node, struct rt_op *op)
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
		return do_disk(node, at, op);
	default:
		return do_socket(at, op);
	}
}

/* --- their course --------------------------------------------------------- */

static void
end(struct under_way *u, int64_t result)
{
	struct rt_sim_node *node = u->node;
	struct rt_op *op = u->op;

	rt_sim_clock_cancel(&node->sim->clock, &u->event);
	utils_list_remove(&u->link);
	op->engine = NULL;
	free(u);
	rt_sim_note(node, rt_op_name(op->kind), op->fd, result);
	rt_wait_finish(node->wait, op, result);
}

/* Whether an operation waits for a socket, or for time to pass. */
static int
is_stream(struct rt_sim_node *node, const struct rt_op *op)
{
	const struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	return op->kind != RT_OP_CALL && at && at->socket;
}

static void
on_event(struct rt_sim_event *event)
{
	struct under_way *u = event->user;
	int64_t result = carry(u->node, u->op);

	if (result == -EAGAIN && is_stream(u->node, u->op))
		u->waits = 1;
	else
		end(u, result);
}

/* How long it takes: a call of the host's as long as something of the disk. */
static uint64_t
duration(struct rt_sim_node *node, const struct rt_op *op)
{
	const struct rt_sim_opts *o = &node->sim->opts;
	uint64_t most = op->kind == RT_OP_FSYNC || op->kind == RT_OP_FDATASYNC ?
		o->sync_ns : o->disk_ns;
	uint64_t ns;

	if (is_stream(node, op))
		return rt_sim_below(node->sim, SOON);
	ns = most / 10 + rt_sim_below(node->sim, most);
	return RT_SIM_HAPPENS(node, slow_disk) ? ns * SLOW : ns;
}

static int
sim_submit(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	struct under_way *u;
	struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	if (node->power != RT_SIM_UP) {
		rt_wait_finish(wait, op, -EIO);
		return 0;
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return -ENOMEM;
	u->event.fire = on_event;
	u->event.user = u;
	u->node = node;
	u->op = op;
	if (at && at->file && op->kind != RT_OP_CALL)
		u->mark = rt_sim_file_mark(at->file);
	op->engine = u;
	utils_list_push_back(&node->ops, &u->link);
	rt_sim_at(node->sim, &u->event, node->sim->now + duration(node, op));
	return 0;
}

/* Now and then, so that both ways are gone. */
static int64_t
sim_carry(void *state, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	int64_t result;

	if (node->power != RT_SIM_UP || !is_stream(node, op) ||
	    rt_sim_below(node->sim, 2))
		return -EAGAIN;
	result = carry(node, op);
	rt_sim_note(node, rt_op_name(op->kind), op->fd, result);
	return result;
}

/* A stream's last chance; what a disk has begun with takes its course. */
static void
sim_cancel(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	struct under_way *u = op->engine;
	int64_t result = -EAGAIN;

	(void)wait;
	if (u == NULL)
		return;
	if (is_stream(node, op))
		result = carry(node, op);
	else if (rt_sim_below(node->sim, 2))
		return;
	end(u, result == -EAGAIN ? -ECANCELED : result);
}

/* A write that was under way may have come to the disk, or a part of it. */
static void
leave_behind(struct rt_sim_node *node, struct rt_op *op)
{
	const struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	if (op->kind != RT_OP_WRITE && op->kind != RT_OP_WRITEV)
		return;
	if (at && at->file && rt_sim_below(node->sim, 2))
		carry(node, op);
}

void
rt_sim_engine_crash(struct rt_sim_node *node)
{
	struct utils_link *link;

	utils_list_each(&node->ops, each)
		leave_behind(node, UNDER_WAY(each)->op);
	while ((link = utils_list_first(&node->ops)) != NULL)
		end(UNDER_WAY(link), -EIO);
	for (int i = 0; i < VINE_RT_SIM_FDS; i++)
		if (node->fds[i].file)
			rt_sim_disk_close(node, node->fds[i].file);
	memset(node->fds, 0, sizeof(node->fds));
}

/* --- watches -------------------------------------------------------------- */

static int
sim_arm(void *state, int fd, uint32_t events, uint64_t tag)
{
	struct rt_sim_node *node = state;
	struct rt_sim_fd *at = rt_sim_fd_at(node, fd);

	if (at == NULL)
		return -EBADF;
	if (at->file)
		return -EPERM;
	at->events = events | POLLERR | POLLHUP;
	at->tag = tag;
	node->news = 1;
	return 0;
}

static void
sim_disarm(void *state, int fd, uint64_t tag)
{
	struct rt_sim_fd *at = rt_sim_fd_at(state, fd);

	(void)tag;
	if (at)
		at->events = 0;
}

/* No time passes: what will come comes out of the world's clock. */
static int
sim_sleep(void *state, struct rt_wait *wait, const struct arch_bell_seen *bells,
	  uint32_t count, uint64_t limit_ns)
{
	struct rt_sim_node *node = state;

	(void)bells;
	(void)count;
	(void)limit_ns;
	if (!node->news)
		return 0;
	node->news = 0;
	for (int i = 0; i < VINE_RT_SIM_FDS; i++) {
		struct rt_sim_fd *at = &node->fds[i];
		uint32_t there = at->socket && at->events ?
			rt_sim_socket_events(at->socket) & at->events : 0;

		if (there == 0)
			continue;
		at->events = 0;
		rt_sim_note(node, "watch", RT_SIM_FD + i, there);
		rt_wait_fired(wait, at->tag, there);
	}
	return 0;
}

const struct rt_engine_ops rt_engine_sim = {
	.name = "simulation",
	.tries = RT_OP_IN | RT_OP_OUT,
	.arm = sim_arm,
	.disarm = sim_disarm,
	.submit = sim_submit,
	.carry = sim_carry,
	.cancel = sim_cancel,
	.sleep = sim_sleep,
};

/* --- the host ------------------------------------------------------------- */

/* The node, where its power is on. */
static struct rt_sim_node *
node_of(struct rt_host *host)
{
	struct rt_sim_node *node = (struct rt_sim_node *)(void *)host;

	return node->power == RT_SIM_UP ? node : NULL;
}

static int
host_is_open(struct rt_host *host, int fd)
{
	/* after a power cut calls are to say -EIO and not this */
	return node_of(host) == NULL || rt_sim_fd_at(node_of(host), fd) != NULL;
}

static int
host_close(struct rt_host *host, int fd)
{
	struct rt_sim_node *node = node_of(host);
	struct rt_sim_fd *at = node ? rt_sim_fd_at(node, fd) : NULL;

	if (node == NULL)
		return 0;
	if (at == NULL)
		return -EBADF;
	if (at->file)
		rt_sim_disk_close(node, at->file);
	else
		rt_sim_socket_close(at->socket);
	memset(at, 0, sizeof(*at));
	rt_sim_note(node, "close", fd, 0);
	return 0;
}

static int
host_socket(struct rt_host *host, int family, int type)
{
	struct rt_sim_node *node = node_of(host);

	return node ? rt_sim_socket_open(node, family, type) : -EIO;
}

/* The socket of a descriptor: 0, or -errno. */
static int
socket_at(struct rt_host *host, int fd, struct rt_sim_socket **s)
{
	struct rt_sim_node *node = node_of(host);
	struct rt_sim_fd *at = node ? rt_sim_fd_at(node, fd) : NULL;

	if (node == NULL)
		return -EIO;
	if (at == NULL)
		return -EBADF;
	*s = at->socket;
	return *s ? 0 : -ENOTSOCK;
}

static int
host_set(struct rt_host *host, int fd, int level, int name, int value)
{
	struct rt_sim_socket *s;
	int rc = socket_at(host, fd, &s);

	return rc ? rc : rt_sim_socket_set(s, level, name, value);
}

static int
host_bind(struct rt_host *host, int fd, const struct rt_net_address *address)
{
	struct rt_sim_socket *s;
	int rc = socket_at(host, fd, &s);

	return rc ? rc : rt_sim_socket_bind(s, address);
}

static int
host_listen(struct rt_host *host, int fd, int backlog)
{
	struct rt_sim_socket *s;
	int rc = socket_at(host, fd, &s);

	return rc ? rc : rt_sim_listener_begin(s, backlog);
}

static int
host_name(struct rt_host *host, int fd, int peer,
	  struct rt_net_address *address)
{
	struct rt_sim_socket *s;
	int rc = socket_at(host, fd, &s);

	if (rc)
		return rc;
	if (peer && !rt_sim_socket_has_peer(s))
		return -ENOTCONN;
	rt_sim_socket_name(s, peer, address);
	return 0;
}

static int
host_resolve(struct rt_host *host, const char *name, uint16_t port,
	     struct rt_net_address *address)
{
	struct rt_sim_node *node = node_of(host);

	return node ? rt_sim_net_resolve(node->sim, name, port, address) : -EIO;
}

static int
host_open(struct rt_host *host, const char *path, int flags, mode_t mode)
{
	struct rt_sim_node *node = node_of(host);
	struct rt_sim_file *file;
	struct rt_sim_fd *at;
	int fd, rc;

	(void)mode;
	if (node == NULL)
		return -EIO;
	fd = rt_sim_fd_new(node, &at);
	if (fd < 0)
		return fd;
	rc = rt_sim_disk_open(node, path, flags, &file);
	if (rc)
		return rc;
	at->file = file;
	at->flags = (uint32_t)flags;
	return fd;
}

static int
host_unlink(struct rt_host *host, const char *path)
{
	struct rt_sim_node *node = node_of(host);

	return node ? rt_sim_disk_unlink(node, path) : -EIO;
}

static int
host_rename(struct rt_host *host, const char *from, const char *to)
{
	struct rt_sim_node *node = node_of(host);

	return node ? rt_sim_disk_rename(node, from, to) : -EIO;
}

static int
host_sync_dir(struct rt_host *host, const char *path)
{
	struct rt_sim_node *node = node_of(host);

	return node ? rt_sim_disk_sync_dir(node, path) : -EIO;
}

const struct rt_host_ops rt_sim_host_ops = {
	.is_open = host_is_open,
	.close = host_close,
	.socket = host_socket,
	.set = host_set,
	.bind = host_bind,
	.listen = host_listen,
	.name = host_name,
	.resolve = host_resolve,
	.open = host_open,
	.unlink = host_unlink,
	.rename = host_rename,
	.sync_dir = host_sync_dir,
};
