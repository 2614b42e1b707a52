/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's accelerators: physical ones, which their owners add and drop,
 * and virtual ones, which sessions open and close. Both have a place in one
 * table; a virtual one's leads to its physical one. A physical one that was
 * dropped keeps its struct, because virtual ones and requests point to it.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/vine_registry_inside.h"

/*
 * A place for an accelerator. A physical one that an earlier appliance offered
 * has its place again. Index 0 is never used, so that no handle is 0 or looks
 * like the appliance.
 */
static int
accel_slot(struct vine_registry *r, vine_accel_type_e type, const char *name,
	   uint32_t *index)
{
	uint32_t first = 0;

	for (uint32_t i = r->accel_count; i-- > 1;) {
		const struct vine_keep_accel *k = &r->keep->accels[i];

		if (atomic_load(&r->accels[i].word))
			continue;
		if (k->state == VINE_KEEP_ACCEL_NONE)
			first = i;
		if (name && k->state == VINE_KEEP_ACCEL_PHYSICAL &&
		    k->type == type && strcmp(k->name, name) == 0) {
			*index = i;
			return 0;
		}
	}
	*index = first;
	return first ? 0 : -ENOSPC;
}

void
vine_registry_tell_accel(const struct vine_registry *r, uint32_t index)
{
	const struct vine_accel_slot *s = &r->accels[index];
	struct vine_accel_shm *shm = vine_seg_accel(r->seg, index);
	const struct vine_accel_s *a = atomic_load(&s->accel);
	uint32_t handle = (uint32_t)atomic_load(&s->word);
	int is_virtual = handle && a->handle != handle;

	if (handle == 0) {
		arch_store32(&shm->handle, 0);
		return;
	}
	arch_store32(&shm->type, a->type);
	arch_store32(&shm->phys, is_virtual ? a->handle : 0);
	arch_store32(&shm->session,
		     is_virtual ? r->keep->accels[index].slot : 0);
	arch_store32(&shm->units, a->units);
	arch_store32(&shm->state, 1);
	arch_store32(&shm->numa_node, UINT32_MAX);
	arch_store32(&shm->vaccels, is_virtual ? 0 : a->vaccels);
	arch_store32(&shm->priority, atomic_load(&s->level) -
		     (uint32_t)VINE_LEVEL_NORMAL);
	vine_registry_put_name(shm->name, a->name, sizeof(shm->name));
	/* DIR-R1: pairs with DIR-A1 in accel_at(). */
	arch_store_release32(&shm->handle, handle);
}

static void
accel_set(struct vine_registry *r, uint32_t index, uint32_t handle,
	  uint32_t serial, uint32_t level, struct vine_accel_s *accel)
{
	struct vine_accel_slot *s = &r->accels[index];

	atomic_store_explicit(&s->accel, accel, memory_order_relaxed);
	atomic_store_explicit(&s->level, (uint8_t)level, memory_order_relaxed);
	/* REG-R1: pairs with REG-A1 in vine_registry_accel(). */
	atomic_store_explicit(&s->word, handle | (uint64_t)serial << 32,
			      memory_order_release);
	vine_registry_tell_accel(r, index);
}

int
vine_registry_add_accel(struct vine_registry *r, vine_accel_type_e type,
			const char *name, uint32_t units,
			const struct vine_owner *owner,
			struct vine_accel_s **out)
{
	struct vine_keep_accel *k;
	struct vine_accel_s *a;
	uint32_t i;
	int rc;

