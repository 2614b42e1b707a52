/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_overflow and rt_stack: a task that runs over the end of its stack
 * ends, alone and by name; any other bad access ends the process as ever.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/rt_chan.h"
#include "rt/rt_inside.h"
#include "rt/rt_io.h"
#include "rt/rt_rendez.h"
#include "rt/rt_sem.h"
#include "rt/rt_stack.h"
#include "tests/unit/rt/tasks.h"

static char heard[1024];
static uint32_t told;
static struct rt_rendez rendez;
static struct rt_sem sem;
static struct rt_chan chan;
static int quiet[2];		/* a pipe that nobody writes to */
static volatile int deepest;

static void
hear(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	strncat(heard, text, sizeof(heard) - strlen(heard) - 1);
}

/* Deeper and deeper, a little at a time. */
static int
dig(int depth)
{
	volatile char some[512];

	some[depth % 512] = (char)depth;
	deepest = depth;
	if (depth < 1000000)
		depth = dig(depth + 1) + some[depth % 512];
	return depth + some[0];
}

static int
digger(void *arg)
{
	(void)arg;
	return dig(0);
}

static void
on_overflow(struct rt_task *task, void *user)
{
	ck_assert_ptr_null(rt_task_self());
	ck_assert_int_eq(rt_task_state(task), RT_TASK_OVERFLOWED);
	ck_assert_ptr_eq(user, &told);
	told++;
	rt_rendez_close(&rendez);
}

static int
sleeper(void *arg)
{
	(void)arg;
	return rt_rendez_sleep(&rendez, RT_NEVER);
}

static const struct rt_task_opts named = { .name = "session 7",
	.overflowed = on_overflow, .user = &told };

/* arg is the kind of guard. */
static int
overflow_many(void *arg)
{
	struct rt_task *t, *other;
	int rc;

	if (arg == NULL && sched->stacks.guard == RT_STACK_GUARD_PROTECT)
		printf("no MADV_GUARD_INSTALL here\n");
	utils_log_set(UTILS_LOG_WARN, hear, NULL);
	rt_rendez_init(&rendez);
	other = go_joined(sleeper, NULL);
	for (int i = 0; i < 50; i++) {
		told = 0;
		ck_assert_int_eq(rt_task_create(sched, digger, NULL, &named,
						&t), 0);
		ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
		ck_assert_int_eq(rc, -EOVERFLOW);
		ck_assert_uint_eq(told, 1);
		ck_assert_int_gt(deepest, 50);
	}
	ck_assert_ptr_nonnull(strstr(heard, "session 7 ran over the end"));
	ck_assert_int_eq(join(other), -EPIPE);
	return 0;
}

START_TEST(an_overflow_ends_one_task_and_names_it)
{
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	if (_i == RT_STACK_GUARD_PROTECT)	/* else what there is */
		sched->stacks.guard = RT_STACK_GUARD_PROTECT;
	go(overflow_many, (void *)(uintptr_t)_i);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

static int
use_all(void *arg)
{
	/* most of it: what lies above are a few calls */
	volatile char some[40000];

	(void)arg;
	for (size_t i = 0; i < sizeof(some); i += 64)
		some[i] = 1;
	return rt_task_yield() + some[64];
}

TASK_CASE(a_stack_can_be_used_to_its_end_and_after_an_overflow)
{
	struct rt_task *t;
	int rc;

	utils_log_set(UTILS_LOG_WARN, hear, NULL);
	rt_rendez_init(&rendez);
	for (int i = 0; i < 200; i++) {
		t = go_joined(use_all, NULL);
		ck_assert_int_eq(join(t), 1);
		ck_assert_int_eq(rt_task_create(sched, digger, NULL, &named,
						i % 2 ? &t : NULL), 0);
		if (i % 2)
			ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
	}
	return 0;
}

static int
yield_there(void)
{
	return rt_task_yield();
}

static int
delay_there(void)
{
	return rt_task_delay(rt_sched_now(sched) + 2000);
}

static int
take_there(void)
{
	return rt_sem_take(&sem, 1, rt_sched_now(sched) + 2000);
}

static int
sleep_there(void)
{
	return rt_rendez_sleep(&rendez, rt_sched_now(sched) + 2000);
}

static int
receive_there(void)
{
	return rt_chan_receive(&chan, NULL, rt_sched_now(sched) + 2000);
}

static int
poll_there(void)
{
	return rt_io_poll(quiet[0], POLLIN, rt_sched_now(sched) + 2000);
}

static int (*const there[])(void) = { yield_there, delay_there, take_there,
	sleep_there, receive_there, poll_there };

#define THERE (int)(sizeof(there) / sizeof(there[0]))

/* Deeper in small steps; near the end each of them waits. */
static int
wait_deep(int (*wait)(void), uint32_t near)
{
	const char *base = rt_task_self()->stack->base;
	volatile int rc = 0;

	if ((const char *)__builtin_frame_address(0) - base < near)
		rc = wait();
	return rc == INT_MAX ? 0 : wait_deep(wait, near) + rc;
}

static int
waiter_there(void *arg)
{
	uintptr_t shift = (uintptr_t)arg / THERE * 16 + 1;
	volatile char *some = __builtin_alloca(shift);

	some[0] = 0;
	return wait_deep(there[(uintptr_t)arg % THERE],
			 (TASKS_SANITIZED ? 16 : 1) * 6144) + some[0];
}

static int
bystander(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(rt_task_delay(rt_sched_now(sched) + 1000), 0);
	return 0;
}

/*
 * It had ended where the stack did, in the ready ring or the wheel of timers,
 * say, and these named what lies on it ever after.
 */
TASK_CASE(an_overflow_in_a_wait_leaves_nothing_of_the_task_behind)
{
	int count = THERE * (TASKS_SANITIZED ? 4 : 32), rc;

	ck_assert_int_eq(pipe(quiet), 0);
	utils_log_set(UTILS_LOG_WARN, hear, NULL);
	rt_rendez_init(&rendez);
	rt_sem_init(&sem, 0);
	rt_chan_init(&chan, 0, 0, NULL);
	for (int i = 0; i < count; i++) {
		struct rt_task *t = go_joined(waiter_there,
					      (void *)(intptr_t)i);

		go(bystander, NULL);
		ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
		ck_assert_int_eq(rc, -EOVERFLOW);
		ck_assert(utils_list_empty(&sem.waiters));
		ck_assert(utils_list_empty(&rendez.waiters));
		ck_assert(utils_list_empty(&chan.receivers));
	}
	return 0;
}

static int
jumper(void *arg)
{
	/* larger than the guard: every page of it is probed */
	volatile char some[131072];

	some[(uintptr_t)arg] = 1;
	return some[(uintptr_t)arg];
}

TASK_CASE(a_frame_that_is_larger_than_the_guard_does_not_pass_it)
{
	struct rt_task *t;
	int rc;

	utils_log_set(UTILS_LOG_WARN, hear, NULL);
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_task_create(sched, TASKS_SANITIZED ? digger :
					jumper, NULL, &named, &t), 0);
	ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
	ck_assert_int_eq(rc, -EOVERFLOW);
	return 0;
}

