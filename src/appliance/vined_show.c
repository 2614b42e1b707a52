/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pipe has is copied under its lock, into memory that was allocated
 * before, and written down afterwards: a worker that needs the lock for a
 * control task waits for the copy alone. Counters are read without it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vine/version.h>

#include "appliance/vined_show.h"
#include "appliance/vined_worker.h"
#include "core/vine_door.h"
#include "utils/utils_clock.h"

/* --- status -------------------------------------------------------------- */

/* Counters of a lane when the question came. */
struct sample {
	uint64_t taken;
	uint64_t failed;
	uint64_t sleeps;
};

struct status {
	uint64_t when;		/* ns */
	struct sample samples[];	/* lanes of the first pipe, ... */
};

static uint64_t
count_of(const struct vine_lane *lane, enum vine_count what)
{
	return atomic_load_explicit(&lane->count[what], memory_order_relaxed);
}

static struct sample
sample_of(const struct vine_lane *lane)
{
	return (struct sample){
		.taken = count_of(lane, VINE_COUNT_TAKEN),
		.failed = count_of(lane, VINE_COUNT_FAILED),
		.sleeps = count_of(lane, VINE_COUNT_SLEEPS),
	};
}

/* What was counted since `then`. */
static void
add_since(struct sample *sum, const struct vine_lane *lane,
	  const struct sample *then)
{
	struct sample now = sample_of(lane);

	sum->taken += now.taken - then->taken;
	sum->failed += now.failed - then->failed;
	sum->sleeps += now.sleeps - then->sleeps;
}

static const struct sample *
sample_at(const struct vined_call *call, uint32_t pipe, uint32_t lane)
{
	const struct status *s = call->state;

	return &s->samples[pipe * call->admin->worker_count + lane];
}

static uint64_t
per_second(uint64_t n, uint64_t ns)
{
	return ns ? (uint64_t)((double)n * 1e9 / (double)ns + 0.5) : 0;
}

static const char *
state_of(const vine_pipe_s *pipe)
{
	if (pipe->draining)
		return pipe->fenced ? "draining, fenced" : "draining";
	return pipe->fenced ? "fenced" : "serving";
}

static uint64_t
pipe_count(const vine_pipe_s *pipe, enum vine_count what)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++)
		sum += count_of(&pipe->lanes[i], what);
	return sum;
}

static void
write_segment(struct vined_call *call, uint32_t i, uint64_t ns)
{
	vine_pipe_s *pipe = call->admin->pipes[i];
	struct utils_json *j = &call->json;
	struct sample sum = { 0 };
	uint64_t heap_free;
	uint32_t sessions;

	for (uint32_t k = 0; k < pipe->lane_count; k++)
		add_since(&sum, &pipe->lanes[k], sample_at(call, i, k));
	pthread_mutex_lock(&pipe->lock);
	sessions = pipe->recs_open;
	heap_free = pipe->extents.free.free_pages * VINE_PAGE;
	pthread_mutex_unlock(&pipe->lock);
	utils_json_object(j, NULL);
	utils_json_text(j, "segment", pipe->seg->name);
	utils_json_text(j, "state", state_of(pipe));
	utils_json_u64(j, "generation", pipe->generation);
	utils_json_u64(j, "size_bytes", pipe->seg->layout.size);
	utils_json_u64(j, "free_bytes", heap_free);
	utils_json_u64(j, "weight", pipe->weight);
	utils_json_u64(j, "sessions", sessions);
	utils_json_u64(j, "held", vine_pipe_busy(pipe));
	utils_json_u64(j, "tasks_per_s", per_second(sum.taken, ns));
	utils_json_u64(j, "failed_per_s", per_second(sum.failed, ns));
	utils_json_u64(j, "tasks", pipe_count(pipe, VINE_COUNT_TAKEN));
	utils_json_u64(j, "failed", pipe_count(pipe, VINE_COUNT_FAILED));
	utils_json_close_object(j);
}

static void
write_worker(struct vined_call *call, uint32_t worker, uint64_t ns)
{
	const struct vined_admin *a = call->admin;
	struct utils_json *j = &call->json;
	struct sample sum = { 0 };
	uint32_t held = 0;
	int asleep = 1;

	for (uint32_t i = 0; i < a->pipe_count; i++) {
		struct vine_lane *lane = &a->pipes[i]->lanes[worker];

		add_since(&sum, lane, sample_at(call, i, worker));
		held += atomic_load(&lane->held_count);
		asleep &= atomic_load(&lane->asleep) != 0;
	}
	utils_json_object(j, NULL);
	utils_json_u64(j, "worker", worker);
	utils_json_bool(j, "asleep", asleep);
	utils_json_u64(j, "held", held);
	utils_json_u64(j, "tasks_per_s", per_second(sum.taken, ns));
	utils_json_u64(j, "sleeps_per_s", per_second(sum.sleeps, ns));
	utils_json_close_object(j);
}

