/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the last queue to the first: what vine_lane_remove() moves to a place
 * below has been looked at. A round may take several calls. The lane's thread
 * alone.
 */
#include "core/vine_lane.h"
#include "core/vine_round.h"

#define AHEAD 8			/* queues asked for early */

/*
 * A round looks at every queue whose bell may never have come: within
 * VINE_SLEEP_BUSY_MS of the one before where something is in flight, else
 * within VINE_SLEEP_IDLE_MS. From the last queue to the first: what
 * vine_lane_remove() moves to a place below has been looked at.
 */
uint64_t
vine_round_due(struct vine_lane *lane, uint64_t now)
{
	uint64_t every = (lane->held_count || lane->deferred ?
			  VINE_SLEEP_BUSY_MS : VINE_SLEEP_IDLE_MS) *
		UINT64_C(1000000);

	if (lane->watch_left == 0 && now - lane->last_watch >= every) {
		lane->last_watch = now;
		lane->watch_left = lane->all_count;
	}
	return lane->last_watch + every;
}

/* Go on with the round. Returns how many queues had something. */
uint32_t
vine_round_go(struct vine_lane *lane, uint32_t most)
{
	uint32_t found = 0;

	if (lane->watch_left > lane->all_count)
		lane->watch_left = lane->all_count;
	for (; lane->watch_left && most; most--) {
		struct vine_pq *pq = lane->all[--lane->watch_left];

		/* none of it is in a cache: have several on their way */
		if (lane->watch_left >= 2 * AHEAD) {
			struct vine_pq **at = &lane->all[lane->watch_left];

			arch_prefetch(at[-2 * AHEAD]);
			arch_prefetch(vine_ring_slot(&at[-AHEAD]->sub));
		}
		if (!vine_ring_peek(&pq->sub) || pq->active || pq->parked)
			continue;
		/* whose bit is set rang a moment ago */
		if (!vine_ready_has(&lane->ready, pq->index))
			vine_lane_count(lane, VINE_COUNT_FOUND_LATE, 1);
		vine_lane_activate(lane, pq);
		found++;
	}
	return found;
}
