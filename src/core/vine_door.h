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
struct vine_rec;

/*
 * vine_door_answer looks at every slot, or until VINE_DOOR_BATCH sessions have
 * come or gone: then it has lane 0 look again, and goes on there. Returns how
 * many came and went. Lane 0's thread.
 */
uint32_t vine_door_answer(struct vine_pipe_s *pipe);

/*
 * vine_door_say gives a slot an answer; vine_door_admit the one that it has a
 * session. Under the lock.
 */
void vine_door_say(struct vine_pipe_s *pipe, uint32_t slot, uint64_t nonce,
		   enum vine_session_state state, int error);
void vine_door_admit(struct vine_pipe_s *pipe, const struct vine_rec *rec);

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
