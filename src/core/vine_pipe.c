/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, serving and ending, and what is done now and then: memory that has
 * rested, a call for memory, a look for the dead. Opening goes by steps: the
 * office, the keep, the tables, what an earlier appliance left; the end goes
 * back. Its sessions, extents and registry change under the pipe's lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_far.h"
#include "core/vine_judge.h"
#include "core/vine_heir.h"
#include "core/vine_mend.h"
#include "core/vine_office.h"
#include "core/vine_park.h"
#include "core/vine_pipe.h"
#include "core/vine_program.h"
#include "core/vine_tally.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

static int
tables_init(struct vine_pipe_s *pipe, uint32_t lanes)
{
	const struct vine_layout *l = &pipe->seg->layout;
	int rc;

	pipe->queues = calloc(l->queues, sizeof(*pipe->queues));
	pipe->queue_lanes = calloc(l->queues, sizeof(*pipe->queue_lanes));
	pipe->recs = calloc(l->sessions, sizeof(*pipe->recs));
	pipe->lanes = calloc(lanes, sizeof(*pipe->lanes));
	if (pipe->queues == NULL || pipe->queue_lanes == NULL ||
	    pipe->recs == NULL || pipe->lanes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->sessions; i++) {
		pipe->recs[i].slot = i;
		pipe->recs[i].bell = arch_bell_of_word(
			&vine_seg_session(pipe->seg, i)->bell);
		pipe->recs[i].proc_refs = vine_keep_refs(&pipe->keep, i);
	}
	rc = vine_extents_init(&pipe->extents, pipe->seg, &pipe->keep);
	if (rc == 0)
		rc = vine_registry_init(&pipe->registry, pipe->seg,
					&pipe->keep);
	for (uint32_t i = 0; i < lanes && rc == 0; i++) {
		rc = vine_lane_init(&pipe->lanes[i], pipe, i);
		pipe->lane_count = i + (rc == 0);
	}
	return rc;
}

static void
pipe_free(struct vine_pipe_s *pipe)
{
	if (!pipe->serving)
		vine_heir_leave(pipe);
	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		vine_lane_drop_posts(&pipe->lanes[i]);
		vine_lane_fini(&pipe->lanes[i]);
	}
	if (pipe->registry.seg)
		vine_registry_fini(&pipe->registry);
	vine_extents_fini(&pipe->extents);
	vine_keep_close(&pipe->keep);
	pthread_mutex_destroy(&pipe->lock);
	free(pipe->lanes);
	free(pipe->recs);
	free(pipe->queues);
	free(pipe->queue_lanes);
	free(pipe);
}

static int
open_keep_of(struct vine_pipe_s *pipe, const struct vine_origin *from, int left)
{
	if (from->has_socket)
		return vine_keep_open_memory(&pipe->keep, pipe->seg, left);
	return vine_keep_open(&pipe->keep, pipe->seg, from->config);
}

/* What the last appliance left, and the lanes that its queues need. */
static int
open_keep(struct vine_pipe_s *pipe, const struct vine_origin *from,
	  uint32_t *lanes, uint32_t most)
{
	int rc = open_keep_of(pipe, from, from->keep);
	uint32_t need = rc == 0 && pipe->keep.found ? vine_heir_settle(pipe) :
		0;

	if (need > most) {
		log_warn("segment %s has sessions on %u workers, expected at "
			 "most %u", pipe->seg->name, need, most);
		vine_keep_void(&pipe->keep);
		vine_keep_close(&pipe->keep);
		rc = open_keep_of(pipe, from, -1);
	} else if (need > *lanes) {
		log_info("segment %s has sessions on %u workers, which are "
			 "more than %u: as many are started", pipe->seg->name,
			 need, *lanes);
		*lanes = need;
	}
	return rc;
}

static int
pipe_new(struct vine_seg *seg, const struct vine_origin *from, uint32_t lanes,
	 uint32_t most, struct vine_pipe_s **out)
{
	struct vine_pipe_s *pipe;
	int rc;

	if (lanes == 0 || lanes > VINE_BELLS_MAX)
		return -EINVAL;
	rc = vine_office_lock(seg, from);
	if (rc)
		return rc;
	if (seg->far && seg->formed)
		vine_far_form(seg);
	pipe = calloc(1, sizeof(*pipe));
	rc = -ENOMEM;
	if (pipe) {
		pthread_mutex_init(&pipe->lock, NULL);
		pipe->seg = seg;
		pipe->weight = VINE_WEIGHT_DEFAULT;
		vine_quota_init(&pipe->quotas);
		arch_bell_register();
		rc = open_keep(pipe, from, &lanes, most);
		if (rc == 0)
			rc = tables_init(pipe, lanes);
		if (rc == 0)
			rc = vine_office_take(pipe);
		if (rc)
			pipe_free(pipe);
	}
	if (rc) {
		vine_office_unlock(seg);
		return rc;
	}
	*out = pipe;
	return 0;
}

