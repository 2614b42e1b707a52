/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watcher: a thread that looks whether the schedulers of the process go round.
 *
 * A task that computes for long, or calls something that blocks its thread,
 * holds up all others of its scheduler: a *stall*. Where one lasts longer than
 * is allowed the log says who, where, and in the end for how long. It costs the
 * schedulers one store for each of their turns.
 *
 * The watcher looks four times in the time that is allowed, and less often
 * while all sleep: a stall after that may be told up to VINE_RT_WATCH_IDLE_MS
 * late, with its right length.
 */
#ifndef RT_WATCHER_H
#define RT_WATCHER_H

#include <stdatomic.h>
#include <stdint.h>

struct rt_sched;

struct rt_watcher_opts {
	uint64_t stall_ns;	/* that is allowed; 0: any */
	/*
	 * A signal on which the tasks of all schedulers are dumped to a
	 * descriptor, as text; 0: none. Threads must not block it all.
	 */
	int signal_number;
	int fd;
};

/*
 * rt_watcher_start starts the watcher of the process; schedulers that are
 * entered, before or after, are watched. With stall_ns SIGURG is the watcher's
 * (rt_snapshot.h). Any thread. Returns 0, or -EALREADY, -EINVAL for a signal
 * that there is not, or an error of sigaction(2) or of starting a thread; then
 * the signal does what it did before.
 */
int rt_watcher_start(const struct rt_watcher_opts *opts);

/* rt_watcher_stop ends it. Signals that come after that do nothing. */
void rt_watcher_stop(void);

/*
 * rt_watcher_name gives a scheduler a name in the log, copied, at most 15
 * bytes. With `rounds`, not NULL, what its thread does between its steps is
 * watched, too: the thread has it grow each time round, and sleeps nowhere but
 * at rt_sched_sleep; NULL ends that. Any thread, while the scheduler is
 * entered.
 */
void rt_watcher_name(struct rt_sched *sched, const char *name,
		     const _Atomic uint64_t *rounds);

/* What was seen of a scheduler. */
struct rt_stalls {
	uint64_t count;
	uint64_t longest_ns;
	uint64_t now_ns;	/* of one that lasts; 0: none does */
	char where[512];	/* of the last one: "task NAME at ..." */
};

/*
 * rt_watcher_stalls copies what was seen; zeros where nothing was, or nobody
 * watches. Any thread; may wait while another is looked at.
 */
void rt_watcher_stalls(const struct rt_sched *sched, struct rt_stalls *stalls);

#endif
