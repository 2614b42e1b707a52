/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issue: from what the caller says to a descriptor in the thread's queue.
 *
 * The options are checked, the descriptor's words are put together in
 * registers, and the queue stores them into the slot. No lock, no system call,
 * and no allocation once the thread has had as many tasks in flight before.
 */
#include <errno.h>
#include <string.h>

#include "core/vine_accel.h"
#include "core/vine_data.h"
#include "core/vine_life.h"
#include "core/vine_proc.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_wait.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

_Static_assert(VINE_TASK_REFS_MAX == VINE_REFS_MAX, "limits.def differs");
_Static_assert(VINE_TASK_ARGS_MAX == VINE_ARGS_MAX, "limits.def differs");

static int
done_room(void *arg)
{
	struct vine_queue *queue = arg;

	return vine_queue_room(queue) || queue->session->lost;
}

/* Wait for room, and take the wait off the deadline, if there is one. */
static int
room(struct vine_queue *queue, uint32_t flags, uint64_t *deadline_ns)
{
	uint64_t from, waited;
	int rc;

	if (vine_queue_room(queue))
		return 0;
	if (flags & VINE_TASK_NOWAIT)
		return vine_life_glance(queue->session) ? -ECONNRESET :
			-EAGAIN;
	from = utils_clock_ns();
	vine_queue_knock(queue, queue->session->fence);
	rc = vine_wait(&queue, 1, &queue->ladder, done_room, queue,
		       *deadline_ns == 0 || *deadline_ns > INT64_MAX ?
		       VINE_FOREVER : (int64_t)*deadline_ns);
	if (queue->session->lost)
		return -ECONNRESET;
	if (rc || *deadline_ns == 0)
		return rc;
	waited = utils_clock_ns() - from;
	if (waited >= *deadline_ns)
		return -ETIMEDOUT;
	*deadline_ns -= waited;
	return 0;
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
static inline __attribute__((always_inline)) int
body_inline(const struct vine_session *s, const struct vine_task_opts *o,
	    uint32_t refs, struct vine_body *body)
{
	const struct vine_slice *first = o->in_count ? o->in : o->out;
	const struct vine_slice *second;
	struct vine_ref none = { 0, 0 };

	if (refs == 2) {
		second = o->in_count == 1 ? o->out : first + 1;
		if (!good_slice(s, first) || !good_slice(s, second))
			return -EINVAL;
		*body = vine_desc_body(2, ref_of(first), ref_of(second));
	} else if (refs == 1) {
		if (!good_slice(s, first))
			return -EINVAL;
		*body = vine_desc_body(1, ref_of(first), none);
	} else {
		*body = vine_desc_body(0, none, none);
	}
	if (__builtin_expect(o->args_size != 0, 0))
		*body = vine_desc_args(*body, refs, o->args, o->args_size);
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
good_opts(const struct vine_task_opts *o)
{
	uint64_t refs = (uint64_t)o->in_count + o->out_count;

	return o->size == sizeof(*o) && o->accel != NULL && o->proc != NULL &&
	       o->accel->session != NULL &&
	       o->accel->session == o->proc->session &&
	       refs <= VINE_REFS_MAX && o->args_size <= VINE_ARGS_MAX &&
	       (o->args_size == 0 || o->args != NULL) &&
	       !(o->flags & ~(VINE_TASK_IDEMPOTENT | VINE_TASK_NOWAIT |
			      VINE_TASK_NOSTAMP));
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

/* Does everything fit a descriptor? */
static inline int
fits(const struct vine_task_opts *o, uint32_t refs)
{
	return refs <= VINE_DESC_REFS_MAX &&
	       o->args_size + refs * VINE_DESC_REF <= VINE_DESC_BODY;
}

/* The task's references and arguments, and word 2 but for the deadline. */
static inline __attribute__((always_inline)) int
prepare(struct vine_queue *q, const struct vine_task_opts *o,
	struct vine_task_s *task, struct vine_body *body, uint64_t *w2)
{
	uint32_t refs = o->in_count + o->out_count;
	uint32_t flags = desc_flags(q, o);

	if (__builtin_expect(fits(o, refs), 1)) {
		*w2 = vine_desc_w2(o->in_count, o->out_count, o->args_size,
				   flags, 0);
		return body_inline(q->session, o, refs, body);
	}
	*w2 = vine_desc_w2(1, 0, 0, flags | VINE_DESC_TABLE, 0);
	return body_table(q->session, o, refs, task, body);
}

/* task-path 1 issue, but for waking the appliance */
static inline __attribute__((always_inline)) int
issue(struct vine_queue *q, const struct vine_task_opts *o,
      struct vine_task_s **out)
{
	struct vine_task_s *task;
	struct vine_body body;
	uint64_t w2, w1 = o->accel->handle | (uint64_t)o->proc->handle << 32;
	uint64_t deadline_ns = o->deadline_ns;
	int rc;

	if (__builtin_expect(!vine_queue_has_room(q), 0)) {
		rc = room(q, o->flags, &deadline_ns);
		if (rc)
			return rc;
	}
	task = vine_task_new(q);
	if (__builtin_expect(task == NULL, 0))
		return -ENOMEM;
	rc = prepare(q, o, task, &body, &w2);
	if (__builtin_expect(rc != 0, 0)) {
		vine_task_put_back(task);
		return rc;
	}
	task->user = o->user;
	task->cb = o->cb;
	task->cb_user = o->cb_user;
	task->issue = 0;
	if (deadline_ns)
		w2 |= (uint64_t)deadline_us(deadline_ns) << 32;
	if (!(o->flags & VINE_TASK_NOSTAMP) || deadline_ns)
		task->issue = utils_clock_ticks();
	UTILS_TRACE_POINT(issue, q->trace_id, vine_queue_next_cookie(q),
			  task->issue);
	task->cookie = vine_queue_next_cookie(q);
	*out = task;
	vine_queue_put(q, task, w1, w2, task->issue, body);
	return 0;
}

/* The calling thread's queue for tasks like this one. */
static inline int
queue_for(const struct vine_task_opts *o, struct vine_queue **queue)
{
	if (__builtin_expect(!good_opts(o), 0))
		return -EINVAL;
	*queue = vine_queue_mine(o->accel->session);
	if (__builtin_expect(*queue == NULL, 0))
		return vine_queue_mine_slow(o->accel->session, queue);
	return 0;
}

int
vine_task_issue_raw(const struct vine_task_opts *opts, vine_task **task)
{
	struct vine_queue *q;
	int rc;

	if (opts == NULL)
		return -EINVAL;
	rc = queue_for(opts, &q);
	if (__builtin_expect(rc != 0, 0))
		return rc;
	rc = issue(q, opts, task);
	if (__builtin_expect(rc != 0, 0))
		return rc;
	vine_queue_knock(q, q->session->fence);
	return 0;
}

static int
issue_batch(const struct vine_task_opts *opts, size_t count, vine_task **tasks)
{
	struct vine_queue *q;
	size_t n = 0;
	int rc;

	if (count == 0)
		return 0;
	if (opts == NULL)
		return -EINVAL;
	rc = queue_for(opts, &q);
	while (rc == 0 && n < count) {
		if (!good_opts(&opts[n]) ||
		    opts[n].accel->session != q->session)
			rc = -EINVAL;
		else
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
	int rc = vine_task_issue_raw(opts, task);

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
	int rc = issue_batch(opts, count, tasks);

	UTILS_TRACE_END(t, vine_task_issue_batch, rc, count,
			rc > 0 ? tasks[0] : NULL);
	return rc;
}
