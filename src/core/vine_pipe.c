/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, serving and leaving a segment as its appliance, and what is done now
 * and then: counters for tools, memory that has rested, sessions of the dead.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_door.h"
#include "core/vine_far.h"
#include "core/vine_judge.h"
#include "core/vine_mend.h"
#include "core/vine_heir.h"
#include "core/vine_park.h"
#include "core/vine_pipe.h"
#include "core/vine_program.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

/* What vine_pipe_get gives out. */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static vine_pipe_s *own_pipe;

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

/* The appliance's part of the header, and what an earlier one left. */
static int
take_office(struct vine_pipe_s *pipe)
{
	pipe->boot_id = vine_seg_boot_id();
	pipe->generation = 1 +
		(pipe->keep.found ? pipe->keep.header->generation :
		 arch_load64(&vine_seg_header(pipe->seg)->generation));
	pipe->keep.header->generation = pipe->generation;
	for (uint32_t i = 0; i < VINE_COUNT_MAX; i++)
		arch_store64(&vine_seg_counter(pipe->seg, i)->value, 0);
	vine_mend_tell(pipe);
	return pipe->seg->formed ? 0 : vine_heir_take_up(pipe);
}

/*
 * Memory without locks: the word itself must do. In far memory it may be left
 * over from an appliance that died, whose heartbeat stands still.
 */
