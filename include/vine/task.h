/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task: one call of a procedure on an accelerator.
 *
 * A task is issued by one thread and may be waited for by any, any number of
 * times, by several threads at once. Its data must live until it completed.
 * The task itself lives until vine_task_free, which may be called before it
 * completed.
 */
#ifndef VINE_TASK_H
#define VINE_TASK_H

#include <vine/handle.h>
#include <vine_talk.h>
#include <vine/data.h>
#include <vine/session.h>
#include <vine/status.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define VINE_TASK_REFS_MAX 64	/* inputs plus outputs of a task */
#define VINE_TASK_ARGS_MAX 1024	/* bytes of arguments of a task */

enum vine_task_flag {
	/* may be carried out again if the appliance restarts in mid-task */
	VINE_TASK_IDEMPOTENT = 1u << 0,
	/* a full queue is -EAGAIN at once; without it issue waits */
	VINE_TASK_NOWAIT = 1u << 1,
	/* take no timestamps: result times stay 0, a task costs less */
	VINE_TASK_NOSTAMP = 1u << 2,
};

/*
 * A completion callback. It runs in whichever thread takes the completion in
 * (a wait, vine_session_reap), once, after the task's state is final. It may
 * call any function of the library on any object but must not close the
 * session; it may free the task.
 */
typedef void (*vine_task_cb)(vine_task *task, void *user);

/* What to do. Zero it, set size, fill in what you need. */
struct vine_task_opts {
	size_t size;			/* sizeof(struct vine_task_opts) */
	vine_accel *accel;		/* physical or virtual */
	vine_proc *proc;
	const struct vine_slice *in;	/* in_count of them */
	const struct vine_slice *out;	/* out_count of them */
	uint32_t in_count;
	uint32_t out_count;
	const void *args;		/* copied at issue */
	uint32_t args_size;		/* bytes, at most VINE_TASK_ARGS_MAX */
	uint32_t flags;			/* enum vine_task_flag */
	uint64_t deadline_ns;		/* from the call to execution; 0: none */
	uint64_t user;			/* kept for you; see the result */
	vine_task_cb cb;		/* NULL: none */
	void *cb_user;
};

/*
 * vine_task_issue_opts issues one task on the calling thread's queue. The
 * options and the slices are copied; the data must live until the task
 * completed. The caller owns *task. With up to two slices and 8 bytes of
 * arguments (one slice: 20, none: 32) the descriptor carries all; more goes
 * into a table in the session's memory.
 * Does not block but for a full queue without VINE_TASK_NOWAIT, until the
 * deadline if there is one, and for a thread's first issue, which asks for its
 * queue.
 * Returns 0, or
 *   -EINVAL      opts->size unknown, too many slices, arguments too long, a
 *                slice outside its data, objects of different sessions
 *   -EAGAIN      the queue is full (VINE_TASK_NOWAIT)
 *   -ETIMEDOUT   the queue was full until the deadline
 *   -ENOMEM      no memory for the task or its table
 *   -EDQUOT      no queue left for this thread
 *   -ECONNRESET  the session was lost
 *   -ECHILD      the session is of a parent process
 */
int vine_task_issue_opts(const struct vine_task_opts *opts, vine_task **task);

/*
 * vine_task_issue_batch issues `count` tasks in order with one look at the
 * appliance's bell. Returns how many were issued, tasks[0] to that number
 * less one being valid; or, if the first could not be issued, its error.
 */
int vine_task_issue_batch(const struct vine_task_opts *opts, size_t count,
			  vine_task **tasks);

/*
 * vine_task_wait_for waits until a task has completed, at most timeout ns.
 * Takes completions in on the way and runs their callbacks. Returns 0 when the
 * task completed, however it ended (see vine_task_result), or -ETIMEDOUT,
 * -ECHILD.
 */
int vine_task_wait_for(vine_task *task, int64_t timeout);

/*
 * vine_task_wait_any waits for the first of `count` tasks, of any sessions,
 * and writes its index. NULL entries are skipped. Returns 0, or -ETIMEDOUT, or
 * -EINVAL where there is none to wait for.
 */
int vine_task_wait_any(vine_task *const *tasks, size_t count, int64_t timeout,
		       size_t *index);

/*
 * vine_task_wait_all waits until all of `count` tasks completed. Returns 0, or
 * -ETIMEDOUT when at least one had not.
 */
int vine_task_wait_all(vine_task *const *tasks, size_t count, int64_t timeout);

/*
 * vine_task_cancel asks the appliance to give a task up. A task that has not
 * begun ends with VINE_STATUS_CANCELED; one that runs ends as its accelerator
 * decides; one that completed stays as it is. Wait for the task all the same.
 * Blocks for one round trip. Returns 0 when the request was delivered, or
 * -EALREADY when the task had completed, -ETIMEDOUT, -ECONNRESET.
 */
int vine_task_cancel(vine_task *task);

/* How a task ended. Times are CLOCK_MONOTONIC ns of this machine. */
struct vine_task_result {
	size_t size;		/* sizeof(struct vine_task_result) */
	enum vine_status status;
	int error;		/* positive errno, 0 when status is OK */
	uint64_t value;		/* the procedure's 64-bit result */
	uint64_t user;		/* of the options */
	uint64_t issue_ns;	/* the application issued it */
	uint64_t take_ns;	/* the appliance took it off the queue */
	uint64_t execute_ns;	/* its procedure began */
	uint64_t complete_ns;	/* its procedure ended */
};

/*
 * vine_task_result fills *result, whose size member the caller set. Never
 * blocks and takes nothing in. Returns 0, or -EINPROGRESS when the task has
 * not completed, -EINVAL for an unknown size.
 */
int vine_task_result(const vine_task *task, struct vine_task_result *result);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
