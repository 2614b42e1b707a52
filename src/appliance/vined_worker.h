/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker: one thread that polls one lane of every segment, and sleeps when
 * there is nothing to do anywhere.
 */
#ifndef VINED_WORKER_H
#define VINED_WORKER_H

#include <stdint.h>

#include "core/vine_pipe.h"
#include "rt/rt_wait.h"

struct rt_sched;
struct vined_workers;

struct vined_workers_opts {
	enum rt_wait_engine engine;	/* by which they wait */
	uint32_t may;	/* not 0: confined to that, see rt_wait_confine */
	int record;	/* keep the steps of tasks, see rt_trace.h */
};

/*
 * vined_workers_start starts `count` workers on the pipes, none of which has
 * more lanes. The caller keeps the array until they are stopped. Returns 0 or a
 * negative errno, logged.
 */
int vined_workers_start(vine_pipe_s *const *pipes, uint32_t pipe_count,
			uint32_t count, const struct vined_workers_opts *opts,
			struct vined_workers **workers);

/* vined_workers_rings returns how many workers wait by io_uring. */
uint32_t vined_workers_rings(const struct vined_workers *workers);

/*
 * vined_workers_drain waits until nothing is in flight and no queue has
 * anything, at most timeout_ns. What takes longer than a second is cancelled,
 * where its service can. Returns how many tasks are left.
 */
uint32_t vined_workers_drain(struct vined_workers *workers,
			     uint64_t timeout_ns);

/* vined_workers_stop ends the threads. */
void vined_workers_stop(struct vined_workers *workers);

/*
 * vined_workers_count returns how many there are, vined_workers_sched the
 * scheduler of one, for questions that are posted to it. Until the stop.
 */
uint32_t vined_workers_count(const struct vined_workers *workers);
struct rt_sched *vined_workers_sched(struct vined_workers *workers,
				     uint32_t index);

/* vined_workers_progress grows as long as every worker goes round. */
uint64_t vined_workers_progress(struct vined_workers *workers);

#endif
