/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issue and reap. Single-writer rules: `sub`, place and free_tasks belong to
 * the owning thread; `comp` and head to the holder of the token; an entry of
 * `flight` is filled by the owner while it is NULL and emptied by the reaper;
 * sleepers belong to the holder of sleep_lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_errand.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_thread.h"
#include "core/vine_watch.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

int
vine_queue_bind(struct vine_session *session, uint32_t index,
		struct vine_queue **out)
{
	struct vine_seg *seg = session->seg;
	struct vine_queue_shm *shm;
	struct vine_queue *q;
	uint32_t sub, comp;

	if (index == 0 || index >= seg->layout.queues)
		return -EPROTO;
	shm = vine_seg_queue(seg, index);
	sub = arch_load32(&shm->sub_slots);
	comp = arch_load32(&shm->comp_slots);
	if (sub == 0 || sub > VINE_SLOTS_MAX || comp != 2 * sub ||
	    (sub & (sub - 1)) != 0)
		return -EPROTO;
	q = aligned_alloc(64, (sizeof(*q) + 63) / 64 * 64);
	if (q == NULL)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->place_mask = comp - 1;
	q->flight = calloc(comp, sizeof(*q->flight));
	pthread_mutex_init(&q->sleep_lock, NULL);
	q->sub.slots = vine_seg_at(seg, arch_load64(&shm->sub),
				   sub * sizeof(struct vine_desc_shm), 64);
	q->comp.slots = vine_seg_at(seg, arch_load64(&shm->comp),
				    comp * sizeof(struct vine_comp_shm), 64);
	if (q->flight == NULL || q->sub.slots == NULL ||
	    q->comp.slots == NULL) {
		int rc = q->flight ? -EPROTO : -ENOMEM;

		vine_queue_free(q);
		return rc;
	}
	q->sub.mask = sub - 1;
	q->comp.mask = comp - 1;
	q->shm = shm;
	q->session = session;
	q->index = index;
	q->trace_id = seg->incarnation << 16 | index;
	vine_ready_bind(seg, arch_load32(&shm->bell) % VINE_BELLS_MAX,
			&q->ready);
	arch_ladder_init(&q->ladder, session->spin);
	*out = q;
	return 0;
}

