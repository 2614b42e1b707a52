/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry: the accelerators and procedures of one segment, by handle, as the
 * appliance knows them; it also writes the segment's directory.
 *
 * A handle is an index and a generation that grows each time the index is used
 * again, so a stale one never matches; it is never 0. Changes are made under
 * the pipe's lock. Look-ups on the road of a task take no lock: one atomic word
 * a slot says handle and owner. Physical accelerators live as long as the pipe;
 * a procedure that is dropped rests until every lane passed a quiet point.
 *
 * Handles, generations and applications' code stand in the keep. What the next
 * appliance offers by the same type and name has its handle again; what was
 * applications' comes back by vine_registry_restore.
 */
#ifndef VINE_REGISTRY_H
#define VINE_REGISTRY_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/vine_accel.h"
#include "core/vine_keep.h"
#include "core/vine_proc.h"
#include "core/vine_sched.h"
#include "core/vine_seg.h"

/* How accelerators of one owner (a service, or the program) work. */
struct vine_owner {
	void *state;
	void (*submit)(void *state, struct vine_req *req);
	void (*cancel)(void *state, struct vine_req *req);	/* or NULL */
	/* NULL: code of applications is refused */
	int (*build)(void *state, const char *name, const void *code,
		     size_t size, void **ctx);
	void (*drop)(void *state, void *ctx);
};

struct vine_accel_slot {
	_Atomic uint64_t word;	/* handle | session serial << 32; 0: free */
	_Atomic(struct vine_accel_s *) accel; /* physical, also of a virtual */
	_Atomic uint8_t level;	/* of its priority, see vine_sched.h */
};

struct vine_proc_slot {
	_Atomic uint64_t word;
	_Atomic(struct vine_proc_s *) proc;
};

struct vine_registry {
	const struct vine_seg *seg;
	struct vine_keep *keep;
	uint32_t accel_count;
	uint32_t proc_count;
	_Atomic uint32_t changes;	/* counts withdrawals: see vine_req.c */
	struct vine_accel_slot *accels;
	struct vine_proc_slot *procs;
	struct vine_accel_s *phys;	/* list of all, by next */
	struct vine_proc_s *resting;	/* dropped, by next */
	uint64_t code_bytes;		/* of applications, in the keep */
	uint32_t told_accel;		/* vine_registry_tell goes on here */
	uint32_t told_proc;
};

/* vine_registry_init makes an empty one; the keep lives longer. Returns 0 or
 * -ENOMEM. */
int vine_registry_init(struct vine_registry *r, const struct vine_seg *seg,
		       struct vine_keep *keep);
void vine_registry_fini(struct vine_registry *r);

/* vine_registry_add_accel: 0, -EINVAL (name), -EEXIST, -ENOSPC, -ENOMEM. */
int vine_registry_add_accel(struct vine_registry *r, vine_accel_type_e type,
			    const char *name, uint32_t units,
			    const struct vine_owner *owner,
			    struct vine_accel_s **accel);

/* vine_registry_drop_accel withdraws a physical one; the struct stays. */
int vine_registry_drop_accel(struct vine_registry *r,
			     struct vine_accel_s *accel);

/* vine_registry_open opens a virtual accelerator for a session. */
int vine_registry_open(struct vine_registry *r, uint32_t phys, uint32_t serial,
		       uint32_t slot, int priority, uint32_t *handle);

/* vine_registry_close ends one of the session's: 0 or -EINVAL. */
int vine_registry_close(struct vine_registry *r, uint32_t handle,
			uint32_t serial);

/* vine_registry_close_all ends all of a session's. */
void vine_registry_close_all(struct vine_registry *r, uint32_t serial);

/*
 * vine_registry_add_proc: as add_accel. code is copied; NULL: built in. owner
 * is who offers it, or who built an application's code; NULL where nobody did.
 * -ENOSPC also where all code together would be more than the heap has bytes.
 */
int vine_registry_add_proc(struct vine_registry *r, vine_accel_type_e type,
			   const char *name, const void *code, size_t size,
			   const struct vine_owner *owner, void *ctx,
			   struct vine_proc_s **proc);

/*
 * vine_registry_restore brings back what the keep has of applications: virtual
 * accelerators whose physical one is there, and procedures with their code.
 * What of the keep nobody has claimed by then goes. Once, after all that the
 * appliance offers was added. Under the pipe's lock.
 */
