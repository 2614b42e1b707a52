/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane's loop: mailbox, ready bits, empty queues, and whose turn it is.
 * What is done at a queue is vine_visit's, how a lane sleeps stands in
 * vine_sleep.c.
 *
 * Single-writer rule: the lane's thread writes everything here but the two
 * mailboxes (anybody pushes, the lane takes all by exchange) and the list of
 * all queues, which grows under the pipe's lock through a post.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_ctl.h"
#include "core/vine_lane.h"
#include "core/vine_pipe.h"
#include "core/vine_porter.h"
#include "core/vine_round.h"
#include "core/vine_visit.h"
#include "utils/utils_clock.h"

_Thread_local char vine_lane_mark;

#define TICK_LOOKS 1024u	/* looks between two looks at the clock */
#define WATCH_QUEUES 256u	/* queues looked at without a bell in one go */

int
vine_lane_init(struct vine_lane *lane, struct vine_pipe_s *pipe,
	       uint32_t index)
{
	memset(lane, 0, sizeof(*lane));
	lane->pipe = pipe;
	lane->index = index;
	vine_ready_bind(pipe->seg, index, &lane->ready);
	if (pipe->seg->far)	/* its threads ring each other all the same */
		lane->ready.ring = arch_bell_of_word(&lane->own_bell);
	vine_sched_init(&lane->sched);
	utils_list_init(&lane->parked);
	lane->task_ticks = utils_clock_from_ns(VINE_TASK_NS);
	lane->all_room = 16;
	lane->all = malloc(lane->all_room * sizeof(*lane->all));
	lane->active = malloc(lane->all_room * sizeof(*lane->active));
	atomic_store(&lane->asleep, 1);	/* nobody polls it yet */
	if (lane->all && lane->active)
		return 0;
	vine_lane_fini(lane);
	return -ENOMEM;
}

void
vine_lane_fini(struct vine_lane *lane)
{
	struct vine_req *req, *next;

	for (uint32_t i = 0; i < lane->all_count; i++) {
		if (lane->all[i]->job)
			vine_ctl_drop(lane->all[i]);
		free(lane->all[i]);
	}
	for (req = lane->free_reqs; req; req = next) {
		next = req->next;
		free(req->table);
		free(req);
	}
	free(lane->all);
	free(lane->active);
	lane->all = NULL;
	lane->active = NULL;
	lane->free_reqs = NULL;
}

struct vine_req *
vine_lane_req_new(struct vine_lane *lane)
{
	struct vine_req *req = calloc(1, sizeof(*req));

	if (req) {
		req->lane = lane;
		lane->reqs++;
	}
	return req;
}

void
vine_lane_req_retire(struct vine_lane *lane, struct vine_req *req)
{
	int spare = lane->reqs > atomic_load_explicit(&lane->held_count,
						      memory_order_relaxed) +
		VINE_REQS_KEPT;

	if (req->table && (spare || lane->tables > VINE_TABLES_KEPT)) {
		free(req->table);
		req->table = NULL;
		lane->tables--;
	}
	if (!spare) {
		vine_lane_req_free(lane, req);
		return;
	}
	free(req);
	lane->reqs--;
}

void
vine_lane_wake_peer_slow(struct vine_pq *pq, uint32_t waiting)
{
	struct vine_pipe_s *pipe = pq->lane->pipe;

	pq->rung = waiting;
	if (pq->rec->hears && pipe->ring_far)
		pipe->ring_far(pipe->ring_arg, pq->rec->peer);
	else if (pq->rec->port && pipe->ring_port)
		pipe->ring_port(pipe->port_arg, pq->rec->slot);
	else
		arch_bell_ring(&pq->rec->bell, 1u << (pq->index & 31));
	vine_lane_count(pq->lane, VINE_COUNT_BELLS, 1);
}

/* A queue was found empty. */
static void
found_empty(struct vine_pq *pq)
{
	pq->lane->idle |= ++pq->looks >= VINE_IDLE_LOOKS;
	if (pq->taken != pq->sub.pos)
		vine_visit_publish(pq);
}

/* Into the list of those that are looked at, and out of it. */
static void
watch(struct vine_lane *lane, struct vine_pq *pq)
{
	pq->at = lane->active_count++;
	lane->active[pq->at] = pq;
}

static void
unwatch(struct vine_lane *lane, const struct vine_pq *pq)
{
	struct vine_pq *last = lane->active[--lane->active_count];

	lane->active[pq->at] = last;
	last->at = pq->at;
}

static void
file(struct vine_lane *lane, struct vine_pq *pq, int level)
{
	vine_sched_add(&lane->sched, &pq->share->turns, &pq->item,
		       (uint32_t)level);
}

