/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door's states. A slot's record goes NONE, OPEN, CLOSING, CLOSED, NONE;
 * records change under the pipe's lock only. CLOSING lasts until every lane has
 * let go of the session's queues, which each does when none of the session's
 * requests is held by a service any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_cancel.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define STRIKES 3u	/* looks that an abandoned claim outlives */

void
vine_door_say(struct vine_pipe_s *pipe, uint32_t slot, uint64_t nonce,
	      enum vine_session_state state, int error)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, slot);

	arch_store32(&s->error, (uint32_t)error);
	arch_store64(&s->generation, pipe->generation);
	arch_store_release32(&s->state, state);
	/* DOOR-R2: what else was written is there before the nonce is echoed;
	 * pairs with DOOR-A2 in vine_claim.c. With the state last, an
	 * applicant could take the state of an earlier session for his. */
	arch_store_release64(&s->echo, nonce);
	arch_bell_ring(&pipe->recs[slot].bell, ~0u);
}

void
vine_door_show(const struct vine_pq *pq)
{
	const uint8_t *base = pq->lane->pipe->seg->base;
	struct vine_queue_shm *shm = pq->shm;

	arch_store32(&shm->armed, 1);
	arch_store32(&shm->session, pq->rec->slot);
	arch_store32(&shm->bell, pq->lane->index);
	arch_store64(&shm->sub, (uint64_t)((uint8_t *)pq->sub.slots - base));
	arch_store64(&shm->comp, (uint64_t)((uint8_t *)pq->comp.slots - base));
	arch_store32(&shm->sub_slots, pq->sub.mask + 1);
	arch_store32(&shm->comp_slots, pq->comp.mask + 1);
	arch_store32(&shm->taken, pq->taken);
	arch_store32(&shm->state, 1);
}

static int
queue_index(struct vine_pipe_s *pipe, uint32_t *index)
{
	uint32_t n = pipe->seg->layout.queues;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (pipe->next_queue + i) % n;

		/* the lane's number is what vine_lane_remove clears last */
		if (at != VINE_READY_DOOR &&
		    atomic_load(&pipe->queue_lanes[at]) == 0) {
			pipe->next_queue = at + 1;
			*index = at;
			return 0;
		}
	}
	return -EDQUOT;
}

/* Rings come from the heap: submissions, completions, a control page. */
static int
queue_rings(struct vine_pipe_s *pipe, struct vine_rec *rec, struct vine_pq *pq)
{
	/* half as large as a completion ring has room for tasks: a task that
	 * was taken frees its slot, but keeps its place among completions */
	uint64_t sub_bytes = (pq->sub.mask + 1) * sizeof(struct vine_desc_shm);
	uint64_t comp_bytes = (pq->comp.mask + 1) *
		sizeof(struct vine_comp_shm);
	uint64_t bytes = sub_bytes + comp_bytes;
	vine_off_t off;
	int rc;

	if (pq->control)
		bytes += VINE_PAGE;
	rc = vine_extents_grant(&pipe->extents, VINE_SERIAL_RING(rec->serial),
				rec->slot, pq->index, bytes, &off);
	if (rc)
		return rc;
	memset(pipe->seg->base + off, 0, bytes);
	vine_door_rings(pq, off, off + sub_bytes);
	if (pq->control)
		rec->mailbox = off + sub_bytes + comp_bytes;
	arch_store32(&pq->shm->waiting, 0);
	vine_door_show(pq);
	return 0;
}

/* For the next appliance. */
static int
queue_note(struct vine_pipe_s *pipe, struct vine_pq *pq)
{
	struct vine_keep_queue *k = &pipe->keep.queues[pq->index];
	int rc = vine_journal_open(&pq->journal, &pipe->keep, pq->index,
				   pq->sub.mask + 1);

	if (rc)
		return rc;
	k->serial = pq->serial;
	k->slot = pq->rec->slot;
	k->control = pq->control;
	k->sub = (uint64_t)((uint8_t *)pq->sub.slots - pipe->seg->base);
	k->comp = (uint64_t)((uint8_t *)pq->comp.slots - pipe->seg->base);
	k->task = pipe->keep.sessions[pq->rec->slot].task;
	k->lane = pq->lane->index;
	k->slots = pq->sub.mask + 1;
	vine_keep_set(&k->state, 1);
	return 0;
}

