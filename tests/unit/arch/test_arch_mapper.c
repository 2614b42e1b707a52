/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of tests/lib/mapper.h for each kind of object that a host has. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/lib/mapper.h"

#define BYTES (1u << 20)

static char name[64], dir[32];

static void
make_file(void)
{
	FILE *f;

	snprintf(dir, sizeof(dir), "/tmp/vine-mapper-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(name, sizeof(name), "file:%s/x", dir);
	f = fopen(name + 5, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(ftruncate(fileno(f), BYTES), 0);
	fclose(f);
	mapper_case = (struct mapper_case){ .mapper = &arch_shm_file,
		.name = name, .missing = "/nonexistent/x", .bytes = BYTES };
}

static void
remove_file(void)
{
	ck_assert_int_eq(arch_shm_file.remove(name), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
make_posix(void)
{
	int fd;

	snprintf(name, sizeof(name), "vine-mapper-%d", (int)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, BYTES), 0);
	close(fd);
	mapper_case = (struct mapper_case){ .mapper = &arch_shm_posix,
		.name = name, .missing = "vine-mapper-none", .bytes = BYTES };
}

static void
remove_posix(void)
{
	ck_assert_int_eq(arch_shm_posix.remove(name), 0);
}

static void
make_memfd(void)
{
	mapper_case = (struct mapper_case){ .mapper = &arch_shm_memfd,
					    .bytes = BYTES };
}

static void
add(Suite *suite, const char *kind, SFun make, SFun end)
{
	TCase *tcase = tcase_create(kind);

	tcase_add_checked_fixture(tcase, make, end);
	mapper_add(tcase);
	suite_add_tcase(suite, tcase);
}

int
main(void)
{
	Suite *suite = suite_create("arch_mapper");
	SRunner *runner = srunner_create(suite);
	int failed;

	add(suite, "file", make_file, remove_file);
	add(suite, "posix", make_posix, remove_posix);
	add(suite, "memfd", make_memfd, NULL);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
