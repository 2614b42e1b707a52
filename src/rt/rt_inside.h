/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside: what a scheduler and its tasks know of each other. For rt_sched.c,
 * rt_task.c, rt_mail.c and rt_overflow.c.
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
#include "utils/utils_list.h"

struct rt_mail;
struct rt_subscriber;

/* Lies at the top of its stack. What a switch needs comes first: one line. */
struct rt_task {
	void *sp;		/* where its stack was left */
	struct rt_task *next;	/* ready */
	struct rt_sched *sched;
	struct rt_block *block;	/* that it waits for */
	uint8_t state;
	uint8_t cancelled;
	uint8_t flags;
	uint8_t handle;		/* somebody has one */
	uint32_t held;		/* cancels are held off */
	struct rt_fiber fiber;

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

struct rt_sched {
	struct rt_task *current;
	struct rt_task *first;	/* ready */
	struct rt_task *last;
	uint32_t turn;		/* switches until rt_sched_due is asked */
	uint32_t grain;		/* what `turn` was set to */
	uint32_t since;		/* switches since the last look at the wait */
	uint32_t budget;	/* switches that are left of this step */
	void *sp;		/* the thread's own stack, while a task runs */
	struct rt_fiber fiber;	/* that stack's */
	uint64_t looked;	/* ticks of the last look at the wait */
	uint64_t clocked;	/* ticks of the last look at the clock */
	uint64_t look_ticks;	/* VINE_RT_LOOK_US */
	uint64_t switches;
	struct rt_task *dead;	/* the last one, which has ended */

	struct rt_stacks stacks;
	struct utils_list all;
	uint32_t tasks;		/* that have not ended */
	uint32_t systems;	/* of these, system tasks */
	uint64_t random;
	struct rt_wait *wait;
	uint8_t own_wait;
	uint8_t entered;
	uint8_t ending;
	void *alt;		/* the stack that a handler of SIGSEGV runs on */
	stack_t alt_before;
	struct rt_subscriber *subscribers;

	_Atomic(struct rt_mail *) mail __attribute__((aligned(64)));
	_Atomic int asleep;
	_Atomic int stop;
};

/* The scheduler that this thread has entered. */
extern _Thread_local struct rt_sched *rt_self;

/* The order in which tasks run is made by these two and nowhere else. */
static inline void
rt_ready_push(struct rt_sched *s, struct rt_task *t)
{
	t->state = RT_TASK_READY;
	t->next = NULL;
	if (s->first)
		s->last->next = t;
	else
		s->first = t;
	s->last = t;
}

static inline struct rt_task *
rt_ready_take(struct rt_sched *s)
{
	struct rt_task *t = s->first;

	if (t)
		s->first = t->next;
	return t;
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
void rt_sched_away(struct rt_sched *sched, struct rt_task *t);

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

/* rt_mail_deliver calls what was posted; returns how many it were. */
uint32_t rt_mail_deliver(struct rt_sched *sched);

/* rt_mail_drop drops what was posted. */
void rt_mail_drop(struct rt_sched *sched);

/* rt_sched_rouse ends the scheduler's sleep, if it sleeps. Any thread. */
void rt_sched_rouse(struct rt_sched *sched);

#endif
