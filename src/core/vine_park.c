/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places are counted by compare-and-swap, never beyond the quota. The lists
 * belong to the lane's thread; others only raise lane->freed and ring.
 *
 * To wait is: say so, look again. To give back is: give back, look who waits.
 */
#include <errno.h>

#include "core/vine_park.h"
#include "core/vine_pipe.h"

static uint32_t
limit_of(const _Atomic uint64_t *quota)
{
	uint64_t limit = atomic_load_explicit(quota, memory_order_relaxed);

	return limit && limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
}

static uint32_t
session_limit(const struct vine_pipe_s *pipe)
{
	return limit_of(&pipe->quotas.session[VINE_QUOTA_TASKS]);
}

/* How many places are left. */
static uint32_t
room(const struct vine_places *places, uint32_t limit)
{
	uint32_t used = atomic_load(&places->used);

	return used < limit ? limit - used : 0;
}

static int
take(struct vine_places *places, uint32_t limit)
{
	uint32_t used = atomic_load(&places->used);

	do
		if (used >= limit)
			return 0;
	while (!atomic_compare_exchange_weak(&places->used, &used, used + 1));
	return 1;
}

static void
give(struct vine_pipe_s *pipe, struct vine_places *places)
{
	uint32_t lanes;

	/* PLACE-R1: the place before the look who waits; pairs with PLACE-A1 in
	 * wait_for(). Both sides by sequentially consistent atomics. */
	atomic_fetch_sub(&places->used, 1);
	if (atomic_load(&places->waiting) == 0)
		return;
	lanes = atomic_exchange(&places->waiting, 0);
	for (uint32_t i = 0; lanes; i++, lanes >>= 1)
		if (lanes & 1)
			vine_park_free(&pipe->lanes[i]);
}

/* What a request has a place of; req->placed. */
enum {
	OF_SESSION = 1,
	OF_SEGMENT = 2,
};

int
vine_park_take(struct vine_req *req, struct vine_pq *pq)
{
	struct vine_pipe_s *pipe = pq->lane->pipe;
	uint32_t segment = limit_of(&pipe->quotas.tasks);

	if (!take(&pq->rec->places, session_limit(pipe))) {
		pq->over = 1;
		return -EDQUOT;
	}
	req->placed = OF_SESSION;
	if (segment == UINT32_MAX)	/* not even counted: lanes share it */
		return 0;
	if (!take(&pipe->places, segment)) {
		pq->over = 1;
		req->placed = 0;
		give(pipe, &pq->rec->places);
		return -EDQUOT;
	}
	req->placed |= OF_SEGMENT;
	return 0;
}

void
vine_park_count(struct vine_req *req)
{
	if (req->placed)
		return;
	req->placed = OF_SESSION;
	atomic_fetch_add(&req->pq->rec->places.used, 1);
}

void
vine_park_give(struct vine_req *req)
{
	struct vine_pipe_s *pipe = req->lane->pipe;
	uint32_t placed = req->placed;

	req->placed = 0;
	give(pipe, &req->pq->rec->places);
	if (placed & OF_SEGMENT)
		give(pipe, &pipe->places);
}

void
vine_park_free(struct vine_lane *lane)
{
	atomic_store(&lane->freed, 1);
	vine_lane_ring(lane);
}

/*
 * Say that the lane waits for a place of a session, and look again: is there
 * one beside those promised to queues that go on?
 */
static void
wait_for(struct vine_lane *lane, struct vine_rec *rec, uint32_t promised)
{
	struct vine_pipe_s *pipe = lane->pipe;
	uint32_t me = 1u << lane->index;

	atomic_fetch_or(&rec->places.waiting, me);
	atomic_fetch_or(&pipe->places.waiting, me);
	/* PLACE-A1: that we wait before the look whether there is a place;
	 * pairs with PLACE-R1 in give(). */
	if (room(&rec->places, session_limit(pipe)) > promised &&
	    room(&pipe->places, limit_of(&pipe->quotas.tasks)) > promised)
		atomic_store(&lane->freed, 1);
}

void
vine_park_queue(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_share *share = pq->share;

	pq->over = 0;
	vine_lane_deactivate(lane, pq);
	pq->parked = 1;
	utils_list_push_back(&share->parked, &pq->park);
	if (!utils_link_on_list(&share->link)) {
		utils_list_push_back(&lane->parked, &share->link);
		lane->parked_count++;
	}
	vine_lane_count(lane, VINE_COUNT_QUOTA_TASKS, 1);
	wait_for(lane, pq->rec, 0);
}

static void
unlist(struct vine_lane *lane, struct vine_share *share)
{
	utils_list_remove(&share->link);
	lane->parked_count--;
}

void
vine_park_remove(struct vine_lane *lane, struct vine_pq *pq)
{
	if (!pq->parked)
		return;
	pq->parked = 0;
	utils_list_remove(&pq->park);
	if (utils_list_empty(&pq->share->parked))
		unlist(lane, pq->share);
}

/* As many queues of one session as there are places. */
static uint32_t
look_at(struct vine_lane *lane, struct vine_share *share)
{
	struct vine_pipe_s *pipe = lane->pipe;
	struct vine_rec *rec = utils_list_of(share->parked.head.next,
					     struct vine_pq, park)->rec;
	uint32_t n, places = room(&rec->places, session_limit(pipe));
	uint32_t others = room(&pipe->places, limit_of(&pipe->quotas.tasks));

	if (places > others)
		places = others;
	unlist(lane, share);
	for (n = 0; n < places && !utils_list_empty(&share->parked); n++) {
		struct utils_link *link = utils_list_pop_front(&share->parked);
		struct vine_pq *pq = utils_list_of(link, struct vine_pq, park);

		pq->parked = 0;
		vine_lane_activate(lane, pq);
	}
	if (!utils_list_empty(&share->parked)) {
		utils_list_push_back(&lane->parked, &share->link);
		lane->parked_count++;
		wait_for(lane, rec, n);
	}
	return n;
}

uint32_t
vine_park_look(struct vine_lane *lane)
{
	uint32_t looks = VINE_LOOKS, n = 0;

	if (atomic_exchange(&lane->freed, 0))
		lane->park_left = lane->parked_count;
	if (lane->park_left > lane->parked_count)
		lane->park_left = lane->parked_count;
	for (; lane->park_left && looks; looks--) {
		lane->park_left--;
		n += look_at(lane, utils_list_of(lane->parked.head.next,
						 struct vine_share, link));
	}
	return n;
}