static int
touch(void *arg)
{
	*(volatile char *)arg = 1;
	return 0;
}

/* A child's end is what is looked at, not a sanitizer's report of it. */
START_TEST(a_bad_access_elsewhere_ends_the_process)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) &&
		    rt_sched_new(NULL, &sched) == 0 &&
		    rt_task_create(sched, touch, (void *)64, NULL, NULL) == 0)
			rt_sched_run(sched);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
}
END_TEST

static volatile sig_atomic_t others;

static void
on_other(int sig, siginfo_t *info, void *context)
{
	(void)context;
	others = sig == SIGSEGV && info->si_code <= 0;
}

START_TEST(who_had_the_signal_before_gets_what_is_not_an_overflow)
{
	struct sigaction act = { .sa_sigaction = on_other,
		.sa_flags = SA_SIGINFO };

	ck_assert_int_eq(sigaction(SIGSEGV, &act, NULL), 0);
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	raise(SIGSEGV);
	ck_assert_int_eq(others, 1);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

START_TEST(stacks_are_used_again_last_first_and_the_colours_differ)
{
	static struct rt_stack *got[200];
	struct rt_stacks stacks;
	struct rt_stack *again;
	uint64_t colours = 0;

	ck_assert_int_eq(rt_stacks_init(&stacks, 100), -EINVAL);
	ck_assert_int_eq(rt_stacks_init(&stacks, VINE_STACK_MIN + 1), 0);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(rt_stack_get(&stacks, &got[i]), 0);
		ck_assert_uint_eq((uintptr_t)got[i]->top % 64, 0);
		ck_assert_int_ge(got[i]->top - got[i]->base,
				 VINE_STACK_MIN + 1);
		memset(got[i]->base, i, (size_t)(got[i]->top - got[i]->base));
		colours |= UINT64_C(1) << (uintptr_t)got[i]->top / 64 % 64;
		ck_assert(rt_stack_overrun(got[i],
					   (uintptr_t)got[i]->base - 1));
		ck_assert(!rt_stack_overrun(got[i], (uintptr_t)got[i]->base));
	}
	ck_assert_uint_eq(colours, UINT64_MAX);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(got[i]->base[0], (char)i);
	rt_stack_put(&stacks, got[7], 0);
	rt_stack_put(&stacks, got[9], 0);
	ck_assert_int_eq(rt_stack_get(&stacks, &again), 0);
	ck_assert_ptr_eq(again, got[9]);
	/* emptied: its memory was given back */
	rt_stack_put(&stacks, got[3], 1);
	ck_assert_int_eq(got[3]->base[5], 0);
	rt_stacks_fini(&stacks);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("overflow");

	tcase_add_loop_test(tc, an_overflow_ends_one_task_and_names_it,
			    RT_STACK_GUARD_INSTALL, RT_STACK_GUARD_PROTECT + 1);
	tcase_add_test(tc,
		a_stack_can_be_used_to_its_end_and_after_an_overflow);
	tcase_add_test(tc,
		an_overflow_in_a_wait_leaves_nothing_of_the_task_behind);
	tcase_add_test(tc,
		a_frame_that_is_larger_than_the_guard_does_not_pass_it);
	tcase_add_test(tc, a_bad_access_elsewhere_ends_the_process);
	tcase_add_test(tc,
		who_had_the_signal_before_gets_what_is_not_an_overflow);
	tcase_add_test(tc,
		stacks_are_used_again_last_first_and_the_colours_differ);
	return tasks_main("rt_overflow", tc);
}
