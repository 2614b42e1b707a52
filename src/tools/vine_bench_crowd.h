/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crowd: many queues beside the client's own.
 *
 * Every thread has a queue in each session that it issues on. So a crowd is up
 * to 1024 threads in as many sessions as it takes; these are its own, and the
 * appliance takes all of their queues back when the crowd is freed. Its threads
 * sleep in the kernel, without a task in flight, unless they are called.
 */
#ifndef VINE_BENCH_CROWD_H
#define VINE_BENCH_CROWD_H

#include <stdint.h>

#include "tools/vine_bench_rig.h"

struct vine_bench_crowd;

/*
 * What is done on queue `index` of a crowd, by the thread that has it. opts are
 * for an empty task. Returns 0, or a negative errno that ends the round.
 */
typedef int (*vine_bench_crowd_fn)(void *arg, uint64_t index,
				   const struct vine_task_opts *opts);

/*
 * vine_bench_crowd_sessions opens the sessions for `queues` queues and starts
 * the threads; none has a queue yet. Must be a power of two from 1024 on. The
 * caller frees *crowd. Returns 0; -EOPNOTSUPP where the system allows no more
 * threads; or another negative errno, logged.
 */
int vine_bench_crowd_sessions(struct vine_bench_rig *rig, uint64_t queues,
			      struct vine_bench_crowd **crowd);

/*
 * vine_bench_crowd_gather gives every queue its first task, one after the
 * other, so that it is there. Returns 0 or a negative errno, logged.
 */
int vine_bench_crowd_gather(struct vine_bench_crowd *crowd);

/*
 * vine_bench_crowd_round calls fn for every queue, in its thread, one at a
 * time, and returns when all have been called, or one failed. Returns 0 or
 * what fn returned first.
 */
int vine_bench_crowd_round(struct vine_bench_crowd *crowd,
			   vine_bench_crowd_fn fn, void *arg);

/* vine_bench_crowd_free ends threads and sessions. NULL is ignored. */
void vine_bench_crowd_free(struct vine_bench_crowd *crowd);

#endif
