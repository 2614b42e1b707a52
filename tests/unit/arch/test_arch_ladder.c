/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_ladder: when it says sleep, and how the budget adapts. */
#include "../core/rig.h"
#include "arch/spin/arch_ladder.h"

START_TEST(a_ladder_ends_in_a_sleep)
{
	struct arch_ladder l;
	uint64_t steps = 0;

	arch_ladder_init(&l, 0);
	arch_ladder_begin(&l);
	while (!arch_ladder_step(&l))
		ck_assert_uint_lt(steps++, 100000000);
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

START_TEST(sleeping_shrinks_the_budget_to_a_sixteenth_and_no_further)
{
	struct arch_ladder l;
	uint64_t full;

	arch_ladder_init(&l, 0);
	full = l.budget;
	for (int i = 0; i < 100; i++)
		arch_ladder_slept(&l);
	if (full > 64) {
		ck_assert_uint_lt(l.budget, full / 8);
		ck_assert_uint_ge(l.budget, full / 32);
	}
	ck_assert_uint_gt(l.budget, 0);
}
END_TEST

START_TEST(finding_soon_does_not_lengthen_the_budget)
{
	struct arch_ladder l;
	uint64_t before;

	arch_ladder_init(&l, 0);
	arch_ladder_slept(&l);
	before = l.budget;
	arch_ladder_begin(&l);
	arch_ladder_step(&l);
	arch_ladder_found(&l);
	ck_assert_uint_eq(l.budget, before);
}
END_TEST

/* "a side looks for as long as one wake costs and not longer" */
START_TEST(the_budget_never_grows_beyond_one_wake)
{
	struct arch_ladder l;
	uint64_t full, seed = 1;

	arch_ladder_init(&l, 0);
	full = l.budget;
	for (uint64_t start = 1; start < 4096; start++) {
		l.budget = full > 1 ? full - start % (full / 2 + 1) : full;
		for (int i = 0; i < 32; i++) {
			if (rig_random(&seed) & 1) {
				l.looks = 64;
				arch_ladder_found(&l);
			} else {
				arch_ladder_slept(&l);
			}
			ck_assert_msg(l.budget <= full,
				      "budget %llu, expected at most %llu",
				      (unsigned long long)l.budget,
				      (unsigned long long)full);
		}
	}
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_ladder_ends_in_a_sleep),
	RIG_CASE(a_spinning_ladder_never_says_sleep),
	RIG_CASE(sleeping_shrinks_the_budget_to_a_sixteenth_and_no_further),
	RIG_CASE(finding_soon_does_not_lengthen_the_budget),
	RIG_CASE(the_budget_never_grows_beyond_one_wake),
};

RIG_MAIN("arch_ladder", cases)
