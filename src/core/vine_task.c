/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: made, issued, waited for, given back.
 *
 * Issuing checks what the caller says, packs the descriptor in eight words, and
 * has the queue put them into the slot. No lock, no system call, and no
 * allocation once the thread has had as many tasks in flight before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_accel.h"
#include "core/vine_data.h"
#include "core/vine_proc.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_thread.h"
#include "core/vine_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

#define TASK_BATCH 64u	/* tasks made at a time */
#define EAGER_LOOKS 256	/* before a wait looks at clocks; about 0.3 us */

_Static_assert(VINE_TASK_REFS_MAX == VINE_REFS_MAX, "limits.def differs");
_Static_assert(VINE_TASK_ARGS_MAX == VINE_ARGS_MAX, "limits.def differs");

struct vine_task_s *
vine_task_new(struct vine_queue *queue)
{
	struct vine_task_s *task = queue->free_tasks;

	if (task == NULL)
		task = atomic_exchange_explicit(&queue->freed, NULL,
						memory_order_acquire);
	for (uint32_t i = 0; task == NULL && i < TASK_BATCH; i++) {
		struct vine_task_s *t = calloc(1, sizeof(*t));

		if (t == NULL)
			break;
		t->next = queue->free_tasks;
		queue->free_tasks = t;
	}
	if (task == NULL)
		task = queue->free_tasks;
	if (task == NULL)
		return NULL;
	queue->free_tasks = task->next;
	atomic_store_explicit(&task->done, 0, memory_order_relaxed);
	atomic_store_explicit(&task->refs, 2, memory_order_relaxed);
	task->queue = queue;
	task->table = NULL;
	return task;
}

static void
put_back(struct vine_task_s *task)
{
	struct vine_queue *queue = task->queue;
	struct vine_thread *t = vine_thread_last;

	if (task->table)
		vine_data_drop(task->table);
	if (t && t->queue == queue) {
		task->next = queue->free_tasks;
		queue->free_tasks = task;
		return;
	}
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
	if (atomic_fetch_sub_explicit(&task->refs, 1,
				      memory_order_acq_rel) == 1)
		put_back(task);
}

void
vine_task_finish(struct vine_task_s *task, const struct vine_comp *comp)
{
	task->status = comp->status;
	task->error = comp->error;
	task->value = comp->value;
	task->take = comp->take;
	task->execute = comp->execute;
	task->complete = comp->complete;
	/* TASK-R1: the result before `done`; pairs with TASK-A1. */
	atomic_store_explicit(&task->done, 1, memory_order_release);
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

	if (t && t->queue)
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
	}
	return vine_wait(&queue, 1, my_ladder(queue, &spare), done_one, task,
			 timeout);
}

static int
done_room(void *arg)
{
	struct vine_queue *queue = arg;

	return vine_queue_room(queue) || queue->session->lost;
}

static int
room(struct vine_queue *queue, uint32_t flags)
{
	if (vine_queue_room(queue))
		return 0;
	if (flags & VINE_TASK_NOWAIT)
		return -EAGAIN;
	vine_queue_knock(queue, queue->session->fence);
	return vine_wait(&queue, 1, &queue->ladder, done_room, queue,
			 VINE_FOREVER);
}

/* Is every slice inside its data, and of this session? */
static int
check_slices(const struct vine_session *s, const struct vine_slice *slices,
	     uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct vine_data_s *d = slices[i].data;

		if (d == NULL || d->session != s ||
		    slices[i].length > d->size ||
		    slices[i].offset > d->size - slices[i].length)
			return -EINVAL;
	}
	return 0;
}

/* Does it all go into the descriptor? */
static int
fits(const struct vine_task_opts *o)
{
	uint32_t refs = o->in_count + o->out_count;

	return refs <= VINE_DESC_REFS_MAX &&
	       o->args_size <= VINE_DESC_BODY - refs * VINE_DESC_REF;
}