static int
wants_spin(const struct utils_config *config)
{
#ifdef VINE_WAIT_BUILT_SPIN
	if (!utils_config_is_set(config, UTILS_KEY_wait))
		return 1;
#endif
	return strcmp(utils_config_str(config, UTILS_KEY_wait), "spin") == 0;
}

/* It owns seg. */
static int
pipe_of_config(struct vine_seg *seg, const struct vine_origin *from,
	       uint32_t lanes, uint32_t most, vine_pipe_s **pipe)
{
	int rc = pipe_new(seg, from, lanes, most, pipe);

	if (rc) {
		vine_seg_close(seg);
		return rc;
	}
	(*pipe)->spin = wants_spin(from->config);
	(*pipe)->weight = (uint32_t)
		utils_config_u64(from->config, UTILS_KEY_segment_weight);
	vine_pipe_set_quotas(*pipe, from->config);
	return 0;
}

int
vine_pipe_start(const struct utils_config *config, uint32_t lanes,
		uint32_t most, vine_pipe_s **pipe)
{
	const struct vine_origin from = { .config = config, .keep = -1,
		.has_socket = utils_config_is_set(config, UTILS_KEY_socket) };
	struct vine_seg *seg;
	int rc = from.has_socket ? vine_seg_make(config, &seg) :
		vine_seg_open_own(config, &seg);

	return rc ? rc : pipe_of_config(seg, &from, lanes, most, pipe);
}

int
vine_pipe_resume(const struct utils_config *config, int segment, int keep,
		 uint32_t lanes, uint32_t most, vine_pipe_s **pipe)
{
	const struct vine_origin from = { .config = config, .has_socket = 1,
		.keep = keep };
	const char *name = utils_config_str(config, UTILS_KEY_socket);
	struct vine_keep_header h;
	struct vine_seg *seg;
	int rc = vine_judge_peek(keep, name, &h);

	if (rc == 0)
		rc = vine_seg_adopt(config, segment, h.segment_size,
				    h.queue_slots, h.incarnation, &seg);
	return rc ? rc : pipe_of_config(seg, &from, lanes, most, pipe);
}

int
vine_pipe_wrap(void *mem, uint64_t size, uint32_t queue_slots,
	       vine_pipe_s **pipe)
{
	const struct vine_origin from = { .keep = -1 };
	struct vine_seg *seg;
	int rc = vine_seg_wrap(mem, size, queue_slots, &seg);

	if (rc)
		return rc;
	rc = pipe_new(seg, &from, 1, 1, pipe);
	if (rc)
		vine_seg_close(seg);
	return rc;
}

static void
free_parked(vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->lane_count; i++)
		vine_park_free(&pipe->lanes[i]);
}

void
vine_pipe_set_quotas(vine_pipe_s *pipe, const struct utils_config *config)
{
	vine_quota_read(&pipe->quotas, config);
	free_parked(pipe);
}

int
vine_pipe_set_quota(vine_pipe_s *pipe, int key, uint64_t value)
{
	int rc = vine_quota_set(&pipe->quotas, key, value);

	if (rc == 0)
		free_parked(pipe);
	return rc;
}

void
vine_pipe_serve(vine_pipe_s *pipe)
{
	struct vine_header_shm *h = vine_seg_header(pipe->seg);
	struct vine_ready door;

	if (!pipe->serving)
		vine_heir_enter(pipe);
	pipe->serving = 1;
	pipe->draining = 0;
	/* SERVE-R1: accelerators and procedures are in the directory before
	 * anybody is told; pairs with SERVE-A1 in vine_claim.c. */
	arch_store_release32(&h->appliance, VINE_APPLIANCE_SERVING);
	/* who waited already: lane 0 answers them, it may be at work */
	vine_ready_bind(pipe->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

void
vine_pipe_drain(vine_pipe_s *pipe)
{
	pipe->draining = 1;
	arch_store_release32(&vine_seg_header(pipe->seg)->appliance,
			     VINE_APPLIANCE_DRAINING);
}

uint32_t
vine_pipe_busy(vine_pipe_s *pipe)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++)
		n += atomic_load(&pipe->lanes[i].held_count);
	return n;
}

