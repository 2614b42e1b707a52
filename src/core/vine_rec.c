/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot's record goes NONE, OPEN, CLOSING, CLOSED, NONE; records change under
 * the pipe's lock only. CLOSING lasts until every lane has let go of the
 * session's queues, which each does when none of the session's requests is held
 * by a service any more; the last of them ends the session.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_cancel.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_pq.h"
#include "core/vine_rec.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

uint32_t
vine_rec_serial(struct vine_pipe_s *pipe)
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
vine_rec_read_life(struct vine_pipe_s *pipe, struct vine_rec *rec)
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

void
vine_rec_tell(struct vine_pipe_s *pipe, const struct vine_rec *rec)
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

/* What a session has besides its slot; no lane has a queue of it any more. */
void
vine_rec_free(struct vine_rec *rec)
{
	for (uint32_t i = 0; i < VINE_BELLS_MAX; i++) {
		free(rec->shares[i]);
		rec->shares[i] = NULL;
	}
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

int
vine_rec_open(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t nonce)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	struct vine_keep_session *k = &pipe->keep.sessions[rec->slot];
	uint64_t most = atomic_load(&pipe->quotas.sessions);
	int64_t q;

	if (most && pipe->recs_open >= most)
		return -EDQUOT;
	vine_keep_set(&k->state, VINE_KEEP_SESSION_NONE);
	k->task = 0;
	rec->serial = vine_rec_serial(pipe);
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
	q = vine_pq_open(pipe, rec, 1);
	if (q < 0) {
		vine_extents_leave(&pipe->extents, rec->slot,
				   vine_pipe_rest(pipe));
		vine_rec_free(rec);
		return (int)q;
	}
	/* not before: who is put off must look new the next time */
	rec->nonce = nonce;
	rec->control = (uint32_t)q;
	rec->state = VINE_REC_OPEN;
	vine_rec_read_life(pipe, rec);
	rec_note(pipe, rec);
	pipe->recs_open++;
	atomic_fetch_add(&pipe->mutes, rec->mute);
	return 0;
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
int
vine_rec_free_claim(struct vine_pipe_s *pipe, uint32_t slot, uint32_t tag)
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
	vine_rec_tell(pipe, rec);
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
	vine_rec_tell(lane->pipe, rec);
	vine_lane_count(lane, VINE_COUNT_SESSIONS_FENCED, 1);
	/* it may have asked to leave meanwhile */
	vine_ready_ring(&lane->pipe->lanes[0].ready, VINE_READY_DOOR);
}

static void
finish(struct vine_lane *lane, struct vine_rec *rec)
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
	vine_rec_free(rec);
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
		if (!vine_rec_free_claim(pipe, rec->slot, claim_of(pipe, rec)))
			/* at the next look */
			rec->strikes = VINE_REC_STRIKES;
	}
	rec->beats = 0;
	/* whose knock came while the slot was another's: look again */
	if (arch_load64(&vine_seg_session(pipe->seg, rec->slot)->nonce) !=
	    rec->nonce)
		vine_ready_ring(&pipe->lanes[0].ready, VINE_READY_DOOR);
	pthread_mutex_unlock(&pipe->lock);
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
		finish(lane, l->rec);
	free(l);
}

/* Under the lock. */
void
vine_rec_close(struct vine_pipe_s *pipe, struct vine_rec *rec, int dead)
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

/* A lost session that has left, or whose slot is another's by now, is over:
 * 1. */
int
vine_rec_end_lost(struct vine_pipe_s *pipe, struct vine_rec *rec,
		  uint32_t request, uint64_t nonce)
{
	if (request != VINE_REQUEST_DETACH && nonce == rec->nonce)
		return 0;
	return_memory(pipe, rec, vine_pipe_rest(pipe));
	rec->state = VINE_REC_CLOSED;
	rec->beats = 0;
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_CLOSED, 0);
	return 1;
}

/* Nobody will ask for the end of this one. */
void
vine_rec_bury(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	return_memory(pipe, rec, vine_pipe_rest(pipe));
	rec->state = VINE_REC_NONE;
	vine_rec_free_claim(pipe, rec->slot, claim_of(pipe, rec));
	rec->beats = 0;
}
