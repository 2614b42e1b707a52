/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appliance: the process behind the segment, on the server's cpu, and the
 * client's session with it.
 *
 * It is the real vined, started with a config of its own, or a child of
 * vine-bench that serves the segment through vine_pipe.h (so that a payload's
 * reader is the same code as in the raw measurement beside it). While a limit
 * is measured on the same cpus the appliance is stopped, by SIGSTOP: one that
 * polls would take half of the server's cpu.
 */
#ifndef VINE_BENCH_APPLIANCE_H
#define VINE_BENCH_APPLIANCE_H

#include <stdint.h>
#include <sys/types.h>

#include <vine/vine.h>

#include "tools/vine_bench.h"
#include "tools/vine_bench_opts.h"

/* No wait of a measurement is longer, or the appliance hangs. */
#define VINE_BENCH_WAIT_NS INT64_C(60000000000)
/* What the pipe's process reads of its own for the procedure sum_own. */
#define VINE_BENCH_OWN_BYTES (64u << 20)

/* How long the pipe's procedure "late" takes: longer than anybody polls. */
#define VINE_BENCH_LATE_NS 2000000

struct vine_bench_appliance {
	enum vine_bench_need kind;	/* what runs now */
	pid_t pid;
	struct vine_session *session;
	vine_accel *accel;		/* vined: "noop"; pipe: "bench" */
	vine_proc *noop;		/* vined */
	vine_accel *cpu;		/* "cpu0" of vined; NULL: it has none */
	vine_proc *copy;		/* of cpu: copies input to output */
	vine_proc *sum;			/* pipe: value is the input's sum */
	vine_proc *sum_own;		/* pipe: of memory of its own */
	/* private */
	const struct vine_bench_opts *opts;
	char folder[64];		/* "" before the first start */
	char config[96];
	char log[96];
	char segment[64];
};

/* vine_bench_appliance_init makes one that runs nothing yet. Cannot fail. */
void vine_bench_appliance_init(struct vine_bench_appliance *app,
			       const struct vine_bench_opts *opts);

/*
 * vine_bench_appliance_want makes the appliance one of that kind, paused, with
 * a session; it keeps one that is right and alive, and ends any other. Blocks
 * up to 35 s. Returns 0, or a negative errno, logged; -ENOENT where there is no
 * vined.
 */
int vine_bench_appliance_want(struct vine_bench_appliance *app,
			      enum vine_bench_need kind);

/* vine_bench_appliance_pause stops the process and waits until it stands. */
void vine_bench_appliance_pause(struct vine_bench_appliance *app);

/* vine_bench_appliance_resume lets it go on. */
void vine_bench_appliance_resume(struct vine_bench_appliance *app);

/*
 * vine_bench_appliance_attach opens another session with the appliance, which
 * runs, and fills *opts for tasks without data on it: procedure `proc` of the
 * accelerator `app->accel` is of. wait_mode is enum vine_wait_mode. The caller
 * closes *session. Returns 0, or a negative errno, logged.
 */
int vine_bench_appliance_attach(const struct vine_bench_appliance *app,
				uint32_t wait_mode, const char *proc,
				struct vine_session **session,
				struct vine_task_opts *opts);

/* vine_bench_appliance_end closes the session and ends the process. */
void vine_bench_appliance_end(struct vine_bench_appliance *app);

/*
 * vine_bench_outcome tells how a completed task ended: 0, or -EIO after
 * logging its status and error. *value, where value is not NULL, is its result.
 */
int vine_bench_outcome(const vine_task *task, uint64_t *value);

#endif
