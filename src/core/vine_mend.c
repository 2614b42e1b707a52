/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is written here is of the appliance's private memory; nothing of the
 * segment is believed. It takes one call of fstat and some hundred stores, and
 * is done once a second at most, however often a peer spoils it.
 */
#include <string.h>

#include "core/vine_door.h"
#include "core/vine_header.h"
#include "core/vine_mend.h"
#include "core/vine_pipe.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

static const char *const labels[] = {
#define VINE_COUNTER(name, label) label,
#include "core/counters.def"
#undef VINE_COUNTER
};

void
vine_mend_tell(struct vine_pipe_s *pipe)
{
	struct vine_header_shm *h = vine_seg_header(pipe->seg);

	arch_store64(&h->generation, pipe->generation);
	arch_store64(&h->boot_id, pipe->boot_id);
	arch_store32(&h->clock_kind, utils_clock_kind_now);
	for (uint32_t i = 0; i < VINE_COUNT_MAX; i++) {
		struct vine_counter_shm *c = vine_seg_counter(pipe->seg, i);
		size_t n = strlen(labels[i]);

		for (size_t j = 0; j < sizeof(c->label); j++)
			arch_store8(&c->label[j],
				    j < n ? (uint8_t)labels[i][j] : 0);
	}
}

/* Does it serve? The main thread may begin to drain at the same time. */
static void
tell_state(struct vine_pipe_s *pipe)
{
	le32_t *state = &vine_seg_header(pipe->seg)->appliance;

	if (!pipe->serving || pipe->draining ||
	    arch_load32(state) == VINE_APPLIANCE_SERVING)
		return;
	arch_store_release32(state, VINE_APPLIANCE_SERVING);
	if (pipe->draining)
		arch_store_release32(state, VINE_APPLIANCE_DRAINING);
}

/* Nobody has taken its size, so it was most likely the file system that had no
 * page left; whether it still has none we ask. */
static void
tell_starved(struct vine_pipe_s *pipe, vine_off_t at)
{
	const struct vine_seg *seg = pipe->seg;
	uint64_t has;
	int rc = vine_seg_back(seg, at, &has);

	utils_log_limited(&pipe->mend_rate, UTILS_LOG_ERROR,
			  "segment %s found no memory at offset %llu: what it "
			  "lies in %s; %llu of its %llu bytes have memory, its "
			  "sessions end", seg->name, (unsigned long long)at,
			  rc ? "is full" : "was full, or it was cut short for "
			  "a moment", (unsigned long long)has,
			  (unsigned long long)seg->layout.size);
}

static void
mend_object(struct vine_pipe_s *pipe)
{
	const struct vine_seg *seg = pipe->seg;
	vine_off_t at = 0;
	int rc = vine_seg_mend(seg, &at);

	if (rc == VINE_SEG_WHOLE)
		return;
	vine_lane_count(&pipe->lanes[0], VINE_COUNT_TORN, 1);
	if (rc < 0)
		utils_log_limited(&pipe->mend_rate, UTILS_LOG_ERROR,
				  "segment %s was cut short at offset %llu and "
				  "cannot have its %llu bytes again: %s",
				  seg->name, (unsigned long long)at,
				  (unsigned long long)seg->layout.size,
				  strerror(-rc));
	else if (rc == VINE_SEG_STARVED)
		tell_starved(pipe, at);
	else
		utils_log_limited(&pipe->mend_rate, UTILS_LOG_WARN,
				  "segment %s was cut short at offset %llu: it "
				  "has its %llu bytes again, its sessions end",
				  seg->name, (unsigned long long)at,
				  (unsigned long long)seg->layout.size);
	vine_door_lose_all(pipe);
}

void
vine_mend_segment(struct vine_pipe_s *pipe)
{
	pthread_mutex_lock(&pipe->lock);
	mend_object(pipe);
	if (vine_header_restore(pipe->seg)) {
		vine_lane_count(&pipe->lanes[0], VINE_COUNT_HEADERS, 1);
		utils_log_limited(&pipe->mend_rate, UTILS_LOG_WARN,
				  "segment %s had its header overwritten; it "
				  "is restored", pipe->seg->name);
	}
	vine_mend_tell(pipe);
	tell_state(pipe);
	vine_registry_tell(&pipe->registry, VINE_TELL);
	pthread_mutex_unlock(&pipe->lock);
}
