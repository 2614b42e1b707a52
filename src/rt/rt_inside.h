/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside: what a scheduler and its tasks know of each other. For the runtime's
 * own sources.
 */
#ifndef RT_INSIDE_H
#define RT_INSIDE_H

#include <signal.h>
#include <stdatomic.h>

#include "core/vine_limits.h"
#include "rt/rt_fiber.h"
#include "rt/rt_sched.h"
#include "rt/rt_stack.h"
#include "rt/rt_task.h"
#include "rt/rt_trace.h"
#include "utils/utils_list.h"

struct rt_mail;
struct rt_subscriber;

/* Lies at the top of its stack. What a switch needs comes first: one line. */
struct rt_task {
	struct rt_fiber fiber;
	struct rt_sched *sched;
	struct rt_block *block;	/* that it waits for */
	uint8_t state;
	uint8_t cancelled;
	uint8_t flags;
	uint8_t handle;		/* somebody has one */
	uint16_t held;		/* cancels are held off */
	uint8_t stamped;	/* `since` is exact, and is to be counted */
	uint64_t since;		/* ticks, about: in this state */
	uint64_t depth;		/* bytes below it down to which it may wait */

	rt_task_fn fn;
	void *arg;
	int rc;
	struct rt_block *joiner;
	struct rt_stack *stack;
	struct utils_link link;	/* in the scheduler's list of all */
	void (*overflowed)(struct rt_task *task, void *user);
	void *user;
	void *data;
	void (*data_end)(void *data);
	char name[VINE_RT_NAME];
} __attribute__((aligned(64)));

/* A task that is ready, and where its stack was left: to be fetched early. */
struct rt_turn {
	struct rt_task *task;
	uintptr_t sp;
};

struct rt_sched {
	struct rt_task *current;
	struct rt_turn *ready;	/* a ring with room for every task */
	uint32_t mask;		/* of its size, a power of two */
	uint32_t head;		/* the next to run */
	uint32_t tail;
	uint32_t turn;		/* switches until rt_sched_due is asked */
	uint32_t grain;		/* what `turn` was set to */
	uint32_t pace;		/* what it is set to, if nothing is shorter */
	uint32_t since;		/* switches since the last look at the wait */
	uint32_t budget;	/* switches that are left of this step */
	uint64_t now;		/* ticks when the clock was read last */
	struct rt_fiber fiber;	/* the thread's own */
	uint64_t looked;	/* ticks of the last look at the wait */
	uint64_t woke;		/* ticks of the end of the last sleep */
	uint64_t look_ticks;	/* VINE_RT_LOOK_US */
	uint64_t switches;
	uint32_t in_a_row;	/* calls of I/O that did not wait */
	/*
	 * A simulation's, else NULL: called at each switch, since `pace` stays
	 * 1 then. It puts first whose turn it is, and returns whether the wait
	 * is to be looked at.
	 */
	int (*order)(struct rt_sched *sched);
	struct rt_task *dead;	/* has ended, and is reaped now; else NULL */

	struct rt_stacks stacks;
	struct utils_list all;
	uint32_t tasks;		/* that have not ended */
	uint32_t systems;	/* of these, system tasks */
	uint64_t random;
	struct rt_wait *wait;
	uint8_t own_wait;
	uint8_t entered;
	uint8_t ending;
	uint8_t sigpipe;	/* is kept from the thread, which had it */
	void *alt;		/* the stack that a handler of SIGSEGV runs on */
	stack_t alt_before;
	struct rt_subscriber *subscribers;
	struct rt_dump *dumps;	/* that are being taken down */
	struct rt_times *times;
	struct rt_recorder *recorder;	/* NULL: nothing is kept */
	_Atomic uint64_t running;	/* ticks: tasks run since; 0: none */

	_Atomic(struct rt_mail *) mail __attribute__((aligned(64)));
	_Atomic int asleep;
	_Atomic int stop;
};

/* The scheduler that this thread has entered. */
extern _Thread_local struct rt_sched *rt_self;

/* A step of rt_trace.def, of the current scheduler; `task` may be NULL. */
#define RT_TRACE_AT(s, name, task, object, number) \
	do { \
		RT_PROBE(name, object, number); \
		if (__builtin_expect((s)->recorder != NULL, 0)) \
			rt_trace_note(s, RT_TRACE_##name, task, \
				      (uint64_t)(uintptr_t)(object), \
				      (int64_t)(number)); \
	} while (0)

#define RT_AHEAD 8u	/* turns for which stacks are fetched early */

static inline int
rt_ready_any(const struct rt_sched *s)
{
	return s->head != s->tail;
}

/* The order in which tasks run is made by these two and nowhere else. */
static inline void
rt_ready_push(struct rt_sched *s, struct rt_task *t, const void *sp)
{
	t->state = RT_TASK_READY;
	t->since = s->now;
	s->ready[s->tail++ & s->mask] = (struct rt_turn){ t, (uintptr_t)sp };
}

