/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queue: an application thread's way to the appliance and back.
 *
 * The thread that owns a queue is the only one that issues on it. Completions
 * are taken in by whichever thread holds the token, one at a time; it is never
 * waited for. A credit is a place in the completion ring and in the table of
 * tasks in flight: the issuer takes one, the reaper gives it back, so neither
 * can overflow. Places are taken in turn; one whose task is still in flight is
 * left out.
 *
 * Mostly the owner reaps what he issued, and frees it. He does so without a
 * locked instruction (arch_bias.h) until another thread first waits for, reaps
 * or frees a task of his; from then on both use the token and counts.
 */
#ifndef VINE_QUEUE_H
#define VINE_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "arch/spin/arch_bias.h"
#include "arch/spin/arch_ladder.h"
#include "core/vine_ready.h"
#include "core/vine_ring.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_thread.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

struct vine_queue {
	/* the owner's: */
	struct vine_ring sub;
	struct vine_queue_shm *shm;
	struct vine_session *session;
	uint32_t taken;			/* what we last saw */
	uint32_t place;			/* of the next task, if it is free */
	uint32_t index;
	uint32_t last_cookie;		/* for the trace of a ring */
	struct vine_ready ready;
	struct arch_ladder ladder;
	struct vine_task_s *free_tasks;
	struct vine_task_block *blocks;	/* of all tasks */
	_Atomic(struct vine_task_s *) *flight; /* by place; NULL: free */
	uint32_t place_mask;
	uint64_t trace_id;
	struct vine_queue *next;	/* of the session's */
	struct vine_queue *next_idle;	/* of those without a thread */

	/*
	 * As long as no other thread has reaped or freed a task of this queue,
	 * the owner holds the bias, and what follows is his too.
	 */
	struct arch_bias bias __attribute__((aligned(64)));

	/* the reaper's: */
	_Atomic uint32_t token;
	_Atomic uint32_t head;		/* next completion */
	struct vine_cring comp;

	/* anybody's: */
	_Atomic(struct vine_task_s *) freed; /* tasks freed by other threads */
	pthread_mutex_t sleep_lock;
	uint32_t sleepers;
	uint32_t sleeps;
};

/*
 * vine_queue_mine returns the calling thread's queue of a session, or NULL
 * where it has none yet, used another session last, or the session is lost or
 * a parent's; vine_queue_mine_slow finds it then, asks the appliance for one,
 * or says why not. Returns 0, or -EDQUOT, -ENOMEM, -ETIMEDOUT, -ECONNRESET,
 * -ECHILD.
 */
static inline struct vine_queue *
vine_queue_mine(const struct vine_session *session)
{
	const struct vine_thread *t = vine_thread_last;

	if (__builtin_expect(t == NULL || t->session_id !=
			     atomic_load_explicit(&session->key,
						  memory_order_relaxed), 0))
		return NULL;
	return t->queue;
}

int vine_queue_mine_slow(struct vine_session *session,
			 struct vine_queue **queue);

/* vine_queue_bind makes the private half of queue `index`. */
int vine_queue_bind(struct vine_session *session, uint32_t index,
		    struct vine_queue **queue);
void vine_queue_free(struct vine_queue *queue);

/* vine_queue_release gives a thread's queue back to its session's pool. */
void vine_queue_release(struct vine_queue *queue);

/*
 * vine_queue_room makes sure that a slot and a credit are there, taking
 * completions in if need be. Never blocks. The owner. Returns 1 or 0.
 */
int vine_queue_room(struct vine_queue *queue);

/* vine_task_new returns a task of the queue, or NULL. The queue's owner. */
struct vine_task_s *vine_task_new_slow(struct vine_queue *queue);

static inline struct vine_task_s *
vine_task_new(struct vine_queue *queue)
{
	struct vine_task_s *task = queue->free_tasks;

	if (__builtin_expect(task == NULL, 0)) {
		task = vine_task_new_slow(queue);
		if (task == NULL)
			return NULL;
	}
	queue->free_tasks = task->next;
	atomic_store_explicit(&task->done, 0, memory_order_relaxed);
	atomic_store_explicit(&task->refs, 2, memory_order_relaxed);
	task->queue = queue;
	task->table = NULL;
	return task;
}

/* vine_queue_has_room tells whether they are, by what the owner knows. */
static inline int
vine_queue_has_room(const struct vine_queue *queue)
{
	/* FLIGHT-A2: pairs with FLIGHT-R2 in complete(). */
	return queue->sub.pos - queue->taken <= queue->sub.mask &&
	       atomic_load_explicit(&queue->flight[queue->place],
				    memory_order_acquire) == NULL;
}

/* vine_queue_next_cookie returns what vine_queue_put will return next. */
static inline uint32_t
vine_queue_next_cookie(const struct vine_queue *queue)
{
	/* the upper half tells a late completion of an earlier lap apart */
	return queue->place | queue->sub.pos << 16;
}