void
vine_door_rings(struct vine_pq *pq, vine_off_t sub, vine_off_t comp)
{
	uint8_t *base = pq->lane->pipe->seg->base;

	pq->sub.slots = (struct vine_desc_shm *)(base + sub);
	pq->comp.slots = (struct vine_comp_shm *)(base + comp);
}

/* A session has a share in each lane that has a queue of it. */
static struct vine_share *
share_of(struct vine_rec *rec, uint32_t lane)
{
	struct vine_share **share = &rec->shares[lane];

	if (*share)
		return *share;
	*share = malloc(sizeof(**share));
	if (*share) {
		vine_sched_session_init(&(*share)->turns, rec->weight);
		vine_share_init(*share);
	}
	return *share;
}

/* What a session has besides its slot; no lane has a queue of it any more. */
static void
rec_free(struct vine_rec *rec)
{
	for (uint32_t i = 0; i < VINE_BELLS_MAX; i++) {
		free(rec->shares[i]);
		rec->shares[i] = NULL;
	}
}

struct vine_pq *
vine_door_pq(struct vine_pipe_s *pipe, struct vine_rec *rec, uint32_t index,
	     uint32_t lane, int control)
{
	struct vine_pq *pq = calloc(1, sizeof(*pq));
	uint32_t slots = control ? VINE_SLOTS_CTL :
		pipe->seg->layout.queue_slots;

	if (pq == NULL)
		return NULL;
	pq->index = index;
	pq->shm = vine_seg_queue(pipe->seg, index);
	pq->lane = &pipe->lanes[lane];
	pq->rec = rec;
	pq->share = share_of(rec, lane);
	if (pq->share == NULL) {
		free(pq);
		return NULL;
	}
	utils_link_init(&pq->mate);
	pq->sub.mask = slots - 1;
	pq->comp.mask = 2 * slots - 1;
	pq->serial = rec->serial;
	pq->fence = rec->fence;
	pq->control = (uint32_t)control;
	pq->trace_id = pipe->seg->incarnation << 16 | index;
	return pq;
}

void
vine_door_list(struct vine_pipe_s *pipe, struct vine_pq *pq)
{
	pq->rec->queues++;
	atomic_store(&pipe->queue_lanes[pq->index], pq->lane->index + 1);
	atomic_store_explicit(&pipe->queues[pq->index], pq,
			      memory_order_release);
}

int64_t
vine_door_queue(struct vine_pipe_s *pipe, struct vine_rec *rec, int control)
{
	struct vine_pq *pq;
	uint32_t index;
	int rc = queue_index(pipe, &index);

	if (rc)
		return rc;
	pq = vine_door_pq(pipe, rec, index,
			  pipe->next_lane++ % pipe->lane_count, control);
	if (pq == NULL)
		return -ENOMEM;
	vine_pipe_sweep(pipe, VINE_SWEEP);
	rc = queue_rings(pipe, rec, pq);
	if (rc == -ENOMEM && pipe->extents.resting)
		rc = -EAGAIN;	/* there may be enough in a moment */
	if (rc == 0)
		rc = queue_note(pipe, pq);
	if (rc == 0) {
		rc = vine_lane_add(pq->lane, pq);
		if (rc)
			vine_journal_close(&pq->journal);
	}
	if (rc) {
		free(pq);	/* its extent goes with the session */
		return rc;
	}
	vine_door_list(pipe, pq);
	return index;
}

void
vine_door_tell(struct vine_pipe_s *pipe, const struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);

	const struct vine_extents_use *use = &pipe->extents.use[rec->slot];

	arch_store64(&s->granted, use->held - use->resting);
	arch_store32(&s->queues, rec->queues);
	arch_store32(&s->vaccels, rec->vaccels);
	arch_store32(&s->procs, rec->procs);
	arch_store64(&s->code, rec->code);
	arch_store32(&s->tasks, atomic_load(&rec->places.used));
