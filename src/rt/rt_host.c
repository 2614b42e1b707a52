/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as a host: each call is a system call, or two.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_host.h"
#include "rt/rt_sched.h"

static int
kernel_is_open(struct rt_host *host, int fd)
{
	(void)host;
	return fcntl(fd, F_GETFD) >= 0;
}

/* After EINTR it is closed, too. */
static int
kernel_close(struct rt_host *host, int fd)
{
	(void)host;
	return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

static int
kernel_socket(struct rt_host *host, int family, int type)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)host;
	return fd < 0 ? -errno : fd;
}

static int
kernel_set(struct rt_host *host, int fd, int level, int name, int value)
{
	(void)host;
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int
kernel_bind(struct rt_host *host, int fd, const struct rt_net_address *a)
{
	(void)host;
	return bind(fd, (const struct sockaddr *)&a->storage, a->length) ?
		-errno : 0;
}

static int
kernel_listen(struct rt_host *host, int fd, int backlog)
{
	(void)host;
	return listen(fd, backlog) ? -errno : 0;
}

static int
kernel_name(struct rt_host *host, int fd, int peer, struct rt_net_address *a)
{
	struct sockaddr *to = (struct sockaddr *)&a->storage;
	socklen_t n = sizeof(a->type);
	int rc;

	(void)host;
	memset(a, 0, sizeof(*a));
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &a->type, &n) != 0)
		return -errno;
	a->length = sizeof(a->storage);
	rc = peer ? getpeername(fd, to, &a->length) :
		getsockname(fd, to, &a->length);
	return rc ? -errno : 0;
}

/* libc's resolver reads files and asks servers. */
static int
kernel_resolve(struct rt_host *host, const char *name, uint16_t port,
	       struct rt_net_address *address)
{
	struct addrinfo hints = { .ai_socktype = address->type };
	struct addrinfo *found;
	char text[8];
	int rc;

	(void)host;
	snprintf(text, sizeof(text), "%u", port);
	rc = getaddrinfo(name, text, &hints, &found);
	if (rc)
		return rc == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH;
	memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
	address->length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int
kernel_open(struct rt_host *host, const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	(void)host;
	return fd < 0 ? -errno : fd;
}

static int
kernel_unlink(struct rt_host *host, const char *path)
{
	(void)host;
	return unlink(path) ? -errno : 0;
}

static int
kernel_rename(struct rt_host *host, const char *from, const char *to)
{
	(void)host;
	return rename(from, to) ? -errno : 0;
}

static int
kernel_sync_dir(struct rt_host *host, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	(void)host;
	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

static const struct rt_host_ops kernel_ops = {
	.is_open = kernel_is_open,
	.close = kernel_close,
	.socket = kernel_socket,
	.set = kernel_set,
	.bind = kernel_bind,
	.listen = kernel_listen,
	.name = kernel_name,
	.resolve = kernel_resolve,
	.open = kernel_open,
	.unlink = kernel_unlink,
	.rename = kernel_rename,
	.sync_dir = kernel_sync_dir,
};

struct rt_host rt_host_kernel = { &kernel_ops };

struct rt_host *
rt_host_self(void)
{
	struct rt_sched *s = rt_sched_self();

	return s ? rt_wait_host(rt_sched_wait(s)) : &rt_host_kernel;
}
