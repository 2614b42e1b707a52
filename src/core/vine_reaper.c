/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who lives holds a byte lock, lets its heartbeat grow, or has a connection; a
 * claim without any of them is somebody's who died, or is about to take the
 * lock: it is cleared when it has been found so a few times. Records change
 * under the pipe's lock only.
 */
#include "arch/shm/arch_shm.h"
#include "core/vine_pipe.h"
#include "core/vine_reaper.h"
#include "core/vine_rec.h"
#include "utils/utils_clock.h"

/* A claim whose owner holds no lock: dead, or just about to take it. */
static void
reap_claim(struct vine_pipe_s *pipe, struct vine_rec *rec)
{
	struct vine_session_shm *s = vine_seg_session(pipe->seg, rec->slot);
	uint32_t claim = arch_load32(&s->claim);

	if (claim != rec->claim)	/* without a lock, perhaps another's */
		rec->strikes = 0;
	rec->claim = claim;
	if (claim == 0 || ++rec->strikes < VINE_REC_STRIKES)
		return;
	rec->strikes = 0;
	vine_rec_free_claim(pipe, rec->slot, claim);
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
		vine_rec_close(pipe, rec, 1);
	} else if (rec->state == VINE_REC_LOST) {
		vine_rec_bury(pipe, rec);
	} else if (rec->state != VINE_REC_CLOSING) {
		reap_claim(pipe, rec);
		rec->state = VINE_REC_NONE;
	}
}

int
vine_reaper_go(struct vine_pipe_s *pipe)
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
vine_reaper_peer_gone(struct vine_pipe_s *pipe, uint32_t peer)
{
	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_rec *rec = &pipe->recs[i];

		if (rec->state == VINE_REC_OPEN && rec->peer == peer)
			vine_rec_close(pipe, rec, 1);
	}
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_reaper_peers_only(struct vine_pipe_s *pipe, const uint64_t *here)
{
	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		struct vine_rec *rec = &pipe->recs[i];
		uint32_t peer = rec->peer;

		if (rec->state != VINE_REC_OPEN || peer == 0)
			continue;
		if (peer >= VINE_PEER_IDS || !(here[peer / 64] >> (peer & 63) &
					       1))
			vine_rec_close(pipe, rec, 1);
	}
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_reaper_port_gone(struct vine_pipe_s *pipe, uint32_t slot, uint64_t nonce)
{
	struct vine_rec *rec = &pipe->recs[slot];

	pthread_mutex_lock(&pipe->lock);
	if (rec->state == VINE_REC_OPEN && rec->port && rec->nonce == nonce)
		vine_rec_close(pipe, rec, 1);
	pthread_mutex_unlock(&pipe->lock);
}
