/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: accelerators and procedures, as the directory names them.
 */
#include "tools/vine_inspect_section.h"

static const char *const types[] = {
	"ANY", "GPU", "GPU_SOFT", "CPU", "FPGA", "VINE_NET"
};

static json_t *
accel_row(const struct vine_accel_shm *a)
{
	uint32_t phys = arch_load32(&a->phys);
	/* only physical ones are counted */
	uint64_t counted = phys ? 0 : UINT64_MAX;

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
		"handle", sheet_hex(arch_load32(&a->handle)),
		"name", sheet_text(a->name, sizeof(a->name)),
		"type", SHEET_NAME(types, arch_load32(&a->type)),
		"in_service", arch_load32(&a->state) == 1,
		"virtual_of", phys ? sheet_hex(phys) : json_null(),
		"session", sheet_count_or_null(phys != 0,
					       arch_load32(&a->session)),
		"priority", phys ? json_integer((int32_t)
				arch_load32(&a->priority)) : json_null(),
		"units", sheet_count(arch_load32(&a->units)),
		"vaccels", sheet_count(arch_load32(&a->vaccels) & counted),
		"in_flight", sheet_count(arch_load64(&a->in_flight) & counted),
		"completed", sheet_count(arch_load64(&a->completed) & counted),
		"failed", sheet_count(arch_load64(&a->failed) & counted),
		"busy_ns", sheet_count(arch_load64(&a->busy_ns) & counted));
}

json_t *
vine_inspect_accelerators(struct sheet *out)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i < out->snap->layout.accels; i++) {
		const struct vine_accel_shm *a =
			VINE_INSPECT_AT(out->snap, accel, i);
		uint32_t handle = arch_load32(&a->handle);

		if (handle == 0)
			continue;
		sheet_add(out, list, accel_row(a));
		if ((handle & 0xffff) != i)
			sheet_fault(out, "accelerator %u has the handle %#x",
				    i, handle);
	}
	return list;
}

json_t *
vine_inspect_procedures(struct sheet *out)
{
	json_t *list = json_array();

	for (uint32_t i = 1; i < out->snap->layout.procs; i++) {
		const struct vine_proc_shm *p =
			VINE_INSPECT_AT(out->snap, proc, i);
		uint32_t handle = arch_load32(&p->handle);

		if (handle == 0)
			continue;
		sheet_add(out, list, json_pack("{s:o, s:o, s:o, s:o, s:o}",
			"handle", sheet_hex(handle),
			"name", sheet_text(p->name, sizeof(p->name)),
			"type", SHEET_NAME(types, arch_load32(&p->type)),
			"users", sheet_count(arch_load32(&p->users)),
			"code_bytes", sheet_count(arch_load64(&p->code_size))));
		if ((handle & 0xffff) != i)
			sheet_fault(out, "procedure %u has the handle %#x", i,
				    handle);
	}
	return list;
}
