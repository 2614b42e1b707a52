/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pq: a queue, as the appliance knows it. Its cursors, bounds and counts are
 * private; of the segment there are its rings and its directory entry.
 */
#ifndef VINE_PQ_H
#define VINE_PQ_H

#include <stdint.h>

#include "core/vine_journal.h"
#include "core/vine_layout.h"
#include "core/vine_ring.h"
#include "core/vine_sched.h"
#include "utils/utils_list.h"

struct vine_accel_s;
struct vine_ctl_job;
struct vine_lane;
struct vine_pipe_s;
struct vine_post;
struct vine_proc_s;
struct vine_rec;
struct vine_req;
struct vine_share;

/* A task that was cancelled before it was taken. */
struct vine_cancel {
	uint32_t cookie;
	uint32_t pos;		/* of the ring then: it lies within a lap */
};

/*
 * What the last task of a queue was found to be allowed. The next one mostly
 * asks for the same, and gets it without a look-up as long as nothing was taken
 * back from anybody since.
 */
struct vine_way {
	uint64_t word;			/* accelerator and procedure; 0: none */
	struct vine_accel_s *accel;
	struct vine_proc_s *proc;
	uint32_t registry_changes;
	uint32_t extent_changes;
	uint64_t extent_len;		/* 0: none */
	vine_off_t extent_off;
};

/* A queue, as its lane knows it. */
struct vine_pq {
	struct vine_ring sub;
	struct vine_cring comp;
	struct vine_queue_shm *shm;
	struct vine_lane *lane;
	struct vine_rec *rec;		/* its session */
	uint32_t serial;		/* of its session */
	uint32_t index;
	uint32_t fence;			/* 1: the peer is of another kernel */
	uint32_t rung;			/* `waiting` value last rung for */
	uint32_t in_flight;		/* taken, not answered */
	uint32_t taken;			/* published so far */
	uint32_t looks;			/* in vain, since the last task */
	uint32_t skip;			/* looks to leave out (vine_visit.c) */
	uint32_t active;
	uint32_t at;			/* in lane->active, while it is empty */
	struct vine_journal journal;	/* of it, for the next appliance */
	struct vine_share *share;	/* of its session in this lane */
	struct vine_sched_item item;
	struct vine_way way;
	struct utils_link mate;		/* in share->queues */
	struct vine_req *held;		/* list */
	uint32_t over;			/* 1: its next task found no place */
	uint32_t parked;		/* 1: it waits for one */
	struct utils_link park;		/* in share->parked */
	uint32_t added;			/* 1: in the lane's list of all */
	uint32_t control;		/* 1: the session's control queue */
	struct vine_ctl_job *job;	/* of it, see vine_ctl.c; or NULL */
	struct vine_post *entering;	/* taken up: its way to the lane */
	uint32_t cancels;		/* how many of cancel[] are used */
	struct vine_cancel cancel[VINE_CANCELS_PENDING];
	uint32_t place;			/* in the lane's list of all */
	uint64_t completed;
	uint64_t trace_id;		/* names the queue in traces */
};

/*
 * vine_pq_open makes a queue of a session: rings, directory entry, lane.
 * Under the lock. Returns its index, or -EDQUOT, -ENOMEM, -EAGAIN where
 * memory that rests might be enough.
 */
int64_t vine_pq_open(struct vine_pipe_s *pipe, struct vine_rec *rec,
		     int control);

/*
 * What vine_pq_open and vine_heir.c make queues of, all under the lock.
 * vine_pq_new makes the private half, which the caller owns, or returns NULL:
 * -ENOMEM. vine_pq_rings says where its rings lie, vine_pq_show writes its
 * directory entry, vine_pq_list makes it known.
 */
struct vine_pq *vine_pq_new(struct vine_pipe_s *pipe, struct vine_rec *rec,
			    uint32_t index, uint32_t lane, int control);
void vine_pq_rings(struct vine_pq *pq, vine_off_t sub, vine_off_t comp);
void vine_pq_show(const struct vine_pq *pq);
void vine_pq_list(struct vine_pipe_s *pipe, struct vine_pq *pq);

#endif
