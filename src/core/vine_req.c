/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a copied descriptor to checked views, and from an answer to the
 * completion ring.
 *
 * Where a task has a table, the table is copied out of the segment before any
 * of it is judged: its counts first, by one load each, then as many references
 * and arguments as the copied counts say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_pipe.h"
#include "core/vine_req.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

/* One reference becomes one view; where it is in another extent. */
static __attribute__((noinline)) int
view_elsewhere(const struct vine_pipe_s *pipe, struct vine_pq *pq,
	       const struct vine_ref *ref, struct vine_view *view)
{
	const struct vine_extents *x = &pipe->extents;
	const struct vine_extent *e;

	view->length = ref->len;
	if (ref->len == 0) {
		view->ptr = pipe->seg->base + x->heap_off;
		return 0;
	}
	e = vine_extents_find(x, pq->serial, ref->off, ref->len);
	if (e == NULL)
		return -ERANGE;
	pq->way.extent_off = e->off;
	pq->way.extent_len = e->len;
	view->ptr = pipe->seg->base + ref->off;
	return 0;
}

static inline __attribute__((always_inline)) int
view_of(const struct vine_pipe_s *pipe, struct vine_pq *pq,
	const struct vine_ref *ref, struct vine_view *view)
{
	uint64_t at = ref->off - pq->way.extent_off;
	uint64_t room = pq->way.extent_len - ref->len;

	if (__builtin_expect(ref->len > pq->way.extent_len || at > room, 0))
		return view_elsewhere(pipe, pq, ref, view);
	view->length = ref->len;
	view->ptr = pipe->seg->base + ref->off;
	return 0;
}

static enum vine_status
refuse_data(struct vine_lane *lane, const struct vine_pq *pq,
	    const struct vine_ref *ref, const char *what)
{
	utils_log_limited(&lane->rate, UTILS_LOG_WARN,
			  "segment %s session %u queue %u %s offset %llu "
			  "length %llu is not inside an extent of the session",
			  lane->pipe->seg->name, pq->rec->slot, pq->index, what,
			  (unsigned long long)ref->off,
			  (unsigned long long)ref->len);
	return VINE_STATUS_BAD_DATA;
}

static struct vine_req_table *
table_room(struct vine_req *req)
{
	if (req->table == NULL) {
		req->table = malloc(sizeof(*req->table));
		req->lane->tables += req->table != NULL;
	}
	return req->table;
}

/* Copy `count` words of 8 bytes out of the segment, each by one load. */
static void
copy_words(uint64_t *to, const le64_t *from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		to[i] = arch_load64(&from[i]);
}

static enum vine_status
admit_table(struct vine_lane *lane, struct vine_pq *pq,
	    const struct vine_desc *desc, struct vine_req *req)
{
	struct vine_ref ref = vine_desc_ref(desc, 0);
	const struct vine_table_shm *shm;
	const le64_t *words;
	struct vine_req_table *t = table_room(req);
	struct vine_view view;
	uint32_t in, out, args;
	uint64_t need, refs;

	if (t == NULL)
		return VINE_STATUS_BUSY;
	if (ref.len < sizeof(*shm) || ref.off % 8 != 0 ||
	    view_of(lane->pipe, pq, &ref, &view) != 0)
		return refuse_data(lane, pq, &ref, "table");
	shm = view.ptr;
	in = arch_load32(&shm->in_count);
	out = arch_load32(&shm->out_count);
	args = arch_load32(&shm->args_size);
	if (in > VINE_REFS_MAX || out > VINE_REFS_MAX - in ||
	    args > VINE_ARGS_MAX)
		return VINE_STATUS_BAD_TASK;
	refs = in + out;
	need = sizeof(*shm) + refs * sizeof(struct vine_tref_shm) +
		(args + 7) / 8 * 8;
	if (need > ref.len)
		return VINE_STATUS_BAD_TASK;
	words = (const le64_t *)(shm + 1);
	copy_words((uint64_t *)t->refs, words, refs * 2);
	copy_words(t->args, words + refs * 2, (args + 7) / 8);
	for (uint64_t i = 0; i < refs; i++)
		if (view_of(lane->pipe, pq, &t->refs[i], &t->views[i]) != 0)
			return refuse_data(lane, pq, &t->refs[i], "data");
	req->views = t->views;
	req->args = t->args;
	req->in_count = in;
	req->out_count = out;
	req->args_size = args;
	return VINE_STATUS_OK;
}