static inline struct rt_task *
rt_ready_take(struct rt_sched *s)
{
	/* of one that is not there any more: no harm */
	const struct rt_turn *ahead = &s->ready[(s->head + RT_AHEAD) & s->mask];

	__builtin_prefetch(ahead->task, 1);
	__builtin_prefetch((const void *)ahead->sp, 1);
	__builtin_prefetch((const void *)(ahead->sp + 64), 1);
	return s->ready[s->head++ & s->mask].task;
}

/*
 * rt_sched_due sets `turn` anew, or returns 1: it is the scheduler's turn, to
 * look at the wait or to end its step. When `turn` has come to 0.
 */
int rt_sched_due(struct rt_sched *sched);

/*
 * rt_sched_away goes on with the next ready task, or with the scheduler. It
 * returns when the current task, t, has its turn again; its state says what it
 * is meanwhile.
 */
static inline __attribute__((always_inline)) void
rt_sched_away(struct rt_sched *s, struct rt_task *t)
{
	struct rt_fiber *to = &s->fiber;
	struct rt_task *n = NULL;

	if ((--s->turn != 0 || !rt_sched_due(s)) && rt_ready_any(s)) {
		n = rt_ready_take(s);
		n->state = RT_TASK_RUNNING;
		RT_PROBE(task_run, n, 0);	/* kept by rt_sched_due */
		if (n == t)
			return;
		to = &n->fiber;
	}
	s->current = n;
	rt_fiber_switch(&t->fiber, to);
}

/*
 * rt_task_overflow ends the current task as one that ran over the end of its
 * stack. It does not return. A sanitizer is not told so: it may be called on
 * the stack of SIGSEGV, which is none that a sanitizer knows.
 */
void rt_task_overflow(struct rt_task *task);

/*
 * rt_task_stand is how all begins that may have the current task wait: what
 * comes then must not end half-way, with the task in a list, the ready ring or
 * the wheel. So one whose stack is all but used up ends here.
 */
static inline void
rt_task_stand(struct rt_task *t)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	if (__builtin_expect((uintptr_t)t - here > t->depth, 0))
		rt_task_overflow(t);
}

/* rt_sched_make_room has the ready ring take one task more: 0 or -ENOMEM. */
int rt_sched_make_room(struct rt_sched *sched);

/* rt_task_reap is what is done about a task that has ended, by the scheduler. */
void rt_task_reap(struct rt_task *task);

/* rt_task_free gives up what is left of one. */
void rt_task_free(struct rt_task *task);

/*
 * rt_overflow_start has SIGSEGV of this process answered: 0 or -errno.
 * rt_overflow_enter gives the calling thread a stack for that, and
 * rt_overflow_leave its own one back. 0 or -ENOMEM.
 */
int rt_overflow_start(void);
int rt_overflow_enter(struct rt_sched *sched);
void rt_overflow_leave(struct rt_sched *sched);

/*
 * rt_sigpipe_enter keeps SIGPIPE from the calling thread; rt_sigpipe_leave drops
 * what has come and gives the thread its own mask back.
 */
void rt_sigpipe_enter(struct rt_sched *sched);
void rt_sigpipe_leave(struct rt_sched *sched);

/* rt_dump_skip has no dump go on with a task that is to be freed. */
void rt_dump_skip(struct rt_sched *sched, struct rt_task *task);

/*
 * rt_watcher_enter has the calling thread's scheduler watched, if somebody
 * watches, until rt_watcher_leave.
 */
void rt_watcher_enter(struct rt_sched *sched);
void rt_watcher_leave(struct rt_sched *sched);

/*
 * Times (rt_times.h). rt_times_soon returns in how many switches a task comes
 * whose turn is to be timed, at most `most`; the first of them takes the one at
 * `from` of the ready ring. rt_times_out: a task leaves off, or
 * has ended; rt_times_in: the first of the ready ones begins; rt_times_woken: a
 * stamped one was made ready just now, and was blocked since then;
 * rt_times_moved: the ready ring begins at 0 now, and so much earlier.
 */
uint32_t rt_times_soon(const struct rt_sched *sched, uint32_t from,
		       uint32_t most);
void rt_times_out(struct rt_sched *sched, struct rt_task *task);
void rt_times_in(struct rt_sched *sched);
void rt_times_woken(struct rt_sched *sched, struct rt_task *task,
		    uint64_t since);
void rt_times_moved(struct rt_sched *sched, uint32_t by);

/* rt_mail_deliver calls what was posted; returns how many it were. */
uint32_t rt_mail_deliver(struct rt_sched *sched);

/* rt_mail_drop drops what was posted. */
void rt_mail_drop(struct rt_sched *sched);

/* rt_sched_rouse ends the scheduler's sleep, if it sleeps. Any thread. */
void rt_sched_rouse(struct rt_sched *sched);

#endif
