/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable engine: epoll, and one thread beside it, the relay, that sleeps
 * on the bells' words and rings an eventfd which epoll watches. rt_wait_wake
 * rings that eventfd itself.
 *
 * An op on a stream is tried at once. If that would block it waits: its
 * descriptor is armed for one event, which has its reader and its writer tried
 * again. An event of what stood there before does no harm, for the same reason.
 * A descriptor stays in the set when nothing waits for it; one that was closed
 * and opened again meanwhile is found not to be there, and entered. Ops on
 * files are the helpers'.
 *
 * The relay goes on by itself: it notes what the words are, rings, and sleeps
 * on what it noted. It is told anything only when the words themselves are
 * others. A ring after the note ends its sleep at once; a ring before it came
 * before the eventfd's ring, which ends the worker's sleep. So none is lost,
 * and a bell costs two wakes.
 *
 * `lock` guards what the worker tells the relay.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch_thread.h"
#include "rt/rt_engine.h"

#define EVENTS 256	/* taken at a time */

/* Tags of the engine: the bell, or a descriptor with ops. */
#define TAG_BELL RT_ENGINE_TAG
#define TAG_OPS (RT_ENGINE_TAG << 1)

struct epoll {
	int ep;
	struct arch_bell bell;	/* the relay rings, epoll watches */
	struct arch_bell_seen told[RT_WAIT_BELLS_MAX + 1];
	uint32_t told_count;
	int running;
	pthread_t relay;

	pthread_mutex_t lock;
	le32_t news;		/* the relay sleeps on this too */
	struct arch_bell_seen words[RT_WAIT_BELLS_MAX + 1];
	uint32_t count;
	int stop;
};

static int
epoll_probe(void)
{
	return 0;
}

/* Note what the words are now; returns whether one has changed. */
static int
note(struct arch_bell_seen *words, uint32_t count)
{
	int changed = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct arch_bell bell = arch_bell_of_word(words[i].word);
		uint32_t now = arch_bell_look(&bell);

		changed |= now != words[i].seen;
		words[i].seen = now;
	}
	return changed;
}

static void *
relay_main(void *arg)
{
	struct arch_bell_seen words[RT_WAIT_BELLS_MAX + 2];
	struct epoll *e = arg;
	uint32_t count = 0;
	int stop = 0;

	/* its own name: that of another is written to a file */
	pthread_setname_np(pthread_self(), "vine-relay");
	words[0] = (struct arch_bell_seen){ &e->news, 0 };
	while (!stop) {
		int rc = arch_bell_wait_any(words, count + 1, RT_ENGINE_LONG);

		/* RELAY-R1: the words are noted before the eventfd is rung;
		 * pairs with RELAY-A1 in epoll_sleep(). */
		if (note(words + 1, count))
			arch_bell_ring(&e->bell, ~0u);
		if (rc == -EFAULT)	/* no futex on this memory */
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		if (!note(words, 1))
			continue;
		pthread_mutex_lock(&e->lock);
		stop = e->stop;
		count = e->count;
		memcpy(words + 1, e->words, count * sizeof(*words));
		pthread_mutex_unlock(&e->lock);
	}
	return NULL;
}

/* Have the relay sleep on these words from what the worker saw of them. */
static void
tell(struct epoll *e, const struct arch_bell_seen *bells, uint32_t count,
     int stop)
{
	struct arch_bell news = arch_bell_of_word(&e->news);

	pthread_mutex_lock(&e->lock);
	if (count)
		memcpy(e->words, bells, count * sizeof(*bells));
	e->count = count;
	e->stop = stop;
	pthread_mutex_unlock(&e->lock);
	arch_bell_ring(&news, ~0u);
}

