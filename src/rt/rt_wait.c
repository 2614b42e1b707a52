/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is watched stands in a table by descriptor. A tag is a descriptor and
 * the number of its watch, so that an event of an earlier watch, which an
 * engine may still have in hand, is told apart.
 *
 * Until the first watch no engine is needed: a sleep is one futex_waitv on the
 * bells and on a word of the wait's own, which rt_wait_wake changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/rt_engine.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"

#define NUMBERS 0x7fffffffu	/* of watches; 31 bits of a tag */
#define LONG_NS UINT64_C(3600000000000)	/* as good as for ever */

struct place {
	struct rt_watch *watch;	/* NULL: none */
	uint32_t number;	/* of its last watch */
};

struct rt_wait {
	const struct rt_engine_ops *ops;
	void *state;		/* the engine's; NULL until the first watch */
	int fixed;		/* no other engine will do */
	struct rt_timers timers;
	struct place *places;
	uint32_t room;
	uint32_t armed;		/* watches */
	uint32_t calls;		/* made in this sleep */
	le32_t poke;		/* rung by rt_wait_wake */
	uint32_t poked;		/* what it was after the last sleep */
};

int
rt_wait_new(enum rt_wait_engine engine, struct rt_wait **out)
{
	const struct rt_engine_ops *ops = &rt_engine_uring;
	struct rt_wait *w;

	if (engine == RT_WAIT_EPOLL ||
	    (engine == RT_WAIT_AUTO && rt_engine_uring.probe() != 0))
		ops = &rt_engine_epoll;
	/* once: a second probe may fail where there is little left */
	if (engine == RT_WAIT_URING && ops->probe() != 0)
		return -ENOSYS;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->ops = ops;
	w->fixed = engine != RT_WAIT_AUTO;
	*out = w;
	return 0;
}

void
rt_wait_free(struct rt_wait *wait)
{
	if (wait->state)
		wait->ops->close(wait->state);
	free(wait->places);
	free(wait);
}

const char *
rt_wait_engine_name(const struct rt_wait *wait)
{
	return wait->ops->name;
}

struct rt_timers *
rt_wait_timers(struct rt_wait *wait)
{
	return &wait->timers;
}

/* The engine, with the first watch. A ring may be refused: then epoll. */
static int
open_engine(struct rt_wait *w)
{
	int rc = w->ops->open(&w->state);

	if (rc && !w->fixed && w->ops != &rt_engine_epoll) {
		w->ops = &rt_engine_epoll;
		rc = w->ops->open(&w->state);
	}
	return rc;
}

static int
make_room(struct rt_wait *w, uint32_t fd)
{
	uint32_t room = w->room ? w->room : 64;
	struct place *more;

	if (fd < w->room)
		return 0;
	while (room <= fd)
		room *= 2;
	more = realloc(w->places, room * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	memset(more + w->room, 0, (room - w->room) * sizeof(*more));
	w->places = more;
	w->room = room;
	return 0;
}

static uint64_t
tag_of(const struct rt_wait *w, int fd)
{
	return (uint64_t)w->places[fd].number << 32 | (uint32_t)fd;
}

int
rt_wait_watch(struct rt_wait *wait, struct rt_watch *watch)
{
	struct place *place;
	int rc;

	if (fcntl(watch->fd, F_GETFD) < 0)
		return -EBADF;
	rc = make_room(wait, (uint32_t)watch->fd);
	if (rc == 0 && wait->places[watch->fd].watch)
		rc = -EEXIST;
	if (rc == 0 && wait->state == NULL)
		rc = open_engine(wait);
	if (rc)
		return rc;
	place = &wait->places[watch->fd];
	place->number = (place->number + 1) & NUMBERS;
	rc = wait->ops->arm(wait->state, watch->fd, watch->events,
			    tag_of(wait, watch->fd));
	if (rc)
		return rc;
	place->watch = watch;
	watch->armed = 1;
	wait->armed++;
	return 0;
}

void
rt_wait_unwatch(struct rt_wait *wait, struct rt_watch *watch)
{
	if (!watch->armed)
		return;
	wait->ops->disarm(wait->state, watch->fd, tag_of(wait, watch->fd));
	wait->places[watch->fd].watch = NULL;
	watch->armed = 0;
	wait->armed--;
}

void
rt_wait_fired(struct rt_wait *wait, uint64_t tag, uint32_t events)
{
	uint32_t fd = (uint32_t)tag;
	struct rt_watch *watch;

	if (fd >= wait->room || tag != tag_of(wait, (int)fd))
		return;
	watch = wait->places[fd].watch;
	if (watch == NULL)
		return;
	wait->places[fd].watch = NULL;
	watch->armed = 0;
	wait->armed--;
	wait->calls++;
	watch->ready(watch, events);
}

/* How long until the first timer, at most limit. */
static uint64_t
time_left(const struct rt_wait *w, uint64_t limit_ns)
{
	uint64_t next = rt_timers_next(&w->timers), now;

	if (limit_ns > LONG_NS)
		limit_ns = LONG_NS;
	if (next == RT_TIMER_NEVER)
		return limit_ns;
	now = utils_clock_ns();
	if (next <= now)
		return 0;
	return next - now < limit_ns ? next - now : limit_ns;
}

static uint32_t
run_timers(struct rt_wait *w)
{
	if (w->timers.first == NULL)
		return 0;
	return rt_timers_run(&w->timers, utils_clock_ns());
}

uint32_t
rt_wait_sleep(struct rt_wait *wait, const struct arch_bell_seen *bells,
	      uint32_t count, uint64_t limit_ns)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);
	struct arch_bell_seen all[RT_WAIT_BELLS_MAX + 1];
	int rc;

	if (count > RT_WAIT_BELLS_MAX)
		count = RT_WAIT_BELLS_MAX;
	if (count)
		memcpy(all, bells, count * sizeof(*all));
	all[count] = (struct arch_bell_seen){ &wait->poke, wait->poked };
	limit_ns = time_left(wait, limit_ns);
	wait->calls = 0;
	if (wait->armed)
		rc = wait->ops->sleep(wait->state, wait, all, count + 1,
				      limit_ns);
	else
		rc = arch_bell_wait_any(all, count + 1, limit_ns);
	if (rc && rc != -ETIMEDOUT && rc != -EINTR) {
		/* no futex on this memory: not all the time then */
		struct timespec nap = { 0, 1000000 };

		nanosleep(&nap, NULL);
	}
	wait->poked = arch_bell_look(&poke);
	return wait->calls + run_timers(wait);
}

uint32_t
rt_wait_poll(struct rt_wait *wait)
{
	wait->calls = 0;
	if (wait->armed)
		wait->ops->sleep(wait->state, wait, NULL, 0, 0);
	return wait->calls + run_timers(wait);
}

void
rt_wait_wake(struct rt_wait *wait)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);

	arch_bell_ring(&poke, ~0u);
}
