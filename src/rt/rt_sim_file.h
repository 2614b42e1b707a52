/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File: the bytes under a name of a simulated disk: what reads see of them, and
 * what is safe. For rt_sim*.c.
 *
 * A write is seen by reads at once and is safe only after an fsync that began
 * later, or if it was made with O_DSYNC or RWF_DSYNC. When power is cut, each
 * sector of a file has any of the contents that it had since it was safe, each
 * apart from the others; and the size is any that it was.
 */
#ifndef RT_SIM_FILE_H
#define RT_SIM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "rt/rt_sim_image.h"
#include "rt/rt_sim_inside.h"

struct rt_sim_file {
	struct utils_link link;	/* of its disk's */
	uint32_t open;		/* so many times */
	struct rt_sim_image now;
	struct rt_sim_image safe;
	struct utils_list changes;	/* from the one to the other */
	uint64_t next;		/* number of the next */
	uint64_t bad[VINE_RT_SIM_BAD];	/* sectors, plus 1 */
};

#define rt_sim_file_of(link_) utils_list_of(link_, struct rt_sim_file, link)

/*
 * rt_sim_file_new makes an empty file without a name on a node's disk, whose it
 * is. Returns NULL where there is no memory.
 */
struct rt_sim_file *rt_sim_file_new(struct rt_sim_node *node);

/* rt_sim_file_free takes a file off its disk and frees it. */
void rt_sim_file_free(struct rt_sim_file *file);

/*
 * rt_sim_file_crash has a file be what a power cut leaves of it. Returns 0 or
 * -ENOMEM.
 */
int rt_sim_file_crash(struct rt_sim_node *node, struct rt_sim_file *file);

/* rt_sim_file_spoil has a sector, by number, be unreadable until written. */
void rt_sim_file_spoil(struct rt_sim_file *file, uint64_t number);

/* rt_sim_file_size returns the size that reads see. */
int64_t rt_sim_file_size(const struct rt_sim_file *file);

/*
 * rt_sim_file_read reads as pread(2) does. Returns how many bytes, 0 at the
 * end; -EINVAL for an offset below 0, -EIO from a bad sector or by a fault.
 */
int64_t rt_sim_file_read(struct rt_sim_node *node, struct rt_sim_file *file,
			 void *data, size_t length, int64_t offset);

/*
 * rt_sim_file_write writes as pwrite(2) does; `safe`: as with O_DSYNC. Returns
 * how many bytes; -EINVAL for an offset out of range, -ENOSPC where the disk is
 * full, -EIO by a fault (a part may be written), -ENOMEM.
 */
int64_t rt_sim_file_write(struct rt_sim_node *node, struct rt_sim_file *file,
			  const void *data, size_t length, int64_t offset,
			  int safe);

/*
 * rt_sim_file_truncate sets the size, as ftruncate(2) does. Returns 0, -EINVAL
 * below 0, -ENOMEM.
 */
int rt_sim_file_truncate(struct rt_sim_node *node, struct rt_sim_file *file,
			 int64_t size);

/*
 * rt_sim_file_allocate is fallocate(2): sets room aside, zeroes a range or
 * punches a hole. Returns 0, -EINVAL for a range that is none, -EOPNOTSUPP for
 * another mode, -ENOSPC, -ENOMEM.
 */
int rt_sim_file_allocate(struct rt_sim_node *node, struct rt_sim_file *file,
			 int mode, int64_t offset, int64_t length);

/* rt_sim_file_mark returns what rt_sim_file_sync is told, when it begins. */
uint64_t rt_sim_file_mark(const struct rt_sim_file *file);

/*
 * rt_sim_file_sync has what was done before `mark` be safe. Returns 0, -EIO by
 * a fault: some of it is and the rest will never be; -ENOMEM.
 */
int rt_sim_file_sync(struct rt_sim_node *node, struct rt_sim_file *file,
		     uint64_t mark);

#endif
