/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fds: what is under way at each descriptor of a wait: a watch, or operations.
 * A table by number. It belongs to the thread of its wait.
 */
#ifndef RT_FDS_H
#define RT_FDS_H

#include <stdint.h>

#include "rt/rt_op.h"

struct rt_host;
struct rt_watch;

struct rt_fd {
	struct rt_watch *watch;	/* NULL: none */
	uint32_t number;	/* of its last watch */
	struct rt_op *in;	/* the reader */
	struct rt_op *out;	/* the writer; may be the same op */
	struct rt_op *files;	/* the first of those at offsets */
	struct rt_op *close;	/* waits until there are no others */
};

/* Zero it to begin; rt_fds_free ends it. */
struct rt_fds {
	struct rt_fd *all;
	uint32_t room;
};

void rt_fds_free(struct rt_fds *fds);

/*
 * rt_fds_room makes room for a descriptor of a host. Places move. Returns 0, or
 * -EBADF if it is not open and there was no room yet, -ENOMEM.
 */
int rt_fds_room(struct rt_fds *fds, struct rt_host *host, int fd);

/* rt_fds_at returns the place of a descriptor, NULL where there is no room. */
static inline struct rt_fd *
rt_fds_at(const struct rt_fds *fds, int fd)
{
	return (uint32_t)fd < fds->room ? &fds->all[fd] : NULL;
}

/* rt_fd_is_idle tells whether no op but a close is at a descriptor. */
static inline int
rt_fd_is_idle(const struct rt_fd *fd)
{
	return fd->in == NULL && fd->out == NULL && fd->files == NULL;
}

/*
 * rt_fd_may tells whether an op may be entered: 0, or -EBADF if the descriptor
 * is being closed, -EBUSY if it is watched or another op has the place.
 */
int rt_fd_may(const struct rt_fd *fd, const struct rt_op *op);

/* rt_fd_add enters an op that may be. */
void rt_fd_add(struct rt_fd *fd, struct rt_op *op);

/* rt_fd_remove takes an op out that was entered. */
void rt_fd_remove(struct rt_fd *fd, struct rt_op *op);

#endif
