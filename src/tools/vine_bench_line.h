/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line: one cache line bounced between two cpus, by a plain C11 loop: a
 * release store on one side, acquire loads on the other, no pause, no
 * time-out. The probe and the benchmark line1 are this very code.
 */
#ifndef VINE_BENCH_LINE_H
#define VINE_BENCH_LINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "tools/vine_bench_timer.h"

#define VINE_BENCH_LINE_END UINT64_MAX	/* the client's last word */

/* One side of the bounce: the word, and the number that was written last. */
struct vine_bench_line {
	_Atomic uint64_t *word;
	uint64_t last;
};

/* vine_bench_line_op is one round trip: odd numbers go, even ones return. */
VINE_BENCH_INLINE int
vine_bench_line_op(void *arg)
{
	struct vine_bench_line *line = arg;

	line->last += 2;
	atomic_store_explicit(line->word, line->last - 1,
			      memory_order_release);
	while (atomic_load_explicit(line->word, memory_order_acquire) !=
	       line->last)
		;
	return 0;
}

/* vine_bench_line_serve answers until VINE_BENCH_LINE_END. */
void vine_bench_line_serve(void *memory, uint64_t arg);

/* vine_bench_line_end tells the server to return. */
void vine_bench_line_end(struct vine_bench_line *line);

#endif