	if (!vine_registry_good_name(name, sizeof(a->name)) || type <= ANY ||
	    type >= VINE_ACCEL_TYPES)
		return -EINVAL;
	for (a = r->phys; a; a = a->next)
		if (!a->dropped && strcmp(a->name, name) == 0)
			return -EEXIST;
	rc = accel_slot(r, type, name, &i);
	if (rc)
		return rc;
	a = aligned_alloc(64, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	memset(a, 0, sizeof(*a));
	k = &r->keep->accels[i];
	if (k->state == VINE_KEEP_ACCEL_NONE) {
		k->generation++;
		k->type = type;
		strcpy(k->name, name);
		vine_keep_set(&k->state, VINE_KEEP_ACCEL_PHYSICAL);
	}
	a->handle = vine_registry_handle(i, k->generation);
	a->type = type;
	a->units = units;
	a->owner = owner;
	strcpy(a->name, name);
	a->next = r->phys;
	r->phys = a;
	accel_set(r, i, a->handle, 0, VINE_LEVEL_NORMAL, a);
	*out = a;
	return 0;
}

static void
accel_clear(struct vine_registry *r, uint32_t index)
{
	vine_keep_set(&r->keep->accels[index].state, VINE_KEEP_ACCEL_NONE);
	arch_store32(&vine_seg_accel(r->seg, index)->handle, 0);
	atomic_store(&r->accels[index].word, 0);
	atomic_fetch_add(&r->changes, 1);
}

int
vine_registry_drop_accel(struct vine_registry *r, struct vine_accel_s *accel)
{
	struct vine_accel_s *a = r->phys;

	while (a && a != accel)
		a = a->next;
	if (a == NULL || a->dropped)
		return -ENOENT;
	/* the virtual ones stay until they are closed, and run nothing */
	a->dropped = 1;
	accel_clear(r, a->handle & 0xffff);
	return 0;
}

static void
count_vaccels(struct vine_registry *r, struct vine_accel_s *phys, int by)
{
	phys->vaccels += (uint32_t)by;
	arch_store32(&vine_seg_accel(r->seg, phys->handle & 0xffff)->vaccels,
		     phys->vaccels);
}

/* Make a virtual one known, as the keep says it. */
static void
virtual_set(struct vine_registry *r, uint32_t i, struct vine_accel_s *a)
{
	const struct vine_keep_accel *k = &r->keep->accels[i];

	accel_set(r, i, vine_registry_handle(i, k->generation), k->serial,
		  (uint32_t)(k->priority + (int)VINE_LEVEL_NORMAL), a);
	count_vaccels(r, a, 1);
}

int
vine_registry_open(struct vine_registry *r, uint32_t phys, uint32_t serial,
		   uint32_t slot, int priority, uint32_t *handle)
{
	struct vine_accel_s *a = vine_registry_accel(r, phys, 0);
	struct vine_keep_accel *k;
	uint32_t i;

	if (a == NULL)
		return -ENODEV;
	if (a->handle != phys || priority < -8 || priority > 7)
		return -EINVAL;
	if (accel_slot(r, a->type, NULL, &i) != 0)
		return -EDQUOT;
	k = &r->keep->accels[i];
	k->generation++;
	k->type = a->type;
	k->serial = serial;
	k->slot = slot;
	k->phys = phys;
	k->priority = priority;
	k->task = r->keep->sessions[slot].task;
	vine_keep_set(&k->state, VINE_KEEP_ACCEL_VIRTUAL);
	virtual_set(r, i, a);
	*handle = vine_registry_handle(i, k->generation);
	return 0;
}

int
vine_registry_close(struct vine_registry *r, uint32_t handle, uint32_t serial)
{
	struct vine_accel_s *a = vine_registry_accel(r, handle, serial);

	if (a == NULL || a->handle == handle)
		return -EINVAL;
	accel_clear(r, handle & 0xffff);
	if (!a->dropped)
		count_vaccels(r, a, -1);
	return 0;
}

void
vine_registry_close_all(struct vine_registry *r, uint32_t serial)
{
	for (uint32_t i = 1; i < r->accel_count; i++) {
		uint64_t word = atomic_load(&r->accels[i].word);

		if (word >> 32 == serial && serial != 0)
			vine_registry_close(r, (uint32_t)word, serial);
	}
}

void
vine_registry_restore_accel(struct vine_registry *r, uint32_t i)
{
	struct vine_keep_accel *k = &r->keep->accels[i];
	struct vine_accel_s *a;

	if (k->state == VINE_KEEP_ACCEL_NONE || atomic_load(&r->accels[i].word))
		return;
	a = k->state == VINE_KEEP_ACCEL_VIRTUAL ?
		vine_registry_accel(r, k->phys, 0) : NULL;
	if (a && a->handle == k->phys)
		virtual_set(r, i, a);
	else	/* it, or its physical one, is offered no more */
		vine_keep_set(&k->state, VINE_KEEP_ACCEL_NONE);
}

void
vine_registry_free_accels(struct vine_registry *r)
{
	struct vine_accel_s *a, *next;

	for (a = r->phys; a; a = next) {
		next = a->next;
		free(a);
	}
}
