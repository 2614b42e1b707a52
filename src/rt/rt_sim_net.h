/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net: the sockets of simulated nodes and what is on its way between them. Its
 * functions stand in rt_sim_inside.h, since they are those of a descriptor.
 *
 * A stream is bytes that arrive in order, in parts, after a time; a buffer
 * bounds what was sent and not read. Where the network is cut, or the other
 * node is off, a part is sent again and again, and after
 * VINE_RT_SIM_GIVE_UP_MS the sender's connection ends with -ETIMEDOUT. A node
 * that is on again and knows nothing of a connection resets it. A close with
 * bytes that nobody read resets the other side; another lets what was sent
 * arrive. A datagram arrives or does not.
 *
 * A node has its address, 127.0.0.1 and ::1 for itself, and names of UNIX.
 */
#ifndef RT_SIM_NET_H
#define RT_SIM_NET_H

#include "rt/rt_sim_inside.h"

enum rt_sim_socket_state {
	RT_SIM_NEW,
	RT_SIM_LISTENS,
	RT_SIM_CONNECTS,
	RT_SIM_CONNECTED,	/* or was: see peer, error */
};

/* What is on its way: a part of a stream, or an end of it. */
enum rt_sim_parcel_kind { RT_SIM_DATA, RT_SIM_FIN, RT_SIM_RST };

struct rt_sim_parcel {
	struct utils_link link;
	enum rt_sim_parcel_kind kind;
	uint64_t at;
	size_t length;
	size_t taken;		/* by reads */
	struct rt_net_address from;	/* of a datagram */
	char bytes[];
};

struct rt_sim_socket {
	struct utils_link link;	/* of its node's */
	struct rt_sim_node *node;
	int fd;			/* -1: none yet, or closed */
	int type;
	enum rt_sim_socket_state state;
	uint8_t bound;
	uint8_t waits;		/* to be accepted */
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

#endif
