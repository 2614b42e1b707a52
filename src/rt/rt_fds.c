/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table grows by doubling, up to the highest number that was seen. A number
 * that is not open does not make it grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_fds.h"
#include "rt/rt_host.h"

#define ROOM_MIN 64u

void
rt_fds_free(struct rt_fds *fds)
{
	free(fds->all);
	fds->all = NULL;
	fds->room = 0;
}

int
rt_fds_room(struct rt_fds *fds, struct rt_host *host, int fd)
{
	uint32_t room = fds->room ? fds->room : ROOM_MIN;
	struct rt_fd *more;

	if (rt_fds_at(fds, fd))
		return 0;
	if (!host->ops->is_open(host, fd))
		return -EBADF;
	while (room <= (uint32_t)fd)
		room *= 2;
	more = realloc(fds->all, room * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	memset(more + fds->room, 0, (room - fds->room) * sizeof(*more));
	fds->all = more;
	fds->room = room;
	return 0;
}

int
rt_fd_may(const struct rt_fd *fd, const struct rt_op *op)
{
	uint32_t side = rt_op_side(op);

	if (fd->close)
		return -EBADF;
	if (fd->watch || (side & RT_OP_IN && fd->in) ||
	    (side & RT_OP_OUT && fd->out))
		return -EBUSY;
	return 0;
}

void
rt_fd_add(struct rt_fd *fd, struct rt_op *op)
{
	uint32_t side = rt_op_side(op);

	if (op->kind == RT_OP_CLOSE) {
		fd->close = op;
		return;
	}
	if (side & RT_OP_IN)
		fd->in = op;
	if (side & RT_OP_OUT)
		fd->out = op;
	if (side)
		return;
	op->before = NULL;
	op->after = fd->files;
	if (op->after)
		op->after->before = op;
	fd->files = op;
}

void
rt_fd_remove(struct rt_fd *fd, struct rt_op *op)
{
	uint32_t side = rt_op_side(op);

	if (fd->close == op) {
		fd->close = NULL;
		return;
	}
	if (side & RT_OP_IN)
		fd->in = NULL;
	if (side & RT_OP_OUT)
		fd->out = NULL;
	if (side)
		return;
	if (op->before)
		op->before->after = op->after;
	else
		fd->files = op->after;
	if (op->after)
		op->after->before = op->before;
}
