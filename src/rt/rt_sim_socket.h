/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket: what a descriptor of a simulated node's network is. It listens
 * (rt_sim_listener.h), is an end of a connection (rt_sim_stream.h), or sends
 * and receives datagrams (rt_sim_datagram.h). For rt_sim*.c and
 * rt_engine_sim.c.
 *
 * None of these blocks: -EAGAIN says that a call would.
 */
#ifndef RT_SIM_SOCKET_H
#define RT_SIM_SOCKET_H

#include "rt/rt_sim_inside.h"

enum rt_sim_socket_state {
	RT_SIM_NEW,
	RT_SIM_LISTENS,
	RT_SIM_CONNECTS,
	RT_SIM_CONNECTED,	/* or was: see peer, error */
};

struct rt_sim_socket {
	struct utils_link link;	/* of its node's */
	struct rt_sim_node *node;
	int fd;			/* -1: none yet, or closed */
	int type;
	enum rt_sim_socket_state state;
	uint8_t bound;
	uint8_t closed;		/* by its owner */
	uint8_t shared;		/* SO_REUSEPORT */
	uint8_t refused;	/* what the answer to a connect is */
	uint8_t ended;		/* the other side sends no more */
	uint8_t gone;		/* a reset was seen */
	int error;		/* to be told once */
	uint32_t room;		/* bytes of the buffer */
	struct rt_net_address local;
	struct rt_net_address remote;
	struct rt_sim_node *there;	/* the other node */
	struct rt_sim_socket *peer;	/* NULL: it is not there any more */

	struct utils_list queue;	/* a listener's, by `turn` */
	struct utils_link turn;
	int backlog;
	int queued;

	struct utils_list in;	/* parcels that arrived */
	size_t in_bytes;
	struct utils_list out;	/* parcels on their way */
	size_t out_bytes;
	struct rt_sim_event event;	/* the first of them, or the connect */
	uint64_t last;		/* when the last of them is to arrive */
	uint64_t stuck;		/* since when nothing arrives; 0: it does */
};

#define rt_sim_socket_of(link_) utils_list_of(link_, struct rt_sim_socket, link)

/* --- as a node's host and engine see it ----------------------------------- */

/*
 * rt_sim_socket_open is socket(2). Returns a descriptor, which owns the socket;
 * -EAFNOSUPPORT, -EMFILE, -ENOMEM.
 */
int rt_sim_socket_open(struct rt_sim_node *node, int family, int type);

/* rt_sim_socket_close is close(2) of the socket's descriptor. */
void rt_sim_socket_close(struct rt_sim_socket *s);

/* rt_sim_socket_crash has all sockets of a node be gone at once. */
void rt_sim_socket_crash(struct rt_sim_node *node);

/*
 * rt_sim_socket_set is setsockopt(2) of SO_REUSEPORT and SO_SNDBUF; others have
 * no effect. Returns 0.
 */
int rt_sim_socket_set(struct rt_sim_socket *s, int level, int name, int value);

/*
 * rt_sim_socket_bind is bind(2). Returns 0, -EINVAL where it has an address,
 * -EADDRNOTAVAIL for that of another node, -EADDRINUSE.
 */
int rt_sim_socket_bind(struct rt_sim_socket *s, const struct rt_net_address *a);

/* rt_sim_socket_name tells its address, or that of the other side. */
void rt_sim_socket_name(const struct rt_sim_socket *s, int peer,
			struct rt_net_address *a);

/* rt_sim_socket_has_peer tells whether it was connected. */
int rt_sim_socket_has_peer(const struct rt_sim_socket *s);

/*
 * rt_sim_socket_connect is connect(2), asked again until it is not -EAGAIN.
 * Returns 0, -ECONNREFUSED, -ETIMEDOUT, -ECONNRESET; -EINVAL in another state
 * or for an address too long, -EAFNOSUPPORT, -EBUSY where a queue of UNIX is
 * full, an error of rt_sim_socket_bind, -ENOMEM.
 */
int rt_sim_socket_connect(struct rt_sim_socket *s, const struct sockaddr *to,
			  socklen_t length);

/*
 * rt_sim_socket_send is sendto(2); `to` is for datagrams, and may be NULL.
 * Returns as rt_sim_stream_send or rt_sim_datagram_send.
 */
int64_t rt_sim_socket_send(struct rt_sim_socket *s, const void *data,
			   size_t length, const struct sockaddr *to,
			   socklen_t to_length);

/*
 * rt_sim_socket_recv is recvfrom(2), of flags MSG_PEEK; `from` is for
 * datagrams, and may be NULL. Returns as rt_sim_stream_recv or
 * rt_sim_datagram_recv.
 */
int64_t rt_sim_socket_recv(struct rt_sim_socket *s, void *data, size_t length,
			   int flags, struct sockaddr_storage *from,
			   socklen_t *from_length);

/* rt_sim_socket_events returns what poll(2) would see. */
uint32_t rt_sim_socket_events(const struct rt_sim_socket *s);

/* --- for those of which it is a part -------------------------------------- */

/* rt_sim_socket_new makes one without a descriptor. NULL: no memory. */
struct rt_sim_socket *rt_sim_socket_new(struct rt_sim_node *node, int type);

/* rt_sim_socket_free has it be gone; its other side is not told. */
void rt_sim_socket_free(struct rt_sim_socket *s);

/* rt_sim_socket_news has who waits for it look again. */
void rt_sim_socket_news(struct rt_sim_socket *s);

/*
 * rt_sim_socket_bind_some gives an address to one that goes out without one.
 * Returns as rt_sim_socket_bind.
 */
int rt_sim_socket_bind_some(struct rt_sim_socket *s);

#endif
