/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O of tasks: calls that look like the kernel's and block the task alone,
 * while other tasks of the thread run. Each is an op (rt_op.h) on the task's
 * stack; nothing is allocated.
 *
 * Every call has a deadline. It ends with -ETIMEDOUT then, with -ECANCELED
 * where the task is cancelled, and with -EBADF where another task closes the
 * descriptor by rt_io_close; but not before the kernel has let go of the
 * caller's memory, and as well as ever if the operation was done by then. A
 * task that was cancelled before gets -ECANCELED from each call but
 * rt_io_close, and nothing is done. A deadline that has passed, such as 0: what
 * can be done without waiting.
 *
 * Streams (sockets, pipes, bells) are O_NONBLOCK, have the offset RT_IO_HERE,
 * and one reader and one writer at a time: a second gets -EBUSY at once. Files
 * have any number, at offsets.
 *
 * All functions return -EPERM outside of a task; what rt_wait_submit refuses
 * with; or the error of the system call that they are named after.
 */
#ifndef RT_IO_H
#define RT_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "rt/rt_task.h"

#define RT_IO_HERE (-1)

/* --- some of it: they return how many bytes, 0 at the end of a stream --- */

int64_t rt_io_read(int fd, void *data, size_t length, int64_t offset,
		   uint64_t deadline);
int64_t rt_io_write(int fd, const void *data, size_t length, int64_t offset,
		    uint64_t deadline);
int64_t rt_io_readv(int fd, const struct iovec *pieces, uint32_t count,
		    int64_t offset, uint64_t deadline);
int64_t rt_io_writev(int fd, const struct iovec *pieces, uint32_t count,
		     int64_t offset, uint64_t deadline);
int64_t rt_io_recv(int fd, void *data, size_t length, int flags,
		   uint64_t deadline);
int64_t rt_io_send(int fd, const void *data, size_t length, int flags,
		   uint64_t deadline);
int64_t rt_io_recvmsg(int fd, struct msghdr *message, int flags,
		      uint64_t deadline);
int64_t rt_io_sendmsg(int fd, const struct msghdr *message, int flags,
		      uint64_t deadline);

/* --- all of it, or an error --- */

/*
 * rt_io_read_all reads exactly that much. Returns 0, or -ENODATA if the stream
 * or file ends before; then, as after every other error, an unknown part of it
 * was read. Another reader may come between two parts.
 */
int rt_io_read_all(int fd, void *data, size_t length, int64_t offset,
		   uint64_t deadline);

/*
 * rt_io_write_all writes exactly that much, or returns an error; then an
 * unknown part of it was written.
 */
int rt_io_write_all(int fd, const void *data, size_t length, int64_t offset,
		    uint64_t deadline);

/*
 * rt_io_readv_all and rt_io_writev_all do so for a list of pieces, of any
 * length. They change the list: what is left of it is what was not done.
 */
int rt_io_readv_all(int fd, struct iovec *pieces, uint32_t count,
		    int64_t offset, uint64_t deadline);
int rt_io_writev_all(int fd, struct iovec *pieces, uint32_t count,
		     int64_t offset, uint64_t deadline);

/* --- the rest --- */

/*
 * rt_io_accept takes a connection in. address may be NULL; *length is its room
 * and becomes its length. Returns the new descriptor, which is the caller's,
 * O_NONBLOCK and O_CLOEXEC.
 */
int rt_io_accept(int fd, struct sockaddr *address, socklen_t *length,
		 uint64_t deadline);

/*
 * rt_io_connect connects. After an error the socket can only be closed. -EBUSY
 * or a wait, where the queue of a listener of UNIX is full. Returns 0.
 */
int rt_io_connect(int fd, const struct sockaddr *address, socklen_t length,
		  uint64_t deadline);

/*
 * rt_io_fsync and rt_io_fdatasync return 0 when what was written is safe. The
 * kernel tells an error once for an open file: of two that are under way at a
 * time one may return 0 for what the other has lost. So have one at a time.
 */
int rt_io_fsync(int fd, uint64_t deadline);
int rt_io_fdatasync(int fd, uint64_t deadline);

/* --- files, so that no task makes a system call that blocks its thread --- */

/*
 * rt_io_open opens or makes a file, O_CLOEXEC; flags and mode as of open(2).
 * The descriptor is the caller's. What makes a name safe: rt_io_sync_dir.
 * Returns the descriptor.
 */
int rt_io_open(const char *path, int flags, mode_t mode, uint64_t deadline);

/* rt_io_size returns how many bytes a file has. */
int64_t rt_io_size(int fd, uint64_t deadline);

/* rt_io_truncate gives a file another size: 0. */
int rt_io_truncate(int fd, int64_t size, uint64_t deadline);

/*
 * rt_io_allocate has space set aside for a part of a file, or given back:
 * fallocate(2), with its modes. Returns 0.
 */
int rt_io_allocate(int fd, int mode, int64_t offset, int64_t length,
		   uint64_t deadline);

/*
 * rt_io_unlink takes a name away; rt_io_rename gives a file another, in place
 * of what had it; rt_io_sync_dir returns when the names of a directory that
 * were given and taken so far are safe. They return 0.
 */
int rt_io_unlink(const char *path, uint64_t deadline);
int rt_io_rename(const char *from, const char *to, uint64_t deadline);
int rt_io_sync_dir(const char *path, uint64_t deadline);

/*
 * rt_io_poll waits for some events of poll(2), or for none but what goes wrong,
 * and returns which of them are there, with POLLERR and POLLHUP. It has the
 * reader's place, but for POLLOUT alone, which has the writer's.
 */
int rt_io_poll(int fd, uint32_t events, uint64_t deadline);

/*
 * rt_io_pull moves bytes from a descriptor into a pipe that has room, and
 * rt_io_push out of a pipe that is not empty, by splice(2). The pipe is the
 * task's own and O_NONBLOCK. They return how many, 0 at the end. For rt_move.
 */
int64_t rt_io_pull(int fd, int pipe, size_t length, int64_t offset,
		   uint64_t deadline);
int64_t rt_io_push(int fd, int pipe, size_t length, int64_t offset,
		   uint64_t deadline);

/*
 * rt_io_call has a function called by a helper thread, for what blocks and has
 * no other way, and returns its result: at most that of INT64, or -errno. It
 * is waited for however long it takes once it has begun.
 */
int64_t rt_io_call(int64_t (*call)(void *arg), void *arg, uint64_t deadline);

/*
 * rt_io_close closes a descriptor, after the calls of other tasks that wait for
 * it have ended with -EBADF. It has no deadline and is not cancelled. Returns
 * 0; or an error after which the descriptor is closed, too, or was not open.
 */
int rt_io_close(int fd);

#endif
