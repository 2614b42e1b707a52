/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of a picture's sizes, with products that wrap in 64 bits.
 */
#include "kernel_case.h"
#include "services/cpu/svc_cpu_image.h"

static int
check(uint32_t width, uint32_t height, size_t depth, size_t in_size,
      size_t out_size)
{
	struct svc_cpu_image_args args = { .width = width, .height = height };
	struct svc_cpu_image_args copy = { 0 };
	struct vine_view in = { .ptr = &args, .length = in_size };
	struct vine_view out = { .ptr = &args, .length = out_size };
	struct vine_kernel_call call = {
		.in = &in, .out = &out, .in_count = 1, .out_count = 1,
		.args = &args, .args_size = sizeof(args),
	};
	int err = svc_cpu_image_check(&call, "image", depth, &copy);

	if (!err)
		ck_assert_mem_eq(&copy, &args, sizeof(args));
	return err;
}

START_TEST(data_of_exactly_the_size_is_enough)
{
	ck_assert_int_eq(check(10, 7, 3, 210, 70), 0);
	ck_assert_int_eq(check(10, 7, 3, 209, 70), -EINVAL);
	ck_assert_int_eq(check(10, 7, 3, 210, 69), -EINVAL);
}
END_TEST

START_TEST(a_product_that_wraps_is_refused_whatever_the_data)
{
	/* 0xaaaaaaab * 0x80000000 * 3 is 0x80000000 in 64 bits. */
	ck_assert_int_eq(check(0xaaaaaaab, 0x80000000, 3, SIZE_MAX, SIZE_MAX),
			 -EINVAL);
	ck_assert_int_eq(check(UINT32_MAX, UINT32_MAX, 3, SIZE_MAX, SIZE_MAX),
			 -EINVAL);
	ck_assert_int_eq(check(UINT32_MAX, UINT32_MAX, 1, SIZE_MAX, SIZE_MAX),
			 0);
}
END_TEST

START_TEST(a_side_of_zero_is_refused)
{
	ck_assert_int_eq(check(0, 1, 1, 8, 8), -EINVAL);
	ck_assert_int_eq(check(1, 0, 1, 8, 8), -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("image");

	tcase_add_test(tcase, data_of_exactly_the_size_is_enough);
	tcase_add_test(tcase,
		       a_product_that_wraps_is_refused_whatever_the_data);
	tcase_add_test(tcase, a_side_of_zero_is_refused);
	return case_main("svc_cpu_image", tcase);
}