#define VINE_QUOTA(NAME, name, bits, value, what) \
	arch_store##bits(&s->quota_##name, (uint##bits##_t)atomic_load( \
			 &pipe->quotas.session[VINE_QUOTA_##NAME]));
#include "core/quotas.def"
#undef VINE_QUOTA
}

uint32_t
vine_door_serial(struct vine_pipe_s *pipe)
{
	uint32_t n = pipe->seg->layout.sessions, serial, i;

	do {	/* there are more numbers than sessions */
		serial = (uint32_t)++pipe->next_serial & ~VINE_SERIAL_RING(0);
		if (pipe->next_serial < VINE_SERIAL_RING(0))
			return serial;	/* none has been used before */
		for (i = 0; i < n && pipe->recs[i].serial != serial; i++)
			;
	} while (serial == 0 || i < n);
	return serial;
}

void
vine_door_read_life(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	uint32_t flags = arch_load32(&s->flags);

	rec->peer = arch_load32(&s->peer);
	rec->beats = (flags & VINE_SESSION_F_BEATS) != 0;
	rec->mute = (flags & VINE_SESSION_F_MUTE) != 0;
	rec->hears = (flags & VINE_SESSION_F_HEARS) != 0;
	rec->port = (flags & VINE_SESSION_F_PORT) != 0;
	rec->beat = arch_load64(&s->heartbeat);
	rec->beat_at = utils_clock_ns();
}

/* For the next appliance: from now on it is a session. */
static void
rec_note(struct vine_pipe_s *pipe, const struct vine_rec *rec)
{
	struct vine_keep_session *k = &pipe->keep.sessions[rec->slot];

	k->serial = rec->serial;
	k->nonce = rec->nonce;
	k->mailbox = rec->mailbox;
	k->task = 1;
	k->control = rec->control;
	k->fence = rec->fence;
	k->weight = rec->weight;
	k->peer = rec->peer;
	vine_keep_set(&k->state, VINE_KEEP_SESSION_OPEN);
}

static int
rec_open(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t nonce)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	struct vine_keep_session *k = &pipe->keep.sessions[rec->slot];
	uint64_t most = atomic_load(&pipe->quotas.sessions);
	int64_t q;

	if (most && pipe->recs_open >= most)
		return -EDQUOT;
	vine_keep_set(&k->state, VINE_KEEP_SESSION_NONE);
	k->task = 0;
	rec->serial = vine_door_serial(pipe);
	rec->queues = 0;
	rec->vaccels = 0;
	rec->procs = 0;
	rec->code = 0;
	rec->strikes = 0;
	rec->dead = 0;
	rec->fenced = 0;
	/* it may be any number: vine_sched_session_init bounds it */
	rec->weight = arch_load32(&s->weight);
	rec->fence = arch_load64(&s->boot_id) != pipe->boot_id ||
		!(arch_load32(&s->flags) & VINE_SESSION_F_MEMBARRIER);
	memset(rec->proc_refs, 0, pipe->keep.refs_stride);
	q = vine_door_queue(pipe, rec, 1);
	if (q < 0) {
		vine_extents_leave(&pipe->extents, rec->slot,
				   vine_pipe_rest(pipe));
		rec_free(rec);
		return (int)q;
	}
	/* not before: who is put off must look new the next time */
	rec->nonce = nonce;
	rec->control = (uint32_t)q;
	rec->state = VINE_REC_OPEN;
	vine_door_read_life(pipe, rec);
	rec_note(pipe, rec);
	pipe->recs_open++;
	atomic_fetch_add(&pipe->mutes, rec->mute);
	return 0;
}

void
vine_door_admit(struct vine_pipe_s *pipe, const struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);

	arch_store32(&s->queue, rec->control);
	arch_store32(&s->fence, rec->fence);
	arch_store64(&s->mailbox, rec->mailbox);
	vine_door_tell(pipe, rec);
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_OPEN, 0);
}

