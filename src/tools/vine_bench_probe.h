/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe: how far apart the two cpus are, now.
 *
 * On a virtual machine the host moves virtual cpus between cores that share
 * execution units, that share a cache, or neither, within seconds, and results
 * move with it by a factor of 3 to 10. The distance is judged by the one-way
 * time of one cache line; topology is not asked, since a guest's is invented.
 */
#ifndef VINE_BENCH_PROBE_H
#define VINE_BENCH_PROBE_H

#include "tools/vine_bench_pair.h"
#include "tools/vine_bench_timer.h"

enum vine_bench_distance {
	VINE_BENCH_SMT,		/* two threads of one core */
	VINE_BENCH_NEAR,	/* two cores that share a cache */
	VINE_BENCH_FAR,		/* farther */
	VINE_BENCH_DISTANCES	/* how many there are */
};

/*
 * vine_bench_probe measures the one-way time, in ns, of one line between the
 * pair: the median of chunks, over 3 ms. The pair must be idle, and nobody
 * else may be busy on its cpus.
 */
double vine_bench_probe(struct vine_bench_pair *pair,
			struct vine_bench_timer *timer);

/*
 * vine_bench_distance_of judges a one-way time: below bound[0] smt, up to
 * bound[1] near, above it far.
 */
enum vine_bench_distance vine_bench_distance_of(double one_way_ns,
						const double bound[2]);

/*
 * vine_bench_probe_busy tells a reading that no distance explains: a cpu was
 * taken away during most of the probe. Its bound is 10 times that of far.
 */
int vine_bench_probe_busy(double one_way_ns, const double bound[2]);

/* vine_bench_distance_name returns "smt", "near" or "far". */
const char *vine_bench_distance_name(enum vine_bench_distance distance);

#endif
