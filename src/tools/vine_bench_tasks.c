/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: what the runtime's switches and tasks cost, on the client's cpu alone.
 *
 * The limit is a switch by hand, with nothing around it: six registers pushed
 * and popped and a jump, which was the fastest of those tried (a return in its
 * place is three to four times as slow where the two sides call it from
 * different places). An operation of both is a round trip, two switches.
 *
 * A yield is a turn of the scheduler: ready queue, switch, a look at the wait
 * every 64 of them. An operation is one turn of every task; the result is given
 * for two turns, so that those of 2 and of 32,768 tasks compare.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rt/rt_fiber.h"
#include "rt/rt_sched.h"
#include "tools/vine_bench_costs.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define STACK 16384

static char stack[STACK] __attribute__((aligned(64)));

/* --- bare switches --- */

void vine_bench_hand_switch(void **from, void *to);

#if defined(__x86_64__)
__asm__(".text\n"
	".type vine_bench_hand_switch, @function\n"
	"vine_bench_hand_switch:\n\t"
	"pushq %rbp; pushq %rbx; pushq %r12\n\t"
	"pushq %r13; pushq %r14; pushq %r15\n\t"
	"movq %rsp, (%rdi)\n\t"
	"movq %rsi, %rsp\n\t"
	"popq %r15; popq %r14; popq %r13\n\t"
	"popq %r12; popq %rbx; popq %rbp\n\t"
	"popq %rcx\n\t"
	"jmp *%rcx\n");
#define WORDS 8		/* one more, so that a function finds it aligned */
#define PC 6
#elif defined(__aarch64__)
__asm__(".text\n"
	".type vine_bench_hand_switch, %function\n"
	"vine_bench_hand_switch:\n\t"
	"stp x19, x20, [sp, #-160]!\n\t"
	"stp x21, x22, [sp, #16]; stp x23, x24, [sp, #32]\n\t"
	"stp x25, x26, [sp, #48]; stp x27, x28, [sp, #64]\n\t"
	"stp x29, x30, [sp, #80]; stp d8, d9, [sp, #96]\n\t"
	"stp d10, d11, [sp, #112]; stp d12, d13, [sp, #128]\n\t"
	"stp d14, d15, [sp, #144]\n\t"
	"mov x9, sp\n\t"
	"str x9, [x0]\n\t"
	"mov sp, x1\n\t"
	"ldp d14, d15, [sp, #144]; ldp d12, d13, [sp, #128]\n\t"
	"ldp d10, d11, [sp, #112]; ldp d8, d9, [sp, #96]\n\t"
	"ldp x29, x30, [sp, #80]; ldp x27, x28, [sp, #64]\n\t"
	"ldp x25, x26, [sp, #48]; ldp x23, x24, [sp, #32]\n\t"
	"ldp x21, x22, [sp, #16]; ldp x19, x20, [sp], #160\n\t"
	"br x30\n");
#define WORDS 20
#define PC 11
#endif

static void *hand_own, *hand_other;

static void
hand_echo(void)
{
	for (;;)
		vine_bench_hand_switch(&hand_other, hand_own);
}

static int
hand_op(void *arg)
{
	(void)arg;
	vine_bench_hand_switch(&hand_own, hand_other);
	return 0;
}

int
vine_bench_run_switch_hand(struct vine_bench_rig *rig,
			   const struct vine_bench *bench,
			   struct vine_bench_result *result)
{
	uintptr_t *words = (uintptr_t *)(void *)(stack + STACK) - WORDS;

	(void)bench;
	memset(words, 0, WORDS * sizeof(*words));
	words[PC] = (uintptr_t)hand_echo;
	hand_other = words;
	return vine_bench_timer_rtt(&rig->timer, hand_op, NULL, result);
}

static struct rt_fiber own, other;

static void
echo(void *arg)
{
	rt_fiber_first();
	for (;;)
		rt_fiber_switch(&other, arg);
}

static int
switch_op(void *arg)
{
	rt_fiber_switch(arg, &other);
	return 0;
}

