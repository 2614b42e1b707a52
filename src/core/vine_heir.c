/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three steps: settle, take up, enter. Each can be cut off anywhere, for an
 * heir may be killed too: what the next one finds is as good a beginning.
 *
 * The order in settle matters. First each queue's half step is finished, so
 * that a journal says what is unanswered. A control task that is was perhaps
 * carried out; its session will give it in again. So what it made goes first,
 * and only then may its number be passed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_door.h"
#include "core/vine_heir.h"
#include "core/vine_pipe.h"
#include "core/vine_pq.h"
#include "utils/utils_log.h"

/* --- settle -------------------------------------------------------------- */

/* Is the session's control queue that of its record? */
static int
has_control(const struct vine_keep *k, const struct vine_keep_session *s)
{
	const struct vine_keep_queue *q = &k->queues[s->control];

	return q->state && q->control && q->serial == s->serial;
}

static void
settle_queue(struct vine_pipe_s *pipe, uint32_t i)
{
	const struct vine_keep_queue *q = &pipe->keep.queues[i];
	uint8_t *base = pipe->seg->base;
	struct vine_ring sub = {
		(struct vine_desc_shm *)(base + q->sub), q->slots - 1, 0 };
	struct vine_cring comp = {
		(struct vine_comp_shm *)(base + q->comp), 2 * q->slots - 1, 0 };
	struct vine_journal j;

	vine_journal_bind(&j, &pipe->keep, i, q->slots);
	vine_journal_settle(&j, &sub, &comp);
}

/* Was its last control task taken, and not answered? */
static int
is_waiting(struct vine_keep *k, const struct vine_keep_session *s)
{
	struct vine_journal j;

	vine_journal_bind(&j, k, s->control, VINE_SLOTS_CTL);
	return vine_journal_count(&j) > 0;
}

/* Does an open session have what was made for it by that control task? */
static int
has(struct vine_keep *k, uint32_t slot, uint32_t serial, uint64_t task)
{
	const struct vine_keep_session *s = &k->sessions[slot];

	if (s->state != VINE_KEEP_SESSION_OPEN || s->serial != serial)
		return 0;
	return task != s->task || !is_waiting(k, s);
}

/* What nobody has goes. */
static void
settle_records(struct vine_keep *k, const struct vine_layout *l)
{
	for (uint32_t i = 0; i < l->queues; i++) {
		struct vine_keep_queue *q = &k->queues[i];

		if (q->state && !has(k, q->slot, q->serial, q->task))
			vine_keep_set(&q->state, 0);
	}
	for (uint32_t i = 0; i < l->extents; i++) {
		struct vine_keep_extent *e = &k->extents[i];
		uint32_t serial = e->queue ? e->serial ^ VINE_SERIAL_RING(0) :
			e->serial;

		if (e->serial && !has(k, e->slot, serial, e->task))
			vine_keep_set(&e->serial, 0);
	}
	for (uint32_t i = 0; i < l->accels; i++) {
		struct vine_keep_accel *a = &k->accels[i];

		if (a->state == VINE_KEEP_ACCEL_VIRTUAL &&
		    !has(k, a->slot, a->serial, a->task))
			vine_keep_set(&a->state, VINE_KEEP_ACCEL_NONE);
	}
}

uint32_t
vine_heir_settle(struct vine_pipe_s *pipe)
{
	const struct vine_layout *l = &pipe->seg->layout;
	struct vine_keep *k = &pipe->keep;
	uint32_t lanes = 0;

	for (uint32_t i = 0; i < l->queues; i++)
		if (k->queues[i].state)
			settle_queue(pipe, i);
	for (uint32_t i = 0; i < l->sessions; i++)
		if (k->sessions[i].state == VINE_KEEP_SESSION_OPEN &&
		    !has_control(k, &k->sessions[i]))
			vine_keep_set(&k->sessions[i].state,
				      VINE_KEEP_SESSION_NONE);
	settle_records(k, l);
	for (uint32_t i = 0; i < l->sessions; i++) {
		struct vine_keep_session *s = &k->sessions[i];

		s->task++;	/* what is left is known */
		/* with its appliance all that used its memory ended */
		if (s->state == VINE_KEEP_SESSION_CLOSING)
			vine_keep_set(&s->state, VINE_KEEP_SESSION_CLOSED);
	}
	for (uint32_t i = 0; i < l->queues; i++)
		if (k->queues[i].state && k->queues[i].lane >= lanes)
			lanes = k->queues[i].lane + 1;
	return lanes;
}

