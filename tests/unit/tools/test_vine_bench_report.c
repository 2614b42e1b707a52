/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine-bench's report: what is kept, what is dropped, and that
 * medians and ratios are formed within one distance.
 */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_report.h"

static struct vine_bench_opts opts;
static struct vine_bench_machine machine;
static struct vine_bench_report *report;
static struct vine_bench_result *result, *limit;
static size_t row_of_task;	/* index of the benchmark task.rtt */

static void
setup(void)
{
	memset(&opts, 0, sizeof(opts));
	opts.bound[0] = 35;
	opts.bound[1] = 100;
	opts.only[opts.only_count++] = "task.rtt";
	report = vine_bench_report_new(&opts, &machine);
	result = calloc(1, sizeof(*result));
	limit = calloc(1, sizeof(*limit));
	ck_assert(report && result && limit);
	row_of_task = (size_t)(vine_bench_find("task.rtt") - vine_bench_table);
}

static void
teardown(void)
{
	vine_bench_report_free(report);
	free(result);
	free(limit);
}

/* add makes a repetition without percentiles. */
static void
add(double before, double after, double value, double limit_value)
{
	const double probe[2] = { before, after };

	result->value = result->mean = value;
	limit->value = limit_value;
	ck_assert_int_eq(vine_bench_report_add(report, row_of_task, probe,
					       result, limit), 0);
}

/* add_timed makes one whose histogram holds 1 to n ns. */
static void
add_timed(uint64_t n)
{
	uint64_t i;

	utils_hist_init(&result->hist);
	result->has_hist = 1;
	for (i = 1; i <= n; i++)
		utils_hist_record(&result->hist, i);
	add(50, 50, 1, 1);
}

static struct vine_bench_row
row_at(enum vine_bench_distance distance)
{
	struct vine_bench_row row;

	vine_bench_report_row(report, row_of_task, distance, &row);
	return row;
}

START_TEST(a_repetition_whose_distance_changed_is_dropped_and_counted)
{
	add(50, 200, 1, 1);
	add(34, 36, 1, 1);
	ck_assert_uint_eq(vine_bench_report_most(report, row_of_task), 0);
	ck_assert_uint_eq(report->entry[row_of_task].dropped, 2);
	ck_assert_uint_eq(row_at(VINE_BENCH_NEAR).reps, 0);
	ck_assert(isnan(row_at(VINE_BENCH_NEAR).value));
}
END_TEST

START_TEST(a_repetition_on_busy_cpus_is_dropped)
{
	add(1500, 1500, 1, 1);
	ck_assert_uint_eq(row_at(VINE_BENCH_FAR).reps, 0);
	add(900, 900, 1, 1);
	ck_assert_uint_eq(row_at(VINE_BENCH_FAR).reps, 1);
}
END_TEST

START_TEST(the_bounds_of_near_belong_to_it)
{
	ck_assert_int_eq(vine_bench_distance_of(34.9, opts.bound),
			 VINE_BENCH_SMT);
	ck_assert_int_eq(vine_bench_distance_of(35, opts.bound),
			 VINE_BENCH_NEAR);
	ck_assert_int_eq(vine_bench_distance_of(100, opts.bound),
			 VINE_BENCH_NEAR);
	ck_assert_int_eq(vine_bench_distance_of(100.1, opts.bound),
			 VINE_BENCH_FAR);
}
END_TEST

START_TEST(distances_have_medians_of_their_own)
{
	add(50, 60, 100, 50);
	add(200, 210, 900, 300);
	add(50, 50, 140, 100);
	add(40, 50, 120, 80);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).value, 120);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).least, 100);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).most, 140);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).probe, 50);
	ck_assert_double_eq(row_at(VINE_BENCH_FAR).value, 900);
	ck_assert_uint_eq(vine_bench_report_most(report, row_of_task), 3);
}
END_TEST

START_TEST(a_ratio_is_the_median_of_the_repetitions_own_ratios)
{
	/* Ratios 2, 1.25, 3: the median is 2. The medians' ratio is 2.5. */
	add(50, 50, 100, 50);
	add(50, 50, 250, 200);
	add(50, 50, 300, 100);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).ratio, 2);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).limit, 100);
}
END_TEST

START_TEST(a_limit_measured_inside_the_run_goes_before_another)
{
	result->limit_value = 4;
	add(50, 50, 8, 1000);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).ratio, 2);
}
END_TEST

START_TEST(a_percentile_of_too_few_operations_is_left_out)
{
	add_timed(999);
	ck_assert_double_eq(row_at(VINE_BENCH_NEAR).percentile[0], 502);
	ck_assert(isnan(row_at(VINE_BENCH_NEAR).percentile[1]));
	/* Together they are enough. */
	add_timed(999);
	ck_assert(!isnan(row_at(VINE_BENCH_NEAR).percentile[1]));
	ck_assert(isnan(row_at(VINE_BENCH_NEAR).percentile[2]));
}
END_TEST

