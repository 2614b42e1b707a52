/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Far: memory that is shared with another machine, as the segment of this one.
 * It is that of an ivshmem device, or a file on DAX.
 */
#ifndef VINE_FAR_H
#define VINE_FAR_H

#include <stdint.h>

struct arch_shm_object;
struct vine_seg;

#define VINE_FAR_NAME 32	/* room for "pci:" and an address */

/* What the config says of it. */
struct vine_far_want {
	uint64_t off;		/* where in the object the segment begins */
	uint32_t slots;		/* of a thread's queue, of a new segment */
	int own;		/* 1: the appliance's; form it if it is blank */
	uint64_t timeout;	/* ns to wait until another has */
};

/*
 * vine_far_enter maps an object and joins the segment in it; the appliance may
 * find it blank, then seg->formed is set and vine_far_form is due. It fills
 * seg; the caller closes the object. Blocks up to w->timeout. Returns 0, or,
 * logged: -ENOSPC (too small), -EPROTO (foreign, newer, or larger than the
 * object), -ETIMEDOUT (nobody forms it), -ENOTSUP (write-combined), or -errno
 * of the mapping.
 */
int vine_far_enter(struct vine_seg *seg, const struct arch_shm_object *o,
		   const struct vine_far_want *w);

/* vine_far_form forms what vine_far_enter found blank. The appliance, once it
 * has taken the word `appliance` of the header: so one forms. Never blocks. */
void vine_far_form(struct vine_seg *seg);

/* vine_far_leave unmaps what vine_far_enter mapped. */
void vine_far_leave(struct vine_seg *seg);

/* vine_far_is_id tells whether a name is "pci:" and the 16 hex digits of a
 * segment's incarnation. */
int vine_far_is_id(const char *file);

/*
 * vine_far_find looks for the device that holds that segment, at offset off of
 * its memory, and writes the name of its address. Returns 0, or -ENODEV,
 * logged.
 */
int vine_far_find(const char *file, uint64_t off,
		  char name[static VINE_FAR_NAME]);

#endif
