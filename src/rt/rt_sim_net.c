/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream's parcels wait in the list of who sends them, with one event for the
 * first; so they arrive in order, whatever happens to one. A socket that was
 * closed stays until its last parcel has arrived. Two that are connected point
 * to each other, and to nothing when the other is gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "rt/rt_sim_net.h"

#define MS UINT64_C(1000000)
#define RESEND (200 * MS)		/* the first time; then twice as long */
#define RESEND_MOST (3200 * MS)
#define GIVE_UP (VINE_RT_SIM_GIVE_UP_MS * MS)
#define PARCEL 16384u			/* bytes of one, at most */
#define DATAGRAMS 262144u		/* bytes that wait at a socket */
#define DATAGRAM_MAX 65507u
#define FIRST_PORT 32768u

#define socket_of(link_) utils_list_of(link_, struct rt_sim_socket, link)
#define parcel_of(link_) utils_list_of(link_, struct rt_sim_parcel, link)

/* --- addresses ------------------------------------------------------------ */

static int
is_unix(const struct rt_net_address *a)
{
	return a->storage.ss_family == AF_UNIX;
}

static uint16_t
port_of(const struct rt_net_address *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->storage;
	const struct sockaddr_in *in = (const void *)&a->storage;

	return ntohs(a->storage.ss_family == AF_INET6 ? in6->sin6_port :
		     in->sin_port);
}

static void
set_port(struct rt_net_address *a, uint16_t port)
{
	struct sockaddr_in6 *in6 = (void *)&a->storage;
	struct sockaddr_in *in = (void *)&a->storage;

	if (a->storage.ss_family == AF_INET6)
		in6->sin6_port = htons(port);
	else if (a->storage.ss_family == AF_INET)
		in->sin_port = htons(port);
}

static void
set_ip(struct rt_net_address *a, const struct rt_sim_node *node)
{
	struct sockaddr_in *in = (void *)&a->storage;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a000000u + node->number);
	a->length = sizeof(*in);
}

/* The number of the node that an address leads to, from `node`; 0: none. */
static uint32_t
number_at(const struct rt_sim_node *node, const struct rt_net_address *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->storage;
	const struct sockaddr_in *in = (const void *)&a->storage;
	uint32_t ip;

	if (is_unix(a))
		return node->number;
	if (a->storage.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
			IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ?
			node->number : 0;
	ip = ntohl(in->sin_addr.s_addr);
	if (ip == 0 || ip >> 24 == 127)
		return node->number;
	return ip >> 8 == 0x0a0000 ? ip & 0xff : 0;
}

static struct rt_sim_node *
node_at(const struct rt_sim_node *node, const struct rt_net_address *a)
{
	const uint32_t number = number_at(node, a);

	return number && number <= node->sim->count ?
		node->sim->nodes[number - 1] : NULL;
}

static int
same_name(const struct rt_net_address *a, const struct rt_net_address *b)
{
	return is_unix(a) && is_unix(b) && a->length == b->length &&
		memcmp(&a->storage, &b->storage, a->length) == 0;
}

/* Is a socket that is bound to `local` the one for `to`? */
static int
answers(const struct rt_net_address *local, const struct rt_net_address *to)
{
	if (is_unix(local) || is_unix(to))
		return same_name(local, to);
	return local->storage.ss_family == to->storage.ss_family &&
		port_of(local) == port_of(to);
}

int
rt_sim_net_resolve(struct rt_sim *sim, const char *name, uint16_t port,
		   struct rt_net_address *a)
{
	for (uint32_t i = 0; i < sim->count; i++) {
		if (strcmp(sim->nodes[i]->name, name) != 0)
			continue;
		set_ip(a, sim->nodes[i]);
		set_port(a, port);
		return 0;
	}
	return -EHOSTUNREACH;
}

/* --- sockets -------------------------------------------------------------- */

static void
news(struct rt_sim_socket *s)
{
	rt_sim_fd_news(s->node, s->fd);
}

static void on_event(struct rt_sim_event *event);

static struct rt_sim_socket *
new_socket(struct rt_sim_node *node, int type)
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

static void
drop_parcels(struct utils_list *list, size_t *bytes)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(list)) != NULL)
		free(parcel_of(link));
	*bytes = 0;
}

