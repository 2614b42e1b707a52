/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: what a run takes, of the process and of the kernel.
 *
 * The kernel's is that of the whole machine, of everybody, both sides of each
 * connection included; where nothing else runs it is the run's. One a process;
 * the main thread's.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include <stdint.h>

struct net_memory {
	uint64_t process;	/* bytes: most that was resident, less the start */
	uint64_t slab;		/* the kernel's objects, the same way */
	uint64_t buffers;	/* in the sockets of TCP, most at a time */
};

/* net_memory_begin notes what there is before the run. */
void net_memory_begin(void);

/* net_memory_look notes what there is now. */
void net_memory_look(void);

/* net_memory_taken returns the most that was seen. */
struct net_memory net_memory_taken(void);

#endif
