/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sim: a world in which the code of tasks runs for a test, and in which
 * everything that happens follows from a seed.
 *
 * It has a clock of its own, which stands still while anything can run, and
 * nodes, each a machine: a scheduler, a disk (rt_sim_disk.h) and an address on
 * a network (rt_sim_net.h). What tasks call is what they call anywhere: rt_io,
 * rt_net, locks, timers, RPC. One thread runs all nodes in an order that the
 * seed says, and makes happen what the seed says: delays, faults, reordering.
 * The same seed and program make the same run; rt_sim_digest tells.
 *
 * A test calls rt_sim_run. What it wants to happen meanwhile, a crash or a cut,
 * a task does: of a node that is not touched, for example. All functions are
 * for the thread of the world.
 *
 * What a task calls by itself, open(2) or clock_gettime(2), is not simulated.
 */
#ifndef RT_SIM_H
#define RT_SIM_H

#include <stdint.h>
#include <stdio.h>

#include "rt/rt_sched.h"

struct rt_sim;
struct rt_sim_node;

/*
 * How often something goes wrong: 1 in so many times, by the seed; 0: never.
 */
struct rt_sim_faults {
#define RT_SIM_FAULT(name, text) uint32_t name;
#include "rt/rt_sim_faults.def"
#undef RT_SIM_FAULT
};

/* How often it did. */
struct rt_sim_stats {
#define RT_SIM_FAULT(name, text) uint64_t name;
#include "rt/rt_sim_faults.def"
#undef RT_SIM_FAULT
	uint64_t torn;		/* writes of which a power cut left a part */
	uint64_t lost;		/* writes of which it left nothing */
};

/* 0 takes the default. */
struct rt_sim_opts {
	uint64_t seed;
	uint64_t steps;		/* at most; VINE_RT_SIM_STEPS */
	uint32_t sector;	/* bytes that a disk writes at once; 512 */
	uint64_t disk_bytes;	/* of each disk; no end */
	uint64_t disk_ns;	/* of a read or write, at most; 200 us */
	uint64_t sync_ns;	/* the same of fsync; 2 ms */
	uint64_t net_ns;	/* from node to node, at most; 500 us */
	uint64_t net_bytes;	/* a second, between two nodes; 10^9 */
	uint32_t buffer;	/* bytes of a connection, each way; 64 KiB */
	struct rt_sim_faults faults;	/* of all nodes */
};

/*
 * rt_sim_new makes a world. opts may be NULL. Returns 0, or -EINVAL for sectors
 * other than 512 and 4096, or an error of rt_sched_new.
 */
int rt_sim_new(const struct rt_sim_opts *opts, struct rt_sim **sim);

/*
 * rt_sim_free has all that is left end, as a power cut does, and frees the
 * world. Not from a task. Returns 0, or -EBUSY where a task does not end: it is
 * named in the log and nothing is freed.
 */
int rt_sim_free(struct rt_sim *sim);

/*
 * rt_sim_node makes a node and has it begin with a task fn(arg). It has the
 * address 10.0.0.N, N from 1 on in the order of making, and its name (copied)
 * leads there too. Returns 0, or -ENOSPC beyond VINE_RT_SIM_NODES, -ENOMEM.
 */
int rt_sim_node(struct rt_sim *sim, const char *name, rt_task_fn fn, void *arg,
		struct rt_sim_node **node);

/*
 * rt_sim_run runs until no node has a task but system tasks, or until the clock
 * comes to `until`, ns; it begins at VINE_RT_SIM_START_NS. Not from a task.
 * Returns 0; -ETIME at that time, and it may be called again; -EDEADLK where
 * tasks wait and nothing will ever happen, each is named in the log; -ELOOP
 * after so many steps, -ENOMEM, -EPERM from a task or where the thread has
 * entered a scheduler.
 */
int rt_sim_run(struct rt_sim *sim, uint64_t until);

