/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipe: the appliance's end of one segment. With it a program can offer an
 * accelerator without vined: open the pipe, add accelerators and procedures,
 * take tasks, look at their views, complete each exactly once.
 *
 * The first six functions carry VineTalk's names and conventions; the others
 * return 0 or a negative errno. One appliance serves a segment at a time. All
 * functions on one pipe are called from one thread, but for vine_req_complete,
 * which any thread may call on a request that vine_pipe_take gave out.
 */
#ifndef VINE_PIPE_H
#define VINE_PIPE_H

#include <vine/handle.h>
#include <vine/status.h>
#include <vine/view.h>
#include <vine_talk.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct vine_pipe_s vine_pipe_s;
typedef struct vine_accel_s vine_accel_s;
typedef struct vine_proc_s vine_proc_s;
struct vine_req;

/*
 * vine_pipe_get returns the process's pipe on the segment of its config,
 * opening it at the first call. NULL with errno on failure (vine_pipe_open).
 */
vine_pipe_s *vine_pipe_get(void);

/*
 * vine_pipe_init makes `size` bytes at `mem`, which several processes may have
 * mapped, a segment if they are not one yet, and opens the pipe on it.
 * queue_size is the slots of a queue, a power of two from 16 to 4096; 0 means
 * the default. mem is page-aligned and stays the caller's. NULL with errno
 * EINVAL, EPROTO (a foreign or newer layout), EBUSY (it has an appliance),
 * ENOMEM.
 */
vine_pipe_s *vine_pipe_init(void *mem, size_t size, size_t queue_size);

/*
 * vine_pipe_exit closes the pipe: tasks taken and not completed fail with
 * VINE_STATUS_APPLIANCE_LOST. Returns 1 if nobody else uses the segment, which
 * is then removed, else 0.
 */
int vine_pipe_exit(vine_pipe_s *pipe);

/*
 * vine_pipe_find_accel returns the physical accelerator of that name (NULL:
 * any) and type (ANY: any), or NULL with errno ENOENT. The pipe owns it.
 */
vine_accel_s *vine_pipe_find_accel(vine_pipe_s *pipe, const char *name,
				   vine_accel_type_e type);

/*
 * vine_pipe_find_proc returns the procedure of that name and type, or NULL
 * with errno ENOENT. The pipe owns it.
 */
vine_proc_s *vine_pipe_find_proc(vine_pipe_s *pipe, const char *name,
				 vine_accel_type_e type);

/*
 * vine_pipe_delete_accel withdraws an accelerator: new tasks on it fail with
 * VINE_STATUS_BAD_ACCEL, tasks already taken are completed as usual. Returns 1,
 * or 0 with errno ENOENT.
 */
int vine_pipe_delete_accel(vine_pipe_s *pipe, vine_accel_s *accel);

/* Options of vine_pipe_open: zero it, set size, fill in what you need. */
struct vine_pipe_opts {
	size_t size;		/* sizeof(struct vine_pipe_opts) */
	const char *config_file; /* NULL: $VINE_CONFIG, else ~/.vinetalk */
	const char *config;	/* config text in place of a file */
};

/*
 * vine_pipe_open creates or takes up the segment of a config and becomes its
 * appliance. opts may be NULL. The caller owns *pipe and closes it with
 * vine_pipe_exit. Returns 0, or -EINVAL (options, config), -ENOENT, -EACCES,
 * -EPROTO (foreign or newer layout), -EBUSY (another appliance serves it),
 * -ENOMEM, -ENOSPC (too small for a segment, or what it lies in is full),
 * -EDQUOT (the same by a quota).
 */
int vine_pipe_open(const struct vine_pipe_opts *opts, vine_pipe_s **pipe);

/*
 * vine_pipe_add_accel offers a physical accelerator under a name of 1 to 47
 * bytes. The pipe owns *accel. Returns 0, or -EINVAL, -EEXIST, -ENOSPC.
 */
int vine_pipe_add_accel(vine_pipe_s *pipe, vine_accel_type_e type,
			const char *name, vine_accel_s **accel);

/*
 * vine_pipe_add_proc offers a procedure, under a name of 1 to 63 bytes, on all
 * accelerators of a type. ctx comes back with vine_req_ctx. The pipe owns
 * *proc, which may be NULL. Returns 0, or -EINVAL, -EEXIST, -ENOSPC.
 */
int vine_pipe_add_proc(vine_pipe_s *pipe, vine_accel_type_e type,
		       const char *name, void *ctx, vine_proc_s **proc);

/*
 * vine_pipe_take, at its first call, opens the pipe for applications: add
 * before it what they should find. It waits for a task and gives it out as a request whose views
 * have been checked. Bad tasks are refused on the way and never seen. The
 * caller owns *req until vine_req_complete. timeout is in ns: 0 looks once, -1
 * waits without limit. Returns 0, or -ETIMEDOUT, -EINTR (a signal came),
 * -ENOMEM.
 */
int vine_pipe_take(vine_pipe_s *pipe, int64_t timeout, struct vine_req **req);

/* What a request carries. All of it lives until vine_req_complete. */
const char *vine_req_proc_name(const struct vine_req *req);
void *vine_req_ctx(const struct vine_req *req);	/* of vine_pipe_add_proc */
vine_accel_s *vine_req_accel(const struct vine_req *req); /* physical */
const struct vine_view *vine_req_in(const struct vine_req *req,
				    uint32_t *count);
const struct vine_view *vine_req_out(const struct vine_req *req,
				     uint32_t *count);
const void *vine_req_args(const struct vine_req *req, uint32_t *size);

/*
 * vine_req_execute marks the instant at which execution begins, for the task's
 * timestamps. Optional; without it execution begins when the task was taken.
 */
void vine_req_execute(struct vine_req *req);

/*
 * vine_req_complete answers a request and ends it: call it exactly once.
 * error is a positive errno for VINE_STATUS_FAILED and 0 otherwise; value is
 * the task's 64-bit result. Any thread may call it. Never blocks.
 */
void vine_req_complete(struct vine_req *req, enum vine_status status, int error,
		       uint64_t value);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
