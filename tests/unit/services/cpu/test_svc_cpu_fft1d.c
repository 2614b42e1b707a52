/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fft1d against the sum that defines it, in double precision.
 */
#include <math.h>

#include "kernel_case.h"

enum { POINT = 2 * sizeof(float) };

static struct vine_view
signal_of(uint32_t n)
{
	struct vine_view view = case_empty((size_t)n * POINT);
	float *value = view.ptr;
	uint16_t noise;
	uint32_t i;

	for (i = 0; i < 2 * n; i++) {
		case_noise(&noise, sizeof(noise), i * 31 + n);
		value[i] = (float)noise / 32768.0f - 1.0f;
	}
	return view;
}

static int
fft(const struct vine_view *in, const struct vine_view *out, uint32_t n,
    int32_t sign)
{
	struct svc_cpu_fft1d_args args = { .n = n, .sign = sign };
	uint64_t value;
	int err;

	err = case_run(svc_cpu_run_fft1d, in, out, &args, sizeof(args),
		       &value);
	ck_assert_uint_eq(value, err ? 0 : n);
	return err;
}

static void
assert_spectrum(const float *in, const float *out, uint32_t n, int sign)
{
	double re, im, angle;
	uint32_t i, k;

	for (k = 0; k < n; k++) {
		re = im = 0;
		for (i = 0; i < n; i++) {
			angle = sign * 2 * M_PI *
				(double)((uint64_t)i * k % n) / n;
			re += in[2 * i] * cos(angle) -
			      in[2 * i + 1] * sin(angle);
			im += in[2 * i] * sin(angle) +
			      in[2 * i + 1] * cos(angle);
		}
		ck_assert_double_le(fabs(re - out[2 * k]), 1e-6 * (n + 2));
		ck_assert_double_le(fabs(im - out[2 * k + 1]), 1e-6 * (n + 2));
	}
}

static const uint32_t sizes[] = { 1, 2, 3, 5, 8, 17, 64, 100, 127, 1024 };

START_TEST(the_spectrum_is_that_of_the_definition)
{
	uint32_t n = sizes[_i];
	struct vine_view in = signal_of(n);
	struct vine_view before = case_view(in.ptr, in.length);
	struct vine_view out = case_empty(in.length);

	ck_assert_int_eq(fft(&in, &out, n, -1), 0);
	assert_spectrum(in.ptr, out.ptr, n, -1);
	ck_assert_int_eq(fft(&in, &out, n, 1), 0);
	assert_spectrum(in.ptr, out.ptr, n, 1);
	ck_assert_mem_eq(in.ptr, before.ptr, in.length);
}
END_TEST

START_TEST(a_transform_in_place_gives_the_same)
{
	uint32_t n = sizes[_i];
	struct vine_view in = signal_of(n);
	struct vine_view both = case_view(in.ptr, in.length);

	ck_assert_int_eq(fft(&both, &both, n, -1), 0);
	assert_spectrum(in.ptr, both.ptr, n, -1);
}
END_TEST

START_TEST(forward_and_backward_multiply_by_n)
{
	struct vine_view in = signal_of(240);
	struct vine_view middle = case_empty(in.length);
	struct vine_view out = case_empty(in.length);
	float *a = in.ptr, *b = out.ptr;
	int i;

	ck_assert_int_eq(fft(&in, &middle, 240, -1), 0);
	ck_assert_int_eq(fft(&middle, &out, 240, 1), 0);
	for (i = 0; i < 480; i++)
		ck_assert_double_le(fabs(a[i] - b[i] / 240.0), 1e-5);
}
END_TEST

START_TEST(any_multiple_of_a_floats_size_is_a_good_address)
{
	struct vine_view in = signal_of(64);
	struct vine_view copy = case_empty(in.length + 32);
	struct vine_view out = case_empty(in.length + 32);
	size_t at;

	copy.length = in.length;
	out.length = in.length;
	for (at = 0; at <= 32; at += 4) {
		struct vine_view from = { (char *)copy.ptr + at, in.length };
		struct vine_view to = { (char *)out.ptr + 32 - at, in.length };

		memcpy(from.ptr, in.ptr, in.length);
		ck_assert_int_eq(fft(&from, &to, 64, -1), 0);
		assert_spectrum(in.ptr, to.ptr, 64, -1);
	}
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
	struct vine_view in = signal_of(16);
	struct vine_view out = case_empty(in.length);
	struct vine_view off = { (char *)out.ptr + 2, in.length - 8 };

	ck_assert_int_eq(fft(&in, &out, 0, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, 17, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, SVC_CPU_FFT_MAX, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, SVC_CPU_FFT_MAX + 1, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, UINT32_MAX, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, 1u << 29, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, 16, 0), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, 16, 2), -EINVAL);
	ck_assert_int_eq(fft(&in, &off, 8, -1), -EINVAL);
	in.length--;
	ck_assert_int_eq(fft(&in, &out, 16, -1), -EINVAL);
	in.length++;
	out.length--;
	ck_assert_int_eq(fft(&in, &out, 16, -1), -EINVAL);
}
END_TEST

START_TEST(a_partial_overlap_is_refused)
{
	struct vine_view in = signal_of(16);
	struct vine_view out = { (char *)in.ptr + POINT, 15 * POINT };

	ck_assert_int_eq(fft(&in, &out, 8, -1), -EINVAL);
	ck_assert_int_eq(fft(&in, &out, 1, -1), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("fft1d");

	tcase_add_loop_test(tcase, the_spectrum_is_that_of_the_definition, 0,
			    10);
	tcase_add_loop_test(tcase, a_transform_in_place_gives_the_same, 0, 10);
	tcase_add_test(tcase, forward_and_backward_multiply_by_n);
	tcase_add_test(tcase, any_multiple_of_a_floats_size_is_a_good_address);
	tcase_add_test(tcase, bad_arguments_are_refused);
	tcase_add_test(tcase, a_partial_overlap_is_refused);
	return case_main("svc_cpu_fft1d", tcase);
}
