/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause: operations with a sleep in front of each, so that the other side has
 * gone to sleep too, and the bare futex that they are held against.
 */
#ifndef VINE_BENCH_PAUSE_H
#define VINE_BENCH_PAUSE_H

#include <stdatomic.h>
#include <stdint.h>

#include "tools/vine_bench_pair.h"
#include "tools/vine_bench_timer.h"

#define VINE_BENCH_PAUSES 150	/* rounds; 2 ms each: a third of a second */

/* The words of a bare futex each way. */
struct vine_bench_bells {
	_Alignas(VINE_BENCH_APART) _Atomic uint32_t request;
	_Alignas(VINE_BENCH_APART) _Atomic uint32_t answer;
	_Atomic uint64_t tick;	/* of the answer, on its line */
};

/* vine_bench_bell_ring stores a value and wakes who sleeps on the word. */
static inline void
vine_bench_bell_ring(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
	vine_bench_futex_wake(word);
}

/* vine_bench_bell_await sleeps while the word is `old`; what it became. */
static inline uint32_t
vine_bench_bell_await(_Atomic uint32_t *word, uint32_t old)
{
	uint32_t now;

	while ((now = atomic_load_explicit(word, memory_order_acquire)) == old)
		vine_bench_futex_wait(word, old);
	return now;
}

/* vine_bench_nap sleeps, signals or not. */
void vine_bench_nap(uint64_t ms);

/*
 * vine_bench_paused times VINE_BENCH_PAUSES rounds of op with a nap of `ms` in
 * front of each, into the histogram; the median becomes the value, since chunks
 * say nothing here. *slept counts the rounds in which this thread itself slept.
 * Returns 0 or what op returned first.
 */
int vine_bench_paused(uint64_t ms, vine_bench_op op, void *arg,
		      struct vine_bench_result *result, int *slept);

/* vine_bench_by_median makes the histogram's median and mean the value's. */
void vine_bench_by_median(struct vine_bench_result *result);

#endif
