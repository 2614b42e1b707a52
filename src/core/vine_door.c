/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: who knocks is let in, refused or let go. A look goes on where the
 * last one stopped. Slots are read by single loads; what was decided stands in
 * the records (vine_rec.h), which change under the pipe's lock only.
 */
#include <errno.h>
#include <string.h>

#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_rec.h"
#include "utils/utils_log.h"

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
vine_door_admit(struct vine_pipe_s *pipe, const struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);

	arch_store32(&s->queue, rec->control);
	arch_store32(&s->fence, rec->fence);
	arch_store64(&s->mailbox, rec->mailbox);
	vine_rec_tell(pipe, rec);
	vine_door_say(pipe, rec->slot, rec->nonce, VINE_SESSION_OPEN, 0);
}

/* Returns 1 if somebody was let in. */
static int
admit(struct vine_pipe_s *pipe, struct vine_rec *rec, uint64_t nonce)
{
	struct vine_lane *lane = &pipe->lanes[0];
	int rc = pipe->fenced ? -EPERM : vine_rec_open(pipe, rec, nonce);

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
		vine_door_say(pipe, rec->slot, nonce, VINE_SESSION_REFUSED,
			      -rc);
		return 0;
	}
	vine_lane_count(lane, VINE_COUNT_SESSIONS_OPENED, 1);
	log_debug("segment %s session %u opened", pipe->seg->name, rec->slot);
	vine_door_admit(pipe, rec);
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
		over = vine_rec_end_lost(pipe, rec, request, nonce);
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
		vine_rec_close(pipe, rec, 0);
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
	vine_rec_close(pipe, rec, 0);
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

void
vine_door_lose_all(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++)
		if (pipe->recs[i].state == VINE_REC_OPEN)
			vine_rec_close(pipe, &pipe->recs[i], 0);
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
		vine_rec_free(rec);
	}
	pthread_mutex_unlock(&pipe->lock);
}