static int
take_word(const struct vine_seg *seg)
{
	struct vine_header_shm *h = vine_seg_header(seg);
	uint64_t start = utils_clock_ns(), beat = arch_load64(&h->heartbeat);
	struct timespec nap = { 0, 10000000 };

	while (!arch_cas32(&h->appliance, VINE_APPLIANCE_NONE,
			   VINE_APPLIANCE_DRAINING)) {
		uint32_t was = arch_load32(&h->appliance);

		if (!seg->far || arch_load64(&h->heartbeat) != beat)
			return -EBUSY;
		if (utils_clock_ns() - start >= seg->lease &&
		    arch_cas32(&h->appliance, was, VINE_APPLIANCE_DRAINING))
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* What a pipe is opened on. */
struct origin {
	const struct utils_config *config; /* NULL: memory of the program's */
	int has_socket;
	int keep;	/* has_socket: left by an earlier appliance; -1: none */
};

/*
 * One appliance serves a segment. Whoever was handed what an earlier one left
 * is that one, whatever a guest has locked meanwhile. Returns 0 or -EBUSY,
 * logged.
 */
static int
lock_office(struct vine_seg *seg, const struct origin *from)
{
	char who[32] = "";
	pid_t pid;

	if (from->keep >= 0) {
		if (arch_shm_lock(seg->fd, ARCH_SHM_BYTE_APPLIANCE, 0) != 0)
			log_warn("segment %s: a peer holds the appliance's "
				 "lock", seg->name);
		return 0;
	}

	if (seg->fd >= 0 &&
	    arch_shm_lock(seg->fd, ARCH_SHM_BYTE_APPLIANCE, 0) != 0) {
		pid = from->has_socket ? 0 :
			vine_keep_holder(seg, from->config);
		if (pid)
			snprintf(who, sizeof(who), ", process %ld", (long)pid);
		log_error("segment %s is served by another appliance%s",
			  seg->name, who);
		return -EBUSY;
	}
	if (seg->fd < 0 && take_word(seg) != 0) {
		log_error("segment %s has an appliance", seg->name);
		return -EBUSY;
	}
	return 0;
}

static int
open_keep_of(struct vine_pipe_s *pipe, const struct origin *from, int left)
{
	if (from->has_socket)
		return vine_keep_open_memory(&pipe->keep, pipe->seg, left);
	return vine_keep_open(&pipe->keep, pipe->seg, from->config);
}

/* What the last appliance left, and the lanes that its queues need. */
static int
open_keep(struct vine_pipe_s *pipe, const struct origin *from,
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
pipe_new(struct vine_seg *seg, const struct origin *from, uint32_t lanes,
	 uint32_t most, struct vine_pipe_s **out)
{
	struct vine_pipe_s *pipe;
	int rc;

	if (lanes == 0 || lanes > VINE_BELLS_MAX)
		return -EINVAL;
	rc = lock_office(seg, from);
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
			rc = take_office(pipe);
		if (rc)
			pipe_free(pipe);
	}
	if (rc) {
		/* of an object the lock goes with the descriptor */
		if (seg->fd < 0)
			arch_store32(&vine_seg_header(seg)->appliance,
				     VINE_APPLIANCE_NONE);
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
pipe_of_config(struct vine_seg *seg, const struct origin *from, uint32_t lanes,
	       uint32_t most, vine_pipe_s **pipe)
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
	const struct origin from = { .config = config, .keep = -1,
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
	const struct origin from = { .config = config, .has_socket = 1,
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

static uint64_t
lanes_count(const struct vine_pipe_s *pipe, uint32_t what)
{
	uint64_t sum = atomic_load_explicit(&pipe->count[what],
					    memory_order_relaxed);

	for (uint32_t i = 0; i < pipe->lane_count; i++)
		sum += atomic_load_explicit(&pipe->lanes[i].count[what],
					    memory_order_relaxed);
	return sum;
}

void
vine_pipe_count(vine_pipe_s *pipe, enum vine_count what, uint64_t n)
{
	atomic_fetch_add_explicit(&pipe->count[what], n, memory_order_relaxed);
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

static void
publish_accel(const struct vine_pipe_s *pipe, const struct vine_accel_s *a)
{
	struct vine_accel_shm *shm =
		vine_seg_accel(pipe->seg, a->handle & 0xffff);
	uint64_t taken = 0, completed = 0, failed = 0, busy = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		const struct vine_accel_count *c = &a->count[i];

		taken += atomic_load_explicit(&c->taken, memory_order_relaxed);
		completed += atomic_load_explicit(&c->completed,
						  memory_order_relaxed);
		failed += atomic_load_explicit(&c->failed,
					       memory_order_relaxed);
		busy += atomic_load_explicit(&c->busy_ticks,
					     memory_order_relaxed);
	}
	arch_store64(&shm->completed, completed);
	arch_store64(&shm->failed, failed);
	arch_store64(&shm->in_flight, taken > completed + failed ?
		     taken - completed - failed : 0);
	arch_store64(&shm->busy_ns, utils_clock_span_ns(busy));
}

static void
publish_locked(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < VINE_COUNT_MAX; i++)
		arch_store64(&vine_seg_counter(pipe->seg, i)->value,
			     lanes_count(pipe, i));
	for (struct vine_accel_s *a = pipe->registry.phys; a; a = a->next)
		if (!a->dropped)
			publish_accel(pipe, a);
}

void
vine_pipe_publish(vine_pipe_s *pipe)
{
	if (pthread_mutex_trylock(&pipe->lock) != 0)
		return;
	publish_locked(pipe);
	pthread_mutex_unlock(&pipe->lock);
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
		publish_locked(pipe);
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

static void
abandon_held(struct vine_pipe_s *pipe, struct vine_pq *pq)
{
	struct vine_req *req = pq->held, *next;

	for (; req; req = next) {
		next = req->held_next;
		if (req->accel->owner == &pipe->program)
			vine_req_answer(req, VINE_STATUS_APPLIANCE_LOST,
					ESHUTDOWN, 0);
	}
}

/* Requests of the program's own accelerators will not be answered any more. */
static uint32_t
abandon(struct vine_pipe_s *pipe)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		struct vine_lane *lane = &pipe->lanes[i];

		vine_lane_poll(lane);
		for (uint32_t q = 0; q < lane->all_count; q++)
			abandon_held(pipe, lane->all[q]);
		while (atomic_load(&lane->completers))
			sched_yield();
		left += lane->held_count;
	}
	return left;
}

/* Say to applications and tools that nobody is here any more. */
static void
leave_office(struct vine_pipe_s *pipe)
{
	const struct vine_seg *seg = pipe->seg;

	vine_keep_void(&pipe->keep);
	vine_door_close_all(pipe);
	vine_pipe_publish(pipe);
	for (uint32_t i = 1; i < seg->layout.accels; i++)
		arch_store32(&vine_seg_accel(seg, i)->handle, 0);
	for (uint32_t i = 1; i < seg->layout.procs; i++)
		arch_store32(&vine_seg_proc(seg, i)->handle, 0);
	arch_store_release32(&vine_seg_header(seg)->appliance,
			     VINE_APPLIANCE_NONE);
}

int
vine_pipe_end(vine_pipe_s *pipe, int *last)
{
	struct vine_seg *seg = pipe->seg;
	uint32_t left = 0;

	/* what one finds that never serves stays as it is, for the next */
	if (pipe->serving || !pipe->keep.found) {
		vine_pipe_drain(pipe);
		left = abandon(pipe);
		leave_office(pipe);
	}
	if (left)	/* a service still works on memory of the pipe */
		return -EBUSY;
	pipe_free(pipe);
	*last = vine_seg_close(seg);
	return 0;
}

int
vine_pipe_exit(vine_pipe_s *pipe)
{
	int last = 0;

	if (pipe == NULL)
		return 0;
	pthread_mutex_lock(&own_lock);
	if (own_pipe == pipe)
		own_pipe = NULL;
	pthread_mutex_unlock(&own_lock);
	vine_pipe_end(pipe, &last);
	return last;
}

int
vine_pipe_open(const struct vine_pipe_opts *opts, vine_pipe_s **pipe)
{
	struct utils_config *config;
	int rc;

	if (opts && opts->size != sizeof(*opts))
		return -EINVAL;
	if (opts && opts->config)
		rc = utils_config_parse(opts->config, "options", &config);
	else
		rc = utils_config_read(opts ? opts->config_file : NULL,
				       &config);
	if (rc)
		return rc;
	if (utils_config_is_set(config, UTILS_KEY_socket)) {
		log_error("%s: socket is set, but only vined serves one; "
			  "expected shm_file", utils_config_name(config));
		rc = -EINVAL;
	} else {
		rc = vine_pipe_start(config, 1, 1, pipe);
	}
	utils_config_free(config);
	if (rc)
		return rc;
	vine_program_init(*pipe);
	return 0;
}

vine_pipe_s *
vine_pipe_init(void *mem, size_t size, size_t queue_size)
{
	const struct origin from = { .keep = -1 };
	struct vine_pipe_s *pipe = NULL;
	struct vine_seg *seg;
	uint32_t slots = queue_size ? (uint32_t)queue_size : 128;
	int rc = queue_size > VINE_SLOTS_MAX ? -EINVAL :
		vine_seg_wrap(mem, size, slots, &seg);

	if (rc == 0) {
		rc = pipe_new(seg, &from, 1, 1, &pipe);
		if (rc)
			vine_seg_close(seg);
	}
	if (rc) {
		errno = -rc;
		return NULL;
	}
	vine_program_init(pipe);
	return pipe;
}

vine_pipe_s *
vine_pipe_get(void)
{
	vine_pipe_s *pipe;
	int rc = 0;

	pthread_mutex_lock(&own_lock);
	if (own_pipe == NULL)
		rc = vine_pipe_open(NULL, &own_pipe);
	pipe = own_pipe;
	pthread_mutex_unlock(&own_lock);
	if (rc)
		errno = -rc;
	return pipe;
}

vine_accel_s *
vine_pipe_find_accel(vine_pipe_s *pipe, const char *name,
		     vine_accel_type_e type)
{
	struct vine_accel_s *a = pipe->registry.phys;

	while (a && (a->dropped || (type != ANY && a->type != type) ||
		     (name && strcmp(a->name, name) != 0)))
		a = a->next;
	if (a == NULL)
		errno = ENOENT;
	return a;
}

vine_proc_s *
vine_pipe_find_proc(vine_pipe_s *pipe, const char *name,
		    vine_accel_type_e type)
{
	struct vine_proc_s *proc = NULL;

	pthread_mutex_lock(&pipe->lock);
	if (name)
		proc = vine_registry_find_proc(&pipe->registry, type, name);
	pthread_mutex_unlock(&pipe->lock);
	if (proc == NULL)
		errno = ENOENT;
	return proc;
}

int
vine_pipe_delete_accel(vine_pipe_s *pipe, vine_accel_s *accel)
{
	int rc;

	pthread_mutex_lock(&pipe->lock);
	rc = vine_registry_drop_accel(&pipe->registry, accel);
	pthread_mutex_unlock(&pipe->lock);
	if (rc)
		errno = -rc;
	return rc == 0;
}
