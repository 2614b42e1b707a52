/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service: what stands behind a kind of accelerator in the appliance.
 *
 * A service is a folder of src/services with one ops table named
 * svc_<folder>_ops. CMake makes the daemon's table of services from the
 * folders; nothing else knows their names. Its config keys stand in the
 * folder's keys.def, in the format of utils/config_keys.def.
 *
 * A service sees requests (vine_pipe.h): checked views, never an offset or a
 * ring. It completes each request exactly once: inside submit, where it need
 * not wait; in its handle, which runs as a task of the worker (rt_task.h) and
 * may wait for I/O, locks and times; or from a thread of its own, before which
 * it calls svc_hold.
 */
#ifndef VINE_SVC_H
#define VINE_SVC_H

#include <stddef.h>
#include <stdint.h>

#include <vine_pipe.h>

struct rt_sched;
struct rt_task;
struct utils_config;
struct svc_host;	/* the appliance, as a service sees it */
struct svc_accel;	/* one accelerator that a service offers */

enum svc_flag {
	/* it opens, binds and connects sockets while vined serves */
	SVC_OPENS_SOCKETS = 1u << 0,
};

/* How a request ended, as for vine_req_complete. */
struct svc_answer {
	enum vine_status status;
	int error;
	uint64_t value;
};

struct svc_ops {
	size_t size;		/* sizeof(struct svc_ops) */
	const char *name;	/* the folder's name */
	uint32_t flags;		/* enum svc_flag */

	/*
	 * probe says whether the service can work on this machine with this
	 * config. Returns 0, or -ENODEV: not here, which is no error, or
	 * another negative errno, which ends the start of the appliance.
	 * Main thread. Optional.
	 */
	int (*probe)(const struct utils_config *config);

	/*
	 * start makes the service ready and offers its accelerators and
	 * procedures with svc_add_accel and svc_add_proc. *state is passed to
	 * the other functions. On failure it has undone what it did and logged
	 * why. Main thread, before any worker runs.
	 */
	int (*start)(struct svc_host *host, const struct utils_config *config,
		     void **state);

	/*
	 * submit carries out a request or begins to. Worker thread; must not
	 * block. Errors are completions.
	 */
	void (*submit)(void *state, struct vine_req *req);

	/*
	 * handle carries out a request for which submit called svc_handle, in a
	 * task. It answers by filling in *answer, which begins as OK with value
	 * 0; it does not call vine_req_complete. The task may be cancelled: by
	 * the application, or because its session or the appliance ends; a
	 * handle that gives up then answers VINE_STATUS_CANCELED. Optional.
	 */
	void (*handle)(void *state, struct vine_req *req,
		       struct svc_answer *answer);

	/*
	 * overflowed says that the task of a handle ran over the end of its
	 * stack: it is dead, its calls do not return, and the request is
	 * answered as failed after this. The service forgets what it knows of
	 * that stack, and gives up what the task had in hand. The worker on
	 * which it ran, not in a task; may not block. Optional.
	 */
	void (*overflowed)(void *state, struct vine_req *req,
			   struct rt_task *task);

	/*
	 * cancel asks the service to give up a request that it holds: if it
	 * has not begun, the service completes it with VINE_STATUS_CANCELED
	 * now or soon; no other request is completed inside cancel. The worker
	 * thread that submitted it. svc_cancel_handled is one that will do for
	 * a service all of whose held requests are in handle. Optional.
	 */
	void (*cancel)(void *state, struct vine_req *req);

	/*
	 * leave says that a session has ended: none of its requests is left,
	 * and what the service keeps for it, it gives up. tenant and serial are
	 * as in struct svc_rank. A worker's thread, perhaps not the one that
	 * served it; under a lock: it may not block. Optional.
	 */
	void (*leave)(void *state, const void *tenant, uint32_t serial);

	/*
	 * stop ends the service: no request is outstanding, no worker runs.
	 * Main thread.
	 */
	void (*stop)(void *state);

	/*
	 * reload looks at a config that was read again. Returns 0, or a
	 * negative errno after logging what could not be changed. Main thread,
	 * while workers run. Optional.
	 */
	int (*reload)(void *state, const struct utils_config *config);
};

/*
 * svc_add_accel offers a physical accelerator on every segment, with the
 * number of tasks that it executes at a time. Only in start. Returns 0, or
 * -EINVAL, -EEXIST, -ENOSPC, -ENOMEM.
 */
int svc_add_accel(struct svc_host *host, vine_accel_type_e type,
		  const char *name, uint32_t units);

/*
 * svc_add_proc offers a procedure on the service's accelerators of a type. ctx
 * comes back with vine_req_ctx. Only in start. Returns as svc_add_accel.
 */
int svc_add_proc(struct svc_host *host, vine_accel_type_e type,
		 const char *name, void *ctx);

/*
 * svc_allow_app_code lets applications register code for accelerators of the
 * service's type. build turns a private copy of the code into a ctx for
 * vine_req_ctx, or fails with -ENOEXEC and a log line; drop undoes it when the
 * last user is gone. Both are called by a worker thread. Only in start.
 */
void svc_allow_app_code(struct svc_host *host, vine_accel_type_e type,
			int (*build)(void *state, const char *name,
				     const void *code, size_t size, void **ctx),
			void (*drop)(void *state, void *ctx));

/* Whose a request is, for a service that has to choose among several. */
struct svc_rank {
	const void *tenant;	/* its segment; only compared */
	uint32_t tenant_weight;
	uint32_t session;	/* below VINE_SESSIONS_MAX; of the tenant */
	uint32_t serial;	/* of the session: no other has it meanwhile */
	uint32_t session_weight;
	uint32_t level;		/* below VINE_LEVELS: its priority */
};

/*
 * svc_req_rank writes whose a request is. Levels count within a tenant only; a
 * service that lets requests wait serves tenants and sessions by their weights
 * (core/vine_sched.h). Worker thread, inside submit.
 */
void svc_req_rank(const struct vine_req *req, struct svc_rank *rank);

/*
 * svc_hold takes a lease on the request's data, so that it may outlive submit.
 * Worker thread, inside submit, once.
 */
void svc_hold(struct vine_req *req);

/*
 * svc_handle holds a request and has the service's handle called for it, in a
 * task of a worker, after submit has returned: the worker whose scheduler is
 * `on`, for what belongs to that one; NULL: this one. The request's word is not
 * the service's any more. Worker thread, inside submit, once. Returns 0; or
 * -ENOMEM where there is no memory for a task, -EBUSY where the session has as
 * many requests handled here as VINE_HANDLERS_MAX leaves for others: then the
 * request is as before. On another worker the same is an answer, BUSY.
 */
int svc_handle(struct vine_req *req, struct rt_sched *on);

/* svc_cancel_handled cancels the task that handles a request; see ops. */
void svc_cancel_handled(void *state, struct vine_req *req);

/*
 * svc_req_word gives a service one pointer-sized word of its own in a request,
 * NULL at first.
 */
void **svc_req_word(struct vine_req *req);

/* svc_req_expired tells whether the request's deadline has passed. */
int svc_req_expired(const struct vine_req *req);

#endif