void vine_registry_restore(struct vine_registry *r);

/* vine_registry_builder returns who could run an application's code for
 * accelerators of a type; NULL: nobody. */
const struct vine_owner *vine_registry_builder(const struct vine_registry *r,
					       vine_accel_type_e type);

/*
 * vine_registry_code takes room in the keep for an application's code, which
 * counts as all code does: NULL where that would be too much. Bytes may be
 * stored there after vine_keep_back. It is given back by
 * vine_registry_code_drop, or goes to vine_registry_adopt_proc, which is
 * vine_registry_add_proc without the copy; if that fails the caller keeps it.
 */
void *vine_registry_code(struct vine_registry *r, size_t size);
void vine_registry_code_drop(struct vine_registry *r, void *code, size_t size);
int vine_registry_adopt_proc(struct vine_registry *r, vine_accel_type_e type,
			     const char *name, void *code, size_t size,
			     const struct vine_owner *owner, void *ctx,
			     struct vine_proc_s **proc);

/*
 * vine_registry_find_proc looks a procedure up by its name, and its type unless
 * that is ANY; NULL: there is none. *compared becomes how many procedures it
 * went through, unless `compared` is NULL. Under the lock.
 */
struct vine_proc_s *vine_registry_find_proc(const struct vine_registry *r,
					    vine_accel_type_e type,
					    const char *name,
					    uint32_t *compared);
struct vine_proc_s *vine_registry_proc_at(const struct vine_registry *r,
					  uint32_t handle);

/* vine_registry_use counts a session's reference on a procedure, or undoes it;
 * an application's procedure without references is dropped and rests. */
void vine_registry_use(struct vine_registry *r, struct vine_proc_s *proc);
void vine_registry_unuse(struct vine_registry *r, struct vine_proc_s *proc,
			 uint64_t epoch);
void vine_registry_sweep(struct vine_registry *r, uint64_t quiet);

/*
 * vine_registry_tell writes the next `most` entries of each directory again, as
 * anybody may have written there. Under the lock.
 */
void vine_registry_tell(struct vine_registry *r, uint32_t most);

/* vine_registry_accel looks a handle up for a session; NULL: none. */
static inline struct vine_accel_s *
vine_registry_accel(const struct vine_registry *r, uint32_t handle,
		    uint32_t serial)
{
	uint32_t i = handle & 0xffff;
	const struct vine_accel_slot *s = &r->accels[i];
	uint64_t word;

	if (i >= r->accel_count)
		return NULL;
	/* REG-A1: pairs with REG-R1 where the slot was filled. */
	word = atomic_load_explicit(&s->word, memory_order_acquire);
	if ((uint32_t)word != handle || handle == 0)
		return NULL;
	if (word >> 32 != 0 && word >> 32 != serial)
		return NULL;
	return atomic_load_explicit(&s->accel, memory_order_relaxed);
}

/*
 * vine_registry_level returns the level that tasks for a handle have: that of
 * the session's virtual accelerator, else the normal one. Any number will do:
 * nobody has checked the handle.
 */
static inline uint32_t
vine_registry_level(const struct vine_registry *r, uint32_t handle,
		    uint32_t serial)
{
	uint32_t i = handle & 0xffff;
	const struct vine_accel_slot *s = &r->accels[i];

	/* REG-A1: as in vine_registry_accel(). */
	if (i >= r->accel_count ||
	    atomic_load_explicit(&s->word, memory_order_acquire) !=
	    (handle | (uint64_t)serial << 32))
		return VINE_LEVEL_NORMAL;
	return atomic_load_explicit(&s->level, memory_order_relaxed);
}

/* vine_registry_proc looks a handle up; NULL: none. */
static inline struct vine_proc_s *
vine_registry_proc(const struct vine_registry *r, uint32_t handle)
{
	uint32_t i = handle & 0xffff;
	const struct vine_proc_slot *s = &r->procs[i];

	if (i >= r->proc_count)
		return NULL;
	/* REG-A2: pairs with REG-R2 where the slot was filled. */
	if ((uint32_t)atomic_load_explicit(&s->word, memory_order_acquire) !=
	    handle || handle == 0)
		return NULL;
	return atomic_load_explicit(&s->proc, memory_order_relaxed);
}

#endif
