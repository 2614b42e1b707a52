/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer: who has a segment from its socket, and what is said there.
 *
 * It is what QEMU's ivshmem-server says, version 0: words of eight bytes, least
 * significant last, some with a descriptor, from the server to the peer alone.
 *
 *	0		the version
 *	id		the peer's number, from 1 on
 *	-1 and a fd	the segment
 *	0 and a fd	a bell of the appliance, which is peer 0
 *	id and a fd	a bell of the peer's own; it ends the greeting
 *
 * Bells are eventfds; the nth of a peer is its vector n. A number with a fd
 * later on is another peer's bell, one without says that the peer has gone.
 * The connection lasts as long as the peer: its end is the news of a death,
 * for either side.
 *
 * An eventfd is one open file for all who have it, and each of them can make it
 * blocking. So nobody reads or writes one but in a way that cannot block
 * (arch_bell_clear), or where nobody waits for him.
 */
#ifndef VINE_PEER_H
#define VINE_PEER_H

#include <stdint.h>

#define VINE_PEER_VERSION 0
#define VINE_PEER_SEGMENT (-1)	/* the word that brings the segment */
#define VINE_PEER_APPLIANCE 0	/* its number */

/* A word, as far as it has come in. Zero it, fd -1, to begin one. */
struct vine_peer_word {
	uint8_t bytes[8];
	uint32_t have;
	int fd;		/* -1: came without; else the owner closes it */
};

/*
 * vine_peer_say sends a word, with fd unless that is -1; the caller keeps fd.
 * Never blocks. Any thread. Returns 0, or -EAGAIN where the other side has not
 * read what was said before, -EPIPE or -ECONNRESET where it has gone, or what
 * else sendmsg(2) says.
 */
int vine_peer_say(int sock, int64_t value, int fd);

/*
 * vine_peer_hear goes on with a word. Never blocks. Returns 0 when it is
 * whole, with its value; -EAGAIN when more must come first; -ECONNRESET at the
 * end of the connection, or what else recvmsg(2) says. The descriptor that it
 * brings is close-on-exec.
 */
int vine_peer_hear(int sock, struct vine_peer_word *word, int64_t *value);

/* What a peer has of its server. */
struct vine_peer {
	int sock;	/* -1: none */
	uint32_t id;
};

/*
 * vine_peer_attach connects to the socket and takes the greeting: the
 * connection and the id into *peer, the segment's descriptor into *fd, which
 * the caller owns; bells are given back, as both sides have the segment as
 * memory of one kernel. What it opens it opens under the lock of forks; on an
 * error nothing stays open. Blocks, up to timeout_ns. Returns 0, or, logged:
 * -ETIMEDOUT where nobody listens or answers for that long, -EACCES where the
 * socket may not be written or the appliance closed it, -EINVAL for a path
 * that cannot be a socket's, -EPROTO for another protocol, or what else
 * connect(2) says.
 */
int vine_peer_attach(const char *path, int64_t timeout_ns,
		     struct vine_peer *peer, int *fd);

/* vine_peer_is_served tells whether the server still has the connection. */
int vine_peer_is_served(const struct vine_peer *peer);

#endif
