/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy: bytes from one place to another.
 */
#include "kernel_case.h"

START_TEST(every_byte_arrives_and_no_other_changes)
{
	static const size_t sizes[] = { 0, 1, 63, 4096, 100003 };
	size_t size = sizes[_i];
	struct vine_view in = case_empty(size);
	struct vine_view out = case_empty(size + 3);
	uint64_t value;

	case_noise(in.ptr, size, 5);
	memset(out.ptr, 0x5a, size + 3);
	ck_assert_int_eq(case_run(svc_cpu_run_copy, &in, &out, NULL, 0,
				  &value), 0);
	ck_assert_uint_eq(value, size);
	ck_assert_int_eq(memcmp(out.ptr, in.ptr, size), 0);
	ck_assert_mem_eq((char *)out.ptr + size, "\x5a\x5a\x5a", 3);
}
END_TEST

START_TEST(an_output_shorter_than_the_input_is_refused)
{
	struct vine_view in = case_empty(10);
	struct vine_view out = case_empty(9);

	ck_assert_int_eq(case_run(svc_cpu_run_copy, &in, &out, NULL, 0, NULL),
			 -EINVAL);
}
END_TEST

START_TEST(an_overlap_copies_as_if_there_were_none)
{
	struct vine_view in = case_view("abcdefgh..", 10);
	struct vine_view out;

	in.length = 8;
	out.ptr = (char *)in.ptr + 2;
	out.length = 8;
	ck_assert_int_eq(case_run(svc_cpu_run_copy, &in, &out, NULL, 0, NULL),
			 0);
	ck_assert_mem_eq(in.ptr, "ababcdefgh", 10);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("copy");

	tcase_add_loop_test(tcase, every_byte_arrives_and_no_other_changes, 0,
			    5);
	tcase_add_test(tcase, an_output_shorter_than_the_input_is_refused);
	tcase_add_test(tcase, an_overlap_copies_as_if_there_were_none);
	return case_main("svc_cpu_copy", tcase);
}
