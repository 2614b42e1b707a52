/* SPDX-License-Identifier: Apache-2.0 */
/* Files, and whatever else has a path: names that begin with '/'. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"

static int
matches(const char *name)
{
	return name[0] == '/';
}

static int
open_file(const char *name, int flags, mode_t mode)
{
	int fd = open(name, flags | O_CLOEXEC | O_NOFOLLOW, mode);

	return fd < 0 ? -errno : fd;
}

static int
remove_file(const char *name)
{
	return unlink(name) == 0 ? 0 : -errno;
}

const struct arch_shm_mapper arch_shm_file = {
	.kind = "file",
	.matches = matches,
	.open = open_file,
	.remove = remove_file,
};
