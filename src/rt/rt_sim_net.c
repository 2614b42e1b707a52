/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's number is the last byte of its address. Between two nodes there is a
 * line each way, which is busy as long as its bandwidth says; then what was
 * sent travels, for a time out of the seed. Within a node there is no line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "rt/rt_sim_net.h"

/* --- addresses ------------------------------------------------------------ */

int
rt_sim_net_is_unix(const struct rt_net_address *a)
{
	return a->storage.ss_family == AF_UNIX;
}

uint16_t
rt_sim_net_port(const struct rt_net_address *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->storage;
	const struct sockaddr_in *in = (const void *)&a->storage;

	return ntohs(a->storage.ss_family == AF_INET6 ? in6->sin6_port :
		     in->sin_port);
}

void
rt_sim_net_set_port(struct rt_net_address *a, uint16_t port)
{
	struct sockaddr_in6 *in6 = (void *)&a->storage;
	struct sockaddr_in *in = (void *)&a->storage;

	if (a->storage.ss_family == AF_INET6)
		in6->sin6_port = htons(port);
	else if (a->storage.ss_family == AF_INET)
		in->sin_port = htons(port);
}

void
rt_sim_net_set_node(struct rt_net_address *a, const struct rt_sim_node *node)
{
	struct sockaddr_in *in = (void *)&a->storage;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a000000u + node->number);
	a->length = sizeof(*in);
}

uint32_t
rt_sim_net_number(const struct rt_sim_node *node,
		  const struct rt_net_address *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->storage;
	const struct sockaddr_in *in = (const void *)&a->storage;
	uint32_t ip;

	if (rt_sim_net_is_unix(a))
		return node->number;
	if (a->storage.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
			IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ?
			node->number : 0;
	ip = ntohl(in->sin_addr.s_addr);
	if (ip == 0 || ip >> 24 == 127)
		return node->number;
	return ip >> 8 == 0x0a0000 ? ip & 0xff : 0;
}

struct rt_sim_node *
rt_sim_net_node(const struct rt_sim_node *node, const struct rt_net_address *a)
{
	const uint32_t number = rt_sim_net_number(node, a);

	return number && number <= node->sim->count ?
		node->sim->nodes[number - 1] : NULL;
}

static int
same_name(const struct rt_net_address *a, const struct rt_net_address *b)
{
	return rt_sim_net_is_unix(a) && rt_sim_net_is_unix(b) &&
		a->length == b->length &&
		memcmp(&a->storage, &b->storage, a->length) == 0;
}

int
rt_sim_net_answers(const struct rt_net_address *local,
		   const struct rt_net_address *to)
{
	if (rt_sim_net_is_unix(local) || rt_sim_net_is_unix(to))
		return same_name(local, to);
	return local->storage.ss_family == to->storage.ss_family &&
		rt_sim_net_port(local) == rt_sim_net_port(to);
}

void
rt_sim_net_tell(const struct rt_net_address *a, void *to, socklen_t room,
     socklen_t *length)
{
	if (to == NULL)
		return;
	memcpy(to, &a->storage, a->length < room ? a->length : room);
	*length = a->length;
}

int
rt_sim_net_resolve(struct rt_sim *sim, const char *name, uint16_t port,
		   struct rt_net_address *a)
{
	for (uint32_t i = 0; i < sim->count; i++) {
		if (strcmp(sim->nodes[i]->name, name) != 0)
			continue;
		rt_sim_net_set_node(a, sim->nodes[i]);
		rt_sim_net_set_port(a, port);
		return 0;
	}
	return -EHOSTUNREACH;
}

/* --- lines ---------------------------------------------------------------- */

int
rt_sim_net_is_cut(const struct rt_sim_node *a, const struct rt_sim_node *b)
{
	return b == NULL || b->power != RT_SIM_UP ||
		a->sim->cut[a->number][b->number];
}

/* It waits for what went before, and travels. */
uint64_t
rt_sim_net_arrival(struct rt_sim_node *from, const struct rt_sim_node *to,
		   size_t length)
{
	struct rt_sim *sim = from->sim;
	uint64_t *free_at, at = sim->now;

	if (to == NULL || to == from)
		return at + 1 + rt_sim_below(sim, 5000);
	free_at = &sim->link_free[from->number][to->number];
	if (*free_at > at)
		at = *free_at;
	at += length * UINT64_C(1000000000) / sim->opts.net_bytes;
	*free_at = at;
	return at + sim->opts.net_ns / 10 +
		rt_sim_below(sim, sim->opts.net_ns);
}

void
rt_sim_partition(struct rt_sim_node *a, struct rt_sim_node *b, int on)
{
	a->sim->cut[a->number][b->number] = on != 0;
	a->sim->cut[b->number][a->number] = on != 0;
	rt_sim_note(a, on ? "cut" : "join", b->number, 0);
}
