/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_switch: registers, floating point, alignment, and backtraces. */
#include <execinfo.h>

#include "rt/rt_fiber.h"
#include "tests/unit/rt/tasks.h"

static char stack[262144] __attribute__((aligned(64)));
static struct rt_fiber own, other;
static uint64_t turns;
static int depth;

/* More values than there are registers, alive over a switch. */
#define VALUES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) \
	X(11) X(12) X(13) X(14) X(15)

static uint64_t
mix(uint64_t seed, void (*turn)(void))
{
	volatile uint64_t start = seed;
	uint64_t sum = 0;
#define SET(i) uint64_t a##i = start * (i + 3) + i; double d##i = (double)a##i;
	VALUES(SET)

	turn();
#define SUM(i) sum += a##i + (d##i == (double)(start * (i + 3) + i));
	VALUES(SUM)
	return sum;
}

static void
to_other(void)
{
	rt_fiber_switch(&own, &other);
}

static void
to_own(void)
{
	turns++;
	rt_fiber_switch(&other, &own);
}

static void
nothing(void)
{
}

static void
loop(void *arg)
{
	rt_fiber_first();
	ck_assert_ptr_eq(arg, &turns);
	for (uint64_t i = 0;; i++)
		ck_assert_uint_eq(mix(i + 1000, to_own),
				  mix(i + 1000, nothing));
}

static void
prepare(void (*fn)(void *))
{
	char *top = stack + sizeof(stack);

	rt_fiber_enter(&own);
	rt_fiber_init(&other, stack, top);
	rt_switch_make(&other.context, top, fn, &turns);
}

START_TEST(what_a_function_keeps_in_registers_outlives_a_switch)
{
	prepare(loop);
	for (uint64_t i = 0; i < 1000; i++) {
		ck_assert_uint_eq(mix(i, to_other), mix(i, nothing));
		ck_assert_uint_eq(turns, i + 1);
	}
	rt_fiber_fini(&other);
}
END_TEST

static void
look(void *arg)
{
	/* movaps and the like fault where this is not so */
	volatile char aligned[16] __attribute__((aligned(16))) = { 0 };
	void *frames[64];

	(void)arg;
	rt_fiber_first();
	ck_assert_uint_eq((uintptr_t)aligned % 16, 0);
	ck_assert_uint_eq((uintptr_t)__builtin_frame_address(0) % 16, 0);
	depth = backtrace(frames, 64);
	to_own();
	abort();
}

START_TEST(a_new_stack_is_aligned_and_a_backtrace_ends_at_its_first_code)
{
	prepare(look);
	to_other();
	ck_assert_uint_eq(turns, 1);
	/* look, rt_switch_start; not ours, nor anything beyond the stack */
	ck_assert_int_ge(depth, 1);
	ck_assert_int_le(depth, 3);
	rt_fiber_fini(&other);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("switch");

	tcase_add_test(tc, what_a_function_keeps_in_registers_outlives_a_switch);
	tcase_add_test(tc,
		a_new_stack_is_aligned_and_a_backtrace_ends_at_its_first_code);
	return tasks_main("rt_switch", tc);
}
