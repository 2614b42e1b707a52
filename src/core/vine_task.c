/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: made, waited for, given back. How they are issued stands in
 * vine_issue.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/vine_data.h"
#include "core/vine_errand.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_thread.h"
#include "core/vine_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

#define STREAM_PAUSES 4
#define EAGER_LOOKS 256	/* before a wait looks at clocks; about 0.3 us */

/* A block of them; it is freed with the queue, and so are tasks in use. */
static struct vine_task_s *
more_tasks(struct vine_queue *queue)
{
	struct vine_task_block *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->next = queue->blocks;
	queue->blocks = b;
	for (uint32_t i = 0; i + 1 < VINE_TASK_BLOCK; i++)
		b->tasks[i].next = &b->tasks[i + 1];
	return &b->tasks[0];
}

struct vine_task_s *
vine_task_new_slow(struct vine_queue *queue)
{
	struct vine_task_s *task;

	task = atomic_exchange_explicit(&queue->freed, NULL,
					memory_order_acquire);
	return task ? task : more_tasks(queue);
}

static inline void
put_back_mine(struct vine_queue *queue, struct vine_task_s *task)
{
	if (__builtin_expect(task->table != NULL, 0))
		vine_data_drop(task->table);
	task->next = queue->free_tasks;
	queue->free_tasks = task;
}

void
vine_task_put_back(struct vine_task_s *task)
{
	struct vine_queue *queue = task->queue;

	if (vine_queue_is_mine(queue, vine_thread_last)) {
		put_back_mine(queue, task);
		return;
	}
	if (task->table)
		vine_data_drop(task->table);
	task->next = atomic_load_explicit(&queue->freed, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&queue->freed,
						      &task->next, task,
						      memory_order_release,
						      memory_order_relaxed))
		;
}

void
vine_task_unref(struct vine_task_s *task)
{
	struct vine_queue *queue = task->queue;
	int last;

	if (__builtin_expect(vine_queue_is_mine(queue, vine_thread_last) &&
			     arch_bias_enter(&queue->bias), 1)) {
		last = vine_task_unref_in(task, 1);
		vine_queue_leave(queue);
		if (last)
			put_back_mine(queue, task);
		return;
	}
	if (!vine_queue_is_mine(queue, vine_thread_last))
		vine_queue_enter_slow(queue);
	if (vine_task_unref_in(task, 0))
		vine_task_put_back(task);
}

static int
done_one(void *arg)
{
	return vine_task_is_done(arg);
}

/* The ladder of the calling thread, for waits on a queue. */
static struct arch_ladder *
my_ladder(struct vine_queue *queue, struct arch_ladder *spare)
{
	struct vine_thread *t = vine_thread_last;

	if (t && t->queue && t->session_id == queue->session->id)
		return &t->queue->ladder;
	arch_ladder_init(spare, queue->session->spin);
	return spare;
}

int
vine_task_wait_raw(struct vine_task_s *task, int64_t timeout)
{
	struct vine_queue *queue = task->queue;
	struct arch_ladder spare;

	if (vine_task_is_done(task))
		return 0;
	/* a child of fork does not even have the segment mapped */
	if (vine_session_usable(queue->session) == -ECHILD)
		return -ECHILD;
	/* a short task is done within a few looks: no clock, no ladder */
	for (int i = 0; i < EAGER_LOOKS; i++) {
		if (vine_queue_peek(queue))
			vine_queue_reap(queue);
		if (vine_task_is_done(task))
			return 0;
		/* of a stream, let some come: see vine_visit_queue() */
		if (vine_queue_is_mine(queue, vine_thread_last) &&
		    vine_queue_streams(queue))
			for (int j = 0; j < STREAM_PAUSES; j++)
				arch_pause();
	}
	return vine_wait(&queue, 1, my_ladder(queue, &spare), done_one, task,
			 timeout);
}

int
vine_task_wait_for(vine_task *task, int64_t timeout)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_task_wait_raw(task, timeout);

	UTILS_TRACE_END(t, vine_task_wait_for, rc, task, timeout);
	return rc;
}

/* Some tasks to wait for. */
struct set {
	vine_task *const *tasks;
	size_t count;
	size_t next;		/* all before it are done, for `all` */
	size_t found;
};

static int
done_any(void *arg)
{
	struct set *set = arg;

	for (size_t i = 0; i < set->count; i++) {
		if (set->tasks[i] && vine_task_is_done(set->tasks[i])) {
			set->found = i;
			return 1;
		}
	}
	return 0;
}

static int
done_all(void *arg)
{
	struct set *set = arg;

	while (set->next < set->count &&
	       (set->tasks[set->next] == NULL ||
		vine_task_is_done(set->tasks[set->next])))
		set->next++;
	return set->next == set->count;
}

