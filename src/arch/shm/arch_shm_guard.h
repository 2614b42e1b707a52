/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard: keeps a process alive when an object is cut short under its mapping.
 *
 * Whoever may write an object may truncate it, and the kernel answers an access
 * to a page that is there no more with SIGBUS. In a process that has started
 * the guard, that access finds zeros instead: all of the mapping becomes
 * private memory of the process, and is called *torn*. Nobody else sees what is
 * written there. The mapping's owner looks now and then whether it is torn, and
 * mends it: the object gets its size and is mapped again at the same address.
 * So any thread may touch the mapping at any time, and none finds a hole.
 *
 * A full file system and a memory page that failed look alike to the kernel and
 * are answered alike.
 */
#ifndef ARCH_SHM_GUARD_H
#define ARCH_SHM_GUARD_H

#include <stdint.h>

/* Mappings that can be guarded at a time. */
#define ARCH_SHM_GUARDS 64

/*
 * arch_shm_guard_start makes SIGBUS the guard's: from now on each mapping of
 * arch_shm_map is guarded. A SIGBUS of any other address ends the process, as
 * without a guard. Before the first arch_shm_map; main's thread. Never blocks.
 * Returns 0 or -errno of sigaction.
 */
int arch_shm_guard_start(void);

/*
 * arch_shm_guard_add and _remove: for arch_shm_map and arch_shm_unmap. Under
 * no lock; never block. add returns 0, or -ENOSPC with ARCH_SHM_GUARDS others.
 */
int arch_shm_guard_add(void *base, uint64_t size);
void arch_shm_guard_remove(const void *base);

/*
 * arch_shm_guard_torn tells whether a mapping is torn, and writes how far from
 * its base the access was. Any thread; never blocks.
 */
int arch_shm_guard_torn(const void *base, uint64_t *at);

/*
 * arch_shm_guard_mend gives the object the size that a mapping needs, if it has
 * less, and maps it again: fd from `off` on, `size` bytes, at base. What was
 * cut off is zero; what was written while it was torn is lost. Other threads
 * may use the mapping meanwhile. One thread at a time. Returns 0, or -errno of
 * fstat, ftruncate or mmap: then the mapping is as it was.
 */
int arch_shm_guard_mend(int fd, uint64_t off, uint64_t size, void *base);

#endif
