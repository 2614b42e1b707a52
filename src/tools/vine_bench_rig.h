/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rig: what a run of a benchmark may use.
 */
#ifndef VINE_BENCH_RIG_H
#define VINE_BENCH_RIG_H

#include <sched.h>

#include "tools/vine_bench_appliance.h"
#include "tools/vine_bench_opts.h"
#include "tools/vine_bench_pair.h"
#include "tools/vine_bench_timer.h"

struct vine_bench_rig {
	const struct vine_bench_opts *opts;
	cpu_set_t cpus;		/* that vine-bench might use when it began */
	struct vine_bench_pair *pair;
	struct vine_bench_timer timer;
	struct vine_bench_appliance *appliance;
};

#endif
