/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heir: an appliance that takes up what an earlier one left.
 *
 * It believes the keep, and nothing else: sessions, queues, extents, virtual
 * accelerators and procedures are rebuilt from it, the segment's directories
 * are written anew. What is in flight by a queue's journal is answered: run
 * again where that is allowed, else as lost. So each task of a session is
 * carried out, or its application learns that nobody knows.
 *
 * A session that the keep does not know, for it was made anew, is lost: it is
 * told so, and what the directory says that it held stays out of use until it
 * has left.
 */
#ifndef VINE_HEIR_H
#define VINE_HEIR_H

#include <stdint.h>

struct vine_lane;
struct vine_pipe_s;
struct vine_pq;

/*
 * vine_heir_settle ends what the earlier appliance was at when it died: half a
 * step of a queue, and whatever was made that nobody was told of, or taken
 * back in part. The pipe has its segment and its keep, and no tables yet.
 * Returns how many lanes the queues need, 0 where there are none.
 */
uint32_t vine_heir_settle(struct vine_pipe_s *pipe);

/*
 * vine_heir_take_up rebuilds sessions and queues, whose lanes do not know them
 * yet, and answers what will not be run again. The pipe's tables are there, and
 * no other thread. Returns 0 or -ENOMEM.
 */
int vine_heir_take_up(struct vine_pipe_s *pipe);

/*
 * vine_heir_enter gives applications their virtual accelerators and procedures
 * back, and then the queues to their lanes. All that the appliance offers has
 * been added. Once; before anybody looks at the door.
 */
void vine_heir_enter(struct vine_pipe_s *pipe);

/* vine_heir_leave frees what has not entered; for a pipe that never served. */
void vine_heir_leave(struct vine_pipe_s *pipe);

/* vine_heir_run_again runs tasks that may be; the lane's thread. */
void vine_heir_run_again(struct vine_lane *lane, struct vine_pq *pq);

#endif
