/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory without a name, and what only that can: seals. MFD_NOEXEC_SEAL, where
 * the kernel has it, keeps the memory from ever being run as a program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U	/* since Linux 6.3 */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int
matches(const char *name)
{
	(void)name;
	return 0;
}

/* The name is for /proc alone; always a new object. */
static int
open_memfd(const char *name, int flags, mode_t mode, struct arch_shm_object *o)
{
	unsigned int how = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	(void)flags;
	(void)mode;
	o->fd = memfd_create(name, how | MFD_NOEXEC_SEAL);
	if (o->fd < 0 && errno == EINVAL)
		o->fd = memfd_create(name, how);
	return o->fd < 0 ? -errno : 0;
}

const struct arch_shm_mapper arch_shm_memfd = {
	.kind = "memfd",
	.matches = matches,
	.open = open_memfd,
	.remove = NULL,
};

int
arch_shm_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) == 0 ? 0 : -errno;
}

int
arch_shm_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

int
arch_shm_reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
