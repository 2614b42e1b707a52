/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a lane stops looking: at a queue that is idle, and at all of them when it
 * goes to sleep. A queue is armed, then looked at once more; a lane says that
 * it sleeps, then looks at everything once more. The functions are vine_lane's:
 * the lane's thread alone, but for vine_lane_ring, which is anybody's.
 */
#include "core/vine_lane.h"
#include "core/vine_pipe.h"
#include "core/vine_porter.h"
#include "core/vine_round.h"
#include "core/vine_tally.h"
#include "core/vine_visit.h"
#include "utils/utils_clock.h"

/* A sequence that is neither of this lap nor of the last was forged. */
static void
check_sequence(struct vine_lane *lane, const struct vine_pq *pq)
{
	const struct vine_desc_shm *s = vine_ring_slot(&pq->sub);
	uint32_t seq = (uint32_t)arch_load64(&s->w[0]);

	if (seq != pq->sub.pos + 1 && seq != pq->sub.pos - pq->sub.mask &&
	    seq != 0)
		vine_lane_count(lane, VINE_COUNT_SEQ_JUMP, 1);
}

/*
 * Queues that were empty for long leave the active list: armed, barrier, and
 * one more look, so that a task published before the application saw `armed`
 * is found here.
 */
void
vine_lane_retire_idle(struct vine_lane *lane)
{
	uint32_t idle = 0;

	lane->idle = 0;
	for (uint32_t i = 0; i < lane->active_count; i++) {
		struct vine_pq *pq = lane->active[i];

		if (pq->looks < VINE_IDLE_LOOKS)
			continue;
		idle++;
		arch_store32(&pq->shm->armed, 1);
		check_sequence(lane, pq);
	}
	if (idle == 0)
		return;
	/* ARM-R1: `armed` before the look below; pairs with ARM-A1 in
	 * vine_queue_knock(). The barrier pays for both sides. */
	arch_bell_barrier();
	for (uint32_t i = 0; i < lane->active_count;) {
		struct vine_pq *pq = lane->active[i];

		if (pq->looks < VINE_IDLE_LOOKS) {
			i++;
		} else if (vine_ring_peek(&pq->sub)) {
			arch_store32(&pq->shm->armed, 0);
			pq->looks = 0;
			i++;
		} else {
			vine_lane_deactivate(lane, pq);
		}
	}
}

static int
has_work(struct vine_lane *lane)
{
	if ((lane->knocked && vine_porter_left(lane, utils_clock_ns()) == 0) ||
	    lane->sched.filled || atomic_load(&lane->posts) ||
	    atomic_load(&lane->answers) || atomic_load(&lane->freed) ||
	    lane->park_left || vine_ready_any(&lane->ready))
		return 1;
	for (uint32_t i = 0; i < lane->active_count; i++)
		if (vine_ring_peek(&lane->active[i]->sub))
			return 1;
	return 0;
}

/*
 * How long a lane may sleep for those who cannot wake it: a nap, twice as long
 * each time that there was nothing.
 */
static uint64_t
nap_ns(const struct vine_lane *lane)
{
	uint64_t us = (uint64_t)VINE_NAP_MIN_US << (lane->naps < 16 ?
						    lane->naps : 16);

	if (atomic_load_explicit(&lane->pipe->mutes,
				 memory_order_relaxed) == 0)
		return UINT64_MAX;
	return (us < VINE_NAP_MAX_US ? us : VINE_NAP_MAX_US) * 1000;
}

int
vine_lane_arm(struct vine_lane *lane, struct arch_bell_seen *seen,
	      uint64_t *limit_ns)
{
	struct vine_bell_shm *bell = lane->ready.bell;
	uint64_t now = utils_clock_ns(), due = vine_round_due(lane, now), nap;

	/* a round ends before the sleep, so that the sleep may last until the
	 * next is due */
	if (vine_round_go(lane, UINT32_MAX) || due <= now)
		return 0;
	vine_tally_publish(lane->pipe);
	seen->word = lane->ready.ring.word;
	seen->seen = arch_bell_look(&lane->ready.ring);
	for (uint32_t i = 0; i < lane->active_count; i++) {
		if (lane->active[i]->taken != lane->active[i]->sub.pos)
			vine_visit_publish(lane->active[i]);
		arch_store32(&lane->active[i]->shm->armed, 1);
	}
	atomic_store(&lane->asleep, 1);
	arch_store32(&bell->sleeping, 1);
	/* SLEEP-A1: `sleeping` and `armed` before the looks below; pairs with
	 * SLEEP-R1 in vine_ready_ring(). */
	arch_bell_barrier();
	if (has_work(lane))
		return 0;
	while (lane->active_count > 0) {
		check_sequence(lane, lane->active[0]);
		vine_lane_deactivate(lane, lane->active[0]);
	}
	*limit_ns = due - now;
	nap = nap_ns(lane);
	if (nap < *limit_ns)
		*limit_ns = nap;
	if (lane->knocked && vine_porter_left(lane, now) < *limit_ns)
		*limit_ns = vine_porter_left(lane, now);
	vine_lane_count(lane, VINE_COUNT_SLEEPS, 1);
	return 1;
}

void
vine_lane_awake(struct vine_lane *lane, int slept)
{
	arch_store32(&lane->ready.bell->sleeping, 0);
	atomic_store(&lane->asleep, 0);
	atomic_store(&lane->quiet, atomic_load(&lane->pipe->epoch));
	for (uint32_t i = 0; i < lane->active_count; i++)
		arch_store32(&lane->active[i]->shm->armed, 0);
	if (slept) {
		lane->last_tick = 0;	/* the sleep may have been long */
		lane->naps++;
		if (!has_work(lane))
			vine_lane_tick_over(lane);
		else
			lane->naps = 0;
	}
}

void
vine_lane_ring(struct vine_lane *lane)
{
	struct vine_bell_shm *bell = lane->ready.bell;

	/* the push before this, then the look: as SLEEP-R1 in vine_ready.c */
	arch_fence_after_rmw();
	if (arch_load32(&bell->sleeping) && arch_xchg32(&bell->sleeping, 0))
		arch_bell_ring(&lane->ready.ring, ~0u);
}
