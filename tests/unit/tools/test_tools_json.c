/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a JSON text, and the tables that are printed of it. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools_json.h"
#include "tools/tools_table.h"

static int
parse(const char *text)
{
	struct tools_json *root = NULL;
	/* a copy of just that length: a sanitizer sees who reads beyond */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	int rc;

	memcpy(copy, text, n);
	rc = tools_json_parse(copy, n, &root);
	tools_json_free(root);
	free(copy);
	return rc;
}

START_TEST(a_tree_has_what_the_text_has)
{
	static const char text[] = " { \"a\" : [1, -2.5e3, \"x\\\"\\u0041\\n\"],"
		"\"b\":{\"c\":null}, \"d\":true } ";
	const struct tools_json *list, *b;
	struct tools_json *root;

	ck_assert_int_eq(tools_json_parse(text, strlen(text), &root), 0);
	ck_assert_int_eq(root->type, TOOLS_JSON_OBJECT);
	list = tools_json_member(root, "a");
	ck_assert_int_eq(list->type, TOOLS_JSON_LIST);
	ck_assert_str_eq(list->first->text, "1");
	ck_assert_str_eq(list->first->next->text, "-2.5e3");
	ck_assert_str_eq(list->first->next->next->text, "x\"A?");
	ck_assert_ptr_null(list->first->next->next->next);
	b = tools_json_member(root, "b");
	ck_assert_int_eq(tools_json_member(b, "c")->type, TOOLS_JSON_NULL);
	ck_assert_str_eq(tools_json_text(root, "d"), "true");
	ck_assert_ptr_null(tools_json_text(root, "none"));
	tools_json_free(root);
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[1,", "[,]", "[1 2]", "{\"a\"}", "{\"a\":}",
		"{a:1}", "\"", "\"\\", "\"\\u12\"", "\"\\u12", "\"\\x\"", "nul",
		"1x", "--1", "x", "[1]]", "\"\x01\"", "[[[[[[[[[[[[[[[[[[[[",
		"{\"a\":1,}", "\"\\u00g0\"", "+1", ".",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse(bad[i]) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(any_bytes_are_parsed_or_refused)
{
	static const char alphabet[] = "{}[]\",:\\u01 ntrue-";
	uint64_t seed = 1;

	for (int i = 0; i < 200000; i++) {
		char text[40];
		size_t n = (size_t)i % 40;

		for (size_t k = 0; k < n; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			text[k] = alphabet[(seed >> 33) %
				(sizeof(alphabet) - 1)];
		}
		text[n] = '\0';
		(void)parse(text);
	}
	for (int depth = 1; depth < 40; depth++) {
		char text[100] = "";

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		ck_assert_int_eq(parse(text), depth <= TOOLS_JSON_DEPTH + 1 ?
				 0 : -EINVAL);
	}
}
END_TEST

static void
prints(const char *json, const char *expected)
{
	struct tools_json *root;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(tools_json_parse(json, strlen(json), &root), 0);
	tools_table_print(root, out);
	fclose(out);
	ck_assert_str_eq(text, expected);
	tools_json_free(root);
	free(text);
}

START_TEST(members_are_lines_and_lists_of_objects_tables)
{
	prints("{\"name\":\"x\",\"heap_bytes\":3145728,\"age_ns\":20000000,"
	       "\"rows\":[{\"id\":1,\"label\":\"a\",\"up\":true},"
	       "{\"label\":\"long one\",\"id\":100,\"up\":null}],"
	       "\"none\":[],\"texts\":[\"one\",\"two\"],"
	       "\"in\":{\"a_b\":1}}",
	       "name  x\n"
	       "heap  3M\n"
	       "age   20ms\n"
	       "\n"
	       "rows\n"
	       "   id  label      up\n"
	       "    1  a         yes\n"
	       "  100  long one    -\n"
	       "\n"
	       "none: none\n"
	       "\n"
	       "texts\n"
	       "  one\n"
	       "  two\n"
	       "\n"
	       "in\n"
	       "  a b  1\n");
}
END_TEST

START_TEST(numbers_with_units_keep_their_size)
{
	prints("{\"a_bytes\":1023,\"b_bytes\":1536,\"c_bytes\":10240,"
	       "\"d_bytes\":18446744073709551615,\"e_ns\":9999,"
	       "\"f_ns\":10000,\"g_ns\":18446744073709551615,\"h_ns\":-1}",
	       "a  1023\nb  1.5K\nc  10K\nd  16384P\ne  9999ns\nf  10us\n"
	       "g  18446744073s\nh  -1\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tools_json");
	TCase *tcase = tcase_create("json");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_tree_has_what_the_text_has);
	tcase_add_test(tcase, what_is_no_json_is_refused);
	tcase_add_test(tcase, any_bytes_are_parsed_or_refused);
	tcase_add_test(tcase, members_are_lines_and_lists_of_objects_tables);
	tcase_add_test(tcase, numbers_with_units_keep_their_size);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
