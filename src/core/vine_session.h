/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session: the application's end of a segment, from the inside.
 *
 * Lock order: that of forks (vine_fork.h), session->lock, heap.lock,
 * session->ctl_lock. Issuing, waiting and reaping take none of them when both
 * sides are awake.
 */
#ifndef VINE_CORE_SESSION_H
#define VINE_CORE_SESSION_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <vine/session.h>
#include <vine/status.h>

#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_msi.h"
#include "core/vine_ctl.h"
#include "core/vine_fork.h"
#include "core/vine_heap.h"
#include "core/vine_port.h"
#include "core/vine_seg.h"

struct vine_beat;
struct vine_queue;
struct vine_watch;

struct vine_session {
	struct vine_seg *seg;
	struct vine_session_shm *shm;
	struct arch_bell bell;	/* at which its threads wait */
	uint64_t nonce;
	uint64_t id;		/* unique in this process, never used again */
	_Atomic uint64_t key;	/* the id; 0 once lost, or in a forked child */
	uint32_t slot;
	uint32_t fence;		/* 1: publish with a real fence */
	int spin;		/* 1: never sleep */
	int same_clock;		/* the appliance's ticks are ours */
	uint64_t forks;		/* vine_fork_count when opened */
	int64_t attach_timeout;
	int64_t restart_wait;	/* ns that its appliance may be away */
	uint32_t weight;
	int64_t throttle;	/* ns that VineTalk's API waits for memory */
	uint64_t recycle;	/* bytes of a class that a thread keeps */
	_Atomic uint32_t lost;	/* enum vine_status once the session is lost */
	_Atomic uint64_t away;	/* ns: since when it is; 0: it is there */
	_Atomic uint64_t back;	/* ns: since when it is there again */
	_Atomic uint64_t glanced; /* ns: when vine_life_glance last looked */
	_Atomic uint64_t found_late;	/* completions, without a bell */
	char label[32];

	pthread_mutex_t lock;
	struct vine_queue *queues;	/* all but the control queue */
	struct vine_queue *idle;	/* those that no thread has */
	_Atomic uint32_t queue_count;	/* vine_session_info takes no lock */
	struct vine_accel_s *phys;
	struct vine_accel_s *virt;
	struct vine_proc_s *procs;

	pthread_mutex_t ctl_lock;
	struct vine_queue *control;
	uint8_t *mailbox;

	struct vine_heap heap;
	_Atomic(struct vine_watch *) watch;
	pthread_t hangup;	/* vine_hangup.h */
	int has_hangup;

	/* of far memory: */
	le32_t own_bell;	/* the bell's word */
	_Atomic int mute;	/* 1: no bell of the appliance's reaches us */
	struct vine_beat *beat;	/* vine_beat.h */
	struct arch_msi msi;	/* the device's interrupt, if it is ours */
	struct vine_fork_child known_msi[3];
	struct vine_port port;	/* the bell of machines without it */
	char port_name[64];
	struct vine_fork_child known_port;
	struct vine_fork_child known;	/* the key, to children */
	struct vine_session *next;	/* of all sessions of the process */
};

/* vine_session_usable returns 0, -ECHILD after fork, or -ECONNRESET. */
static inline int
vine_session_usable(const struct vine_session *session)
{
	if (__builtin_expect(session->forks != vine_fork_count, 0))
		return -ECHILD;
	return __builtin_expect(atomic_load_explicit(&session->lost,
						     memory_order_relaxed) != 0,
				0) ? -ECONNRESET : 0;
}

/* vine_session_memory returns how many bytes of data the session may ever have,
 * as the appliance says. */
uint64_t vine_session_memory(const struct vine_session *session);

/* vine_session_scarce returns a number that changes, now and then, while some
 * session finds no memory. */
uint32_t vine_session_scarce(const struct vine_session *session);

/*
 * vine_session_lock_all tells whether the session with this id is open, and
 * locks the list of sessions; vine_session_unlock_all unlocks it.
 */
struct vine_session *vine_session_lock_all(uint64_t id);
void vine_session_unlock_all(void);

#endif
