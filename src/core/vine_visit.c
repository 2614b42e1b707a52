/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots are copied out and then run; of a stream several at a time. What was
 * taken is run here, noted for the next appliance before, and given back to the
 * application when a quarter of the ring is. The lane's thread alone.
 */
#include "core/vine_ctl.h"
#include "core/vine_pipe.h"
#include "core/vine_visit.h"
#include "utils/utils_clock.h"

/* Let the application have the slots that were taken. */
void
vine_visit_publish(struct vine_pq *pq)
{
	pq->taken = pq->sub.pos;
	arch_store64(&pq->shm->completed, pq->completed);
	/* TAKEN-R1: the slots were copied before they are given back; pairs
	 * with TAKEN-A1 in has_room(). */
	arch_store_release32(&pq->shm->taken, pq->taken);
	vine_lane_wake_peer(pq);
}

static int
is_stream(const struct vine_desc *desc)
{
	return (vine_desc_flags(desc) & VINE_DESC_STREAM) != 0;
}

/* The level of a queue's next task, or -1 where there is none. */
int
vine_visit_level(const struct vine_lane *lane, const struct vine_pq *pq)
{
	uint32_t accel;

	if (!vine_ring_peek_accel(&pq->sub, &accel))
		return -1;
	return (int)vine_registry_level(&lane->pipe->registry, accel,
					pq->serial);
}

/*
 * Copy up to max slots out; of a filed queue those of its level. Those of a
 * stream together, so that the lines of several are on their way at once; a
 * task on its own is not kept waiting for a look at the next slot. Returns how
 * many, and whether there may be more.
 */
static uint32_t
take(struct vine_lane *lane, struct vine_pq *pq, struct vine_desc *batch,
     uint32_t max, int *more)
{
	const int level = pq->item.session ? (int)pq->item.level : -1;
	uint32_t n = 0;

	*more = 0;
	while (n < max) {
		if (level >= 0 && vine_visit_level(lane, pq) != level)
			return n;
		if (!vine_ring_pop(&pq->sub, &batch[n]))
			return n;
		if (!is_stream(&batch[n++]))
			break;
	}
	*more = 1;
	return n;
}

/* Is the time of the vine_visit_queue up? */
static int
is_over(struct vine_lane *lane)
{
	if (lane->turn_end == 0)
		return 0;
	lane->answered = vine_lane_tick(lane);
	return lane->answered >= lane->turn_end;
}

/* Carry one task out. Returns 0 where that was not possible, or not done. */
static int
run_one(struct vine_lane *lane, struct vine_pq *pq,
	const struct vine_desc *desc)
{
	if (__builtin_expect(!pq->control, 1))
		return vine_req_run(lane, pq, desc) == 0;
	lane->partial = !vine_ctl_run(lane, pq, desc);
	return !lane->partial;
}

/*
 * Run what was taken. After a full batch there are mostly more, whose lines are
 * asked for meanwhile. Returns how many were run; what no memory or no time was
 * left for goes back.
 */
static uint32_t
run(struct vine_lane *lane, struct vine_pq *pq, const struct vine_desc *batch,
    uint32_t count)
{
	const uint32_t pos = pq->sub.pos - count;	/* of the first */
	uint32_t n = 0;

	while (n < count) {
		if (count == VINE_TAKE_BATCH)
			vine_ring_expect(&pq->sub, n);
		/* for the next appliance, a task is taken only here */
		vine_journal_take(&pq->journal, &batch[n], pos + n + 1);
		if (__builtin_expect(!run_one(lane, pq, &batch[n]), 0)) {
			vine_journal_put_back(&pq->journal,
					      vine_desc_cookie(&batch[n]),
					      pos + n);
			break;
		}
		n++;
		if (is_over(lane))
			break;
	}
	pq->sub.pos = pos + n;
	return n;
}

/* Take up to lane->room tasks. lane->answered has been set. */
uint32_t
vine_visit_queue(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_desc batch[VINE_TAKE_BATCH];
	uint32_t took, ran, room, n = 0;
	int more, stream = 0;

	lane->work = 0;
	lane->partial = 0;
	do {
		room = lane->room - n;
		took = take(lane, pq, batch, room < VINE_TAKE_BATCH ? room :
			    VINE_TAKE_BATCH, &more);
		ran = run(lane, pq, batch, took);
		n += ran;
		if (took)
			stream = is_stream(&batch[took - 1]);
		/* a ring may be shorter than a vine_visit_queue */
		if (pq->sub.pos - pq->taken > pq->sub.mask / 4)
			vine_visit_publish(pq);
	} while (more && ran == took && n < lane->room);
	if (__builtin_expect(pq->over, 0))
		vine_visit_publish(pq);
	if (n == 0)
		return lane->partial;
	pq->looks = 0;
	if (stream && !more)
		pq->skip = VINE_STREAM_SKIP;
	vine_lane_count(lane, VINE_COUNT_TAKEN, n);
	return n;
}
