/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's procedures: those that the appliance offers, and applications'
 * code, which lies in the keep. Sessions count on each that they use; an
 * application's that nobody counts on any more is dropped and rests, for a lane
 * may have found it a moment before.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/vine_registry_inside.h"

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

	if (!vine_registry_good_name(name,
				     sizeof(((struct vine_proc_s *)0)->name)) ||
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

void
vine_registry_tell_proc(const struct vine_registry *r, uint32_t i)
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
	vine_registry_put_name(shm->name, p->name, sizeof(shm->name));
	arch_store_release32(&shm->handle, p->handle);
}

/* Make it known, in our table and in the directory. */
static void
proc_set(struct vine_registry *r, uint32_t i, struct vine_proc_s *p)
{
	struct vine_proc_slot *s = &r->procs[i];

	proc_note(r, i, p);
	p->handle = vine_registry_handle(i, r->keep->procs[i].generation);
	atomic_store_explicit(&s->proc, p, memory_order_relaxed);
	/* REG-R2: pairs with REG-A2 in vine_registry_proc(). */
	atomic_store_explicit(&s->word, p->handle, memory_order_release);
	vine_registry_tell_proc(r, i);
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
vine_registry_restore_proc(struct vine_registry *r, uint32_t i)
{
	struct vine_keep_proc *k = &r->keep->procs[i];

	if (atomic_load(&r->procs[i].proc))
		return;
	if (k->state == VINE_KEEP_PROC_CODE)
		restore_code(r, i);
	else if (k->state == VINE_KEEP_PROC_BUILT_IN)
		vine_keep_set(&k->state, VINE_KEEP_PROC_NONE);
}

struct vine_proc_s *
vine_registry_find_proc(const struct vine_registry *r, vine_accel_type_e type,
			const char *name, uint32_t *compared)
{
	struct vine_proc_s *p = NULL;
	uint32_t n = 0;

	for (uint32_t i = 1; i < r->proc_count; i++) {
		p = atomic_load(&r->procs[i].proc);
		n += p != NULL;
		if (p && (type == ANY || p->type == type) &&
		    strcmp(p->name, name) == 0)
			break;
		p = NULL;
	}
	if (compared)
		*compared = n;
	return p;
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
vine_registry_free_procs(struct vine_registry *r)
{
	struct vine_proc_s *p, *next;

	for (p = r->resting; p; p = next) {
		next = p->next;
		proc_free(r, p);
	}
	for (uint32_t i = 0; r->procs && i < r->proc_count; i++)
		if (atomic_load(&r->procs[i].proc))
			proc_free(r, atomic_load(&r->procs[i].proc));
}