int
vine_bench_run_switch(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	int rc;

	(void)bench;
	rt_fiber_enter(&own);
	rt_fiber_init(&other, stack, stack + STACK);
	rt_switch_make(&other.context, stack + STACK, echo, &own);
	rc = vine_bench_timer_rtt(&rig->timer, switch_op, &own, result);
	rt_fiber_fini(&other);
	return rc;
}

/* --- tasks --- */

struct crowd {
	struct vine_bench_rig *rig;
	struct vine_bench_result *result;
	struct rt_sched *sched;
	uint64_t count;		/* of tasks */
	int stop;
	int rc;
};

static int
yielder(void *arg)
{
	const struct crowd *c = arg;

	while (!c->stop)
		rt_task_yield();
	return 0;
}

static int
yield_op(void *arg)
{
	(void)arg;
	return rt_task_yield();
}

static int
measure_yields(void *arg)
{
	struct crowd *c = arg;
	struct vine_bench_timer *timer = &c->rig->timer;
	uint64_t ops = VINE_BENCH_BATCH / (c->count / 2);

	if (ops == 0)
		ops = 1;
	if (c->count == 2)
		c->rc = vine_bench_timer_each(timer, yield_op, NULL, c->result);
	if (c->rc == 0)
		c->rc = vine_bench_timer_chunks(timer, ops, yield_op, NULL);
	if (c->rc == 0)
		vine_bench_timer_ns(timer, ops * (c->count / 2), c->result);
	c->stop = 1;
	return 0;
}

static int
nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int
create_op(void *arg)
{
	struct crowd *c = arg;
	int rc = rt_task_create(c->sched, nothing, NULL, NULL, NULL);

	return rc ? rc : rt_task_yield();
}

static int
measure_creates(void *arg)
{
	struct crowd *c = arg;

	c->rc = vine_bench_timer_rtt(&c->rig->timer, create_op, c, c->result);
	c->stop = 1;
	return 0;
}

/* A scheduler with one task that measures and others that yield. */
static int
run_crowd(struct crowd *c, rt_task_fn fn)
{
	int rc = rt_sched_new(NULL, &c->sched);

	if (rc)
		return rc;
	for (uint64_t i = 1; i < c->count && rc == 0; i++)
		rc = rt_task_create(c->sched, yielder, c, NULL, NULL);
	if (rc == 0)
		rc = rt_task_create(c->sched, fn, c, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(c->sched);
	c->stop = 1;
	rt_sched_free(c->sched);
	if (rc == 0)
		rc = c->rc;
	if (rc)
		log_error("%llu tasks: %s", (unsigned long long)c->count,
			  strerror(-rc));
	return rc;
}

int
vine_bench_run_yield(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct crowd c = { .rig = rig, .result = result, .count = bench->a };

	return run_crowd(&c, measure_yields);
}

int
vine_bench_run_create(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	struct crowd c = { .rig = rig, .result = result, .count = 1 };

	(void)bench;
	result->limit_value = vine_bench_cost_call(rig);
	return run_crowd(&c, measure_creates);
}

static int
sleep_long(void *arg)
{
	const struct crowd *c = arg;

	return rt_task_delay(rt_sched_now(c->sched) +
			     (uint64_t)c->rig->opts->idle_s * 1000000000);
}

int
vine_bench_run_idle_tasks(struct vine_bench_rig *rig,
			  const struct vine_bench *bench,
			  struct vine_bench_result *result)
{
	struct crowd c = { .rig = rig, .result = result, .count = 1 };
	struct timespec before, after;
	int rc;

	(void)bench;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	rc = run_crowd(&c, sleep_long);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	result->value = ((double)(after.tv_sec - before.tv_sec) * 1e3 +
			 (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
			(double)rig->opts->idle_s;
	result->mean = result->value;
	snprintf(result->note, sizeof(result->note), "over %u s, with making "
		 "and freeing the scheduler", rig->opts->idle_s);
	return rc;
}
