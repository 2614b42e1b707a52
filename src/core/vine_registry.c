/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with both tables: they are made empty, taken up, told again and
 * freed. The accelerators are in vine_registry_accel.c, the procedures in
 * vine_registry_proc.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_registry_inside.h"

void
vine_registry_put_name(le8_t *to, const char *name, size_t size)
{
	size_t n = strnlen(name, size - 1);

	for (size_t i = 0; i < size; i++)
		arch_store8(&to[i], i < n ? (uint8_t)name[i] : 0);
}

int
vine_registry_init(struct vine_registry *r, const struct vine_seg *seg,
		   struct vine_keep *keep)
{
	memset(r, 0, sizeof(*r));
	r->seg = seg;
	r->keep = keep;
	r->accel_count = seg->layout.accels;
	r->proc_count = seg->layout.procs;
	r->accels = calloc(r->accel_count, sizeof(*r->accels));
	r->procs = calloc(r->proc_count, sizeof(*r->procs));
	if (r->accels == NULL || r->procs == NULL) {
		vine_registry_fini(r);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < r->accel_count; i++)
		arch_store32(&vine_seg_accel(seg, i)->handle, 0);
	for (uint32_t i = 0; i < r->proc_count; i++)
		arch_store32(&vine_seg_proc(seg, i)->handle, 0);
	return 0;
}

void
vine_registry_fini(struct vine_registry *r)
{
	vine_registry_free_accels(r);
	vine_registry_free_procs(r);
	free(r->accels);
	free(r->procs);
	memset(r, 0, sizeof(*r));
}

void
vine_registry_restore(struct vine_registry *r)
{
	for (uint32_t i = 1; i < r->accel_count; i++)
		vine_registry_restore_accel(r, i);
	for (uint32_t i = 1; i < r->proc_count; i++)
		vine_registry_restore_proc(r, i);
}

void
vine_registry_tell(struct vine_registry *r, uint32_t most)
{
	for (uint32_t i = 0; i < most && i < r->accel_count; i++) {
		vine_registry_tell_accel(r, r->told_accel);
		r->told_accel = (r->told_accel + 1) % r->accel_count;
	}
	for (uint32_t i = 0; i < most && i < r->proc_count; i++) {
		vine_registry_tell_proc(r, r->told_proc);
		r->told_proc = (r->told_proc + 1) % r->proc_count;
	}
}
