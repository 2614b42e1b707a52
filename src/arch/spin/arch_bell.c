/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futex bells. The word lies in the segment and both sides have it as ordinary
 * memory of one kernel. The word changes at each ring, so that a ring between
 * the sleeper's last look and its wait is not lost: the kernel compares.
 *
 * futex_waitv has no bit masks; a sleeper on several words wakes for any.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
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
deadline(uint64_t timeout_ns)
{
	uint64_t at = utils_clock_ns() + timeout_ns;

	return (struct timespec){
		.tv_sec = (time_t)(at / 1000000000u),
		.tv_nsec = (long)(at % 1000000000u),
	};
}

static int
wait_result(long rc)
{
	if (rc >= 0 || errno == EAGAIN)
		return 0;
	return -errno;
}

int
arch_bell_wait(le32_t *word, uint32_t seen, uint32_t mask, uint64_t timeout_ns)
{
	struct timespec at = deadline(timeout_ns);

	return wait_result(syscall(SYS_futex, &word->v, FUTEX_WAIT_BITSET, seen,
				   &at, NULL, mask));
}

int
arch_bell_wait_any(const struct arch_bell_seen *words, uint32_t count,
		   uint64_t timeout_ns)
{
	struct waiter waiters[ARCH_BELL_WAIT_MAX];
	struct timespec at;
	int rc;

	if (count == 0) {
		struct timespec nap = {
			.tv_sec = (time_t)(timeout_ns / 1000000000u),
			.tv_nsec = (long)(timeout_ns % 1000000000u),
		};

		return nanosleep(&nap, NULL) == 0 ? -ETIMEDOUT : -errno;
	}
	if (count == 1)
		return arch_bell_wait(words[0].word, words[0].seen, ~0u,
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
	return arch_bell_wait(words[0].word, words[0].seen, ~0u, timeout_ns);
}

int
arch_bell_ring(le32_t *word, uint32_t mask)
{
	long woken;

	arch_add32(word, 1);
	woken = syscall(SYS_futex, &word->v, FUTEX_WAKE_BITSET, INT_MAX, NULL,
			NULL, mask);
	return woken < 0 ? 0 : (int)woken;
}
