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

static json_int_t
per_second(uint64_t n, uint64_t ns)
{
	return ns ? (json_int_t)((double)n * 1e9 / (double)ns + 0.5) : 0;
}

static const char *
state_of(const vine_pipe_s *pipe)
{
	if (pipe->draining)
		return pipe->fenced ? "draining, fenced" : "draining";
	return pipe->fenced ? "fenced" : "serving";
}

static json_int_t
pipe_count(const vine_pipe_s *pipe, enum vine_count what)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++)
		sum += count_of(&pipe->lanes[i], what);
	return vined_command_int(sum);
}

static json_t *
segment_row(const struct vined_call *call, uint32_t i, uint64_t ns)
{
	vine_pipe_s *pipe = call->admin->pipes[i];
	struct sample sum = { 0 };
	uint64_t heap_free;
	uint32_t sessions;

	for (uint32_t k = 0; k < pipe->lane_count; k++)
		add_since(&sum, &pipe->lanes[k], sample_at(call, i, k));
	pthread_mutex_lock(&pipe->lock);
	sessions = pipe->recs_open;
	heap_free = pipe->extents.free.free_pages * VINE_PAGE;
	pthread_mutex_unlock(&pipe->lock);
	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I}",
		"segment", vined_command_text(pipe->seg->name),
		"state", state_of(pipe),
		"generation", vined_command_int(pipe->generation),
		"size_bytes", vined_command_int(pipe->seg->layout.size),
		"free_bytes", vined_command_int(heap_free),
		"weight", vined_command_int(pipe->weight),
		"sessions", vined_command_int(sessions),
		"held", vined_command_int(vine_pipe_busy(pipe)),
		"tasks_per_s", per_second(sum.taken, ns),
		"failed_per_s", per_second(sum.failed, ns),
		"tasks", pipe_count(pipe, VINE_COUNT_TAKEN),
		"failed", pipe_count(pipe, VINE_COUNT_FAILED));
}

static json_t *
worker_row(const struct vined_call *call, uint32_t worker, uint64_t ns)
{
	const struct vined_admin *a = call->admin;
	struct sample sum = { 0 };
	uint32_t held = 0;
	int asleep = 1;

	for (uint32_t i = 0; i < a->pipe_count; i++) {
		struct vine_lane *lane = &a->pipes[i]->lanes[worker];

		add_since(&sum, lane, sample_at(call, i, worker));
		held += atomic_load(&lane->held_count);
		asleep &= atomic_load(&lane->asleep) != 0;
	}
	return json_pack("{s:I, s:b, s:I, s:I, s:I}",
		"worker", vined_command_int(worker),
		"asleep", asleep,
		"held", vined_command_int(held),
		"tasks_per_s", per_second(sum.taken, ns),
		"sleeps_per_s", per_second(sum.sleeps, ns));
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
	json_t *segments = json_array(), *workers = json_array();

	for (uint32_t i = 0; i < a->pipe_count; i++)
		vined_command_row(call, segments,
				  segment_row(call, i, now - s->when));
	for (uint32_t i = 0; i < a->worker_count; i++)
		vined_command_row(call, workers,
				  worker_row(call, i, now - s->when));
	return vined_command_answer(call, json_pack("{s:o, s:i, s:I, s:o, s:o}",
		"version", json_sprintf("%d.%d.%d", VINE_VERSION_MAJOR,
					VINE_VERSION_MINOR,
					VINE_VERSION_PATCH),
		"pid", (int)getpid(),
		"up_ns", vined_command_int(now - a->started),
		"segments", segments, "workers", workers));
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
	uint32_t tasks;
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
		"FPGA", "VINE_NET" };

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
			.tasks = atomic_load(&rec->places.used),
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

static json_t *
session_row(const char *segment, const struct session *s)
{
	static const char *const names[] = { "none", "open", "closing",
		"closed", "lost" };

	return json_pack("{s:o, s:I, s:I, s:o, s:s, s:I, s:I, s:I, s:I, s:I, "
			 "s:I}",
		"segment", vined_command_text(segment),
		"id", vined_command_int(s->serial),
		"slot", vined_command_int(s->slot),
		"label", vined_command_text(s->label),
		"state", s->fenced ? "fenced" : names[s->state],
		"weight", vined_command_int(s->weight),
		"granted_bytes", vined_command_int(s->granted),
		"queues", vined_command_int(s->queues),
		"vaccels", vined_command_int(s->vaccels),
		"own_procedures", vined_command_int(s->procs),
		"tasks", vined_command_int(s->tasks));
}

static json_t *
accel_row(const char *segment, const struct accel *a)
{
	uint64_t done = a->completed + a->failed;

	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
		"segment", vined_command_text(segment),
		"name", vined_command_text(a->name),
		"type", type_name(a->type),
		"units", vined_command_int(a->units),
		"vaccels", vined_command_int(a->vaccels),
		"in_flight", vined_command_int(a->taken > done ?
					       a->taken - done : 0),
		"completed", vined_command_int(a->completed),
		"failed", vined_command_int(a->failed),
		"busy_ns", vined_command_int(
			utils_clock_span_ns(a->busy_ticks)));
}

static json_t *
proc_row(const char *segment, const struct proc *p)
{
	return json_pack("{s:o, s:o, s:s, s:s, s:I, s:I, s:I}",
		"segment", vined_command_text(segment),
		"name", vined_command_text(p->name),
		"type", type_name(p->type),
		"of", p->of_application ? "application" : "appliance",
		"users", vined_command_int(p->users),
		"held", vined_command_int(p->holds),
		"code_bytes", vined_command_int(p->code_size));
}

/* One segment's things of a kind; `most` are there. */
#define ADD_ROWS(call, pipe, list, kind, most) \
	do { \
		struct kind *all_ = calloc(most, sizeof(*all_)); \
		uint32_t n_ = all_ ? copy_##kind##s(pipe, all_) : 0; \
		if (all_ == NULL) \
			(call)->left_out++; \
		for (uint32_t i_ = 0; i_ < n_; i_++) \
			vined_command_row(call, list, \
				kind##_row((pipe)->seg->name, &all_[i_])); \
		free(all_); \
	} while (0)

uint32_t
vined_show_list(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;
	json_t *sessions, *accels, *procs;

	if (call->count > 1 &&
	    vined_command_pipe(a, call->words[1]) == NULL)
		return vined_command_refuse(call, "there is no segment %s",
					    call->words[1]);
	sessions = json_array();
	accels = json_array();
	procs = json_array();
	for (uint32_t i = 0; i < a->pipe_count; i++) {
		vine_pipe_s *p = a->pipes[i];

		if (call->count > 1 && strcmp(p->seg->name, call->words[1]))
			continue;
		ADD_ROWS(call, p, sessions, session, p->seg->layout.sessions);
		ADD_ROWS(call, p, accels, accel, p->registry.accel_count);
		ADD_ROWS(call, p, procs, proc, p->registry.proc_count);
	}
	return vined_command_answer(call, json_pack("{s:o, s:o, s:o}",
		"sessions", sessions, "accelerators", accels,
		"procedures", procs));
}
