/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream: the bytes between two simulated sockets that are connected, one way.
 * For rt_sim*.c.
 *
 * Bytes arrive in order, in parts, after a time; a buffer bounds what was sent
 * and not read. Where the network is cut, or the other node is off, a part is
 * sent again and again, and after VINE_RT_SIM_GIVE_UP_MS the sender's
 * connection ends with -ETIMEDOUT. A node that is on again and knows nothing of
 * a connection resets it. A close with bytes that nobody read resets the other
 * side; another lets what was sent arrive.
 */
#ifndef RT_SIM_STREAM_H
#define RT_SIM_STREAM_H

#include "rt/rt_sim_socket.h"

/* rt_sim_stream_room returns how many bytes may be sent now. */
size_t rt_sim_stream_room(const struct rt_sim_socket *s);

/*
 * rt_sim_stream_send sends as many bytes as there is room for. Returns how
 * many, -EAGAIN without room; what ended the connection, once, and then -EPIPE;
 * -ENOTCONN, -ENOMEM.
 */
int64_t rt_sim_stream_send(struct rt_sim_socket *s, const char *data,
			   size_t length);

/*
 * rt_sim_stream_recv reads what has arrived; with MSG_PEEK it stays. Returns
 * how many bytes, 0 at the end, -EAGAIN; what ended the connection, once, and
 * then 0; -ENOTCONN.
 */
int64_t rt_sim_stream_recv(struct rt_sim_socket *s, char *data, size_t length,
			   int flags);

/*
 * rt_sim_stream_close tells the other side, that bytes were not read if so, and
 * has the socket be gone when that is done.
 */
void rt_sim_stream_close(struct rt_sim_socket *s, int unread);

/* rt_sim_stream_go has the first parcel go, if there is one that does not. */
void rt_sim_stream_go(struct rt_sim_socket *s);

/* rt_sim_stream_arrive is what the first parcel's event does. */
void rt_sim_stream_arrive(struct rt_sim_socket *s);

/*
 * rt_sim_stream_try_later has the socket's event come again, later each time.
 * Returns 0, or 1: it has tried for too long.
 */
int rt_sim_stream_try_later(struct rt_sim_socket *s);

/* rt_sim_stream_reset has the connection be over for this side. */
void rt_sim_stream_reset(struct rt_sim_socket *s, int error);

#endif
