/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe of its own takes pages from one side and gives them to the other. It
 * is emptied before it is filled again, so that whoever waits waits for a
 * descriptor and never for the pipe. Files on the same disk need no pipe: there
 * a helper has the kernel copy. A host that is not the kernel has neither:
 * there bytes pass through the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "rt/rt_host.h"
#include "rt/rt_io.h"
#include "rt/rt_move.h"

struct copy {
	int from;
	int to;
	loff_t from_offset;
	loff_t to_offset;
	size_t length;
};

static int64_t
copy_some(void *arg)
{
	struct copy *c = arg;
	ssize_t n = copy_file_range(c->from, &c->from_offset, c->to,
				    &c->to_offset, c->length, 0);

	return n < 0 ? -errno : n;
}

static uint64_t
at_most(uint64_t length, uint64_t most)
{
	return length < most ? length : most;
}

/* Until the end, or an error; *moved counts. */
static int
copy_all(struct copy *c, uint64_t length, uint64_t deadline, uint64_t *moved)
{
	while (*moved < length) {
		int64_t n;

		c->length = at_most(length - *moved, VINE_RT_COPY);
		n = rt_io_call(copy_some, c, deadline);
		if (n <= 0)
			return (int)n;
		*moved += (uint64_t)n;
	}
	return 0;
}

/* Descriptors of our own: a helper uses them while others may close theirs. */
static int
copy_file(int from, int64_t from_offset, int to, int64_t to_offset,
	  uint64_t length, uint64_t deadline, uint64_t *moved)
{
	struct copy c = { .from_offset = from_offset, .to_offset = to_offset };
	int rc;

	c.from = fcntl(from, F_DUPFD_CLOEXEC, 0);
	if (c.from < 0)
		return -errno;
	c.to = fcntl(to, F_DUPFD_CLOEXEC, 0);
	rc = c.to < 0 ? -errno : copy_all(&c, length, deadline, moved);
	if (c.to >= 0)
		close(c.to);
	close(c.from);
	return rc;
}

/* Not on one disk, not files both, or a kernel that does not: the pipe can. */
static int
needs_pipe(int rc)
{
	return rc == -EXDEV || rc == -EINVAL || rc == -EOPNOTSUPP ||
		rc == -ENOSYS;
}

/* What the pipe holds goes out. */
static int64_t
push_all(int to, int64_t *offset, int pipe, size_t length, uint64_t deadline)
{
	while (length) {
		int64_t n = rt_io_push(to, pipe, length, *offset, deadline);

		if (n <= 0)
			return n ? n : -EIO;
		length -= (size_t)n;
		if (*offset != RT_IO_HERE)
			*offset += n;
	}
	return 0;
}

static int
by_pipe(int from, int64_t from_offset, int to, int64_t to_offset,
	uint64_t length, uint64_t deadline, uint64_t *moved)
{
	int pipes[2];
	int64_t n = 1, rc = 0;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	/* not given: then as much as there is */
	(void)fcntl(pipes[1], F_SETPIPE_SZ, VINE_RT_PIPE);
	while (*moved < length && n && rc == 0) {
		n = rt_io_pull(from, pipes[1], at_most(length - *moved,
						       VINE_RT_PIPE),
			       from_offset, deadline);
		if (n < 0)
			rc = n;
		else
			rc = push_all(to, &to_offset, pipes[0], (size_t)n,
				      deadline);
		if (rc)
			break;
		*moved += (uint64_t)n;
		if (from_offset != RT_IO_HERE)
			from_offset += n;
	}
	close(pipes[0]);
	close(pipes[1]);
	return (int)rc;
}

static int
by_hand(int from, int64_t from_offset, int to, int64_t to_offset,
	uint64_t length, uint64_t deadline, uint64_t *moved)
{
	char *bytes = malloc(VINE_RT_PIPE);
	int64_t n = 1;

	if (bytes == NULL)
		return -ENOMEM;
	while (*moved < length && n > 0) {
		n = rt_io_read(from, bytes, at_most(length - *moved,
						    VINE_RT_PIPE),
			       from_offset, deadline);
		if (n > 0) {
			int rc = rt_io_write_all(to, bytes, (size_t)n,
						 to_offset, deadline);

			n = rc ? rc : n;
		}
		if (n <= 0)
			break;
		*moved += (uint64_t)n;
		if (from_offset != RT_IO_HERE)
			from_offset += n;
		if (to_offset != RT_IO_HERE)
			to_offset += n;
	}
	free(bytes);
	return n < 0 ? (int)n : 0;
}

int64_t
rt_move(int from, int64_t from_offset, int to, int64_t to_offset,
	uint64_t length, uint64_t deadline)
{
	uint64_t moved = 0;
	int rc = -EINVAL;

	if (rt_task_self() == NULL)
		return -EPERM;
	if (rt_host_self() != &rt_host_kernel)
		rc = by_hand(from, from_offset, to, to_offset, length,
			     deadline, &moved);
	else if (from_offset != RT_IO_HERE && to_offset != RT_IO_HERE)
		rc = copy_file(from, from_offset, to, to_offset, length,
			       deadline, &moved);
	if (needs_pipe(rc) && moved == 0 &&
	    rt_host_self() == &rt_host_kernel)
		rc = by_pipe(from, from_offset, to, to_offset, length,
			     deadline, &moved);
	return rc ? rc : (int64_t)moved;
}
