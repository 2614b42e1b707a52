/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of utils_hist: buckets cover all values in order, percentiles are
 * within 1 % of those of the sorted values, merging equals recording.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_hist.h"

#define VALUES 5000

static struct utils_hist hist, other;

/* A generator of our own, so that a failure can be repeated (splitmix64). */
static uint64_t state;

static uint64_t
next_random(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
setup(void)
{
	state = 20;
	utils_hist_init(&hist);
	utils_hist_init(&other);
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

START_TEST(an_empty_hist_answers_zero)
{
	ck_assert_uint_eq(utils_hist_percentile(&hist, 50), 0);
	ck_assert_uint_eq(utils_hist_percentile(&hist, 100), 0);
	ck_assert_double_eq(utils_hist_mean(&hist), 0);
	ck_assert_uint_eq(hist.count, 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
	uint64_t v;

	for (v = 0; v < 128; v++)
		utils_hist_record(&hist, v);
	for (v = 1; v <= 128; v++)
		ck_assert_uint_eq(utils_hist_percentile(&hist,
							(double)v * 100 / 128),
				  v - 1);
	ck_assert_double_eq(utils_hist_mean(&hist), 63.5);
}
END_TEST

START_TEST(buckets_follow_each_other_up_to_the_largest_value)
{
	unsigned int bit;
	size_t last = 0;
	uint64_t v;

	for (v = 0; v < 100000; v++) {
		size_t bucket = utils_hist_bucket(v);

		ck_assert(bucket == last || bucket == last + 1);
		last = bucket;
	}
	for (bit = 7; bit < 64; bit++) {
		v = UINT64_C(1) << bit;
		ck_assert_uint_eq(utils_hist_bucket(v),
				  utils_hist_bucket(v - 1) + 1);
	}
	ck_assert_uint_eq(utils_hist_bucket(UINT64_MAX),
			  UTILS_HIST_BUCKETS - 1);
}
END_TEST

START_TEST(every_single_value_is_answered_exactly)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		uint64_t v = (UINT64_C(1) << bit) + 1;

		utils_hist_init(&hist);
		utils_hist_record(&hist, v);
		ck_assert_uint_eq(utils_hist_percentile(&hist, 50), v);
		ck_assert_uint_eq(hist.min, v);
		ck_assert_uint_eq(hist.max, v);
	}
}
END_TEST

START_TEST(percentiles_are_within_one_per_cent)
{
	static const double percents[] = { 0.1, 1, 10, 50, 90, 99, 99.9,
					   99.98 };
	static uint64_t values[VALUES];
	size_t i;

	/* of every magnitude: the shift is random too */
	for (i = 0; i < VALUES; i++) {
		values[i] = next_random() >> (next_random() % 64);
		utils_hist_record(&hist, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), by_value);
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		/* 5000 values: each percentage above is a whole number */
		size_t rank = (size_t)(percents[i] * VALUES / 100 + 0.5);
		uint64_t exact = values[rank - 1];
		uint64_t got = utils_hist_percentile(&hist, percents[i]);
		uint64_t off = got > exact ? got - exact : exact - got;

		ck_assert_msg(off <= exact / 100,
			      "%g %% is %llu, expected %llu within 1 %%",
			      percents[i], (unsigned long long)got,
			      (unsigned long long)exact);
	}
	ck_assert_uint_eq(utils_hist_percentile(&hist, 0), values[0]);
	ck_assert_uint_eq(utils_hist_percentile(&hist, 100),
			  values[VALUES - 1]);
}
END_TEST

START_TEST(a_percentile_does_not_step_over_its_rank)
{
	int i;

	for (i = 0; i < 999; i++)
		utils_hist_record(&hist, 10);
	utils_hist_record(&hist, 1000000);
	ck_assert_uint_eq(utils_hist_percentile(&hist, 99.9), 10);
	ck_assert_uint_gt(utils_hist_percentile(&hist, 99.91), 990000);
}
END_TEST

START_TEST(a_percentage_out_of_range_gives_the_ends)
{
	utils_hist_record(&hist, 7);
	utils_hist_record(&hist, 9);
	ck_assert_uint_eq(utils_hist_percentile(&hist, -1), 7);
	ck_assert_uint_eq(utils_hist_percentile(&hist, 250), 9);
	/* not a number */
	ck_assert_uint_eq(utils_hist_percentile(&hist, strtod("nan", NULL)),
			  7);
}
END_TEST

START_TEST(merging_equals_recording_into_one)
{
	static struct utils_hist all;
	size_t i;

	utils_hist_init(&all);
	for (i = 0; i < VALUES; i++) {
		/* 40 bits: sums of these are exact in a double */
		uint64_t v = next_random() >> 24;

		utils_hist_record(&all, v);
		utils_hist_record(i % 3 ? &hist : &other, v);
	}
	utils_hist_merge(&hist, &other);
	ck_assert_int_eq(memcmp(hist.buckets, all.buckets,
				sizeof(all.buckets)), 0);
	ck_assert_uint_eq(hist.count, all.count);
	ck_assert_uint_eq(hist.min, all.min);
	ck_assert_uint_eq(hist.max, all.max);
	ck_assert_double_eq(hist.sum, all.sum);
}
END_TEST

START_TEST(merging_an_empty_hist_changes_nothing)
{
	utils_hist_record(&hist, 5);
	utils_hist_merge(&hist, &other);
	ck_assert_uint_eq(hist.count, 1);
	ck_assert_uint_eq(hist.min, 5);
	ck_assert_uint_eq(hist.max, 5);
	utils_hist_merge(&other, &hist);
	ck_assert_uint_eq(utils_hist_percentile(&other, 50), 5);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_hist");
	TCase *tcase = tcase_create("hist");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, an_empty_hist_answers_zero);
	tcase_add_test(tcase, small_values_are_exact);
	tcase_add_test(tcase,
		       buckets_follow_each_other_up_to_the_largest_value);
	tcase_add_test(tcase, every_single_value_is_answered_exactly);
	tcase_add_test(tcase, percentiles_are_within_one_per_cent);
	tcase_add_test(tcase, a_percentile_does_not_step_over_its_rank);
	tcase_add_test(tcase, a_percentage_out_of_range_gives_the_ends);
	tcase_add_test(tcase, merging_equals_recording_into_one);
	tcase_add_test(tcase, merging_an_empty_hist_changes_nothing);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
