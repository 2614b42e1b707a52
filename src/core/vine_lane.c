/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane's loop: mailbox, ready bits, active queues.
 *
 * Single-writer rule: the lane's thread writes everything here but the two
 * mailboxes (anybody pushes, the lane takes all by exchange) and the list of
 * all queues, which grows under the pipe's lock through a post.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/vine_ctl.h"
#include "core/vine_door.h"
#include "core/vine_lane.h"
#include "core/vine_pipe.h"
#include "core/vine_reaper.h"
#include "core/vine_tally.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

_Thread_local char vine_lane_mark;

#define TICK_LOOKS 1024u	/* looks between two looks at the clock */
#define WATCH_AHEAD 8		/* queues asked for early */
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

/* Let the application have the slots that were taken. */
static void
publish_taken(struct vine_pq *pq)
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
static int
next_level(const struct vine_lane *lane, const struct vine_pq *pq)
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
		if (level >= 0 && next_level(lane, pq) != level)
			return n;
		if (!vine_ring_pop(&pq->sub, &batch[n]))
			return n;
		if (!is_stream(&batch[n++]))
			break;
	}
	*more = 1;
	return n;
}

/* Is the time of the visit up? */
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
static uint32_t
visit(struct vine_lane *lane, struct vine_pq *pq)
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
		/* a ring may be shorter than a visit */
		if (pq->sub.pos - pq->taken > pq->sub.mask / 4)
			publish_taken(pq);
	} while (more && ran == took && n < lane->room);
	if (__builtin_expect(pq->over, 0))
		publish_taken(pq);
	if (n == 0)
		return lane->partial;
	pq->looks = 0;
	if (stream && !more)
		pq->skip = VINE_STREAM_SKIP;
	vine_lane_count(lane, VINE_COUNT_TAKEN, n);
	return n;
}

/* A queue was found empty. */
static void
found_empty(struct vine_pq *pq)
{
	pq->lane->idle |= ++pq->looks >= VINE_IDLE_LOOKS;
	if (pq->taken != pq->sub.pos)
		publish_taken(pq);
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
		level = next_level(lane, pq);
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
	int level = pq->over ? -1 : next_level(lane, pq);

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

/* How long until the door may be looked at again. */
static uint64_t
door_left(const struct vine_lane *lane, uint64_t now)
{
	uint64_t since = now - lane->last_door;
	uint64_t wait = lane->door_wait > lane->door_rest ? lane->door_wait :
		lane->door_rest;

	return since < wait ? wait - since : 0;
}

/* Not the time that we were off the cpu: nobody has that from us. */
static uint64_t
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Somebody knocked, or it is time to look for the dead. Anybody can knock, and
 * it costs a look at every slot: each time that it was in vain the next look is
 * put off for twice as long. And whatever comes of it, the door has no more
 * than one part in VINE_DOOR_SHARE + 1 of the thread's time.
 */
static uint32_t
answer_door(struct vine_lane *lane)
{
	const uint64_t least = VINE_DOOR_MIN_US * UINT64_C(1000);
	uint64_t now = utils_clock_ns(), from;

	if (door_left(lane, now))
		return 0;
	from = thread_ns();
	lane->knocked = 0;
	if (vine_door_answer(lane->pipe) || lane->door_wait < least ||
	    now - lane->last_door > VINE_REAP_MS * UINT64_C(1000000))
		lane->door_wait = least;
	else if (lane->door_wait < VINE_DOOR_MAX_US * UINT64_C(1000))
		lane->door_wait *= 2;
	if (lane->pipe->reaping)
		lane->pipe->reaping = vine_reaper_go(lane->pipe);
	lane->knocked |= lane->pipe->reaping;
	lane->last_door = utils_clock_ns();
	lane->door_rest = (thread_ns() - from) * VINE_DOOR_SHARE;
	if (lane->door_rest > VINE_REAP_MS * UINT64_C(1000000))
		lane->door_rest = VINE_REAP_MS * UINT64_C(1000000);
	return 1;
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
static void
retire_idle(struct vine_lane *lane)
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

/*
 * A round looks at every queue whose bell may never have come: within
 * VINE_SLEEP_BUSY_MS of the one before where something is in flight, else
 * within VINE_SLEEP_IDLE_MS. From the last queue to the first: what
 * vine_lane_remove() moves to a place below has been looked at.
 */
static uint64_t
watch_due(struct vine_lane *lane, uint64_t now)
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
static uint32_t
find_late(struct vine_lane *lane, uint32_t most)
{
	uint32_t found = 0;

	if (lane->watch_left > lane->all_count)
		lane->watch_left = lane->all_count;
	for (; lane->watch_left && most; most--) {
		struct vine_pq *pq = lane->all[--lane->watch_left];

		/* none of it is in a cache: have several on their way */
		if (lane->watch_left >= 2 * WATCH_AHEAD) {
			struct vine_pq **at = &lane->all[lane->watch_left];

			arch_prefetch(at[-2 * WATCH_AHEAD]);
			arch_prefetch(vine_ring_slot(&at[-WATCH_AHEAD]->sub));
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

static void
tick(struct vine_lane *lane)
{
	uint64_t now = utils_clock_ns();

	watch_due(lane, now);
	find_late(lane, WATCH_QUEUES);
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
		n += answer_door(lane);
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
		uint32_t got = visit(lane, pq);

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
		retire_idle(lane);
	/* by looks and not by polls: a poll of many queues is long */
	lane->looks += 1 + n + lane->active_count;
	if (lane->looks >= TICK_LOOKS) {
		lane->looks = 0;
		tick(lane);
	}
	return n;
}

static int
has_work(struct vine_lane *lane)
{
	if ((lane->knocked && door_left(lane, utils_clock_ns()) == 0) ||
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
	uint64_t now = utils_clock_ns(), due = watch_due(lane, now), nap;

	/* a round ends before the sleep, so that the sleep may last until the
	 * next is due */
	if (find_late(lane, UINT32_MAX) || due <= now)
		return 0;
	vine_tally_publish(lane->pipe);
	seen->word = lane->ready.ring.word;
	seen->seen = arch_bell_look(&lane->ready.ring);
	for (uint32_t i = 0; i < lane->active_count; i++) {
		if (lane->active[i]->taken != lane->active[i]->sub.pos)
			publish_taken(lane->active[i]);
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
	if (lane->knocked && door_left(lane, now) < *limit_ns)
		*limit_ns = door_left(lane, now);
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
			tick(lane);
		else
			lane->naps = 0;
	}
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

void
vine_lane_ring(struct vine_lane *lane)
{
	struct vine_bell_shm *bell = lane->ready.bell;

	/* the push before this, then the look: as SLEEP-R1 in vine_ready.c */
	arch_fence_after_rmw();
	if (arch_load32(&bell->sleeping) && arch_xchg32(&bell->sleeping, 0))
		arch_bell_ring(&lane->ready.ring, ~0u);
}
