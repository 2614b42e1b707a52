/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text is split by hand: kind, host, port. Only names go through libc's
 * resolver, in a helper's thread, because it reads files and asks servers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/vine_limits.h"
#include "rt/rt_host.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_sched.h"

#define HOST_MAX 256	/* bytes of a host's name, with its end */

struct place {
	char host[HOST_MAX];
	uint16_t port;
};

static int
parse_unix(const char *path, struct rt_net_address *a)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->storage;
	size_t n = strlen(path);

	if (n == 0)
		return -EINVAL;
	if (n >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n);
	a->type = SOCK_STREAM;
	a->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	else
		a->length++;	/* with its end */
	return 0;
}

/* host:port, or [host]:port where the host has colons. */
static int
split(const char *text, struct place *place)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	unsigned long port;
	char *end;

	if (n == 0 || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return -EINVAL;
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return -EINVAL;
	}
	if (n == 0 || n >= sizeof(place->host))
		return -EINVAL;
	memcpy(place->host, text, n);
	place->host[n] = '\0';
	place->port = (uint16_t)port;
	return 0;
}

/* Of IPv6; with %n, on the interface of that number. */
static int
parse_ipv6(const char *text, struct sockaddr_in6 *in6)
{
	const char *percent = strchr(text, '%');
	size_t n = percent ? (size_t)(percent - text) : strlen(text);
	char host[INET6_ADDRSTRLEN], *end;
	unsigned long scope = 0;

	if (n >= sizeof(host))
		return -ENOENT;
	memcpy(host, text, n);
	host[n] = '\0';
	if (percent) {
		if (percent[1] < '1' || percent[1] > '9')
			return -ENOENT;
		scope = strtoul(percent + 1, &end, 10);
		if (*end || scope > UINT32_MAX)
			return -ENOENT;
	}
	in6->sin6_scope_id = (uint32_t)scope;
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -ENOENT;
}

static int
parse_place(const struct place *place, struct rt_net_address *a)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->storage;
	struct sockaddr_in *in = (struct sockaddr_in *)&a->storage;

	if (inet_pton(AF_INET, place->host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(place->port);
		a->length = sizeof(*in);
		return 0;
	}
	memset(&a->storage, 0, sizeof(a->storage));
	if (parse_ipv6(place->host, in6))
		return -ENOENT;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(place->port);
	a->length = sizeof(*in6);
	return 0;
}

static int
parse(const char *text, struct rt_net_address *a, struct place *place)
{
	int rc;

	memset(a, 0, sizeof(*a));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, a);
	if (strncmp(text, "tcp:", 4) == 0)
		a->type = SOCK_STREAM;
	else if (strncmp(text, "udp:", 4) == 0)
		a->type = SOCK_DGRAM;
	else
		return -EINVAL;
	rc = split(text + 4, place);
	return rc ? rc : parse_place(place, a);
}

int
rt_net_parse(const char *text, struct rt_net_address *address)
{
	struct place place;

	return parse(text, address, &place);
}

struct question {
	struct rt_host *host;
	const struct place *place;
	struct rt_net_address *address;
};

/* In a helper's thread. */
static int64_t
ask(void *arg)
{
	struct question *q = arg;

	return q->host->ops->resolve(q->host, q->place->host, q->place->port,
				     q->address);
}

int
rt_net_resolve(const char *text, struct rt_net_address *address,
	       uint64_t deadline)
{
	struct place place;
	struct question q = { rt_host_self(), &place, address };
	int rc = parse(text, address, &place);

	return rc == -ENOENT ? (int)rt_io_call(ask, &q, deadline) : rc;
}

void
rt_net_print(const struct rt_net_address *address, char text[RT_NET_TEXT])
{
	const struct sockaddr_storage *s = &address->storage;
	const struct sockaddr_in6 *in6 = (const void *)s;
	const struct sockaddr_un *un = (const void *)s;
	const struct sockaddr_in *in = (const void *)s;
	const char *kind = address->type == SOCK_DGRAM ? "udp" : "tcp";
	char host[INET6_ADDRSTRLEN], scope[16] = "";

	if (s->ss_family == AF_INET6 && in6->sin6_scope_id)
		snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
	if (s->ss_family == AF_INET)
		snprintf(text, RT_NET_TEXT, "%s:%s:%u", kind,
			 inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
			 ntohs(in->sin_port));
	else if (s->ss_family == AF_INET6)
		snprintf(text, RT_NET_TEXT, "%s:[%s%s]:%u", kind,
			 inet_ntop(AF_INET6, &in6->sin6_addr, host,
				   sizeof(host)), scope,
			 ntohs(in6->sin6_port));
	else if (s->ss_family == AF_UNIX && address->length >
		 offsetof(struct sockaddr_un, sun_path) + 1)
		snprintf(text, RT_NET_TEXT, "unix:%s%.*s",
			 un->sun_path[0] ? "" : "@",
			 (int)(address->length -
			       offsetof(struct sockaddr_un, sun_path)) -
			 (un->sun_path[0] ? 0 : 1),
			 un->sun_path + (un->sun_path[0] ? 0 : 1));
	else
		snprintf(text, RT_NET_TEXT, "?");
}

