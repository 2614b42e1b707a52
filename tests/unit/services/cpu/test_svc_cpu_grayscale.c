/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grayscale against the weights of BT.601 in floating point.
 */
#include <math.h>

#include "kernel_case.h"

static int
grayscale(const struct vine_view *in, const struct vine_view *out,
	  uint32_t width, uint32_t height, uint64_t *value)
{
	struct svc_cpu_image_args args = { .width = width, .height = height };

	return case_run(svc_cpu_run_grayscale, in, out, &args, sizeof(args),
			value);
}

START_TEST(every_pixel_is_within_one_of_the_exact_weights)
{
	static const uint32_t sizes[][2] = {
		{ 1, 1 }, { 7, 1 }, { 1, 9 }, { 33, 17 }, { 640, 3 },
	};
	uint32_t width = sizes[_i][0], height = sizes[_i][1];
	size_t pixels = (size_t)width * height;
	struct vine_view in = case_empty(3 * pixels);
	struct vine_view out = case_empty(pixels);
	const uint8_t *rgb = in.ptr;
	const uint8_t *gray = out.ptr;
	uint64_t value;
	double exact;
	size_t i;

	case_noise(in.ptr, in.length, 11);
	ck_assert_int_eq(grayscale(&in, &out, width, height, &value), 0);
	ck_assert_uint_eq(value, pixels);
	for (i = 0; i < pixels; i++) {
		exact = 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] +
			0.114 * rgb[3 * i + 2];
		ck_assert_double_le(fabs(exact - gray[i]), 1.0);
	}
}
END_TEST

START_TEST(known_colours_give_known_grays)
{
	static const uint8_t rgb[] = {
		0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255,
		128, 128, 128,
	};
	static const uint8_t gray[] = { 0, 255, 77, 149, 29, 128 };
	struct vine_view in = case_view(rgb, sizeof(rgb));
	struct vine_view out = case_empty(sizeof(gray));

	ck_assert_int_eq(grayscale(&in, &out, 6, 1, NULL), 0);
	ck_assert_mem_eq(out.ptr, gray, sizeof(gray));
}
END_TEST

START_TEST(the_output_may_begin_where_the_input_does)
{
	struct vine_view in = case_empty(3 * 999);
	struct vine_view out = case_empty(999);

	case_noise(in.ptr, in.length, 13);
	ck_assert_int_eq(grayscale(&in, &out, 27, 37, NULL), 0);
	ck_assert_int_eq(grayscale(&in, &in, 27, 37, NULL), 0);
	ck_assert_mem_eq(in.ptr, out.ptr, 999);
}
END_TEST

START_TEST(data_short_of_one_byte_is_refused)
{
	struct vine_view in = case_empty(3 * 35);
	struct vine_view out = case_empty(35);

	ck_assert_int_eq(grayscale(&in, &out, 5, 7, NULL), 0);
	in.length--;
	ck_assert_int_eq(grayscale(&in, &out, 5, 7, NULL), -EINVAL);
	in.length++;
	out.length--;
	ck_assert_int_eq(grayscale(&in, &out, 5, 7, NULL), -EINVAL);
}
END_TEST

START_TEST(sizes_that_are_zero_or_wrap_are_refused)
{
	static const uint32_t lies[][2] = {
		{ 0, 0 }, { 0, 4 }, { 4, 0 }, { UINT32_MAX, UINT32_MAX },
		{ 65536, 65536 }, { UINT32_MAX, 1 }, { 0x55555556, 3 },
		{ 0x80000000, 0x80000000 }, { 0x55555556, 0xc0000000 },
	};
	struct vine_view in = case_empty(48);
	struct vine_view out = case_empty(16);

	ck_assert_int_eq(grayscale(&in, &out, lies[_i][0], lies[_i][1], NULL),
			 -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("grayscale");

	tcase_add_loop_test(tcase,
			    every_pixel_is_within_one_of_the_exact_weights, 0,
			    5);
	tcase_add_test(tcase, known_colours_give_known_grays);
	tcase_add_test(tcase, the_output_may_begin_where_the_input_does);
	tcase_add_test(tcase, data_short_of_one_byte_is_refused);
	tcase_add_loop_test(tcase, sizes_that_are_zero_or_wrap_are_refused, 0,
			    9);
	return case_main("svc_cpu_grayscale", tcase);
}