/* Returns 1 if somebody was let in. */
static int
admit(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t nonce)
{
	struct vine_lane *lane = &pipe->lanes[0];
	int rc = pipe->fenced ? -EPERM : rec_open(pipe, rec, nonce);

	pipe->door_work++;
	if (rc == -EAGAIN) {
		lane->knocked = 1;
		return 0;
	}
	if (rc) {
		utils_log_limited(&pipe->door_rate, UTILS_LOG_WARN,
				  "segment %s session %u refused: %s",
				  pipe->seg->name, rec->slot, strerror(-rc));
		vine_lane_count(lane, VINE_COUNT_SESSIONS_REFUSED, 1);
		rec->nonce = nonce;
		vine_door_say(pipe, rec->slot, nonce, VINE_SESSION_REFUSED, -rc);
		return 0;
	}
	vine_lane_count(lane, VINE_COUNT_SESSIONS_OPENED, 1);
	log_debug("segment %s session %u opened", pipe->seg->name, rec->slot);
	vine_door_admit(pipe, rec);
	return 1;
}

/* Close the queues of a session in one lane, if nothing of it is held. */
struct leave {
	struct vine_post post;
	struct vine_rec *rec;
};

static void
leave_here(struct vine_lane *lane, struct vine_post *post)
{
	struct leave *l = (struct leave *)post;
	struct vine_share *share = l->rec->shares[lane->index];
	uint32_t left = 0;

	if (share) {
		utils_list_each(&share->queues, link)
			left += vine_cancel_held(utils_list_of(
				link, struct vine_pq, mate));
		if (left) {
			vine_lane_defer(lane, post);
			return;
		}
		while (!utils_list_empty(&share->queues))
			vine_lane_remove(lane, utils_list_of(
				utils_list_first(&share->queues),
				struct vine_pq, mate));
	}
	if (atomic_fetch_sub(&l->rec->lanes_open, 1) == 1)
		vine_door_finish(lane, l->rec);
	free(l);
}

/* Under the lock. */
static void
rec_close(struct vine_pipe_s *pipe, struct vine_rec *rec, int dead)
{
	struct leave *posts[VINE_BELLS_MAX];

	pipe->door_work++;
	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		posts[i] = calloc(1, sizeof(*posts[i]));
		if (posts[i] == NULL) {	/* try again at the next look */
			while (i > 0)
				free(posts[--i]);
			return;
		}
	}
	rec->state = VINE_REC_CLOSING;
	rec->dead = dead;
	vine_keep_set(&pipe->keep.sessions[rec->slot].state,
		      VINE_KEEP_SESSION_CLOSING);
	atomic_store(&rec->lanes_open, pipe->lane_count);
	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		posts[i]->post.fn = leave_here;
		posts[i]->rec = rec;
		vine_lane_post(&pipe->lanes[i], &posts[i]->post);
	}
}

/* What the claim of a session is. One without a lock may have come back to life
 * and given its slot to another, whose claim is not ours to clear. */
static uint32_t
claim_of(struct vine_pipe_s *pipe, const struct vine_rec *rec)
{
	return rec->beats ? vine_seg_claim(rec->nonce) :
		arch_load32(&vine_seg_session(pipe->seg, rec->slot)->claim);
}

/*
 * Clear the claim of a session that is gone. With the lock in our hand nobody
 * of this machine can take the slot for his; he looks at the claim again once
 * he has it. Where somebody has the lock the slot was given back and is
 * another's by now, or a peer that has hung up is not quite gone. Returns
 * whether it is clear.
 */
static int
free_claim(struct vine_pipe_s *pipe, uint32_t slot, uint32_t tag)
{
	le32_t *claim = &vine_seg_session(pipe->seg, slot)->claim;
	uint32_t byte = ARCH_SHM_BYTE_SESSION + slot;

	if (pipe->seg->fd >= 0 && arch_shm_lock(pipe->seg->fd, byte, 0) != 0)
		return 0;
	arch_cas32(claim, tag, 0);
	if (pipe->seg->fd >= 0)
		arch_shm_unlock(pipe->seg->fd, byte);
	return 1;
}

