/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates: numbers of vine_bench_table.def that those who measure look at, and
 * what the rates of tasks and of bare rings have in common.
 */
#ifndef VINE_BENCH_RATES_H
#define VINE_BENCH_RATES_H

#include <stdint.h>

/* How task rates differ: the table's column b. */
enum vine_bench_rate {
	VINE_BENCH_RATE_TOUCH = 1,	/* the client writes and reads data */
	VINE_BENCH_RATE_NOSTAMP = 2,	/* tasks carry no timestamps */
};

/* What an idle queue may take, in bytes: the table's column b. */
enum vine_bench_queue_bytes {
	VINE_BENCH_QUEUE_SEGMENT = 24 << 10,
	VINE_BENCH_QUEUE_PRIVATE = 1 << 10,
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
