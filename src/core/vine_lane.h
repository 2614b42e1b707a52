/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lane: one worker's share of one segment's queues.
 *
 * A lane looks only at its active queues. A queue that has been empty for a
 * while is armed: from then on its application sets the queue's ready bit and
 * rings. So the cost of a look does not grow with the number of idle queues. An
 * active queue is either empty, and looked at, or it has tasks, and is filed
 * with the lane's scheduler, which says whose turn it is (vine_sched.h).
 *
 * Everything in a lane belongs to the thread that polls it. Others reach it
 * through its mailbox: a callback, or a request that was completed elsewhere.
 */
#ifndef VINE_LANE_H
#define VINE_LANE_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_journal.h"
#include "core/vine_park.h"
#include "core/vine_pq.h"
#include "core/vine_ready.h"
#include "core/vine_req.h"
#include "core/vine_ring.h"
#include "core/vine_sched.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

struct vine_ctl_job;
struct vine_pipe_s;
struct vine_rec;

enum vine_count {
#define VINE_COUNTER(name, label) VINE_COUNT_##name,
#include "core/counters.def"
#undef VINE_COUNTER
	VINE_COUNT_MAX
};

/* A callback on its way to a lane. */
struct vine_post {
	struct vine_post *next;
	void (*fn)(struct vine_lane *lane, struct vine_post *post);
	void (*drop)(struct vine_post *post); /* if it is never called; NULL */
};

struct vine_lane {
	struct vine_pipe_s *pipe;
	uint32_t index;
	struct vine_ready ready;
	struct vine_pq **active;	/* those without tasks */
	uint32_t active_count;
	uint32_t next_look;		/* of `active` */
	uint32_t idle;			/* 1: one of them is so for long */
	struct vine_sched sched;	/* those with tasks */
	uint64_t task_ticks;		/* VINE_TASK_NS */
	uint32_t share;			/* units that this poll may use */
	uint32_t used;			/* of them */
	uint32_t room;			/* tasks that this visit may take */
	uint64_t now;			/* tick of its begin; 0: not timed */
	uint64_t turn_end;		/* when it must end; 0: not timed */
	struct vine_pq **all;		/* every queue of the lane */
	uint32_t all_count;
	uint32_t all_room;
	uint32_t watch_left;		/* of `all`, in this round */
	uint64_t last_watch;		/* ns, when the round began */
	struct vine_req *free_reqs;
	uint32_t reqs;			/* those of the pool, and in use */
	uint32_t tables;		/* of them */
	_Atomic uint32_t held_count;
	uint32_t work;			/* units that this visit's control
					 * task cost */
	uint32_t partial;		/* 1: it is to be gone on with */
	struct utils_list parked;	/* of struct vine_share */
	uint32_t parked_count;
	uint32_t park_left;		/* of them, in this round */
	struct vine_post *deferred;
	int knocked;			/* lane 0: somebody is at the door */
	uint64_t last_door;
	uint64_t door_wait;		/* ns until the next look at it */
	uint64_t door_rest;		/* the same, for what the last took */
	uint64_t last_tick;
	uint64_t answered;		/* tick of this visit's last answer */
	uint32_t looks;			/* since the last at the clock */
	_Atomic uint32_t reserved;	/* places in `all` that are promised */
	_Atomic(const char *) poller;	/* mark of the thread that polls */
	struct utils_log_rate rate;
	_Atomic uint32_t completers;	/* threads in vine_req_complete */
	_Atomic(struct vine_post *) posts;
	_Atomic(struct vine_req *) answers;
	_Atomic uint32_t freed;		/* 1: a place was given back */
	_Atomic uint64_t quiet;		/* epoch seen at the last quiet point */
	_Atomic uint32_t asleep;
	le32_t own_bell;		/* its word where the segment is far */
	uint32_t naps;			/* sleeps in a row that found nothing */
	_Atomic uint64_t count[VINE_COUNT_MAX];
};

int vine_lane_init(struct vine_lane *lane, struct vine_pipe_s *pipe,
		   uint32_t index);
void vine_lane_fini(struct vine_lane *lane);

/* vine_lane_count adds to a counter of the lane. The lane's thread. */
static inline void
vine_lane_count(struct vine_lane *lane, enum vine_count what, uint64_t n)
{
	_Atomic uint64_t *c = &lane->count[what];

	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) +
			      n, memory_order_relaxed);
}

/*
 * vine_lane_poll_share is vine_lane_poll beside other lanes of the same thread
 * that have work too: it uses at most `share` units, tasks or VINE_TASK_NS.
 * lane->used says how many it did use, which may be more by the last task.
 */
uint32_t vine_lane_poll_share(struct vine_lane *lane, uint32_t share);

/*
 * vine_lane_poll looks at the mailbox, the ready bits and up to VINE_LOOKS
 * empty queues, and serves one turn: VINE_VISIT_BUDGET tasks, or, where several
 * sessions are active, what is left of one's turn. Returns how many things it
 * found. Never blocks. The lane's thread, which the first call makes this one.
 */
static inline uint32_t
vine_lane_poll(struct vine_lane *lane)
{
	return vine_lane_poll_share(lane, 0);
}

/* vine_lane_settle answers what was finished elsewhere, and no more; for a
 * lane whose thread has ended, and whose thread this one is now. */
void vine_lane_settle(struct vine_lane *lane);

/* vine_lane_has_work tells whether queues wait for a turn. Its thread. */
static inline int
vine_lane_has_work(const struct vine_lane *lane)
{
	return lane->sched.filled != 0;
}

