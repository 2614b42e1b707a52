/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduler: runs the tasks of one thread, in the order in which they became
 * ready.
 *
 * It belongs to one thread at a time, from rt_sched_enter to rt_sched_leave;
 * only rt_sched_stop and rt_mail_post (rt_mail.h) are for others. It sleeps
 * nowhere but at a wait (rt_wait.h), at which descriptors, operations, timers
 * and mail end its sleep. While tasks are ready the wait is looked at every
 * VINE_RT_SWITCHES switches or VINE_RT_LOOK_US, whichever comes first.
 *
 * Either rt_sched_run does all that; or a loop that has more to do calls
 * rt_sched_step in its turns and rt_sched_sleep where it would sleep.
 */
#ifndef RT_SCHED_H
#define RT_SCHED_H

#include <stdint.h>

#include "rt/rt_task.h"
#include "rt/rt_wait.h"

struct rt_sched_opts {
	struct rt_wait *wait;	/* the caller's; NULL: one of its own */
	enum rt_wait_engine engine;	/* of that */
	uint32_t stack_size;	/* bytes; 0: VINE_STACK_SIZE */
	uint64_t seed;		/* of rt_sched_random; 0: some */
};

/*
 * rt_sched_new makes a scheduler. opts may be NULL. Any thread. Returns 0, or
 * -ENOMEM, -EINVAL for a stack below VINE_STACK_MIN, or an error of
 * rt_wait_new.
 */
int rt_sched_new(const struct rt_sched_opts *opts, struct rt_sched **sched);

/*
 * rt_sched_free cancels the tasks that are left, runs them until they have
 * ended, drops the mail that was not delivered, and frees the scheduler. By the
 * thread that has entered it, or by any where none has. Blocks for
 * VINE_RT_END_MS at most. Returns 0; or -EBUSY where a task has not ended:
 * it is named in the log, nothing is freed, and the call may be made again;
 * -EPERM from a task; or an error of rt_sched_enter where none has entered it
 * and there are tasks to be run.
 */
int rt_sched_free(struct rt_sched *sched);

/*
 * rt_sched_enter makes the scheduler the calling thread's. Returns 0, or -EBUSY
 * where the thread or the scheduler has another; -ENOMEM.
 * rt_sched_leave ends that. Not from a task. In between SIGPIPE is blocked in
 * the thread; one that comes is dropped when it leaves.
 */
int rt_sched_enter(struct rt_sched *sched);
void rt_sched_leave(struct rt_sched *sched);

/*
 * rt_sched_run runs tasks until none is left but system tasks, or until
 * rt_sched_stop. Enters and leaves, if that was not done. Where no task is
 * ready it climbs a ladder (arch_ladder.h): it looks for what comes soon, then
 * sleeps. Returns 0, or an error of rt_sched_enter; -EPERM from a task.
 */
int rt_sched_run(struct rt_sched *sched);

/*
 * rt_sched_stop ends this rt_sched_run, or the next. Any thread. The scheduler
 * is not freed before it has returned.
 */
void rt_sched_stop(struct rt_sched *sched);

/*
 * rt_sched_step delivers mail, looks at the wait where it is time to, and runs
 * ready tasks for at most `most` switches to one. After rt_sched_enter; not
 * from a task. Returns how much it did: 0 means that nothing was to be done.
 */
uint32_t rt_sched_step(struct rt_sched *sched, uint32_t most);

/*
 * rt_sched_sleep is rt_wait_sleep, for a loop around rt_sched_step: it does not
 * sleep where a task is ready or mail has come.
 */
uint32_t rt_sched_sleep(struct rt_sched *sched,
			const struct arch_bell_seen *bells, uint32_t count,
			uint64_t limit_ns);

/*
 * rt_sched_idle tells whether no task is ready and no mail has come. What the
 * wait knows of is not asked.
 */
int rt_sched_idle(const struct rt_sched *sched);

/* rt_sched_self returns the scheduler that this thread has entered, or NULL. */
struct rt_sched *rt_sched_self(void);

/* rt_sched_wait returns the scheduler's wait. */
struct rt_wait *rt_sched_wait(struct rt_sched *sched);

/* rt_sched_now returns the scheduler's time, ns. Its only clock. */
uint64_t rt_sched_now(const struct rt_sched *sched);

/* rt_sched_random returns the next number of the scheduler's seed. */
uint64_t rt_sched_random(struct rt_sched *sched);

/* rt_sched_tasks returns how many tasks have not ended, system tasks too. */
uint32_t rt_sched_tasks(const struct rt_sched *sched);

/* rt_sched_switches returns how often it switched to a task. */
uint64_t rt_sched_switches(const struct rt_sched *sched);

/*
 * rt_sched_each calls fn for every task that is not freed, oldest first. fn may
 * not make tasks, end them or wait.
 */
void rt_sched_each(struct rt_sched *sched,
		   void (*fn)(struct rt_task *task, void *user), void *user);

#endif
