/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer: how long an operation is repeated, and what comes of it.
 *
 * Two ways of timing, both over the same operation:
 * - each: a tick before and after every operation, into a histogram. A tick
 *   steps by some ns (10 on many machines), and one read is included.
 * - chunks: a tick every so many operations; the result is the median chunk.
 *   It is fine-grained, and other load on the cpus hardly moves it.
 * The cost of reading the clock is stated by the report and never subtracted:
 * a value and its limit contain it alike.
 *
 * The drivers are inlined with their operation, so that no call through a
 * pointer slows the limits down.
 */
#ifndef VINE_BENCH_TIMER_H
#define VINE_BENCH_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/vine_bench.h"
#include "utils/utils_clock.h"

#define VINE_BENCH_CHUNKS_MAX 65536
/* Round trips in a chunk: the 10 ns step becomes 0.16 ns. */
#define VINE_BENCH_BATCH 64

struct vine_bench_timer {
	uint64_t warm;		/* ticks of warm-up before each way */
	uint64_t run;		/* ticks of each way */
	double ns_per_tick;
	uint64_t *chunk;	/* durations, in ticks; CHUNKS_MAX of them */
	size_t chunks;		/* how many were taken */
};

/* What the clock is like on this machine. */
struct vine_bench_clock {
	const char *kind;	/* "tsc", "cntvct", "monotonic" */
	double step_ns;		/* by which two spans differ at the least */
	double read_ns;		/* median of one read, with its fence */
};

/* An operation: 0, or a negative errno that ends the measurement. */
typedef int (*vine_bench_op)(void *arg);

#define VINE_BENCH_INLINE static inline __attribute__((always_inline))

/*
 * vine_bench_now returns the current tick, not before the operations in front
 * of it have been carried out: RDTSC alone may run ahead of a pending load.
 */
VINE_BENCH_INLINE uint64_t
vine_bench_now(void)
{
#if defined(__x86_64__)
	_mm_lfence();
#endif
	return utils_clock_ticks();
}

/*
 * vine_bench_timer_init makes a timer of `time_ms` for each way and a tenth of
 * it for warm-up. vine_bench_timer_fini frees what it holds. Returns 0 or
 * -ENOMEM.
 */
int vine_bench_timer_init(struct vine_bench_timer *timer, uint64_t time_ms);
void vine_bench_timer_fini(struct vine_bench_timer *timer);

/* vine_bench_clock_look measures the clock itself. Takes about 3 ms. */
void vine_bench_clock_look(const struct vine_bench_timer *timer,
			   struct vine_bench_clock *clock);

/*
 * vine_bench_timer_ns writes the median and mean time of one operation, of
 * chunks of `ops` operations, to value and mean.
 */
void vine_bench_timer_ns(struct vine_bench_timer *timer, uint64_t ops,
			 struct vine_bench_result *result);

/* vine_bench_timer_rate is the same in 10^6 of `units` in each operation. */
void vine_bench_timer_rate(struct vine_bench_timer *timer, uint64_t ops,
			   double units, struct vine_bench_result *result);

/* vine_bench_median returns the median of n > 0 values, which it sorts. */
double vine_bench_median(double *values, size_t n);

/* vine_bench_timer_span converts ticks to ns, rounded. */
VINE_BENCH_INLINE uint64_t
vine_bench_timer_span(const struct vine_bench_timer *timer, uint64_t ticks)
{
	return (uint64_t)((double)ticks * timer->ns_per_tick + 0.5);
}

VINE_BENCH_INLINE int
vine_bench_timer_warm(const struct vine_bench_timer *timer, vine_bench_op op,
		      void *arg)
{
	uint64_t end = vine_bench_now() + timer->warm;
	int rc;

	do {
		rc = op(arg);
	} while (!rc && vine_bench_now() < end);
	return rc;
}

/* vine_bench_timer_each times every operation into the result's histogram. */
VINE_BENCH_INLINE int
vine_bench_timer_each(struct vine_bench_timer *timer, vine_bench_op op,
		      void *arg, struct vine_bench_result *result)
{
	uint64_t begin, now, end;
	int rc = vine_bench_timer_warm(timer, op, arg);

	result->has_hist = 1;
	begin = vine_bench_now();
	end = begin + timer->run;
	while (!rc && begin < end) {
		begin = vine_bench_now();
		rc = op(arg);
		now = vine_bench_now();
		utils_hist_record(&result->hist,
				  vine_bench_timer_span(timer, now - begin));
	}
	return rc;
}

/* vine_bench_timer_chunks times chunks of `ops` operations. */
VINE_BENCH_INLINE int
vine_bench_timer_chunks(struct vine_bench_timer *timer, uint64_t ops,
			vine_bench_op op, void *arg)
{
	uint64_t i, begin, now, end;
	int rc = vine_bench_timer_warm(timer, op, arg);

	timer->chunks = 0;
	now = vine_bench_now();
	end = now + timer->run;
	while (!rc && now < end && timer->chunks < VINE_BENCH_CHUNKS_MAX) {
		begin = now;
		for (i = 0; i < ops && !rc; i++)
			rc = op(arg);
		now = vine_bench_now();
		timer->chunk[timer->chunks++] = now - begin;
	}
	return rc;
}

/* vine_bench_timer_rtt times round trips both ways; value is the chunks'. */
VINE_BENCH_INLINE int
vine_bench_timer_rtt(struct vine_bench_timer *timer, vine_bench_op op,
		     void *arg, struct vine_bench_result *result)
{
	int rc = vine_bench_timer_each(timer, op, arg, result);

	if (!rc)
		rc = vine_bench_timer_chunks(timer, VINE_BENCH_BATCH, op, arg);
	if (!rc)
		vine_bench_timer_ns(timer, VINE_BENCH_BATCH, result);
	return rc;
}

#endif
