/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: the one point at which a thread of the appliance sleeps, for bells,
 * descriptors and timers at a time.
 *
 * Bells are given to each sleep, because to sleep on them is a protocol of its
 * own (arch_bell.h). Descriptors are watched and timers set beforehand; they
 * call back, on the waiting thread, out of rt_wait_sleep and rt_wait_poll. A
 * watch is for one time: it ends with its call.
 *
 * A wait belongs to one thread. Only rt_wait_wake is for others.
 */
#ifndef RT_WAIT_H
#define RT_WAIT_H

#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "rt/rt_timer.h"

struct rt_host;
struct rt_wait;

/* How descriptors are waited for. Bells alone are the same futex for both. */
enum rt_wait_engine {
	RT_WAIT_AUTO,	/* io_uring where the kernel can, else epoll */
	RT_WAIT_URING,	/* everything in one io_uring_enter; Linux 6.7 */
	RT_WAIT_EPOLL,	/* a thread turns bells into an eventfd */
};

#define RT_WAIT_BELLS_MAX (ARCH_BELL_WAIT_MAX - 2u)

/* A descriptor that is watched. Zero it, set all but the last. */
struct rt_watch {
	void (*ready)(struct rt_watch *watch, uint32_t events);
	void *user;		/* kept for you */
	int fd;
	uint32_t events;	/* of poll(2): POLLIN, POLLOUT */
	uint32_t armed;		/* the wait's */
};

/*
 * rt_wait_new makes a wait. What descriptors need is made with the first watch.
 * Any thread. Returns 0, or -ENOSYS where the kernel does not have the engine
 * that is asked for, -ENOMEM.
 */
int rt_wait_new(enum rt_wait_engine engine, struct rt_wait **wait);

/* rt_wait_free ends a wait; no call of its thread is under way. */
void rt_wait_free(struct rt_wait *wait);

/* rt_wait_engine_name returns "io_uring" or "epoll". */
const char *rt_wait_engine_name(const struct rt_wait *wait);

/*
 * rt_wait_watch has ready called once, when one of the events, an error or a
 * hang-up is there. The caller keeps the watch in place and the descriptor open
 * until then or until rt_wait_unwatch. One watch at a time for a descriptor.
 * Does not block. Returns 0, or -EBADF, -EEXIST where the descriptor is
 * watched, -EPERM where it cannot be (a file on a disk), -ENOMEM, -EMFILE.
 */
int rt_wait_watch(struct rt_wait *wait, struct rt_watch *watch);

/*
 * rt_wait_unwatch ends a watch without a call. Nothing happens if it was not
 * armed. The descriptor may be closed afterwards.
 */
void rt_wait_unwatch(struct rt_wait *wait, struct rt_watch *watch);

/* rt_wait_now returns the time of its clock, ns; most often CLOCK_MONOTONIC. */
uint64_t rt_wait_now(const struct rt_wait *wait);

/* rt_wait_host returns whose descriptors they are (rt_host.h). */
struct rt_host *rt_wait_host(const struct rt_wait *wait);

/* rt_wait_timers returns the timers that the wait runs. */
struct rt_timers *rt_wait_timers(struct rt_wait *wait);

/*
 * rt_wait_sleep sleeps until one of the bells is rung, something that is
 * watched or set has come, or rt_wait_wake was called since the last sleep; at
 * most limit_ns. Then it calls back. May return early. At most
 * RT_WAIT_BELLS_MAX bells. Returns how many calls it made.
 */
uint32_t rt_wait_sleep(struct rt_wait *wait, const struct arch_bell_seen *bells,
		       uint32_t count, uint64_t limit_ns);

/*
 * rt_wait_poll calls back for what is there, without sleeping; for a thread
 * that is too busy to sleep. Costs nothing while nothing is watched or set.
 * Returns how many calls it made.
 */
uint32_t rt_wait_poll(struct rt_wait *wait);

/*
 * rt_wait_wake ends this sleep, or the next. Any thread that has the same table
 * of descriptors as the wait's: it may be an eventfd that is rung.
 */
void rt_wait_wake(struct rt_wait *wait);

#endif
