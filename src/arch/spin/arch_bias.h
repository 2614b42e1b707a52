/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bias: mutual exclusion that costs one thread, the owner, two plain stores.
 *
 * A locked instruction drains the store buffer: with a slot just written, whose
 * line another core has, that is a line's journey on each task. Where one
 * thread comes all the time and others hardly ever, the others pay instead:
 * whoever takes the bias from the owner says so, interrupts every running
 * thread of the process with a barrier, and waits until the owner is out.
 *
 * Source: D. Dice et al., "Quickly Reacquirable Locks", 2003; the barrier in
 * place of the owner's fence as in Linux' membarrier(2).
 */
#ifndef ARCH_BIAS_H
#define ARCH_BIAS_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch/arch_atomic.h"

struct arch_bias {
	_Atomic uint32_t inside;	/* the owner is in */
	_Atomic uint32_t taken;		/* the owner must stay out */
	_Atomic uint32_t out;		/* and is known to be out */
};

/* 1: the kernel has no such barrier, the owner issues fences. Hidden, so that
 * it is read by one instruction and not through a table of addresses. */
extern int arch_bias_fences __attribute__((visibility("hidden")));

/* arch_bias_register prepares the process for arch_bias_take. Idempotent. */
void arch_bias_register(void);

/*
 * arch_bias_enter lets the owner in: 1, or 0 when the bias was taken from him.
 * The owner alone; not twice without arch_bias_leave.
 */
static inline int
arch_bias_enter(struct arch_bias *bias)
{
	atomic_store_explicit(&bias->inside, 1, memory_order_relaxed);
	if (__builtin_expect(arch_bias_fences, 0))
		arch_fence();
	/* BIAS-A1: `inside` before this look; pairs with BIAS-R1 in
	 * arch_bias_take_slow(), whose barrier stands in for a fence here. */
	arch_compiler_fence();
	if (__builtin_expect(atomic_load_explicit(&bias->taken,
						  memory_order_acquire), 0)) {
		atomic_store_explicit(&bias->inside, 0, memory_order_release);
		return 0;
	}
	return 1;
}

static inline void
arch_bias_leave(struct arch_bias *bias)
{
	/* BIAS-R2: what was done inside, before we are out; pairs with BIAS-A2
	 * in arch_bias_take_slow(). */
	atomic_store_explicit(&bias->inside, 0, memory_order_release);
}

/*
 * arch_bias_take keeps the owner out and waits until he is. Any thread, the
 * owner only while he is not inside; several at a time may, and exclude each
 * other by other means. Blocks for the few instructions that the owner may
 * still have to do, longer if he was preempted there.
 */
void arch_bias_take_slow(struct arch_bias *bias);

static inline void
arch_bias_take(struct arch_bias *bias)
{
	/* BIAS-A3: what the owner did is seen by whoever finds him out; pairs
	 * with BIAS-R3 in arch_bias_take_slow(). */
	if (!atomic_load_explicit(&bias->out, memory_order_acquire))
		arch_bias_take_slow(bias);
}

/* arch_bias_give lets the owner in again. */
static inline void
arch_bias_give(struct arch_bias *bias)
{
	atomic_store_explicit(&bias->out, 0, memory_order_relaxed);
	atomic_store_explicit(&bias->taken, 0, memory_order_release);
}

#endif
