/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rec: a session, as the appliance knows it: one for each slot. It says who it
 * is, what it holds and how it lives; what it may is vine_quota's.
 */
#ifndef VINE_REC_H
#define VINE_REC_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_layout.h"
#include "core/vine_limits.h"
#include "core/vine_quota.h"

struct vine_pipe_s;
struct vine_share;

/* Looks that an abandoned claim outlives. */
#define VINE_REC_STRIKES 3u

enum vine_rec_state {
	VINE_REC_NONE = 0,
	VINE_REC_OPEN,
	VINE_REC_CLOSING,
	VINE_REC_CLOSED,	/* answered; the slot is still claimed */
	VINE_REC_LOST,		/* of an earlier appliance, not taken up */
};

/* A session, as the appliance knows it: one per slot. */
struct vine_rec {
	uint32_t state;		/* enum vine_rec_state; under the lock */
	uint32_t slot;
	uint32_t serial;	/* unique; never 0 */
	uint32_t fence;
	struct arch_bell bell;	/* at which its threads wait */
	uint64_t nonce;
	uint32_t queues;
	uint32_t vaccels;
	uint32_t procs;		/* held by it, of applications */
	uint64_t code;		/* bytes of these */
	struct vine_places places; /* of its tasks in flight */
	uint32_t control;	/* index of its control queue */
	uint32_t weight;	/* as it says: vine_sched makes it one */
	uint32_t peer;		/* as it says: its number at the socket */
	uint32_t strikes;	/* how often its claim looked abandoned */
	uint32_t claim;		/* which claim that was */
	uint32_t mute;		/* 1: it cannot ring */
	uint32_t hears;		/* 1: its peer's bell is to be rung */
	uint32_t port;		/* 1: its serial port's is */
	uint32_t beats;		/* 1: it lives while its heartbeat grows */
	uint64_t beat;		/* what that was */
	uint64_t beat_at;	/* ns, when it was new */
	int dead;		/* its process is gone */
	int fenced;		/* ended by the operator */
	vine_off_t mailbox;	/* page for texts of control tasks */
	uint8_t *proc_refs;	/* bitmap by procedure index, in the keep */
	_Atomic uint32_t lanes_open; /* lanes that still have queues of it */
	/* its share in each lane that has queues of it; only that lane's */
	struct vine_share *shares[VINE_BELLS_MAX];
	/* its tasks that are handled on each worker; only that worker's */
	uint32_t handled[VINE_BELLS_MAX];
};

/* Extents of rings belong to this serial, which no descriptor can name. */
#define VINE_SERIAL_RING(serial) ((serial) | 0x80000000u)

/*
 * All of what follows under the pipe's lock.
 *
 * vine_rec_open makes a session of what a slot says, with a control queue.
 * Returns 0, or as vine_pq_open, with nothing kept; then -EAGAIN is to be tried
 * again.
 */
int vine_rec_open(struct vine_pipe_s *pipe, struct vine_rec *rec,
		  uint64_t nonce);

/*
 * vine_rec_close begins the end of an open session, whose process is `dead` or
 * has asked for it; the last lane that has let go of it ends it. Where there is
 * no memory for that it stays open, for the next look.
 */
void vine_rec_close(struct vine_pipe_s *pipe, struct vine_rec *rec, int dead);

/*
 * vine_rec_end_lost ends a lost session that has left, or whose slot is
 * another's by now: 1, else 0. vine_rec_bury ends one whose process is gone.
 */
int vine_rec_end_lost(struct vine_pipe_s *pipe, struct vine_rec *rec,
		      uint32_t request, uint64_t nonce);
void vine_rec_bury(struct vine_pipe_s *pipe, struct vine_rec *rec);

/* vine_rec_free_claim clears the claim `tag` of a session that is gone. Returns
 * 0 where somebody has the slot's lock, else 1. */
int vine_rec_free_claim(struct vine_pipe_s *pipe, uint32_t slot, uint32_t tag);

/* vine_rec_free frees what a session has besides its slot, when no lane has a
 * queue of it any more. */
void vine_rec_free(struct vine_rec *rec);

/* vine_rec_serial returns a number that no session has; those of rings have
 * the top bit. */
uint32_t vine_rec_serial(struct vine_pipe_s *pipe);

/* vine_rec_read_life reads from a slot how its session says that it lives, and
 * how it rings and is rung. */
void vine_rec_read_life(struct vine_pipe_s *pipe, struct vine_rec *rec);

/* vine_rec_tell writes what a session holds into its slot, for tools. */
void vine_rec_tell(struct vine_pipe_s *pipe, const struct vine_rec *rec);

#endif
