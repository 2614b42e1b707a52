/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of a simulated node: descriptors are numbers of the node, each a
 * file of its disk or a socket. Without power there is nothing to be asked:
 * calls return -EIO, and closing is done.
 */
#include <errno.h>
#include <string.h>

#include "rt/rt_sim_listener.h"
#include "rt/rt_sim_net.h"
#include "rt/rt_sim_socket.h"

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
