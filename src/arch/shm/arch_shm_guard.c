/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of mappings that the handler can read at any instant: an entry's size
 * is stored last and cleared first, so an entry in change matches no address.
 *
 * One entry has one owner, who adds, mends and removes it. The handler, on any
 * thread, replaces the mapping and then sets `torn`; who mends clears `torn`
 * and then maps. Whichever of the two comes last, a mapping that is not the
 * object's is marked so: that of the handler sets the mark after its mmap, and
 * between the owner's clear and mmap there is private memory, which does not
 * fault. mmap with MAP_FIXED replaces a mapping in one step for all threads.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "arch/shm/arch_shm_guard.h"

struct guard {
	_Atomic uintptr_t base;
	_Atomic uint64_t size;	/* 0: free */
	_Atomic uint64_t at;	/* of the access that tore it */
	_Atomic int torn;
};

static struct guard guards[ARCH_SHM_GUARDS];
static _Atomic int started;

static struct guard *
guard_of(uintptr_t address)
{
	for (size_t i = 0; i < ARCH_SHM_GUARDS; i++) {
		struct guard *g = &guards[i];
		uint64_t size = atomic_load(&g->size);

		if (address - atomic_load(&g->base) < size)
			return g;
	}
	return NULL;
}

/* By the system call: what a sanitizer does in mmap() a handler must not. */
static int
tear(struct guard *g, uintptr_t address)
{
	uintptr_t base = atomic_load(&g->base);

	if (syscall(SYS_mmap, base, atomic_load(&g->size),
		    PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		    -1, 0) == -1)
		return -errno;
	atomic_store(&g->at, address - base);
	atomic_store(&g->torn, 1);
	return 0;
}

static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	int keep = errno;
	/* one that was sent has no address */
	struct guard *g = info->si_code > 0 ? guard_of(address) : NULL;

	(void)context;
	if (g == NULL || tear(g, address) != 0) {
		signal(sig, SIG_DFL);
		if (info->si_code <= 0)
			raise(sig);
	}
	errno = keep;	/* and the access is made again */
}

int
arch_shm_guard_start(void)
{
	struct sigaction act = { .sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_RESTART };

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGBUS, &act, NULL) != 0)
		return -errno;
	atomic_store(&started, 1);
	return 0;
}

int
arch_shm_guard_add(void *base, uint64_t size)
{
	if (!atomic_load(&started))
		return 0;
	for (size_t i = 0; i < ARCH_SHM_GUARDS; i++) {
		struct guard *g = &guards[i];
		uintptr_t none = 0;

		if (!atomic_compare_exchange_strong(&g->base, &none,
						    (uintptr_t)base))
			continue;
		atomic_store(&g->torn, 0);
		atomic_store(&g->size, size);
		return 0;
	}
	return -ENOSPC;
}

void
arch_shm_guard_remove(const void *base)
{
	struct guard *g = guard_of((uintptr_t)base);

	if (g == NULL)
		return;
	atomic_store(&g->size, 0);
	atomic_store(&g->base, 0);
}

int
arch_shm_guard_torn(const void *base, uint64_t *at)
{
	struct guard *g = guard_of((uintptr_t)base);

	if (g == NULL || !atomic_load(&g->torn))
		return 0;
	*at = atomic_load(&g->at);
	return 1;
}

int
arch_shm_guard_mend(int fd, uint64_t off, uint64_t size, void *base)
{
	struct guard *g = guard_of((uintptr_t)base);
	struct stat st;
	int rc, torn;

	if (fstat(fd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size < off + size &&
	    ftruncate(fd, (off_t)(off + size)) != 0)
		return -errno;
	torn = g ? atomic_exchange(&g->torn, 0) : 0;
	rc = arch_shm_map_at(fd, off, size, base);
	if (rc && torn)
		atomic_store(&g->torn, 1);
	return rc;
}
