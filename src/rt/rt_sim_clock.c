/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of pointers; each event knows its place, to be taken out. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "rt/rt_sim_clock.h"

static int
is_before(const struct rt_sim_event *a, const struct rt_sim_event *b)
{
	return a->at < b->at || (a->at == b->at && a->key < b->key);
}

static void
put(struct rt_sim_clock *c, uint32_t place, struct rt_sim_event *event)
{
	c->heap[place - 1] = event;
	event->place = place;
}

static void
rise(struct rt_sim_clock *c, struct rt_sim_event *event)
{
	uint32_t place = event->place;

	while (place > 1 && is_before(event, c->heap[place / 2 - 1])) {
		put(c, place, c->heap[place / 2 - 1]);
		place /= 2;
	}
	put(c, place, event);
}

static void
sink(struct rt_sim_clock *c, struct rt_sim_event *event)
{
	uint32_t place = event->place;

	while (place * 2 <= c->count) {
		uint32_t child = place * 2;

		if (child < c->count &&
		    is_before(c->heap[child], c->heap[child - 1]))
			child++;
		if (!is_before(c->heap[child - 1], event))
			break;
		put(c, place, c->heap[child - 1]);
		place = child;
	}
	put(c, place, event);
}

int
rt_sim_clock_set(struct rt_sim_clock *clock, struct rt_sim_event *event,
		 uint64_t at, uint64_t key)
{
	rt_sim_clock_cancel(clock, event);
	if (clock->count == clock->room) {
		uint32_t room = clock->room ? clock->room * 2 : 64;
		struct rt_sim_event **heap = realloc(clock->heap,
						     room * sizeof(*heap));

		if (heap == NULL)
			return -ENOMEM;
		clock->heap = heap;
		clock->room = room;
	}
	event->at = at;
	event->key = key;
	put(clock, ++clock->count, event);
	rise(clock, event);
	return 0;
}

void
rt_sim_clock_cancel(struct rt_sim_clock *clock, struct rt_sim_event *event)
{
	struct rt_sim_event *last;
	uint32_t place = event->place;

	if (place == 0)
		return;
	event->place = 0;
	last = clock->heap[--clock->count];
	if (last == event)
		return;
	put(clock, place, last);
	rise(clock, last);
	sink(clock, last);
}

uint64_t
rt_sim_clock_next(const struct rt_sim_clock *clock)
{
	return clock->count ? clock->heap[0]->at : UINT64_MAX;
}

void
rt_sim_clock_fire(struct rt_sim_clock *clock)
{
	struct rt_sim_event *event = clock->heap[0];

	rt_sim_clock_cancel(clock, event);
	event->fire(event);
}