static void
free_socket(struct rt_sim_socket *s)
{
	rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
	if (s->peer)
		s->peer->peer = NULL;
	drop_parcels(&s->in, &s->in_bytes);
	drop_parcels(&s->out, &s->out_bytes);
	utils_list_remove(&s->turn);
	utils_list_remove(&s->link);
	free(s);
}

int
rt_sim_net_socket(struct rt_sim_node *node, int family, int type)
{
	struct rt_sim_socket *s;
	struct rt_sim_fd *at;
	int fd;

	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return -EAFNOSUPPORT;
	fd = rt_sim_fd_new(node, &at);
	if (fd < 0)
		return fd;
	s = new_socket(node, type);
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

int
rt_sim_net_set(struct rt_sim_socket *s, int level, int name, int value)
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
		const struct rt_sim_socket *other = socket_of(link);

		if (other != s && other->bound && !other->closed &&
		    other->type == s->type && answers(&other->local, a) &&
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
		set_port(a, s->node->port++);
		if (!is_taken(s, a))
			return 0;
	}
	return -EADDRINUSE;
}

int
rt_sim_net_bind(struct rt_sim_socket *s, const struct rt_net_address *a)
{
	struct rt_net_address to = *a;
	int rc = 0;

	if (s->bound)
		return -EINVAL;
	if (number_at(s->node, a) != s->node->number)
		return -EADDRNOTAVAIL;
	if (!is_unix(a) && port_of(a) == 0)
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

int
rt_sim_net_listen(struct rt_sim_socket *s, int backlog)
{
	if (s->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	if (s->state != RT_SIM_NEW && s->state != RT_SIM_LISTENS)
		return -EINVAL;
	s->state = RT_SIM_LISTENS;
	s->backlog = backlog;
	return 0;
}

void
rt_sim_net_name(const struct rt_sim_socket *s, int peer,
		struct rt_net_address *a)
{
	*a = peer ? s->remote : s->local;
	a->type = s->type;
}

int
rt_sim_net_has_peer(const struct rt_sim_socket *s)
{
	return s->remote.length != 0;
}

/* --- on the way ----------------------------------------------------------- */

static int
is_cut(const struct rt_sim_node *a, const struct rt_sim_node *b)
{
	return b == NULL || b->power != RT_SIM_UP ||
		a->sim->cut[a->number][b->number];
}

/* When what is sent now arrives: it waits for what went before, and travels. */
static uint64_t
arrival(struct rt_sim_node *from, const struct rt_sim_node *to, size_t length)
{
	struct rt_sim *sim = from->sim;
	uint64_t *free_at, at = sim->now;

	if (to == NULL || to == from)
		return at + 1 + rt_sim_below(sim, 5000);
	free_at = &sim->link_free[from->number][to->number];
	if (*free_at > at)
		at = *free_at;
	at += length * UINT64_C(1000000000) / sim->opts.net_bytes;
	*free_at = at;
	return at + sim->opts.net_ns / 10 +
		rt_sim_below(sim, sim->opts.net_ns);
}

static uint64_t
resend(const struct rt_sim_socket *s)
{
	uint64_t spent = s->node->sim->now - s->stuck;

	return spent < RESEND ? RESEND : spent < RESEND_MOST ? spent :
		RESEND_MOST;
}

/* What tried and failed tries again, or gives up: then 1 is returned. */
static int
try_later(struct rt_sim_socket *s)
{
	struct rt_sim *sim = s->node->sim;

	if (s->stuck == 0)
		s->stuck = sim->now;
	if (sim->now - s->stuck >= GIVE_UP)
		return 1;
	rt_sim_at(sim, &s->event, sim->now + resend(s));
	return 0;
}

static void
set_first(struct rt_sim_socket *s)
{
	struct utils_link *first = utils_list_first(&s->out);

	if (first && s->event.place == 0)
		rt_sim_at(s->node->sim, &s->event, parcel_of(first)->at);
}

static struct rt_sim_parcel *
new_parcel(enum rt_sim_parcel_kind kind, const void *data, size_t length)
{
	struct rt_sim_parcel *p = calloc(1, sizeof(*p) + length);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->length = length;
	if (length)
		memcpy(p->bytes, data, length);
	return p;
}

/* Send something along a stream. */
static int
post(struct rt_sim_socket *s, enum rt_sim_parcel_kind kind, const void *data,
     size_t length)
{
	struct rt_sim_parcel *p = new_parcel(kind, data, length);

	if (p == NULL) {
		s->node->sim->broken = kind == RT_SIM_DATA ?
			s->node->sim->broken : -ENOMEM;
		return -ENOMEM;
	}
	p->at = arrival(s->node, s->there, length);
	if (RT_SIM_HAPPENS(s->node, net_stall))
		p->at += RESEND;
	if (p->at <= s->last)
		p->at = s->last + 1;
	s->last = p->at;
	utils_list_push_back(&s->out, &p->link);
	s->out_bytes += length;
	set_first(s);
	return 0;
}

/* The connection is over for this side. */
static void
reset(struct rt_sim_socket *s, int error)
{
	rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
	drop_parcels(&s->out, &s->out_bytes);
	s->error = error;
	s->gone = 1;
	if (s->peer)
		s->peer->peer = NULL;
	s->peer = NULL;
	rt_sim_note(s->node, "reset", s->fd, error);
	if (s->closed)
		free_socket(s);
	else
		news(s);
}

/* What arrives at a socket. Returns -ECONNRESET if nobody wants it. */
static int
deliver(struct rt_sim_socket *to, struct rt_sim_parcel *p)
{
	if (p->kind == RT_SIM_DATA && to->closed)
		return -ECONNRESET;
	if (to->state == RT_SIM_CONNECTS)	/* the answer is on its way */
		to->state = RT_SIM_CONNECTED;
	rt_sim_note(to->node, p->kind == RT_SIM_DATA ? "arrive" : "end",
		    to->fd, (int64_t)p->length);
	if (p->kind == RT_SIM_DATA) {
		utils_list_push_back(&to->in, &p->link);
		to->in_bytes += p->length;
		news(to);
		return 0;
	}
	if (p->kind == RT_SIM_FIN) {
		to->ended = 1;
		news(to);
	} else {
		reset(to, ECONNRESET);
	}
	free(p);
	return 0;
}

/* The first parcel has come to where it goes, if it can. */
static void
arrive(struct rt_sim_socket *s)
{
	struct rt_sim_parcel *p = parcel_of(utils_list_first(&s->out));

	if (is_cut(s->node, s->there)) {
		if (try_later(s))
			reset(s, ETIMEDOUT);
		return;
	}
	s->stuck = 0;
	if (p->kind == RT_SIM_DATA && RT_SIM_HAPPENS(s->node, net_reset)) {
		struct rt_sim_socket *peer = s->peer;

		reset(s, ECONNRESET);
		if (peer)
			reset(peer, ECONNRESET);
		return;
	}
	if (p->kind == RT_SIM_DATA && (s->peer == NULL || s->peer->closed)) {
		reset(s, ECONNRESET);
		return;
	}
	utils_list_remove(&p->link);
	s->out_bytes -= p->length;
	if (s->peer == NULL || deliver(s->peer, p) != 0)
		free(p);
	if (!utils_list_empty(&s->out)) {
		set_first(s);
		return;
	}
	if (s->closed)
		free_socket(s);
}

/* --- connecting ----------------------------------------------------------- */

/* One of those that listen there; which, where there are more, by the seed. */
static struct rt_sim_socket *
find_listener(struct rt_sim_node *node, const struct rt_net_address *to)
{
	struct rt_sim_socket *found = NULL;
	uint32_t n = 0;

	utils_list_each(&node->sockets, link) {
		struct rt_sim_socket *s = socket_of(link);

		if (s->state == RT_SIM_LISTENS && !s->closed &&
		    answers(&s->local, to) &&
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
	other = new_socket(listener->node, SOCK_STREAM);
	if (other == NULL)
		return -ENOMEM;
	other->state = RT_SIM_CONNECTED;
	other->waits = 1;
	other->room = listener->room;
	other->local = listener->local;
	if (!is_unix(&s->remote))
		other->local = s->remote;
	other->remote = s->local;
	other->there = s->node;
	other->peer = s;
	s->peer = other;
	s->there = listener->node;
	utils_list_push_back(&listener->queue, &other->turn);
	listener->queued++;
	news(listener);
	return 0;
}

/* The first packet of a connection has come to where it goes, if it can. */
static void
knock(struct rt_sim_socket *s)
{
	struct rt_sim_node *to = node_at(s->node, &s->remote);
	struct rt_sim_socket *listener;
	int rc = -ECONNREFUSED;

	if (to == NULL || is_cut(s->node, to)) {
		rc = -EAGAIN;
	} else {
		listener = find_listener(to, &s->remote);
		if (listener)
			rc = meet(s, listener);
	}
	if (rc == -EAGAIN || rc == -ENOMEM) {
		if (try_later(s))
			reset(s, ETIMEDOUT);
		return;
	}
	s->stuck = 0;
	s->refused = rc != 0;
	s->there = to;
	rt_sim_at(s->node->sim, &s->event, arrival(to, s->node, 0));
}

/* The answer has come. */
static void
answered(struct rt_sim_socket *s)
{
	if (s->refused) {
		reset(s, ECONNREFUSED);
		return;
	}
	s->state = RT_SIM_CONNECTED;
	rt_sim_note(s->node, "connected", s->fd, 0);
	set_first(s);
	news(s);
}

static void
on_event(struct rt_sim_event *event)
{
	struct rt_sim_socket *s = event->user;

	if (s->state != RT_SIM_CONNECTS) {
		if (!utils_list_empty(&s->out))
			arrive(s);
		else if (s->closed)
			free_socket(s);
	} else if (s->peer || s->refused) {
		answered(s);
	} else {
		knock(s);
	}
}

static int
begin_connect(struct rt_sim_socket *s)
{
	struct rt_sim_socket *listener;
	int rc;

	if (is_unix(&s->remote)) {
		listener = find_listener(s->node, &s->remote);
		if (listener == NULL)
			return -ECONNREFUSED;
		rc = meet(s, listener);
		if (rc == 0)
			s->state = RT_SIM_CONNECTED;
		return rc == -EAGAIN ? -EBUSY : rc;
	}
	s->state = RT_SIM_CONNECTS;
	rt_sim_at(s->node->sim, &s->event,
		  arrival(s->node, node_at(s->node, &s->remote), 0));
	return -EAGAIN;
}

/* The address that a socket has which goes out without one. */
static int
bind_some(struct rt_sim_socket *s)
{
	struct rt_net_address a = { .type = s->type,
				    .length = s->local.length };

	a.storage.ss_family = s->local.storage.ss_family;
	if (s->bound || is_unix(&a))
		return 0;
	if (a.storage.ss_family == AF_INET)
		set_ip(&a, s->node);
	return rt_sim_net_bind(s, &a);
}

int
rt_sim_net_connect(struct rt_sim_socket *s, const struct sockaddr *to,
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
	rc = bind_some(s);
	if (rc)
		return rc;
	memset(&s->remote, 0, sizeof(s->remote));
	memcpy(&s->remote.storage, to, length);
	s->remote.length = length;
	s->remote.type = s->type;
	if (s->type == SOCK_STREAM)
		return begin_connect(s);
	s->state = RT_SIM_CONNECTED;
	return 0;
}

/* What a call wants to know of an address: as much as there is room for. */
static void
tell(const struct rt_net_address *a, void *to, socklen_t room,
     socklen_t *length)
{
	if (to == NULL)
		return;
	memcpy(to, &a->storage, a->length < room ? a->length : room);
	*length = a->length;
}

int
rt_sim_net_accept(struct rt_sim_socket *s, struct sockaddr *from,
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
	got = utils_list_of(link, struct rt_sim_socket, turn);
	utils_list_remove(link);
	s->queued--;
	got->waits = 0;
	got->fd = fd;
	at->socket = got;
	tell(&got->remote, from, *length, length);
	return fd;
}

/* --- bytes ---------------------------------------------------------------- */

/* What a broken connection answers; the reason once. */
static int
broken(struct rt_sim_socket *s, int later)
{
	int error = s->error;

	s->error = 0;
	return error ? -error : later;
}

static size_t
room(const struct rt_sim_socket *s)
{
	size_t used = s->out_bytes + (s->peer ? s->peer->in_bytes : 0);

	return used < s->room ? s->room - used : 0;
}

static int64_t
send_stream(struct rt_sim_socket *s, const char *data, size_t length)
{
	size_t n = room(s), done = 0;

	if (s->gone)
		return broken(s, -EPIPE);
	if (s->state != RT_SIM_CONNECTED)
		return -ENOTCONN;
	if (length == 0)
		return 0;
	if (n == 0)
		return -EAGAIN;
	if (n > length)
		n = length;
	if (n > 1 && RT_SIM_HAPPENS(s->node, short_send))
		n = 1 + rt_sim_below(s->node->sim, n - 1);
	while (done < n) {
		size_t part = n - done < PARCEL ? n - done : PARCEL;
		int rc = post(s, RT_SIM_DATA, data + done, part);

		if (rc)
			return done ? (int64_t)done : rc;
		done += part;
	}
	return (int64_t)done;
}

static int64_t
recv_stream(struct rt_sim_socket *s, char *data, size_t length, int flags)
{
	size_t done = 0, most = length < s->in_bytes ? length : s->in_bytes;

	if (s->state != RT_SIM_CONNECTED)
		return s->gone ? broken(s, 0) : -ENOTCONN;
	if (length == 0)
		return 0;
	if (most == 0)
		return s->gone ? broken(s, 0) : s->ended ? 0 : -EAGAIN;
	if (most > 1 && RT_SIM_HAPPENS(s->node, short_recv))
		most = 1 + rt_sim_below(s->node->sim, most - 1);
	utils_list_each_safe(&s->in, link, after) {
		struct rt_sim_parcel *p = parcel_of(link);
		size_t n = p->length - p->taken;

		if (done == most)
			break;
		n = n < most - done ? n : most - done;
		memcpy(data + done, p->bytes + p->taken, n);
		done += n;
		if (flags & MSG_PEEK)
			continue;
		p->taken += n;
		s->in_bytes -= n;
		if (p->taken < p->length)
			break;
		utils_list_remove(link);
		free(p);
	}
	if (s->peer && !(flags & MSG_PEEK))
		news(s->peer);	/* there is room again */
	return (int64_t)done;
}

/* --- datagrams ------------------------------------------------------------ */

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
		struct rt_sim_socket *s = socket_of(link);

		if (s->type != SOCK_DGRAM || s->closed || !s->bound ||
		    !answers(&s->local, to))
			continue;
		if (s->state != RT_SIM_CONNECTED || answers(&s->remote, from))
			return s;
	}
	return NULL;
}

static void
on_datagram(struct rt_sim_event *event)
{
	struct datagram *d = event->user;
	struct rt_sim_socket *s = NULL;

	if (!is_cut(d->from, d->to))
		s = find_receiver(d->to, &d->where, &d->parcel->from);
	if (s && s->in_bytes + d->parcel->length <= DATAGRAMS) {
		utils_list_push_back(&s->in, &d->parcel->link);
		s->in_bytes += d->parcel->length;
		rt_sim_note(s->node, "datagram", s->fd,
			    (int64_t)d->parcel->length);
		d->parcel = NULL;
		news(s);
	}
	free_datagram(d);
}

static int
fly(struct rt_sim_socket *s, struct rt_sim_node *to,
    const struct rt_net_address *where, const void *data, size_t length)
{
	struct datagram *d = calloc(1, sizeof(*d));
	uint64_t at = arrival(s->node, to, length);

	if (d)
		d->parcel = new_parcel(RT_SIM_DATA, data, length);
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

static int64_t
send_datagram(struct rt_sim_socket *s, const void *data, size_t length,
	      const struct sockaddr *to, socklen_t to_length)
{
	struct rt_net_address where = s->remote;
	struct rt_sim_node *node;
	int rc = bind_some(s), copies = 1;

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
	node = node_at(s->node, &where);
	if (node == NULL || RT_SIM_HAPPENS(s->node, drop))
		copies = 0;
	else if (RT_SIM_HAPPENS(s->node, duplicate))
		copies = 2;
	while (copies-- && rc == 0)
		rc = fly(s, node, &where, data, length);
	return rc ? rc : (int64_t)length;
}

static int64_t
recv_datagram(struct rt_sim_socket *s, void *data, size_t length, int flags,
	      struct sockaddr_storage *from, socklen_t *from_length)
{
	struct utils_link *link = utils_list_first(&s->in);
	struct rt_sim_parcel *p;
	size_t n;

	if (link == NULL)
		return -EAGAIN;
	p = parcel_of(link);
	n = p->length < length ? p->length : length;
	memcpy(data, p->bytes, n);
	tell(&p->from, from, sizeof(*from), from_length);
	if (flags & MSG_PEEK)
		return (int64_t)n;
	s->in_bytes -= p->length;
	utils_list_remove(link);
	free(p);
	return (int64_t)n;
}

int64_t
rt_sim_net_send(struct rt_sim_socket *s, const void *data, size_t length,
		const struct sockaddr *to, socklen_t to_length)
{
	return s->type == SOCK_STREAM ? send_stream(s, data, length) :
		send_datagram(s, data, length, to, to_length);
}

int64_t
rt_sim_net_recv(struct rt_sim_socket *s, void *data, size_t length, int flags,
		struct sockaddr_storage *from, socklen_t *from_length)
{
	return s->type == SOCK_STREAM ? recv_stream(s, data, length, flags) :
		recv_datagram(s, data, length, flags, from, from_length);
}

uint32_t
rt_sim_net_events(const struct rt_sim_socket *s)
{
	uint32_t events = 0;

	if (s->state == RT_SIM_LISTENS)
		return utils_list_empty(&s->queue) ? 0 : POLLIN;
	if (!utils_list_empty(&s->in) || s->ended)
		events |= POLLIN;
	if (s->type == SOCK_DGRAM ||
	    (s->state == RT_SIM_CONNECTED && room(s)))
		events |= POLLOUT;
	if (s->gone)
		events |= POLLIN | POLLOUT | POLLHUP;
	return s->error ? events | POLLERR : events;
}

/* --- ends ----------------------------------------------------------------- */

/* Tell the other side, and go when that is done. */
static void
hang_up(struct rt_sim_socket *s, int unread)
{
	s->closed = 1;
	s->fd = -1;
	drop_parcels(&s->in, &s->in_bytes);
	if (s->gone || s->peer == NULL) {
		if (utils_list_empty(&s->out) || s->gone)
			free_socket(s);
		return;
	}
	if (unread) {
		rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
		drop_parcels(&s->out, &s->out_bytes);
	}
	if (s->state == RT_SIM_CONNECTS)
		s->state = RT_SIM_CONNECTED;
	if (post(s, unread ? RT_SIM_RST : RT_SIM_FIN, NULL, 0) != 0)
		free_socket(s);
}

static void
close_listener(struct rt_sim_socket *s)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(&s->queue)) != NULL)
		hang_up(utils_list_of(link, struct rt_sim_socket, turn), 1);
	free_socket(s);
}

