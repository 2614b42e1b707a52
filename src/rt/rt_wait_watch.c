/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watches of a wait stand in its table by descriptor (rt_fds), beside what
 * is under way there. A watch's tag is a descriptor and the number of the
 * watch, so that an event of an earlier watch, which an engine may still have
 * in hand, is told apart.
 */
#include <errno.h>

#include "rt/rt_wait_inside.h"

#define NUMBERS 0x3fffffffu	/* of watches; 30 bits of a tag */

static uint64_t
tag_of(const struct rt_fd *at, int fd)
{
	return (uint64_t)at->number << 32 | (uint32_t)fd;
}

int
rt_wait_watch(struct rt_wait *wait, struct rt_watch *watch)
{
	int rc = watch->fd < 0 ? -EBADF : rt_fds_room(&wait->fds, wait->host,
						      watch->fd);
	struct rt_fd *at;

	if (rc)
		return rc;
	at = rt_fds_at(&wait->fds, watch->fd);
	if (at->watch || at->close || !rt_fd_is_idle(at))
		return -EEXIST;
	rc = rt_wait_open_engine(wait);
	if (rc)
		return rc;
	at->number = (at->number + 1) & NUMBERS;
	rc = wait->ops->arm(wait->state, watch->fd, watch->events,
			    tag_of(at, watch->fd));
	if (rc)
		return rc;
	at->watch = watch;
	watch->armed = 1;
	wait->armed++;
	return 0;
}

static struct rt_watch *
take_watch(struct rt_wait *w, struct rt_fd *at)
{
	struct rt_watch *watch = at->watch;

	at->watch = NULL;
	watch->armed = 0;
	w->armed--;
	return watch;
}

void
rt_wait_unwatch(struct rt_wait *wait, struct rt_watch *watch)
{
	struct rt_fd *at = rt_fds_at(&wait->fds, watch->fd);

	if (!watch->armed)
		return;
	wait->ops->disarm(wait->state, watch->fd, tag_of(at, watch->fd));
	take_watch(wait, at);
}

void
rt_wait_fired(struct rt_wait *wait, uint64_t tag, uint32_t events)
{
	int fd = (int)(uint32_t)tag;
	struct rt_fd *at = rt_fds_at(&wait->fds, fd);
	struct rt_watch *watch;

	if (at == NULL || tag != tag_of(at, fd) || at->watch == NULL)
		return;
	watch = take_watch(wait, at);
	wait->calls++;
	watch->ready(watch, events);
}
