/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net: the network between simulated nodes: whose an address is, which lines
 * are cut, and when what is sent arrives. For rt_sim*.c.
 *
 * A node has its address, 127.0.0.1 and ::1 for itself, and names of UNIX.
 */
#ifndef RT_SIM_NET_H
#define RT_SIM_NET_H

#include "rt/rt_sim_inside.h"

/* rt_sim_net_is_unix tells whether an address is a name of UNIX. */
int rt_sim_net_is_unix(const struct rt_net_address *a);

/* rt_sim_net_port returns the port of one that is none. */
uint16_t rt_sim_net_port(const struct rt_net_address *a);

/* rt_sim_net_set_port sets the port; a name of UNIX stays. */
void rt_sim_net_set_port(struct rt_net_address *a, uint16_t port);

/* rt_sim_net_set_node makes an address that of a node; its port stays. */
void rt_sim_net_set_node(struct rt_net_address *a,
			 const struct rt_sim_node *node);

/*
 * rt_sim_net_number returns the number of the node that an address leads to,
 * from `node`; 0: none. There may be no node with that number.
 */
uint32_t rt_sim_net_number(const struct rt_sim_node *node,
			   const struct rt_net_address *a);

/* rt_sim_net_node returns the node itself, or NULL. */
struct rt_sim_node *rt_sim_net_node(const struct rt_sim_node *node,
				    const struct rt_net_address *a);

/*
 * rt_sim_net_answers tells whether a socket that is bound to `local` is the one
 * for `to`, of those of a node.
 */
int rt_sim_net_answers(const struct rt_net_address *local,
		       const struct rt_net_address *to);

/*
 * rt_sim_net_tell copies what a call wants to know of an address, as much as
 * there is room for; *length is all of it. to NULL: nothing.
 */
void rt_sim_net_tell(const struct rt_net_address *a, void *to, socklen_t room,
		     socklen_t *length);

/*
 * rt_sim_net_resolve makes *a the address of the node with a name. Returns 0,
 * or -EHOSTUNREACH where there is none.
 */
int rt_sim_net_resolve(struct rt_sim *sim, const char *name, uint16_t port,
		       struct rt_net_address *a);

/*
 * rt_sim_net_is_cut tells whether nothing comes from one node to another, which
 * may be off, or NULL.
 */
int rt_sim_net_is_cut(const struct rt_sim_node *a, const struct rt_sim_node *b);

/*
 * rt_sim_net_arrival returns when so many bytes that are sent now arrive; the
 * line is busy with them. `to` may be NULL.
 */
uint64_t rt_sim_net_arrival(struct rt_sim_node *from,
			    const struct rt_sim_node *to, size_t length);

#endif