static void
epoll_close(void *state)
{
	struct epoll *e = state;

	if (e->running) {
		tell(e, NULL, 0, 1);
		pthread_join(e->relay, NULL);
	}
	if (e->bell.fd >= 0)
		close(e->bell.fd);
	if (e->ep >= 0)
		close(e->ep);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static int
epoll_open(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct epoll *e = calloc(1, sizeof(*e));
	int rc = 0;

	if (e == NULL)
		return -ENOMEM;
	pthread_mutex_init(&e->lock, NULL);
	ev.data.u64 = TAG_BELL;
	e->ep = epoll_create1(EPOLL_CLOEXEC);
	e->bell = arch_bell_of_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (e->ep < 0 || e->bell.fd < 0 ||
	    epoll_ctl(e->ep, EPOLL_CTL_ADD, e->bell.fd, &ev) != 0)
		rc = -errno;
	if (rc == 0)
		rc = arch_thread_start(&e->relay, relay_main, e);
	e->running = rc == 0;
	if (rc)
		epoll_close(e);
	else
		*state = e;
	return rc;
}

static int
epoll_arm(void *state, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event ev = { .events = events | EPOLLONESHOT };
	struct epoll *e = state;

	ev.data.u64 = tag;
	/* one that fired is still there, asleep */
	if (epoll_ctl(e->ep, EPOLL_CTL_MOD, fd, &ev) == 0 ||
	    (errno == ENOENT && epoll_ctl(e->ep, EPOLL_CTL_ADD, fd, &ev) == 0))
		return 0;
	return -errno;
}

static void
epoll_disarm(void *state, int fd, uint64_t tag)
{
	struct epoll *e = state;

	(void)tag;
	epoll_ctl(e->ep, EPOLL_CTL_DEL, fd, NULL);
}

static int
epoll_wake_fd(void *state)
{
	struct epoll *e = state;

	return e->bell.fd;
}

/* --- ops --------------------------------------------------------------- */

static uint32_t
events_of(const struct rt_op *op)
{
	return op && !utils_link_on_list(&op->queued) ? rt_op_events(op) : 0;
}

/* Wait for what the ops at a descriptor wait for, but for those at rest. */
static int
arm_ops(struct epoll *e, const struct rt_fd *at, int fd)
{
	uint32_t events = events_of(at->in) | events_of(at->out);

	return events ? epoll_arm(e, fd, events, TAG_OPS | (uint32_t)fd) : 0;
}

static int
epoll_submit(void *state, struct rt_wait *wait, struct rt_op *op)
{
	int64_t result = -EAGAIN;

	if (rt_op_side(op) == 0)
		return rt_wait_help(wait, op);
	if (!op->tried)
		result = rt_op_carry(op);
	if (result == -EAGAIN)
		return arm_ops(state, rt_wait_fd(wait, op->fd), op->fd);
	rt_wait_finish(wait, op, result);
	return 0;
}

/* The event that is armed comes in vain, or for the other op. */
static void
epoll_cancel(void *state, struct rt_wait *wait, struct rt_op *op)
{
	(void)state;
	rt_wait_finish(wait, op, -ECANCELED);
}

static void
try_again(struct rt_wait *wait, struct rt_op *op)
{
	int64_t result = rt_op_carry(op);

	if (result != -EAGAIN)
		rt_wait_finish(wait, op, result);
	else
		rt_wait_in_vain(wait, op);
}

/* An op that nothing will wake is not left to wait. */
static void
arm_or_fail(struct epoll *e, struct rt_wait *wait, struct rt_fd *at, int fd)
{
	int rc = arm_ops(e, at, fd);

	if (rc && at->in)
		rt_wait_finish(wait, at->in, rc);
	if (rc && at->out)
		rt_wait_finish(wait, at->out, rc);
}

static void
epoll_again(void *state, struct rt_wait *wait, struct rt_op *op)
{
	arm_or_fail(state, wait, rt_wait_fd(wait, op->fd), op->fd);
}

static void
ops_ready(struct epoll *e, struct rt_wait *wait, int fd, uint32_t events)
{
	const uint32_t any = EPOLLERR | EPOLLHUP | EPOLLRDHUP;
	struct rt_fd *at = rt_wait_fd(wait, fd);

	if (at == NULL)
		return;
	if (at->in && events & (any | events_of(at->in)))
		try_again(wait, at->in);
	if (at->out && events & (any | events_of(at->out)))
		try_again(wait, at->out);
	arm_or_fail(e, wait, at, fd);
}

/* --- sleeping ---------------------------------------------------------- */

static int
wait_events(struct epoll *e, struct epoll_event *events, uint64_t limit_ns)
{
	struct timespec most = {
		.tv_sec = (time_t)(limit_ns / 1000000000u),
		.tv_nsec = (long)(limit_ns % 1000000000u),
	};
	int n = epoll_pwait2(e->ep, events, EVENTS,
			     limit_ns < RT_ENGINE_LONG ? &most : NULL, NULL);

	if (n >= 0 || errno != ENOSYS)
		return n;
	/* before Linux 5.11: whole ms, not less than asked for */
	return epoll_wait(e->ep, events, EVENTS,
			  (int)((limit_ns + 999999) / 1000000));
}

/* Are these the words that the relay knows? */
static int
same_words(const struct epoll *e, const struct arch_bell_seen *bells,
	   uint32_t count)
{
	if (count != e->told_count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (bells[i].word != e->told[i].word)
			return 0;
	return 1;
}

static int
epoll_sleep(void *state, struct rt_wait *wait,
	    const struct arch_bell_seen *bells, uint32_t count,
	    uint64_t limit_ns)
{
	struct epoll_event events[EVENTS];
	struct epoll *e = state;
	int n;

	if (count && !same_words(e, bells, count)) {
		memcpy(e->told, bells, count * sizeof(*bells));
		e->told_count = count;
		tell(e, bells, count, 0);
	}
	n = wait_events(e, events, limit_ns);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		/* RELAY-A1: the ring is taken back before the worker looks
		 * again at what the bells are about. */
		if (events[i].data.u64 == TAG_BELL)
			arch_bell_clear(&e->bell);
		else if (events[i].data.u64 & TAG_OPS)
			ops_ready(e, wait, (int)(uint32_t)events[i].data.u64,
				  events[i].events);
		else
			rt_wait_fired(wait, events[i].data.u64,
				      events[i].events);
	}
	return 0;
}

const struct rt_engine_ops rt_engine_epoll = {
	.name = "epoll",
	.tries = RT_OP_IN | RT_OP_OUT,
	.probe = epoll_probe,
	.open = epoll_open,
	.close = epoll_close,
	.arm = epoll_arm,
	.disarm = epoll_disarm,
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.again = epoll_again,
	.wake_fd = epoll_wake_fd,
	.sleep = epoll_sleep,
};
