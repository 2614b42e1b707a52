/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Move: bytes from one descriptor to another without passing through the
 * program: file to socket (sendfile), socket to file, socket to socket (splice),
 * file to file (copy).
 */
#ifndef RT_MOVE_H
#define RT_MOVE_H

#include <stdint.h>

/*
 * rt_move moves `length` bytes, or as many as there are until the end of
 * `from`. A stream's offset is RT_IO_HERE, a file's is not. Deadline, cancel and
 * close are as in rt_io.h; after an error an unknown part was moved, and of a
 * stream more may have been taken than arrived. A copy of a file holds on to
 * both files by itself: it goes on if they are closed. Blocks the calling task.
 * Returns how many bytes were moved, or -EPERM outside of a task, -EMFILE where
 * there is no descriptor left for a pipe, or what the system calls end with.
 */
int64_t rt_move(int from, int64_t from_offset, int to, int64_t to_offset,
		uint64_t length, uint64_t deadline);

#endif
