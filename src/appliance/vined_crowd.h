/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crowd: the peers of one segment that are there, each a connection with a
 * number that its sessions name.
 *
 * A peer is greeted as it comes and watched until it goes; nothing is read from
 * it. There are more numbers than peers, and a number rests before it is used
 * again. Where vined has a holder each connection and its bell are held there,
 * too. All of it runs on the thread of the wait.
 */
#ifndef VINED_CROWD_H
#define VINED_CROWD_H

#include <stdint.h>
#include <sys/types.h>

#include "core/vine_pipe.h"
#include "utils/utils_list.h"

struct rt_wait;
struct vined_bell;
struct vined_estate;
struct vined_estate_peer;
struct vined_holder;
struct vined_ringer;

/* All but what stands below `all` is the owner's, and outlives the peers. */
struct vined_crowd {
	struct rt_wait *wait;
	vine_pipe_s *pipe;
	const char *path;	/* of the socket, for the log */
	int segment;		/* open file for all peers; -1: none yet */
	const struct vined_bell *bell;	/* the appliance's */
	struct vined_holder *holder;
	const struct vined_estate *estate;	/* names of what is held */
	struct vined_ringer *ringer;	/* of the peers' bells */
	struct utils_list all;
	uint32_t count;
	uint32_t next_id;
	uint64_t used[VINE_PEER_IDS / 64];	/* ids, a bit each */
};

/* vined_crowd_count_of returns how many peers are of a user. */
uint32_t vined_crowd_count_of(const struct vined_crowd *crowd, uid_t uid);

/*
 * vined_crowd_add greets whoever connected and makes it a peer. The connection
 * is the crowd's, also on an error: -ENOMEM, -errno of eventfd(2) or of a
 * greeting that could not be sent whole, or as rt_wait_watch.
 */
int vined_crowd_add(struct vined_crowd *crowd, int sock, uid_t uid);

/*
 * vined_crowd_take_up makes a peer again of what an earlier vined left of it,
 * and takes its descriptors. It was let in and greeted then; who hung up since
 * is seen as soon as it is watched.
 */
void vined_crowd_take_up(struct vined_crowd *crowd,
			 struct vined_estate_peer *left);

/* vined_crowd_stop watches them no longer; their connections stay. */
void vined_crowd_stop(struct vined_crowd *crowd);

/* vined_crowd_forget hangs up on all and has the holder forget them. */
void vined_crowd_forget(struct vined_crowd *crowd);

/* vined_crowd_close closes our end of all connections. */
void vined_crowd_close(struct vined_crowd *crowd);

#endif
