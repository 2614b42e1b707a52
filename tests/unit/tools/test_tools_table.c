/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that are printed of JSON, whoever wrote it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools_table.h"

static void
prints(const char *json, const char *expected)
{
	json_t *root = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(root);
	tools_table_print(root, out);
	fclose(out);
	ck_assert_str_eq(text, expected);
	json_decref(root);
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
	       "\"d_bytes\":9223372036854775807,\"e_ns\":9999,"
	       "\"f_ns\":10000,\"g_ns\":9223372036854775807,\"h_ns\":-1,"
	       "\"i\":0.5}",
	       "a  1023\nb  1.5K\nc  10K\nd  8192P\ne  9999ns\nf  10us\n"
	       "g  9223372036s\nh  -1\ni  0.5\n");
}
END_TEST

START_TEST(no_text_steers_a_terminal_and_a_long_one_is_cut)
{
	char json[700], expected[700];

	prints("{\"a\":\"\\u001b[2J\\u009b\",\"\\u001b]0;\":1}",
	       "a     ?[2J??\n?]0;  1\n");
	memset(json, 0, sizeof(json));
	strcpy(json, "{\"a\":\"");
	memset(json + 6, 'x', 600);
	strcat(json, "\"}");
	snprintf(expected, sizeof(expected), "a  %.255s\n", json + 6);
	prints(json, expected);
}
END_TEST

START_TEST(rows_need_not_be_alike)
{
	prints("{\"rows\":[{\"a\":1,\"b\":[]},7,{\"c\":2},"
	       "{\"a\":{},\"b\":\"x\"}],\"bare\":[1,[2],{}]}",
	       "rows\n"
	       "    a  b\n"
	       "    1  ...\n"
	       "    -  -\n"
	       "    -  -\n"
	       "  ...  x\n"
	       "\n"
	       "bare\n"
	       "  1\n"
	       "  ...\n"
	       "  ...\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tools_table");
	TCase *tcase = tcase_create("table");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, members_are_lines_and_lists_of_objects_tables);
	tcase_add_test(tcase, numbers_with_units_keep_their_size);
	tcase_add_test(tcase, no_text_steers_a_terminal_and_a_long_one_is_cut);
	tcase_add_test(tcase, rows_need_not_be_alike);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
