/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sgemm against three loops in double precision.
 */
#include <math.h>

#include "kernel_case.h"

static struct vine_view
matrix(uint32_t rows, uint32_t columns, uint32_t seed)
{
	size_t count = (size_t)rows * columns;
	struct vine_view view = case_empty(count * sizeof(float));
	float *cell = view.ptr;
	uint16_t noise;
	size_t i;

	for (i = 0; i < count; i++) {
		case_noise(&noise, sizeof(noise), seed + (uint32_t)i * 7);
		cell[i] = (float)noise / 32768.0f - 1.0f;
	}
	return view;
}

static int
sgemm(const struct vine_view in[2], const struct vine_view *out,
      const struct svc_cpu_sgemm_args *args)
{
	struct vine_kernel_call call = {
		.in = in, .out = out, .in_count = 2, .out_count = 1,
		.args = args, .args_size = sizeof(*args),
	};

	return svc_cpu_run_sgemm(&call);
}

static void
assert_product(const struct vine_view in[2], const float *before,
	       const float *after, const struct svc_cpu_sgemm_args *s)
{
	const float *a = in[0].ptr, *b = in[1].ptr;
	uint32_t i, j, l;
	double sum;
	size_t at;

	for (i = 0; i < s->m; i++)
		for (j = 0; j < s->n; j++) {
			at = (size_t)i * s->n + j;
			sum = s->beta ? (double)s->beta * before[at] : 0;
			for (l = 0; l < s->k; l++)
				sum += (double)s->alpha *
				       a[(size_t)i * s->k + l] *
				       b[(size_t)l * s->n + j];
			/* Products are at most 3: k roundings of 2^-24. */
			ck_assert_double_le(fabs(sum - after[at]),
					    1e-6 * (s->k + 4));
		}
}

START_TEST(the_product_is_that_of_the_definition)
{
	static const struct svc_cpu_sgemm_args cases[] = {
		{ 1, 1, 1, 1.0f, 0.0f }, { 3, 5, 7, 1.0f, 0.0f },
		{ 17, 1, 33, 2.0f, 1.0f }, { 1, 40, 9, -1.5f, 0.5f },
		{ 64, 64, 64, 1.0f, -1.0f }, { 65, 67, 130, 0.25f, 2.0f },
		{ 8, 8, 300, 0.0f, 3.0f },
	};
	const struct svc_cpu_sgemm_args *s = &cases[_i];
	struct vine_view in[2] = { matrix(s->m, s->k, 1),
				   matrix(s->k, s->n, 2) };
	struct vine_view out = matrix(s->m, s->n, 3);
	struct vine_view before = case_view(out.ptr, out.length);

	ck_assert_int_eq(sgemm(in, &out, s), 0);
	assert_product(in, before.ptr, out.ptr, s);
}
END_TEST

START_TEST(with_beta_0_the_output_is_not_read)
{
	struct svc_cpu_sgemm_args s = { 9, 9, 9, 1.0f, 0.0f };
	struct vine_view in[2] = { matrix(9, 9, 1), matrix(9, 9, 2) };
	struct vine_view out = matrix(9, 9, 3);
	float *c = out.ptr;
	int i;

	for (i = 0; i < 81; i++)
		c[i] = NAN;
	ck_assert_int_eq(sgemm(in, &out, &s), 0);
	assert_product(in, c, c, &s);
}
END_TEST

START_TEST(sizes_that_exceed_the_data_are_refused)
{
	static const uint32_t lies[][3] = {
		{ 0, 2, 2 }, { 2, 0, 2 }, { 2, 2, 0 }, { 3, 2, 2 },
		{ 2, 3, 2 }, { 2, 2, 3 }, { 0x80000000, 1, 1 },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX },
		{ 0x7fffffff, 0x7fffffff, 0x7fffffff },
		{ 0x40000000, 4, 1 }, { 1, 0x40000000, 4 },
		{ 65536, 65536, 65536 },
	};
	struct svc_cpu_sgemm_args s = {
		lies[_i][0], lies[_i][1], lies[_i][2], 1.0f, 0.0f,
	};
	struct vine_view in[2] = { matrix(2, 2, 1), matrix(2, 2, 2) };
	struct vine_view out = matrix(2, 2, 3);

	ck_assert_int_eq(sgemm(in, &out, &s), -EINVAL);
}
END_TEST

START_TEST(each_short_matrix_is_refused)
{
	struct svc_cpu_sgemm_args s = { 2, 3, 4, 1.0f, 0.0f };
	struct vine_view in[2] = { matrix(2, 4, 1), matrix(4, 3, 2) };
	struct vine_view out = matrix(2, 3, 3);
	size_t *lengths[3] = { &in[0].length, &in[1].length, &out.length };
	int i;

	ck_assert_int_eq(sgemm(in, &out, &s), 0);
	for (i = 0; i < 3; i++) {
		--*lengths[i];
		ck_assert_int_eq(sgemm(in, &out, &s), -EINVAL);
		++*lengths[i];
	}
}
END_TEST

START_TEST(views_that_overlap_or_are_misaligned_are_refused)
{
	struct svc_cpu_sgemm_args s = { 2, 2, 2, 1.0f, 0.0f };
	struct vine_view in[2] = { matrix(2, 4, 1), matrix(2, 4, 2) };
	struct vine_view out = matrix(2, 4, 3);

	ck_assert_int_eq(sgemm(in, &in[0], &s), -EINVAL);
	ck_assert_int_eq(sgemm(in, &in[1], &s), -EINVAL);
	out.ptr = (char *)out.ptr + 1;
	out.length--;
	ck_assert_int_eq(sgemm(in, &out, &s), -EINVAL);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("sgemm");

	tcase_add_loop_test(tcase, the_product_is_that_of_the_definition, 0,
			    7);
	tcase_add_test(tcase, with_beta_0_the_output_is_not_read);
	tcase_add_loop_test(tcase, sizes_that_exceed_the_data_are_refused, 0,
			    12);
	tcase_add_test(tcase, each_short_matrix_is_refused);
	tcase_add_test(tcase,
		       views_that_overlap_or_are_misaligned_are_refused);
	return case_main("svc_cpu_sgemm", tcase);
}
