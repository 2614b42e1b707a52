/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine-bench's pictures: the data and the scripts that it hands to
 * gnuplot. A stand-in for gnuplot is first in $PATH; what gnuplot itself makes
 * of them is looked at by multi.vine_bench_plot.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/vine_bench_plot.h"

static struct vine_bench_opts opts;
static struct vine_bench_machine machine;
static struct vine_bench_report *report;
static char dir[64];		/* with the stand-in, and the folder "out" */
static char out[80];

/* gnuplot writes the stand-in, which ends with that status. */
static void
gnuplot(int status)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/gnuplot", dir);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "#!/bin/sh\nexit %d\n", status);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0700), 0);
}

static void
setup(void)
{
	char path[256];

	strcpy(dir, "/tmp/test-plot.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	ck_assert_int_eq(setenv("PATH", path, 1), 0);
	gnuplot(0);
	memset(&opts, 0, sizeof(opts));
	opts.bound[0] = 35;
	opts.bound[1] = 100;
	strcpy(machine.cpu, "a {cpu} \"of\" `mine`");
	strcpy(machine.date, "2026-11-21T00:00:00Z");
	report = vine_bench_report_new(&opts, &machine);
	ck_assert_ptr_nonnull(report);
}

static void
teardown(void)
{
	char command[128];

	vine_bench_report_free(report);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* add makes a repetition; n > 0: its histogram holds 1 to n ns. */
static void
add(const char *name, double probe, double value, double limit, uint64_t n)
{
	struct vine_bench_result *r = calloc(1, sizeof(*r));
	const double probes[2] = { probe, probe };
	uint64_t i;

	ck_assert_ptr_nonnull(r);
	ck_assert_ptr_nonnull(vine_bench_find(name));
	r->value = r->mean = value;
	r->limit_value = limit;
	utils_hist_init(&r->hist);
	r->has_hist = n > 0;
	for (i = 1; i <= n; i++)
		utils_hist_record(&r->hist, i);
	ck_assert_int_eq(vine_bench_report_add(report,
		(size_t)(vine_bench_find(name) - vine_bench_table), probes, r,
		NULL), 0);
	free(r);
}

/* content returns a file of the folder, or NULL; until the next call. */
static const char *
content(const char *name)
{
	static char text[8192];
	char path[256];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", out, name);
	file = fopen(path, "r");
	if (!file)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

START_TEST(nothing_measured_makes_no_files)
{
	ck_assert_int_eq(vine_bench_plot_prepare(out), 0);
	ck_assert_int_eq(vine_bench_plot(report, out), 0);
	ck_assert_int_eq(rmdir(out), 0);
}
END_TEST

START_TEST(ratios_are_written_by_distance_in_the_order_of_their_numbers)
{
	add("queues.idle.4096", 50, 210, 200, 0);
	add("queues.idle.16", 50, 101, 100, 0);
	add("queues.idle.16", 200, 600, 600, 0);
	ck_assert_int_eq(vine_bench_plot_prepare(out), 0);
	ck_assert_int_eq(vine_bench_plot(report, out), 0);
	ck_assert_str_eq(content("idle-queues.dat"),
			 "# queues.idle., near\n16 1.01\n4096 1.05\n"
			 "\n\n# queues.idle., far\n16 1\n");
	ck_assert_ptr_nonnull(strstr(content("idle-queues.gp"),
		"plot 'idle-queues.dat' index 0 using 1:2 with linespoints "
		"title \"beside idle queues, near\""));
	ck_assert_ptr_nonnull(strstr(content("idle-queues.gp"),
		"'idle-queues.dat' index 1"));
	ck_assert_ptr_null(content("threads.gp"));
}
END_TEST

START_TEST(values_come_with_the_least_and_the_most)
{
	add("threads.2", 50, 3, 0, 0);
	add("threads.2", 50, 5, 0, 0);
	add("threads.2", 50, 4, 0, 0);
	ck_assert_int_eq(vine_bench_plot_prepare(out), 0);
	ck_assert_int_eq(vine_bench_plot(report, out), 0);
	ck_assert_str_eq(content("threads.dat"),
			 "# threads., near\n2 4 3 5\n");
}
END_TEST

START_TEST(a_distribution_is_of_one_distance_and_says_what_is_missing)
{
	add("line2", 50, 1, 0, 10);
	add("task.rtt", 50, 1, 0, 10);
	add("ring256.rtt", 200, 1, 0, 10);
	ck_assert_int_eq(vine_bench_plot_prepare(out), 0);
	ck_assert_int_eq(vine_bench_plot(report, out), 0);
	ck_assert_ptr_nonnull(strstr(content("latency-polling.dat"),
				     "# line2, near\n0.04576 1\n0.09691 2\n"));
	ck_assert_ptr_nonnull(strstr(content("latency-polling.dat"),
				     "\n1.00000 9\n"));
	ck_assert_ptr_null(strstr(content("latency-polling.dat"), "far"));
	ck_assert_ptr_nonnull(strstr(content("latency-polling.gp"),
		"a cpu of mine, 2026-11-21, near; not ring256.rtt}"));
}
END_TEST

START_TEST(a_gnuplot_that_fails_is_an_error)
{
	add("threads.2", 50, 3, 0, 0);
	ck_assert_int_eq(vine_bench_plot_prepare(out), 0);
	gnuplot(1);
	ck_assert_int_eq(vine_bench_plot(report, out), -EIO);
	ck_assert_int_eq(vine_bench_plot_prepare(out), -ENOENT);
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_an_error)
{
	ck_assert_int_eq(vine_bench_plot_prepare("/proc/nowhere"), -EIO);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vine_bench_plot");
	TCase *tc = tcase_create("pictures");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nothing_measured_makes_no_files);
	tcase_add_test(tc,
		ratios_are_written_by_distance_in_the_order_of_their_numbers);
	tcase_add_test(tc, values_come_with_the_least_and_the_most);
	tcase_add_test(tc,
		a_distribution_is_of_one_distance_and_says_what_is_missing);
	tcase_add_test(tc, a_gnuplot_that_fails_is_an_error);
	tcase_add_test(tc, a_folder_that_cannot_be_made_is_an_error);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