/* --- take up ------------------------------------------------------------- */

static void
take_up_session(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	const struct vine_keep_session *k = &pipe->keep.sessions[rec->slot];

	if (k->state == VINE_KEEP_SESSION_NONE)
		return;
	rec->nonce = k->nonce;
	rec->state = VINE_REC_CLOSED;
	if (k->state == VINE_KEEP_SESSION_CLOSED)
		return;
	rec->state = VINE_REC_OPEN;
	rec->serial = k->serial;
	rec->fence = k->fence;
	rec->weight = k->weight;
	rec->peer = k->peer;
	rec->control = k->control;
	rec->mailbox = k->mailbox;
	vine_rec_read_life(pipe, rec);
	pipe->recs_open++;
	atomic_fetch_add(&pipe->mutes, rec->mute);
	if (k->serial > pipe->next_serial)
		pipe->next_serial = k->serial;
}

/* A task in flight that will not be run again. */
static void
answer_lost(struct vine_pq *pq, uint32_t cookie)
{
	enum vine_status status = pq->control ? VINE_STATUS_FAILED :
		VINE_STATUS_APPLIANCE_LOST;
	struct vine_comp comp = { .cookie = cookie };

	/* of a control task the session knows what to do */
	comp.how = vine_comp_how(status, pq->control ? ERESTART :
				 (uint32_t)vine_status_errno(status), 0);
	vine_cring_push(&pq->comp, &comp);
	vine_journal_answer(&pq->journal, cookie, pq->comp.pos);
	pq->completed++;
	vine_lane_count(pq->lane, VINE_COUNT_TASKS_LOST, !pq->control);
}

static int
answer_in_flight(struct vine_pq *pq)
{
	uint32_t *entries;
	int n = vine_journal_list(&pq->journal, &entries);

	for (int i = 0; i < n; i++)
		if (!(entries[i] & VINE_JOURNAL_AGAIN))
			answer_lost(pq, entries[i] & ~VINE_JOURNAL_MARKS);
	if (n >= 0)
		free(entries);
	return n < 0 ? n : 0;
}

static int
take_up_queue(struct vine_pipe_s *pipe, uint32_t i)
{
	const struct vine_keep_queue *k = &pipe->keep.queues[i];
	struct vine_pq *pq;
	int rc;

	pq = vine_pq_new(pipe, &pipe->recs[k->slot], i, k->lane,
			 (int)k->control);
	if (pq == NULL)
		return -ENOMEM;
	vine_pq_rings(pq, k->sub, k->comp);
	vine_journal_bind(&pq->journal, &pipe->keep, i, k->slots);
	pq->sub.pos = pq->taken = k->sub_pos;
	pq->comp.pos = k->comp_pos;
	rc = vine_lane_prepare(pq->lane, pq, &pq->entering);
	if (rc) {
		free(pq);
		return rc;
	}
	vine_pq_show(pq);
	vine_pq_list(pipe, pq);
	return answer_in_flight(pq);
}

/* What the directory of extents says, copied before anything is judged. */
struct old_extent {
	vine_off_t off;
	uint64_t len;
	uint32_t slot;
};

/*
 * What the lost have. The directory is a hint of the guests' own making: it can
 * only keep pages of this segment, that nobody has by the keep, from being
 * granted while a lost session lives.
 */