uint32_t
vine_pipe_settle(vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->lane_count; i++)
		vine_lane_settle(&pipe->lanes[i]);
	return vine_pipe_busy(pipe);
}

void
vine_pipe_ring(vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < pipe->lane_count; i++)
		arch_bell_ring(&pipe->lanes[i].ready.ring, ~0u);
}

void
vine_pipe_ring_by(vine_pipe_s *pipe, void (*ring)(void *arg, uint32_t peer),
		  void *arg)
{
	pipe->ring_far = ring;
	pipe->ring_arg = arg;
}

void
vine_pipe_ring_ports_by(vine_pipe_s *pipe,
			void (*ring)(void *arg, uint32_t slot), void *arg)
{
	pipe->ring_port = ring;
	pipe->port_arg = arg;
}

void
vine_pipe_sweep(vine_pipe_s *pipe, uint32_t most)
{
	uint64_t quiet = UINT64_MAX;

	if (pipe->extents.resting == 0 && pipe->registry.resting == NULL)
		return;
	/* QUIET-A1: what rests was put to rest before this epoch begins, and a
	 * lane that has seen it begin finds it no more. A lane that sleeps
	 * holds nothing it found before, and looks anew when it wakes. */
	atomic_fetch_add(&pipe->epoch, 1);
	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		struct vine_lane *lane = &pipe->lanes[i];
		uint64_t seen = atomic_load(&lane->quiet);

		if (!atomic_load(&lane->asleep) && seen < quiet)
			quiet = seen;
	}
	vine_extents_sweep(&pipe->extents, quiet, most);
	vine_registry_sweep(&pipe->registry, quiet);
}

/* Who has memory and does not need it is told so, now and then. */
static void
call_for_memory(struct vine_pipe_s *pipe)
{
	struct vine_header_shm *h = vine_seg_header(pipe->seg);

	if (pipe->scarce)
		arch_store32(&h->scarce, arch_load32(&h->scarce) + 1);
	pipe->scarce = 0;
}

void
vine_pipe_tick(vine_pipe_s *pipe, uint64_t now_ns)
{
	arch_store64(&vine_seg_header(pipe->seg)->heartbeat, ++pipe->heartbeat);
	if (pthread_mutex_trylock(&pipe->lock) == 0) {
		vine_tally_write(pipe);
		call_for_memory(pipe);
		for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++)
			if (pipe->recs[i].state == VINE_REC_OPEN)
				vine_rec_tell(pipe, &pipe->recs[i]);
		vine_pipe_sweep(pipe, VINE_SWEEP_TICK);
		pthread_mutex_unlock(&pipe->lock);
	}
	if (now_ns - pipe->last_reap >= VINE_REAP_MS * UINT64_C(1000000)) {
		pipe->last_reap = now_ns;
		vine_mend_segment(pipe);
		pipe->reaping = 1;
		pipe->lanes[0].knocked = 1;	/* one may have been lost */
	}
}

int
vine_pipe_add_accel_of(vine_pipe_s *pipe, vine_accel_type_e type,
		       const char *name, uint32_t units,
		       const struct vine_owner *owner, vine_accel_s **accel)
{
	int rc;

	pthread_mutex_lock(&pipe->lock);
	rc = vine_registry_add_accel(&pipe->registry, type, name, units, owner,
				     accel);
	pthread_mutex_unlock(&pipe->lock);
	return rc;
}

int
vine_pipe_add_proc_of(vine_pipe_s *pipe, vine_accel_type_e type,
		      const char *name, const struct vine_owner *owner,
		      void *ctx)
{
	struct vine_proc_s *proc;
	int rc;

	pthread_mutex_lock(&pipe->lock);
	rc = vine_registry_add_proc(&pipe->registry, type, name, NULL, 0,
				    owner, ctx, &proc);
	pthread_mutex_unlock(&pipe->lock);
	return rc;
}

int
vine_pipe_end(vine_pipe_s *pipe, int *last)
{
	struct vine_seg *seg = pipe->seg;
	uint32_t left = 0;

	/* what one finds that never serves stays as it is, for the next */
	if (pipe->serving || !pipe->keep.found) {
		vine_pipe_drain(pipe);
		left = vine_program_abandon(pipe);
		vine_office_leave(pipe);
	}
	if (left)	/* a service still works on memory of the pipe */
		return -EBUSY;
	pipe_free(pipe);
	*last = vine_seg_close(seg);
	return 0;
}
