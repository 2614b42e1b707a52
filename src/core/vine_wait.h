/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: looking at queues until something holds, then sleeping on them.
 */
#ifndef VINE_WAIT_H
#define VINE_WAIT_H

#include <stdint.h>

#include "arch/spin/arch_ladder.h"

struct vine_queue;

#define VINE_WAIT_QUEUES 64	/* queues that one wait watches at a time */

/*
 * vine_wait takes in completions of `count` queues until done(arg) returns
 * non-zero, at most timeout ns (0: look once; negative: without limit).
 * Returns 0, or -ETIMEDOUT. When a session is lost its tasks complete, so a
 * wait for tasks ends. Any thread.
 */
int vine_wait(struct vine_queue *const *queues, uint32_t count,
	      struct arch_ladder *ladder, int (*done)(void *arg), void *arg,
	      int64_t timeout);

/*
 * vine_wait_sleep sleeps until a bell rings for one of the queues, at most
 * limit_ns. Returns at once when there is something to look at.
 */
void vine_wait_sleep(struct vine_queue *const *queues, uint32_t count,
		     int (*done)(void *arg), void *arg, uint64_t limit_ns);

#endif
