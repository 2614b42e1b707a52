/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_text.h"

START_TEST(what_is_no_printable_ascii_becomes_a_question_mark)
{
	char all[256], shown[256];

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	ck_assert_ptr_eq(utils_text_printable(shown, sizeof(shown), all),
			 shown);
	for (int i = 1; i < 256; i++)
		ck_assert_int_eq(shown[i - 1],
				 i >= 0x20 && i <= 0x7e ? i : '?');
	ck_assert_int_eq(shown[255], '\0');
}
END_TEST

START_TEST(a_text_is_cut_where_there_is_no_room)
{
	for (size_t size = 1; size < 10; size++) {
		char shown[10];

		memset(shown, 'x', sizeof(shown));
		utils_text_printable(shown, size, "abcde");
		ck_assert_uint_eq(strlen(shown), size > 5 ? 5 : size - 1);
		ck_assert_int_eq(strncmp(shown, "abcde", strlen(shown)), 0);
		for (size_t i = size; i < sizeof(shown); i++)
			ck_assert_int_eq(shown[i], 'x');
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_text");
	TCase *tcase = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase,
		       what_is_no_printable_ascii_becomes_a_question_mark);
	tcase_add_test(tcase, a_text_is_cut_where_there_is_no_room);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
