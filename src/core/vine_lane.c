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

#include "core/vine_ctl.h"
#include "core/vine_door.h"
#include "core/vine_lane.h"
#include "core/vine_pipe.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

_Thread_local char vine_lane_mark;

#define DOOR_NS 100000u		/* between two looks at the door */
#define TICK_POLLS 1024u	/* looks between two looks at the clock */
#define WATCH_QUEUES 1024u	/* queues looked at without a bell a tick */

int
vine_lane_init(struct vine_lane *lane, struct vine_pipe_s *pipe,
	       uint32_t index)
{
	memset(lane, 0, sizeof(*lane));
	lane->pipe = pipe;
	lane->index = index;
	vine_ready_bind(pipe->seg, index, &lane->ready);
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

	for (uint32_t i = 0; i < lane->all_count; i++)
		free(lane->all[i]);
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

	if (req)
		req->lane = lane;
	return req;
}

void
vine_lane_wake_peer_slow(struct vine_pq *pq, uint32_t waiting)
{
	struct vine_session_shm *s =
		vine_seg_session(pq->lane->pipe->seg, pq->rec->slot);

	pq->rung = waiting;
	arch_bell_ring(&s->bell, 1u << (pq->index & 31));
	vine_lane_count(pq->lane, VINE_COUNT_BELLS, 1);
}

/* Let the application have the slots that were taken. */
static void
publish_taken(struct vine_pq *pq)
{
	pq->taken = pq->sub.pos;
	arch_store64(&pq->shm->completed, pq->completed);
	/* TAKEN-R1: the slots were copied before they are given back; pairs
	 * with TAKEN-A1 in vine_queue_room(). */
	arch_store_release32(&pq->shm->taken, pq->taken);
	vine_lane_wake_peer(pq);
}

static int
is_stream(const struct vine_desc *desc)
{
	return (vine_desc_flags(desc) & VINE_DESC_STREAM) != 0;
}

/*
 * Copy slots out. Those of a stream a few at a time, so close together that the
 * lines of several are on their way at once; a task on its own is not kept
 * waiting for a look at the next slot. Returns how many, and whether it may go
 * on: no empty slot was seen.
 */
static uint32_t
take(struct vine_pq *pq, struct vine_desc *batch, int *more)
{
	uint32_t n = 0;

	*more = 0;
	while (vine_ring_pop(&pq->sub, &batch[n])) {
		n++;
		if (n == VINE_TAKE_BATCH || !is_stream(&batch[n - 1])) {
			*more = 1;
			break;
		}
	}
	return n;
}

/*
 * Run what was taken. After a full batch there are mostly more, whose lines are
 * asked for meanwhile. Returns how many were run; without memory the rest goes
 * back.
 */
static uint32_t
run(struct vine_lane *lane, struct vine_pq *pq, const struct vine_desc *batch,
    uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (count == VINE_TAKE_BATCH)
			vine_ring_expect(&pq->sub, i);
		if (__builtin_expect(pq->control, 0)) {
			vine_ctl_run(lane, pq, &batch[i]);
		} else if (vine_req_run(lane, pq, &batch[i]) != 0) {
			pq->sub.pos -= count - i;
			return i;
		}
	}
	return count;
}

/*
 * A slot that we look at while its producer fills it costs both sides a line
 * each time. Where one task after the other comes, the next look is put off a
 * little, so that several come for one line; a task on its own is not delayed.
 */
static uint32_t
visit(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_desc batch[VINE_TAKE_BATCH];
	uint32_t took, ran, n = 0;
	int more, stream = 0;

	if (pq->skip) {
		pq->skip--;
		return 0;
	}
	lane->answered = 0;
	do {
		took = take(pq, batch, &more);
		ran = run(lane, pq, batch, took);
		n += ran;
		if (took)
			stream = is_stream(&batch[took - 1]);
		/* a ring may be shorter than a visit */
		if (pq->sub.pos - pq->taken > pq->sub.mask / 4)
			publish_taken(pq);
	} while (more && ran == took && n < VINE_VISIT_BUDGET);
	if (n == 0) {
		pq->looks++;
		if (pq->taken != pq->sub.pos)
			publish_taken(pq);
		return 0;
	}
	pq->looks = 0;
	if (stream)
		pq->skip = VINE_STREAM_SKIP;
	vine_lane_count(lane, VINE_COUNT_TAKEN, n);
	return n;
}

