/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of FFT plans: its bounds, and its use by several threads.
 */
#include <pthread.h>

#include "kernel_case.h"
#include "services/cpu/svc_cpu_fft_plan.h"

static fftwf_complex *in, *out;

static void
setup(void)
{
	in = fftwf_alloc_complex(4096);
	out = fftwf_alloc_complex(4096);
	memset(in, 0, 4096 * sizeof(*in));
}

static void
teardown(void)
{
	svc_cpu_fft_plan_forget();
	fftwf_free(in);
	fftwf_free(out);
}

/* The cache never looks at the arrays, so a large n needs no large array. */
static struct svc_cpu_fft_plan *
get(uint32_t n, int sign)
{
	struct svc_cpu_fft_plan *plan = NULL;

	ck_assert_int_eq(svc_cpu_fft_plan_get(n, sign, in, out, &plan), 0);
	return plan;
}

static void
assert_kept(uint32_t plans, uint64_t points)
{
	uint32_t kept_plans;
	uint64_t kept_points;

	svc_cpu_fft_plan_kept(&kept_plans, &kept_points);
	ck_assert_uint_eq(kept_plans, plans);
	ck_assert_uint_eq(kept_points, points);
}

START_TEST(the_same_transform_gets_the_same_plan)
{
	struct svc_cpu_fft_plan *plan = get(64, -1);

	ck_assert_ptr_eq(get(64, -1), plan);
	svc_cpu_fft_plan_put(plan);
	svc_cpu_fft_plan_put(plan);
	ck_assert_ptr_eq(get(64, -1), plan);
	svc_cpu_fft_plan_put(plan);
	assert_kept(1, 64);
}
END_TEST

START_TEST(size_sign_and_sameness_tell_plans_apart)
{
	struct svc_cpu_fft_plan *plan[4];

	plan[0] = get(64, -1);
	plan[1] = get(64, 1);
	plan[2] = get(65, -1);
	ck_assert_int_eq(svc_cpu_fft_plan_get(64, -1, in, in, &plan[3]), 0);
	assert_kept(4, 3 * 64 + 65);
	svc_cpu_fft_plan_put(plan[0]);
	svc_cpu_fft_plan_put(plan[1]);
	svc_cpu_fft_plan_put(plan[2]);
	svc_cpu_fft_plan_put(plan[3]);
}
END_TEST

START_TEST(the_plan_unused_for_longest_makes_room)
{
	struct svc_cpu_fft_plan *first;
	uint64_t points = 0;
	uint32_t n;

	for (n = 1; n <= SVC_CPU_FFT_PLANS; n++) {
		svc_cpu_fft_plan_put(get(n, -1));
		points += n;
	}
	first = get(1, -1);	/* used again: 2 is the oldest now */
	svc_cpu_fft_plan_put(first);
	svc_cpu_fft_plan_put(get(1000, -1));
	assert_kept(SVC_CPU_FFT_PLANS, points + 1000 - 2);
	ck_assert_ptr_eq(get(1, -1), first);
	svc_cpu_fft_plan_put(first);
}
END_TEST

START_TEST(plans_in_use_are_never_thrown_out)
{
	struct svc_cpu_fft_plan *held[SVC_CPU_FFT_PLANS];
	struct svc_cpu_fft_plan *more;
	uint32_t i;

	for (i = 0; i < SVC_CPU_FFT_PLANS; i++)
		held[i] = get(i + 1, -1);
	more = get(99, -1);
	svc_cpu_fft_plan_run(more, in, out);
	assert_kept(SVC_CPU_FFT_PLANS, 32 * 33 / 2);
	svc_cpu_fft_plan_put(more);
	for (i = 0; i < SVC_CPU_FFT_PLANS; i++) {
		svc_cpu_fft_plan_run(held[i], in, out);
		svc_cpu_fft_plan_put(held[i]);
	}
	assert_kept(SVC_CPU_FFT_PLANS, 32 * 33 / 2);
}
END_TEST

START_TEST(kept_plans_are_bounded_in_points)
{
	svc_cpu_fft_plan_put(get(SVC_CPU_FFT_POINTS / 2, -1));
	svc_cpu_fft_plan_put(get(SVC_CPU_FFT_POINTS / 2, 1));
	assert_kept(2, SVC_CPU_FFT_POINTS);
	svc_cpu_fft_plan_put(get(16, -1));
	assert_kept(2, SVC_CPU_FFT_POINTS / 2 + 16);
	svc_cpu_fft_plan_put(get(2 * SVC_CPU_FFT_POINTS, -1));
	assert_kept(2, SVC_CPU_FFT_POINTS / 2 + 16);
}
END_TEST

static void *
use_many(void *arg)
{
	uint32_t seed = *(uint32_t *)arg;
	fftwf_complex *from = fftwf_alloc_complex(128);
	fftwf_complex *to = fftwf_alloc_complex(128);
	struct svc_cpu_fft_plan *plan;
	uint32_t i, n;

	memset(from, 0, 128 * sizeof(*from));
	from[0][0] = 1.0f;	/* its spectrum is 1 everywhere */
	for (i = 0; i < 400; i++) {
		n = 1 + (i * 37 + seed) % 100;
		if (svc_cpu_fft_plan_get(n, -1, from, to, &plan))
			return arg;
		svc_cpu_fft_plan_run(plan, from, to);
		svc_cpu_fft_plan_put(plan);
		if (to[n - 1][0] < 0.99f || to[n - 1][0] > 1.01f)
			return arg;
	}
	fftwf_free(from);
	fftwf_free(to);
	return NULL;
}

START_TEST(threads_share_plans_while_others_are_thrown_out)
{
	uint32_t seeds[4] = { 0, 1, 37, 50 };
	pthread_t threads[4];
	void *failed;
	int i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_many,
						&seeds[i]), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	svc_cpu_fft_plan_forget();
	assert_kept(0, 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("fft_plan");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_same_transform_gets_the_same_plan);
	tcase_add_test(tcase, size_sign_and_sameness_tell_plans_apart);
	tcase_add_test(tcase, the_plan_unused_for_longest_makes_room);
	tcase_add_test(tcase, plans_in_use_are_never_thrown_out);
	tcase_add_test(tcase, kept_plans_are_bounded_in_points);
	tcase_add_test(tcase, threads_share_plans_while_others_are_thrown_out);
	return case_main("svc_cpu_fft_plan", tcase);
}
