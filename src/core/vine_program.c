/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's thread is the worker of lane 0: it polls in vine_pipe_take,
 * climbs the ladder, sleeps as vined's workers do. The pipe that vine_pipe_get
 * gives out is the process's, under a lock of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_pipe.h"
#include "core/vine_program.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

/* What vine_pipe_get gives out. */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static vine_pipe_s *own_pipe;

static void
program_submit(void *state, struct vine_req *req)
{
	struct vine_pipe_s *pipe = state;

	vine_req_hold(req);
	req->next = NULL;
	*pipe->taken_last = req;
	pipe->taken_last = &req->next;
}

void
vine_program_init(struct vine_pipe_s *pipe)
{
	pipe->program.state = pipe;
	pipe->program.submit = program_submit;
	pipe->taken_last = &pipe->taken_first;
	arch_ladder_init(&pipe->ladder, pipe->spin);
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
	struct vine_pipe_s *pipe = NULL;
	uint32_t slots = queue_size ? (uint32_t)queue_size : 128;
	int rc = queue_size > VINE_SLOTS_MAX ? -EINVAL :
		vine_pipe_wrap(mem, size, slots, &pipe);

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
		proc = vine_registry_find_proc(&pipe->registry, type, name,
					       NULL);
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

int
vine_pipe_add_accel(vine_pipe_s *pipe, vine_accel_type_e type,
		    const char *name, vine_accel_s **accel)
{
	return vine_pipe_add_accel_of(pipe, type, name, 1, &pipe->program,
				      accel);
}

int
vine_pipe_add_proc(vine_pipe_s *pipe, vine_accel_type_e type, const char *name,
		   void *ctx, vine_proc_s **proc)
{
	int rc = vine_pipe_add_proc_of(pipe, type, name, &pipe->program, ctx);

	if (rc == 0 && proc)
		*proc = vine_pipe_find_proc(pipe, name, type);
	return rc;
}

static struct vine_req *
taken_pop(struct vine_pipe_s *pipe)
{
	struct vine_req *req = pipe->taken_first;

	if (req) {
		pipe->taken_first = req->next;
		if (req->next == NULL)
			pipe->taken_last = &pipe->taken_first;
	}
	return req;
}

/* Sleep until something comes, at most `left` ns. */
static int
take_sleep(struct vine_lane *lane, uint64_t left)
{
	struct arch_bell_seen seen;
	uint64_t limit;
	int rc = 0, slept = 0;

	if (vine_lane_arm(lane, &seen, &limit)) {
		rc = arch_bell_wait_any(&seen, 1, left < limit ? left : limit);
		slept = 1;
	}
	vine_lane_awake(lane, slept);
	return rc == -EINTR ? -EINTR : 0;
}

int
vine_pipe_take(vine_pipe_s *pipe, int64_t timeout, struct vine_req **req)
{
	struct vine_lane *lane = &pipe->lanes[0];
	uint64_t start = utils_clock_ns();
	struct vine_req *taken;

	if (!pipe->serving)	/* the program has added what it offers */
		vine_pipe_serve(pipe);
	arch_ladder_begin(&pipe->ladder);
	atomic_store(&lane->asleep, 0);
	for (;;) {
		uint64_t waited, left = UINT64_MAX;

		if (vine_lane_poll(lane) > 0) {
			arch_ladder_found(&pipe->ladder);
			arch_ladder_begin(&pipe->ladder);
		}
		taken = taken_pop(pipe);
		if (taken) {
			*req = taken;
			return 0;
		}
		if (timeout >= 0) {
			waited = utils_clock_ns() - start;
			if (waited >= (uint64_t)timeout)
				return -ETIMEDOUT;
			left = (uint64_t)timeout - waited;
		}
		if (arch_ladder_step(&pipe->ladder)) {
			int rc = take_sleep(lane, left);

			if (rc)
				return rc;
			arch_ladder_slept(&pipe->ladder);
		}
	}
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
uint32_t
vine_program_abandon(struct vine_pipe_s *pipe)
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

const char *
vine_req_proc_name(const struct vine_req *req)
{
	return req->proc->name;
}

void *
vine_req_ctx(const struct vine_req *req)
{
	return req->proc->ctx;
}

vine_accel_s *
vine_req_accel(const struct vine_req *req)
{
	return req->accel;
}

const struct vine_view *
vine_req_in(const struct vine_req *req, uint32_t *count)
{
	*count = req->in_count;
	return req->views;
}

const struct vine_view *
vine_req_out(const struct vine_req *req, uint32_t *count)
{
	*count = req->out_count;
	return req->views + req->in_count;
}

const void *
vine_req_args(const struct vine_req *req, uint32_t *size)
{
	*size = req->args_size;
	return req->args;
}

/* task-path 7 execute */
void
vine_req_execute(struct vine_req *req)
{
	/* whole: its lane may look how long it has been running */
	__atomic_store_n(&req->execute, utils_clock_ticks(), __ATOMIC_RELAXED);
	VINE_STOP(execute, req);
}