/*
 * vine_queue_put issues a task, given words 1 to 7 of its descriptor. There
 * must be room, and the task must know its cookie (vine_queue_next_cookie). It
 * is published, but nobody is woken: vine_queue_knock. The owner.
 */
static inline void
vine_queue_put(struct vine_queue *queue, struct vine_task_s *task,
	       uint64_t w1, uint64_t w2, uint64_t w3, struct vine_body body)
{
	uint32_t cookie = vine_queue_next_cookie(queue);
	struct vine_desc_shm *slot = vine_ring_slot(&queue->sub);

	queue->last_cookie = cookie;
	/* FLIGHT-R1: what the reaper needs of the task; pairs with FLIGHT-A1 in
	 * complete(). The rings order the same, but through the appliance. */
	atomic_store_explicit(&queue->flight[queue->place], task,
			      memory_order_release);
	queue->place = (queue->place + 1) & queue->place_mask;
	vine_ring_reserve(&queue->sub);
	/* in place: a copy of a slot that was just put together stalls */
	arch_store64(&slot->w[1], w1);
	arch_store64(&slot->w[2], w2);
	arch_store64(&slot->w[3], w3);
	arch_store64(&slot->w[4], body.w[0]);
	arch_store64(&slot->w[5], body.w[1]);
	arch_store64(&slot->w[6], body.w[2]);
	arch_store64(&slot->w[7], body.w[3]);
	vine_ring_push(&queue->sub, cookie);
	UTILS_TRACE_POINT(publish, queue->trace_id, cookie,
			  utils_clock_ticks());
}

/* vine_queue_knock wakes the appliance if it does not look at this queue. */
static inline void
vine_queue_knock(struct vine_queue *queue, int fence)
{
	if (__builtin_expect(fence, 0))
		arch_fence();
	/* ARM-A1: the slot before this look; pairs with ARM-R1 in
	 * vine_lane_retire_idle(), whose barrier stands in for a fence here. */
	arch_compiler_fence();
	if (__builtin_expect(arch_load32(&queue->shm->armed) != 0, 0)) {
		UTILS_TRACE_POINT(ring, queue->trace_id, queue->last_cookie,
				  utils_clock_ticks());
		vine_ready_ring(&queue->ready, queue->index);
	}
}

/*
 * vine_queue_is_mine tells whether the thread with these parts owns the queue.
 * They may be of a session that has closed, whose queue's address was used
 * again; the session's number is not.
 */
static inline int
vine_queue_is_mine(const struct vine_queue *queue, const struct vine_thread *t)
{
	return t != NULL && t->queue == queue &&
	       t->session_id == queue->session->id;
}

/*
 * vine_queue_enter lets the owner of the bias in: 1, until vine_queue_leave; 0:
 * the caller is another thread, or another thread has come, and atomics are
 * due.
 */
int vine_queue_enter_slow(struct vine_queue *queue);

static inline int
vine_queue_enter(struct vine_queue *queue)
{
	const struct vine_thread *t = vine_thread_last;

	if (__builtin_expect(vine_queue_is_mine(queue, t), 1))
		return arch_bias_enter(&queue->bias);
	return vine_queue_enter_slow(queue);
}

static inline void
vine_queue_leave(struct vine_queue *queue)
{
	arch_bias_leave(&queue->bias);
}

/* vine_queue_streams tells whether many tasks are in flight. The owner. */
static inline int
vine_queue_streams(const struct vine_queue *queue)
{
	return atomic_load_explicit(&queue->flight[(queue->place -
						    VINE_STREAM_MIN) &
						   queue->place_mask],
				    memory_order_relaxed) != NULL;
}

/* vine_queue_peek tells whether a completion may be there. Any thread. */
static inline int
vine_queue_peek(const struct vine_queue *queue)
{
	uint32_t head = atomic_load_explicit(&queue->head,
					     memory_order_relaxed);
	const struct vine_comp_shm *s =
		&queue->comp.slots[head & queue->comp.mask];

	return (uint32_t)arch_load64(&s->w[0]) == head + 1;
}

/*
 * vine_queue_reap takes in what completions there are and runs their
 * callbacks. Never blocks; does nothing while another thread is at it. Returns
 * the number of tasks completed. Any thread.
 */
uint32_t vine_queue_reap(struct vine_queue *queue);

/* vine_queue_take is vine_queue_reap for vine_session_reap itself. */
uint32_t vine_queue_take(struct vine_queue *queue);

/* vine_queue_quiet tells whether nobody reaps and nothing is there to reap. */
int vine_queue_quiet(struct vine_queue *queue);

/* vine_queue_fail ends every task in flight with a status. */
void vine_queue_fail(struct vine_queue *queue, uint32_t status);

/* vine_queue_busy counts the tasks in flight. */
uint32_t vine_queue_busy(const struct vine_queue *queue);

/* Say, and no longer say, that a thread sleeps on the queue. */
void vine_queue_sleep(struct vine_queue *queue);
void vine_queue_wake(struct vine_queue *queue);

#endif
