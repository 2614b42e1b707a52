/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, and whatever else has a path: names that begin with '/', or with
 * "file:" and that. Not the files of sysfs, which are devices: the other users
 * of such a file are in other machines, where no lock on it is seen, and
 * resource2_wc is write-combined, which breaks the order of stores.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "utils/utils_log.h"

#define PREFIX "file:"

static int
matches(const char *name)
{
	return name[0] == '/' || strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static const char *
path_of(const char *name)
{
	return name[0] == '/' ? name : name + strlen(PREFIX);
}

static int
open_file(const char *name, int flags, mode_t mode, struct arch_shm_object *o)
{
	struct statfs fs;

	o->fd = open(path_of(name), flags | O_CLOEXEC | O_NOFOLLOW, mode);
	if (o->fd < 0)
		return -errno;
	if (fstatfs(o->fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC) {
		log_error("%s is a device; name it as pci:, or as "
			  "pci:0000:00:04.0", name);
		close(o->fd);
		return -EINVAL;
	}
	return 0;
}

static int
remove_file(const char *name)
{
	return unlink(path_of(name)) == 0 ? 0 : -errno;
}

const struct arch_shm_mapper arch_shm_file = {
	.kind = "file",
	.matches = matches,
	.open = open_file,
	.remove = remove_file,
};
