/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's thread is the worker of lane 0: it polls in vine_pipe_take,
 * climbs the ladder, sleeps as vined's workers do.
 */
#include <errno.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_pipe.h"
#include "core/vine_program.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

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