void
vine_queue_free(struct vine_queue *q)
{
	struct vine_task_block *b, *next;

	for (b = q->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	pthread_mutex_destroy(&q->sleep_lock);
	free(q->flight);
	free(q);
}

/* A queue that no thread has, or a new one. */
static int
obtain(struct vine_session *s, struct vine_queue **out)
{
	struct vine_queue *q;
	uint64_t index;
	int rc;

	pthread_mutex_lock(&s->lock);
	q = s->idle;
	if (q)
		s->idle = q->next_idle;
	pthread_mutex_unlock(&s->lock);
	if (q) {
		*out = q;
		return 0;
	}
	rc = vine_errand_run(s, VINE_CTL_QUEUE_OPEN, 0, 0, 0, NULL,
			     &index);
	if (rc == 0)
		rc = vine_queue_bind(s, (uint32_t)index, &q);
	if (rc)
		return rc;
	pthread_mutex_lock(&s->lock);
	q->next = s->queues;
	s->queues = q;
	s->queue_count++;
	pthread_mutex_unlock(&s->lock);
	vine_watch_poke(s);
	*out = q;
	return 0;
}

int
vine_queue_mine_slow(struct vine_session *session, struct vine_queue **queue)
{
	int rc = vine_session_usable(session);
	struct vine_thread *t;

	if (rc)
		return rc;
	t = vine_thread_of(session, session->id);
	if (t == NULL)
		return -ENOMEM;
	if (t->queue == NULL)
		rc = obtain(session, &t->queue);
	if (rc == 0)
		*queue = t->queue;
	return rc;
}

void
vine_queue_release(struct vine_queue *queue)
{
	pthread_mutex_lock(&queue->session->lock);
	queue->next_idle = queue->session->idle;
	queue->session->idle = queue;
	pthread_mutex_unlock(&queue->session->lock);
}

static int
has_room(struct vine_queue *q)
{
	if (q->sub.pos - q->taken > q->sub.mask) {
		/* TAKEN-A1: pairs with TAKEN-R1 in vine_visit_publish(). */
		q->taken = arch_load_acquire32(&q->shm->taken);
		if (q->sub.pos - q->taken > q->sub.mask)
			return 0;
	}
	/* a place whose task takes long is left out */
	for (uint32_t i = 0; i <= q->place_mask; i++) {
		if (vine_queue_has_room(q))
			return 1;
		q->place = (q->place + 1) & q->place_mask;
	}
	return 0;
}

int
vine_queue_room(struct vine_queue *queue)
{
	if (has_room(queue))
		return 1;
	vine_queue_reap(queue);
	return has_room(queue);
}

int
vine_queue_enter_slow(struct vine_queue *queue)
{
	/* another thread: from now on the owner uses atomics too */
	arch_bias_take(&queue->bias);
	return 0;
}

/* A task is done. What is left to do for it waits until we are out. */
static inline void
finish(struct vine_task_s *task, const struct vine_comp *comp,
       struct vine_task_s **calls, int alone)
{
	vine_task_finish(task, comp);
	if (task->cb || vine_task_unref_in(task, alone)) {
		task->next = *calls;
		*calls = task;
	}
}

static struct utils_log_rate unknown_rate;

/* One completion: its task is done. Returns 1, or 0 where there is none. */
static inline __attribute__((always_inline)) uint32_t
complete(struct vine_queue *q, const struct vine_comp *comp,
	 struct vine_task_s **calls, int alone)
{
	uint32_t place = comp->cookie & q->place_mask;
	/* FLIGHT-A1: see vine_queue_put(). */
	struct vine_task_s *task = atomic_load_explicit(&q->flight[place],
							memory_order_acquire);

	if (__builtin_expect(task == NULL || task->cookie != comp->cookie, 0)) {
		utils_log_limited(&unknown_rate, UTILS_LOG_WARN,
				  "queue %u completion of cookie %#x, which is "
				  "not in flight", q->index, comp->cookie);
		return 0;
	}
	UTILS_TRACE_POINT(reap, q->trace_id, task->cookie,
			  utils_clock_ticks());
	/* FLIGHT-R2: we are done with the entry and the slot; pairs with
	 * FLIGHT-A2 in vine_queue_has_room(). */
	atomic_store_explicit(&q->flight[place], NULL, memory_order_release);
	finish(task, comp, calls, alone);
	return 1;
}

/*
 * Take completions in. Those of a stream are copied out a few at a time, so
 * that the lines of several are on their way at once; the first of a few tasks
 * is not kept waiting for a look at the next slot. Tasks with a callback, and
 * those that nobody wants any more, are left in a list: neither is for here,
 * where others wait. The token is held, or, where `alone` is set, the bias.
 */
static inline __attribute__((always_inline)) uint32_t
take_in(struct vine_queue *q, struct vine_task_s **calls, int alone)
{
	const uint32_t batch = alone && vine_queue_streams(q) ?
		VINE_TAKE_BATCH : 1;
	struct vine_comp comps[VINE_TAKE_BATCH];
	uint32_t i, got, n = 0;

	do {
		for (got = 0; got < batch; got++)
			if (!vine_cring_pop(&q->comp, &comps[got]))
				break;
		for (i = 0; i < got; i++)
			n += complete(q, &comps[i], calls, alone);
	} while (got == batch);
	atomic_store_explicit(&q->head, q->comp.pos, memory_order_relaxed);
	return n;
}

static void
run_calls(struct vine_task_s *calls)
{
	struct vine_task_s *next, *fifo = NULL;

	for (; calls; calls = next) {
		next = calls->next;
		calls->next = fifo;
		fifo = calls;
	}
	for (; fifo; fifo = next) {
		next = fifo->next;
		if (fifo->cb) {
			fifo->cb(fifo, fifo->cb_user);
			vine_task_unref(fifo);
		} else {
			vine_task_put_back(fifo);
		}
	}
}

static int
token_take(struct vine_queue *q)
{
	return atomic_exchange_explicit(&q->token, 1,
					memory_order_acquire) == 0;
}

static void
token_give(struct vine_queue *q)
{
	atomic_store_explicit(&q->token, 0, memory_order_release);
}

/* task-path 9 reap */
uint32_t
vine_queue_take(struct vine_queue *queue)
{
	struct vine_task_s *calls = NULL;
	uint32_t n;

	if (__builtin_expect(vine_queue_enter(queue), 1)) {
		n = take_in(queue, &calls, 1);
		vine_queue_leave(queue);
	} else {
		if (!token_take(queue))
			return 0;
		n = take_in(queue, &calls, 0);
		token_give(queue);
	}
	if (__builtin_expect(calls != NULL, 0))
		run_calls(calls);
	return n;
}

uint32_t
vine_queue_reap(struct vine_queue *queue)
{
	uint32_t n = vine_queue_take(queue);

	/* who polls the descriptor must learn of what we took in for him */
	if (n && __builtin_expect(queue->session->watch != NULL, 0) &&
	    queue != queue->session->control)
		vine_watch_signal(queue->session);
	return n;
}

int
vine_queue_quiet(struct vine_queue *queue)
{
	int quiet;

	if (vine_queue_enter(queue)) {
		quiet = !vine_cring_peek(&queue->comp);
		vine_queue_leave(queue);
		return quiet;
	}
	if (!token_take(queue))
		return 0;
	quiet = !vine_cring_peek(&queue->comp);
	token_give(queue);
	return quiet;
}

void
vine_queue_fail(struct vine_queue *queue, uint32_t status)
{
	struct vine_comp comp = {
		.how = vine_comp_how(status, (uint32_t)vine_status_errno(
					     (enum vine_status)status), 0),
	};
	struct vine_task_s *calls = NULL;

	arch_bias_take(&queue->bias);	/* not inside, if we are he */
	while (!token_take(queue))
		arch_pause();
	take_in(queue, &calls, 0);
	for (uint32_t i = 0; i <= queue->place_mask; i++) {
		struct vine_task_s *task = atomic_load(&queue->flight[i]);

		if (task == NULL)
			continue;
		atomic_store(&queue->flight[i], NULL);
		finish(task, &comp, &calls, 0);
	}
	token_give(queue);
	if (calls)
		run_calls(calls);
}

uint32_t
vine_queue_busy(const struct vine_queue *queue)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= queue->place_mask; i++)
		n += atomic_load(&queue->flight[i]) != NULL;
	return n;
}

void
vine_queue_sleep(struct vine_queue *queue)
{
	pthread_mutex_lock(&queue->sleep_lock);
	queue->sleepers++;
	if (++queue->sleeps == 0)
		queue->sleeps = 1;
	arch_store32(&queue->shm->waiting, queue->sleeps);
	pthread_mutex_unlock(&queue->sleep_lock);
}

void
vine_queue_wake(struct vine_queue *queue)
{
	pthread_mutex_lock(&queue->sleep_lock);
	if (--queue->sleepers == 0)
		arch_store32(&queue->shm->waiting, 0);
	pthread_mutex_unlock(&queue->sleep_lock);
}
