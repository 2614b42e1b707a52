/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vined-keeper's store: its bounds, names that nobody could read back,
 * and what a program finds that is started with it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "tools/vined_keeper_store.h"

static int
null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_name_is_dropped_with_all_that_it_has)
{
	struct keeper_store s = { .most = 4 };
	int a = null(), b = null(), c = null(), d = null(), e = null();

	ck_assert_int_eq(keeper_store_put(&s, "one", a), 0);
	ck_assert_int_eq(keeper_store_put(&s, "two", b), 0);
	ck_assert_int_eq(keeper_store_put(&s, "one", c), 0);
	ck_assert_int_eq(keeper_store_put(&s, "one", d), 0);
	ck_assert_int_eq(keeper_store_put(&s, "one", e), -ENOSPC);
	ck_assert(!is_open(e));
	keeper_store_drop(&s, "one");
	ck_assert_uint_eq(s.count, 1);
	ck_assert(!is_open(a) && is_open(b) && !is_open(c) && !is_open(d));
	keeper_store_drop(&s, "none");
	ck_assert_uint_eq(s.count, 1);
	keeper_store_empty(&s);
	ck_assert(!is_open(b));
	ck_assert_uint_eq(s.bytes, 0);
}
END_TEST

START_TEST(a_name_that_cannot_be_passed_on_is_refused)
{
	static const char *const bad[] = { "", "a:b", "a b", "a\nb", "\x7f",
		"\xc3\xa4" };
	struct keeper_store s = { .most = 4 };
	char longer[258];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(keeper_store_put(&s, bad[i], null()), -EINVAL);
	memset(longer, 'x', sizeof(longer));
	longer[256] = '\0';
	ck_assert_int_eq(keeper_store_put(&s, longer, null()), -EINVAL);
	longer[255] = '\0';
	ck_assert_int_eq(keeper_store_put(&s, longer, null()), 0);
	keeper_store_empty(&s);
}
END_TEST

START_TEST(names_have_no_more_bytes_than_an_environment_takes)
{
	struct keeper_store s = { .most = 100000 };
	char name[256];
	uint32_t n = 0;

	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	while (keeper_store_put(&s, name, null()) == 0)
		n++;
	ck_assert_uint_eq(n, (120 << 10) / 256);
	/* one that execs finds all of them */
	if (fork() == 0) {
		if (keeper_store_pass(&s) != 0)
			_exit(1);
		execl("/bin/sh", "sh", "-c", "[ ${#LISTEN_FDNAMES} -eq 122879 "
		      "] && [ $LISTEN_FDS -eq 480 ] && [ $LISTEN_PID -eq $$ "
		      "] && [ -e /proc/self/fd/482 ]", NULL);
		_exit(2);
	}
	{
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	keeper_store_empty(&s);
}
END_TEST

/* Each file says by its size which one it is. */
START_TEST(each_name_keeps_its_descriptor_on_the_way)
{
	struct keeper_store s = { .most = 64 };
	int status;

	/* from 3 on, in the way of those that are to be there */
	for (int i = 0; i < 40; i++) {
		char name[16];
		int fd = memfd_create("x", MFD_CLOEXEC);

		ck_assert_int_eq(ftruncate(fd, i + 1), 0);
		snprintf(name, sizeof(name), "n%d", i + 1);
		ck_assert_int_eq(keeper_store_put(&s, name, fd), 0);
	}
	for (int i = 2; i < 40; i += 3) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		keeper_store_drop(&s, name);
	}
	if (fork() == 0) {
		char **names = NULL;
		int n, good = 0;

		if (keeper_store_pass(&s) != 0)
			_exit(1);
		n = sd_listen_fds_with_names(1, &names);
		for (int i = 0; i < n; i++) {
			struct stat st;

			good += fstat(3 + i, &st) == 0 &&
				st.st_size == atoi(names[i] + 1);
			free(names[i]);
		}
		free(names);
		keeper_store_empty(&s);
		_exit(n == 27 && good == n ? 0 : 2);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	keeper_store_empty(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vined_keeper_store");
	TCase *tcase = tcase_create("vined_keeper_store");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_name_is_dropped_with_all_that_it_has);
	tcase_add_test(tcase, a_name_that_cannot_be_passed_on_is_refused);
	tcase_add_test(tcase,
		names_have_no_more_bytes_than_an_environment_takes);
	tcase_add_test(tcase, each_name_keeps_its_descriptor_on_the_way);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
