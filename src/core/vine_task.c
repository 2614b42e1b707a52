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

#define STREAM_PAUSES 4
#define EAGER_LOOKS 256	/* before a wait looks at clocks; about 0.3 us */

_Static_assert(VINE_TASK_REFS_MAX == VINE_REFS_MAX, "limits.def differs");
_Static_assert(VINE_TASK_ARGS_MAX == VINE_ARGS_MAX, "limits.def differs");

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
vine_task_new(struct vine_queue *queue)
{
	struct vine_task_s *task = queue->free_tasks;

	if (task == NULL)
		task = atomic_exchange_explicit(&queue->freed, NULL,
						memory_order_acquire);
	if (task == NULL)
		task = more_tasks(queue);
	if (task == NULL)
		return NULL;
	queue->free_tasks = task->next;
	atomic_store_explicit(&task->done, 0, memory_order_relaxed);
	atomic_store_explicit(&task->refs, 2, memory_order_relaxed);
	task->queue = queue;
	task->table = NULL;
	return task;
}

void
vine_task_put_back(struct vine_task_s *task)
{
	struct vine_queue *queue = task->queue;
	struct vine_thread *t = vine_thread_last;

	if (task->table)
		vine_data_drop(task->table);
	if (vine_queue_is_mine(queue, t)) {
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

int
vine_task_unref_in(struct vine_task_s *task, int alone)
{
	uint32_t refs;

	if (alone) {
		refs = atomic_load_explicit(&task->refs, memory_order_relaxed);
		atomic_store_explicit(&task->refs, refs - 1,
				      memory_order_relaxed);
	} else {
		refs = atomic_fetch_sub_explicit(&task->refs, 1,
						 memory_order_acq_rel);
	}
	return refs == 1;
}

void
vine_task_unref(struct vine_task_s *task)
{
	struct vine_queue *queue = task->queue;
	int last;

	if (vine_queue_enter(queue)) {
		last = vine_task_unref_in(task, 1);
		vine_queue_leave(queue);
	} else {
		last = vine_task_unref_in(task, 0);
	}
	if (last)
		vine_task_put_back(task);
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
		/* of a stream, let some come: see visit() of vine_lane.c */
		if (vine_queue_is_mine(queue, vine_thread_last) &&
		    vine_queue_streams(queue))
			for (int j = 0; j < STREAM_PAUSES; j++)
				arch_pause();
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
	vine_wait(&queue, 1, &queue->ladder, done_room, queue, VINE_FOREVER);
	return queue->session->lost ? -ECONNRESET : 0;
}

/* Is the slice inside its data, and of this session? */
static inline int
good_slice(const struct vine_session *s, const struct vine_slice *slice)
{
	const struct vine_data_s *d = slice->data;

	return d != NULL && d->session == s && slice->length <= d->size &&
	       slice->offset <= d->size - slice->length;
}

static int
check_slices(const struct vine_session *s, const struct vine_slice *slices,
	     uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!good_slice(s, &slices[i]))
			return -EINVAL;
	return 0;
}

static inline struct vine_ref
ref_of(const struct vine_slice *slice)
{
	return (struct vine_ref){ slice->data->off + slice->offset,
				  slice->length };
}

/* Everything fits the descriptor. */
static inline int
body_inline(const struct vine_session *s, const struct vine_task_opts *o,
	    uint32_t refs, struct vine_body *body)
{
	const struct vine_slice *first = o->in_count ? o->in : o->out;
	const struct vine_slice *second;
	struct vine_ref none = { 0, 0 };

	if (refs == 0) {
		*body = vine_desc_body(0, none, none);
		return 0;
	}
	if (!good_slice(s, first))
		return -EINVAL;
	if (refs == 1) {
		*body = vine_desc_body(1, ref_of(first), none);
		return 0;
	}
	second = o->in_count == 1 ? o->out : first + 1;
	if (!good_slice(s, second))
		return -EINVAL;
	*body = vine_desc_body(2, ref_of(first), ref_of(second));
	return 0;
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

/* The descriptor names a table in the session's memory. */
static int
body_table(struct vine_session *s, const struct vine_task_opts *o,
	   uint32_t refs, struct vine_task_s *task, struct vine_body *body)
{
	struct vine_ref none = { 0, 0 };
	size_t size = sizeof(struct vine_table_shm) +
		refs * sizeof(struct vine_tref_shm) +
		(o->args_size + 7) / 8 * 8;
	struct vine_table_shm *t;
	struct vine_tref_shm *at;
	int rc = check_slices(s, o->in, o->in_count);

	if (rc == 0)
		rc = check_slices(s, o->out, o->out_count);
	if (rc == 0)
		rc = vine_data_make(s, size, VINE_DATA_ALIGN, &task->table);
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
	*body = vine_desc_body(1, (struct vine_ref){ task->table->off, size },
			       none);
	return 0;
}

static inline int
check_opts(const struct vine_task_opts *o)
{
	if (o->size != sizeof(*o) || o->accel == NULL ||
	    o->proc == NULL || o->accel->session == NULL ||
	    o->accel->session != o->proc->session)
		return -EINVAL;
	if (o->in_count > VINE_REFS_MAX ||
	    o->out_count > VINE_REFS_MAX - o->in_count ||
	    o->args_size > VINE_ARGS_MAX || (o->args_size && !o->args) ||
	    (o->flags & ~(VINE_TASK_IDEMPOTENT | VINE_TASK_NOWAIT |
			  VINE_TASK_NOSTAMP)))
		return -EINVAL;
	return 0;
}

/* The flags of enum vine_task_flag and those of enum vine_desc_flag. */
_Static_assert((int)VINE_TASK_IDEMPOTENT == (int)VINE_DESC_IDEMPOTENT,
	       "differ");
_Static_assert((int)VINE_TASK_NOSTAMP == (int)VINE_DESC_NOSTAMP, "differ");

static inline uint32_t
desc_flags(const struct vine_queue *q, const struct vine_task_opts *o)
{
	uint32_t flags = o->flags & (VINE_DESC_IDEMPOTENT | VINE_DESC_NOSTAMP);

	return vine_queue_streams(q) ? flags | VINE_DESC_STREAM : flags;
}

/* us, at least 1, at most what 32 bits hold (71 minutes) */
static uint32_t
deadline_us(uint64_t ns)
{
	uint64_t us = (ns + 999) / 1000;

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* A task with the user's part filled in, and its descriptor's body. */
static inline int
prepare(struct vine_queue *q, const struct vine_task_opts *o,
	struct vine_task_s **out, struct vine_body *body, uint64_t *w2)
{
	uint32_t refs = o->in_count + o->out_count;
	struct vine_task_s *task = vine_task_new(q);
	uint64_t flags = desc_flags(q, o);
	int rc;

	if (task == NULL)
		return -ENOMEM;
	task->user = o->user;
	task->cb = o->cb;
	task->cb_user = o->cb_user;
	if (__builtin_expect(refs <= VINE_DESC_REFS_MAX && o->args_size <=
			     VINE_DESC_BODY - refs * VINE_DESC_REF, 1)) {
		rc = body_inline(q->session, o, refs, body);
		if (o->args_size)
			*body = vine_desc_args(*body, refs, o->args,
					       o->args_size);
		*w2 = o->in_count | o->out_count << 8 | o->args_size << 16 |
			flags << 24;
	} else {
		rc = body_table(q->session, o, refs, task, body);
		*w2 = 1 | (flags | VINE_DESC_TABLE) << 24;
	}
	if (__builtin_expect(rc != 0, 0))
		vine_task_put_back(task);
	*out = task;
	return rc;
}

/* task-path 1 issue, but for waking the appliance */
static inline int
issue(struct vine_queue *q, const struct vine_task_opts *o,
      struct vine_task_s **out)
{
	struct vine_task_s *task;
	struct vine_body body;
	uint64_t w2;
	int rc = 0;

	if (__builtin_expect(!vine_queue_has_room(q), 0))
		rc = room(q, o->flags);
	if (rc == 0)
		rc = prepare(q, o, &task, &body, &w2);
	if (__builtin_expect(rc != 0, 0))
		return rc;
	if (o->deadline_ns)
		w2 |= (uint64_t)deadline_us(o->deadline_ns) << 32;
	task->issue = o->flags & VINE_TASK_NOSTAMP && !o->deadline_ns ? 0 :
		utils_clock_ticks();
	UTILS_TRACE_POINT(issue, q->trace_id, vine_queue_next_cookie(q),
			  task->issue);
	task->cookie = vine_queue_next_cookie(q);
	vine_queue_put(q, task, o->accel->handle |
		       (uint64_t)o->proc->handle << 32, w2, task->issue, body);
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
	if (opts == NULL)
		return -EINVAL;
	rc = check_opts(opts);
	if (rc == 0)
		rc = vine_queue_mine(opts[0].accel->session, &q);
	if (rc == 0)
		rc = vine_session_usable(q->session);
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