/* vine_lane_is_active tells whether it has queues to look at or to serve. */
static inline int
vine_lane_is_active(const struct vine_lane *lane)
{
	return lane->active_count != 0 || lane->sched.filled != 0;
}

/*
 * vine_lane_arm prepares a sleep: arms every queue, says that it sleeps, and
 * looks again. Returns 1 if the lane may sleep on *seen for at most *limit_ns,
 * 0 if there is work. After the sleep, or instead of it, vine_lane_awake.
 */
int vine_lane_arm(struct vine_lane *lane, struct arch_bell_seen *seen,
		  uint64_t *limit_ns);
void vine_lane_awake(struct vine_lane *lane, int slept);

/* vine_lane_retire_idle arms the queues that were empty for long; they are not
 * looked at any more. For vine_lane_poll. */
void vine_lane_retire_idle(struct vine_lane *lane);

/* vine_lane_tick_over looks at the clock: goes on with the round, and does what
 * is done once a tick. For vine_lane_poll, and after a sleep. */
void vine_lane_tick_over(struct vine_lane *lane);

/*
 * vine_lane_add gives the lane a queue; any thread, under the pipe's lock.
 * vine_lane_prepare makes a post of it, which does that when it is posted and
 * is the caller's until then. Return 0 or -ENOMEM.
 */
int vine_lane_add(struct vine_lane *lane, struct vine_pq *pq);
int vine_lane_prepare(struct vine_lane *lane, struct vine_pq *pq,
		      struct vine_post **post);

/* vine_lane_remove takes a queue out again and frees it. The lane's thread. */
void vine_lane_remove(struct vine_lane *lane, struct vine_pq *pq);

/*
 * vine_lane_wake_peer rings for an application that sleeps on the queue, once a
 * sleep. After a completion, or after room was made. The lane's thread.
 */
void vine_lane_wake_peer_slow(struct vine_pq *pq, uint32_t waiting);

static inline void
vine_lane_wake_peer(struct vine_pq *pq)
{
	uint32_t waiting;

	if (__builtin_expect(pq->fence, 0))
		arch_fence();
	/* WAIT-A1: what was published before this look; pairs with WAIT-R1 in
	 * vine_wait_sleep(), whose barrier stands in for a fence here. */
	arch_compiler_fence();
	waiting = arch_load32(&pq->shm->waiting);
	if (__builtin_expect(waiting != 0 && waiting != pq->rung, 0))
		vine_lane_wake_peer_slow(pq, waiting);
}

/* vine_lane_queue returns a queue of the lane. The lane's thread. */
struct vine_pq *vine_lane_queue(struct vine_lane *lane, uint32_t queue);

/* vine_lane_post has fn called in the lane's thread. Any thread. */
void vine_lane_post(struct vine_lane *lane, struct vine_post *post);

/*
 * vine_lane_defer has a post's fn called again when something was answered, or
 * a tick has passed. From within that fn.
 */
void vine_lane_defer(struct vine_lane *lane, struct vine_post *post);

/* vine_lane_drop_posts frees what was posted and will not be called;
 * vine_post_drop a list of posts. */
void vine_lane_drop_posts(struct vine_lane *lane);
void vine_post_drop(struct vine_post *first);

/* Call what was posted, or was deferred; for vine_lane_poll. */
uint32_t vine_lane_run_posts(struct vine_lane *lane);
void vine_lane_run_deferred(struct vine_lane *lane);

/* vine_lane_activate has the lane look at a queue until it is idle again. */
void vine_lane_activate(struct vine_lane *lane, struct vine_pq *pq);

/* vine_lane_deactivate ends that, for a queue that no scheduler has. */
void vine_lane_deactivate(struct vine_lane *lane, struct vine_pq *pq);

/* vine_lane_ring wakes the lane if it sleeps. Any thread. */
void vine_lane_ring(struct vine_lane *lane);

/*
 * vine_lane_req returns a request of the lane's pool, or NULL when there is no
 * memory for one; vine_lane_req_free puts it back. One that was held, or has a
 * table, goes by vine_lane_req_retire, which frees what the pool does not need:
 * it keeps VINE_REQS_KEPT requests and VINE_TABLES_KEPT tables beside those
 * that are held. The lane's thread.
 */
struct vine_req *vine_lane_req_new(struct vine_lane *lane);
void vine_lane_req_retire(struct vine_lane *lane, struct vine_req *req);

static inline struct vine_req *
vine_lane_req(struct vine_lane *lane)
{
	struct vine_req *req = lane->free_reqs;

	if (__builtin_expect(req == NULL, 0))
		return vine_lane_req_new(lane);
	lane->free_reqs = req->next;
	return req;
}

static inline void
vine_lane_req_free(struct vine_lane *lane, struct vine_req *req)
{
	req->next = lane->free_reqs;
	lane->free_reqs = req;
}

/*
 * vine_lane_tick returns the tick of now, or of the answer that was just given:
 * reading the counter costs as much as the rest of admitting a task.
 */
static inline uint64_t
vine_lane_tick(const struct vine_lane *lane)
{
	uint64_t tick = lane->answered;

	return tick ? tick : utils_clock_ticks();
}

/* Each thread's own: its address tells who polls a lane. */
extern _Thread_local char vine_lane_mark
	__attribute__((tls_model("initial-exec")));

/* vine_lane_is_mine tells whether the calling thread polls the lane. */
static inline int
vine_lane_is_mine(const struct vine_lane *lane)
{
	return atomic_load_explicit(&lane->poller, memory_order_relaxed) ==
	       &vine_lane_mark;
}

#endif