/* Look at some of the empty queues and file those that have a task now. */
static void
look(struct vine_lane *lane)
{
	uint32_t n = lane->active_count < VINE_LOOKS ? lane->active_count :
		VINE_LOOKS;

	while (n-- > 0) {
		struct vine_pq *pq;
		int level;

		if (lane->next_look >= lane->active_count)
			lane->next_look = 0;
		pq = lane->active[lane->next_look];
		if (pq->skip) {
			pq->skip--;
			lane->next_look++;
			continue;
		}
		level = vine_visit_level(lane, pq);
		if (level < 0) {
			found_empty(pq);
			lane->next_look++;
			continue;
		}
		unwatch(lane, pq);	/* the last one stands here now */
		file(lane, pq, level);
	}
}

/*
 * The queue to visit next, or NULL: this poll is over. A turn is timed where
 * sessions, or lanes of one thread, compete; lane->now is its tick then.
 */
static struct vine_pq *
pick(struct vine_lane *lane)
{
	uint32_t room = lane->share - lane->used;
	struct vine_sched_item *item;
	struct vine_pq *pq;

	if (lane->used >= lane->share)
		return NULL;
	item = vine_sched_next(&lane->sched);
	if (item == NULL)
		return NULL;
	if (lane->now && room > vine_sched_credit(item))
		room = vine_sched_credit(item);
	if (room > (uint32_t)item->left)
		room = (uint32_t)item->left;
	pq = utils_list_of(item, struct vine_pq, item);
	lane->room = pq->control ? 1 : room;	/* each may be long */
	lane->turn_end = lane->now ? lane->now + room * lane->task_ticks : 0;
	lane->answered = lane->now;
	return pq;
}

/* What a visit cost: its tasks, the work that a control task is known to have
 * been, or the time it took; whichever is most. */
static uint32_t
cost_of(struct vine_lane *lane, uint32_t tasks)
{
	uint64_t end, units;

	/* a slot that its peer emptied again costs as well */
	if (tasks == 0)
		tasks = 1;
	if (lane->work > tasks)
		tasks = lane->work;
	if (lane->now == 0)
		return tasks;
	end = utils_clock_ticks();
	units = end > lane->now ? (end - lane->now) / lane->task_ticks : 0;
	lane->now = end;
	if (units > VINE_DEBT_MAX)	/* more than we can know: we may have */
		units = VINE_DEBT_MAX;	/* been off the cpu */
	return units > tasks ? (uint32_t)units : tasks;
}

/* A filed queue was visited: charge it, file it anew, and pick the next. */
static struct vine_pq *
settle(struct vine_lane *lane, struct vine_pq *pq, uint32_t tasks)
{
	uint32_t cost = cost_of(lane, tasks);
	int level = pq->over ? -1 : vine_visit_level(lane, pq);

	lane->used += cost;
	vine_sched_charge(&lane->sched, &pq->item, tasks, cost);
	if (level >= 0)
		pq->skip = 0;	/* known to be filled: no look to put off */
	if (level != (int)pq->item.level) {
		vine_sched_remove(&lane->sched, &pq->item);
		if (level < 0)
			watch(lane, pq);
		else
			file(lane, pq, level);
	}
	if (pq->over)
		vine_park_queue(lane, pq);
	/* where others compete, look who has come after each turn */
	if (lane->now && lane->sched.current == NULL)
		return NULL;
	return pick(lane);
}

/* Look who has come, and begin a poll of `share` units; 0: nobody competes. */
static struct vine_pq *
choose(struct vine_lane *lane, uint32_t share)
{
	look(lane);
	lane->used = 0;
	lane->now = 0;
	if (lane->sched.filled && (share || lane->sched.sessions > 1))
		lane->now = utils_clock_ticks();
	lane->share = share ? share : VINE_VISIT_BUDGET;
	return pick(lane);
}

/*
 * The only active queue of the lane: there is nothing to choose.
 *
 * A slot that we look at while its producer fills it costs both sides a line
 * each time. Where one task after the other comes, the next look is put off a
 * little, so that several come for one line; a task on its own is not delayed.
 */
static struct vine_pq *
only_one(struct vine_lane *lane)
{
	struct vine_pq *pq = lane->active[0];

	if (pq->skip) {
		pq->skip--;
		return NULL;
	}
	lane->answered = 0;
	lane->room = pq->control ? 1 : VINE_VISIT_BUDGET;
	return pq;
}

void
vine_lane_activate(struct vine_lane *lane, struct vine_pq *pq)
{
	if (pq->active || pq->parked)
		return;
	pq->active = 1;
	pq->looks = 0;
	watch(lane, pq);
	vine_sched_enter(&lane->sched, &pq->share->turns);
	arch_store32(&pq->shm->armed, 0);
}

void
vine_lane_deactivate(struct vine_lane *lane, struct vine_pq *pq)
{
	pq->active = 0;
	unwatch(lane, pq);
	vine_sched_leave(&lane->sched, &pq->share->turns);
}

struct vine_pq *
vine_lane_queue(struct vine_lane *lane, uint32_t queue)
{
	struct vine_pipe_s *pipe = lane->pipe;

	/* another lane may be freeing it: do not even look at those */
	if (queue >= pipe->seg->layout.queues ||
	    atomic_load(&pipe->queue_lanes[queue]) != lane->index + 1)
		return NULL;
	return atomic_load(&pipe->queues[queue]);
}

