/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ringer: a thread that rings the bells of a segment's peers on other machines.
 *
 * Such a bell is an eventfd that the peer has, too: it can fill it and make it
 * blocking. So it is this thread that writes to it and no other; a peer that
 * blocks it costs those of its own segment their bells, which are hints, and
 * nobody else anything.
 */
#ifndef VINED_RINGER_H
#define VINED_RINGER_H

#include <stdint.h>

struct vined_ringer;

/* vined_ringer_new makes a ringer without its thread. Returns 0 or -ENOMEM. */
int vined_ringer_new(struct vined_ringer **ringer);

/* vined_ringer_start starts the thread. Returns 0 or -errno. */
int vined_ringer_start(struct vined_ringer *ringer);

/* vined_ringer_free ends it; it closes the bells. NULL is ignored. Nobody rings
 * any more. Blocks no longer than a second, whatever a peer does. */
void vined_ringer_free(struct vined_ringer *ringer);

/* vined_ringer_add gives it the bell of a peer: it closes fd. Any thread. */
void vined_ringer_add(struct vined_ringer *ringer, uint32_t peer, int fd);

/* vined_ringer_remove has it forget a peer. Any thread; does not block. */
void vined_ringer_remove(struct vined_ringer *ringer, uint32_t peer);

/*
 * vined_ringer_ring has a peer's bell rung soon, if it has one. Rings that come
 * before that are one. ringer is a struct vined_ringer. Any thread; does not
 * block.
 */
void vined_ringer_ring(void *ringer, uint32_t peer);

#endif