static void
take_up_extents(struct vine_pipe_s *pipe)
{
	uint32_t max = pipe->seg->layout.extents, count = 0;
	struct old_extent *old = calloc(max, sizeof(*old));

	for (uint32_t i = 0; i < max; i++) {
		struct vine_extent_shm *e = vine_seg_extent(pipe->seg, i);
		uint32_t slot = arch_load32(&e->session);
		uint64_t len = arch_load64(&e->len);

		if (pipe->extents.entries[i].state != VINE_EXTENT_FREE)
			continue;
		if (old && len && slot < pipe->seg->layout.sessions &&
		    pipe->recs[slot].state == VINE_REC_LOST)
			old[count++] = (struct old_extent){
				arch_load64(&e->off), len, slot };
		arch_store64(&e->len, 0);
	}
	for (uint32_t i = 0; i < count; i++)
		if (vine_extents_claim(&pipe->extents,
				       pipe->recs[old[i].slot].serial,
				       old[i].slot, old[i].off,
				       old[i].len) != 0)
			utils_log_limited(&pipe->door_rate, UTILS_LOG_WARN,
					  "segment %s session %u extent offset "
					  "%llu length %llu cannot be taken up",
					  pipe->seg->name, old[i].slot,
					  (unsigned long long)old[i].off,
					  (unsigned long long)old[i].len);
	free(old);
}

/* Sessions that the segment has and the keep has not. */
static uint32_t
find_lost(struct vine_pipe_s *pipe)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_session_shm *s = vine_seg_session(pipe->seg, i);
		uint32_t state = arch_load32(&s->state);
		struct vine_rec *rec = &pipe->recs[i];

		/* OPEN where the appliance was killed, LOST where it left */
		if (rec->state != VINE_REC_NONE ||
		    arch_load32(&s->claim) == 0 ||
		    (state != VINE_SESSION_OPEN && state != VINE_SESSION_LOST))
			continue;
		rec->state = VINE_REC_LOST;
		rec->serial = vine_rec_serial(pipe);
		rec->nonce = arch_load64(&s->nonce);
		vine_rec_read_life(pipe, rec);
		lost++;
	}
	return lost;
}

/* Tell each session what has become of it. It is also a wake: one that the
 * earlier appliance owed may never have come. */
static void
tell_all(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		const struct vine_rec *rec = &pipe->recs[i];

		if (rec->state == VINE_REC_OPEN)
			vine_door_admit(pipe, rec);
		else if (rec->state == VINE_REC_CLOSED)
			vine_door_say(pipe, i, rec->nonce, VINE_SESSION_CLOSED,
				      0);
		else if (rec->state == VINE_REC_LOST)
			vine_door_say(pipe, i, rec->nonce, VINE_SESSION_LOST,
				      ECONNRESET);
	}
}

int
vine_heir_take_up(struct vine_pipe_s *pipe)
{
	const struct vine_layout *l = &pipe->seg->layout;
	uint32_t lost;
	int rc = 0;

	for (uint32_t i = 0; i < l->sessions; i++)
		take_up_session(pipe, &pipe->recs[i]);
	lost = find_lost(pipe);
	take_up_extents(pipe);
	for (uint32_t i = 0; i < l->queues && rc == 0; i++) {
		arch_store32(&vine_seg_queue(pipe->seg, i)->state, 0);
		if (pipe->keep.queues[i].state)
			rc = take_up_queue(pipe, i);
	}
	if (rc)
		return rc;
	tell_all(pipe);
	if (pipe->recs_open)
		log_info("segment %s has %u sessions of an earlier appliance; "
			 "they go on", pipe->seg->name, pipe->recs_open);
	if (lost)
		log_warn("segment %s has %u sessions of an earlier appliance; "
			 "they are lost", pipe->seg->name, lost);
	vine_lane_count(&pipe->lanes[0], VINE_COUNT_SESSIONS_KEPT,
			pipe->recs_open);
	vine_lane_count(&pipe->lanes[0], VINE_COUNT_SESSIONS_LOST, lost);
	return 0;
}

/* --- enter --------------------------------------------------------------- */

