/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: where the tasks of each are. Its rings are read when its turn comes:
 * of all together no more bytes than the heap has, because those of honest
 * queues do not overlap.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/vine_inspect_section.h"
#include "tools/vine_inspect_stops.h"

/* Is it the queue of control tasks of the session that it names? */
static int
is_control(const struct sheet *out, uint32_t index,
	   const struct vine_queue_shm *q)
{
	uint32_t slot = arch_load32(&q->session);

	return slot < out->snap->layout.sessions &&
	       arch_load32(&VINE_INSPECT_AT(out->snap, session, slot)->queue) ==
	       index;
}

/* Room for the largest rings. */
struct room {
	struct vine_desc_shm *sub;
	struct vine_comp_shm *comp;
};

/* Copy a queue's rings. Returns 0, or -EINVAL after naming the fault. */
static int
read_rings(struct sheet *out, uint32_t index, const struct vine_queue_shm *q,
	   const struct room *room, struct vine_inspect_rings *rings)
{
	uint32_t slots = arch_load32(&q->sub_slots);
	uint32_t comps = arch_load32(&q->comp_slots);
	uint64_t sub_bytes = slots * (uint64_t)sizeof(*room->sub);
	uint64_t comp_bytes = comps * (uint64_t)sizeof(*room->comp);

	if ((slots != out->snap->layout.queue_slots &&
	     slots != VINE_SLOTS_CTL) || comps != 2 * slots) {
		sheet_fault(out, "queue %u has rings of %u and %u slots",
			    index, slots, comps);
		return -EINVAL;
	}
	if (sub_bytes + comp_bytes > out->ring_bytes) {
		sheet_fault(out, "queue %u: the rings of all queues are more "
			    "than the heap", index);
		return -EINVAL;
	}
	out->ring_bytes -= sub_bytes + comp_bytes;
	/* completions first: no task is then completed before it was issued */
	if (vine_inspect_snap_heap(out->snap, arch_load64(&q->comp),
				   comp_bytes, room->comp) != 0 ||
	    vine_inspect_snap_heap(out->snap, arch_load64(&q->sub), sub_bytes,
				   room->sub) != 0) {
		sheet_fault(out, "queue %u: rings at %" PRIu64 " and %" PRIu64
			    " are not in the heap", index,
			    arch_load64(&q->sub), arch_load64(&q->comp));
		return -EINVAL;
	}
	*rings = (struct vine_inspect_rings){
		.sub = room->sub, .comp = room->comp, .sub_slots = slots,
		.comp_slots = comps, .taken = arch_load32(&q->taken),
		.completed = arch_load64(&q->completed),
	};
	return 0;
}

static json_t *
queue_row(struct sheet *out, uint32_t index, const struct vine_queue_shm *q,
	  const struct room *room)
{
	struct vine_inspect_rings rings;
	struct vine_inspect_stops stops = { 0 };
	int known = read_rings(out, index, q, room, &rings) == 0;

	if (known)
		vine_inspect_stops_of(&rings, &stops);
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:b, s:b, s:o, s:o, s:o, "
			 "s:o}",
		"queue", sheet_count(index),
		"session", sheet_count(arch_load32(&q->session)),
		"for", is_control(out, index, q) ? "control" : "tasks",
		"worker", sheet_count(arch_load32(&q->bell)),
		"slots", sheet_count(arch_load32(&q->sub_slots)),
		"armed", arch_load32(&q->armed) != 0,
		"waiting", arch_load32(&q->waiting) != 0,
		"published", sheet_count_or_null(known, stops.published),
		"taken", sheet_count_or_null(known, stops.taken),
		"unreaped_most", sheet_count_or_null(known, stops.unreaped),
		"completed", sheet_count_or_null(known, stops.completed));
}

json_t *
vine_inspect_queues(struct sheet *out)
{
	uint32_t n = out->snap->layout.queues;
	json_t *list = json_array();
	struct room room;

	room.sub = malloc(VINE_SLOTS_MAX * sizeof(*room.sub));
	room.comp = malloc(2 * VINE_SLOTS_MAX * sizeof(*room.comp));
	if (room.sub == NULL || room.comp == NULL)
		out->failed = 1;
	for (uint32_t i = 1; i < n && !out->failed; i++) {
		const struct vine_queue_shm *q =
			VINE_INSPECT_AT(out->snap, queue, i);

		if (arch_load32(&q->state) == 0)
			continue;
		sheet_add(out, list, queue_row(out, i, q, &room));
		if (arch_load32(&q->session) >= out->snap->layout.sessions)
			sheet_fault(out, "queue %u is of session %u, there are "
				    "%u", i, arch_load32(&q->session),
				    out->snap->layout.sessions);
		if (arch_load32(&q->bell) >= VINE_BELLS_MAX)
			sheet_fault(out, "queue %u is of worker %u, there can "
				    "be %d", i, arch_load32(&q->bell),
				    VINE_BELLS_MAX);
	}
	free(room.sub);
	free(room.comp);
	return list;
}
