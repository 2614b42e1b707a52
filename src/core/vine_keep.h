/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keep: what of a pipe outlives its appliance.
 *
 * A file of the appliance's own, on tmpfs, in a directory that is nobody
 * else's; no guest can map it. An appliance that is killed leaves it behind,
 * and the next one takes the sessions up from it (vine_heir.h): who they are,
 * what they hold, how far each queue was, which tasks were in flight. The code
 * of applications lies in it too. Of a segment without a name it is memory
 * without one, too, whose descriptor somebody else holds as long as it counts.
 * Where neither can be had it is anonymous memory, which ends with its
 * appliance.
 *
 * What was stored is there when the process is dead; the death of the machine
 * does not matter, a keep of another boot is not looked at. So records are
 * changed by stores in an order of which each beginning makes sense: the word
 * that says whether the record counts is cleared first and released last.
 */
#ifndef VINE_KEEP_H
#define VINE_KEEP_H

#include <stdint.h>
#include <sys/types.h>

#include "core/vine_fork.h"
#include "core/vine_runs.h"
#include "core/vine_seg.h"

struct utils_config;

/* Whether the keep as a whole counts. */
enum vine_keep_state {
	VINE_KEEP_VOID = 0,	/* being made, or given up */
	VINE_KEEP_VALID = 1,
};

/* Its first page: of which segment it is, and who has it. */
struct vine_keep_header {
	uint64_t magic;
	uint32_t version;
	uint32_t id;		/* fingerprint of the structs below */
	uint64_t size;		/* bytes of the keep */
	uint64_t segment_size;
	uint64_t incarnation;	/* of the segment */
	uint64_t device;	/* of its object */
	uint64_t inode;
	uint64_t boot_id;
	uint64_t generation;	/* of the last appliance */
	uint32_t queue_slots;
	uint32_t pid;		/* of the appliance that has it */
	uint32_t state;		/* enum vine_keep_state, KEEP-R3 */
	uint32_t pad;
};

enum vine_keep_session_state {
	VINE_KEEP_SESSION_NONE = 0,
	VINE_KEEP_SESSION_OPEN,
	VINE_KEEP_SESSION_CLOSING,	/* what it holds is being taken back */
	VINE_KEEP_SESSION_CLOSED,	/* the answer may not be given yet */
};

/* By slot. */
struct vine_keep_session {
	uint32_t state;		/* enum vine_keep_session_state, KEEP-R3 */
	uint32_t serial;
	uint64_t nonce;
	uint64_t mailbox;	/* offset */
	uint64_t task;		/* number of its last control task */
	uint32_t control;	/* index of its control queue */
	uint32_t fence;
	uint32_t weight;
	uint32_t peer;		/* its number at the socket; 0: none */
};

/*
 * By index. `task` here and below is the control task that made the record: if
 * it was not answered nobody knows of the record, and it goes.
 */
struct vine_keep_queue {
	uint32_t state;		/* 1: in use, KEEP-R3 */
	uint32_t serial;	/* of its session */
	uint32_t slot;
	uint32_t control;	/* 1: the session's control queue */
	uint64_t sub;		/* offsets of the rings */
	uint64_t comp;
	uint64_t task;
	uint32_t lane;
	uint32_t slots;		/* of the submission ring */
	/* by the lane's thread, for each task; see vine_journal.h */
	uint32_t sub_pos;	/* KEEP-R1 */
	uint32_t comp_pos;	/* KEEP-R2 */
	uint32_t descs;		/* 1: it has memory for descriptors */
	uint32_t pad;
};

/* A descriptor of a task that may be run again. */
struct vine_keep_desc {
	uint64_t w[8];
};

/* By entry. */
struct vine_keep_extent {
	uint32_t serial;	/* of who holds it; 0: nobody; KEEP-R3 */
	uint32_t slot;
	uint32_t queue;		/* not 0: that queue's rings */
	uint32_t pad;
	uint64_t off;
	uint64_t len;
	uint64_t task;
};

enum vine_keep_accel_state {
	VINE_KEEP_ACCEL_NONE = 0,
	VINE_KEEP_ACCEL_PHYSICAL,
	VINE_KEEP_ACCEL_VIRTUAL,
};

/* By index. The generation counts also while the record is free. */
struct vine_keep_accel {
	uint32_t state;		/* enum vine_keep_accel_state, KEEP-R3 */
	uint32_t generation;
	uint32_t type;
	uint32_t serial;	/* of a virtual one, as what follows */
	uint32_t slot;
	uint32_t phys;		/* handle */
	int32_t priority;
	uint32_t pad;
	uint64_t task;
	char name[48];		/* of a physical one */
};