/* Which procedures the session has, by its bitmap. */
static void
count_procs(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	for (uint32_t i = 0; i < pipe->seg->layout.procs; i++) {
		struct vine_proc_s *p =
			atomic_load(&pipe->registry.procs[i].proc);
		uint8_t bit = (uint8_t)(1u << (i & 7));

		if (!(rec->proc_refs[i / 8] & bit))
			continue;
		if (p == NULL) {	/* it is offered no more */
			rec->proc_refs[i / 8] &= (uint8_t)~bit;
			continue;
		}
		vine_registry_use(&pipe->registry, p);
		rec->procs += p->code != NULL;
		rec->code += p->code_size;
	}
}

static void
count_vaccels(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->seg->layout.accels; i++) {
		const struct vine_keep_accel *k = &pipe->keep.accels[i];

		if (k->state == VINE_KEEP_ACCEL_VIRTUAL)
			pipe->recs[k->slot].vaccels++;
	}
}

/* Code that no session has. */
static void
drop_idle(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->seg->layout.procs; i++) {
		struct vine_proc_s *p =
			atomic_load(&pipe->registry.procs[i].proc);

		if (p == NULL || p->code == NULL || p->users)
			continue;
		vine_registry_use(&pipe->registry, p);
		vine_registry_unuse(&pipe->registry, p, vine_pipe_rest(pipe));
	}
}

void
vine_heir_enter(struct vine_pipe_s *pipe)
{
	const struct vine_layout *l = &pipe->seg->layout;

	pthread_mutex_lock(&pipe->lock);
	vine_registry_restore(&pipe->registry);
	for (uint32_t i = 0; i < l->sessions; i++)
		if (pipe->recs[i].state == VINE_REC_OPEN)
			count_procs(pipe, &pipe->recs[i]);
	count_vaccels(pipe);
	drop_idle(pipe);
	for (uint32_t i = 0; i < l->sessions; i++)
		if (pipe->recs[i].state == VINE_REC_OPEN)
			vine_rec_tell(pipe, &pipe->recs[i]);
	for (uint32_t i = 0; i < l->queues; i++) {
		struct vine_pq *pq = atomic_load(&pipe->queues[i]);

		if (pq && pq->entering)
			vine_lane_post(pq->lane, pq->entering);
	}
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_heir_leave(struct vine_pipe_s *pipe)
{
	const struct vine_layout *l = &pipe->seg->layout;

	for (uint32_t i = 0; pipe->queues && i < l->queues; i++) {
		struct vine_pq *pq = atomic_load(&pipe->queues[i]);

		if (pq)
			vine_post_drop(pq->entering);
	}
	for (uint32_t i = 0; pipe->recs && i < l->sessions; i++)
		for (uint32_t j = 0; j < VINE_BELLS_MAX; j++) {
			free(pipe->recs[i].shares[j]);
			pipe->recs[i].shares[j] = NULL;
		}
}

static void
run_again(struct vine_lane *lane, struct vine_pq *pq, uint32_t entry)
{
	uint32_t place = entry & pq->journal.mask;
	struct vine_desc desc;

	memcpy(&desc, &pq->journal.descs[place], sizeof(desc));
	if (vine_req_run(lane, pq, &desc) == 0)
		return;
	/* no memory, or a quota that is less than it was */
	pq->over = 0;
	answer_lost(pq, entry & ~VINE_JOURNAL_MARKS);
}

void
vine_heir_run_again(struct vine_lane *lane, struct vine_pq *pq)
{
	uint32_t *entries;
	int n = vine_journal_list(&pq->journal, &entries);

	pq->entering = NULL;
	for (int i = 0; i < n; i++)
		run_again(lane, pq, entries[i]);
	if (n >= 0)
		free(entries);
	else	/* no memory: in any order then */
		for (uint32_t i = 0; i <= pq->journal.mask; i++)
			if (pq->journal.entries[i])
				run_again(lane, pq, pq->journal.entries[i]);
	vine_lane_wake_peer(pq);
}
