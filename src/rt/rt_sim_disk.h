/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk: the names of a simulated node's files (rt_sim_file.h), and what is left
 * of all when its power is cut. For rt_sim*.c.
 *
 * A name that was given, taken or changed is safe only after an fsync of its
 * directory. When power is cut, of the changes of a directory's names any stay,
 * each whole. That is less than most file systems promise and all that POSIX
 * does.
 *
 * Directories are there by themselves: they are what stands before the last
 * slash of a name.
 */
#ifndef RT_SIM_DISK_H
#define RT_SIM_DISK_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_sim_file;
struct rt_sim_node;

struct rt_sim_disk {
	struct utils_list files;
	struct utils_list names;
	struct utils_list changes;	/* of names, that are not safe */
	uint64_t used;			/* bytes */
};

/* rt_sim_disk_init makes an empty disk. */
void rt_sim_disk_init(struct rt_sim_disk *disk);

/* rt_sim_disk_fini gives it up. No file is open. */
void rt_sim_disk_fini(struct rt_sim_disk *disk);

/*
 * rt_sim_disk_crash is what a power cut leaves. No file is open. Without memory
 * the world is broken.
 */
void rt_sim_disk_crash(struct rt_sim_node *node);

/*
 * rt_sim_disk_open is open(2) with O_CREAT, O_EXCL and O_TRUNC; *file stays
 * until rt_sim_disk_close. Returns 0, -ENOENT, -EEXIST, -ENAMETOOLONG, -ENOMEM.
 */
int rt_sim_disk_open(struct rt_sim_node *node, const char *path, int flags,
		     struct rt_sim_file **file);
void rt_sim_disk_close(struct rt_sim_node *node, struct rt_sim_file *file);

/* rt_sim_disk_unlink takes a name away. Returns 0, -ENOENT, -ENOMEM. */
int rt_sim_disk_unlink(struct rt_sim_node *node, const char *path);

/*
 * rt_sim_disk_rename has a file have another name, and who had that, lose it.
 * Returns 0, -ENOENT, -ENAMETOOLONG, -ENOMEM.
 */
int rt_sim_disk_rename(struct rt_sim_node *node, const char *from,
		       const char *to);

/*
 * rt_sim_disk_sync_dir has what was done to the names of a directory be safe.
 * Returns 0, or -EIO by a fault: nothing was done.
 */
int rt_sim_disk_sync_dir(struct rt_sim_node *node, const char *path);

#endif
