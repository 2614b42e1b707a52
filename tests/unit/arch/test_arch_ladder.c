/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_ladder: when it says sleep, and what it learns of its waits. */

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include "../core/rig.h"
#include "arch/spin/arch_ladder.h"

#define US UINT64_C(1000)

/* The CPUs that threads of the measurement were asked to stay on. */
static cpu_set_t asked[64];
static uint32_t asked_count;

/* In place of libc's: notes the set, then does the same. */
int
pthread_attr_setaffinity_np(pthread_attr_t *attr, size_t size,
			    const cpu_set_t *set)
{
	int (*real)(pthread_attr_t *, size_t, const cpu_set_t *);

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_attr_setaffinity_np");
	if (asked_count < 64)
		asked[asked_count++] = *set;
	return real(attr, size, set);
}

/* Look until the ladder says sleep; returns how often. */
static uint32_t
looks_until_sleep(struct arch_ladder *l)
{
	uint32_t looks = 0;

	arch_ladder_begin(l);
	do
		ck_assert_uint_lt(looks++, 100000000);
	while (!arch_ladder_step(l));
	return looks;
}

/* A wait that began ns ago ends. */
static void
wait_of(struct arch_ladder *l, uint64_t ns)
{
	arch_ladder_begin(l);
	if (ns)
		l->begin = utils_clock_ticks() - utils_clock_from_ns(ns);
	arch_ladder_found(l);
}

/* A ladder of a machine with several CPUs, whatever this one has. */
static void
ladder(struct arch_ladder *l)
{
	arch_ladder_init(l, 0);
	l->wake = utils_clock_from_ns(20 * US);
}

START_TEST(a_wake_is_measured_and_is_credible)
{
	uint64_t ns = arch_ladder_wake_ns();

	printf("a wake takes %llu ns\n", (unsigned long long)ns);
	ck_assert_uint_ge(ns, US);
	ck_assert_uint_le(ns, 50 * US);
	ck_assert_uint_eq(arch_ladder_wake_ns(), ns);
}
END_TEST

START_TEST(a_wake_is_measured_from_one_cpu_to_another)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	arch_ladder_wake_ns();
	ck_assert_uint_ge(asked_count, 2);
	for (uint32_t i = 0; i < asked_count; i++) {
		ck_assert_int_eq(CPU_COUNT(&asked[i]), 1);
		for (uint32_t j = 0; j < i; j++)
			ck_assert(!CPU_EQUAL(&asked[i], &asked[j]));
	}
}
END_TEST

START_TEST(a_thread_that_stays_on_one_cpu_still_measures_a_wake)
{
	struct arch_ladder l;
	cpu_set_t one;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	arch_ladder_init(&l, 0);
	ck_assert_uint_ge(l.wake, utils_clock_from_ns(US));
	ck_assert_uint_ge(asked_count, 2);
}
END_TEST

/* Each wait of one is a wake of the other and its own. */
START_TEST(two_sides_that_wake_each_other_begin_to_look)
{
	struct arch_ladder l;

	ladder(&l);
	for (int i = 0; i < 1000; i++)
		wait_of(&l, 2 * 20 * US + 10 * US);
	ck_assert_uint_gt(looks_until_sleep(&l), 32);
}
END_TEST

START_TEST(a_ladder_ends_in_a_sleep_after_the_time_of_a_wake)
{
	struct arch_ladder l;
	uint64_t from;

	ladder(&l);
	from = utils_clock_ticks();
	ck_assert_uint_gt(looks_until_sleep(&l), 32);
	ck_assert_uint_ge(utils_clock_ticks() - from, l.wake);
}
END_TEST

START_TEST(a_spinning_ladder_never_says_sleep)
{
	struct arch_ladder l;

	arch_ladder_init(&l, 1);
	arch_ladder_begin(&l);
	for (int i = 0; i < 300000; i++)
		ck_assert_int_eq(arch_ladder_step(&l), 0);
}
END_TEST

START_TEST(with_one_cpu_it_does_not_look_for_long)
{
	struct arch_ladder l;

	arch_ladder_init(&l, 0);
	l.wake = 1;
	ck_assert_uint_eq(looks_until_sleep(&l), 32);
}
END_TEST

START_TEST(after_a_sleep_it_looks_for_a_moment_only)
{
	struct arch_ladder l;
	uint32_t looks = 0;

	ladder(&l);
	looks_until_sleep(&l);
	arch_ladder_slept(&l);
	do
		looks++;
	while (!arch_ladder_step(&l));
	ck_assert_uint_eq(looks, 32);
}
END_TEST

START_TEST(where_waits_are_long_it_stops_looking_and_begins_again)
{
	struct arch_ladder l;
	int waits;

	ladder(&l);
	/* one long pause of a busy side is no reason */
	wait_of(&l, SECOND);
	ck_assert_uint_gt(looks_until_sleep(&l), 32);
	for (waits = 0; looks_until_sleep(&l) > 32; waits++) {
		ck_assert_int_lt(waits, 20);
		wait_of(&l, 100 * US);
	}
	ck_assert_int_ge(waits, 2);
	for (int i = 0; i < 1000; i++)
		wait_of(&l, SECOND);
	for (waits = 0; looks_until_sleep(&l) == 32; waits++) {
		ck_assert_int_lt(waits, 10);
		wait_of(&l, 0);
	}
	ck_assert_int_ge(waits, 2);
}
END_TEST

START_TEST(waits_that_looking_can_win_are_looked_for)
{
	struct arch_ladder l;

	ladder(&l);
	for (int i = 0; i < 1000; i++)
		wait_of(&l, 10 * US);
	ck_assert_uint_gt(looks_until_sleep(&l), 32);
	for (int i = 0; i < 1000; i++)
		wait_of(&l, 0);
	ck_assert_uint_eq(l.mean, 0);	/* and the road is free of it */
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_wake_is_measured_and_is_credible),
	RIG_CASE(a_wake_is_measured_from_one_cpu_to_another),
	RIG_CASE(a_thread_that_stays_on_one_cpu_still_measures_a_wake),
	RIG_CASE(two_sides_that_wake_each_other_begin_to_look),
	RIG_CASE(a_ladder_ends_in_a_sleep_after_the_time_of_a_wake),
	RIG_CASE(a_spinning_ladder_never_says_sleep),
	RIG_CASE(with_one_cpu_it_does_not_look_for_long),
	RIG_CASE(after_a_sleep_it_looks_for_a_moment_only),
	RIG_CASE(where_waits_are_long_it_stops_looking_and_begins_again),
	RIG_CASE(waits_that_looking_can_win_are_looked_for),
};

RIG_MAIN("arch_ladder", cases)
