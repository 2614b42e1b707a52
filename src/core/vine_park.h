/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Park: where a lane's queues wait whose session, or segment, has as many tasks
 * in flight as its quota allows.
 *
 * A task in flight is one that was taken and not answered. Where there is a
 * quota each task takes a place before it is taken from its ring and gives it
 * back when it is answered; without one only those that a service holds are
 * counted. A queue whose next task finds no place is parked: its lane looks at
 * it no more, so it costs nothing and holds up nobody. Whoever gives a place
 * back frees the lanes that wait for one; a lane then goes through its parked
 * queues, session by session, and in each the one that waits longest first.
 */
#ifndef VINE_PARK_H
#define VINE_PARK_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/vine_sched.h"
#include "utils/utils_list.h"

struct vine_lane;
struct vine_pq;
struct vine_req;

/* Tasks in flight, of a session or of a segment. */
struct vine_places {
	_Atomic uint32_t used;
	_Atomic uint32_t waiting; /* a bit for each lane that waits */
};

/* A session's share of a lane: its turns, its queues, and those parked. */
struct vine_share {
	struct vine_sched_session turns;
	struct utils_list queues;	/* of struct vine_pq, by mate */
	struct utils_list parked;	/* of struct vine_pq, by park */
	struct utils_link link;		/* in lane->parked, if there are any */
};

/* vine_share_init makes a share whose turns are ready. */
static inline void
vine_share_init(struct vine_share *share)
{
	utils_list_init(&share->queues);
	utils_list_init(&share->parked);
	utils_link_init(&share->link);
}

/*
 * vine_park_take takes a place for the next task of a queue, which is to become
 * req. Returns 0, or -EDQUOT where there is none; then pq->over is set. The
 * lane's thread.
 */
int vine_park_take(struct vine_req *req, struct vine_pq *pq);

/* vine_park_count counts a request that is held, if it has no place. */
void vine_park_count(struct vine_req *req);

/* vine_park_give gives the place of a request back. Its lane's thread. */
void vine_park_give(struct vine_req *req);

/*
 * vine_park_queue parks an active, empty-looking queue of the lane: one that
 * is filed with no scheduler. vine_park_remove takes it out, if it is parked.
 */
void vine_park_queue(struct vine_lane *lane, struct vine_pq *pq);
void vine_park_remove(struct vine_lane *lane, struct vine_pq *pq);

/* vine_park_free has a lane look at all that is parked there. Any thread. */
void vine_park_free(struct vine_lane *lane);

/*
 * vine_park_look gives places to parked queues, up to VINE_LOOKS sessions in
 * one go. Returns how many may go on. The lane's thread.
 */
uint32_t vine_park_look(struct vine_lane *lane);

#endif
