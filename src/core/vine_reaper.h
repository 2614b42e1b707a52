/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaper: finds the sessions of those who are gone, and closes them in their
 * place. A process that dies drops its slot's byte lock; one that came over a
 * socket, its connection; one in far memory lets its heartbeat stand still.
 */
#ifndef VINE_REAPER_H
#define VINE_REAPER_H

#include <stdint.h>

struct vine_pipe_s;

/*
 * vine_reaper_go goes through the slots and closes the sessions of dead
 * processes. A round may take several calls, of VINE_REAP_US and up to
 * VINE_DOOR_BATCH sessions each: how long the kernel looks for a lock is the
 * peer's to say. Returns 1 if the round goes on, 0 if it is over; the next call
 * begins another. Lane 0's thread.
 */
int vine_reaper_go(struct vine_pipe_s *pipe);

/*
 * vine_reaper_peer_gone closes the sessions of a peer whose connection to the
 * socket has ended. Any thread; takes the lock.
 */
void vine_reaper_peer_gone(struct vine_pipe_s *pipe, uint32_t peer);

/*
 * vine_reaper_peers_only does so for each peer that is not here: `here` has a
 * bit for each number. For a pipe that was taken up, once it serves. Any
 * thread; takes the lock.
 */
void vine_reaper_peers_only(struct vine_pipe_s *pipe, const uint64_t *here);

/*
 * vine_reaper_port_gone closes the session in a slot, of the layout, if it is
 * the one with that nonce and was rung at a serial port: its machine is gone.
 * Any thread; takes the lock.
 */
void vine_reaper_port_gone(struct vine_pipe_s *pipe, uint32_t slot,
			   uint64_t nonce);

#endif
