/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands on a real pipe, without a socket: what they answer
 * where there is no memory, and where there is too much to tell.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/vined_command.h"
#include "utils/utils_config.h"

static vine_pipe_s *pipes[1];
static struct utils_config *config;
static struct vined_admin admin = {
	.pipes = pipes, .pipe_count = 1, .worker_count = 1,
};

static void
setup(void)
{
	char text[256];
	vine_accel_s *accel;

	snprintf(text, sizeof(text), "shm_file vine-command-%d\nshm_size 1M\n"
		 "trace 0\n", (int)getpid());
	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	ck_assert_int_eq(vine_pipe_start(config, 1, 1, pipes), 0);
	ck_assert_int_eq(vine_pipe_add_accel(pipes[0], CPU, "\xff\x1b[2J",
					     &accel), 0);
	vine_pipe_serve(pipes[0]);
}

static void
teardown(void)
{
	int last;

	ck_assert_int_eq(vine_pipe_end(pipes[0], &last), 0);
	utils_config_free(config);
}

static int lane_hangs;		/* nobody polls it */

/* Carry out a line to its end. Returns the answer, which the call has. */
static const json_t *
ask(struct vined_call *call, const char *line)
{
	static char words[256];
	uint32_t ms;

	snprintf(words, sizeof(words), "%s", line);
	ms = vined_command_begin(call, &admin, words);
	while (ms) {
		if (!lane_hangs)
			vine_lane_poll(&pipes[0]->lanes[0]);
		usleep(ms * 1000);
		ms = vined_command_again(call);
	}
	return call->answer;
}

/* --- memory -------------------------------------------------------------- */

static long allocs_left, allocs_live;

static void *
scarce_malloc(size_t n)
{
	if (allocs_left-- <= 0)
		return NULL;
	allocs_live++;
	return malloc(n);
}

static void
scarce_free(void *p)
{
	allocs_live -= p != NULL;
	free(p);
}

static const char *const lines[] = { "list", "quota", "dump", "nothing",
	"quota nobody", "undrain" };

START_TEST(without_memory_an_answer_is_missing_or_says_that_it_lacks_rows)
{
	json_t *whole = NULL;
	long n;

	json_set_alloc_funcs(scarce_malloc, scarce_free);
	for (n = 0; whole == NULL && n < 100000; n++) {
		struct vined_call call;
		const json_t *answer;

		allocs_left = n;
		answer = ask(&call, lines[_i]);
		if (allocs_left >= 0)
			whole = json_deep_copy(answer);
		else if (answer)
			ck_assert(json_object_get(answer, "left_out") ||
				  json_object_get(answer, "error"));
		vined_command_drop(&call);
		ck_assert_ptr_null(call.answer);
		ck_assert(whole || allocs_live == 0);
		allocs_left = whole ? 1000 : 0;
	}
	ck_assert_ptr_nonnull(whole);
	ck_assert_ptr_null(json_object_get(whole, "left_out"));
	json_decref(whole);
	ck_assert_int_eq(allocs_live, 0);
	json_set_alloc_funcs(malloc, free);
}
END_TEST

START_TEST(a_worker_that_does_not_come_round_is_shown_as_such)
{
	struct vined_call call;
	char *text;

	lane_hangs = 1;
	text = json_dumps(ask(&call, "dump"), JSON_COMPACT);
	ck_assert_ptr_nonnull(strstr(text, "\"answers\":false"));
	ck_assert_ptr_nonnull(strstr(text, "\"queues\":null"));
	free(text);
	vined_command_drop(&call);
	/* it does, and what it was asked before is answered to nobody */
	lane_hangs = 0;
	text = json_dumps(ask(&call, "dump"), JSON_COMPACT);
	ck_assert_ptr_nonnull(strstr(text, "\"answers\":true"));
	ck_assert_ptr_nonnull(strstr(text, "\"queues\":0"));
	free(text);
	vined_command_drop(&call);
}
END_TEST

START_TEST(rows_beyond_the_limit_are_left_out_and_counted)
{
	struct vined_call call = { 0 };
	json_t *list = json_array();

	for (int i = 0; i < VINE_CONTROL_ROWS + 5; i++)
		vined_command_row(&call, list, json_integer(i));
	ck_assert_uint_eq(json_array_size(list), VINE_CONTROL_ROWS);
	vined_command_answer(&call, json_pack("{s:o}", "rows", list));
	ck_assert_int_eq(json_integer_value(json_object_get(call.answer,
							    "left_out")), 5);
	vined_command_drop(&call);
}
END_TEST

START_TEST(what_others_wrote_is_answered_as_printable_text)
{
	struct vined_call call;
	char *text = json_dumps(ask(&call, "list"), 0);

	ck_assert_ptr_nonnull(strstr(text, "\"name\": \"??[2J\""));
	free(text);
	vined_command_drop(&call);
	text = json_dumps(ask(&call, "\xfe\x07"), 0);
	ck_assert_str_eq(text, "{\"error\": \"there is no command ??\"}");
	free(text);
	vined_command_drop(&call);
}
END_TEST

START_TEST(a_command_with_more_words_than_it_takes_is_refused)
{
	static const char *const bad[] = { "status 1", "list a b",
		"quota a b", "quota a b c d", "quota a b c d e f g",
		"fence a b c", "fence", "unfence", "" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vined_call call;

		ck_assert_msg(json_object_get(ask(&call, bad[i]), "error") !=
			      NULL, "%s", bad[i]);
		vined_command_drop(&call);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vined_command");
	TCase *tcase = tcase_create("command");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
		without_memory_an_answer_is_missing_or_says_that_it_lacks_rows,
		0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase,
		a_worker_that_does_not_come_round_is_shown_as_such);
	tcase_add_test(tcase, rows_beyond_the_limit_are_left_out_and_counted);
	tcase_add_test(tcase, what_others_wrote_is_answered_as_printable_text);
	tcase_add_test(tcase,
		a_command_with_more_words_than_it_takes_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
