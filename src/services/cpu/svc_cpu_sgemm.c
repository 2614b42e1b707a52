/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sgemm: C = alpha * A * B + beta * C in single precision by OpenBLAS, all
 * matrices row-major and dense. Inputs are A (m x k) and B (k x n), the output
 * is C (m x n), which is read only where beta is not 0. The value is 0.
 *
 * If a matrix changes meanwhile, the sums are wrong; the loops of OpenBLAS run
 * over m, n and k, which are private copies, and no number of a matrix becomes
 * an index. NaN and infinity are numbers like others here.
 */
#include <limits.h>
#include <string.h>

#include <cblas.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"

/* Bytes of a matrix into *size; nonzero if no object could hold it. */
static int
svc_cpu_sgemm_size(uint32_t rows, uint32_t columns, size_t *size)
{
	return __builtin_mul_overflow((size_t)rows, (size_t)columns, size) ||
	       __builtin_mul_overflow(*size, sizeof(float), size);
}

static int
svc_cpu_sgemm_check(const struct vine_kernel_call *call,
		    struct svc_cpu_sgemm_args *args)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "sgemm",
		.in_min = 2, .in_max = 2,
		.out_min = 1, .out_max = 1,
		.args_size = sizeof(*args),
	};
	size_t a, b, c;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	memcpy(args, call->args, sizeof(*args));
	if (!args->m || !args->n || !args->k || args->m > INT_MAX ||
	    args->n > INT_MAX || args->k > INT_MAX ||
	    svc_cpu_sgemm_size(args->m, args->k, &a) ||
	    svc_cpu_sgemm_size(args->k, args->n, &b) ||
	    svc_cpu_sgemm_size(args->m, args->n, &c))
		return svc_cpu_refuse(shape.kernel,
				      "m %u, n %u, k %u, expected 1 to %d",
				      args->m, args->n, args->k, INT_MAX);
	err = svc_cpu_check_floats(call, shape.kernel);
	if (!err)
		err = svc_cpu_check_in(call, shape.kernel, 0, a);
	if (!err)
		err = svc_cpu_check_in(call, shape.kernel, 1, b);
	if (!err)
		err = svc_cpu_check_out(call, shape.kernel, 0, c);
	if (!err)
		err = svc_cpu_check_apart(call, shape.kernel, 0, a, c);
	if (!err)
		err = svc_cpu_check_apart(call, shape.kernel, 1, b, c);
	return err;
}

int
svc_cpu_run_sgemm(struct vine_kernel_call *call)
{
	struct svc_cpu_sgemm_args args;
	int err;

	err = svc_cpu_sgemm_check(call, &args);
	if (err)
		return err;
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)args.m,
		    (int)args.n, (int)args.k, args.alpha, call->in[0].ptr,
		    (int)args.k, call->in[1].ptr, (int)args.n, args.beta,
		    call->out[0].ptr, (int)args.n);
	return 0;
}
