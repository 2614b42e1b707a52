/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stops: how far the tasks of a queue have come, as far as its rings tell.
 *
 * A slot's sequence says up to which task the ring was filled, and so how many
 * tasks were published and how many completed. How many were taken the
 * appliance says in `taken`, but late: after a quarter of the ring, or when it
 * finds nothing more. What completed was taken too. How many completions were
 * reaped is the application's secret; it cannot be fewer than those that made
 * room for the tasks after them.
 */
#ifndef VINE_INSPECT_STOPS_H
#define VINE_INSPECT_STOPS_H

#include <stdint.h>

#include "core/vine_layout.h"

/* A queue: private copies of its words and rings. */
struct vine_inspect_rings {
	const struct vine_desc_shm *sub;
	const struct vine_comp_shm *comp;
	uint32_t sub_slots;	/* powers of two */
	uint32_t comp_slots;
	uint32_t taken;
	uint64_t completed;	/* as the entry says: late too */
};

struct vine_inspect_stops {
	uint32_t published;	/* not taken, or taken lately */
	uint32_t taken;		/* not completed; at least */
	uint32_t unreaped;	/* completed, not reaped; at most */
	uint64_t completed;	/* since the queue was opened */
};

/*
 * vine_inspect_stops_of tells them. Whatever the bytes are, published is at
 * most sub_slots, taken and unreaped are at most comp_slots.
 */
void vine_inspect_stops_of(const struct vine_inspect_rings *rings,
			   struct vine_inspect_stops *stops);

#endif
