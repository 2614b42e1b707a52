/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who connects knocks: its first packet travels to the node of its remote
 * address. There the other end is made and put in the listener's queue, for an
 * accept; and an answer travels back. Where the network is cut, or the queue is
 * full, it knocks again later. Names of UNIX are reached at once.
 */
#include <errno.h>

#include "rt/rt_sim_listener.h"
#include "rt/rt_sim_net.h"
#include "rt/rt_sim_stream.h"

#define waiter_of(link_) utils_list_of(link_, struct rt_sim_socket, turn)

int
rt_sim_listener_begin(struct rt_sim_socket *s, int backlog)
{
	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (s->state != RT_SIM_NEW && s->state != RT_SIM_LISTENS)
		return -EINVAL;
	s->state = RT_SIM_LISTENS;
	s->backlog = backlog;
	return 0;
}

int
rt_sim_listener_accept(struct rt_sim_socket *s, struct sockaddr *from,
		       socklen_t *length)
{
	struct utils_link *link = utils_list_first(&s->queue);
	struct rt_sim_socket *got;
	struct rt_sim_fd *at;
	int fd;

	if (s->state != RT_SIM_LISTENS)
		return -EINVAL;
	if (link == NULL)
		return -EAGAIN;
	fd = rt_sim_fd_new(s->node, &at);
	if (fd < 0)
		return fd;
	got = waiter_of(link);
	utils_list_remove(link);
	s->queued--;
	got->fd = fd;
	at->socket = got;
	rt_sim_net_tell(&got->remote, from, *length, length);
	return fd;
}

void
rt_sim_listener_close(struct rt_sim_socket *s)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(&s->queue)) != NULL)
		rt_sim_stream_close(waiter_of(link), 1);
	rt_sim_socket_free(s);
}

/* --- who comes ------------------------------------------------------------ */

/* One of those that listen there; which, where there are more, by the seed. */
static struct rt_sim_socket *
find_listener(struct rt_sim_node *node, const struct rt_net_address *to)
{
	struct rt_sim_socket *found = NULL;
	uint32_t n = 0;

	utils_list_each(&node->sockets, link) {
		struct rt_sim_socket *s = rt_sim_socket_of(link);

		if (s->state == RT_SIM_LISTENS && !s->closed &&
		    rt_sim_net_answers(&s->local, to) &&
		    rt_sim_below(node->sim, ++n) == 0)
			found = s;
	}
	return found;
}

/* The other end of a connection, in a listener's queue. Returns 0 or -errno. */
static int
meet(struct rt_sim_socket *s, struct rt_sim_socket *listener)
{
	struct rt_sim_socket *other;

	if (listener->queued >= listener->backlog)
		return -EAGAIN;
	other = rt_sim_socket_new(listener->node, SOCK_STREAM);
	if (other == NULL)
		return -ENOMEM;
	other->state = RT_SIM_CONNECTED;
	other->room = listener->room;
	other->local = listener->local;
	if (!rt_sim_net_is_unix(&s->remote))
		other->local = s->remote;
	other->remote = s->local;
	other->there = s->node;
	other->peer = s;
	s->peer = other;
	s->there = listener->node;
	utils_list_push_back(&listener->queue, &other->turn);
	listener->queued++;
	rt_sim_socket_news(listener);
	return 0;
}

/* The first packet of a connection has come to where it goes, if it can. */
static void
knock(struct rt_sim_socket *s)
{
	struct rt_sim_node *to = rt_sim_net_node(s->node, &s->remote);
	struct rt_sim_socket *listener;
	int rc = -ECONNREFUSED;

	if (to == NULL || rt_sim_net_is_cut(s->node, to)) {
		rc = -EAGAIN;
	} else {
		listener = find_listener(to, &s->remote);
		if (listener)
			rc = meet(s, listener);
	}
	if (rc == -EAGAIN || rc == -ENOMEM) {
		if (rt_sim_stream_try_later(s))
			rt_sim_stream_reset(s, ETIMEDOUT);
		return;
	}
	s->stuck = 0;
	s->refused = rc != 0;
	s->there = to;
	rt_sim_at(s->node->sim, &s->event, rt_sim_net_arrival(to, s->node, 0));
}

/* The answer has come. */
static void
answered(struct rt_sim_socket *s)
{
	if (s->refused) {
		rt_sim_stream_reset(s, ECONNREFUSED);
		return;
	}
	s->state = RT_SIM_CONNECTED;
	rt_sim_note(s->node, "connected", s->fd, 0);
	rt_sim_stream_go(s);
	rt_sim_socket_news(s);
}

void
rt_sim_listener_go_on(struct rt_sim_socket *s)
{
	if (s->peer || s->refused)
		answered(s);
	else
		knock(s);
}

int
rt_sim_listener_connect(struct rt_sim_socket *s)
{
	struct rt_sim_socket *listener;
	struct rt_sim_node *to;
	int rc;

	if (rt_sim_net_is_unix(&s->remote)) {
		listener = find_listener(s->node, &s->remote);
		if (listener == NULL)
			return -ECONNREFUSED;
		rc = meet(s, listener);
		if (rc == 0)
			s->state = RT_SIM_CONNECTED;
		return rc == -EAGAIN ? -EBUSY : rc;
	}
	s->state = RT_SIM_CONNECTS;
	to = rt_sim_net_node(s->node, &s->remote);
	rt_sim_at(s->node->sim, &s->event, rt_sim_net_arrival(s->node, to, 0));
	return -EAGAIN;
}
