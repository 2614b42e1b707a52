/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VineTalk: the application's API as it was on 2 June 2016, plus
 * vine_task_free. A program written for it compiles unchanged.
 *
 * Conventions of this header alone: functions return a pointer (NULL on
 * failure), a count, or 1 and 0 for success and failure; on failure errno tells
 * the reason. Nothing prints on stdout, nothing ends the process. Functions of
 * <vine/vine.h> may be used on the same objects; vine_session_default gives
 * their session.
 *
 * All functions may be called from any thread between vine_talk_init and
 * vine_talk_exit. Before vine_talk_init they call it themselves. When there is
 * no session they fail with errno ENOTCONN.
 */
#ifndef VINE_TALK_H
#define VINE_TALK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>	/* VineTalk's header brought these two along, and its */
#include <time.h>	/* programs call printf without more */

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Kinds of accelerator. */
typedef enum vine_accel_type {
	ANY = 0,		/* let the appliance decide */
	GPU,			/* a graphics processor */
	GPU_SOFT,		/* a graphics processor's code on a CPU */
	CPU,			/* native code of the appliance */
	FPGA,			/* a reconfigurable device */
	VINE_NET,		/* the appliance's sockets: <vine/net.h> */
	VINE_ACCEL_TYPES	/* how many there are */
} vine_accel_type_e;

typedef enum vine_accel_state {
	accel_failed = 0,	/* it failed, or it is gone */
	accel_idle,		/* nothing in flight on it */
	accel_busy		/* tasks in flight on it */
} vine_accel_state_e;

/* Where data lives. Kept as a hint; all data here is shared, see vine_data. */
typedef enum vine_data_alloc_place {
	HostOnly = 1,		/* the CPU uses it */
	AccelOnly = 2,		/* the accelerator uses it; no deref */
	Both = 3		/* both use it */
} vine_data_alloc_place_e;

typedef enum vine_task_state_e {
	task_failed = 0,	/* it ended without its result */
	task_issued,		/* it has not ended */
	task_completed		/* it ended with its result */
} vine_task_state_e;

/*
 * The objects; <vine/accel.h> and its neighbours say more about each. They are
 * void, as VineTalk's were, unless a header of <vine/...> came first.
 */
#ifndef VINE_HANDLE_H
#define VINE_HANDLE_H
typedef void vine_accel;
typedef void vine_proc;
typedef void vine_data;
typedef void vine_task;
#endif

/* Where an accelerator is. */
typedef struct vine_accel_loc {
	char name[48];		/* of the physical accelerator; "" if none */
	uint64_t segment;	/* incarnation of its segment */
	uint32_t index;		/* its place in the segment's directory */
	int32_t numa_node;	/* -1: not known */
} vine_accel_loc_s;

/* What an accelerator has done, for all sessions of the segment. */
typedef struct vine_accel_stats {
	uint64_t tasks_completed;
	uint64_t tasks_failed;
	uint64_t tasks_in_flight; /* taken, not completed */
	uint64_t busy_ns;	/* executing, summed over its units */
	uint32_t units;		/* how many tasks it executes at a time */
	uint32_t virtual_accels; /* open on it */
} vine_accel_stats_s;

/* When a task passed its stops: CLOCK_MONOTONIC ns, 0 where it has not. */
typedef struct vine_task_stats {
	uint64_t issue_ns;
	uint64_t take_ns;
	uint64_t execute_ns;
	uint64_t complete_ns;
	uint64_t value;		/* the procedure's 64-bit result */
	int32_t error;		/* errno of a failed task, else 0 */
	uint32_t status;	/* enum vine_status */
} vine_task_stats_s;

/*
 * vine_talk_init reads the config and attaches this process to its segment.
 * Calls nest: each needs a vine_talk_exit. Blocks until an appliance has
 * admitted the session, at most the config's attach_timeout. On failure the
 * reason is in errno (see vine_session_open) and in the log (stderr by
 * default); errno is 0 after success.
 */
void vine_talk_init(void);

/*
 * vine_talk_exit undoes one vine_talk_init. The last one ends the session:
 * every object of it is freed and must not be used afterwards; the last user of
 * a segment removes it.
 */
void vine_talk_exit(void);

/*
 * vine_accel_list returns the number of physical accelerators of `type` (ANY:
 * of all) and, where accels is not NULL, an array of exactly those, which the
 * caller frees with free(). The accelerators in it belong to the session.
 * Returns 0 with *accels NULL when there are none; with errno set on failure.
 */
