/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket is in its node's list as long as it is there. What it does is told
 * apart here: a listener's part is in rt_sim_listener.c, that of a connection
 * in rt_sim_stream.c, that of datagrams in rt_sim_datagram.c. A socket that was
 * closed stays until its last parcel has arrived. Two that are connected point
 * to each other, and to nothing when the other is gone.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_datagram.h"
#include "rt/rt_sim_listener.h"
#include "rt/rt_sim_net.h"
#include "rt/rt_sim_parcel.h"
#include "rt/rt_sim_socket.h"
#include "rt/rt_sim_stream.h"

#define FIRST_PORT 32768u

/* --- its life ------------------------------------------------------------- */

static void
on_event(struct rt_sim_event *event)
{
	struct rt_sim_socket *s = event->user;

	if (s->state == RT_SIM_CONNECTS)
		rt_sim_listener_go_on(s);
	else if (!utils_list_empty(&s->out))
		rt_sim_stream_arrive(s);
	else if (s->closed)
		rt_sim_socket_free(s);
}

struct rt_sim_socket *
rt_sim_socket_new(struct rt_sim_node *node, int type)
{
	struct rt_sim_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->node = node;
	s->fd = -1;
	s->type = type;
	s->room = node->sim->opts.buffer;
	s->event.fire = on_event;
	s->event.user = s;
	utils_list_init(&s->queue);
	utils_link_init(&s->turn);
	utils_list_init(&s->in);
	utils_list_init(&s->out);
	utils_list_push_back(&node->sockets, &s->link);
	return s;
}

void
rt_sim_socket_free(struct rt_sim_socket *s)
{
	rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
	if (s->peer)
		s->peer->peer = NULL;
	rt_sim_parcel_drop(&s->in, &s->in_bytes);
	rt_sim_parcel_drop(&s->out, &s->out_bytes);
	utils_list_remove(&s->turn);
	utils_list_remove(&s->link);
	free(s);
}

int
rt_sim_socket_open(struct rt_sim_node *node, int family, int type)
{
	struct rt_sim_socket *s;
	struct rt_sim_fd *at;
	int fd;

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return -EAFNOSUPPORT;
	fd = rt_sim_fd_new(node, &at);
	if (fd < 0)
		return fd;
	s = rt_sim_socket_new(node, type);
	if (s == NULL)
		return -ENOMEM;
	s->fd = fd;
	s->local.type = type;
	s->local.storage.ss_family = (sa_family_t)family;
	s->local.length = family == AF_INET ? sizeof(struct sockaddr_in) :
		family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(sa_family_t);
	at->socket = s;
	return fd;
}

void
rt_sim_socket_close(struct rt_sim_socket *s)
{
	if (s->state == RT_SIM_LISTENS)
		rt_sim_listener_close(s);
	else if (s->type == SOCK_DGRAM || s->state == RT_SIM_NEW ||
		 (s->state == RT_SIM_CONNECTS && s->peer == NULL))
		rt_sim_socket_free(s);
	else
		rt_sim_stream_close(s, s->in_bytes != 0 ||
				    s->state == RT_SIM_CONNECTS);
}

void
rt_sim_socket_crash(struct rt_sim_node *node)
{
	struct utils_link *link;

	while ((link = utils_list_first(&node->sockets)) != NULL)
		rt_sim_socket_free(rt_sim_socket_of(link));
}

/* --- names ---------------------------------------------------------------- */

int
rt_sim_socket_set(struct rt_sim_socket *s, int level, int name, int value)
{
	if (level == SOL_SOCKET && name == SO_REUSEPORT)
		s->shared = value != 0;
	if (level == SOL_SOCKET && name == SO_SNDBUF && value > 0)
		s->room = (uint32_t)value;
	return 0;
}

static int
is_taken(const struct rt_sim_socket *s, const struct rt_net_address *a)
{
	utils_list_each(&s->node->sockets, link) {
		const struct rt_sim_socket *other = rt_sim_socket_of(link);

		if (other != s && other->bound && !other->closed &&
		    other->type == s->type &&
		    rt_sim_net_answers(&other->local, a) &&
		    !(other->shared && s->shared))
			return 1;
	}
	return 0;
}

