/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add: strings put together, VineTalk's first example ("Vine" + "Talk").
 *
 * Each input counts up to its first NUL or to its end. The output is the
 * concatenation and a NUL; the value is its length without the NUL.
 *
 * If an input changes meanwhile, the length that was found once decides how
 * much is copied; at worst the output holds a NUL early or mixed text. It is
 * the output of the one who changed it.
 */
#include <errno.h>
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"

int
svc_cpu_run_add(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "add",
		.in_min = 1, .in_max = SVC_CPU_ANY,
		.out_min = 1, .out_max = 1,
	};
	size_t used = 0;
	size_t length;
	uint32_t i;
	char *text;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	text = call->out[0].ptr;
	for (i = 0; i < call->in_count; i++) {
		length = strnlen(call->in[i].ptr, call->in[i].length);
		/* ">=": one byte stays for the NUL. */
		if (length >= call->out[0].length - used)
			return -ENOSPC;
		/* An input may be the output itself, to append to it. */
		memmove(text + used, call->in[i].ptr, length);
		used += length;
	}
	text[used] = '\0';
	call->value = used;
	return 0;
}
