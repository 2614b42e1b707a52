/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a segment. Tables grow with the segment, a fraction of a percent
 * of it each, so that a small one has room for data and a large one for
 * thousands of queues.
 */
#include <errno.h>
#include <string.h>

#include "core/vine_layout.h"

static uint32_t
scale(uint64_t size, uint64_t per, uint32_t min, uint32_t max)
{
	uint64_t n = size / per;

	if (n < min)
		return min;
	return n > max ? max : (uint32_t)n;
}

static vine_off_t
place(vine_off_t *next, uint64_t bytes)
{
	vine_off_t at = *next;

	*next = (at + bytes + VINE_PAGE - 1) & ~(uint64_t)(VINE_PAGE - 1);
	return at;
}

int
vine_layout_plan(uint64_t size, uint32_t queue_slots,
		 struct vine_layout *layout)
{
	struct vine_layout l;
	vine_off_t next = sizeof(struct vine_header_shm);

	memset(&l, 0, sizeof(l));
	size &= ~(uint64_t)(VINE_PAGE - 1);
	if (queue_slots < VINE_SLOTS_MIN || queue_slots > VINE_SLOTS_MAX ||
	    (queue_slots & (queue_slots - 1)) != 0)
		return -EINVAL;
	if (size < VINE_SEGMENT_MIN)
		return -ENOSPC;
	if (size > UINT64_C(1) << 48)
		return -EFBIG;
	l.size = size;
	l.queue_slots = queue_slots;
	l.sessions = scale(size, 64 << 10, VINE_SESSIONS_MIN,
			   VINE_SESSIONS_MAX);
	l.queues = scale(size, 32 << 10, VINE_QUEUES_MIN, VINE_QUEUES_MAX);
	l.accels = scale(size, 64 << 10, VINE_ACCELS_MIN, VINE_ACCELS_MAX);
	l.procs = scale(size, 128 << 10, VINE_PROCS_MIN, VINE_PROCS_MAX);
	l.extents = scale(size, 16 << 10, VINE_EXTENTS_MIN, VINE_EXTENTS_MAX);
	l.ready_words = (l.queues + 63) / 64;
	if (l.queues > VINE_READY_FLAT_MAX)
		l.summary_words = (l.ready_words + 63) / 64;
	/* summary and leaves on lines of their own */
	l.ready_stride = (l.summary_words * 8 + 63) / 64 * 64 +
			 (l.ready_words * 8 + 63) / 64 * 64;
	l.session_off = place(&next,
			      l.sessions * sizeof(struct vine_session_shm));
	l.queue_off = place(&next, l.queues * sizeof(struct vine_queue_shm));
	l.accel_off = place(&next, l.accels * sizeof(struct vine_accel_shm));
	l.proc_off = place(&next, l.procs * sizeof(struct vine_proc_shm));
	l.extent_off = place(&next, l.extents * sizeof(struct vine_extent_shm));
	l.counter_off = place(&next, VINE_COUNTERS_MAX *
			      sizeof(struct vine_counter_shm));
	l.bell_off = place(&next,
			   VINE_BELLS_MAX * sizeof(struct vine_bell_shm));
	l.ready_off = place(&next, VINE_BELLS_MAX * l.ready_stride);
	l.heap_off = next;
	l.heap_size = size - next;
	*layout = l;
	return 0;
}

uint32_t
vine_layout_id(void)
{
	static const uint32_t sizes[] = {
		VINE_ABI_MAJOR, VINE_PAGE, VINE_LINE, VINE_BELLS_MAX,
		VINE_COUNTERS_MAX, VINE_READY_FLAT_MAX,
		sizeof(struct vine_header_shm), sizeof(struct vine_session_shm),
		sizeof(struct vine_queue_shm), sizeof(struct vine_desc_shm),
		sizeof(struct vine_comp_shm), sizeof(struct vine_table_shm),
		sizeof(struct vine_tref_shm), sizeof(struct vine_accel_shm),
		sizeof(struct vine_proc_shm), sizeof(struct vine_extent_shm),
		sizeof(struct vine_counter_shm), sizeof(struct vine_bell_shm),
	};
	uint32_t hash = 2166136261u;	/* FNV-1a, 32 bits */

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int b = 0; b < 32; b += 8)
			hash = (hash ^ (sizes[i] >> b & 0xff)) * 16777619u;
	return hash;
}
