/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estate: what an earlier vined left of one socket, as the holder has it
 * (vined_holder.h): the socket that listens, the segment, its keep, the
 * appliance's bell, and of each peer its connection and its bell.
 *
 * Its names at the holder begin with a number made of the socket's path. What
 * comes back is judged by what it is, not by its name alone; where the segment,
 * the keep or the bell is missing or is something else, nothing of it counts.
 */
#ifndef VINED_ESTATE_H
#define VINED_ESTATE_H

#include <stdint.h>

#include "appliance/vined_holder.h"

struct vined_estate_peer {
	uint32_t id;
	int sock;
	int bell;
};

/* Descriptors are -1 where there is none; they are the owner's to close, or to
 * take by setting them to -1. */
struct vined_estate {
	struct vined_holder *holder;
	const char *path;	/* of the socket; the owner's */
	char key[17];
	int listening;
	int segment;
	int keep;
	int bell;
	struct vined_estate_peer *peers;
	uint32_t count;
};

/*
 * vined_estate_open takes what there is of a socket; path and holder must
 * outlive it. What cannot be used it has forgotten, and says so. Locks that
 * peers took on the segment are undone. Returns 0, or -ENOMEM with nothing
 * taken. Zero the estate's bytes before; vined_estate_close ends it.
 */
int vined_estate_open(struct vined_estate *estate, struct vined_holder *holder,
		      const char *path);

/* vined_estate_is_there tells whether there is a segment to take up. */
int vined_estate_is_there(const struct vined_estate *estate);

/*
 * vined_estate_reject closes what is left and has the holder forget it, peers
 * too, but for the socket that listens: who waits there is let in by the next
 * segment. vined_estate_forget does so with the socket as well.
 */
void vined_estate_reject(struct vined_estate *estate);
void vined_estate_forget(struct vined_estate *estate);

/* vined_estate_drop has the holder forget a single descriptor. */
void vined_estate_drop(const struct vined_estate *estate, const char *what);

/* vined_estate_close closes what is left; the holder keeps it. */
void vined_estate_close(struct vined_estate *estate);

/* Names of single descriptors. */
#define VINED_ESTATE_LISTENING "listen"
#define VINED_ESTATE_SEGMENT "segment"
#define VINED_ESTATE_KEEP "keep"
#define VINED_ESTATE_BELL "bell"

/* vined_estate_name writes the name of one of them, vined_estate_peer_name that
 * of a peer's two. */
void vined_estate_name(const struct vined_estate *estate, const char *what,
		       char name[VINED_HOLDER_NAME]);
void vined_estate_peer_name(const struct vined_estate *estate, uint32_t id,
			    char name[VINED_HOLDER_NAME]);

#endif
