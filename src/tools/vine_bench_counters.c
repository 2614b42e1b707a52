/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters: the directory is read through the session's own mapping, by single
 * loads. Nothing is done with what is read but to print it.
 */
#include "tools/vine_bench_counters.h"

#include "core/vine_lane.h"
#include "core/vine_session.h"

static uint64_t
counter(const struct vine_seg *seg, enum vine_count what)
{
	return arch_load64(&vine_seg_counter(seg, what)->value);
}

void
vine_bench_counters_read(const struct vine_session *session,
			 struct vine_bench_counters *counters)
{
	const struct vine_seg *seg = session->seg;
	struct vine_bench_counters c = { .queues = 0 };
	uint32_t i;

	for (i = 0; i < seg->layout.queues; i++)
		c.queues += arch_load32(&vine_seg_queue(seg, i)->state) != 0;
	for (i = 0; i < seg->layout.extents; i++)
		if (arch_load32(&vine_seg_extent(seg, i)->queue))
			c.queue_bytes +=
				arch_load64(&vine_seg_extent(seg, i)->len);
	/* the directory's entry, the extent's, and a bit in each ready set */
	c.entry_bytes = sizeof(struct vine_queue_shm) +
		sizeof(struct vine_extent_shm) + VINE_BELLS_MAX / 8;
	c.taken = counter(seg, VINE_COUNT_TAKEN);
	c.bells = counter(seg, VINE_COUNT_BELLS);
	c.sleeps = counter(seg, VINE_COUNT_SLEEPS);
	*counters = c;
}
