/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk: the files of a simulated node, and what is left of them when its power
 * is cut. For rt_sim*.c.
 *
 * A write is seen by reads at once and is safe only after an fsync that began
 * later, or if it was made with O_DSYNC or RWF_DSYNC. A name that was given,
 * taken or changed is safe only after an fsync of its directory. When power is
 * cut, each sector of a file has any of the contents that it had since it was
 * safe, each apart from the others; the size is any that it was; and of the
 * changes of a directory's names any stay, each whole. That is less than most
 * file systems promise and all that POSIX does.
 *
 * Directories are there by themselves: they are what stands before the last
 * slash of a name.
 */
#ifndef RT_SIM_DISK_H
#define RT_SIM_DISK_H

#include <stddef.h>
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

void rt_sim_disk_init(struct rt_sim_disk *disk);

/* rt_sim_disk_fini gives it up. No file is open. */
void rt_sim_disk_fini(struct rt_sim_disk *disk);

/* rt_sim_disk_crash is what a power cut leaves. No file is open. */
void rt_sim_disk_crash(struct rt_sim_node *node);

/* All of these return what the system call does, or -errno; none blocks. */
int rt_sim_disk_open(struct rt_sim_node *node, const char *path, int flags,
		     struct rt_sim_file **file);
void rt_sim_disk_close(struct rt_sim_node *node, struct rt_sim_file *file);
int rt_sim_disk_unlink(struct rt_sim_node *node, const char *path);
int rt_sim_disk_rename(struct rt_sim_node *node, const char *from,
		       const char *to);
int rt_sim_disk_sync_dir(struct rt_sim_node *node, const char *path);
int64_t rt_sim_disk_size(const struct rt_sim_file *file);
int64_t rt_sim_disk_read(struct rt_sim_node *node, struct rt_sim_file *file,
			 void *data, size_t length, int64_t offset);
int64_t rt_sim_disk_write(struct rt_sim_node *node, struct rt_sim_file *file,
			  const void *data, size_t length, int64_t offset,
			  int safe);
int rt_sim_disk_truncate(struct rt_sim_node *node, struct rt_sim_file *file,
			 int64_t size);
int rt_sim_disk_allocate(struct rt_sim_node *node, struct rt_sim_file *file,
			 int mode, int64_t offset, int64_t length);
/* What was done before `mark`, of rt_sim_disk_mark, becomes safe. */
int rt_sim_disk_sync(struct rt_sim_node *node, struct rt_sim_file *file,
		     uint64_t mark);
uint64_t rt_sim_disk_mark(const struct rt_sim_file *file);

#endif
