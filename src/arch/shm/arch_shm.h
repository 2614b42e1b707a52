/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shm: an object that several processes map, whatever kind it is.
 *
 * A mapper knows one kind of object: how to open it by name, how to remove it.
 * Everything above works on what it opened.
 *
 * A file and a POSIX object are found by their name. A memfd has none: whoever
 * made it hands its descriptor over. It can be sealed, so that nobody who has
 * it can take its pages from under the others. The memory of an ivshmem device,
 * and a file on DAX, are shared with another machine: they are far, and no lock
 * on them reaches all who use them.
 *
 * Byte locks are open-file-description locks on bytes far beyond the object's
 * end. The kernel drops them when their holder dies, at whatever instruction,
 * in whatever pid namespace: they are how a death is noticed.
 */
#ifndef ARCH_SHM_H
#define ARCH_SHM_H

#include <stdint.h>
#include <sys/types.h>

/* An object that was opened. */
struct arch_shm_object {
	int fd;			/* what is mapped; the caller closes it */
	int far;		/* 1: another machine may use it; no locks */
	uint64_t begin;		/* where in fd the object begins */
	uint64_t size;		/* bytes; 0: what fstat says of fd */
	char device[13];	/* its address, of a pci object */
};

/* One kind of object. */
struct arch_shm_mapper {
	const char *kind;
	/* matches tells whether a name of the config is of this kind */
	int (*matches)(const char *name);
	/* open fills a zeroed object; flags as open(2). Returns 0 or -errno */
	int (*open)(const char *name, int flags, mode_t mode,
		    struct arch_shm_object *o);
	/* remove takes the name away. Returns 0 or -errno. NULL: the object has
	 * no name, and goes with its last descriptor and mapping. */
	int (*remove)(const char *name);
};

extern const struct arch_shm_mapper arch_shm_posix;
extern const struct arch_shm_mapper arch_shm_file;
extern const struct arch_shm_mapper arch_shm_memfd;	/* open makes one */
extern const struct arch_shm_mapper arch_shm_pci;
extern const struct arch_shm_mapper arch_shm_dax;

/*
 * arch_shm_mapper_of returns the mapper for a name: pci or dax by their prefix,
 * file where it begins with '/' or "file:", else posix. Never NULL.
 */
const struct arch_shm_mapper *arch_shm_mapper_of(const char *name);

/*
 * arch_shm_seal fixes the size of a memfd for good, and that it is fixed.
 * Returns 0, or -EINVAL for another kind of object, -EPERM for one whose seals
 * are sealed without it.
 */
int arch_shm_seal(int fd);

/*
 * arch_shm_is_sealed tells whether nobody can make the object smaller: then no
 * access to a mapping of it ends in SIGBUS.
 */
int arch_shm_is_sealed(int fd);

/*
 * arch_shm_reopen opens the object of a descriptor once more. Locks are of
 * what was opened: this one has locks of its own, while a copy of fd would
 * share them. Needs /proc. Returns a descriptor or -errno.
 */
int arch_shm_reopen(int fd);

/* arch_shm_bytes asks for the size of an object. Returns 0 or -errno. */
int arch_shm_bytes(const struct arch_shm_object *o, uint64_t *bytes);

/*
 * arch_shm_back has memory put behind bytes of an object, so that no store
 * there finds that none is left. Contents and size stay. Does not wait for
 * memory. Returns 0, also where the file system cannot do that; -ENOSPC,
 * -EDQUOT or -ENOMEM where there is not so much: then nothing has changed.
 */
int arch_shm_back(int fd, uint64_t off, uint64_t len);

/*
 * arch_shm_map maps `size` bytes of an object from `off` on, shared, readable
 * and, unless read_only, writable, never executable, and not inherited by fork.
 * The caller unmaps it. Returns 0, or -ERANGE where the object has no such
 * bytes, or -errno; -ENOSPC: arch_shm_guard_add. arch_shm_map_at maps bytes of
 * fd so, writable, in place of what is mapped at base.
 */
int arch_shm_map(const struct arch_shm_object *o, uint64_t off, uint64_t size,
		 int read_only, void **base);
int arch_shm_map_at(int fd, uint64_t off, uint64_t size, void *base);
void arch_shm_unmap(void *base, uint64_t size);

/* Bytes that locks are taken on. */
enum arch_shm_byte {
	ARCH_SHM_BYTE_ATTACH = 0,	/* held while attaching or leaving */
	ARCH_SHM_BYTE_APPLIANCE = 1,	/* held by the appliance */
	ARCH_SHM_BYTE_SESSION = 64,	/* + slot: held by that session */
};

/*
 * arch_shm_lock takes the exclusive lock on a byte, waiting up to timeout_ns.
 * Returns 0, or -EBUSY when it is held by another, or -errno.
 */
int arch_shm_lock(int fd, uint32_t byte, int64_t timeout_ns);
void arch_shm_unlock(int fd, uint32_t byte);

/* arch_shm_unlock_all gives up every lock, of both kinds, of what was opened
 * as fd. */
void arch_shm_unlock_all(int fd);

/* arch_shm_locked tells whether another description holds the byte's lock. */
int arch_shm_locked(int fd, uint32_t byte);

/*
 * Users of an object each hold a shared flock. arch_shm_use takes it,
 * arch_shm_leave gives it back;
 * arch_shm_alone tells whether there is no other user; the caller is one
 * afterwards. Both only under ARCH_SHM_BYTE_ATTACH.
 */
int arch_shm_use(int fd);
void arch_shm_leave(int fd);
int arch_shm_alone(int fd);

#endif
