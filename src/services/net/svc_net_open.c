/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets begin and end here. One is reserved first, so that nothing is
 * accepted or connected that would have to be thrown away.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_sched.h"
#include "services/net/svc_net.h"
#include "services/net/svc_net_address.h"

/* A socket that is being made. */
struct making {
	const struct vine_net_open *args;
	struct sockaddr_storage address;
	socklen_t length;
	struct svc_net_socket *socket;
	int type;
	int fd;
};

static void
give_up(struct svc_net_call *call, struct making *m)
{
	if (m->fd >= 0)
		(void)rt_io_close(m->fd);
	svc_net_socket_drop(&call->net->table, m->socket);
}

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) != 0 ?
		-errno : 0;
}

static int
set_options(const struct making *m)
{
	int family = m->address.ss_family, rc = 0;
	uint32_t flags = m->args->flags;

	if (family == AF_INET6)	/* what is IPv4 goes by its own rules */
		rc = set_int(m->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && family != AF_UNIX && m->type == SOCK_STREAM)
		rc = set_int(m->fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && family != AF_UNIX && m->type == SOCK_STREAM &&
	    !(flags & VINE_NET_DELAY))
		rc = set_int(m->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (rc == 0 && family != AF_UNIX && flags & VINE_NET_SHARE)
		rc = set_int(m->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return rc;
}

/* Judges the arguments by the rules, and makes the descriptor. */
static int
begin(struct svc_net_call *call, const struct svc_net_rule *rules,
      size_t count, struct making *m)
{
	int rc;

	m->args = call->args;
	m->fd = -1;
	if (m->args->reserved || (m->args->kind != VINE_NET_STREAM &&
				  m->args->kind != VINE_NET_DATAGRAM))
		return -EINVAL;
	m->type = m->args->kind == VINE_NET_STREAM ? SOCK_STREAM : SOCK_DGRAM;
	rc = svc_net_address_in(&m->args->address, &m->address, &m->length);
	if (rc)
		return rc;
	if (!svc_net_rule_allows(rules, count, m->type,
				 (const struct sockaddr *)&m->address,
				 m->length))
		return SVC_NET_REFUSED;
	rc = svc_net_socket_take(&call->net->table, call->rank.tenant,
				 call->rank.serial, &m->socket);
	if (rc)
		return rc;
	m->fd = socket(m->address.ss_family,
		       m->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	rc = m->fd < 0 ? -errno : set_options(m);
	if (rc)
		give_up(call, m);
	return rc;
}

static void
finish(struct svc_net_call *call, struct making *m, int listens)
{
	m->socket->type = m->type;
	m->socket->family = m->address.ss_family;
	m->socket->listens = (uint8_t)listens;
	m->socket->delays = (m->args->flags & VINE_NET_DELAY) != 0;
	call->value = svc_net_socket_open(&call->net->table, m->socket, m->fd);
}

/* The file that a UNIX socket's address is goes with the socket. */
static void
remember_path(struct making *m)
{
	const struct sockaddr_un *un = (const void *)&m->address;

	m->socket->path[0] = '\0';
	if (un->sun_family == AF_UNIX)
		memcpy(m->socket->path, un->sun_path, sizeof(un->sun_path));
}

/* To its address; and to listen there, if `backlog` is not negative. */
static int
bind_at(struct svc_net_call *call, struct making *m, int backlog)
{
	int rc = 0;

	if (bind(m->fd, (struct sockaddr *)&m->address, m->length) != 0) {
		rc = -errno;
	} else {
		remember_path(m);
		if (backlog >= 0 && listen(m->fd, backlog) != 0)
			rc = -errno;
	}
	if (rc)
		give_up(call, m);
	return rc;
}

int
svc_net_listen(struct svc_net_call *call)
{
	struct making m;
	uint32_t backlog;
	int rc = begin(call, call->net->listen, call->net->listen_count, &m);

	if (rc)
		return rc;
	if (m.type != SOCK_STREAM) {
		give_up(call, &m);
		return -EINVAL;
	}
	backlog = m.args->backlog;
	if (backlog == 0 || backlog > SOMAXCONN)
		backlog = SOMAXCONN;
	rc = bind_at(call, &m, (int)backlog);
	if (rc == 0)
		finish(call, &m, 1);
	return rc;
}

int
svc_net_bind(struct svc_net_call *call)
{
	struct making m;
	int rc = begin(call, call->net->listen, call->net->listen_count, &m);

	if (rc)
		return rc;
	if (m.type != SOCK_DGRAM) {
		give_up(call, &m);
		return -EINVAL;
	}
	rc = bind_at(call, &m, -1);
	if (rc == 0)
		finish(call, &m, 0);
	return rc;
}

int
svc_net_connect(struct svc_net_call *call)
{
	struct making m;
	int rc = begin(call, call->net->connect, call->net->connect_count, &m);

	if (rc)
		return rc;
	rc = rt_io_connect(m.fd, (struct sockaddr *)&m.address, m.length,
			   svc_net_until(m.args->timeout_ns));
	if (rc)
		give_up(call, &m);
	else
		finish(call, &m, 0);
	return rc;
}

/* What the peer's address says, if the task wants to know. */
static void
tell_address(const struct vine_view *out, const struct sockaddr_storage *system,
	     socklen_t length)
{
	struct vine_net_address address;

	svc_net_address_out(system, length, &address);
	memcpy(out->ptr, &address, sizeof(address));
}

int
svc_net_accept(struct svc_net_call *call)
{
	const struct svc_net_socket *from = call->socket;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	struct svc_net_socket *s;
	int delays = from->delays, type = from->type, family = from->family;
	int fd, rc;

	if (!from->listens)
		return -ENOTSOCK;
	if (call->out_count &&
	    call->out[0].length < sizeof(struct vine_net_address))
		return -EINVAL;
	rc = svc_net_socket_take(&call->net->table, call->rank.tenant,
				 call->rank.serial, &s);
	if (rc)
		return rc;
	fd = rt_io_accept(from->fd, (struct sockaddr *)&peer, &length,
			  call->deadline);
	if (fd < 0) {
		svc_net_socket_drop(&call->net->table, s);
		return fd;
	}
	if (family != AF_UNIX && !delays)
		(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (call->out_count)
		tell_address(&call->out[0], &peer, length);
	s->type = type;
	s->family = family;
	s->listens = 0;
	s->delays = (uint8_t)delays;
	call->value = svc_net_socket_open(&call->net->table, s, fd);
	return 0;
}

int
svc_net_address(struct svc_net_call *call)
{
	const struct vine_net_io *io = call->args;
	struct sockaddr_storage system;
	socklen_t length = sizeof(system);
	int rc;

	if (call->out[0].length < sizeof(struct vine_net_address))
		return -EINVAL;
	rc = io->flags & VINE_NET_PEER ?
		getpeername(call->socket->fd, (void *)&system, &length) :
		getsockname(call->socket->fd, (void *)&system, &length);
	if (rc != 0)
		return -errno;
	tell_address(&call->out[0], &system, length);
	return 0;
}

int
svc_net_shutdown(struct svc_net_call *call)
{
	const struct vine_net_io *io = call->args;
	int how;

	switch (io->flags & (VINE_NET_IN | VINE_NET_OUT)) {
	case VINE_NET_IN:
		how = SHUT_RD;
		break;
	case VINE_NET_OUT:
		how = SHUT_WR;
		break;
	case VINE_NET_IN | VINE_NET_OUT:
		how = SHUT_RDWR;
		break;
	default:
		return -EINVAL;
	}
	return shutdown(call->socket->fd, how) != 0 ? -errno : 0;
}

int
svc_net_close(struct svc_net_call *call)
{
	svc_net_socket_close(&call->net->table, call->socket);
	return 0;
}
