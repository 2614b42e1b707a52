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

#include <stddef.h>
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

/* What ops of a confined wait may do, beside waiting for readiness. */
#define RT_WAIT_DATA 1u		/* read, write, receive, send, accept */
#define RT_WAIT_SOCKETS 2u	/* connect, sendmsg */
#define RT_WAIT_DISKS 4u	/* fsync */

/*
 * rt_wait_confine makes now what descriptors need, and has the kernel hold it
 * to `may` for good. For a thread that is about to be behind a filter of system
 * calls, which would not see what goes through a ring, and would forbid to make
 * one. What is not in `may` ends with -EACCES; nothing changes for the epoll
 * engine, which makes system calls. The wait's thread, before its first watch
 * or op: -EBUSY else. Returns 0; or, where RT_WAIT_URING was asked for, -ENOSYS before Linux
 * 6.8, where a ring could come from another process, or an error of making one.
 */
int rt_wait_confine(struct rt_wait *wait, uint32_t may);

/*
 * rt_wait_register tells the engine of memory that files will be read into and
 * written from, such as a segment's, so that it need not be pinned for each
 * operation: for reads and writes by O_DIRECT, of VINE_RT_AREA_MIN bytes or
 * more, that lie in it. They work alike without. All of the memory is pinned: it
 * is allocated, and counts towards RLIMIT_MEMLOCK. It stays mapped until
 * rt_wait_unregister, with the same range. The wait's thread. Returns 0, too
 * where the engine has no use for it; or -ENOMEM, -EFAULT for memory that
 * cannot be pinned, -ENOSPC for more than VINE_RT_AREAS areas, of 1 GiB or a
 * part of one each, -EACCES where the wait is confined, or an error of making
 * what descriptors need.
 */
int rt_wait_register(struct rt_wait *wait, void *base, size_t length);
void rt_wait_unregister(struct rt_wait *wait, const void *base, size_t length);

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