static void
on_ready(void *arg, uint32_t queue)
{
	struct vine_lane *lane = arg;
	struct vine_pq *pq;

	if (queue == VINE_READY_DOOR && lane->index == 0) {
		lane->knocked = 1;
		return;
	}
	pq = vine_lane_queue(lane, queue);
	if (pq == NULL)
		vine_lane_count(lane, VINE_COUNT_BAD_READY, 1);
	else if (pq->added)	/* else add_here() will look at it */
		vine_lane_activate(lane, pq);
}

static uint32_t
run_answers(struct vine_lane *lane)
{
	struct vine_req *r, *next, *fifo = NULL;
	uint32_t n = 0;

	if (atomic_load_explicit(&lane->answers, memory_order_relaxed) == NULL)
		return 0;
	r = atomic_exchange_explicit(&lane->answers, NULL,
				     memory_order_acquire);
	for (; r; r = next) {
		next = r->next;
		r->next = fifo;
		fifo = r;
	}
	for (r = fifo; r; r = next, n++) {
		next = r->next;
		vine_req_answer(r, r->status, r->error, r->value);
	}
	return n;
}

void
vine_lane_settle(struct vine_lane *lane)
{
	atomic_store_explicit(&lane->poller, &vine_lane_mark,
			      memory_order_relaxed);
	run_answers(lane);
}

void
vine_lane_tick_over(struct vine_lane *lane)
{
	uint64_t now = utils_clock_ns();

	vine_round_due(lane, now);
	vine_round_go(lane, WATCH_QUEUES);
	if (now - lane->last_tick < VINE_TICK_MS * UINT64_C(1000000))
		return;
	lane->last_tick = now;
	lane->park_left = lane->parked_count;	/* a place may be lost */
	vine_lane_run_deferred(lane);
	if (lane->index == 0)
		vine_pipe_tick(lane->pipe, now);
}

/* What came to the lane: answers, callbacks, ready bits, knocks. */
static uint32_t
take_in(struct vine_lane *lane)
{
	uint32_t n;

	atomic_store_explicit(&lane->poller, &vine_lane_mark,
			      memory_order_relaxed);
	/* QUIET-R1: what was found before is not used after, and what was put
	 * to rest before this epoch is not found any more; pairs with QUIET-A1
	 * in vine_pipe_sweep(). */
	atomic_store_explicit(&lane->quiet,
			      atomic_load_explicit(&lane->pipe->epoch,
						   memory_order_acquire),
			      memory_order_release);
	n = run_answers(lane);
	if (n && lane->deferred)
		vine_lane_run_deferred(lane);
	if (atomic_load_explicit(&lane->posts, memory_order_relaxed))
		n += vine_lane_run_posts(lane);
	if (atomic_load_explicit(&lane->freed, memory_order_relaxed) |
	    lane->park_left)
		n += vine_park_look(lane);
	if (vine_ready_any(&lane->ready))
		n += vine_ready_collect(&lane->ready, on_ready, lane);
	if (__builtin_expect(lane->knocked, 0))
		n += vine_porter_answer(lane);
	return n;
}

uint32_t
vine_lane_poll_share(struct vine_lane *lane, uint32_t share)
{
	uint32_t n = take_in(lane);
	struct vine_pq *pq;

	if (share == 0 && lane->active_count == 1 && lane->sched.filled == 0)
		pq = only_one(lane);
	else
		pq = choose(lane, share);
	while (pq) {
		uint32_t got = vine_visit_queue(lane, pq);

		n += got;
		if (pq->item.session) {
			pq = settle(lane, pq, got);
			continue;
		}
		if (__builtin_expect(pq->over, 0))
			vine_park_queue(lane, pq);
		else if (got == 0)
			found_empty(pq);
		pq = NULL;
	}
	if (__builtin_expect(lane->idle, 0))
		vine_lane_retire_idle(lane);
	/* by looks and not by polls: a poll of many queues is long */
	lane->looks += 1 + n + lane->active_count;
	if (lane->looks >= TICK_LOOKS) {
		lane->looks = 0;
		vine_lane_tick_over(lane);
	}
	return n;
}

void
vine_lane_remove(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_pq *last = lane->all[--lane->all_count];

	lane->all[pq->place] = last;
	last->place = pq->place;
	if (pq->item.session) {	/* what it has is not served any more */
		vine_sched_remove(&lane->sched, &pq->item);
		watch(lane, pq);
	}
	if (pq->active)
		vine_lane_deactivate(lane, pq);
	vine_park_remove(lane, pq);
	utils_list_remove(&pq->mate);
	if (pq->job)
		vine_ctl_drop(pq);
	arch_store32(&pq->shm->state, 0);
	vine_journal_close(&pq->journal);
	/* the lane's number goes last: until then nobody takes the index */
	atomic_store(&lane->pipe->queues[pq->index], NULL);
	atomic_store(&lane->pipe->queue_lanes[pq->index], 0);
	atomic_fetch_sub(&lane->reserved, 1);
	free(pq);
}