/* Take in what has come for any of the tasks. */
static void
reap_set(const struct set *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->tasks[i] && !vine_task_is_done(set->tasks[i]) &&
		    vine_queue_peek(set->tasks[i]->queue))
			vine_queue_reap(set->tasks[i]->queue);
}

/* Up to VINE_WAIT_QUEUES distinct queues of the tasks that are not done. */
static uint32_t
queues_of(const struct set *set, struct vine_queue **queues)
{
	uint32_t n = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct vine_queue *q;
		uint32_t j = 0;

		if (set->tasks[i] == NULL || vine_task_is_done(set->tasks[i]))
			continue;
		q = set->tasks[i]->queue;
		while (j < n && queues[j] != q)
			j++;
		if (j == n && n < VINE_WAIT_QUEUES)
			queues[n++] = q;
	}
	return n;
}

static int
wait_set(struct set *set, int (*done)(void *arg), int64_t timeout)
{
	struct vine_queue *queues[VINE_WAIT_QUEUES];
	uint64_t start = utils_clock_ns();
	struct arch_ladder spare;

	for (;;) {
		uint32_t n = queues_of(set, queues);
		int64_t left = timeout;
		int rc;

		if (n == 0 || done(set))
			return done(set) ? 0 : -EINVAL;
		if (vine_session_usable(queues[0]->session) == -ECHILD)
			return -ECHILD;
		if (timeout > 0) {
			uint64_t waited = utils_clock_ns() - start;

			left = waited < (uint64_t)timeout ?
				timeout - (int64_t)waited : 0;
		}
		/* more queues than one wait watches: look at all in turn */
		if (n == VINE_WAIT_QUEUES) {
			reap_set(set);
			if (left < 0 || left > 1000000)
				left = 1000000;
		}
		rc = vine_wait(queues, n, my_ladder(queues[0], &spare), done,
			       set, left);
		if (rc == 0)
			return 0;
		if (timeout >= 0 &&
		    utils_clock_ns() - start >= (uint64_t)timeout)
			return -ETIMEDOUT;
	}
}

int
vine_task_wait_any(vine_task *const *tasks, size_t count, int64_t timeout,
		   size_t *index)
{
	UTILS_TRACE_BEGIN(t);
	struct set set = { .tasks = tasks, .count = count };
	int rc = wait_set(&set, done_any, timeout);

	if (rc == 0)
		*index = set.found;
	UTILS_TRACE_END(t, vine_task_wait_any, rc, count, timeout, set.found,
			rc ? NULL : tasks[set.found]);
	return rc;
}

int
vine_task_wait_all(vine_task *const *tasks, size_t count, int64_t timeout)
{
	UTILS_TRACE_BEGIN(t);
	struct set set = { .tasks = tasks, .count = count };
	int rc = wait_set(&set, done_all, timeout);

	UTILS_TRACE_END(t, vine_task_wait_all, rc, count, timeout);
	return rc;
}

int
vine_task_cancel(vine_task *task)
{
	UTILS_TRACE_BEGIN(t);
	int rc = -EALREADY;

	if (!vine_task_is_done(task))
		rc = vine_errand_run(task->queue->session,
				     VINE_CTL_CANCEL, task->queue->index,
				     task->cookie, 0, NULL, NULL);
	UTILS_TRACE_END(t, vine_task_cancel, rc, task);
	return rc;
}

static uint64_t
instant(uint64_t issue_ns, uint32_t packed)
{
	return issue_ns + utils_clock_span_ns(vine_tick_unpack(packed));
}

/* Instants of a completed task in ns; 0 where there is none to tell. */
static void
instants(const struct vine_task_s *task, struct vine_task_result *r)
{
	r->issue_ns = task->issue ? utils_clock_to_ns(task->issue) : 0;
	r->take_ns = 0;
	r->execute_ns = 0;
	r->complete_ns = 0;
	/* on another machine's clock the stamps say nothing here */
	if (task->issue == 0 || vine_comp_complete(task->times) == 0 ||
	    !task->queue->session->same_clock)
		return;
	r->take_ns = instant(r->issue_ns, vine_comp_take(task->how));
	r->execute_ns = instant(r->issue_ns, vine_comp_execute(task->times));
	r->complete_ns = instant(r->issue_ns, vine_comp_complete(task->times));
}

int
vine_task_result_raw(const struct vine_task_s *task,
		     struct vine_task_result *result)
{
	if (result == NULL || result->size != sizeof(*result))
		return -EINVAL;
	if (!vine_task_is_done(task))
		return -EINPROGRESS;
	result->status = (enum vine_status)vine_comp_status(task->how);
	result->error = (int)vine_comp_error(task->how);
	result->value = task->value;
	result->user = task->user;
	instants(task, result);
	return 0;
}

int
vine_task_result(const vine_task *task, struct vine_task_result *result)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_task_result_raw(task, result);

	UTILS_TRACE_END(t, vine_task_result, rc, task,
			rc ? 0 : result->status);
	return rc;
}
