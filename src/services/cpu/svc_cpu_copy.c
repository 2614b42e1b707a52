/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy: one input, byte for byte, into one output that is as long or longer.
 * The value is the number of bytes. The two may overlap.
 *
 * If the input changes meanwhile, the output is a mix of before and after;
 * nothing in the bytes is looked at.
 */
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"

int
svc_cpu_run_copy(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "copy",
		.in_min = 1, .in_max = 1,
		.out_min = 1, .out_max = 1,
	};
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	err = svc_cpu_check_out(call, shape.kernel, 0, call->in[0].length);
	if (err)
		return err;
	memmove(call->out[0].ptr, call->in[0].ptr, call->in[0].length);
	call->value = call->in[0].length;
	return 0;
}
