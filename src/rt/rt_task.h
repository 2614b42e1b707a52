/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task: a function with a stack of its own, which may stop in the middle.
 *
 * A task belongs to one scheduler (rt_sched.h), for life, and so to its thread.
 * It runs until it waits for something; then another task of the thread runs.
 * Whatever it calls may wait: a lock, a channel, a descriptor, a time. So a
 * task is written as if it had a thread to itself, and between two waits
 * nobody of its thread runs.
 *
 * What it waits for is a block on its stack. Who ends the wait calls
 * rt_task_wake with it. A wait ends early at its deadline, or when the task is
 * cancelled. Deadlines are ns of rt_sched_now; RT_NEVER is none, and one that
 * has passed, such as 0, means that the call does not wait.
 *
 * All functions are for the scheduler's thread.
 */
#ifndef RT_TASK_H
#define RT_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "rt/rt_timer.h"

#define RT_NEVER UINT64_MAX

struct rt_sched;
struct rt_task;

/* --- waiting: for whoever makes a primitive --- */

/* What `object` of a block points to, or is. */
enum rt_object {
	RT_OBJECT_ANY,		/* an address */
	RT_OBJECT_FD,		/* no address: the number of a descriptor */
	RT_OBJECT_TASK,
	RT_OBJECT_NAMED,	/* begins with a const char *: its name, or NULL */
	RT_OBJECT_QLOCK,	/* so too; and it knows who has it */
	RT_OBJECT_RWLOCK,
};

/*
 * What a task waits for, on its stack. Set the first four, leave the rest
 * zero. `undo` takes the task out of what it waits for, early; `why` is
 * -ETIMEDOUT or -ECANCELED. It returns 0: the task wakes with `why`; or -EBUSY:
 * it cannot leave at once, the kernel has its buffer, say, and a wake will
 * come. It is called once at most, never after the wake, and may not wait.
 * NULL: there is nothing to take out.
 */
struct rt_block {
	const char *what;	/* "rendez", "read": for dumps */
	const void *object;	/* what is waited for: for dumps */
	enum rt_object kind;	/* of that */
	int (*undo)(struct rt_block *block, int why);

	/* the scheduler's */
	struct rt_task *task;	/* NULL: does not wait yet */
	struct rt_timer timer;
	int rc;
	uint8_t woken;
	uint8_t undone;
};

/*
 * rt_task_block has the current task sleep until rt_task_wake. A wake that came
 * before is taken at once. Returns the wake's rc; or what undo was asked for,
 * -ETIMEDOUT at the deadline and -ECANCELED where the task is cancelled: then
 * the task is in what it waited for no more. -EPERM outside of a task; then
 * nothing was undone.
 */
int rt_task_block(struct rt_block *block, uint64_t deadline);

/*
 * rt_task_wake makes the task of a block ready; it runs when its turn comes.
 * The block is not the caller's any more. Once for each block. Never blocks.
 */
void rt_task_wake(struct rt_block *block, int rc);

/* rt_task_self returns the current task, NULL outside of one. */
struct rt_task *rt_task_self(void);

/* --- tasks --- */

/* What a task runs. Its value is for rt_task_join. */
typedef int (*rt_task_fn)(void *arg);

enum rt_task_state {
#define RT_TASK_STATE(name, text, meaning) RT_TASK_##name,
#include "rt/rt_task_states.def"
#undef RT_TASK_STATE
	RT_TASK_STATES
};

#define RT_TASK_SYSTEM 1u	/* rt_sched_run does not wait for it */

struct rt_task_opts {
	const char *name;	/* copied; NULL: "task" */
	uint32_t flags;
	/*
	 * Called by the scheduler, not in a task, where the task ran over the
	 * end of its stack, or was to wait with less than one part in
	 * VINE_STACK_SPARE of it left: it is dead, none of its calls returns,
	 * what it holds it still holds. Other tasks may know things that lie on
	 * its stack; they must not after this. NULL: nothing is called.
	 */
	void (*overflowed)(struct rt_task *task, void *user);
	void *user;
};

/*
 * rt_task_create makes a task, ready to run. It is called by the scheduler's
 * thread, before the first rt_sched_enter by any other. With `task` the caller
 * gets a handle and must give it up by rt_task_join or rt_task_detach; with
 * NULL the task is nobody's. opts may be NULL. Does not block. Returns 0, or
 * -ENOMEM where there is no stack to be had, -ESHUTDOWN where the scheduler is
 * being freed.
 */
int rt_task_create(struct rt_sched *sched, rt_task_fn fn, void *arg,
		   const struct rt_task_opts *opts, struct rt_task **task);

/*
 * rt_task_join waits until a task has ended, writes its value to *rc (NULL:
 * nowhere) and gives the handle up. The value of one whose stack overflowed is
 * -EOVERFLOW. A task that has ended can be joined outside of a task too.
 * Returns 0, or -ETIMEDOUT, -ECANCELED: the handle stays; -EDEADLK for the task
 * itself, -EBUSY where another one joins it, -EPERM outside of a task.
 */
int rt_task_join(struct rt_task *task, int *rc, uint64_t deadline);

/*
 * rt_task_detach gives a handle up. The task goes on, or is freed. What is
 * called at a task's end may call this, or rt_task_join, for it.
 */
void rt_task_detach(struct rt_task *task);

/* rt_task_exit ends the current task, as a return of its function does. */
void rt_task_exit(int rc) __attribute__((noreturn));

/*
 * rt_task_yield lets the other ready tasks run first. Returns 0, or -ECANCELED
 * where the task is cancelled, -EPERM outside of a task.
 */
int rt_task_yield(void);

/*
 * rt_task_delay waits until the deadline. Returns 0 when it has come; or
 * -ECANCELED, -EPERM outside of a task.
 */
int rt_task_delay(uint64_t deadline);

/*
 * rt_task_cancel has the wait of a task, and all its later ones, end with
 * -ECANCELED, until it ends. A wait that was ended already, by a lock that was
 * handed over, say, ends well; the next does not. The task is not ended: its
 * function sees -ECANCELED and returns. Never blocks.
 */
void rt_task_cancel(struct rt_task *task);

/* rt_task_cancelled tells whether a task was, held off or not. */
int rt_task_cancelled(const struct rt_task *task);

/*
 * rt_task_check is how a call that may wait begins, if it might do without:
 * 0, or -ECANCELED where the current task is cancelled, -EPERM outside of one.
 */
int rt_task_check(void);

/*
 * rt_task_hold_cancel holds cancels off from the current task: its waits end as
 * they would have. rt_task_let_cancel ends that; they nest.
 */
void rt_task_hold_cancel(void);
void rt_task_let_cancel(void);

/* --- what a task is --- */

/* rt_task_name returns its name; rt_task_set_name copies another, cut. */
const char *rt_task_name(const struct rt_task *task);
void rt_task_set_name(struct rt_task *task, const char *name);

enum rt_task_state rt_task_state(const struct rt_task *task);
const char *rt_task_state_name(enum rt_task_state state);

/* rt_task_block_of returns what it waits for, NULL where it does not. */
const struct rt_block *rt_task_block_of(const struct rt_task *task);

struct rt_sched *rt_task_sched(const struct rt_task *task);

/*
 * rt_task_set_data keeps a pointer with a task; `end`, if not NULL, is called
 * with it when the task has ended, by the scheduler, not in a task.
 * rt_task_data returns it.
 */
void rt_task_set_data(struct rt_task *task, void *data, void (*end)(void *));
void *rt_task_data(const struct rt_task *task);

#endif