uint32_t
vined_show_status(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;
	struct status *s = calloc(1, sizeof(*s) + sizeof(s->samples[0]) *
				  a->pipe_count * a->worker_count);
	struct sample *at;

	if (s == NULL)
		return vined_command_refuse(call, "out of memory");
	call->state = s;
	s->when = utils_clock_ns();
	at = s->samples;
	for (uint32_t i = 0; i < a->pipe_count; i++)
		for (uint32_t k = 0; k < a->worker_count; k++)
			*at++ = sample_of(&a->pipes[i]->lanes[k]);
	return VINE_CONTROL_SAMPLE_MS;
}

uint32_t
vined_show_status_again(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;
	const struct status *s = call->state;
	uint64_t now = utils_clock_ns();
	struct utils_json *j = &call->json;

	utils_json_object(j, NULL);
	utils_json_format(j, "version", "%d.%d.%d", VINE_VERSION_MAJOR,
			  VINE_VERSION_MINOR, VINE_VERSION_PATCH);
	utils_json_i64(j, "pid", getpid());
	utils_json_u64(j, "up_ns", now - a->started);
	utils_json_list(j, "segments");
	for (uint32_t i = 0; i < a->pipe_count; i++)
		write_segment(call, i, now - s->when);
	utils_json_close_list(j);
	utils_json_list(j, "workers");
	for (uint32_t i = 0; i < a->worker_count; i++)
		write_worker(call, i, now - s->when);
	utils_json_close_list(j);
	utils_json_close_object(j);
	return 0;
}

void
vined_show_status_drop(struct vined_call *call)
{
	free(call->state);
}

/* --- list ---------------------------------------------------------------- */

/* Copies of what a pipe has. */
struct session {
	char label[VINE_DOOR_LABEL];
	uint32_t state;		/* enum vine_rec_state */
	int fenced;
	uint32_t serial;
	uint32_t slot;
	uint32_t weight;
	uint32_t queues;
	uint32_t vaccels;
	uint32_t procs;
	uint64_t granted;
};

struct accel {
	char name[sizeof(((struct vine_accel_s *)0)->name)];
	vine_accel_type_e type;
	uint32_t units;
	uint32_t vaccels;
	uint64_t taken;
	uint64_t completed;
	uint64_t failed;
	uint64_t busy_ticks;
};

struct proc {
	char name[sizeof(((struct vine_proc_s *)0)->name)];
	vine_accel_type_e type;
	uint32_t users;
	uint32_t holds;
	uint64_t code_size;
	int of_application;
};

static const char *
type_name(vine_accel_type_e type)
{
	static const char *const names[] = { "ANY", "GPU", "GPU_SOFT", "CPU",
		"FPGA" };

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] :
		"unknown";
}

static uint32_t
copy_sessions(vine_pipe_s *pipe, struct session *to)
{
	uint32_t n = 0;

	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		const struct vine_rec *rec = &pipe->recs[i];

		if (rec->state == VINE_REC_NONE ||
		    rec->state == VINE_REC_CLOSED)
			continue;
		to[n] = (struct session){
			.state = rec->state, .fenced = rec->fenced,
			.serial = rec->serial, .slot = rec->slot,
			.weight = rec->weight, .queues = rec->queues,
			.vaccels = rec->vaccels, .procs = rec->procs,
			.granted = pipe->extents.use[i].held -
				pipe->extents.use[i].resting,
		};
		vine_door_label(pipe, i, to[n++].label);
	}
	pthread_mutex_unlock(&pipe->lock);
	return n;
}

static uint32_t
copy_accels(vine_pipe_s *pipe, struct accel *to)
{
	uint32_t n = 0;

	pthread_mutex_lock(&pipe->lock);
	for (struct vine_accel_s *a = pipe->registry.phys;
	     a && n < pipe->registry.accel_count; a = a->next) {
		struct accel *t = &to[n];

		if (a->dropped)
			continue;
		memcpy(t->name, a->name, sizeof(t->name));
		t->type = a->type;
		t->units = a->units;
		t->vaccels = a->vaccels;
		for (uint32_t i = 0; i < pipe->lane_count; i++) {
			t->taken += a->count[i].taken;
			t->completed += a->count[i].completed;
			t->failed += a->count[i].failed;
			t->busy_ticks += a->count[i].busy_ticks;
		}
		n++;
	}
	pthread_mutex_unlock(&pipe->lock);
	return n;
}