static inline enum vine_status
admit_inline(struct vine_lane *lane, struct vine_pq *pq,
	     const struct vine_desc *desc, struct vine_req *req)
{
	uint32_t in = vine_desc_in_count(desc);
	uint32_t refs = in + vine_desc_out_count(desc);

	req->in_count = in;
	req->out_count = refs - in;
	req->views = req->small_views;
	req->args = req->small_args;
	req->args_size = vine_desc_args_size(desc);
	for (uint32_t i = 0; i < refs; i++) {
		struct vine_ref ref = vine_desc_ref(desc, i);

		if (view_of(lane->pipe, pq, &ref, &req->small_views[i]) != 0)
			return refuse_data(lane, pq, &ref, "data");
	}
	if (__builtin_expect(req->args_size != 0, 0))
		memcpy(req->small_args, (const uint8_t *)&desc->w[4] +
		       refs * VINE_DESC_REF, req->args_size);
	return VINE_STATUS_OK;
}

/* May this procedure run on this accelerator? */
static enum vine_status
match(const struct vine_accel_s *accel, const struct vine_proc_s *proc)
{
	if (proc == NULL)
		return VINE_STATUS_BAD_PROC;
	if (proc->type != accel->type && proc->type != ANY)
		return VINE_STATUS_BAD_PROC;
	if (proc->code) {
		if (proc->builder != accel->owner)
			return VINE_STATUS_REFUSED;
	} else if (proc->owner != accel->owner) {
		return VINE_STATUS_BAD_PROC;
	}
	return VINE_STATUS_OK;
}

static enum vine_status
refuse(struct vine_lane *lane, const struct vine_pq *pq,
       const struct vine_desc *desc, enum vine_status status)
{
	utils_log_limited(&lane->rate, UTILS_LOG_WARN,
			  "segment %s session %u queue %u task refused: %s "
			  "(accelerator %#x procedure %#x counts %u and %u)",
			  lane->pipe->seg->name, pq->rec->slot, pq->index,
			  vine_status_name(status), vine_desc_accel(desc),
			  vine_desc_proc(desc), vine_desc_in_count(desc),
			  vine_desc_out_count(desc));
	return status;
}

static int
was_canceled(struct vine_pq *pq, uint32_t cookie)
{
	uint32_t i = 0;
	int found = 0;

	while (i < pq->cancels) {
		const struct vine_cancel *c = &pq->cancel[i];
		int old = pq->sub.pos - c->pos > pq->sub.mask + 1;

		/* a cookie comes again later: an old one is not meant */
		if (old || c->cookie == cookie) {
			found |= !old;
			pq->cancel[i] = pq->cancel[--pq->cancels];
		} else {
			i++;
		}
	}
	return found;
}

/* Look the accelerator and the procedure up, and remember them. */
static __attribute__((noinline)) enum vine_status
find_way(struct vine_lane *lane, struct vine_pq *pq,
	 const struct vine_desc *desc)
{
	const struct vine_registry *r = &lane->pipe->registry;
	struct vine_accel_s *accel;
	struct vine_proc_s *proc;
	enum vine_status status;

	pq->way.word = 0;
	/* first: what is withdrawn after this is found out by the next */
	pq->way.registry_changes = atomic_load(&r->changes);
	accel = vine_registry_accel(r, vine_desc_accel(desc), pq->serial);
	if (accel == NULL || accel->dropped)
		return refuse(lane, pq, desc, VINE_STATUS_BAD_ACCEL);
	proc = vine_registry_proc(r, vine_desc_proc(desc));
	status = match(accel, proc);
	if (status != VINE_STATUS_OK)
		return refuse(lane, pq, desc, status);
	pq->way.accel = accel;
	pq->way.proc = proc;
	pq->way.word = desc->w[1];
	return VINE_STATUS_OK;
}

/* Forget what was found, where something has been taken back since. */
static inline void
check_way(const struct vine_pipe_s *pipe, struct vine_way *way)
{
	uint32_t r = atomic_load_explicit(&pipe->registry.changes,
					  memory_order_relaxed);
	uint32_t x = atomic_load_explicit(&pipe->extents.changes,
					  memory_order_relaxed);

	if (__builtin_expect(r != way->registry_changes, 0))
		way->word = 0;
	if (__builtin_expect(x != way->extent_changes, 0)) {
		way->extent_len = 0;
		way->extent_changes = x;
	}
}

/* task-path 5 admit */
static inline enum vine_status
admit(struct vine_lane *lane, struct vine_pq *pq, const struct vine_desc *desc,
      struct vine_req *req)
{
	enum vine_status status;

