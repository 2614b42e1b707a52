/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers: those who have a segment over its socket (core/vine_peer.h), from the
 * appliance's side.
 *
 * A peer is greeted as it is taken in: five words, which a new connection has
 * room for. From then on nothing is sent to it and nothing read: whatever
 * comes from it, data or the end, ends its connection, and its sessions are
 * taken back at once. So a peer that is slow, mute or hostile costs no more
 * than its connection. All of it runs on the thread of one rt_wait.
 */
#ifndef VINED_PEERS_H
#define VINED_PEERS_H

#include "core/vine_pipe.h"

struct rt_wait;
struct utils_config;
struct vined_peers;

/*
 * vined_peers_open makes the socket that a config names, whose segment the
 * caller is about to make; *peers is NULL where it names none. Who connects
 * waits until vined_peers_serve. The wait must outlive the peers. Returns 0 or
 * a negative errno, logged.
 */
int vined_peers_open(const struct utils_config *config, struct rt_wait *wait,
		     struct vined_peers **peers);

/*
 * vined_peers_bind says whose segment the peers get; it opens a file, which the
 * filter forbids later. peers NULL is ignored. Returns 0 or a negative errno,
 * logged.
 */
int vined_peers_bind(struct vined_peers *peers, vine_pipe_s *pipe);

/* vined_peers_serve takes in peers from now on. peers NULL is ignored. Returns 0
 * or a negative errno, logged. */
int vined_peers_serve(struct vined_peers *peers);

/*
 * vined_peers_stop takes in no more and watches those that are there no longer;
 * their connections stay. NULL is ignored.
 */
void vined_peers_stop(struct vined_peers *peers);

/* vined_peers_close ends all connections and the socket. NULL is ignored. */
void vined_peers_close(struct vined_peers *peers);

#endif
