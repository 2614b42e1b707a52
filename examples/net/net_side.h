/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Side: what a thread of srv or clt runs on: a scheduler of the runtime, one
 * task of which ends all others when the crew stops, and the memory that is
 * sent from or read to.
 */
#ifndef NET_SIDE_H
#define NET_SIDE_H

#include "net_crew.h"
#include "rt/rt_net.h"
#include "rt/rt_sched.h"

struct net_side {
	struct net_thread *thread;
	struct rt_sched *sched;
	char *data;		/* opts->size bytes */
};

/*
 * net_side_begin makes a side, by its thread, since descriptors are made too.
 * Returns 0, or -ENOMEM, -ENOSYS where the kernel does not have the engine;
 * call net_side_end then as well.
 */
int net_side_begin(struct net_side *side, struct net_thread *thread);

/* net_side_run runs its tasks until they have ended. 0 or -errno. */
int net_side_run(struct net_side *side);

/* net_side_end frees a side. Returns rc, or an error of its own. */
int net_side_end(struct net_side *side, int rc);

/* net_side_rest has the current task wait a little, after an error. */
void net_side_rest(void);

/* net_side_address writes the address of a number as rt_net.h has it. */
void net_side_address(const struct net_opts *opts, uint32_t number,
		      char text[RT_NET_TEXT]);

#endif