static void
body_inline(const struct vine_task_opts *o, uint64_t w[8])
{
	uint8_t *body = (uint8_t *)&w[4];
	uint32_t n = 0;

	for (uint32_t i = 0; i < o->in_count; i++, n++)
		vine_desc_put_ref(body, n, o->in[i].data->off +
				  o->in[i].offset, o->in[i].length);
	for (uint32_t i = 0; i < o->out_count; i++, n++)
		vine_desc_put_ref(body, n, o->out[i].data->off +
				  o->out[i].offset, o->out[i].length);
	if (o->args_size)
		memcpy(body + n * VINE_DESC_REF, o->args, o->args_size);
	w[2] = vine_desc_w2(o->in_count, o->out_count, o->args_size, 0, 0);
}

static void
table_refs(struct vine_tref_shm *refs, const struct vine_slice *slices,
	   uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		arch_store64(&refs[i].off,
			     slices[i].data->off + slices[i].offset);
		arch_store64(&refs[i].len, slices[i].length);
	}
}

static int
body_table(struct vine_session *s, const struct vine_task_opts *o,
	   struct vine_task_s *task, uint64_t w[8])
{
	uint32_t refs = o->in_count + o->out_count;
	size_t size = sizeof(struct vine_table_shm) +
		refs * sizeof(struct vine_tref_shm) +
		(o->args_size + 7) / 8 * 8;
	struct vine_table_shm *t;
	struct vine_tref_shm *at;
	int rc = vine_data_make(s, size, VINE_DATA_ALIGN, &task->table);

	if (rc)
		return rc;
	t = vine_data_at(task->table);
	at = (struct vine_tref_shm *)(t + 1);
	arch_store32(&t->in_count, o->in_count);
	arch_store32(&t->out_count, o->out_count);
	arch_store32(&t->args_size, o->args_size);
	table_refs(at, o->in, o->in_count);
	table_refs(at + o->in_count, o->out, o->out_count);
	if (o->args_size)
		memcpy(at + refs, o->args, o->args_size);
	vine_desc_put_ref((uint8_t *)&w[4], 0, task->table->off, size);
	w[2] = vine_desc_w2(1, 0, 0, VINE_DESC_TABLE, 0);
	return 0;
}

static int
check_opts(const struct vine_task_opts *o)
{
	struct vine_session *s;

	if (o == NULL || o->size != sizeof(*o) || o->accel == NULL ||
	    o->proc == NULL || o->accel->session == NULL ||
	    o->accel->session != o->proc->session)
		return -EINVAL;
	s = o->accel->session;
	if (o->in_count > VINE_REFS_MAX ||
	    o->out_count > VINE_REFS_MAX - o->in_count ||
	    o->args_size > VINE_ARGS_MAX || (o->args_size && !o->args) ||
	    (o->flags & ~(VINE_TASK_IDEMPOTENT | VINE_TASK_NOWAIT |
			  VINE_TASK_NOSTAMP)))
		return -EINVAL;
	if (check_slices(s, o->in, o->in_count) != 0 ||
	    check_slices(s, o->out, o->out_count) != 0)
		return -EINVAL;
	return 0;
}

