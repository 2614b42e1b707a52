/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram: bytes that one simulated socket sends to another at once. It
 * arrives whole or does not; late, twice, or before one that was sent before
 * it. For rt_sim*.c.
 */
#ifndef RT_SIM_DATAGRAM_H
#define RT_SIM_DATAGRAM_H

#include "rt/rt_sim_socket.h"

/*
 * rt_sim_datagram_send sends one to an address, NULL: the socket's remote one.
 * Returns `length`, also for one that is lost; -EDESTADDRREQ without an
 * address, -EMSGSIZE, an error of rt_sim_socket_bind, -ENOMEM.
 */
int64_t rt_sim_datagram_send(struct rt_sim_socket *s, const void *data,
			     size_t length, const struct sockaddr *to,
			     socklen_t to_length);

/*
 * rt_sim_datagram_recv takes the first that arrived, or with MSG_PEEK looks at
 * it; what is longer than `length` is lost. Returns how many bytes, or -EAGAIN.
 */
int64_t rt_sim_datagram_recv(struct rt_sim_socket *s, void *data, size_t length,
			     int flags, struct sockaddr_storage *from,
			     socklen_t *from_length);

/* rt_sim_datagram_end gives up all on their way. All nodes have crashed. */
void rt_sim_datagram_end(struct rt_sim *sim);

#endif