/* What was granted to a session, and its rings. */
static void
return_memory(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t epoch)
{
	vine_extents_leave(&pipe->extents, rec->slot, epoch);
	vine_door_tell(pipe, rec);
}

/*
 * Its application lives and may not know yet: it is kept like one of an earlier
 * appliance, with its memory, until it leaves or dies.
 */
static void
finish_fenced(struct vine_lane *lane, struct vine_rec *rec)
{
	rec->state = VINE_REC_LOST;
	/* the next appliance finds it in the segment, where it is lost */
	vine_keep_set(&lane->pipe->keep.sessions[rec->slot].state,
		      VINE_KEEP_SESSION_NONE);
	vine_door_tell(lane->pipe, rec);
	vine_lane_count(lane, VINE_COUNT_SESSIONS_FENCED, 1);
	/* it may have asked to leave meanwhile */
	vine_ready_ring(&lane->pipe->lanes[0].ready, VINE_READY_DOOR);
}

void
vine_door_finish(struct vine_lane *lane, struct vine_rec *rec)
{
	struct vine_pipe_s *pipe = lane->pipe;
	uint64_t epoch;

	pthread_mutex_lock(&pipe->lock);
	epoch = vine_pipe_rest(pipe);
	if (rec->vaccels)
		vine_registry_close_all(&pipe->registry, rec->serial);
	for (uint32_t i = 0; i < pipe->seg->layout.procs; i++) {
		struct vine_proc_s *p =
			atomic_load(&pipe->registry.procs[i].proc);

		if (rec->proc_refs[i / 8] == 0) {
			i |= 7;
			continue;
		}
		if (p && rec->proc_refs[i / 8] & 1u << (i & 7))
			vine_registry_unuse(&pipe->registry, p, epoch);
	}
	if (pipe->left)
		pipe->left(pipe->left_user, pipe, rec->serial);
	rec_free(rec);
	rec->queues = 0;
	rec->vaccels = 0;
	rec->procs = 0;
	rec->code = 0;
	pipe->recs_open--;
	atomic_fetch_sub(&pipe->mutes, rec->mute);
	if (rec->fenced) {
		finish_fenced(lane, rec);
		pthread_mutex_unlock(&pipe->lock);
		return;
	}
	return_memory(pipe, rec, epoch);
	vine_lane_count(lane, rec->dead ? VINE_COUNT_SESSIONS_REAPED :
			VINE_COUNT_SESSIONS_CLOSED, 1);
	log_debug("segment %s session %u %s", pipe->seg->name, rec->slot,
		  rec->dead ? "taken back, its process is gone" : "closed");
	rec->state = VINE_REC_CLOSED;
	/* nothing of it is left; the application may not know that yet */
	vine_keep_set(&pipe->keep.sessions[rec->slot].state,
		      VINE_KEEP_SESSION_CLOSED);
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_CLOSED, 0);
	if (rec->dead) {
		rec->state = VINE_REC_NONE;
		if (!free_claim(pipe, rec->slot, claim_of(pipe, rec)))
			rec->strikes = STRIKES;	/* at the next look */
	}
	rec->beats = 0;
	/* whose knock came while the slot was another's: look again */
	if (arch_load64(&vine_seg_session(pipe->seg, rec->slot)->nonce) !=
	    rec->nonce)
		vine_ready_ring(&pipe->lanes[0].ready, VINE_READY_DOOR);
	pthread_mutex_unlock(&pipe->lock);
}

/* A lost session that has left, or whose slot is another's by now, is over:
 * 1. */
static int
end_lost(struct vine_pipe_s *pipe, struct vine_rec *rec, uint32_t request,
	 uint64_t nonce)
{
	if (request != VINE_REQUEST_DETACH && nonce == rec->nonce)
		return 0;
	return_memory(pipe, rec, vine_pipe_rest(pipe));
	rec->state = VINE_REC_CLOSED;
	rec->beats = 0;
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_CLOSED, 0);
	return 1;
}

