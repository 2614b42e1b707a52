/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net: sockets of the appliance, for applications that have no network.
 *
 * The accelerator "net" of type VINE_NET has the procedures below. Each is a
 * task like any other: issue it, wait for it, look at its result. What is sent
 * is read from the task's inputs and what is received is written to its outputs
 * where they lie; no byte is copied on the way between application and
 * appliance. A task that waits for a peer holds up no other task, nor its
 * queue.
 *
 * A socket is a number that a task answers with. It belongs to the session that
 * opened it: all its threads may use it, no other session can, and it is closed
 * when the session ends. The numbers of closed sockets are not used again soon.
 *
 *	procedure	arguments	in	out	  value
 *	net_listen	vine_net_open	-	-	  a socket
 *	net_connect	vine_net_open	-	-	  a socket
 *	net_bind	vine_net_open	-	-	  a socket
 *	net_accept	vine_net_io	-	[address] a socket
 *	net_send	vine_net_io	data	-	  bytes sent
 *	net_receive	vine_net_io	-	data	  bytes; 0: the end
 *	net_send_to	vine_net_to	data	-	  bytes sent
 *	net_receive_from vine_net_io	-	address,  bytes
 *						data
 *	net_send_file	vine_net_file	-	-	  bytes sent
 *	net_address	vine_net_io	-	address	  0
 *	net_shutdown	vine_net_io	-	-	  0
 *	net_close	vine_net_io	-	-	  0
 *
 * "data" is one or several slices, used in their order; "address" one slice of
 * sizeof(struct vine_net_address) or more, in brackets one that may be left
 * out. A socket has at most one task that receives (or accepts) and one that
 * sends at a time; a further one fails with EBUSY. A datagram that is longer
 * than the slices is cut where they end.
 *
 * A task that fails with VINE_STATUS_FAILED has an errno, and its value says
 * how many bytes went before:
 *	EINVAL		arguments or slices are not as said here
 *	EBADF		no socket of this session has that number
 *	ENOTSOCK	the socket is of a kind that cannot do that
 *	EBUSY		another task receives, or sends, on it already
 *	ETIMEDOUT	timeout_ns has passed
 *	ECANCELED	the socket was closed meanwhile
 *	EMFILE		the session has as many sockets as it may (net_sockets)
 *	ENFILE		the appliance has
 *	EAFNOSUPPORT	the appliance does not know the family
 *	EPIPE		VINE_NET_ALL: the peer closed before all was received
 *	ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EADDRINUSE and others: of the
 *			network, as socket(7) and ip(7) tell
 * Other statuses: REFUSED, where the config does not allow the address or the
 * file (net_listen, net_connect, net_files); CANCELED; BUSY, where the session
 * has as many tasks under way as the appliance has places left for others, or
 * the appliance as little memory as it may.
 *
 * All integers are of the machine's byte order but for what an address says.
 */
#ifndef VINE_NET_H
#define VINE_NET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VINE_NET_ACCEL "net"	/* the accelerator's name */

enum vine_net_family {
	VINE_NET_UNIX = 1,	/* a socket of the appliance's machine */
	VINE_NET_INET = 2,	/* IPv4 */
	VINE_NET_INET6 = 3,	/* IPv6 */
};

enum vine_net_kind {
	VINE_NET_STREAM = 1,	/* TCP, or a UNIX stream */
	VINE_NET_DATAGRAM = 2,	/* UDP, or UNIX datagrams */
};

/* 120 bytes. Zero it, fill in what the family needs. */
struct vine_net_address {
	uint16_t family;	/* enum vine_net_family */
	uint16_t port;		/* of INET and INET6; 0: any that is free */
	uint32_t scope;		/* of INET6: the interface's index, or 0 */
	/*
	 * INET: 4 bytes, INET6: 16 bytes, as they go over the wire. UNIX: a
	 * path of at most 107 bytes, or, with a 0 byte first and a name after
	 * it, one of the abstract names; ends with a 0 byte.
	 */
	uint8_t host[112];
};

enum vine_net_flag {
	/* net_send: all of it; without, at least one byte. net_receive: until
	 * the slices are full, or EPIPE; without, what is there, at least one
	 * byte or the end */
	VINE_NET_ALL = 1u << 0,
	/* net_listen on a port: others may listen on it too, and share what
	 * comes (SO_REUSEPORT) */
	VINE_NET_SHARE = 1u << 1,
	/* net_connect, net_listen: small writes may wait for one another;
	 * without, they go out at once (TCP_NODELAY) */
	VINE_NET_DELAY = 1u << 2,
	/* net_shutdown: no more is received, no more is sent */
	VINE_NET_IN = 1u << 3,
	VINE_NET_OUT = 1u << 4,
	/* net_address: that of the peer; without, the socket's own */
	VINE_NET_PEER = 1u << 5,
};

/*
 * Arguments of net_listen, net_connect and net_bind, 144 bytes. net_listen
 * takes STREAM alone. net_bind makes a socket for datagrams that receives at
 * the address; net_connect with DATAGRAM one that talks to the address alone.
 */
struct vine_net_open {
	uint32_t kind;		/* enum vine_net_kind */
	uint32_t flags;		/* enum vine_net_flag */
	uint64_t timeout_ns;	/* net_connect: 0: as long as the system */
	uint32_t backlog;	/* net_listen: 0: as many as may be */
	uint32_t reserved;	/* 0 */
	struct vine_net_address address;
};

/* Arguments of the rest, 16 bytes. */
struct vine_net_io {
	uint32_t socket;
	uint32_t flags;
	uint64_t timeout_ns;	/* 0: none */
};

/* Of net_send_to, 136 bytes. One datagram, of all the data. */
struct vine_net_to {
	struct vine_net_io io;
	struct vine_net_address address;
};

/*
 * Of net_send_file, 288 bytes: `length` bytes of a file of the appliance's
 * machine, from `offset` on, fewer where it ends. The file lies in a directory
 * of net_files; the name begins there, and leads nowhere else.
 */
struct vine_net_file {
	struct vine_net_io io;
	uint64_t offset;
	uint64_t length;
	char name[256];		/* ends with a 0 byte */
};

#ifdef __cplusplus
}
#endif
#endif