/* rt_sim_now returns the time, ns; rt_sim_seed the seed. */
uint64_t rt_sim_now(const struct rt_sim *sim);
uint64_t rt_sim_seed(const struct rt_sim *sim);

/* rt_sim_random returns the next number of the seed. */
uint64_t rt_sim_random(struct rt_sim *sim);

/* rt_sim_digest returns a number of all that happened so far. */
uint64_t rt_sim_digest(const struct rt_sim *sim);

/* rt_sim_steps returns how many steps the world has made. */
uint64_t rt_sim_steps(const struct rt_sim *sim);

/*
 * rt_sim_print writes the seed and what happened last, at most
 * VINE_RT_SIM_TRACE lines.
 */
void rt_sim_print(const struct rt_sim *sim, FILE *to);

/*
 * rt_sim_mark enters a line of one's own in that and in the digest. The text
 * stays in place as long as the world.
 */
void rt_sim_mark(struct rt_sim *sim, const char *text, int64_t a, int64_t b);

/* --- a node --------------------------------------------------------------- */

/* rt_sim_node_self returns the node of the current scheduler, or NULL. */
struct rt_sim_node *rt_sim_node_self(void);

/* rt_sim_world returns the world of a node. */
struct rt_sim *rt_sim_world(const struct rt_sim_node *node);

/* rt_sim_sched returns its scheduler, NULL while it is off. */
struct rt_sched *rt_sim_sched(const struct rt_sim_node *node);

/* rt_sim_address returns its address, such as "10.0.0.1". */
const char *rt_sim_address(const struct rt_sim_node *node);

/* rt_sim_result returns what its first task returned last; -EBUSY before. */
int rt_sim_result(const struct rt_sim_node *node);

/* rt_sim_set_faults has others from now on. NULL: none. */
void rt_sim_set_faults(struct rt_sim_node *node,
		       const struct rt_sim_faults *faults);

/* rt_sim_node_stats returns what went wrong there so far. */
const struct rt_sim_stats *rt_sim_node_stats(const struct rt_sim_node *node);

/*
 * rt_sim_crash cuts a node's power. Of what it wrote and has not made safe an
 * arbitrary part stays; its connections are gone and nobody is told. Its tasks
 * see -ECANCELED from every wait and call of I/O, -EIO from what they call
 * otherwise, and have to return; none of it reaches disk or network. From a task too, of that node as
 * well. A node that is off is left alone.
 */
void rt_sim_crash(struct rt_sim_node *node);

/*
 * rt_sim_restart switches a node that is off on again, as soon as its tasks
 * have ended, with a first task fn(arg). Of one that is on: crashes it first.
 */
void rt_sim_restart(struct rt_sim_node *node, rt_task_fn fn, void *arg);

/* rt_sim_is_up tells whether it is on. */
int rt_sim_is_up(const struct rt_sim_node *node);

/* --- its disk ------------------------------------------------------------- */

/*
 * rt_sim_peek reads a file as it would be read now, without faults or time.
 * Returns how many bytes, or -ENOENT.
 */
int64_t rt_sim_peek(struct rt_sim_node *node, const char *path, int64_t offset,
		    void *data, size_t length);

/*
 * rt_sim_flip turns a bit of a file over, rt_sim_spoil makes the sector at an
 * offset unreadable until it is written. 0, -ENOENT, or -EINVAL beyond the end.
 */
int rt_sim_flip(struct rt_sim_node *node, const char *path, int64_t offset,
		uint32_t bit);
int rt_sim_spoil(struct rt_sim_node *node, const char *path, int64_t offset);

/* --- the network ---------------------------------------------------------- */

/* rt_sim_partition cuts two nodes off from each other, or ends that. */
void rt_sim_partition(struct rt_sim_node *a, struct rt_sim_node *b, int on);

/*
 * rt_sim_pair makes two sockets of the current node that are connected to each
 * other, as socketpair(2). Returns 0, -EMFILE, -ENOMEM, or -EPERM where there
 * is no current node.
 */
int rt_sim_pair(int fds[2]);

#endif
