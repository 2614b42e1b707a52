/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine-bench's command line.
 */
#include <check.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_opts.h"

static struct vine_bench_opts opts;
static int status;
static char *words;		/* which opts points into */

/* parse reads one command line; words are separated by single spaces. */
static int
parse(const char *line)
{
	char *argv[32] = { "vine-bench" }, *save = NULL, *word;
	int argc = 1;

	free(words);
	words = strdup(line);
	word = strtok_r(words, " ", &save);
	for (; word && argc < 31; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	optind = 0;	/* glibc: begin anew */
	return vine_bench_opts_read(argc, argv, &opts, &status);
}

static void
forget(void)
{
	free(words);
	words = NULL;
}

static int
selected(const char *name)
{
	return vine_bench_opts_wants(&opts, vine_bench_find(name));
}

START_TEST(without_options_everything_is_wanted)
{
	ck_assert_int_eq(parse("--cpus 0,1"), 1);
	ck_assert(selected("line1"));
	ck_assert(selected("explain.sleeping"));
	ck_assert_uint_eq(opts.reps, VINE_BENCH_REPS_MIN);
	ck_assert_uint_eq(opts.idle_s, 2);
	ck_assert_ptr_null(opts.plot);
}
END_TEST

START_TEST(numbers_within_their_bounds_are_taken)
{
	ck_assert_int_eq(parse("--cpus 3,2 --reps 7 --time 1 --idle 60"), 1);
	ck_assert_int_eq(opts.cpu[0], 3);
	ck_assert_int_eq(opts.cpu[1], 2);
	ck_assert_uint_eq(opts.reps, 7);
	ck_assert_uint_eq(opts.time_ms, 1);
	ck_assert_uint_eq(opts.idle_s, 60);
}
END_TEST

static const char *const refused[] = {
	"--idle 0", "--idle 121", "--idle -1", "--idle 2s", "--reps 0",
	"--time 10001", "--cpus 1,1", "--cpus 1", "--distances 100,35",
	"--distances nan,1", "--only nothing", "--vined /nowhere", "--plot",
	"--nonsense", "word",
};

START_TEST(what_is_out_of_bounds_is_refused_as_usage)
{
	status = -1;
	ck_assert_int_eq(parse(refused[_i]), 0);
	ck_assert_int_eq(status, VINE_BENCH_EXIT_USAGE);
}
END_TEST

START_TEST(only_takes_names_groups_and_patterns_together)
{
	ck_assert_int_eq(parse("--cpus 0,1 --only line1 --only calls "
			       "--only queues.idle.*"), 1);
	ck_assert(selected("line1"));
	ck_assert(selected("calls.busy"));
	ck_assert(selected("queues.idle.32768"));
	ck_assert(!selected("line2"));
	ck_assert(!selected("queues.segment"));
}
END_TEST

START_TEST(explain_selects_its_own_group)
{
	ck_assert_int_eq(parse("--cpus 0,1 --explain"), 1);
	ck_assert(selected("explain.polling"));
	ck_assert(selected("explain.sleeping"));
	ck_assert(!selected("task.rtt"));
}
END_TEST

START_TEST(plot_and_json_keep_their_files)
{
	ck_assert_int_eq(parse("--cpus 0,1 --plot pictures --json -"), 1);
	ck_assert_str_eq(opts.plot, "pictures");
	ck_assert_str_eq(opts.json, "-");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vine_bench_opts");
	TCase *tc = tcase_create("command line");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, forget);
	tcase_add_test(tc, without_options_everything_is_wanted);
	tcase_add_test(tc, numbers_within_their_bounds_are_taken);
	tcase_add_loop_test(tc, what_is_out_of_bounds_is_refused_as_usage, 0,
			    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tc, only_takes_names_groups_and_patterns_together);
	tcase_add_test(tc, explain_selects_its_own_group);
	tcase_add_test(tc, plot_and_json_keep_their_files);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
