/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check: what a kernel of the CPU accelerator asks of its call before it
 * touches a byte. Each check returns 0, or -EINVAL after a log line that names
 * the kernel, the value and what was expected; an application can cause these
 * lines, so together they come at most once a second. None blocks; any thread.
 */
#ifndef SVC_CPU_CHECK_H
#define SVC_CPU_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <vine/kernel.h>

/* How many inputs and outputs a kernel takes, and the size of its args. */
struct svc_cpu_shape {
	const char *kernel;	/* its name */
	uint32_t in_min;
	uint32_t in_max;
	uint32_t out_min;
	uint32_t out_max;
	uint32_t args_size;	/* bytes, exactly */
};

#define SVC_CPU_ANY UINT32_MAX	/* as in_max, out_max: no limit of its own */

/* svc_cpu_check_shape compares the counts and the size of the arguments. */
int svc_cpu_check_shape(const struct vine_kernel_call *call,
			const struct svc_cpu_shape *shape);

/* svc_cpu_check_in asks that input i has at least `need` bytes. */
int svc_cpu_check_in(const struct vine_kernel_call *call, const char *kernel,
		     uint32_t i, size_t need);

/* svc_cpu_check_out asks the same of output i. */
int svc_cpu_check_out(const struct vine_kernel_call *call, const char *kernel,
		      uint32_t i, size_t need);

/*
 * svc_cpu_check_floats asks that every view begins at a multiple of a float's
 * size, which the compiler and the libraries may rely on.
 */
int svc_cpu_check_floats(const struct vine_kernel_call *call,
			 const char *kernel);

/*
 * svc_cpu_check_apart asks that the first `out_size` bytes of output 0 share
 * nothing with the first in_size of input i.
 */
int svc_cpu_check_apart(const struct vine_kernel_call *call,
			const char *kernel, uint32_t i, size_t in_size,
			size_t out_size);

/* svc_cpu_refuse logs "cpu kernel NAME: ..." and returns -EINVAL. */
int svc_cpu_refuse(const char *kernel, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