	if (__builtin_expect(vine_desc_check(desc) != 0, 0))
		return refuse(lane, pq, desc, VINE_STATUS_BAD_TASK);
	if (__builtin_expect(pq->in_flight > pq->comp.mask + 1, 0))
		return refuse(lane, pq, desc, VINE_STATUS_BUSY);
	check_way(lane->pipe, &pq->way);
	/* 0 is what the way is where none is known, and what anybody may ask */
	if (__builtin_expect(desc->w[1] != pq->way.word || desc->w[1] == 0,
			     0)) {
		status = find_way(lane, pq, desc);
		if (status != VINE_STATUS_OK)
			return status;
	}
	req->accel = pq->way.accel;
	req->proc = pq->way.proc;
	if (req->deadline_us && vine_req_expired(req))
		return VINE_STATUS_DEADLINE;
	if (__builtin_expect(pq->cancels != 0, 0) &&
	    was_canceled(pq, req->cookie))
		return VINE_STATUS_CANCELED;
	if (__builtin_expect(!(req->flags & VINE_DESC_TABLE), 1))
		return admit_inline(lane, pq, desc, req);
	status = admit_table(lane, pq, desc, req);
	if (status == VINE_STATUS_BAD_TASK)
		return refuse(lane, pq, desc, status);
	return status;
}

/* task-path 6 dispatch: to the owner of the accelerator */
static inline void
dispatch(struct vine_req *req)
{
	const struct vine_owner *owner = req->accel->owner;

	VINE_STOP(dispatch, req);
	/* task-path 7 execute: the owner's submit, see services/ */
	owner->submit(owner->state, req);
}

int
vine_req_run(struct vine_lane *lane, struct vine_pq *pq,
	     const struct vine_desc *desc)
{
	struct vine_req *req = vine_lane_req(lane);
	struct vine_accel_count *c;
	enum vine_status status;

	if (__builtin_expect(req == NULL, 0))
		return -ENOMEM;
	if (__builtin_expect(atomic_load_explicit(
			&lane->pipe->quotas.on_tasks, memory_order_relaxed), 0)
	    && vine_park_take(req, pq) != 0) {
		vine_lane_req_free(lane, req);
		return -EDQUOT;
	}
	req->pq = pq;
	req->cookie = vine_desc_cookie(desc);
	req->handle = vine_desc_accel(desc);
	req->flags = vine_desc_flags(desc);
	req->issue = vine_desc_issue_ticks(desc);
	req->deadline_us = vine_desc_deadline_us(desc);
	req->execute = 0;
	req->complete = 0;
	req->accel = NULL;
	req->word = NULL;
	req->take = req->flags & VINE_DESC_NOSTAMP ? 0 : vine_lane_tick(lane);
	pq->in_flight++;
	VINE_STOP(take, req);
	status = admit(lane, pq, desc, req);
	lane->answered = 0;	/* a submit that answers sets it */
	if (__builtin_expect(status != VINE_STATUS_OK, 0)) {
		req->in_count = 0;
		req->out_count = 0;
		req->accel = NULL;
		vine_req_answer(req, status, vine_status_errno(status), 0);
		return 0;
	}
	VINE_STOP(admit, req);
	c = &req->accel->count[lane->index];
	atomic_store_explicit(&c->taken, c->taken + 1, memory_order_relaxed);
	dispatch(req);
	return 0;
}

int
vine_req_expired(const struct vine_req *req)
{
	uint64_t since = req->issue;
	uint64_t now = utils_clock_ticks();

	if (req->deadline_us == 0)
		return 0;
	/* an issue tick that lies ahead of us is of another clock, or a lie */
	if (since == 0 || since > now || req->pq->fence)
		since = req->take ? req->take : now;
	return now - since > utils_clock_from_ns(req->deadline_us *
						 UINT64_C(1000));
}

/* Count holds on what a request uses, up or down. */
static void
hold_all(struct vine_req *req, uint32_t by)
{
	struct vine_extents *x = &req->lane->pipe->extents;
	uint8_t *heap = req->lane->pipe->seg->base + x->heap_off;

	for (uint32_t i = 0; i < req->in_count + req->out_count; i++) {
		uint64_t at = (uint64_t)((uint8_t *)req->views[i].ptr - heap);
		uint32_t e;

		if (req->views[i].length == 0)
			continue;
		e = atomic_load_explicit(&x->owner[at / VINE_PAGE],
					 memory_order_acquire);
		atomic_fetch_add_explicit(&x->entries[e - 1].holds, by,
					  memory_order_release);
	}
	atomic_fetch_add_explicit(&req->proc->holds, by, memory_order_release);
}

void
vine_req_hold(struct vine_req *req)
{
	struct vine_lane *lane = req->lane;
	struct vine_pq *pq = req->pq;

	hold_all(req, 1);
	vine_park_count(req);
	req->held = 1;
	req->canceled = 0;
	req->held_next = pq->held;
	req->held_at = &pq->held;
	if (pq->held)
		pq->held->held_at = &req->held_next;
	pq->held = req;
	lane->held_count++;
}

