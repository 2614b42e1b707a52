/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ladder: how long a side looks before it sleeps.
 *
 * Three rungs: look without a break, look with pauses between, sleep. A look
 * that ends in success costs tens of ns; a sleep costs a wake, tens of us. So
 * a side looks for as long as one wake costs and not longer: then it never
 * loses more than half against the best choice. What a wake costs is measured,
 * once in a process. Where the waits of late were so long that looking was in
 * vain, a side looks only for a moment, until waits are short again. A machine
 * with one CPU does not look at all: the other side could not run.
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

/* One waiter's memory of how its waits went. One thread at a time. */
struct arch_ladder {
	uint64_t begin;		/* ticks at the wait's first look at the clock */
	uint64_t mean;		/* ticks that waits last, a running mean */
	uint64_t wake;		/* ticks that a wake costs: the bound */
	uint32_t looks;		/* since the wait began, or the last sleep */
	uint32_t slept;		/* in this wait */
	uint32_t spin;		/* 1: never sleep */
};

/*
 * arch_ladder_init makes a ladder whose waits have been short so far; with
 * `spin` it never says sleep. The first call of a process measures a wake, for
 * about a millisecond; others of that time wait for it.
 */
void arch_ladder_init(struct arch_ladder *ladder, int spin);

/* arch_ladder_begin starts a wait. */
static inline void
arch_ladder_begin(struct arch_ladder *ladder)
{
	ladder->begin = 0;
	ladder->looks = 0;
	ladder->slept = 0;
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

/* arch_ladder_slept tells that the wait goes on after a sleep. */
static inline void
arch_ladder_slept(struct arch_ladder *ladder)
{
	ladder->looks = 0;
	ladder->slept = 1;
}

void arch_ladder_found_slow(struct arch_ladder *ladder);

/* arch_ladder_found ends a wait: there is what it waited for. */
static inline void
arch_ladder_found(struct arch_ladder *ladder)
{
	if (__builtin_expect(ladder->begin != 0 || ladder->mean != 0, 0))
		arch_ladder_found_slow(ladder);
}

/*
 * arch_ladder_wake_ns returns what a wake costs, as measured. Blocks as the
 * first arch_ladder_init does.
 */
uint64_t arch_ladder_wake_ns(void);

#endif