START_TEST(few_repetitions_or_a_failure_show_in_the_exit_status)
{
	int i;

	ck_assert_int_eq(vine_bench_report_exit(report),
			 VINE_BENCH_EXIT_PARTIAL);
	for (i = 0; i < VINE_BENCH_REPS_MIN; i++)
		add(50, 50, 1, 1);
	ck_assert_int_eq(vine_bench_report_exit(report), VINE_BENCH_EXIT_OK);
	vine_bench_report_end(report, row_of_task, -EOPNOTSUPP);
	ck_assert_int_eq(vine_bench_report_exit(report),
			 VINE_BENCH_EXIT_PARTIAL);
	vine_bench_report_end(report, row_of_task, -EIO);
	ck_assert_int_eq(vine_bench_report_exit(report),
			 VINE_BENCH_EXIT_FAILED);
}
END_TEST

START_TEST(a_part_has_the_median_of_its_distance)
{
	const double value[3] = { 30, 10, 20 };
	struct vine_bench_row row;
	int i;

	for (i = 0; i < 3; i++) {
		result->parts = 0;
		vine_bench_part_add(result, "half", "ns", value[i] / 2);
		vine_bench_part_add(result, "unknown", "", NAN);
		add(50, 50, value[i], 1);
	}
	row = row_at(VINE_BENCH_NEAR);
	ck_assert_uint_eq(row.parts, 2);
	ck_assert_str_eq(row.part[0].name, "half");
	ck_assert_double_eq(row.part[0].value, 10);
	ck_assert(isnan(row.part[1].value));
	ck_assert_uint_eq(row_at(VINE_BENCH_FAR).parts, 0);
}
END_TEST

START_TEST(json_has_parts_and_the_distribution)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	vine_bench_part_add(result, "half", "ns", 0.5);
	add_timed(3);
	ck_assert_int_eq(vine_bench_report_json(report, out), 0);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\"parts\": [{\"name\": \"half\", "
				     "\"unit\": \"ns\", \"value\": 0.5}]"));
	ck_assert_ptr_nonnull(strstr(text, "\"distribution\": "
				     "[[1, 1], [2, 2], [3, 3]]"));
	free(text);
}
END_TEST

START_TEST(json_escapes_text_and_writes_null_for_what_is_not_known)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	strcpy(machine.cpu, "a \"cpu\"\n");
	add(50, 50, 1, NAN);
	ck_assert_int_eq(vine_bench_report_json(report, out), 0);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\"a \\\"cpu\\\"?\""));
	ck_assert_ptr_nonnull(strstr(text, "\"ratio\": null"));
	ck_assert_ptr_null(strstr(text, "nan"));
	ck_assert_ptr_null(strstr(text, "inf"));
	free(text);
}
END_TEST

START_TEST(every_limit_is_a_benchmark_or_measured_inside_its_run)
{
	const struct vine_bench *b, *l;

	for (b = vine_bench_table; b < vine_bench_table + vine_bench_count;
	     b++) {
		ck_assert_ptr_eq(vine_bench_find(b->name), b);
		l = b->limit ? vine_bench_find(b->limit) : NULL;
		/* A bare name is no sentence: it must be in the table. */
		if (l)
			ck_assert_int_eq(l->unit, b->unit);
		else if (b->limit)
			ck_assert_ptr_null(strchr(b->limit, '.'));
		else
			ck_assert(!(b->budget > 0));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vine_bench_report");
	TCase *tcase = tcase_create("report");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		a_repetition_whose_distance_changed_is_dropped_and_counted);
	tcase_add_test(tcase, a_repetition_on_busy_cpus_is_dropped);
	tcase_add_test(tcase, the_bounds_of_near_belong_to_it);
	tcase_add_test(tcase, distances_have_medians_of_their_own);
	tcase_add_test(tcase,
		a_ratio_is_the_median_of_the_repetitions_own_ratios);
	tcase_add_test(tcase,
		a_limit_measured_inside_the_run_goes_before_another);
	tcase_add_test(tcase, a_percentile_of_too_few_operations_is_left_out);
	tcase_add_test(tcase,
		few_repetitions_or_a_failure_show_in_the_exit_status);
	tcase_add_test(tcase, a_part_has_the_median_of_its_distance);
	tcase_add_test(tcase, json_has_parts_and_the_distribution);
	tcase_add_test(tcase,
		json_escapes_text_and_writes_null_for_what_is_not_known);
	tcase_add_test(tcase,
		every_limit_is_a_benchmark_or_measured_inside_its_run);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