/* What does the slot ask for? Returns how much there was to do. */
static int
look_at(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	uint32_t request;
	uint64_t nonce;
	int over = 0;

	if (arch_load32(&s->claim) == 0) {
		if (rec->state == VINE_REC_CLOSED)
			rec->state = VINE_REC_NONE;
		if (rec->state == VINE_REC_NONE)
			return 0;
	}
	/* A request is of the nonce that stands before and after it; while one
	 * applicant follows another there is none, and the knock comes. */
	nonce = arch_load_acquire64(&s->nonce);
	/* DOOR-A1: pairs with DOOR-R1 in vine_claim.c. */
	request = arch_load_acquire32(&s->request);
	if (arch_load64(&s->nonce) != nonce)
		return 0;
	if (rec->state == VINE_REC_LOST)
		over = end_lost(pipe, rec, request, nonce);
	switch (rec->state) {
	case VINE_REC_NONE:
	case VINE_REC_CLOSED:
		if (request == VINE_REQUEST_ATTACH && nonce != rec->nonce &&
		    nonce != 0)
			return over + admit(pipe, rec, nonce);
		break;
	case VINE_REC_OPEN:
		/* or it gave up before our answer, and the slot is another's */
		if (request != VINE_REQUEST_DETACH && nonce == rec->nonce)
			break;
		rec_close(pipe, rec, 0);
		return 1;
	default:
		break;
	}
	return over;
}

uint32_t
vine_door_answer(struct vine_pipe_s *pipe)
{
	uint32_t n = pipe->seg->layout.sessions, found = 0;

	/* what was taken up reaches its lanes first: see vine_heir_enter() */
	if (!pipe->serving)
		return 0;
	pthread_mutex_lock(&pipe->lock);
	pipe->door_work = 0;
	for (uint32_t i = 0; i < n && !pipe->draining; i++) {
		if (pipe->door_work >= VINE_DOOR_BATCH) {
			pipe->lanes[0].knocked = 1;
			break;
		}
		found += (uint32_t)look_at(pipe, &pipe->recs[pipe->door_next]);
		pipe->door_next = (pipe->door_next + 1) % n;
	}
	pthread_mutex_unlock(&pipe->lock);
	return found;
}

/* Under the lock. */
static int
fence(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	rec_close(pipe, rec, 0);
	if (rec->state != VINE_REC_CLOSING)
		return -ENOMEM;
	rec->fenced = 1;
	log_warn("segment %s session %u was ended by the operator",
		 pipe->seg->name, rec->slot);
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_LOST, EPERM);
	return 0;
}

int
vine_door_fence(struct vine_pipe_s *pipe, uint32_t serial)
{
	int rc = 0, n = 0;

	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions && rc == 0; i++) {
		struct vine_rec *rec = &pipe->recs[i];

		if (rec->state != VINE_REC_OPEN ||
		    (serial && rec->serial != serial))
			continue;
		rc = fence(pipe, rec);
		n += rc == 0;
	}
	pthread_mutex_unlock(&pipe->lock);
	if (rc == 0 && n == 0 && serial)
		rc = -ENOENT;
	return rc ? rc : n;
}

void
vine_door_label(const struct vine_pipe_s *pipe, uint32_t slot,
		char label[VINE_DOOR_LABEL])
{
	const struct vine_session_shm *s = vine_seg_session(pipe->seg, slot);

	for (size_t i = 0; i < VINE_DOOR_LABEL - 1; i++)
		label[i] = (char)arch_load8(&s->label[i]);
	label[VINE_DOOR_LABEL - 1] = '\0';
}

/* A claim whose owner holds no lock: dead, or just about to take it. */
static void
reap_claim(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	uint32_t claim = arch_load32(&s->claim);

	if (claim != rec->claim)	/* without a lock, perhaps another's */
		rec->strikes = 0;
	rec->claim = claim;
	if (claim == 0 || ++rec->strikes < STRIKES)
		return;
	rec->strikes = 0;
	free_claim(pipe, rec->slot, claim);
}

