/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both counts are the furthest position that a slot carries, and not the end of
 * an unbroken run: a live ring goes on while it is copied, and the first slots
 * may be of a later lap than the last. A slot whose sequence does not belong
 * there, or lies further ahead than the ring is long, counts for nothing.
 */
#include "tools/vine_inspect_stops.h"

/* How far a sequence lies ahead of `from`, if it can stand in that slot. */
static uint32_t
ahead(uint32_t sequence, uint32_t slot, uint32_t mask, uint32_t from,
      uint32_t most)
{
	uint32_t by = sequence - from;

	if (((sequence - 1) & mask) != slot || by > most)
		return 0;
	return by;
}

static uint32_t
furthest_sub(const struct vine_inspect_rings *r)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < r->sub_slots; i++) {
		uint32_t by = ahead((uint32_t)arch_load64(&r->sub[i].w[0]), i,
				    r->sub_slots - 1, r->taken, r->sub_slots);

		if (by > most)
			most = by;
	}
	return r->taken + most;
}

static uint32_t
furthest_comp(const struct vine_inspect_rings *r)
{
	uint32_t most = 0, from = (uint32_t)r->completed;

	/* the entry may be behind by what was in flight and a visit more */
	for (uint32_t i = 0; i < r->comp_slots; i++) {
		uint32_t by = ahead((uint32_t)arch_load64(&r->comp[i].w[0]), i,
				    r->comp_slots - 1, from,
				    2 * r->comp_slots);

		if (by > most)
			most = by;
	}
	return most;
}

static uint32_t
at_most(int32_t n, uint32_t most)
{
	if (n < 0)
		return 0;
	return (uint32_t)n < most ? (uint32_t)n : most;
}

void
vine_inspect_stops_of(const struct vine_inspect_rings *r,
		      struct vine_inspect_stops *stops)
{
	uint32_t published = furthest_sub(r), taken = r->taken, completed;
	int32_t in_flight;

	stops->completed = r->completed + furthest_comp(r);
	completed = (uint32_t)stops->completed;
	if ((int32_t)(completed - taken) > 0)
		taken = completed;
	stops->published = at_most((int32_t)(published - taken),
				   r->sub_slots);
	stops->taken = at_most((int32_t)(taken - completed), r->comp_slots);
	/* a task is issued where a completion's place is free */
	in_flight = (int32_t)at_most((int32_t)(published - completed),
				     r->comp_slots);
	stops->unreaped = r->comp_slots - (uint32_t)in_flight;
	if (stops->completed < stops->unreaped)
		stops->unreaped = (uint32_t)stops->completed;
}
