/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task: what a vine_task points to.
 *
 * Two references keep it: the user's until vine_task_free, and ours until it
 * completed and its callback has run. Whoever drops the last puts it back to
 * the queue it came from; the owner of that queue without a lock, others
 * through a list that the owner takes over when it runs short.
 */
#ifndef VINE_CORE_TASK_H
#define VINE_CORE_TASK_H

#include <stdatomic.h>
#include <stdint.h>

#include <vine/task.h>

#include "core/vine_ring.h"

struct vine_queue;

struct vine_task_s {
	_Atomic uint32_t done;		/* TASK-R1: what follows is final */
	_Atomic uint32_t refs;
	struct vine_queue *queue;
	uint64_t value;			/* and the rest of struct vine_comp */
	uint64_t how;
	uint64_t times;
	uint32_t cookie;
	uint64_t issue;			/* ticks; 0: no stamps */
	uint64_t user;
	vine_task_cb cb;
	void *cb_user;
	struct vine_data_s *table;	/* of a task with many references */
	struct vine_task_s *next;
};

#define VINE_TASK_BLOCK 32u	/* tasks made at a time */

/* They live until their queue is freed, whether they were freed or not. */
struct vine_task_block {
	struct vine_task_block *next;
	struct vine_task_s tasks[VINE_TASK_BLOCK];
};

/* vine_task_unref drops a reference. Any thread. */
void vine_task_unref(struct vine_task_s *task);

/*
 * vine_task_unref_in is the same by who reaps the task's queue: alone, inside
 * the queue's bias, or with its token. Returns 1 if it was the last; then
 * vine_task_put_back is due, once out.
 */
static inline int
vine_task_unref_in(struct vine_task_s *task, int alone)
{
	uint32_t refs;

	if (!alone)
		return atomic_fetch_sub_explicit(&task->refs, 1,
						 memory_order_acq_rel) == 1;
	refs = atomic_load_explicit(&task->refs, memory_order_relaxed) - 1;
	atomic_store_explicit(&task->refs, refs, memory_order_relaxed);
	return refs == 0;
}

void vine_task_put_back(struct vine_task_s *task);

/* vine_task_is_done tells whether a task has completed. */
static inline int
vine_task_is_done(const struct vine_task_s *task)
{
	/* TASK-A1: pairs with TASK-R1 in vine_task_finish(). */
	return atomic_load_explicit(&task->done, memory_order_acquire) != 0;
}

/* vine_task_finish makes a completion known to those who wait. The reaper. */
static inline void
vine_task_finish(struct vine_task_s *task, const struct vine_comp *comp)
{
	task->value = comp->value;
	task->how = comp->how;
	task->times = comp->times;
	/* TASK-R1: the result before `done`; pairs with TASK-A1. */
	atomic_store_explicit(&task->done, 1, memory_order_release);
}

/* What the public functions do, without their trace. */
int vine_task_issue_raw(const struct vine_task_opts *opts,
			struct vine_task_s **task);
int vine_task_wait_raw(struct vine_task_s *task, int64_t timeout);
int vine_task_result_raw(const struct vine_task_s *task,
			 struct vine_task_result *result);

#endif
