/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream's parcels wait in the list of who sends them, with one event for the
 * first; so they arrive in order, whatever happens to one. What arrived waits
 * in the list of who reads. An end is a parcel, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rt/rt_sim_net.h"
#include "rt/rt_sim_parcel.h"
#include "rt/rt_sim_stream.h"

#define MS UINT64_C(1000000)
#define RESEND (200 * MS)		/* the first time; then twice as long */
#define RESEND_MOST (3200 * MS)
#define GIVE_UP (VINE_RT_SIM_GIVE_UP_MS * MS)
#define PARCEL 16384u			/* bytes of one, at most */

/* --- on the way ----------------------------------------------------------- */

static uint64_t
resend(const struct rt_sim_socket *s)
{
	uint64_t spent = s->node->sim->now - s->stuck;

	return spent < RESEND ? RESEND : spent < RESEND_MOST ? spent :
		RESEND_MOST;
}

/* What tried and failed tries again, or gives up: then 1 is returned. */
int
rt_sim_stream_try_later(struct rt_sim_socket *s)
{
	struct rt_sim *sim = s->node->sim;

	if (s->stuck == 0)
		s->stuck = sim->now;
	if (sim->now - s->stuck >= GIVE_UP)
		return 1;
	rt_sim_at(sim, &s->event, sim->now + resend(s));
	return 0;
}

void
rt_sim_stream_go(struct rt_sim_socket *s)
{
	struct utils_link *first = utils_list_first(&s->out);

	if (first && s->event.place == 0)
		rt_sim_at(s->node->sim, &s->event, rt_sim_parcel_of(first)->at);
}

/* Send something along a stream. */
static int
post(struct rt_sim_socket *s, enum rt_sim_parcel_kind kind, const void *data,
     size_t length)
{
	struct rt_sim_parcel *p = rt_sim_parcel_new(kind, data, length);

	if (p == NULL) {
		s->node->sim->broken = kind == RT_SIM_DATA ?
			s->node->sim->broken : -ENOMEM;
		return -ENOMEM;
	}
	p->at = rt_sim_net_arrival(s->node, s->there, length);
	if (RT_SIM_HAPPENS(s->node, net_stall))
		p->at += RESEND;
	if (p->at <= s->last)
		p->at = s->last + 1;
	s->last = p->at;
	utils_list_push_back(&s->out, &p->link);
	s->out_bytes += length;
	rt_sim_stream_go(s);
	return 0;
}

/* The connection is over for this side. */
void
rt_sim_stream_reset(struct rt_sim_socket *s, int error)
{
	rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
	rt_sim_parcel_drop(&s->out, &s->out_bytes);
	s->error = error;
	s->gone = 1;
	if (s->peer)
		s->peer->peer = NULL;
	s->peer = NULL;
	rt_sim_note(s->node, "reset", s->fd, error);
	if (s->closed)
		rt_sim_socket_free(s);
	else
		rt_sim_socket_news(s);
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
		rt_sim_socket_news(to);
		return 0;
	}
	if (p->kind == RT_SIM_FIN) {
		to->ended = 1;
		rt_sim_socket_news(to);
	} else {
		rt_sim_stream_reset(to, ECONNRESET);
	}
	free(p);
	return 0;
}

/* The first parcel has come to where it goes, if it can. */
void
rt_sim_stream_arrive(struct rt_sim_socket *s)
{
	struct rt_sim_parcel *p = rt_sim_parcel_of(utils_list_first(&s->out));

	if (rt_sim_net_is_cut(s->node, s->there)) {
		if (rt_sim_stream_try_later(s))
			rt_sim_stream_reset(s, ETIMEDOUT);
		return;
	}
	s->stuck = 0;
	if (p->kind == RT_SIM_DATA && RT_SIM_HAPPENS(s->node, net_reset)) {
		struct rt_sim_socket *peer = s->peer;

		rt_sim_stream_reset(s, ECONNRESET);
		if (peer)
			rt_sim_stream_reset(peer, ECONNRESET);
		return;
	}
	if (p->kind == RT_SIM_DATA && (s->peer == NULL || s->peer->closed)) {
		rt_sim_stream_reset(s, ECONNRESET);
		return;
	}
	utils_list_remove(&p->link);
	s->out_bytes -= p->length;
	if (s->peer == NULL || deliver(s->peer, p) != 0)
		free(p);
	if (!utils_list_empty(&s->out)) {
		rt_sim_stream_go(s);
		return;
	}
	if (s->closed)
		rt_sim_socket_free(s);
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

size_t
rt_sim_stream_room(const struct rt_sim_socket *s)
{
	size_t used = s->out_bytes + (s->peer ? s->peer->in_bytes : 0);

	return used < s->room ? s->room - used : 0;
}

int64_t
rt_sim_stream_send(struct rt_sim_socket *s, const char *data, size_t length)
{
	size_t n = rt_sim_stream_room(s), done = 0;

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

int64_t
rt_sim_stream_recv(struct rt_sim_socket *s, char *data, size_t length,
		   int flags)
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
		struct rt_sim_parcel *p = rt_sim_parcel_of(link);
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
		rt_sim_socket_news(s->peer);	/* there is room again */
	return (int64_t)done;
}

/* --- ends ----------------------------------------------------------------- */

/* Tell the other side, and go when that is done. */
void
rt_sim_stream_close(struct rt_sim_socket *s, int unread)
{
	s->closed = 1;
	s->fd = -1;
	rt_sim_parcel_drop(&s->in, &s->in_bytes);
	if (s->gone || s->peer == NULL) {
		if (utils_list_empty(&s->out) || s->gone)
			rt_sim_socket_free(s);
		return;
	}
	if (unread) {
		rt_sim_clock_cancel(&s->node->sim->clock, &s->event);
		rt_sim_parcel_drop(&s->out, &s->out_bytes);
	}
	if (s->state == RT_SIM_CONNECTS)
		s->state = RT_SIM_CONNECTED;
	if (post(s, unread ? RT_SIM_RST : RT_SIM_FIN, NULL, 0) != 0)
		rt_sim_socket_free(s);
}

int
rt_sim_pair(int fds[2])
{
	struct rt_sim_node *node = rt_sim_node_self();
	struct rt_sim_socket *ends[2];

	if (node == NULL)
		return -EPERM;
	for (int i = 0; i < 2; i++) {
		fds[i] = rt_sim_socket_open(node, AF_UNIX, SOCK_STREAM);
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
