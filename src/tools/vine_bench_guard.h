/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard: what must be undone however vine-bench ends.
 *
 * It knows the processes to kill and the files to remove. A signal that ends
 * the program, a helper that dies while the other side spins on it, and a
 * measurement that hangs all come here. The loops that are measured therefore
 * need neither a time-out nor a look at their peer.
 */
#ifndef VINE_BENCH_GUARD_H
#define VINE_BENCH_GUARD_H

#include <sys/types.h>

#define VINE_BENCH_GUARD_PATHS 8	/* files and one folder */
#define VINE_BENCH_GUARD_PROCS 4	/* the pair's server, an appliance */

/*
 * vine_bench_guard_install takes over SIGINT, SIGTERM, SIGHUP, SIGALRM and
 * SIGCHLD. Main thread, once, before the first process is started. Returns 0
 * or a negative errno, logged.
 */
int vine_bench_guard_install(void);

/*
 * vine_bench_guard_path has `path` removed at the end: a file, or an empty
 * folder. Those added last go first. Paths are copied. Returns 0, or -ENOSPC,
 * -ENAMETOOLONG, logged.
 */
int vine_bench_guard_path(const char *path);

/*
 * vine_bench_guard_proc has a process killed at the end. Where `fatal`, its
 * death ends vine-bench at once, because somebody spins on it; where not,
 * vine_bench_guard_died tells of it. `log` is the file whose end is shown when
 * it dies, or NULL; the caller keeps the string alive. Returns 0, or -ENOSPC,
 * logged.
 */
int vine_bench_guard_proc(pid_t pid, const char *name, const char *log,
			  int fatal);

/*
 * vine_bench_guard_stop ends a guarded process: SIGTERM, and SIGKILL if it is
 * still there after `grace_ms`. Blocks until it is gone. Returns its wait
 * status, or -1 where it was not guarded.
 */
int vine_bench_guard_stop(pid_t pid, int grace_ms);

/* vine_bench_guard_died tells whether a guarded process has ended by itself. */
int vine_bench_guard_died(pid_t pid);

/*
 * vine_bench_guard_watch gives what follows `seconds` to end; `what` (which
 * must stay alive) is named when it does not. 0 seconds: no limit.
 */
void vine_bench_guard_watch(unsigned int seconds, const char *what);

/*
 * vine_bench_guard_child makes the calling process, freshly forked, a helper:
 * it forgets what is guarded, takes its signals back, and dies with its parent.
 */
void vine_bench_guard_child(pid_t parent);

/* vine_bench_guard_finish undoes everything; the normal end of the program. */
void vine_bench_guard_finish(void);

#endif
