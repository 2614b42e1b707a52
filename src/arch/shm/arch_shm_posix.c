/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX shared memory objects: names that are no path. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "arch/shm/arch_shm.h"

static int
matches(const char *name)
{
	(void)name;
	return 1;
}

static int
open_posix(const char *name, int flags, mode_t mode, struct arch_shm_object *o)
{
	o->fd = shm_open(name, flags | O_CLOEXEC, mode);
	return o->fd < 0 ? -errno : 0;
}

static int
remove_posix(const char *name)
{
	return shm_unlink(name) == 0 ? 0 : -errno;
}

const struct arch_shm_mapper arch_shm_posix = {
	.kind = "posix",
	.matches = matches,
	.open = open_posix,
	.remove = remove_posix,
};
