/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside: what the parts of a simulation know of each other. For rt_sim*.c and
 * rt_engine_sim.c.
 *
 * Nothing here may depend on where something lies in memory, on a clock or on
 * another process: random numbers are rt_sim_random's, lists have the order in
 * which things were made.
 */
#ifndef RT_SIM_INSIDE_H
#define RT_SIM_INSIDE_H

#include "core/vine_limits.h"
#include "rt/rt_engine.h"
#include "rt/rt_host.h"
#include "rt/rt_sim.h"
#include "rt/rt_sim_clock.h"
#include "rt/rt_sim_disk.h"
#include "rt/rt_sim_trace.h"
#include "utils/utils_list.h"

struct rt_sim_socket;

/* A descriptor of a node. */
struct rt_sim_fd {
	struct rt_sim_file *file;	/* or */
	struct rt_sim_socket *socket;
	uint32_t flags;		/* of open */
	int64_t position;	/* of reads and writes without an offset */
	uint32_t events;	/* that are watched; 0: no watch */
	uint64_t tag;
};

enum rt_sim_power {
	RT_SIM_OFF,
	RT_SIM_UP,
	RT_SIM_FALLING,		/* off, but its tasks have to end */
};

struct rt_sim_node {
	struct rt_host host;	/* first */
	struct rt_sim *sim;
	uint32_t number;	/* from 1 on */
	enum rt_sim_power power;
	char name[VINE_RT_NAME];
	char address[16];
	struct rt_sched *sched;
	struct rt_wait *wait;
	rt_task_fn fn;		/* to begin with; NULL: nothing */
	void *arg;
	int result;
	uint8_t due;		/* to be switched on */
	uint8_t news;		/* a watch may have fired */
	uint16_t port;		/* the last that was given out */
	struct utils_list ops;	/* that are under way */
	struct rt_sim_fd fds[VINE_RT_SIM_FDS];
	struct rt_sim_disk disk;
	struct utils_list sockets;
	struct rt_sim_faults faults;
	struct rt_sim_stats stats;
};

struct rt_sim {
	struct rt_sim_opts opts;
	uint64_t now;
	uint64_t random;
	uint64_t steps;
	int broken;		/* -ENOMEM: the world cannot go on */
	struct rt_sim_clock clock;
	struct rt_sim_trace trace;
	struct rt_sched *base;	/* for its stack of signals, and its fiber */
	struct rt_sim_node *nodes[VINE_RT_SIM_NODES];
	uint32_t count;
	struct utils_list datagrams;	/* on their way */
	uint8_t cut[VINE_RT_SIM_NODES + 1][VINE_RT_SIM_NODES + 1];
	uint64_t link_free[VINE_RT_SIM_NODES + 1][VINE_RT_SIM_NODES + 1];
};

/* Numbers of a node's descriptors: others than the process has. */
#define RT_SIM_FD 2000

/* rt_sim_below returns a random number below n, 0 for 0. */
static inline uint64_t
rt_sim_below(struct rt_sim *sim, uint64_t n)
{
	return n ? rt_sim_random(sim) % n : 0;
}

/* rt_sim_at sets an event. If there is no memory the world is broken. */
void rt_sim_at(struct rt_sim *sim, struct rt_sim_event *event, uint64_t at);

/*
 * rt_sim_fault tells whether something goes wrong this time: 1 in `rate`; if so
 * *count counts it.
 */
int rt_sim_fault(struct rt_sim_node *node, uint32_t rate, uint64_t *count);
#define RT_SIM_HAPPENS(node, name) \
	rt_sim_fault(node, (node)->faults.name, &(node)->stats.name)

/* rt_sim_note enters what happened at a node in the trace and the digest. */
void rt_sim_note(struct rt_sim_node *node, const char *what, int64_t a,
		 int64_t b);

/* rt_sim_fd_at returns what is open at a descriptor, NULL: nothing. */
static inline struct rt_sim_fd *
rt_sim_fd_at(struct rt_sim_node *node, int fd)
{
	struct rt_sim_fd *at;

	if (fd < RT_SIM_FD || fd >= RT_SIM_FD + VINE_RT_SIM_FDS)
		return NULL;
	at = &node->fds[fd - RT_SIM_FD];
	return at->file || at->socket ? at : NULL;
}

/* --- the host (rt_sim_host.c) --------------------------------------------- */

/* rt_sim_fd_new returns a free number that becomes open, -EMFILE. */
int rt_sim_fd_new(struct rt_sim_node *node, struct rt_sim_fd **at);

extern const struct rt_host_ops rt_sim_host_ops;

/* --- the engine (rt_engine_sim.c) ----------------------------------------- */

/* rt_sim_fd_news says that a socket may have changed. fd < 0: nothing. */
void rt_sim_fd_news(struct rt_sim_node *node, int fd);

/* rt_sim_engine_crash ends all operations with -EIO, and all descriptors. */
void rt_sim_engine_crash(struct rt_sim_node *node);

extern const struct rt_engine_ops rt_engine_sim;

#endif