/* us, at least 1, at most what 32 bits hold (71 minutes) */
static uint32_t
deadline_us(uint64_t ns)
{
	uint64_t us = (ns + 999) / 1000;

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* Issue without waking the appliance. */
static int
issue(struct vine_queue *q, const struct vine_task_opts *o,
      struct vine_task_s **out)
{
	struct vine_session *s = q->session;
	struct vine_task_s *task;
	uint64_t w[8];
	uint32_t flags = 0;
	int rc;

	rc = room(q, o->flags);
	if (rc)
		return rc;
	if (s->lost)
		return -ECONNRESET;
	task = vine_task_new(q);
	if (task == NULL)
		return -ENOMEM;
	task->user = o->user;
	task->cb = o->cb;
	task->cb_user = o->cb_user;
	if (fits(o)) {
		body_inline(o, w);
	} else {
		rc = body_table(s, o, task, w);
		if (rc) {
			put_back(task);
			return rc;
		}
	}
	if (o->flags & VINE_TASK_IDEMPOTENT)
		flags |= VINE_DESC_IDEMPOTENT;
	if (o->flags & VINE_TASK_NOSTAMP)
		flags |= VINE_DESC_NOSTAMP;
	w[1] = o->accel->handle | (uint64_t)o->proc->handle << 32;
	w[2] |= vine_desc_w2(0, 0, 0, flags, deadline_us(o->deadline_ns));
	task->issue = flags & VINE_DESC_NOSTAMP && !o->deadline_ns ? 0 :
		utils_clock_ticks();
	w[3] = task->issue;
	vine_queue_put(q, task, w);
	*out = task;
	return 0;
}

int
vine_task_issue_raw(const struct vine_task_opts *opts, size_t count,
		    vine_task **tasks)
{
	struct vine_queue *q;
	size_t n = 0;
	int rc = 0;

	if (count == 0)
		return 0;
	rc = check_opts(&opts[0]);
	if (rc == 0)
		rc = vine_queue_mine(opts[0].accel->session, &q);
	if (rc)
		return rc;
	if (vine_session_usable(q->session) != 0)
		return vine_session_usable(q->session);
	while (n < count && rc == 0) {
		if (n > 0)
			rc = check_opts(&opts[n]);
		if (rc == 0 && opts[n].accel->session != q->session)
			rc = -EINVAL;
		if (rc == 0)
			rc = issue(q, &opts[n], &tasks[n]);
		n += rc == 0;
	}
	if (n > 0)
		vine_queue_knock(q, q->session->fence);
	return n > 0 ? (int)n : rc;
}

int
vine_task_issue_opts(const struct vine_task_opts *opts, vine_task **task)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_task_issue_raw(opts, 1, task);

	rc = rc == 1 ? 0 : rc;
	if (opts)
		UTILS_TRACE_END(t, vine_task_issue_opts, rc, opts->accel,
				opts->proc, opts->args_size, opts->in_count,
				opts->out_count, opts->flags, opts->deadline_ns,
				rc ? NULL : *task);
	return rc;
}

int
vine_task_issue_batch(const struct vine_task_opts *opts, size_t count,
		      vine_task **tasks)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_task_issue_raw(opts, count, tasks);

	UTILS_TRACE_END(t, vine_task_issue_batch, rc, count,
			rc > 0 ? tasks[0] : NULL);
	return rc;
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

/* The distinct queues of the tasks that are not done. */
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
		/* more queues than one wait watches: take turns */
		if (n == VINE_WAIT_QUEUES && (left < 0 || left > 1000000))
			left = 1000000;
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
		rc = vine_session_control(task->queue->session,
					  VINE_CTL_CANCEL, task->queue->index,
					  task->cookie, 0, NULL, NULL);
	UTILS_TRACE_END(t, vine_task_cancel, rc, task);
	return rc;
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
	if (task->issue == 0 || task->complete == 0 ||
	    !task->queue->session->same_clock)
		return;
	r->take_ns = r->issue_ns +
		utils_clock_span_ns(vine_tick_unpack(task->take));
	r->execute_ns = r->issue_ns +
		utils_clock_span_ns(vine_tick_unpack(task->execute));
	r->complete_ns = r->issue_ns +
		utils_clock_span_ns(vine_tick_unpack(task->complete));
}

int
vine_task_result_raw(const struct vine_task_s *task,
		     struct vine_task_result *result)
{
	if (result == NULL || result->size != sizeof(*result))
		return -EINVAL;
	if (!vine_task_is_done(task))
		return -EINPROGRESS;
	result->status = (enum vine_status)task->status;
	result->error = (int)task->error;
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
