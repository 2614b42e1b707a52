/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_json.h"

static void
ends_as(struct utils_json *j, const char *expected)
{
	char *text;
	size_t len;

	ck_assert_int_eq(utils_json_end(j, &text, &len), 0);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(len, strlen(text));
	free(text);
}

START_TEST(members_and_values_have_their_commas)
{
	struct utils_json j = { .max = 4096 };

	utils_json_object(&j, NULL);
	utils_json_list(&j, "empty");
	utils_json_close_list(&j);
	utils_json_list(&j, "list");
	utils_json_u64(&j, NULL, 1);
	utils_json_i64(&j, NULL, -2);
	utils_json_object(&j, NULL);
	utils_json_close_object(&j);
	utils_json_close_list(&j);
	utils_json_bool(&j, "yes", 7);
	utils_json_null(&j, "null");
	utils_json_hex(&j, "hex", UINT64_MAX);
	utils_json_hex(&j, "zero", 0);
	utils_json_close_object(&j);
	ends_as(&j, "{\"empty\":[],\"list\":[1,-2,{}],\"yes\":true,"
		"\"null\":null,\"hex\":\"0xffffffffffffffff\","
		"\"zero\":\"0x0\"}\n");
}
END_TEST

START_TEST(a_text_that_ends_like_a_list_begins_is_a_text)
{
	struct utils_json j = { .max = 4096 };

	utils_json_list(&j, NULL);
	utils_json_text(&j, NULL, "[");
	utils_json_text(&j, NULL, "{");
	utils_json_text(&j, NULL, NULL);
	utils_json_close_list(&j);
	ends_as(&j, "[\"[\",\"{\",null]\n");
}
END_TEST

START_TEST(all_but_printable_ascii_is_escaped)
{
	struct utils_json j = { .max = 4096 };

	utils_json_text(&j, NULL, "a\"b\\c\n\x1b[2J\x7f\xc3\xa9");
	ends_as(&j, "\"a\\\"b\\\\c\\u000a\\u001b[2J\\u007f\\u00c3\\u00a9\"\n");
}
END_TEST

START_TEST(a_formatted_text_is_cut_and_ends)
{
	struct utils_json j = { .max = 4096 };
	char long_text[2000], *text;
	size_t len;

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	utils_json_format(&j, NULL, "%s", long_text);
	ck_assert_int_eq(utils_json_end(&j, &text, &len), 0);
	ck_assert_uint_eq(len, 511 + 3);
	free(text);
}
END_TEST

START_TEST(what_is_longer_than_the_limit_is_an_error_and_nothing_else)
{
	for (size_t max = 0; max < 600; max++) {
		struct utils_json j = { .max = max };
		char *text = NULL;
		size_t len;
		int rc;

		utils_json_list(&j, NULL);
		for (int i = 0; i < 100; i++)
			utils_json_u64(&j, NULL, 1000);
		utils_json_close_list(&j);
		rc = utils_json_end(&j, &text, &len);
		/* 100 numbers, 99 commas, brackets, newline, NUL */
		ck_assert_int_eq(rc, max >= 503 ? 0 : -EMSGSIZE);
		ck_assert_int_eq(text != NULL, rc == 0);
		free(text);
		/* and it can be used again */
		ck_assert_uint_eq(j.max, max);
		ck_assert_int_eq(j.error, 0);
	}
}
END_TEST

START_TEST(what_is_dropped_is_gone)
{
	struct utils_json j = { .max = 4096 };

	utils_json_list(&j, NULL);
	utils_json_drop(&j);
	utils_json_bool(&j, NULL, 0);
	ends_as(&j, "false\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_json");
	TCase *tcase = tcase_create("json");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, members_and_values_have_their_commas);
	tcase_add_test(tcase, a_text_that_ends_like_a_list_begins_is_a_text);
	tcase_add_test(tcase, all_but_printable_ascii_is_escaped);
	tcase_add_test(tcase, a_formatted_text_is_cut_and_ends);
	tcase_add_test(tcase,
		what_is_longer_than_the_limit_is_an_error_and_nothing_else);
	tcase_add_test(tcase, what_is_dropped_is_gone);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
