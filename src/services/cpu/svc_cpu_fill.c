/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fill: one byte value, the argument, into every byte of every output. The
 * value is the number of bytes. It reads nothing of the application's memory.
 */
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"

int
svc_cpu_run_fill(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "fill",
		.out_min = 1, .out_max = SVC_CPU_ANY,
		.args_size = 1,
	};
	uint8_t byte;
	uint32_t i;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	memcpy(&byte, call->args, sizeof(byte));
	for (i = 0; i < call->out_count; i++) {
		memset(call->out[i].ptr, byte, call->out[i].length);
		call->value += call->out[i].length;
	}
	return 0;
}
