/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listener: a simulated socket that others connect to, its queue, and the way
 * of those who come. For rt_sim*.c and rt_engine_sim.c.
 */
#ifndef RT_SIM_LISTENER_H
#define RT_SIM_LISTENER_H

#include "rt/rt_sim_socket.h"

/*
 * rt_sim_listener_begin is listen(2). Returns 0, -EOPNOTSUPP for datagrams,
 * -EINVAL for one that is connected.
 */
int rt_sim_listener_begin(struct rt_sim_socket *s, int backlog);

/*
 * rt_sim_listener_accept is accept(2). Returns a descriptor, -EAGAIN where
 * nobody waits, -EINVAL of one that does not listen, -EMFILE.
 */
int rt_sim_listener_accept(struct rt_sim_socket *s, struct sockaddr *from,
			   socklen_t *length);

/* rt_sim_listener_close resets who waits, and has the listener be gone. */
void rt_sim_listener_close(struct rt_sim_socket *s);

/*
 * rt_sim_listener_connect has a socket go to its remote address. Returns
 * -EAGAIN: rt_sim_listener_go_on follows; for a name of UNIX 0, -ECONNREFUSED,
 * -EBUSY where the queue is full, -ENOMEM.
 */
int rt_sim_listener_connect(struct rt_sim_socket *s);

/* rt_sim_listener_go_on is what happens next on its way, for its event. */
void rt_sim_listener_go_on(struct rt_sim_socket *s);

#endif
