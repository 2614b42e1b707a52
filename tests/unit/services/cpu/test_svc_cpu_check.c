/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks that kernels make of their calls.
 */
#include <stdio.h>

#include "kernel_case.h"
#include "services/cpu/svc_cpu_check.h"

static char last_line[512];

static void
keep_line(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	snprintf(last_line, sizeof(last_line), "%s", text);
}

/* First in the suite: lines of one place come at most once a second. */
START_TEST(a_refusal_names_the_kernel_the_value_and_what_was_expected)
{
	struct vine_view out = case_empty(16);
	struct vine_kernel_call call = { .out = &out, .out_count = 1 };

	utils_log_set(UTILS_LOG_DEBUG, keep_line, NULL);
	ck_assert_int_eq(svc_cpu_check_out(&call, "sha256", 0, 32), -EINVAL);
	utils_log_set(UTILS_LOG_DEBUG, case_no_log, NULL);
	ck_assert_ptr_nonnull(strstr(last_line, "cpu kernel sha256: output 0 "
				     "has 16 bytes, expected at least 32"));
}
END_TEST

START_TEST(a_shape_accepts_counts_within_its_limits_only)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "shape",
		.in_min = 1, .in_max = 3,
		.out_min = 2, .out_max = SVC_CPU_ANY,
		.args_size = 8,
	};
	struct vine_kernel_call call = { .args_size = 8 };
	uint32_t in, out;

	for (in = 0; in < 6; in++)
		for (out = 0; out < 6; out++) {
			call.in_count = in;
			call.out_count = out;
			ck_assert_int_eq(svc_cpu_check_shape(&call, &shape),
					 in >= 1 && in <= 3 && out >= 2 ?
					 0 : -EINVAL);
		}
	call.in_count = 1;
	call.args_size = 7;
	ck_assert_int_eq(svc_cpu_check_shape(&call, &shape), -EINVAL);
	call.args_size = 9;
	ck_assert_int_eq(svc_cpu_check_shape(&call, &shape), -EINVAL);
}
END_TEST

START_TEST(a_length_of_exactly_the_need_is_enough)
{
	struct vine_view view = case_empty(16);
	struct vine_kernel_call call = { .in = &view, .in_count = 1 };

	ck_assert_int_eq(svc_cpu_check_in(&call, "x", 0, 16), 0);
	ck_assert_int_eq(svc_cpu_check_in(&call, "x", 0, 17), -EINVAL);
	ck_assert_int_eq(svc_cpu_check_in(&call, "x", 0, SIZE_MAX), -EINVAL);
}
END_TEST

START_TEST(a_view_off_a_floats_alignment_is_refused)
{
	struct vine_view in = case_empty(16);
	struct vine_view out = case_empty(16);
	struct vine_kernel_call call = {
		.in = &in, .out = &out, .in_count = 1, .out_count = 1,
	};

	ck_assert_int_eq(svc_cpu_check_floats(&call, "x"), 0);
	out.ptr = (char *)out.ptr + 2;
	ck_assert_int_eq(svc_cpu_check_floats(&call, "x"), -EINVAL);
	out.ptr = (char *)out.ptr + 2;
	in.ptr = (char *)in.ptr + 1;
	ck_assert_int_eq(svc_cpu_check_floats(&call, "x"), -EINVAL);
}
END_TEST

START_TEST(neighbours_are_apart_and_one_shared_byte_is_an_overlap)
{
	char *base = case_data(64);
	struct vine_view in = { .ptr = base + 16, .length = 16 };
	struct vine_view out = { .length = 16 };
	struct vine_kernel_call call = {
		.in = &in, .out = &out, .in_count = 1, .out_count = 1,
	};
	int at;

	for (at = 0; at <= 48; at++) {
		out.ptr = base + at;
		ck_assert_int_eq(svc_cpu_check_apart(&call, "x", 0, 16, 16),
				 at == 0 || at >= 32 ? 0 : -EINVAL);
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("check");

	tcase_add_test(tcase,
		a_refusal_names_the_kernel_the_value_and_what_was_expected);
	tcase_add_test(tcase, a_shape_accepts_counts_within_its_limits_only);
	tcase_add_test(tcase, a_length_of_exactly_the_need_is_enough);
	tcase_add_test(tcase, a_view_off_a_floats_alignment_is_refused);
	tcase_add_test(tcase,
		neighbours_are_apart_and_one_shared_byte_is_an_overlap);
	return case_main("svc_cpu_check", tcase);
}
