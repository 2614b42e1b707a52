/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sobel against the definition: two 3 x 3 masks in double precision.
 */
#include <math.h>

#include "kernel_case.h"

static int
sobel(const struct vine_view *in, const struct vine_view *out, uint32_t width,
      uint32_t height, uint64_t *value)
{
	struct svc_cpu_image_args args = { .width = width, .height = height };

	return case_run(svc_cpu_run_sobel, in, out, &args, sizeof(args),
			value);
}

static uint8_t
by_definition(const uint8_t *gray, uint32_t width, uint32_t height, uint32_t x,
	      uint32_t y)
{
	static const int mask[3][3] = {
		{ -1, 0, 1 }, { -2, 0, 2 }, { -1, 0, 1 },
	};
	double gx = 0, gy = 0, length;
	int i, j;

	if (!x || !y || x + 1 == width || y + 1 == height)
		return 0;
	for (j = 0; j < 3; j++)
		for (i = 0; i < 3; i++) {
			uint8_t pixel = gray[(size_t)(y - 1 + j) * width + x -
					     1 + i];

			gx += mask[j][i] * pixel;
			gy += mask[i][j] * pixel;
		}
	length = sqrt(gx * gx + gy * gy);
	return (uint8_t)lround(length > 255 ? 255 : length);
}

START_TEST(every_pixel_is_that_of_the_definition)
{
	static const uint32_t sizes[][2] = {
		{ 1, 1 }, { 2, 2 }, { 3, 3 }, { 1, 8 }, { 8, 1 }, { 2, 9 },
		{ 31, 17 }, { 100, 5 },
	};
	uint32_t width = sizes[_i][0], height = sizes[_i][1];
	struct vine_view in = case_empty((size_t)width * height);
	struct vine_view out = case_empty((size_t)width * height);
	const uint8_t *edge = out.ptr;
	uint64_t value;
	uint32_t x, y, seed;

	/* Soft noise too: sharp noise is 255 nearly everywhere. */
	for (seed = 0; seed < 2; seed++) {
		case_noise(in.ptr, in.length, 17);
		for (x = 0; seed && x < in.length; x++)
			((uint8_t *)in.ptr)[x] &= 0x1f;
		memset(out.ptr, 0xee, out.length);
		ck_assert_int_eq(sobel(&in, &out, width, height, &value), 0);
		ck_assert_uint_eq(value, in.length);
		for (y = 0; y < height; y++)
			for (x = 0; x < width; x++)
				ck_assert_uint_eq(edge[y * width + x],
					by_definition(in.ptr, width, height,
						      x, y));
	}
}
END_TEST

START_TEST(an_even_picture_has_no_edges)
{
	struct vine_view in = case_empty(400);
	struct vine_view out = case_empty(400);
	static const uint8_t none[400];

	memset(in.ptr, 200, 400);
	ck_assert_int_eq(sobel(&in, &out, 20, 20, NULL), 0);
	ck_assert_mem_eq(out.ptr, none, 400);
}
END_TEST

START_TEST(an_output_over_the_input_is_refused)
{
	struct vine_view in = case_empty(100);
	struct vine_view out = in;

	ck_assert_int_eq(sobel(&in, &out, 5, 5, NULL), -EINVAL);
	out.ptr = (char *)in.ptr + 24;
	out.length = 25;
	ck_assert_int_eq(sobel(&in, &out, 5, 5, NULL), -EINVAL);
	out.ptr = (char *)in.ptr + 25;
	ck_assert_int_eq(sobel(&in, &out, 5, 5, NULL), 0);
}
END_TEST

START_TEST(sizes_that_exceed_the_data_are_refused)
{
	static const uint32_t lies[][2] = {
		{ 5, 6 }, { 26, 1 }, { 0, 5 }, { UINT32_MAX, UINT32_MAX },
		{ 65536, 65536 }, { 1, UINT32_MAX },
	};
	struct vine_view in = case_empty(25);
	struct vine_view out = case_empty(25);

	ck_assert_int_eq(sobel(&in, &out, lies[_i][0], lies[_i][1], NULL),
			 -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("sobel");

	tcase_add_loop_test(tcase, every_pixel_is_that_of_the_definition, 0,
			    8);
	tcase_add_test(tcase, an_even_picture_has_no_edges);
	tcase_add_test(tcase, an_output_over_the_input_is_refused);
	tcase_add_loop_test(tcase, sizes_that_exceed_the_data_are_refused, 0,
			    6);
	return case_main("svc_cpu_sobel", tcase);
}
