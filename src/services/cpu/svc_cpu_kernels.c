/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels: the constant table and its search, which start-up alone uses; a
 * task finds its kernel in the context of its procedure.
 */
#include <string.h>

#include "services/cpu/svc_cpu_kernels.h"

static const struct vine_kernel svc_cpu_kernel_list[] = {
#define SVC_CPU_KERNEL(kernel_name, kernel_ns) \
	{ \
		.name = #kernel_name, \
		.run = svc_cpu_run_##kernel_name, \
		.ns_per_kib = (kernel_ns), \
	},
#include "services/cpu/kernels.def"
#undef SVC_CPU_KERNEL
};

static const struct vine_kernel_table svc_cpu_kernel_table = {
	.abi = VINE_KERNEL_ABI,
	.count = sizeof(svc_cpu_kernel_list) / sizeof(svc_cpu_kernel_list[0]),
	.kernels = svc_cpu_kernel_list,
};

const struct vine_kernel_table *
svc_cpu_kernels(void)
{
	return &svc_cpu_kernel_table;
}

const struct vine_kernel *
svc_cpu_kernel_find(const struct vine_kernel_table *table, const char *name)
{
	uint32_t i;

	for (i = 0; i < table->count; i++)
		if (!strcmp(table->kernels[i].name, name))
			return &table->kernels[i];
	return NULL;
}
