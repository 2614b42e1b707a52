/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A futex bell is a word that both sides have as ordinary memory of one kernel.
 * It changes at each ring, so that a ring between the sleeper's last look and
 * its wait is not lost: the kernel compares. futex_waitv has no bit masks; a
 * sleeper on several words wakes for any.
 *
 * An eventfd keeps the ring itself: it polls readable until its count is read.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "arch/spin/arch_bell.h"
#include "utils/utils_clock.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* As in linux/futex.h since 5.16, which older headers lack. */
struct waiter {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

#define WAITER_32 2u	/* a 32-bit word, shared between processes */

static int
membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

int
arch_bell_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
}

void
arch_bell_barrier(void)
{
	arch_fence();
	membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

static struct timespec
span(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000u),
		.tv_nsec = (long)(ns % 1000000000u),
	};
}

static struct timespec
deadline(uint64_t timeout_ns)
{
	return span(utils_clock_ns() + timeout_ns);
}

static int
wait_result(long rc)
{
	if (rc >= 0 || errno == EAGAIN)
		return 0;
	return -errno;
}

static int
word_wait(le32_t *word, uint32_t seen, uint32_t mask, uint64_t timeout_ns)
{
	struct timespec at = deadline(timeout_ns);

	return wait_result(syscall(SYS_futex, &word->v, FUTEX_WAIT_BITSET, seen,
				   &at, NULL, mask));
}

uint64_t
arch_bell_clear(const struct arch_bell *bell)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };
	ssize_t n;

	if (bell->kind != ARCH_BELL_EVENTFD)
		return 0;
	/* not by O_NONBLOCK: that is the open file's, and who else has it can
	 * take it back */
	n = preadv2(bell->fd, &iov, 1, -1, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		n = read(bell->fd, &count, sizeof(count));
	return n == sizeof(count) ? count : 0;
}

static int
fd_wait(const struct arch_bell *bell, uint64_t timeout_ns)
{
	struct pollfd p = { .fd = bell->fd, .events = POLLIN };
	struct timespec most = span(timeout_ns);
	int n = ppoll(&p, 1, &most, NULL);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (p.revents & POLLNVAL)
		return -EBADF;
	arch_bell_clear(bell);
	return 0;
}

uint32_t
arch_bell_look(const struct arch_bell *bell)
{
	return bell->kind == ARCH_BELL_FUTEX ? arch_load32(bell->word) : 0;
}

int
arch_bell_wait(const struct arch_bell *bell, uint32_t seen, uint32_t mask,
	       uint64_t timeout_ns)
{
	if (bell->kind == ARCH_BELL_EVENTFD)
		return fd_wait(bell, timeout_ns);
	if (bell->kind != ARCH_BELL_FUTEX)
		return -EBADF;
	return word_wait(bell->word, seen, mask, timeout_ns);
}

int
arch_bell_wait_any(const struct arch_bell_seen *words, uint32_t count,
		   uint64_t timeout_ns)
{
	struct waiter waiters[ARCH_BELL_WAIT_MAX];
	struct timespec at;
	int rc;

	if (count == 0) {
		struct timespec nap = span(timeout_ns);

		return nanosleep(&nap, NULL) == 0 ? -ETIMEDOUT : -errno;
	}
	if (count == 1)
		return word_wait(words[0].word, words[0].seen, ~0u,
				 timeout_ns);
	if (count > ARCH_BELL_WAIT_MAX)
		count = ARCH_BELL_WAIT_MAX;
	memset(waiters, 0, sizeof(waiters));
	for (uint32_t i = 0; i < count; i++) {
		waiters[i].val = words[i].seen;
		waiters[i].uaddr = (uintptr_t)&words[i].word->v;
		waiters[i].flags = WAITER_32;
	}
	at = deadline(timeout_ns);
	rc = wait_result(syscall(SYS_futex_waitv, waiters, count, 0, &at,
				 CLOCK_MONOTONIC));
	if (rc != -ENOSYS)
		return rc;
	if (timeout_ns > 1000000)
		timeout_ns = 1000000;
	return word_wait(words[0].word, words[0].seen, ~0u, timeout_ns);
}

int
arch_bell_ring(const struct arch_bell *bell, uint32_t mask)
{
	uint64_t one = 1;
	long woken;

	if (bell->kind == ARCH_BELL_EVENTFD) {
		/* EAGAIN: the count is full, so it has been rung */
		woken = write(bell->fd, &one, sizeof(one));
		(void)woken;
		return 0;
	}
	if (bell->kind == ARCH_BELL_REGISTER)
		arch_store32(bell->word, bell->value);
	if (bell->kind != ARCH_BELL_FUTEX)
		return 0;
	arch_add32(bell->word, 1);
	woken = syscall(SYS_futex, &bell->word->v, FUTEX_WAKE_BITSET, INT_MAX,
			NULL, NULL, mask);
	return woken > 0;
}
