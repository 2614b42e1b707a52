/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C: the kernel takes its inputs in order as one message. The value is the
 * CRC; an output, if there is one, gets it as 4 little-endian bytes. If the
 * inputs change meanwhile, the CRC is that of no message.
 */
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"
#include "utils/utils_crc32c.h"

int
svc_cpu_run_crc32c(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "crc32c",
		.in_min = 1, .in_max = SVC_CPU_ANY,
		.out_min = 0, .out_max = 1,
	};
	unsigned char bytes[4];
	uint32_t crc = 0;
	uint32_t i;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	if (call->out_count) {
		err = svc_cpu_check_out(call, shape.kernel, 0, sizeof(bytes));
		if (err)
			return err;
	}
	for (i = 0; i < call->in_count; i++)
		crc = utils_crc32c(crc, call->in[i].ptr, call->in[i].length);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(crc >> 8 * i);
	if (call->out_count)
		memcpy(call->out[0].ptr, bytes, sizeof(bytes));
	call->value = crc;
	return 0;
}