static void
unhold(struct vine_req *req)
{
	hold_all(req, (uint32_t)-1);
	req->held = 0;
	*req->held_at = req->held_next;
	if (req->held_next)
		req->held_next->held_at = req->held_at;
	req->lane->held_count--;
}

static void
count(struct vine_req *req, enum vine_status status)
{
	static const uint8_t of_status[] = {
		[VINE_STATUS_BAD_TASK] = VINE_COUNT_BAD_TASK,
		[VINE_STATUS_BAD_DATA] = VINE_COUNT_BAD_DATA,
		[VINE_STATUS_BAD_PROC] = VINE_COUNT_BAD_PROC,
		[VINE_STATUS_REFUSED] = VINE_COUNT_REFUSED,
		[VINE_STATUS_DEADLINE] = VINE_COUNT_DEADLINE,
		[VINE_STATUS_CANCELED] = VINE_COUNT_CANCELED,
		[VINE_STATUS_BUSY] = VINE_COUNT_OVER_LIMIT,
		[VINE_STATUS_BAD_ACCEL] = VINE_COUNT_BAD_ACCEL,
	};
	struct vine_lane *lane = req->lane;

	vine_lane_count(lane, VINE_COUNT_COMPLETED, 1);
	if (status == VINE_STATUS_OK)
		return;
	vine_lane_count(lane, VINE_COUNT_FAILED, 1);
	if ((size_t)status < sizeof(of_status) && of_status[status])
		vine_lane_count(lane, of_status[status], 1);
}

static void
count_accel(struct vine_req *req, enum vine_status status)
{
	struct vine_accel_count *c = &req->accel->count[req->lane->index];
	_Atomic uint64_t *n = status == VINE_STATUS_OK ? &c->completed :
		&c->failed;

	atomic_store_explicit(n, *n + 1, memory_order_relaxed);
	if (req->execute && req->complete > req->execute)
		atomic_store_explicit(&c->busy_ticks, c->busy_ticks +
				      req->complete - req->execute,
				      memory_order_relaxed);
}

static uint32_t
stamp(const struct vine_req *req, uint64_t ticks)
{
	return ticks > req->issue ? vine_tick_pack(ticks - req->issue) : 0;
}

void
vine_req_answer(struct vine_req *req, enum vine_status status, int error,
		uint64_t value)
{
	struct vine_pq *pq = req->pq;
	struct vine_comp comp = { .cookie = req->cookie, .value = value };
	uint32_t take = 0;
	int big = req->held || req->table;

	if (req->held)
		unhold(req);
	if (__builtin_expect(req->placed, 0))
		vine_park_give(req);
	if (!(req->flags & VINE_DESC_NOSTAMP)) {
		if (req->complete == 0) {
			req->complete = utils_clock_ticks();
			req->lane->answered = req->complete;
		}
		if (req->execute == 0)
			req->execute = req->take;
		take = stamp(req, req->take);
		comp.times = vine_comp_times(stamp(req, req->execute),
					     stamp(req, req->complete));
	}
	comp.how = vine_comp_how(status, (uint32_t)error, take);
	if (req->execute == 0)	/* at once, without a word */
		UTILS_TRACE_POINT(execute, pq->trace_id, req->cookie,
				  req->take);
	VINE_STOP(complete, req);
	vine_cring_push(&pq->comp, &comp);
	vine_journal_answer(&pq->journal, req->cookie, pq->comp.pos);
	pq->in_flight--;
	pq->completed++;
	count(req, status);
	if (req->accel)
		count_accel(req, status);
	if (__builtin_expect(big, 0))
		vine_lane_req_retire(req->lane, req);
	else
		vine_lane_req_free(req->lane, req);
	vine_lane_wake_peer(pq);
}

/* task-path 8 complete: by any thread */
void
vine_req_complete(struct vine_req *req, enum vine_status status, int error,
		  uint64_t value)
{
	struct vine_lane *lane = req->lane;
	struct vine_req *first;

	if (!req->held || vine_lane_is_mine(lane)) {
		vine_req_answer(req, status, error, value);
		return;
	}
	req->complete = utils_clock_ticks();
	req->status = status;
	req->error = error;
	req->value = value;
	/* once the answer is in the mailbox the request is the lane's, and the
	 * pipe may be at its end: it waits for us */
	atomic_fetch_add(&lane->completers, 1);
	first = atomic_load(&lane->answers);
	do
		req->next = first;
	while (!atomic_compare_exchange_weak(&lane->answers, &first, req));
	vine_lane_ring(lane);
	atomic_fetch_sub(&lane->completers, 1);
}
