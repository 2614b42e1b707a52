/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task lies at the top of its own stack and is gone with it. Its states:
 * ready, in the scheduler's queue; running; blocked, in nobody's queue but that
 * of what it waits for. It ends on its own stack, and the scheduler reaps it
 * from the thread's.
 *
 * A block is woken once: by a wake, or by what its undo allowed. Who comes
 * second finds it woken and leaves it alone. So what a wake hands over is
 * handed over, whatever comes between it and the task's turn.
 */
#include <errno.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "utils/utils_log.h"

static struct rt_task *
current(void)
{
	return rt_self ? rt_self->current : NULL;
}

static int
is_cancelled(const struct rt_task *t)
{
	return t->cancelled && t->held == 0;
}

/* --- waiting --- */

/* End a block early, if what it waits for lets the task go. */
static void
leave(struct rt_block *b, int why)
{
	if (b->woken || b->undone)
		return;
	if (why == -ETIMEDOUT)
		RT_TRACE_AT(b->task->sched, task_deadline, b->task, b->task,
			    b->timer.at);
	b->undone = 1;
	if (b->undo == NULL || b->undo(b, why) == 0)
		rt_task_wake(b, why);
}

static void
on_deadline(struct rt_timer *timer)
{
	leave(timer->user, -ETIMEDOUT);
}

void
rt_task_wake(struct rt_block *b, int rc)
{
	struct rt_task *t = b->task;
	uint64_t since;

	if (b->woken)
		return;
	b->woken = 1;
	b->rc = rc;
	if (t == NULL)
		return;		/* it has not come to wait yet */
	if (rt_timer_is_set(&b->timer))
		rt_timers_cancel(rt_wait_timers(t->sched->wait), &b->timer);
	t->block = NULL;
	if (t->state != RT_TASK_BLOCKED)
		return;
	RT_TRACE_AT(t->sched, task_wake, t, t, rc);
	since = t->since;
	rt_ready_push(t->sched, t, t->fiber.context.sp);
	if (t->stamped)
		rt_times_woken(t->sched, t, since);
}

int
rt_task_block(struct rt_block *b, uint64_t deadline)
{
	struct rt_task *t = current();
	struct rt_sched *s;

	if (t == NULL)
		return -EPERM;
	if (b->woken)
		return b->rc;
	s = t->sched;
	b->task = t;
	t->block = b;
	if (is_cancelled(t)) {
		leave(b, -ECANCELED);
	} else if (deadline != RT_NEVER) {
		b->timer.fire = on_deadline;
		b->timer.user = b;
		if (deadline == 0 || deadline <= rt_sched_now(s))
			leave(b, -ETIMEDOUT);
		else
			rt_timers_set(rt_wait_timers(s->wait), &b->timer,
				      deadline);
	}
	if (!b->woken) {
		t->state = RT_TASK_BLOCKED;
		t->since = s->now;
		RT_TRACE_AT(s, task_block, t, t, (uintptr_t)b->object);
		rt_sched_away(s, t);
	}
	return b->rc;
}

struct rt_task *
rt_task_self(void)
{
	return current();
}

int
rt_task_yield(void)
{
	struct rt_task *t = current();

	if (t == NULL)
		return -EPERM;
	rt_task_stand(t);
	/* its stack will be left about here */
	rt_ready_push(t->sched, t, (char *)__builtin_frame_address(0) - 64);
	rt_sched_away(t->sched, t);
	return is_cancelled(t) ? -ECANCELED : 0;
}

int
rt_task_check(void)
{
	struct rt_task *t = current();

	if (t == NULL)
		return -EPERM;
	rt_task_stand(t);
	return is_cancelled(t) ? -ECANCELED : 0;
}

int
rt_task_delay(uint64_t deadline)
{
	struct rt_block b = { .what = "delay" };
	struct rt_task *t = current();
	int rc;

	if (t)
		rt_task_stand(t);
	rc = rt_task_block(&b, deadline);
	return rc == -ETIMEDOUT ? 0 : rc;
}

void
rt_task_cancel(struct rt_task *task)
{
	RT_TRACE_AT(task->sched, task_cancel, task, task, 0);
	task->cancelled = 1;
	if (task->block && is_cancelled(task))
		leave(task->block, -ECANCELED);
}

int
rt_task_cancelled(const struct rt_task *task)
{
	return task->cancelled;
}

void
rt_task_hold_cancel(void)
{
	struct rt_task *t = current();

	if (t)
		t->held++;
}

void
rt_task_let_cancel(void)
{
	struct rt_task *t = current();

	if (t && t->held)
		t->held--;
}

/* --- life --- */

/* The first function on a task's stack. */
static void
begin(void *arg)
{
	struct rt_task *t = arg;

	rt_fiber_first();
	RT_TRACE_AT(t->sched, task_begin, t, t, (uintptr_t)t->fn);
	rt_task_exit(t->fn(t->arg));
}

