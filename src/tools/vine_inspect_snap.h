/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snap: a private copy of what a segment's directories said at a moment.
 *
 * It is read with pread(2) and not mapped. Reading a hole of a mapped object
 * would allocate its page; an object that somebody cuts shorter would be a
 * SIGBUS; and what lies in a copy does not change while it is judged. Nothing
 * is written and no lock is taken, so nobody notices.
 */
#ifndef VINE_INSPECT_SNAP_H
#define VINE_INSPECT_SNAP_H

#include <stdint.h>

#include "core/vine_layout.h"

struct vine_inspect_snap {
	int fd;
	uint64_t off;			/* of the segment in its object */
	uint64_t object_bytes;
	struct vine_header_shm header;
	char fault[160];		/* why `head` is NULL; or empty */
	struct vine_layout layout;	/* where head is there */
	uint8_t *head;			/* [0, layout.heap_off), or NULL */
};

/*
 * vine_inspect_open opens an object for reading: a path if the name begins with
 * '/', else POSIX shared memory. Never waits for a fifo's writer. Returns a
 * descriptor or -errno; -EINVAL where it is no regular file.
 */
int vine_inspect_open(const char *name);

/*
 * vine_inspect_snap_read copies header and directories of the segment at `off`
 * of an object. The caller keeps fd open as long as the snap, and drops the
 * snap. Returns 0, also where the header is not one that this program can
 * read: then head is NULL and fault says why. -ENODATA where the object has no
 * room for a header, -EIO and other errors of pread(2), -ENOMEM.
 */
int vine_inspect_snap_read(int fd, uint64_t off,
			   struct vine_inspect_snap *snap);
void vine_inspect_snap_drop(struct vine_inspect_snap *snap);

/*
 * vine_inspect_snap_heap copies bytes of the heap. Returns 0, or -ERANGE where
 * they do not all lie in it or do not begin at a multiple of 8, -EIO.
 */
int vine_inspect_snap_heap(const struct vine_inspect_snap *snap,
			   vine_off_t off, uint64_t len, void *to);

/* vine_inspect_snap_at returns the n-th entry of a directory in the copy. */
#define VINE_INSPECT_AT(snap, kind, n) \
	((const struct vine_##kind##_shm *)(const void *) \
		((snap)->head + (snap)->layout.kind##_off) + (n))

#endif
