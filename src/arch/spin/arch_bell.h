/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bell: how a sleeping side is woken. A hint, never a count.
 *
 * A side goes to sleep in three steps: say that it sleeps, look again, wait.
 * The other side publishes, then looks whether anyone said so. Between "say"
 * and "look again", and between "publish" and "look", a store must not be
 * overtaken by the load after it. On one kernel the sleeping side pays for
 * both (arch_bell_barrier interrupts every running thread that registered); a
 * side that the barrier cannot reach issues a fence itself.
 */
#ifndef ARCH_BELL_H
#define ARCH_BELL_H

#include <stdint.h>

#include "arch/arch_atomic.h"

/*
 * arch_bell_register lets barriers of other processes reach this process's
 * threads. Returns 1, or 0 where the kernel has no such barrier: then the
 * process's threads must use real fences. Idempotent.
 */
int arch_bell_register(void);

/*
 * arch_bell_barrier is a full fence here and in every running thread of every
 * registered process; it falls back to a fence here.
 */
void arch_bell_barrier(void);

/*
 * arch_bell_wait sleeps while *word is `seen`, at most timeout_ns, until a
 * wake whose mask shares a bit with `mask`. May return early. Returns 0, or
 * -ETIMEDOUT, -EINTR, or -EFAULT where the memory cannot be slept on.
 */
int arch_bell_wait(le32_t *word, uint32_t seen, uint32_t mask,
		   uint64_t timeout_ns);

/* A word to sleep on, and the value it had before the last look. */
struct arch_bell_seen {
	le32_t *word;
	uint32_t seen;
};

#define ARCH_BELL_WAIT_MAX 64

/*
 * arch_bell_wait_any is arch_bell_wait on up to ARCH_BELL_WAIT_MAX words at a
 * time, for every mask. Where the kernel cannot do that it sleeps on the first
 * word for at most 1 ms.
 */
int arch_bell_wait_any(const struct arch_bell_seen *words, uint32_t count,
		       uint64_t timeout_ns);

/*
 * arch_bell_ring changes *word and wakes every sleeper on it whose mask shares
 * a bit. Returns how many were woken.
 */
int arch_bell_ring(le32_t *word, uint32_t mask);

#endif
