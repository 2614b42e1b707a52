/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking the bias is rare and may be slow: one system call that interrupts the
 * threads of this process which run, and a wait for the owner.
 */
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/spin/arch_bias.h"

int arch_bias_fences;

void
arch_bias_register(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		    0, 0) != 0)
		__atomic_store_n(&arch_bias_fences, 1, __ATOMIC_RELAXED);
}

void
arch_bias_take_slow(struct arch_bias *bias)
{
	atomic_store(&bias->taken, 1);
	/* BIAS-R1: `taken` before the look below, and a fence in every thread
	 * of this process that runs. */
	arch_fence();
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	/* BIAS-A2: pairs with BIAS-R2 in arch_bias_leave(). */
	while (atomic_load_explicit(&bias->inside, memory_order_acquire))
		sched_yield();
	/* BIAS-R3: pairs with BIAS-A3 in arch_bias_take(). */
	atomic_store_explicit(&bias->out, 1, memory_order_release);
}
