/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One open file for all peers of the segment, and each can make it blocking,
 * fill it or empty it. It is only read, so that a read cannot block
 * (arch_bell_clear), and at most every VINE_PEER_RING_MS. The thread of its
 * rt_wait alone.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "appliance/vined_bell.h"
#include "arch/spin/arch_bell.h"
#include "core/vine_pipe.h"
#include "core/vine_tally.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)

static void
hear(struct vined_bell *b)
{
	if (rt_wait_watch(b->wait, &b->rung) != 0)
		rt_timers_set(rt_wait_timers(b->wait), &b->calm,
			      utils_clock_ns() + VINE_PEER_RETRY_MS * MS);
}

static void
hear_again(struct rt_timer *timer)
{
	hear(timer->user);
}

static void
was_rung(struct rt_watch *watch, uint32_t events)
{
	struct arch_bell bell = arch_bell_of_fd(watch->fd);
	struct vined_bell *b = watch->user;
	uint64_t now = utils_clock_ns(), next;

	(void)events;
	vine_tally_add(b->pipe, VINE_COUNT_PEER_RINGS, arch_bell_clear(&bell));
	vine_pipe_ring(b->pipe);
	next = b->last_ring + VINE_PEER_RING_MS * MS;
	b->last_ring = now;
	if (now >= next)
		hear(b);
	else
		rt_timers_set(rt_wait_timers(b->wait), &b->calm,
			      now + VINE_PEER_RING_MS * MS);
}

void
vined_bell_init(struct vined_bell *b)
{
	*b = (struct vined_bell){ .rung = { .fd = -1 } };
}

int
vined_bell_open(struct vined_bell *b, struct rt_wait *wait, vine_pipe_s *pipe,
		int fd)
{
	b->wait = wait;
	b->pipe = pipe;
	b->rung = (struct rt_watch){ .ready = was_rung, .user = b,
		.fd = fd >= 0 ? fd : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.events = POLLIN };
	b->calm = (struct rt_timer){ .fire = hear_again, .user = b };
	return b->rung.fd < 0 ? -errno : rt_wait_watch(wait, &b->rung);
}

void
vined_bell_stop(struct vined_bell *b)
{
	if (b->wait == NULL)
		return;
	rt_timers_cancel(rt_wait_timers(b->wait), &b->calm);
	rt_wait_unwatch(b->wait, &b->rung);
}

void
vined_bell_close(struct vined_bell *b)
{
	vined_bell_stop(b);
	if (b->rung.fd >= 0)
		close(b->rung.fd);
	b->rung.fd = -1;
}
