/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One on its way is a thing of the world with an event of its own, so that it
 * passes others, and outlives the node that sent it. It finds its socket when
 * it arrives. One for which there is none, or no room, is gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_datagram.h"
#include "rt/rt_sim_net.h"
#include "rt/rt_sim_parcel.h"

#define DATAGRAMS 262144u		/* bytes that wait at a socket */
#define DATAGRAM_MAX 65507u

struct datagram {
	struct utils_link link;
	struct rt_sim_event event;
	struct rt_sim_node *to;
	struct rt_sim_node *from;
	struct rt_net_address where;
	struct rt_sim_parcel *parcel;
};

static void
free_datagram(struct datagram *d)
{
	rt_sim_clock_cancel(&d->to->sim->clock, &d->event);
	utils_list_remove(&d->link);
	free(d->parcel);
	free(d);
}

static struct rt_sim_socket *
find_receiver(struct rt_sim_node *node, const struct rt_net_address *to,
	      const struct rt_net_address *from)
{
	utils_list_each(&node->sockets, link) {
		struct rt_sim_socket *s = rt_sim_socket_of(link);

		if (s->type != SOCK_DGRAM || s->closed || !s->bound ||
		    !rt_sim_net_answers(&s->local, to))
			continue;
		if (s->state != RT_SIM_CONNECTED ||
		    rt_sim_net_answers(&s->remote, from))
			return s;
	}
	return NULL;
}

static void
on_datagram(struct rt_sim_event *event)
{
	struct datagram *d = event->user;
	struct rt_sim_socket *s = NULL;

	if (!rt_sim_net_is_cut(d->from, d->to))
		s = find_receiver(d->to, &d->where, &d->parcel->from);
	if (s && s->in_bytes + d->parcel->length <= DATAGRAMS) {
		utils_list_push_back(&s->in, &d->parcel->link);
		s->in_bytes += d->parcel->length;
		rt_sim_note(s->node, "datagram", s->fd,
			    (int64_t)d->parcel->length);
		d->parcel = NULL;
		rt_sim_socket_news(s);
	}
	free_datagram(d);
}

static int
fly(struct rt_sim_socket *s, struct rt_sim_node *to,
    const struct rt_net_address *where, const void *data, size_t length)
{
	struct datagram *d = calloc(1, sizeof(*d));
	uint64_t at = rt_sim_net_arrival(s->node, to, length);

	if (d)
		d->parcel = rt_sim_parcel_new(RT_SIM_DATA, data, length);
	if (d == NULL || d->parcel == NULL) {
		free(d);
		return -ENOMEM;
	}
	if (RT_SIM_HAPPENS(s->node, reorder))
		at += 10 * s->node->sim->opts.net_ns;
	d->to = to;
	d->from = s->node;
	d->where = *where;
	d->parcel->from = s->local;
	d->event.fire = on_datagram;
	d->event.user = d;
	utils_list_push_back(&s->node->sim->datagrams, &d->link);
	rt_sim_at(s->node->sim, &d->event, at);
	return 0;
}

int64_t
rt_sim_datagram_send(struct rt_sim_socket *s, const void *data, size_t length,
		     const struct sockaddr *to, socklen_t to_length)
{
	struct rt_net_address where = s->remote;
	struct rt_sim_node *node;
	int rc = rt_sim_socket_bind_some(s), copies = 1;

	if (rc == 0 && to && to_length <= sizeof(where.storage)) {
		memset(&where, 0, sizeof(where));
		memcpy(&where.storage, to, to_length);
		where.length = to_length;
	}
	if (rc)
		return rc;
	if (where.length == 0)
		return -EDESTADDRREQ;
	if (length > DATAGRAM_MAX)
		return -EMSGSIZE;
	node = rt_sim_net_node(s->node, &where);
	if (node == NULL || RT_SIM_HAPPENS(s->node, drop))
		copies = 0;
	else if (RT_SIM_HAPPENS(s->node, duplicate))
		copies = 2;
	while (copies-- && rc == 0)
		rc = fly(s, node, &where, data, length);
	return rc ? rc : (int64_t)length;
}

int64_t
rt_sim_datagram_recv(struct rt_sim_socket *s, void *data, size_t length,
		     int flags, struct sockaddr_storage *from,
		     socklen_t *from_length)
{
	struct utils_link *link = utils_list_first(&s->in);
	struct rt_sim_parcel *p;
	size_t n;

	if (link == NULL)
		return -EAGAIN;
	p = rt_sim_parcel_of(link);
	n = p->length < length ? p->length : length;
	memcpy(data, p->bytes, n);
	rt_sim_net_tell(&p->from, from, sizeof(*from), from_length);
	if (flags & MSG_PEEK)
		return (int64_t)n;
	s->in_bytes -= p->length;
	utils_list_remove(link);
	free(p);
	return (int64_t)n;
}

void
rt_sim_datagram_end(struct rt_sim *sim)
{
	struct utils_link *link;

	while ((link = utils_list_first(&sim->datagrams)) != NULL)
		free_datagram(utils_list_of(link, struct datagram, link));
}