/* --- sockets -------------------------------------------------------------- */

static int
is_tcp(const struct rt_net_address *a)
{
	return a->storage.ss_family != AF_UNIX && a->type == SOCK_STREAM;
}

/* A socket for an address, and its options. */
static int
make(struct rt_host *host, const struct rt_net_address *a, int *fd)
{
	*fd = host->ops->socket(host, a->storage.ss_family, a->type);
	if (*fd < 0)
		return *fd;
	/* what a listener takes in inherits it */
	if (is_tcp(a))
		host->ops->set(host, *fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return 0;
}

static int
listen_at(struct rt_host *host, int fd, const struct rt_net_address *a,
	  const struct rt_net_opts *opts)
{
	int rc = 0;

	/* connections of an earlier listener may still be closing */
	if (is_tcp(a))
		host->ops->set(host, fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (opts->share_port)
		rc = host->ops->set(host, fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* connections have it from their listener */
	if (rc == 0 && opts->send_buffer)
		rc = host->ops->set(host, fd, SOL_SOCKET, SO_SNDBUF,
				    opts->send_buffer);
	if (rc == 0)
		rc = host->ops->bind(host, fd, a);
	if (rc == 0 && a->type == SOCK_STREAM)
		rc = host->ops->listen(host, fd, opts->backlog ?
				       opts->backlog : VINE_RT_BACKLOG);
	return rc;
}

int
rt_net_announce(const char *text, const struct rt_net_opts *opts, int *fd)
{
	static const struct rt_net_opts none;
	struct rt_host *host = rt_host_self();
	struct rt_net_address a;
	int made, rc = rt_net_parse(text, &a);

	if (rc == 0)
		rc = make(host, &a, &made);
	if (rc)
		return rc;
	rc = listen_at(host, made, &a, opts ? opts : &none);
	if (rc)
		host->ops->close(host, made);
	else
		*fd = made;
	return rc;
}

/* A listener of UNIX whose queue is full says so, and nobody tells when it is
 * not any more. */
static int
connect_to(int fd, const struct rt_net_address *a, uint64_t deadline)
{
	for (;;) {
		const struct rt_sched *sched = rt_sched_self();
		int rc = rt_io_connect(fd, (const void *)&a->storage, a->length,
				       deadline);
		uint64_t now, pause;

		if ((rc != -EBUSY && rc != -EAGAIN) ||
		    a->storage.ss_family != AF_UNIX)
			return rc;
		now = rt_sched_now(sched);
		if (now >= deadline)
			return -ETIMEDOUT;
		pause = VINE_RT_DIAL_RETRY_MS * UINT64_C(1000000);
		if (deadline - now < pause)
			pause = deadline - now;
		rc = rt_task_delay(now + pause);
		if (rc)
			return rc;
	}
}

int
rt_net_dial(const char *text, uint64_t deadline, int *fd)
{
	struct rt_net_address a;
	int made, rc;

	if (rt_task_self() == NULL)
		return -EPERM;
	rc = rt_net_resolve(text, &a, deadline);
	if (rc == 0)
		rc = make(rt_host_self(), &a, &made);
	if (rc)
		return rc;
	rc = connect_to(made, &a, deadline);
	if (rc)
		rt_io_close(made);
	else
		*fd = made;
	return rc;
}

int
rt_net_local(int fd, struct rt_net_address *address)
{
	struct rt_host *host = rt_host_self();

	return host->ops->name(host, fd, 0, address);
}

int
rt_net_peer(int fd, struct rt_net_address *address)
{
	struct rt_host *host = rt_host_self();

	return host->ops->name(host, fd, 1, address);
}
