/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fft1d: the discrete Fourier transform of n complex points in single
 * precision by FFTW, not scaled: forward and backward together multiply by n.
 * A point is two floats, real and imaginary. The value is n. Input and output
 * are one place, or do not overlap.
 *
 * If the input changes meanwhile, the spectrum is that of no signal; the plan
 * lies in private memory and depends on n alone, and no point becomes an index.
 * FFTW ends the process where it gets no memory, so n has an upper limit.
 */
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_fft_plan.h"
#include "services/cpu/svc_cpu_kernels.h"

static int
svc_cpu_fft1d_check(const struct vine_kernel_call *call,
		    struct svc_cpu_fft1d_args *args)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "fft1d",
		.in_min = 1, .in_max = 1,
		.out_min = 1, .out_max = 1,
		.args_size = sizeof(*args),
	};
	size_t size;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	memcpy(args, call->args, sizeof(*args));
	if (!args->n || args->n > SVC_CPU_FFT_MAX)
		return svc_cpu_refuse(shape.kernel,
				      "%u points, expected 1 to %d", args->n,
				      SVC_CPU_FFT_MAX);
	if (args->sign != FFTW_FORWARD && args->sign != FFTW_BACKWARD)
		return svc_cpu_refuse(shape.kernel,
				      "sign %d, expected %d or %d",
				      args->sign, FFTW_FORWARD, FFTW_BACKWARD);
	size = args->n * sizeof(fftwf_complex);
	err = svc_cpu_check_floats(call, shape.kernel);
	if (!err)
		err = svc_cpu_check_in(call, shape.kernel, 0, size);
	if (!err)
		err = svc_cpu_check_out(call, shape.kernel, 0, size);
	if (!err && call->in[0].ptr != call->out[0].ptr)
		err = svc_cpu_check_apart(call, shape.kernel, 0, size, size);
	return err;
}

int
svc_cpu_run_fft1d(struct vine_kernel_call *call)
{
	struct svc_cpu_fft1d_args args;
	struct svc_cpu_fft_plan *plan;
	int err;

	err = svc_cpu_fft1d_check(call, &args);
	if (err)
		return err;
	err = svc_cpu_fft_plan_get(args.n, args.sign, call->in[0].ptr,
				   call->out[0].ptr, &plan);
	if (err)
		return err;
	svc_cpu_fft_plan_run(plan, call->in[0].ptr, call->out[0].ptr);
	svc_cpu_fft_plan_put(plan);
	call->value = args.n;
	return 0;
}
