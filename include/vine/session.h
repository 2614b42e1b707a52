/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session: one application's life on one segment.
 *
 * A process may open several sessions, on one segment or on many. All the
 * other objects (accelerators, procedures, data, tasks) belong to the session
 * they came from and are used with it alone.
 *
 * Threads: any thread may use a session. A thread that issues gets a queue of
 * its own at its first issue and gives it back when it ends; no lock is shared
 * between issuing threads.
 *
 * fork(): a child has none of its parent's sessions. Calls on them return
 * -ECHILD; the child opens its own.
 *
 * Errors: functions return 0 or a negative errno. Outputs are written on
 * success only. A timeout is in nanoseconds: 0 looks once, VINE_FOREVER waits
 * without limit.
 */
#ifndef VINE_SESSION_H
#define VINE_SESSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define VINE_FOREVER INT64_C(-1)

struct vine_session;

enum vine_wait_mode {
	VINE_WAIT_DEFAULT = 0,	/* as built: the ladder, or spin */
	VINE_WAIT_LADDER = 1,	/* spin a little, pause, then sleep */
	VINE_WAIT_SPIN = 2,	/* never sleep */
};

/*
 * Options of vine_session_open. Zero the struct, set size to
 * sizeof(struct vine_session_opts), fill in what you need. A zero member
 * means the default.
 */
struct vine_session_opts {
	size_t size;		/* sizeof(struct vine_session_opts) */
	const char *config_file; /* read this file; NULL: $VINE_CONFIG, else
				  * ~/.vinetalk, unless `config` is set */
	const char *config;	/* config text ("KEY VALUE\n" lines) in place of
				  * a file; the file is then not read */
	const char *label;	/* up to 31 bytes that tools show; NULL: the
				  * program's name */
	int64_t attach_timeout;	/* ns to wait for an appliance; 0: the config's
				  * attach_timeout */
	uint32_t wait_mode;	/* enum vine_wait_mode */
	uint32_t weight;	/* share of the appliance beside the segment's
				 * other sessions, 1 to 100; 0: the config's
				 * session_weight */
};

/*
 * vine_session_open attaches to the segment that the config names and has the
 * appliance admit a session. opts may be NULL. The caller owns *session and
 * ends it with vine_session_close. Blocks up to the attach timeout.
 * Returns 0, or
 *   -EINVAL      opts->size, wait_mode or weight unknown, or a bad config
 *                (the log names file, line, value, expectation)
 *   -ENOENT      no config file, or no segment where shm_trunc is 0
 *   -EACCES      the segment may not be opened; or the appliance closed the
 *                connection to the socket: this user may not attach, or as
 *                many do as may
 *   -EPROTO      the segment is of a foreign or newer layout
 *   -ENOSPC      there is no segment yet, and the file system that it is to
 *                lie in is full; -EDQUOT: the same by a quota
 *   -ETIMEDOUT   no appliance answered in time
 *   -EUSERS      all session slots are taken
 *   -EPERM       the appliance refused the session
 *   -ENOMEM, -EMFILE, -ENFILE   out of memory or descriptors
 */
int vine_session_open(const struct vine_session_opts *opts,
		      struct vine_session **session);

/*
 * vine_session_close ends a session: waits for the tasks in flight, returns
 * all memory of the session to the appliance and unmaps the segment. Every
 * object of the session is freed with it and must not be used afterwards.
 * Blocks until the appliance has answered, at most the attach timeout; a
 * session whose appliance is gone is closed all the same; its tasks end first,
 * with their callbacks. No other thread may be inside a call on the session.
 * NULL is ignored.
 */
void vine_session_close(struct vine_session *session);

/*
 * vine_session_default returns the session that vine_talk_init opened, or
 * NULL before it and after vine_talk_exit. Never blocks.
 */
struct vine_session *vine_session_default(void);

/*
 * vine_session_fd writes a descriptor that polls readable (POLLIN, EPOLLIN)
 * when a task of the session has completed since the last vine_session_reap,
 * and for good once the session is lost. The session owns it: do not read or close it. The first call starts the
 * watching; a session that never calls this pays nothing for it.
 * Level-triggered. Returns 0, or -EMFILE, -ENFILE, -ENOMEM, -EAGAIN where no
 * thread could be started.
 */
int vine_session_fd(struct vine_session *session, int *fd);

/*
 * vine_session_reap takes in every completion that has arrived, runs the
 * completion callbacks of those tasks in this thread, and clears the
 * descriptor of vine_session_fd. Never blocks. Returns the number of tasks
 * that were completed by this call, or -ECHILD; or -ECONNRESET when the session
 * was lost: then every task in flight has ended, see vine/status.h.
 */
int vine_session_reap(struct vine_session *session);

/* How much of something a session has, and its quota: the operator's config
 * says how much it may have; 0: as much as there is. */
struct vine_session_quota {
	uint64_t used;
	uint64_t quota;
};

/* What a session is attached to, and what it holds. */
struct vine_session_info {
	size_t size;		/* sizeof(struct vine_session_info) */
	uint64_t segment_size;	/* bytes */
	uint64_t heap_size;	/* bytes of the segment that can hold data */
	uint64_t granted;	/* bytes of extents this session holds */
	uint64_t incarnation;	/* random, of the segment's initialisation */
	uint64_t generation;	/* of the appliance; grows with a restart */
	uint32_t session_id;	/* slot index in the segment */
	uint32_t queues;	/* queues this session holds */
	/* as the appliance counts */
	struct vine_session_quota memory; /* bytes of extents */
	struct vine_session_quota tasks; /* in flight: taken, not answered; a
					  * second old at most */
	struct vine_session_quota thread_queues;
	struct vine_session_quota vaccels;
	struct vine_session_quota procs; /* with code of applications */
	struct vine_session_quota code;	/* bytes of them */
};

/*
 * vine_session_info fills *info, whose size member the caller set. Never
 * blocks. Returns 0, or -EINVAL for an unknown size.
 */
int vine_session_info(struct vine_session *session,
		      struct vine_session_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
