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
 *
 * Where vined has a holder (vined_holder.h), socket, segment, bells and
 * connections are held there, too: the next vined takes them up, and peers see
 * nothing of the change (vined_estate.h).
 */
#ifndef VINED_PEERS_H
#define VINED_PEERS_H

#include "core/vine_pipe.h"

struct rt_wait;
struct utils_config;
struct vined_holder;
struct vined_peers;

/*
 * vined_peers_open makes the socket that a config names, or takes it up from an
 * earlier vined; *peers is NULL where it names none. Who connects waits until
 * vined_peers_serve. Config, wait and holder must outlive the peers. Returns 0
 * or a negative errno, logged.
 */
int vined_peers_open(const struct utils_config *config, struct rt_wait *wait,
		     struct vined_holder *holder, struct vined_peers **peers);

/*
 * vined_peers_start opens the pipe on the segment: the one that an earlier
 * vined left, or, where there is none or it cannot be used, a new one; then
 * earlier peers are hung up on. As vine_pipe_start. peers NULL: of a config
 * without a socket.
 */
int vined_peers_start(struct vined_peers *peers,
		      const struct utils_config *config, uint32_t lanes,
		      uint32_t most, vine_pipe_s **pipe);

/*
 * vined_peers_bind says whose segment the peers get; it opens a file, which the
 * filter forbids later. peers NULL is ignored. Returns 0 or a negative errno,
 * logged.
 */
int vined_peers_bind(struct vined_peers *peers, vine_pipe_s *pipe);

/* vined_peers_serve takes in peers from now on. peers NULL is ignored. Returns
 * 0 or a negative errno, logged. */
int vined_peers_serve(struct vined_peers *peers);

/* vined_peers_meet ends sessions whose peers went while no vined was there;
 * once the pipe serves. peers NULL is ignored. */
void vined_peers_meet(struct vined_peers *peers);

/*
 * vined_peers_stop takes in no more and watches those that are there no longer;
 * their connections stay. NULL is ignored.
 */
void vined_peers_stop(struct vined_peers *peers);

/* vined_peers_forget has the holder forget the socket and all of its peers:
 * nobody is to take them up. NULL is ignored. */
void vined_peers_forget(struct vined_peers *peers);

/* vined_peers_close ends all connections and the socket, as far as the holder
 * does not have them. NULL is ignored. */
void vined_peers_close(struct vined_peers *peers);

#endif
