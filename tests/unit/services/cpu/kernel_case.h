/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel case: what the tests of the kernels share. Data lies against a page
 * that cannot be touched, so that one byte too far is a crash with or without
 * a sanitizer.
 */
#ifndef KERNEL_CASE_H
#define KERNEL_CASE_H

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/cpu/svc_cpu_kernels.h"
#include "utils/utils_log.h"

/*
 * case_data returns zeroed memory whose byte `size` is the first of a page
 * without access. It is not freed: a case is a process.
 */
static inline void *
case_data(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t whole = (size + page - 1) / page * page;
	char *base;

	base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	ck_assert_int_eq(mprotect(base + whole, page, PROT_NONE), 0);
	return base + whole - size;
}

/* case_view returns a view of a copy of some bytes in such memory. */
static inline struct vine_view
case_view(const void *data, size_t size)
{
	struct vine_view view = { .ptr = case_data(size), .length = size };

	if (size)
		memcpy(view.ptr, data, size);
	return view;
}

/* case_empty returns a view of `size` zeros in such memory. */
static inline struct vine_view
case_empty(size_t size)
{
	struct vine_view view = { .ptr = case_data(size), .length = size };

	return view;
}

/* case_run runs a kernel on at most one input and output; NULL: none. */
static inline int
case_run(int (*run)(struct vine_kernel_call *), const struct vine_view *in,
	 const struct vine_view *out, const void *args, uint32_t args_size,
	 uint64_t *value)
{
	struct vine_kernel_call call = {
		.in = in,
		.out = out,
		.in_count = in != NULL,
		.out_count = out != NULL,
		.args = args,
		.args_size = args_size,
	};
	int err = run(&call);

	if (value)
		*value = call.value;
	return err;
}

/* case_noise fills memory with bytes that are the same in every run. */
static inline void
case_noise(void *data, size_t size, uint32_t seed)
{
	unsigned char *byte = data;
	uint32_t x = seed * 2654435761u + 1;
	size_t i;

	for (i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		byte[i] = (unsigned char)(x >> 11);
	}
}

static inline void
case_no_log(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

/*
 * case_main runs a suite of one test case and returns main's value. The lines
 * about the refusals that the tests provoke are not shown.
 */
static inline int
case_main(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	utils_log_set(UTILS_LOG_DEBUG, case_no_log, NULL);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