int
rt_task_create(struct rt_sched *s, rt_task_fn fn, void *arg,
	       const struct rt_task_opts *opts, struct rt_task **task)
{
	static const struct rt_task_opts none;
	struct rt_stack *stack;
	struct rt_task *t;

	if (s->ending)
		return -ESHUTDOWN;
	if (rt_sched_make_room(s) != 0 ||
	    rt_stack_get(&s->stacks, &stack) != 0)
		return -ENOMEM;
	if (opts == NULL)
		opts = &none;
	t = (struct rt_task *)(void *)stack->top - 1;
	memset(t, 0, sizeof(*t));
	t->sched = s;
	t->flags = (uint8_t)opts->flags;
	t->handle = task != NULL;
	t->fn = fn;
	t->arg = arg;
	t->stack = stack;
	t->depth = (uintptr_t)((char *)t - stack->base) / VINE_STACK_SPARE *
		(VINE_STACK_SPARE - 1);
	t->overflowed = opts->overflowed;
	t->user = opts->user;
	rt_task_set_name(t, opts->name ? opts->name : "task");
	rt_fiber_init(&t->fiber, stack->base, (char *)t);
	rt_switch_make(&t->fiber.context, t, begin, t);
	utils_list_push_back(&s->all, &t->link);
	s->tasks++;
	s->systems += t->flags & RT_TASK_SYSTEM;
	rt_ready_push(s, t, t);
	RT_TRACE_AT(s, task_create, t, t, (uintptr_t)fn);
	if (task)
		*task = t;
	return 0;
}

void
rt_task_exit(int rc)
{
	struct rt_task *t = current();
	struct rt_sched *s = rt_self;

	RT_TRACE_AT(s, task_end, t, t, rc);
	t->rc = rc;
	t->state = RT_TASK_ENDED;
	s->dead = t;
	s->turn--;		/* one switch: to here */
	rt_fiber_end(&t->fiber, &s->fiber);
	__builtin_unreachable();
}

void
rt_task_overflow(struct rt_task *t)
{
	struct rt_sched *s = t->sched;

	t->rc = -EOVERFLOW;
	t->state = RT_TASK_OVERFLOWED;
	s->dead = t;
	rt_fiber_end(&t->fiber, &s->fiber);
	__builtin_unreachable();
}

void
rt_task_free(struct rt_task *t)
{
	struct rt_sched *s = t->sched;

	if (s->dumps)
		rt_dump_skip(s, t);
	utils_list_remove(&t->link);
	rt_fiber_fini(&t->fiber);
	rt_stack_put(&s->stacks, t->stack, t->state == RT_TASK_OVERFLOWED);
}

void
rt_task_reap(struct rt_task *t)
{
	struct rt_sched *s = t->sched;

	t->since = s->now;
	s->tasks--;
	s->systems -= t->flags & RT_TASK_SYSTEM;
	if (t->state == RT_TASK_OVERFLOWED) {
		RT_TRACE_AT(s, task_overflow, t, t, s->stacks.size);
		log_error("task %s ran over the end of its stack of %u bytes",
			  t->name, s->stacks.size);
		if (t->overflowed)
			t->overflowed(t, t->user);
	}
	if (t->data_end)
		t->data_end(t->data);
	if (t->joiner)
		rt_task_wake(t->joiner, 0);
	else if (!t->handle)
		rt_task_free(t);
}

/* A task that waits for the end of another. */
struct join {
	struct rt_block block;
	struct rt_task *task;
};

static int
undo_join(struct rt_block *b, int why)
{
	(void)why;
	((struct join *)(void *)b)->task->joiner = NULL;
	return 0;
}

int
rt_task_join(struct rt_task *task, int *rc, uint64_t deadline)
{
	struct join join = {
		.block = { .what = "join", .object = task,
			   .kind = RT_OBJECT_TASK, .undo = undo_join },
		.task = task,
	};
	int err;

	if (current() == task)
		return -EDEADLK;
	/* one that was woken has not had its turn, maybe: it is its task */
	if (task->joiner)
		return -EBUSY;
	if (task->state < RT_TASK_ENDED) {
		if (current() == NULL)
			return -EPERM;
		rt_task_stand(current());
		task->joiner = &join.block;
		err = rt_task_block(&join.block, deadline);
		if (err)
			return err;
		task->joiner = NULL;
	}
	if (rc)
		*rc = task->rc;
	rt_task_detach(task);
	return 0;
}

void
rt_task_detach(struct rt_task *task)
{
	task->handle = 0;
	/* what is called at its end may do this: then who reaps it frees it */
	if (task->state >= RT_TASK_ENDED && task->joiner == NULL &&
	    task->sched->dead != task)
		rt_task_free(task);
}

/* --- what it is --- */

const char *
rt_task_name(const struct rt_task *task)
{
	return task->name;
}

void
rt_task_set_name(struct rt_task *task, const char *name)
{
	size_t n = strnlen(name, sizeof(task->name) - 1);

	memcpy(task->name, name, n);
	task->name[n] = '\0';
}

enum rt_task_state
rt_task_state(const struct rt_task *task)
{
	return task->state;
}

const char *
rt_task_state_name(enum rt_task_state state)
{
	static const char *const names[] = {
#define RT_TASK_STATE(name, text, meaning) text,
#include "rt/rt_task_states.def"
#undef RT_TASK_STATE
	};

	return state < RT_TASK_STATES ? names[state] : "unknown";
}

const struct rt_block *
rt_task_block_of(const struct rt_task *task)
{
	return task->block;
}

struct rt_sched *
rt_task_sched(const struct rt_task *task)
{
	return task->sched;
}

void
rt_task_set_data(struct rt_task *task, void *data, void (*end)(void *))
{
	task->data = data;
	task->data_end = end;
}

void *
rt_task_data(const struct rt_task *task)
{
	return task->data;
}
