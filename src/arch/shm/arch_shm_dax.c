/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file on a file system with DAX, "dax:/mnt/segment": the memory of a
 * virtio-pmem device, mapped write-back without a page cache between. A file
 * that is not DAX would be mapped as well, and its other side would see nothing
 * of it, so that is asked first.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_shm.h"
#include "utils/utils_log.h"

#define PREFIX "dax:"

static int
matches(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static int
is_dax(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_DAX);
}

static int
open_dax(const char *name, int flags, mode_t mode, struct arch_shm_object *o)
{
	const char *path = name + strlen(PREFIX);

	(void)mode;
	/* never made here: its other side would not know where it lies */
	o->fd = open(path, (flags & ~O_CREAT) | O_CLOEXEC | O_NOFOLLOW);
	if (o->fd < 0)
		return -errno;
	if (!is_dax(o->fd)) {
		log_error("file %s is not on DAX: its file system is not "
			  "mounted with -o dax, or is on no pmem device", path);
		close(o->fd);
		return -EINVAL;
	}
	o->far = 1;
	return 0;
}

const struct arch_shm_mapper arch_shm_dax = {
	.kind = "dax",
	.matches = matches,
	.open = open_dax,
	.remove = NULL,
};
