/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: ticks that cost few ns to read, and their place on CLOCK_MONOTONIC.
 *
 * A tick is the CPU's invariant counter where there is one (x86-64 TSC,
 * aarch64 CNTVCT), else one ns of CLOCK_MONOTONIC; utils_clock_kind_now
 * tells which. Ticks of two processes of one machine can be compared if their
 * kinds are equal; those of two machines cannot.
 *
 * All functions may be called from any thread and never fail. The conversions
 * take no lock; the first one of a process younger than 1 ms sleeps until it
 * is that old. Results that do not fit saturate.
 */
#ifndef UTILS_CLOCK_H
#define UTILS_CLOCK_H

#include <stdint.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum utils_clock_kind {
	UTILS_CLOCK_MONOTONIC = 1,
	UTILS_CLOCK_TSC = 2,
	UTILS_CLOCK_CNTVCT = 3,
};

/* Set before main; read by utils_clock_ticks. */
extern enum utils_clock_kind utils_clock_kind_now;

/* The same as utils_clock_ticks, for it alone. */
uint64_t utils_clock_ticks_slow(void);

/* utils_clock_ticks returns the current tick. */
static inline uint64_t
utils_clock_ticks(void)
{
#if defined(__x86_64__)
	if (__builtin_expect(utils_clock_kind_now == UTILS_CLOCK_TSC, 1))
		return __rdtsc();
#endif
	return utils_clock_ticks_slow();
}

/* utils_clock_ns returns CLOCK_MONOTONIC in ns. */
uint64_t utils_clock_ns(void);

/*
 * utils_clock_to_ns returns the CLOCK_MONOTONIC ns at which a tick of the last
 * hours was taken; exact to about 1 us for ticks of the last second, in a
 * process that is older than that second.
 */
uint64_t utils_clock_to_ns(uint64_t ticks);

/* utils_clock_from_ns converts a duration: ns to ticks, rounded up. */
uint64_t utils_clock_from_ns(uint64_t ns);

/* utils_clock_span_ns converts a duration: ticks to ns. */
uint64_t utils_clock_span_ns(uint64_t ticks);

#endif