enum vine_keep_proc_state {
	VINE_KEEP_PROC_NONE = 0,
	VINE_KEEP_PROC_BUILT_IN,
	VINE_KEEP_PROC_CODE,	/* an application's */
};

/* By index. */
struct vine_keep_proc {
	uint32_t state;		/* enum vine_keep_proc_state, KEEP-R3 */
	uint32_t generation;
	uint32_t type;
	uint32_t pad;
	uint64_t code;		/* from the begin of all code */
	uint64_t code_size;
	char name[64];
};

struct vine_keep {
	const struct vine_seg *seg;
	uint8_t *base;
	uint64_t size;
	int fd;			/* -1: anonymous */
	int found;		/* 1: it is of an earlier appliance */
	struct vine_keep_header *header;
	struct vine_keep_session *sessions;
	struct vine_keep_queue *queues;
	struct vine_keep_extent *extents;
	struct vine_keep_accel *accels;
	struct vine_keep_proc *procs;
	uint8_t *refs;		/* bitmaps of procedures, by session */
	uint64_t refs_stride;
	uint64_t fixed;		/* bytes up to here are always there */
	uint8_t *journals;	/* by queue */
	uint64_t journal_stride;
	uint8_t *descs;		/* by queue */
	uint64_t descs_stride;
	uint8_t *code;		/* as many bytes as the heap has */
	struct vine_runs code_runs;
	char path[512];
	struct vine_fork_child known;	/* fd, to children */
};

/*
 * vine_keep_open makes or finds the keep of a segment, which the caller serves:
 * it holds the appliance's lock. The directory is the config's; config NULL,
 * or memory of the caller's for a segment: anonymous. What it finds it judges:
 * a keep of another segment, boot or version, or one that makes no sense, is
 * made anew. Where there can be no file it says so in the log and goes on. The
 * caller owns what is in *keep until vine_keep_close. Main thread. Returns 0,
 * or -ENOMEM.
 */
int vine_keep_open(struct vine_keep *keep, const struct vine_seg *seg,
		   const struct utils_config *config);

/*
 * vine_keep_open_memory is vine_keep_open in sealed memory without a name,
 * whose descriptor is keep->fd: one that an earlier appliance left, of which
 * the caller keeps fd, or with fd -1 a new one. Returns 0, or -ENOMEM, or
 * -EPROTO, logged, where what was left cannot be believed.
 */
int vine_keep_open_memory(struct vine_keep *keep, const struct vine_seg *seg,
			  int fd);

/* vine_keep_void says that nothing in it counts any more, and takes the file's
 * name away. The memory stays. */
void vine_keep_void(struct vine_keep *keep);

/* vine_keep_close gives the memory back; what is not void stays in its file. */
void vine_keep_close(struct vine_keep *keep);

/*
 * vine_keep_holder returns the pid of the appliance that has a segment's keep,
 * for a message, or 0: not known.
 */
pid_t vine_keep_holder(const struct vine_seg *seg,
		       const struct utils_config *config);

/*
 * vine_keep_back makes sure that memory is behind some bytes of the keep, so
 * that a store cannot fail; vine_keep_unback gives whole pages of it back,
 * whose content nobody needs any more. May take as long as clearing the pages.
 * Returns 0 or -ENOMEM.
 */
int vine_keep_back(struct vine_keep *keep, const void *at, uint64_t len);
void vine_keep_unback(struct vine_keep *keep, const void *at, uint64_t len);

/*
 * vine_keep_code takes `size` bytes for an application's code, without memory
 * behind them; NULL: there are no more. vine_keep_code_drop gives them back.
 * Under the pipe's lock.
 */
uint8_t *vine_keep_code(struct vine_keep *keep, uint64_t size);
void vine_keep_code_drop(struct vine_keep *keep, const uint8_t *code,
			 uint64_t size);

/*
 * vine_keep_set stores a word after all that was stored before: what makes a
 * record count, or not count.
 */
static inline void
vine_keep_set(uint32_t *word, uint32_t value)
{
	/* KEEP-R3: the record's fields before the word that says that they
	 * count; pairs with KEEP-A3 in vine_judge_foreign(), in another
	 * process. */
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* vine_keep_code_pages returns how many pages code of that size takes. */
static inline uint32_t
vine_keep_code_pages(uint64_t size)
{
	return size ? (uint32_t)((size + VINE_PAGE - 1) / VINE_PAGE) : 1;
}

/* vine_keep_refs returns the bitmap of a session's procedures. */
static inline uint8_t *
vine_keep_refs(const struct vine_keep *keep, uint32_t slot)
{
	return keep->refs + slot * keep->refs_stride;
}

#endif