void
rt_sim_net_close(struct rt_sim_socket *s)
{
	if (s->state == RT_SIM_LISTENS)
		close_listener(s);
	else if (s->type == SOCK_DGRAM || s->state == RT_SIM_NEW ||
		 (s->state == RT_SIM_CONNECTS && s->peer == NULL))
		free_socket(s);
	else
		hang_up(s, s->in_bytes != 0 || s->state == RT_SIM_CONNECTS);
}

void
rt_sim_net_crash(struct rt_sim_node *node)
{
	struct utils_link *link;

	while ((link = utils_list_first(&node->sockets)) != NULL)
		free_socket(socket_of(link));
}

void
rt_sim_net_end(struct rt_sim *sim)
{
	struct utils_link *link;

	while ((link = utils_list_first(&sim->datagrams)) != NULL)
		free_datagram(utils_list_of(link, struct datagram, link));
}

void
rt_sim_partition(struct rt_sim_node *a, struct rt_sim_node *b, int on)
{
	a->sim->cut[a->number][b->number] = on != 0;
	a->sim->cut[b->number][a->number] = on != 0;
	rt_sim_note(a, on ? "cut" : "join", b->number, 0);
}

int
rt_sim_pair(int fds[2])
{
	struct rt_sim_node *node = rt_sim_node_self();
	struct rt_sim_socket *ends[2];

	if (node == NULL)
		return -EPERM;
	for (int i = 0; i < 2; i++) {
		fds[i] = rt_sim_net_socket(node, AF_UNIX, SOCK_STREAM);
		if (fds[i] < 0) {
			if (i)
				node->host.ops->close(&node->host, fds[0]);
			return fds[i];
		}
		ends[i] = rt_sim_fd_at(node, fds[i])->socket;
		ends[i]->state = RT_SIM_CONNECTED;
		ends[i]->there = node;
		ends[i]->remote = ends[i]->local;
	}
	ends[0]->peer = ends[1];
	ends[1]->peer = ends[0];
	return 0;
}
