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
 *
 * A bell has two ends: one is rung, at the other one waits. Each side keeps the
 * end of the other's bell that it rings, and the end of its own. Inside one
 * kernel both are the same object, a word or an eventfd; they are named apart
 * because between machines they are not.
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

enum arch_bell_kind {
	ARCH_BELL_FUTEX,	/* a word in memory of both sides */
	ARCH_BELL_EVENTFD,	/* a descriptor; can be polled and handed over */
	ARCH_BELL_REGISTER,	/* of a device: this end can be rung only */
	ARCH_BELL_NONE,		/* nobody hears it: the other side looks */
};

/* An end of a bell. It owns nothing: copy it as you like. */
struct arch_bell {
	enum arch_bell_kind kind;
	union {
		le32_t *word;	/* or the register */
		int fd;
	};
	uint32_t value;		/* what is written to a register */
};

/* arch_bell_of_word returns the end, either one, of a bell in memory. */
static inline struct arch_bell
arch_bell_of_word(le32_t *word)
{
	return (struct arch_bell){ .kind = ARCH_BELL_FUTEX, .word = word };
}

/*
 * arch_bell_of_fd returns the end, either one, of a bell that is an eventfd. It
 * should be non-blocking. The caller keeps the descriptor and closes it.
 */
static inline struct arch_bell
arch_bell_of_fd(int fd)
{
	return (struct arch_bell){ .kind = ARCH_BELL_EVENTFD, .fd = fd };
}

/*
 * arch_bell_of_register returns the end that is rung of a bell that is a
 * register of a device, by writing `value` to it. Its other end is the device's
 * affair: an interrupt, or an eventfd of another machine.
 */
static inline struct arch_bell
arch_bell_of_register(le32_t *at, uint32_t value)
{
	return (struct arch_bell){ .kind = ARCH_BELL_REGISTER, .word = at,
				   .value = value };
}

/* arch_bell_none returns an end of no bell. */
static inline struct arch_bell
arch_bell_none(void)
{
	return (struct arch_bell){ .kind = ARCH_BELL_NONE };
}

/*
 * arch_bell_ring wakes who waits at the other end or will wait next. Of a word
 * it wakes every sleeper whose mask shares a bit; an eventfd has no masks.
 * Never blocks, but at an eventfd that another process has filled and made
 * blocking: ring no such one. Returns 1 if somebody slept, 0 if not or if that
 * cannot be known. Any thread.
 */
int arch_bell_ring(const struct arch_bell *bell, uint32_t mask);

/*
 * arch_bell_look returns what the wait needs to know that the bell has not been
 * rung since. Before the last look at what the bell is about.
 */
uint32_t arch_bell_look(const struct arch_bell *bell);

/*
 * arch_bell_wait sleeps until the bell is rung, with a mask that shares a bit
 * with `mask`, or has been since arch_bell_look returned `seen`; at most
 * timeout_ns. May return early. One thread at a time may wait on an eventfd;
 * its rings are taken back. Returns 0, or -ETIMEDOUT, -EINTR, or -EFAULT,
 * -EBADF where the end cannot be waited on: then it has not slept.
 */
int arch_bell_wait(const struct arch_bell *bell, uint32_t seen, uint32_t mask,
		   uint64_t timeout_ns);

/*
 * arch_bell_clear takes back the rings of an eventfd: until the next ring it
 * does not poll readable. Of a word there is nothing to take back. Returns how
 * often it had been rung, 0 if it was not; others may have filled it. Never
 * blocks, even if another process that has the eventfd made it blocking (before
 * Linux 5.8 it then may). Whoever waits at that end.
 */
uint64_t arch_bell_clear(const struct arch_bell *bell);

/* A word to sleep on, and the value it had before the last look. */
struct arch_bell_seen {
	le32_t *word;
	uint32_t seen;
};

#define ARCH_BELL_WAIT_MAX 64

/*
 * arch_bell_wait_any is arch_bell_wait on up to ARCH_BELL_WAIT_MAX words at a
 * time, for every mask. Where the kernel cannot do that it sleeps on the first
 * word for at most 1 ms. Descriptors beside words: rt/rt_wait.h.
 */
int arch_bell_wait_any(const struct arch_bell_seen *words, uint32_t count,
		       uint64_t timeout_ns);

#endif