int vine_accel_list(vine_accel_type_e type, vine_accel ***accels);

/* vine_accel_location returns where an accelerator is. Never blocks. */
vine_accel_loc_s vine_accel_location(vine_accel *accel);

/* vine_accel_type returns an accelerator's type. Never blocks. */
vine_accel_type_e vine_accel_type(vine_accel *accel);

/*
 * vine_accel_stat returns an accelerator's state and, where stat is not NULL,
 * fills it. Figures are at most 100 ms old. Never blocks.
 */
vine_accel_state_e vine_accel_stat(vine_accel *accel, vine_accel_stats_s *stat);

/*
 * vine_accel_acquire opens a virtual accelerator on the physical one in *accel
 * and puts it there. The physical one stays shared. Returns 1; or 0 with errno
 * EINVAL (NULL, or already virtual), ENODEV, EDQUOT, ETIMEDOUT, ECONNRESET.
 * Blocks for one round trip.
 */
int vine_accel_acquire(vine_accel **accel);

/*
 * vine_accel_release ends the virtual accelerator in *accel and sets it to
 * NULL. Returns 1; or 0 with errno EINVAL for a physical one or NULL.
 */
int vine_accel_release(vine_accel **accel);

/*
 * vine_proc_register registers code under a name for a type of accelerator.
 * The same name, type and code give the same procedure; a name that exists
 * with other code gives NULL, EEXIST. Each success needs a vine_proc_put. See
 * vine_proc_add for which accelerators execute an application's code.
 */
vine_proc *vine_proc_register(vine_accel_type_e type, const char *func_name,
			      const void *func_bytes, size_t func_bytes_size);

/*
 * vine_proc_get returns the procedure of that type and name, NULL with errno
 * ENOENT where there is none. Each success needs a vine_proc_put.
 */
vine_proc *vine_proc_get(vine_accel_type_e type, const char *func_name);

/*
 * vine_proc_put gives a procedure back and returns how many uses were left
 * before it, as VineTalk did; the one that returns 1 frees it.
 */
int vine_proc_put(vine_proc *func);

/*
 * vine_data_alloc allocates data of `size` bytes, aligned to 64. NULL with
 * errno ENOMEM, EDQUOT, EINVAL (place) on failure. With the config key throttle
 * it waits for memory, and fails with ETIMEDOUT where there was none in time.
 */
vine_data *vine_data_alloc(size_t size, vine_data_alloc_place_e place);

/* vine_data_size returns the size that was asked for, in bytes. */
size_t vine_data_size(vine_data *data);

/*
 * vine_data_deref returns the address of the data: the memory the accelerator
 * works on, not a copy. NULL with errno EINVAL for AccelOnly data.
 */
void *vine_data_deref(vine_data *data);

/*
 * vine_data_mark_ready did, in VineTalk, what completing a task does here: an
 * appliance marked each output, and vine_task_wait waited for the marks. It is
 * kept so that programs compile and changes nothing; errno EINVAL for NULL.
 */
void vine_data_mark_ready(vine_data *data);

/* vine_data_free frees data. NULL is ignored. Any thread may call it. */
void vine_data_free(vine_data *data);

/*
 * vine_task_issue issues a task: `proc` on `accel` with in_count inputs,
 * out_count outputs and, where args is not NULL, the contents of args as they
 * are now. Waits while the thread's queue is full. The caller frees the task
 * with vine_task_free. NULL with errno EINVAL, ENOMEM, EDQUOT, ECONNRESET on
 * failure; a task that cannot be carried out is issued and fails.
 */
vine_task *vine_task_issue(vine_accel *accel, vine_proc *proc, vine_data *args,
			   size_t in_count, vine_data **input, size_t out_count,
			   vine_data **output);

/*
 * vine_task_stat returns a task's state and, where stats is not NULL, fills
 * it. Never blocks.
 */
vine_task_state_e vine_task_stat(vine_task *task, vine_task_stats_s *stats);

/*
 * vine_task_wait waits for a task to end and returns task_completed or
 * task_failed, then with errno set to the task's error. May be called again,
 * and by several threads.
 */
vine_task_state_e vine_task_wait(vine_task *task);

/*
 * vine_task_free frees a task, which need not have ended; its data must live
 * until it has. NULL is ignored. A task that is not freed lives until the
 * session ends. (Not in VineTalk of that day, which never freed its tasks.)
 */
void vine_task_free(vine_task *task);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
