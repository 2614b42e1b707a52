/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill: one byte value everywhere.
 */
#include "kernel_case.h"

START_TEST(every_byte_of_every_output_gets_the_value)
{
	struct vine_view out[3] = {
		case_empty(1), case_empty(0), case_empty(5001),
	};
	uint8_t byte = 0xa5;
	struct vine_kernel_call call = {
		.out = out, .out_count = 3,
		.args = &byte, .args_size = sizeof(byte),
	};
	size_t i;

	ck_assert_int_eq(svc_cpu_run_fill(&call), 0);
	ck_assert_uint_eq(call.value, 5002);
	ck_assert_uint_eq(*(uint8_t *)out[0].ptr, byte);
	for (i = 0; i < out[2].length; i++)
		ck_assert_uint_eq(((uint8_t *)out[2].ptr)[i], byte);
}
END_TEST

START_TEST(an_input_is_refused)
{
	struct vine_view view = case_empty(8);
	uint8_t byte = 1;

	ck_assert_int_eq(case_run(svc_cpu_run_fill, &view, &view, &byte, 1,
				  NULL), -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("fill");

	tcase_add_test(tcase, every_byte_of_every_output_gets_the_value);
	tcase_add_test(tcase, an_input_is_refused);
	return case_main("svc_cpu_fill", tcase);
}
