/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe: the one-line bounce of vine_bench_line.h for a short time. It borrows
 * the timer's chunks and leaves its times as they were.
 */
#include "tools/vine_bench_probe.h"

#include "tools/vine_bench_line.h"

/* 30,000 bounces near: enough for a median to 1 %, little beside a run. */
#define PROBE_NS 3000000

double
vine_bench_probe(struct vine_bench_pair *pair, struct vine_bench_timer *timer)
{
	struct vine_bench_timer probe = *timer;
	struct vine_bench_result result = { .value = 0 };
	struct vine_bench_line line = { .last = 0 };

	probe.run = utils_clock_from_ns(PROBE_NS);
	probe.warm = probe.run / 10;
	line.word = vine_bench_pair_start(pair, VINE_BENCH_APART,
					  vine_bench_line_serve, 0);
	vine_bench_timer_chunks(&probe, VINE_BENCH_BATCH, vine_bench_line_op,
				&line);
	vine_bench_line_end(&line);
	vine_bench_pair_join(pair);
	vine_bench_timer_ns(&probe, VINE_BENCH_BATCH, &result);
	return result.value / 2;
}

enum vine_bench_distance
vine_bench_distance_of(double one_way_ns, const double bound[2])
{
	if (one_way_ns < bound[0])
		return VINE_BENCH_SMT;
	return one_way_ns <= bound[1] ? VINE_BENCH_NEAR : VINE_BENCH_FAR;
}

int
vine_bench_probe_busy(double one_way_ns, const double bound[2])
{
	return one_way_ns > 10 * bound[1];
}

const char *
vine_bench_distance_name(enum vine_bench_distance distance)
{
	static const char *const names[] = { "smt", "near", "far" };

	return names[distance];
}
