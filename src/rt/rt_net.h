/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net: addresses as text, and the sockets that are made for them.
 *
 *	tcp:127.0.0.1:7000	tcp:[::1]:7000	tcp:name:7000
 *	tcp:[fe80::1%3]:7000	(of the interface with that number)
 *	udp:127.0.0.1:7000
 *	unix:/path		unix:@name	(a name without a file)
 *
 * Sockets are O_NONBLOCK and O_CLOEXEC, for rt_io.h, and the caller's, who
 * closes them by rt_io_close. TCP does not wait for more to send (TCP_NODELAY).
 */
#ifndef RT_NET_H
#define RT_NET_H

#include <stdint.h>
#include <sys/socket.h>

#define RT_NET_TEXT 128		/* room for an address as text */

struct rt_net_address {
	int type;		/* SOCK_STREAM, SOCK_DGRAM */
	socklen_t length;
	struct sockaddr_storage storage;
};

struct rt_net_opts {
	int backlog;		/* 0: VINE_RT_BACKLOG */
	int share_port;		/* SO_REUSEPORT: one listener a thread */
	int send_buffer;	/* SO_SNDBUF of its connections, bytes; 0: the
				 * kernel's choice */
};

/*
 * rt_net_parse reads an address whose host is a number. Never blocks. Returns
 * 0, or -EINVAL if it is none, -ENAMETOOLONG for a path that is too long,
 * -ENOENT if the host is a name: rt_net_resolve asks for it.
 */
int rt_net_parse(const char *text, struct rt_net_address *address);

/*
 * rt_net_resolve is the same for names, of which it takes the first address;
 * that of an interface, [fe80::1%eth0], is one.
 * Blocks the calling task while it asks. Returns also -EHOSTUNREACH for a name
 * that nobody knows, -ETIMEDOUT, -ECANCELED, -EPERM outside of a task.
 */
int rt_net_resolve(const char *text, struct rt_net_address *address,
		   uint64_t deadline);

/*
 * rt_net_print writes an address as text, "?" where it has none. rt_net_parse
 * reads it back; an interface is its number.
 */
void rt_net_print(const struct rt_net_address *address, char text[RT_NET_TEXT]);

/*
 * rt_net_announce makes a socket that listens (TCP, UNIX) or receives (UDP) at
 * an address. Port 0 is some port. opts may be NULL. Any thread; does not
 * block. Returns 0, or as rt_net_parse; -EADDRINUSE and the other errors of
 * socket(2), bind(2), listen(2).
 */
int rt_net_announce(const char *text, const struct rt_net_opts *opts, int *fd);

/*
 * rt_net_dial makes a socket that is connected to an address. Blocks the
 * calling task. Returns 0, or as rt_net_resolve; -ECONNREFUSED and the other
 * errors of socket(2), connect(2).
 */
int rt_net_dial(const char *text, uint64_t deadline, int *fd);

/*
 * rt_net_local writes the address that a socket has, rt_net_peer that of the
 * other side. Any thread. 0 or -errno.
 */
int rt_net_local(int fd, struct rt_net_address *address);
int rt_net_peer(int fd, struct rt_net_address *address);

#endif
