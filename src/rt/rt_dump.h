/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dump: what each task of a scheduler is at, at a moment.
 *
 * Any thread asks; the scheduler takes it down between two switches,
 * VINE_RT_DUMP_SLICE tasks at a time, so that a great many do not hold it up.
 * What is taken down is addresses of code; who reads the dump turns them into
 * names (rt_place.h), on another thread.
 *
 * Ages count from when the scheduler last looked at the clock before, so they
 * are up to VINE_RT_LOOK_US too long.
 */
#ifndef RT_DUMP_H
#define RT_DUMP_H

#include <stddef.h>

#include "core/vine_limits.h"
#include "rt/rt_task.h"
#include "rt/rt_times.h"
#include "rt/rt_trace.h"

#define RT_DUMP_OBJECT 96u	/* bytes that rt_dump_object may need */

struct rt_dump;

/* A task of a dump. Copies: the task may be gone. */
struct rt_dump_task {
	char name[VINE_RT_NAME];
	char what[VINE_RT_NAME];	/* it waits for: "recv"; "" : nothing */
	char object[VINE_RT_NAME];	/* which one: "fd 12"; "" : unknown */
	char called[VINE_RT_NAME];	/* the name it was given; "" : none */
	uint8_t kind;			/* enum rt_object */
	uintptr_t where;		/* its address; 0: it has none */
	uintptr_t holder;		/* of the task that has it, or 0 */
	uint32_t readers;		/* that have it */
	uintptr_t address;		/* of this task */
	uint64_t age_ns;		/* of the state */
	uint64_t left_ns;		/* to the deadline; RT_NEVER: none */
	rt_task_fn fn;
	uint8_t state;			/* enum rt_task_state */
	uint8_t system;
	uint8_t cancelled;
	uint8_t held;			/* cancels are held off */
	uint8_t begun;			/* 0: it has not run yet */
	uint8_t settled;		/* so since before the dump began */
	uint32_t count;			/* of frames */
	uintptr_t frames[VINE_RT_FRAMES];	/* as rt_backtrace */
};

/*
 * rt_dump_ask has a scheduler take down its tasks, `most` at most, oldest
 * first. The caller gives the dump up by rt_dump_drop, at any time. The
 * scheduler is not being freed meanwhile by another thread. Any thread; never
 * blocks. Returns 0 or -ENOMEM.
 */
int rt_dump_ask(struct rt_sched *sched, uint32_t most, struct rt_dump **dump);

/* rt_dump_here does all of it at once. The scheduler's thread. */
int rt_dump_here(struct rt_sched *sched, uint32_t most, struct rt_dump **dump);

/*
 * rt_dump_done tells whether a dump is complete; before, only rt_dump_drop may
 * be called with it. rt_dump_await waits for that, for at most so long: 0, or
 * -ETIMEDOUT. Not for the scheduler's own thread.
 */
int rt_dump_done(const struct rt_dump *dump);
int rt_dump_await(const struct rt_dump *dump, uint64_t timeout_ns);

/* rt_dump_drop gives a dump up. */
void rt_dump_drop(struct rt_dump *dump);

/*
 * rt_dump_count returns how many tasks were taken down, rt_dump_left_out how
 * many more there were; rt_dump_task returns one of them.
 */
uint32_t rt_dump_count(const struct rt_dump *dump);
uint32_t rt_dump_left_out(const struct rt_dump *dump);
const struct rt_dump_task *rt_dump_task(const struct rt_dump *dump, uint32_t i);

/* rt_dump_times returns how long they run, wait for a turn, and are blocked. */
const struct rt_times_report *rt_dump_times(const struct rt_dump *dump);

/* rt_dump_events returns the steps that the recorder kept, and how many. */
const struct rt_event *rt_dump_events(const struct rt_dump *dump,
				      uint32_t *count);

/*
 * rt_dump_alike tells whether two tasks are of one name, in one state, and wait
 * for the same kind of thing at the same place: where there are thousands, they
 * are one line of a report.
 */
int rt_dump_alike(const struct rt_dump_task *a, const struct rt_dump_task *b);

/*
 * rt_dump_group puts tasks that are alike together: order[] gets the indices of
 * all, of rt_dump_count numbers, those that are alike one after another and the
 * oldest of them first; the places with most tasks come first.
 */
void rt_dump_group(const struct rt_dump *dump, uint32_t *order);

/*
 * rt_dump_object writes what a task waits for: the object's name or, where it
 * is static, that of its variable, and its address; "fd 12"; the name of a
 * task; "" where there is none. As rt_place_of. Returns the buffer.
 */
char *rt_dump_object(const struct rt_dump_task *task, char *text, size_t size);

/*
 * rt_dump_print calls `line` for each line of a report, text without an end of
 * line: one for each circle of tasks that wait for each other (rt_holders.h); a
 * line a group, then its callers. Returns how many lines.
 */
uint32_t rt_dump_print(const struct rt_dump *dump,
		       void (*line)(const char *text, void *user), void *user);

#endif
