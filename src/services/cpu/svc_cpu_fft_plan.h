/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FFT plan: how FFTW computes a transform of one size, direction and alignment.
 * Plans are kept for the next task, in a cache that is bounded in plans and in
 * points, because applications choose the sizes.
 */
#ifndef SVC_CPU_FFT_PLAN_H
#define SVC_CPU_FFT_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <fftw3.h>

enum {
	SVC_CPU_FFT_PLANS = 32,	/* kept at most */
	SVC_CPU_FFT_POINTS = 1 << 22, /* of all kept plans together, at most */
};

struct svc_cpu_fft_plan;

/*
 * svc_cpu_fft_plan_get writes a plan for n points (at least 1) from `in` to
 * `out`, which may be the same address, and touches neither. The caller gives
 * *plan back with svc_cpu_fft_plan_put. May block while another thread makes
 * a plan, and for as long as it makes one itself. Any thread. Returns 0, or
 * -ENOMEM.
 */
int svc_cpu_fft_plan_get(uint32_t n, int sign, fftwf_complex *in,
			 fftwf_complex *out, struct svc_cpu_fft_plan **plan);

/*
 * svc_cpu_fft_plan_run transforms in to out, which have the plan's points and
 * the alignment and sameness of those it was got for. Any thread.
 */
void svc_cpu_fft_plan_run(const struct svc_cpu_fft_plan *plan,
			  fftwf_complex *in, fftwf_complex *out);

/* svc_cpu_fft_plan_put ends the caller's use of a plan. Any thread. */
void svc_cpu_fft_plan_put(struct svc_cpu_fft_plan *plan);

/*
 * svc_cpu_fft_plan_forget frees the plans that are kept and not in use. For
 * the end of the service. Any thread.
 */
void svc_cpu_fft_plan_forget(void);

/* svc_cpu_fft_plan_kept tells how many plans and points are kept. */
void svc_cpu_fft_plan_kept(uint32_t *plans, uint64_t *points);

#endif
