/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Door: how sessions come and go.
 *
 * An application claims a slot (compare-and-swap), takes the slot's byte lock
 * where the segment has a descriptor, writes its half with a fresh nonce,
 * releases `request`, and knocks: it sets ready bit 0 of worker 0. The
 * appliance answers in its half and echoes the nonce last. To leave, the
 * application sets `request` again; when it sees CLOSED it gives up the claim,
 * which is its last word. A session whose byte lock has been dropped by the
 * kernel is dead and is closed in its place; so is one that came over the
 * socket and whose connection has ended. One that gave its slot back unanswered
 * is closed when the next applicant asks, who is let in right after.
 */
#ifndef VINE_DOOR_H
#define VINE_DOOR_H

#include <stdint.h>

#include "core/vine_layout.h"

struct vine_pipe_s;
struct vine_pq;
struct vine_rec;
struct vine_lane;

/*
 * vine_door_answer looks at every slot, or until VINE_DOOR_BATCH sessions have
 * come or gone: then it has lane 0 look again, and goes on there. Returns how
 * many came and went. Lane 0's thread.
 */
uint32_t vine_door_answer(struct vine_pipe_s *pipe);

/*
 * vine_door_reap goes through the slots and closes the sessions of dead
 * processes. A round may take several calls, of VINE_REAP_US and as many
 * sessions as above each: how long the kernel looks for a lock is the peer's to
 * say. Returns 1 if the round goes on, 0 if it is over; the next call begins
 * another. Lane 0's thread.
 */
int vine_door_reap(struct vine_pipe_s *pipe);

/*
 * vine_door_peer_gone closes the sessions of a peer whose connection to the
 * socket has ended. Any thread; takes the lock.
 */
void vine_door_peer_gone(struct vine_pipe_s *pipe, uint32_t peer);

/*
 * vine_door_peers_only does so for each peer that is not here: `here` has a
 * bit for each number. For a pipe that was taken up, once it serves. Any
 * thread; takes the lock.
 */
void vine_door_peers_only(struct vine_pipe_s *pipe, const uint64_t *here);

/*
 * vine_door_port_gone closes the session in a slot, of the layout, if it is the
 * one with that nonce and was rung at a serial port: its machine is gone. Any
 * thread; takes the lock.
 */
void vine_door_port_gone(struct vine_pipe_s *pipe, uint32_t slot,
			 uint64_t nonce);

/*
 * vine_door_queue makes a queue of a session: rings, directory entry, lane.
 * Under the lock. Returns its index, or -EDQUOT, -ENOMEM, -EAGAIN where
 * memory that rests might be enough.
 */
int64_t vine_door_queue(struct vine_pipe_s *pipe, struct vine_rec *rec,
			int control);

/*
 * What vine_door_queue and vine_heir.c make queues and sessions of, all under
 * the lock. vine_door_pq makes the private half of a queue, which the caller
 * owns, or returns NULL: -ENOMEM. vine_door_rings says where its rings lie,
 * vine_door_show writes its directory entry, vine_door_list makes it known.
 * vine_door_serial returns a number that no session has; those of rings have
 * the top bit. vine_door_say gives a slot an answer, vine_door_admit that it
 * has a session. vine_door_read_life reads from a slot how its session says
 * that it lives, and how it rings and is rung.
 */
struct vine_pq *vine_door_pq(struct vine_pipe_s *pipe, struct vine_rec *rec,
			     uint32_t index, uint32_t lane, int control);
void vine_door_rings(struct vine_pq *pq, vine_off_t sub, vine_off_t comp);
void vine_door_show(const struct vine_pq *pq);
void vine_door_list(struct vine_pipe_s *pipe, struct vine_pq *pq);
uint32_t vine_door_serial(struct vine_pipe_s *pipe);
void vine_door_say(struct vine_pipe_s *pipe, uint32_t slot, uint64_t nonce,
		   enum vine_session_state state, int error);
void vine_door_read_life(struct vine_pipe_s *pipe, struct vine_rec *rec);
void vine_door_admit(struct vine_pipe_s *pipe, const struct vine_rec *rec);

/* vine_door_tell writes what a session holds into its slot, for tools. */
void vine_door_tell(struct vine_pipe_s *pipe, const struct vine_rec *rec);

/* vine_door_finish ends a closing session once no lane has a queue of it. The
 * thread of the lane that was the last to have one. */
void vine_door_finish(struct vine_lane *lane, struct vine_rec *rec);

/*
 * vine_door_fence ends the session of that serial by the operator's will, or
 * with 0 all of the pipe. It is lost for its application at once; what is held
 * of it is cancelled or finished. Its memory stays its own until the
 * application leaves or dies, for until it notices it may write there. Any
 * thread; takes the pipe's lock. Returns how many were ended, or -ENOENT where
 * no open session has that serial, -ENOMEM where one could not be ended.
 */
int vine_door_fence(struct vine_pipe_s *pipe, uint32_t serial);

/* vine_door_label copies what a session calls itself: any bytes, and a NUL. */
#define VINE_DOOR_LABEL 33
void vine_door_label(const struct vine_pipe_s *pipe, uint32_t slot,
		     char label[VINE_DOOR_LABEL]);

/* vine_door_lose_all ends every session, whose segment is not what it was.
 * Under the lock; any lane's thread. */
void vine_door_lose_all(struct vine_pipe_s *pipe);

/* vine_door_close_all closes every session; for the pipe's end. */
void vine_door_close_all(struct vine_pipe_s *pipe);

#endif