void
vine_lane_activate(struct vine_lane *lane, struct vine_pq *pq)
{
	if (pq->active)
		return;
	pq->active = 1;
	pq->looks = 0;
	lane->active[lane->active_count++] = pq;
	arch_store32(&pq->shm->armed, 0);
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

/* Somebody knocked. Not more often than DOOR_NS: anybody can knock. */
static uint32_t
answer_door(struct vine_lane *lane)
{
	uint64_t now = utils_clock_ns();

	if (now - lane->last_door < DOOR_NS)
		return 0;
	lane->last_door = now;
	lane->knocked = 0;
	vine_door_answer(lane->pipe);
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
			pq->active = 0;
			lane->active[i] = lane->active[--lane->active_count];
		}
	}
}

/* Look at some queues whose bell may never have come. */
static uint32_t
watch(struct vine_lane *lane)
{
	uint32_t n = lane->all_count < WATCH_QUEUES ? lane->all_count :
		WATCH_QUEUES;
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct vine_pq *pq;

		if (lane->watch >= lane->all_count)
			lane->watch = 0;
		pq = lane->all[lane->watch++];
		if (!pq->active && vine_ring_peek(&pq->sub)) {
			vine_lane_count(lane, VINE_COUNT_FOUND_LATE, 1);
			vine_lane_activate(lane, pq);
			found++;
		}
	}
	return found;
}

static void
tick(struct vine_lane *lane)
{
	uint64_t now = utils_clock_ns();

	if (now - lane->last_tick < VINE_TICK_MS * UINT64_C(1000000))
		return;
	lane->last_tick = now;
	vine_lane_run_deferred(lane);
	watch(lane);
	if (lane->index == 0)
		vine_pipe_tick(lane->pipe, now);
}

uint32_t
vine_lane_poll(struct vine_lane *lane)
{
	uint32_t n, idle = 0;

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
	n += vine_lane_run_posts(lane);
	if (vine_ready_any(&lane->ready))
		n += vine_ready_collect(&lane->ready, on_ready, lane);
	if (__builtin_expect(lane->knocked, 0))
		n += answer_door(lane);
	for (uint32_t i = 0; i < lane->active_count; i++) {
		uint32_t got = visit(lane, lane->active[i]);

		n += got;
		idle |= got == 0 && lane->active[i]->looks >= VINE_IDLE_LOOKS;
	}
	if (idle)
		retire_idle(lane);
	if (++lane->polls % TICK_POLLS == 0)
		tick(lane);
	return n;
}

static int
has_work(struct vine_lane *lane)
{
	if (lane->knocked || atomic_load(&lane->posts) ||
	    atomic_load(&lane->answers) ||
	    vine_ready_any(&lane->ready))
		return 1;
	for (uint32_t i = 0; i < lane->active_count; i++)
		if (vine_ring_peek(&lane->active[i]->sub))
			return 1;
	return 0;
}

int
vine_lane_arm(struct vine_lane *lane, struct arch_bell_seen *seen,
	      uint64_t *limit_ns)
{
	struct vine_bell_shm *bell = lane->ready.bell;

	vine_pipe_publish(lane->pipe);
	seen->word = &bell->word;
	seen->seen = arch_load32(&bell->word);
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
	for (uint32_t i = 0; i < lane->active_count; i++)
		lane->active[i]->active = 0;
	lane->active_count = 0;
	*limit_ns = (lane->held_count || lane->deferred ? VINE_SLEEP_BUSY_MS :
		     VINE_SLEEP_IDLE_MS) * UINT64_C(1000000);
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
		if (!has_work(lane))
			tick(lane);
	}
}

void
vine_lane_remove(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_pq *last = lane->all[--lane->all_count];

	lane->all[pq->place] = last;
	last->place = pq->place;
	for (uint32_t i = 0; pq->active && i < lane->active_count; i++) {
		if (lane->active[i] == pq) {
			lane->active[i] = lane->active[--lane->active_count];
			break;
		}
	}
	arch_store32(&pq->shm->state, 0);
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

	/* the push before this was sequentially consistent: a full fence */
	if (arch_load32(&bell->sleeping) && arch_xchg32(&bell->sleeping, 0))
		arch_bell_ring(&bell->word, ~0u);
}
