/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ladder: how long a side looks before it sleeps.
 *
 * Three rungs: look without a break, look with pauses between, sleep. A look
 * that ends in success costs tens of ns; a sleep costs a wake, tens of us. So
 * a side looks for as long as one wake costs and not longer: then it never
 * loses more than half against the best choice. If looking did not help the
 * last times the next look is shorter, down to a sixteenth; if it did, longer.
 * A machine with one CPU does not look at all: the other side could not run.
 *
 * Source of the bound: A. Karlin et al., "Empirical studies of competitive
 * spinning for a shared-memory multiprocessor", SOSP 1991.
 */
#ifndef ARCH_LADDER_H
#define ARCH_LADDER_H

#include <stdint.h>

#include "arch/arch_atomic.h"
#include "utils/utils_clock.h"

#define ARCH_LADDER_EAGER 256u	/* looks without a pause between them */

/* One waiter's memory of how looking went. Zero it to begin. */
struct arch_ladder {
	uint64_t start;		/* ticks at the first look of this wait */
	uint64_t budget;	/* ticks to look; 0: not set yet */
	uint32_t looks;
	uint32_t spin;		/* 1: never sleep */
};

void arch_ladder_init(struct arch_ladder *ladder, int spin);

/* arch_ladder_begin starts a wait. */
static inline void
arch_ladder_begin(struct arch_ladder *ladder)
{
	ladder->looks = 0;
}

int arch_ladder_step_slow(struct arch_ladder *ladder);

/*
 * arch_ladder_step is called after each look that found nothing. Returns 0 to
 * look again, 1 when it is time to sleep.
 */
static inline int
arch_ladder_step(struct arch_ladder *ladder)
{
	ladder->looks++;
	if (ladder->looks & 31) {
		/* a pause may take longer than a line takes to come, so the
		 * first looks go without */
		if (ladder->looks > ARCH_LADDER_EAGER)
			arch_pause();
		return 0;
	}
	return arch_ladder_step_slow(ladder);
}

/* arch_ladder_found tells that a look succeeded before a sleep was needed. */
void arch_ladder_found(struct arch_ladder *ladder);

/* arch_ladder_slept tells that looking was in vain: look less next time. */
void arch_ladder_slept(struct arch_ladder *ladder);

/* arch_ladder_wake_ns returns what a wake costs, as taken for the bound. */
uint64_t arch_ladder_wake_ns(void);

#endif
