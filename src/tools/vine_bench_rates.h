/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates: what the rates of vine_bench_table.def, of tasks and of bare rings,
 * have in common.
 */
#ifndef VINE_BENCH_RATES_H
#define VINE_BENCH_RATES_H

#include <stdint.h>

/* How task rates differ: the table's column b. */
enum vine_bench_rate {
	VINE_BENCH_RATE_TOUCH = 1,	/* the client writes and reads data */
	VINE_BENCH_RATE_NOSTAMP = 2,	/* tasks carry no timestamps */
};

/*
 * vine_bench_rate_chunk returns the operations of a chunk at a window: many
 * windows, so that its ends do not count, and yet so few that a chunk is much
 * shorter than a time slice of the kernel.
 */
static inline uint64_t
vine_bench_rate_chunk(uint64_t window)
{
	return window < 32 ? 512 : 16 * window;
}

#endif
