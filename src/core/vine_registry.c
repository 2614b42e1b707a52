/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots are found by linear search: directories are small and change rarely.
 * The directory in the segment is written after the private slot, its handle
 * last, so that an application that sees a handle can use it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_registry.h"

static void
put_name(le8_t *to, const char *name, size_t size)
{
	size_t n = strnlen(name, size - 1);

	for (size_t i = 0; i < size; i++)
		arch_store8(&to[i], i < n ? (uint8_t)name[i] : 0);
}

static int
good_name(const char *name, size_t size)
{
	return name != NULL && name[0] != '\0' && strnlen(name, size) < size;
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

static void
proc_free(struct vine_registry *r, struct vine_proc_s *proc)
{
	if (proc->builder && proc->builder->drop)
		proc->builder->drop(proc->builder->state, proc->ctx);
	if (proc->code)
		vine_registry_code_drop(r, proc->code, proc->code_size);
	free(proc);
}

void
vine_registry_fini(struct vine_registry *r)
{
	struct vine_accel_s *a, *next_a;
	struct vine_proc_s *p, *next_p;

	for (a = r->phys; a; a = next_a) {
		next_a = a->next;
		free(a);
	}
	for (p = r->resting; p; p = next_p) {
		next_p = p->next;
		proc_free(r, p);
	}
	for (uint32_t i = 0; r->procs && i < r->proc_count; i++)
		if (atomic_load(&r->procs[i].proc))
			proc_free(r, atomic_load(&r->procs[i].proc));
	free(r->accels);
	free(r->procs);
	memset(r, 0, sizeof(*r));
}

static uint32_t
handle_of(uint32_t index, uint32_t generation)
{
	return index | generation << 16;
}

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

/* Write an entry of the directory, as the slot is. */
static void
accel_tell(const struct vine_registry *r, uint32_t index)
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
	put_name(shm->name, a->name, sizeof(shm->name));
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
	accel_tell(r, index);
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

	if (!good_name(name, sizeof(a->name)) || type <= ANY ||
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
	a->handle = handle_of(i, k->generation);
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

	accel_set(r, i, handle_of(i, k->generation), k->serial,
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
	*handle = handle_of(i, k->generation);
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

void *
vine_registry_code(struct vine_registry *r, size_t size)
{
	void *code;

	if (size > r->seg->layout.heap_size - r->code_bytes)
		return NULL;
	code = vine_keep_code(r->keep, size);
	if (code)
		r->code_bytes += size;
	return code;
}

void
vine_registry_code_drop(struct vine_registry *r, void *code, size_t size)
{
	r->code_bytes -= size;
	vine_keep_code_drop(r->keep, code, size);
}

const struct vine_owner *
vine_registry_builder(const struct vine_registry *r, vine_accel_type_e type)
{
	for (struct vine_accel_s *a = r->phys; a; a = a->next)
		if (a->type == type && !a->dropped && a->owner->build)
			return a->owner;
	return NULL;
}

/*
 * Is the name free, and a place? What an earlier appliance offered has its
 * place again.
 */
static int
proc_slot(const struct vine_registry *r, vine_accel_type_e type,
	  const char *name, int built_in, uint32_t *index)
{
	uint32_t first = 0, again = 0;

	if (!good_name(name, sizeof(((struct vine_proc_s *)0)->name)) ||
	    type >= VINE_ACCEL_TYPES)
		return -EINVAL;
	for (uint32_t i = r->proc_count; i-- > 1;) {
		struct vine_proc_s *p = atomic_load(&r->procs[i].proc);
		const struct vine_keep_proc *k = &r->keep->procs[i];

		if (p && p->type == type && strcmp(p->name, name) == 0)
			return -EEXIST;
		if (p == NULL && k->state == VINE_KEEP_PROC_NONE)
			first = i;
		if (p == NULL && k->state == VINE_KEEP_PROC_BUILT_IN &&
		    built_in && k->type == type && strcmp(k->name, name) == 0)
			again = i;
	}
	*index = again ? again : first;
	return *index ? 0 : -ENOSPC;
}

/* For the next appliance, unless it stands there from the one before. */
static void
proc_note(struct vine_registry *r, uint32_t i, const struct vine_proc_s *p)
{
	struct vine_keep_proc *k = &r->keep->procs[i];

	if (k->state != VINE_KEEP_PROC_NONE)
		return;
	k->generation++;
	k->type = p->type;
	k->code = p->code ? (uint64_t)((uint8_t *)p->code - r->keep->code) : 0;
	k->code_size = p->code_size;
	strcpy(k->name, p->name);
	vine_keep_set(&k->state, p->code ? VINE_KEEP_PROC_CODE :
		      VINE_KEEP_PROC_BUILT_IN);
}

static void
proc_tell(const struct vine_registry *r, uint32_t i)
{
	struct vine_proc_shm *shm = vine_seg_proc(r->seg, i);
	const struct vine_proc_s *p = atomic_load(&r->procs[i].proc);

	if (p == NULL) {
		arch_store32(&shm->handle, 0);
		return;
	}
	arch_store32(&shm->type, p->type);
	arch_store32(&shm->users, p->users);
	arch_store64(&shm->code_size, p->code_size);
	put_name(shm->name, p->name, sizeof(shm->name));
	arch_store_release32(&shm->handle, p->handle);
}

/* Make it known, in our table and in the directory. */
static void
proc_set(struct vine_registry *r, uint32_t i, struct vine_proc_s *p)
{
	struct vine_proc_slot *s = &r->procs[i];

	proc_note(r, i, p);
	p->handle = handle_of(i, r->keep->procs[i].generation);
	atomic_store_explicit(&s->proc, p, memory_order_relaxed);
	/* REG-R2: pairs with REG-A2 in vine_registry_proc(). */
	atomic_store_explicit(&s->word, p->handle, memory_order_release);
	proc_tell(r, i);
}

static struct vine_proc_s *
proc_make(vine_accel_type_e type, const char *name, void *code, size_t size,
	  const struct vine_owner *owner, void *ctx)
{
	struct vine_proc_s *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->code = code;
	p->code_size = code ? size : 0;
	p->type = type;
	/* code of an application has no owner, but one who made it runnable */
	p->owner = code ? NULL : owner;
	p->builder = code ? owner : NULL;
	p->ctx = ctx;
	strcpy(p->name, name);
	return p;
}

int
vine_registry_adopt_proc(struct vine_registry *r, vine_accel_type_e type,
			 const char *name, void *code, size_t size,
			 const struct vine_owner *owner, void *ctx,
			 struct vine_proc_s **out)
{
	struct vine_proc_s *p;
	uint32_t i;
	int rc = proc_slot(r, type, name, code == NULL, &i);

	if (rc)
		return rc;
	p = proc_make(type, name, code, size, owner, ctx);
	if (p == NULL)
		return -ENOMEM;
	proc_set(r, i, p);
	*out = p;
	return 0;
}

int
vine_registry_add_proc(struct vine_registry *r, vine_accel_type_e type,
		       const char *name, const void *code, size_t size,
		       const struct vine_owner *owner, void *ctx,
		       struct vine_proc_s **out)
{
	uint32_t i;
	void *copy = NULL;
	int rc = proc_slot(r, type, name, code == NULL, &i);

	if (rc == 0 && code) {
		copy = vine_registry_code(r, size);
		if (copy == NULL)
			return -ENOSPC;
		rc = vine_keep_back(r->keep, copy, size);
		if (rc == 0)
			memcpy(copy, code, size);
	}
	if (rc == 0)
		rc = vine_registry_adopt_proc(r, type, name, copy, size, owner,
					      ctx, out);
	if (rc && copy)
		vine_registry_code_drop(r, copy, size);
	return rc;
}

/*
 * An application's code is as it was; whether it can be run is asked anew.
 * Where it cannot, tasks for it are refused, as for code that never could.
 */
static void
restore_code(struct vine_registry *r, uint32_t i)
{
	struct vine_keep_proc *k = &r->keep->procs[i];
	vine_accel_type_e type = (vine_accel_type_e)k->type;
	const struct vine_owner *builder = vine_registry_builder(r, type);
	uint8_t *code = r->keep->code + k->code;
	struct vine_proc_s *p;
	void *ctx = NULL;

	if (builder && builder->build(builder->state, k->name, code,
				      k->code_size, &ctx) != 0)
		builder = NULL;
	p = proc_make(type, k->name, code, k->code_size, builder, ctx);
	if (p) {
		r->code_bytes += k->code_size;
		proc_set(r, i, p);
		return;
	}
	if (builder && builder->drop)
		builder->drop(builder->state, ctx);
	vine_keep_set(&k->state, VINE_KEEP_PROC_NONE);
	vine_keep_code_drop(r->keep, code, k->code_size);
}

void
vine_registry_restore(struct vine_registry *r)
{
	for (uint32_t i = 1; i < r->accel_count; i++) {
		struct vine_keep_accel *k = &r->keep->accels[i];
		struct vine_accel_s *a;

		if (k->state == VINE_KEEP_ACCEL_NONE ||
		    atomic_load(&r->accels[i].word))
			continue;
		a = k->state == VINE_KEEP_ACCEL_VIRTUAL ?
			vine_registry_accel(r, k->phys, 0) : NULL;
		if (a && a->handle == k->phys)
			virtual_set(r, i, a);
		else	/* it, or its physical one, is offered no more */
			vine_keep_set(&k->state, VINE_KEEP_ACCEL_NONE);
	}
	for (uint32_t i = 1; i < r->proc_count; i++) {
		struct vine_keep_proc *k = &r->keep->procs[i];

		if (atomic_load(&r->procs[i].proc))
			continue;
		if (k->state == VINE_KEEP_PROC_CODE)
			restore_code(r, i);
		else if (k->state == VINE_KEEP_PROC_BUILT_IN)
			vine_keep_set(&k->state, VINE_KEEP_PROC_NONE);
	}
}

struct vine_proc_s *
vine_registry_find_proc(const struct vine_registry *r, vine_accel_type_e type,
			const char *name)
{
	for (uint32_t i = 1; i < r->proc_count; i++) {
		struct vine_proc_s *p = atomic_load(&r->procs[i].proc);

		if (p && (type == ANY || p->type == type) &&
		    strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

struct vine_proc_s *
vine_registry_proc_at(const struct vine_registry *r, uint32_t handle)
{
	return vine_registry_proc(r, handle);
}

void
vine_registry_use(struct vine_registry *r, struct vine_proc_s *proc)
{
	proc->users++;
	arch_store32(&vine_seg_proc(r->seg, proc->handle & 0xffff)->users,
		     proc->users);
}

void
vine_registry_unuse(struct vine_registry *r, struct vine_proc_s *proc,
		    uint64_t epoch)
{
	uint32_t i = proc->handle & 0xffff;

	proc->users--;
	arch_store32(&vine_seg_proc(r->seg, i)->users, proc->users);
	if (proc->users > 0 || proc->code == NULL)
		return;
	vine_keep_set(&r->keep->procs[i].state, VINE_KEEP_PROC_NONE);
	arch_store32(&vine_seg_proc(r->seg, i)->handle, 0);
	atomic_store(&r->procs[i].word, 0);
	atomic_store(&r->procs[i].proc, NULL);
	atomic_fetch_add(&r->changes, 1);
	proc->epoch = epoch;
	proc->next = r->resting;
	r->resting = proc;
}

void
vine_registry_sweep(struct vine_registry *r, uint64_t quiet)
{
	struct vine_proc_s **at = &r->resting;

	while (*at) {
		struct vine_proc_s *p = *at;

		if (p->epoch >= quiet ||
		    atomic_load_explicit(&p->holds, memory_order_acquire)) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		proc_free(r, p);
	}
}

void
vine_registry_tell(struct vine_registry *r, uint32_t most)
{
	for (uint32_t i = 0; i < most && i < r->accel_count; i++) {
		accel_tell(r, r->told_accel);
		r->told_accel = (r->told_accel + 1) % r->accel_count;
	}
	for (uint32_t i = 0; i < most && i < r->proc_count; i++) {
		proc_tell(r, r->told_proc);
		r->told_proc = (r->told_proc + 1) % r->proc_count;
	}
}
