/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utils/utils_config.h"
#include "utils/utils_control.h"

static char path[UTILS_CONTROL_PATH];

static int
path_of(const char *text)
{
	struct utils_config *config;
	int rc;

	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	memset(path, 0, sizeof(path));
	rc = utils_control_path(config, path);
	utils_config_free(config);
	return rc;
}

START_TEST(a_path_that_is_named_is_taken_as_it_is)
{
	char text[256], longest[108];

	ck_assert_int_eq(path_of("shm_file x\ncontrol_socket /a/b.sock\n"), 0);
	ck_assert_str_eq(path, "/a/b.sock");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[107] = '\0';
	snprintf(text, sizeof(text), "shm_file x\ncontrol_socket %s\n",
		 longest);
	ck_assert_int_eq(path_of(text), 0);
	ck_assert_str_eq(path, longest);
}
END_TEST

START_TEST(off_is_no_path)
{
	ck_assert_int_eq(path_of("shm_file x\ncontrol_socket off\n"), -ENOENT);
}
END_TEST

START_TEST(each_segment_has_a_default_of_its_own)
{
	char other[UTILS_CONTROL_PATH];

	setenv("XDG_RUNTIME_DIR", "/run", 1);	/* where root has it too */
	ck_assert_int_eq(path_of("shm_file one\n"), 0);
	ck_assert_str_eq(path, "/run/vine/one.sock");
	ck_assert_int_eq(path_of("shm_file /dev/hugepages/one\n"), 0);
	ck_assert_str_eq(path, "/run/vine/_dev_hugepages_one.sock");
	strcpy(other, path);
	ck_assert_int_eq(path_of("shm_file /one\n"), 0);
	ck_assert_str_ne(path, other);
	/* one from a socket has the socket's name */
	ck_assert_int_eq(path_of("socket /run/a.sock\n"), 0);
	ck_assert_str_eq(path, "/run/vine/_run_a.sock.sock");
	ck_assert_int_eq(path_of("shm_ivshmem 1\n"), 0);
	ck_assert_str_eq(path, "/run/vine/pci:.sock");
}
END_TEST

START_TEST(a_default_that_would_be_too_long_is_an_error)
{
	char text[256] = "shm_file ";

	setenv("XDG_RUNTIME_DIR", "/run", 1);
	memset(text + 9, 'x', 200);
	ck_assert_int_eq(path_of(text), -ENAMETOOLONG);
}
END_TEST

START_TEST(without_a_runtime_directory_there_is_none)
{
	if (geteuid() == 0)	/* whose is /run */
		return;
	unsetenv("XDG_RUNTIME_DIR");
	ck_assert_int_eq(path_of("shm_file one\n"), -ENOENT);
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	ck_assert_int_eq(path_of("shm_file one\n"), -ENOENT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_control");
	TCase *tcase = tcase_create("control");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_path_that_is_named_is_taken_as_it_is);
	tcase_add_test(tcase, off_is_no_path);
	tcase_add_test(tcase, each_segment_has_a_default_of_its_own);
	tcase_add_test(tcase, a_default_that_would_be_too_long_is_an_error);
	tcase_add_test(tcase, without_a_runtime_directory_there_is_none);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