/* A port that nobody has. */
static int
some_port(struct rt_sim_socket *s, struct rt_net_address *a)
{
	for (uint32_t i = FIRST_PORT; i <= UINT16_MAX; i++) {
		if (s->node->port < FIRST_PORT)
			s->node->port = FIRST_PORT;
		rt_sim_net_set_port(a, s->node->port++);
		if (!is_taken(s, a))
			return 0;
	}
	return -EADDRINUSE;
}

int
rt_sim_socket_bind(struct rt_sim_socket *s, const struct rt_net_address *a)
{
	struct rt_net_address to = *a;
	int rc = 0;

	if (s->bound)
		return -EINVAL;
	if (rt_sim_net_number(s->node, a) != s->node->number)
		return -EADDRNOTAVAIL;
	if (!rt_sim_net_is_unix(a) && rt_sim_net_port(a) == 0)
		rc = some_port(s, &to);
	else if (is_taken(s, a))
		rc = -EADDRINUSE;
	if (rc)
		return rc;
	s->local = to;
	s->local.type = s->type;
	s->bound = 1;
	return 0;
}

/* The address that a socket has which goes out without one. */
int
rt_sim_socket_bind_some(struct rt_sim_socket *s)
{
	struct rt_net_address a = { .type = s->type,
				    .length = s->local.length };

	a.storage.ss_family = s->local.storage.ss_family;
	if (s->bound || rt_sim_net_is_unix(&a))
		return 0;
	if (a.storage.ss_family == AF_INET)
		rt_sim_net_set_node(&a, s->node);
	return rt_sim_socket_bind(s, &a);
}

void
rt_sim_socket_name(const struct rt_sim_socket *s, int peer,
		   struct rt_net_address *a)
{
	*a = peer ? s->remote : s->local;
	a->type = s->type;
}

int
rt_sim_socket_has_peer(const struct rt_sim_socket *s)
{
	return s->remote.length != 0;
}

/* --- what it does --------------------------------------------------------- */

void
rt_sim_socket_news(struct rt_sim_socket *s)
{
	rt_sim_fd_news(s->node, s->fd);
}

uint32_t
rt_sim_socket_events(const struct rt_sim_socket *s)
{
	uint32_t events = 0;

	if (s->state == RT_SIM_LISTENS)
		return utils_list_empty(&s->queue) ? 0 : POLLIN;
	if (!utils_list_empty(&s->in) || s->ended)
		events |= POLLIN;
	if (s->type == SOCK_DGRAM ||
	    (s->state == RT_SIM_CONNECTED && rt_sim_stream_room(s)))
		events |= POLLOUT;
	if (s->gone)
		events |= POLLIN | POLLOUT | POLLHUP;
	return s->error ? events | POLLERR : events;
}

int
rt_sim_socket_connect(struct rt_sim_socket *s, const struct sockaddr *to,
		      socklen_t length)
{
	int rc;

	if (s->error) {
		rc = -s->error;
		s->error = 0;
		return rc;
	}
	if (s->state == RT_SIM_CONNECTED)
		return 0;
	if (s->state == RT_SIM_CONNECTS)
		return -EAGAIN;
	if (s->state != RT_SIM_NEW || length > sizeof(s->remote.storage))
		return -EINVAL;
	if (to->sa_family != s->local.storage.ss_family)
		return -EAFNOSUPPORT;
	rc = rt_sim_socket_bind_some(s);
	if (rc)
		return rc;
	memset(&s->remote, 0, sizeof(s->remote));
	memcpy(&s->remote.storage, to, length);
	s->remote.length = length;
	s->remote.type = s->type;
	if (s->type == SOCK_STREAM)
		return rt_sim_listener_connect(s);
	s->state = RT_SIM_CONNECTED;
	return 0;
}

int64_t
rt_sim_socket_send(struct rt_sim_socket *s, const void *data, size_t length,
		   const struct sockaddr *to, socklen_t to_length)
{
	return s->type == SOCK_STREAM ? rt_sim_stream_send(s, data, length) :
		rt_sim_datagram_send(s, data, length, to, to_length);
}

int64_t
rt_sim_socket_recv(struct rt_sim_socket *s, void *data, size_t length,
		   int flags, struct sockaddr_storage *from,
		   socklen_t *from_length)
{
	return s->type == SOCK_STREAM ?
		rt_sim_stream_recv(s, data, length, flags) :
		rt_sim_datagram_recv(s, data, length, flags, from, from_length);
}