/* Does whoever has a slot live? By the heartbeat, or by the lock; of the
 * program's own memory nobody knows. */
static int
is_alive(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t now)
{
	uint64_t beat;

	if (!rec->beats)
		return pipe->seg->fd < 0 ? !pipe->seg->far :
			arch_shm_locked(pipe->seg->fd,
					ARCH_SHM_BYTE_SESSION + rec->slot);
	beat = arch_load64(&vine_seg_session(pipe->seg, rec->slot)->heartbeat);
	if (beat != rec->beat) {
		rec->beat = beat;
		rec->beat_at = now;
	}
	return now - rec->beat_at < pipe->seg->lease;
}

/* Is the session of a slot dead? */
static void
reap_at(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t now)
{
	uint32_t i = rec->slot;

	if (rec->state == VINE_REC_NONE &&
	    arch_load32(&vine_seg_session(pipe->seg, i)->claim) == 0)
		return;
	if (is_alive(pipe, rec, now)) {
		rec->strikes = 0;
	} else if (rec->state == VINE_REC_OPEN) {
		rec_close(pipe, rec, 1);
	} else if (rec->state == VINE_REC_LOST) {
		return_memory(pipe, rec, vine_pipe_rest(pipe));
		rec->state = VINE_REC_NONE;
		free_claim(pipe, i, claim_of(pipe, rec));
		rec->beats = 0;
	} else if (rec->state != VINE_REC_CLOSING) {
		reap_claim(pipe, rec);
		rec->state = VINE_REC_NONE;
	}
}

int
vine_door_reap(struct vine_pipe_s *pipe)
{
	uint64_t now = utils_clock_ns();
	uint64_t end = now + VINE_REAP_US * UINT64_C(1000);

	if ((pipe->seg->fd < 0 && !pipe->seg->far) || !pipe->serving)
		return 0;
	pthread_mutex_lock(&pipe->lock);
	if (pipe->reap_left == 0)
		pipe->reap_left = pipe->seg->layout.sessions;
	pipe->door_work = 0;
	do
		reap_at(pipe, &pipe->recs[--pipe->reap_left], now);
	while (pipe->reap_left && pipe->door_work < VINE_DOOR_BATCH &&
	       utils_clock_ns() < end);
	pthread_mutex_unlock(&pipe->lock);
	return pipe->reap_left != 0;
}

void
vine_door_peer_gone(struct vine_pipe_s *pipe, uint32_t peer)
{
	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_rec *rec = &pipe->recs[i];

		if (rec->state == VINE_REC_OPEN && rec->peer == peer)
			rec_close(pipe, rec, 1);
	}
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_door_port_gone(struct vine_pipe_s *pipe, uint32_t slot, uint64_t nonce)
{
	struct vine_rec *rec = &pipe->recs[slot];

	pthread_mutex_lock(&pipe->lock);
	if (rec->state == VINE_REC_OPEN && rec->port && rec->nonce == nonce)
		rec_close(pipe, rec, 1);
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_door_peers_only(struct vine_pipe_s *pipe, const uint64_t *here)
{
	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_rec *rec = &pipe->recs[i];
		uint32_t peer = rec->peer;

		if (rec->state != VINE_REC_OPEN || peer == 0)
			continue;
		if (peer >= VINE_PEER_IDS || !(here[peer / 64] >> (peer & 63) &
					       1))
			rec_close(pipe, rec, 1);
	}
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_door_lose_all(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++)
		if (pipe->recs[i].state == VINE_REC_OPEN)
			rec_close(pipe, &pipe->recs[i], 0);
}

void
vine_door_close_all(struct vine_pipe_s *pipe)
{
	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_rec *rec = &pipe->recs[i];
		struct vine_session_shm *s = vine_seg_session(pipe->seg, i);

		if (rec->state == VINE_REC_OPEN)
			vine_door_say(pipe, i, arch_load64(&s->nonce),
			       VINE_SESSION_LOST, ESHUTDOWN);
		rec_free(rec);
	}
	pthread_mutex_unlock(&pipe->lock);
}