static uint32_t
copy_procs(vine_pipe_s *pipe, struct proc *to)
{
	uint32_t n = 0;

	pthread_mutex_lock(&pipe->lock);
	for (uint32_t i = 1; i < pipe->registry.proc_count; i++) {
		const struct vine_proc_s *p =
			atomic_load(&pipe->registry.procs[i].proc);

		if (p == NULL)
			continue;
		memcpy(to[n].name, p->name, sizeof(to[n].name));
		to[n].type = p->type;
		to[n].users = p->users;
		to[n].holds = atomic_load(&p->holds);
		to[n].code_size = p->code_size;
		to[n++].of_application = p->code != NULL;
	}
	pthread_mutex_unlock(&pipe->lock);
	return n;
}

static void
write_session(struct utils_json *j, const char *segment,
	      const struct session *s)
{
	static const char *const names[] = { "none", "open", "closing",
		"closed", "lost" };

	utils_json_object(j, NULL);
	utils_json_text(j, "segment", segment);
	utils_json_u64(j, "id", s->serial);
	utils_json_u64(j, "slot", s->slot);
	utils_json_text(j, "label", s->label);
	utils_json_text(j, "state", s->fenced ? "fenced" : names[s->state]);
	utils_json_u64(j, "weight", s->weight);
	utils_json_u64(j, "granted_bytes", s->granted);
	utils_json_u64(j, "queues", s->queues);
	utils_json_u64(j, "vaccels", s->vaccels);
	utils_json_u64(j, "own_procedures", s->procs);
	utils_json_close_object(j);
}

static void
write_accel(struct utils_json *j, const char *segment, const struct accel *a)
{
	uint64_t done = a->completed + a->failed;

	utils_json_object(j, NULL);
	utils_json_text(j, "segment", segment);
	utils_json_text(j, "name", a->name);
	utils_json_text(j, "type", type_name(a->type));
	utils_json_u64(j, "units", a->units);
	utils_json_u64(j, "vaccels", a->vaccels);
	utils_json_u64(j, "in_flight", a->taken > done ? a->taken - done : 0);
	utils_json_u64(j, "completed", a->completed);
	utils_json_u64(j, "failed", a->failed);
	utils_json_u64(j, "busy_ns", utils_clock_span_ns(a->busy_ticks));
	utils_json_close_object(j);
}

static void
write_proc(struct utils_json *j, const char *segment, const struct proc *p)
{
	utils_json_object(j, NULL);
	utils_json_text(j, "segment", segment);
	utils_json_text(j, "name", p->name);
	utils_json_text(j, "type", type_name(p->type));
	utils_json_text(j, "of", p->of_application ? "application" :
			"appliance");
	utils_json_u64(j, "users", p->users);
	utils_json_u64(j, "held", p->holds);
	utils_json_u64(j, "code_bytes", p->code_size);
	utils_json_close_object(j);
}

/* A list of each kind, over all segments. */
#define WRITE_ALL(call, key, kind, most) \
	do { \
		const struct vined_admin *a_ = (call)->admin; \
		utils_json_list(&(call)->json, key); \
		for (uint32_t i_ = 0; i_ < a_->pipe_count; i_++) { \
			vine_pipe_s *p_ = a_->pipes[i_]; \
			struct kind *all_ = calloc(p_->most, sizeof(*all_)); \
			uint32_t n_ = all_ ? copy_##kind##s(p_, all_) : 0; \
			if (all_ == NULL) \
				(call)->json.error = -ENOMEM; \
			for (uint32_t k_ = 0; k_ < n_; k_++) \
				write_##kind(&(call)->json, p_->seg->name, \
					     &all_[k_]); \
			free(all_); \
		} \
		utils_json_close_list(&(call)->json); \
	} while (0)

uint32_t
vined_show_list(struct vined_call *call)
{
	utils_json_object(&call->json, NULL);
	WRITE_ALL(call, "sessions", session, seg->layout.sessions);
	WRITE_ALL(call, "accelerators", accel, registry.accel_count);
	WRITE_ALL(call, "procedures", proc, registry.proc_count);
	utils_json_close_object(&call->json);
	return 0;
}
