/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making queues: an index that no lane has, rings out of the heap, a note for
 * the next appliance, and a place in a lane. All of it under the pipe's lock;
 * from vine_lane_add() on the queue is its lane's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_pipe.h"
#include "core/vine_pq.h"

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

struct vine_pq *
vine_pq_new(struct vine_pipe_s *pipe, struct vine_rec *rec, uint32_t index,
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
vine_pq_rings(struct vine_pq *pq, vine_off_t sub, vine_off_t comp)
{
	uint8_t *base = pq->lane->pipe->seg->base;

	pq->sub.slots = (struct vine_desc_shm *)(base + sub);
	pq->comp.slots = (struct vine_comp_shm *)(base + comp);
}

void
vine_pq_show(const struct vine_pq *pq)
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
	vine_pq_rings(pq, off, off + sub_bytes);
	if (pq->control)
		rec->mailbox = off + sub_bytes + comp_bytes;
	arch_store32(&pq->shm->waiting, 0);
	vine_pq_show(pq);
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
vine_pq_list(struct vine_pipe_s *pipe, struct vine_pq *pq)
{
	pq->rec->queues++;
	atomic_store(&pipe->queue_lanes[pq->index], pq->lane->index + 1);
	atomic_store_explicit(&pipe->queues[pq->index], pq,
			      memory_order_release);
}

int64_t
vine_pq_open(struct vine_pipe_s *pipe, struct vine_rec *rec, int control)
{
	struct vine_pq *pq;
	uint32_t index;
	int rc = queue_index(pipe, &index);

	if (rc)
		return rc;
	pq = vine_pq_new(pipe, rec, index,
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
	vine_pq_list(pipe, pq);
	return index;
}
