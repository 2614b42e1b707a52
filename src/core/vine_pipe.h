/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipe: the appliance's end of one segment, from the inside.
 *
 * Private memory holds all that the appliance must be sure of: sessions,
 * extents, accelerators, procedures, queues and their cursors. The lock guards
 * control work and is never taken on the road of a task.
 *
 * Lock order: pipe->lock, then nothing.
 */
#ifndef VINE_CORE_PIPE_H
#define VINE_CORE_PIPE_H

#include <pthread.h>
#include <stdatomic.h>

#include <vine_pipe.h>

#include "arch/spin/arch_ladder.h"
#include "core/vine_extent.h"
#include "core/vine_keep.h"
#include "core/vine_lane.h"
#include "core/vine_quota.h"
#include "core/vine_rec.h"
#include "core/vine_registry.h"

struct vine_pipe_s {
	struct vine_seg *seg;
	uint64_t generation;
	uint64_t boot_id;
	uint32_t lane_count;
	uint32_t weight;		/* among the segments of a vined */
	int spin;			/* never sleep */
	struct vine_lane *lanes;
	struct vine_keep keep;		/* what outlives us */
	struct vine_extents extents;
	struct vine_registry registry;
	_Atomic(struct vine_pq *) *queues; /* by index; only the lane below */
	_Atomic uint32_t *queue_lanes;	/* by index: its lane + 1; 0: none */
	struct vine_rec *recs;
	uint32_t recs_open;
	uint64_t next_serial;
	uint32_t door_next;		/* slot that is looked at next */
	uint32_t door_work;		/* sessions of this look */
	uint32_t reap_left;		/* slots, of this round */
	int reaping;			/* a round is due, or under way */
	_Atomic uint32_t mutes;		/* sessions that cannot ring */
	void (*ring_far)(void *arg, uint32_t peer); /* NULL: one cannot */
	void *ring_arg;
	void (*ring_port)(void *arg, uint32_t slot); /* NULL: one cannot */
	void *port_arg;
	uint32_t next_lane;
	uint32_t next_queue;
	struct utils_log_rate door_rate;
	struct utils_log_rate quota_rate;
	struct utils_log_rate mend_rate;
	struct vine_quotas quotas;
	struct vine_places places;	/* of its tasks in flight */
	_Atomic uint64_t count[VINE_COUNT_MAX];	/* what no lane counts */
	uint64_t last_reap;
	uint64_t heartbeat;
	uint32_t scarce;		/* 1: no memory for one, lately */
	_Atomic int serving;		/* sessions are admitted */
	_Atomic int draining;		/* no new sessions */
	_Atomic int fenced;		/* those that come are refused */
	_Atomic uint64_t epoch;		/* grows when something rests */
	pthread_mutex_t lock;

	/* called when nothing of a session is in flight any more, under the
	 * lock, by the thread of any lane; its serial is free then */
	void (*left)(void *user, const struct vine_pipe_s *pipe,
		     uint32_t serial);
	void *left_user;

	/* the program's own accelerators (vine_pipe_take) */
	struct vine_owner program;
	struct vine_req *taken_first;
	struct vine_req **taken_last;
	struct arch_ladder ladder;
};

struct utils_config;

/*
 * vine_pipe_start opens a pipe on the segment of a config: what vine_pipe_open
 * does with one lane. It has `lanes` lanes, or more, up to `most`, where
 * sessions of an earlier appliance are taken up and had queues there; with
 * less than they need they are lost. The segment of a config with a socket is
 * made, and has no sessions yet; to hand it out is the caller's part. The owner
 * keeps config.
 */
int vine_pipe_start(const struct utils_config *config, uint32_t lanes,
		    uint32_t most, vine_pipe_s **pipe);

/*
 * vine_pipe_resume is that for the segment of a config with a socket which an
 * earlier appliance made: the caller has its descriptor and that of its keep,
 * pipe->keep.fd then, from whoever held them, and keeps them. Returns 0, or
 * -EPROTO, logged, where they are not what they should be: the segment is to be
 * made anew.
 */
