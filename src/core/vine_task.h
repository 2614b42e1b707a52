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
	uint32_t cookie;
	uint32_t status;
	uint32_t error;
	uint32_t take;			/* packed ticks after issue */
	uint32_t execute;
	uint32_t complete;
	uint64_t value;
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

/* vine_task_new returns a task of the queue, or NULL. The queue's owner. */
struct vine_task_s *vine_task_new(struct vine_queue *queue);

/* vine_task_unref drops a reference. Any thread. */
void vine_task_unref(struct vine_task_s *task);

/*
 * vine_task_unref_in is the same by who reaps the task's queue: alone, inside
 * the queue's bias, or with its token. Returns 1 if it was the last; then
 * vine_task_put_back is due, once out.
 */
int vine_task_unref_in(struct vine_task_s *task, int alone);
void vine_task_put_back(struct vine_task_s *task);

/* vine_task_is_done tells whether a task has completed. */
static inline int
vine_task_is_done(const struct vine_task_s *task)
{
	/* TASK-A1: pairs with TASK-R1 in vine_task_finish(). */
	return atomic_load_explicit(&task->done, memory_order_acquire) != 0;
}

/* What the public functions do, without their trace. */
int vine_task_issue_raw(const struct vine_task_opts *opts, size_t count,
			struct vine_task_s **tasks);
int vine_task_wait_raw(struct vine_task_s *task, int64_t timeout);
int vine_task_result_raw(const struct vine_task_s *task,
			 struct vine_task_result *result);

/* vine_task_finish makes a completion known to those who wait. The reaper. */
void vine_task_finish(struct vine_task_s *task, const struct vine_comp *comp);

#endif
