/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first 32 looks read no clock; from then on every 32nd does. The budget
 * adapts by doubling and halving, as halt polling does in KVM.
 */
#include <sched.h>
#include <unistd.h>

#include "arch/spin/arch_ladder.h"

/*
 * A futex round trip between two CPUs was measured as 22 to 46 us (two vCPUs
 * of an AMD EPYC, Linux 6.18, 2026): one wake is about half of it.
 */
#define WAKE_NS 20000u
#define SHRINK_MAX 16u

static uint64_t full_budget;	/* ticks; same in every thread */

static uint64_t
budget_of_machine(void)
{
	uint64_t ticks = __atomic_load_n(&full_budget, __ATOMIC_RELAXED);

	if (ticks)
		return ticks;
	ticks = utils_clock_from_ns(WAKE_NS);
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		ticks = 1;
	__atomic_store_n(&full_budget, ticks, __ATOMIC_RELAXED);
	return ticks;
}

void
arch_ladder_init(struct arch_ladder *ladder, int spin)
{
	ladder->start = 0;
	ladder->looks = 0;
	ladder->spin = (uint32_t)spin;
	ladder->budget = budget_of_machine();
}

int
arch_ladder_step_slow(struct arch_ladder *ladder)
{
	uint64_t now = utils_clock_ticks();

	if (ladder->looks == 32) {
		ladder->start = now;
		return ladder->budget <= 1 && !ladder->spin;
	}
	if (now - ladder->start < ladder->budget)
		return 0;
	if (!ladder->spin)
		return 1;
	/* pure spinning still lets others run where CPUs are short */
	if ((ladder->looks & 0xffff) == 0)
		sched_yield();
	return 0;
}

void
arch_ladder_found(struct arch_ladder *ladder)
{
	uint64_t full = budget_of_machine();

	if (ladder->looks <= 32)
		return;
	ladder->budget = ladder->budget < full / 2 ? ladder->budget * 2 : full;
}

void
arch_ladder_slept(struct arch_ladder *ladder)
{
	uint64_t full = budget_of_machine();

	if (ladder->budget > full / SHRINK_MAX)
		ladder->budget /= 2;
}

uint64_t
arch_ladder_wake_ns(void)
{
	return WAKE_NS;
}