int vine_pipe_resume(const struct utils_config *config, int segment, int keep,
		     uint32_t lanes, uint32_t most, vine_pipe_s **pipe);

/* vine_pipe_wrap opens a pipe with one lane on memory of the caller's, which is
 * formed where it is new. Returns 0 or as vine_seg_wrap, or -EBUSY, -ENOMEM. */
int vine_pipe_wrap(void *mem, uint64_t size, uint32_t queue_slots,
		   vine_pipe_s **pipe);

/* vine_pipe_add_accel_of: vine_pipe_add_accel for an owner of its own. */
int vine_pipe_add_accel_of(vine_pipe_s *pipe, vine_accel_type_e type,
			   const char *name, uint32_t units,
			   const struct vine_owner *owner,
			   vine_accel_s **accel);
int vine_pipe_add_proc_of(vine_pipe_s *pipe, vine_accel_type_e type,
			  const char *name, const struct vine_owner *owner,
			  void *ctx);

/*
 * vine_pipe_serve declares the pipe open for sessions; vine_pipe_drain stops
 * admitting new sessions, and says so to tools.
 */
void vine_pipe_serve(vine_pipe_s *pipe);
void vine_pipe_drain(vine_pipe_s *pipe);

/*
 * vine_pipe_end closes a pipe: vine_pipe_exit for the daemon. Sessions are
 * told; but those of an earlier appliance, that were never served, go on
 * waiting for one that does. Returns 0, or
 * -EBUSY where a service still holds requests: then applications have been
 * told, and the memory stays until the process ends.
 */
int vine_pipe_end(vine_pipe_s *pipe, int *last);

/*
 * vine_pipe_set_quotas takes over the quotas of a config; vine_pipe_set_quota
 * sets that of one config key and returns 0, or -ENOENT where the key is that
 * of no quota. One thread at a time; the pipe may be served meanwhile.
 */
void vine_pipe_set_quotas(vine_pipe_s *pipe, const struct utils_config *config);
int vine_pipe_set_quota(vine_pipe_s *pipe, int key, uint64_t value);

/*
 * vine_pipe_settle answers what services have finished, and takes no task. For
 * a pipe whose threads have ended; one thread at a time. Returns how many tasks
 * were taken and not answered.
 */
uint32_t vine_pipe_settle(vine_pipe_s *pipe);

/* vine_pipe_busy counts the tasks that were taken and not answered. */
uint32_t vine_pipe_busy(vine_pipe_s *pipe);

/* vine_pipe_rest returns the epoch at whose quiet points something may go. */
static inline uint64_t
vine_pipe_rest(vine_pipe_s *pipe)
{
	return atomic_fetch_add(&pipe->epoch, 1) + 1;
}

/*
 * vine_pipe_sweep frees what has rested long enough, having looked at up to
 * `most` extents. Under the lock.
 */
void vine_pipe_sweep(vine_pipe_s *pipe, uint32_t most);

/* vine_pipe_ring wakes every lane's thread: a peer rang a bell that they do
 * not hear themselves. Any thread. */
void vine_pipe_ring(vine_pipe_s *pipe);

/* vine_pipe_ring_by says who rings the bells of peers on other machines. ring
 * must not block, and comes from any thread. Before the pipe is served. */
void vine_pipe_ring_by(vine_pipe_s *pipe,
		       void (*ring)(void *arg, uint32_t peer), void *arg);

/* vine_pipe_ring_ports_by does so for sessions that are rung at a serial port,
 * by their slots. */
void vine_pipe_ring_ports_by(vine_pipe_s *pipe,
			     void (*ring)(void *arg, uint32_t slot), void *arg);

/* vine_pipe_tick does what is done now and then; lane 0's thread. */
void vine_pipe_tick(vine_pipe_s *pipe, uint64_t now_ns);

#endif
