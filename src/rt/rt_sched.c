/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that waits or yields goes on with the next ready one by itself: one
 * switch. The scheduler's own stack, that of the thread, gets its turn where
 * no task is ready, where one has ended, and when it is time to look at the
 * wait. To read the clock costs as much as three switches, so that is not done
 * at each, but after as many as are thought to take a part of the time.
 *
 * Ready tasks stand in a ring. It has room for all there are, so to make one
 * ready never fails; and those whose turn comes soon are known, so what they
 * will touch first is fetched early. With 10,000 tasks none of it is at hand.
 *
 * All of it is the thread's, but for three words. `mail` is a stack that others
 * push to. `asleep` and what they publish, mail or `stop`, are stored and looked
 * at crosswise by both sides; all four are sequentially consistent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/spin/arch_ladder.h"
#include "rt/rt_inside.h"
#include "rt/rt_times.h"
#include "rt/rt_topic.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define FOR_EVER UINT64_MAX

_Thread_local struct rt_sched *rt_self;

static uint32_t
stack_size(void)
{
#if defined(RT_FIBER_ASAN) || defined(RT_FIBER_TSAN)
	return 16 * VINE_STACK_SIZE;
#else
	return VINE_STACK_SIZE;
#endif
}

int
rt_sched_new(const struct rt_sched_opts *opts, struct rt_sched **out)
{
	static const struct rt_sched_opts none;
	struct rt_sched *s;
	int rc;

	if (opts == NULL)
		opts = &none;
	rc = rt_overflow_start();
	if (rc)
		return rc;
	s = aligned_alloc(64, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	utils_list_init(&s->all);
	rc = rt_stacks_init(&s->stacks, opts->stack_size ? opts->stack_size :
			    stack_size());
	if (rc == 0 && opts->wait == NULL)
		rc = rt_wait_new(opts->engine, &s->wait);
	if (rc) {
		free(s);
		return rc;
	}
	rc = rt_times_new(s, &s->times);
	if (rc) {
		if (opts->wait == NULL)
			rt_wait_free(s->wait);
		free(s);
		return rc;
	}
	s->own_wait = opts->wait == NULL;
	if (opts->wait)
		s->wait = opts->wait;
	s->random = opts->seed ? opts->seed : utils_clock_ticks();
	s->look_ticks = utils_clock_from_ns(VINE_RT_LOOK_US * 1000);
	s->turn = s->grain = s->pace = 1;
	s->now = utils_clock_ticks();
	*out = s;
	return 0;
}

/* --- whose turn it is --- */

int
rt_sched_make_room(struct rt_sched *s)
{
	uint32_t size = s->ready ? s->mask + 1 : 0, more = size ? size * 2 : 64;
	struct rt_turn *ready;

	if (s->tasks < size)
		return 0;
	ready = calloc(more, sizeof(*ready));
	if (ready == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->tail - s->head; i++)
		ready[i] = s->ready[(s->head + i) & s->mask];
	rt_times_moved(s, s->head);
	s->tail -= s->head;
	s->head = 0;
	s->mask = more - 1;
	free(s->ready);
	s->ready = ready;
	return 0;
}

static void
spend(struct rt_sched *s, uint32_t switches)
{
	s->switches += switches;
	s->since += switches;
	s->budget -= switches < s->budget ? switches : s->budget;
}

/*
 * How many switches may be made before anything is asked. The first of them
 * takes the task at `from` of the ready ring.
 */
static void
set_turn(struct rt_sched *s, uint32_t from)
{
	uint32_t n = s->pace;

	if (s->since < VINE_RT_SWITCHES && n > VINE_RT_SWITCHES - s->since)
		n = VINE_RT_SWITCHES - s->since;
	if (n > s->budget)
		n = s->budget;
	n = s->recorder && n ? 1 : rt_times_soon(s, from, n);
	s->turn = s->grain = n ? n : 1;
}

/* Is it the scheduler's turn? */
static int
is_due(struct rt_sched *s)
{
	if (s->since >= VINE_RT_SWITCHES || s->budget == 0)
		return 1;
	s->now = utils_clock_ticks();
	atomic_store_explicit(&s->running, s->now, memory_order_relaxed);
	return s->now - s->looked >= s->look_ticks;
}

static void
note_run(struct rt_sched *s, const struct rt_task *t)
{
	rt_trace_note(s, RT_TRACE_task_run, t, (uintptr_t)t, 0);
}

int
rt_sched_due(struct rt_sched *s)
{
	int due;

	spend(s, s->grain);
	due = s->order ? s->order(s) || s->budget == 0 : is_due(s);
	rt_times_out(s, s->current);
	if (!due && rt_ready_any(s)) {
		rt_times_in(s);
		if (s->recorder)
			note_run(s, s->ready[s->head & s->mask].task);
	}
	/* the switch under way takes the one at `head` */
	set_turn(s, s->head + 1);
	return due;
}

/* Run ready tasks until it is the scheduler's turn again. */
static void
run_ready(struct rt_sched *s)
{
	struct rt_task *t;

	if (s->order)
		s->order(s);
	rt_times_in(s);
	t = rt_ready_take(s);
	spend(s, 1);
	set_turn(s, s->head);
	t->state = RT_TASK_RUNNING;
	s->current = t;
	RT_TRACE_AT(s, task_run, t, t, 0);
	atomic_store_explicit(&s->running, s->now, memory_order_relaxed);
	rt_fiber_switch(&s->fiber, &t->fiber);
	atomic_store_explicit(&s->running, 0, memory_order_relaxed);
	s->current = NULL;
	spend(s, s->grain - s->turn);
	s->grain = s->turn;
	if (s->dead) {
		rt_times_out(s, s->dead);
		rt_task_reap(s->dead);
		s->dead = NULL;
	}
}

/*
 * Look at the wait, where it is time to. What the last switches took says after
 * how many the clock is looked at: those of a quarter of VINE_RT_LOOK_US.
 */
static uint32_t
look(struct rt_sched *s)
{
	uint64_t now = utils_clock_ticks(), spent = now - s->looked, pace;

	if (s->order)	/* it says when */
		return rt_mail_deliver(s) + rt_wait_poll(s->wait);
	if (s->since < VINE_RT_SWITCHES && spent < s->look_ticks)
		return 0;
	pace = s->look_ticks / 4 * s->since / (spent + 1);
	s->pace = pace < 1 ? 1 : pace < VINE_RT_SWITCHES ? (uint32_t)pace :
		VINE_RT_SWITCHES;
	s->since = 0;
	s->looked = s->now = now;
	return rt_mail_deliver(s) + rt_wait_poll(s->wait);
}

uint32_t
rt_sched_step(struct rt_sched *s, uint32_t most)
{
	uint32_t did;

	/* a loop that found nothing may not have asked for long */
	if (!rt_ready_any(s))
		s->now = utils_clock_ticks();
	did = rt_mail_deliver(s);
	s->budget = most;
	while (rt_ready_any(s) && s->budget) {
		did += look(s);
		run_ready(s);
		did++;
	}
	return did;
}

int
rt_sched_idle(const struct rt_sched *s)
{
	return !rt_ready_any(s) && atomic_load(&s->mail) == NULL;
}

uint32_t
rt_sched_sleep(struct rt_sched *s, const struct arch_bell_seen *bells,
	       uint32_t count, uint64_t limit_ns)
{
	uint32_t did = 0;

	/* MAIL-A2: says that it sleeps, then looks for mail and `stop`; pairs
	 * with MAIL-R2 in rt_sched_rouse(). */
	atomic_store(&s->asleep, 1);
	if (rt_sched_idle(s) && !atomic_load(&s->stop))
		did = rt_wait_sleep(s->wait, bells, count, limit_ns);
	atomic_store_explicit(&s->asleep, 0, memory_order_relaxed);
	s->since = 0;
	s->looked = s->now = s->woke = utils_clock_ticks();
	return did;
}

void
rt_sched_rouse(struct rt_sched *s)
{
	/* MAIL-R2: mail or `stop` was stored before this looks whether the
	 * scheduler sleeps; pairs with MAIL-A2 in rt_sched_sleep(). Else it
	 * could sleep on mail and nobody would wake it. */
	if (atomic_load(&s->asleep))
		rt_wait_wake(s->wait);
}

/* --- a thread's --- */

int
rt_sched_enter(struct rt_sched *s)
{
	int rc;

	if (rt_self || s->entered)
		return -EBUSY;
	rc = rt_overflow_enter(s);
	if (rc)
		return rc;
	rt_sigpipe_enter(s);
	rt_fiber_enter(&s->fiber);
	s->entered = 1;
	rt_self = s;
	rt_watcher_enter(s);
	return 0;
}

void
rt_sched_leave(struct rt_sched *s)
{
	if (rt_self != s || s->current)
		return;
	rt_watcher_leave(s);
	rt_self = NULL;
	s->entered = 0;
	rt_sigpipe_leave(s);
	rt_overflow_leave(s);
}

int
rt_sched_run(struct rt_sched *s)
{
	int entered = rt_self == s, rc = 0;
	struct arch_ladder ladder;

	if (entered && s->current)
		return -EPERM;
	if (!entered)
		rc = rt_sched_enter(s);
	if (rc)
		return rc;
	arch_ladder_init(&ladder, 0);
	while (s->tasks > s->systems && !atomic_load(&s->stop)) {
		if (rt_sched_step(s, VINE_RT_SWITCHES) ||
		    rt_wait_poll(s->wait)) {
			arch_ladder_found(&ladder);
			arch_ladder_begin(&ladder);
		} else if (arch_ladder_step_slow(&ladder)) {
			/* a look may be a system call: each asks the clock */
			rt_sched_sleep(s, NULL, 0, FOR_EVER);
			arch_ladder_slept(&ladder);
		}
	}
	atomic_store(&s->stop, 0);
	if (!entered)
		rt_sched_leave(s);
	return 0;
}

void
rt_sched_stop(struct rt_sched *s)
{
	atomic_store(&s->stop, 1);
	rt_sched_rouse(s);
}

/* --- its end --- */

static void
cancel(struct rt_task *task, void *user)
{
	(void)user;
	rt_task_cancel(task);
}

static void
complain(struct rt_sched *s)
{
	utils_list_each(&s->all, link) {
		struct rt_task *t = utils_list_of(link, struct rt_task, link);

		if (t->state >= RT_TASK_ENDED)
			continue;
		log_error("task %s does not end: %s %s, %u such tasks", t->name,
			  rt_task_state_name(t->state),
			  t->block ? t->block->what : "", s->tasks);
		return;
	}
}

static int
end_tasks(struct rt_sched *s)
{
	uint64_t start = rt_sched_now(s), limit = VINE_RT_END_MS * 1000000ull;

	rt_sched_each(s, cancel, NULL);
	while (s->tasks) {
		uint64_t spent = rt_sched_now(s) - start;

		if (spent >= limit) {
			complain(s);
			return -EBUSY;
		}
		if (rt_sched_step(s, VINE_RT_SWITCHES) == 0)
			rt_sched_sleep(s, NULL, 0, limit - spent);
	}
	return 0;
}

int
rt_sched_free(struct rt_sched *s)
{
	struct utils_link *link;
	int entered = rt_self == s, rc = 0;

	/* without tasks nothing has to run, and it cannot fail */
	if (!entered && !utils_list_empty(&s->all))
		rc = rt_sched_enter(s);
	if (rc)
		return rc;
	if (s->current)
		return -EPERM;
	s->ending = 1;
	rc = end_tasks(s);
	if (rc) {
		if (!entered)
			rt_sched_leave(s);
		return rc;
	}
	rt_topic_leave_all(s);
	/* before the last mail: it is asked for dumps while it is watched. Its
	 * thread may have ended without leaving it. */
	rt_watcher_leave(s);
	rt_mail_drop(s);
	while ((link = utils_list_first(&s->all)) != NULL)
		rt_task_free(utils_list_of(link, struct rt_task, link));
	if (rt_self == s)
		rt_sched_leave(s);
	rt_stacks_fini(&s->stacks);
	free(s->ready);
	rt_times_free(s->times);
	free(s->recorder);
	if (s->own_wait)
		rt_wait_free(s->wait);
	free(s);
	return 0;
}

/* --- what it is --- */

struct rt_sched *
rt_sched_self(void)
{
	return rt_self;
}

struct rt_wait *
rt_sched_wait(struct rt_sched *s)
{
	return s->wait;
}

uint64_t
rt_sched_now(const struct rt_sched *s)
{
	return rt_wait_now(s->wait);
}

/* Splitmix64, by S. Vigna, in the public domain. */
uint64_t
rt_sched_random(struct rt_sched *s)
{
	uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
rt_sched_tasks(const struct rt_sched *s)
{
	return s->tasks;
}

uint64_t
rt_sched_switches(const struct rt_sched *s)
{
	return s->switches + s->grain - s->turn;
}

void
rt_sched_each(struct rt_sched *s, void (*fn)(struct rt_task *task, void *user),
	      void *user)
{
	utils_list_each(&s->all, link)
		fn(utils_list_of(link, struct rt_task, link), user);
}
