/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs: what single things cost that a round trip is made of, measured on the
 * client's cpu alone.
 */
#ifndef VINE_BENCH_COSTS_H
#define VINE_BENCH_COSTS_H

#include "tools/vine_bench_rig.h"

/* vine_bench_cost_clock returns the ns of one read of the counter. */
double vine_bench_cost_clock(const struct vine_bench_rig *rig);

/* vine_bench_cost_call: of a system call that does nothing. */
double vine_bench_cost_call(const struct vine_bench_rig *rig);

/* vine_bench_cost_wake: of a futex wake where nobody sleeps. */
double vine_bench_cost_wake(const struct vine_bench_rig *rig);

/* vine_bench_cost_barrier: of a membarrier; NAN where there is none. */
double vine_bench_cost_barrier(const struct vine_bench_rig *rig);

/*
 * vine_bench_cost_switch: of a futex wake, a futex wait and a switch between
 * two threads of one cpu; NAN where no thread can be started.
 */
double vine_bench_cost_switch(const struct vine_bench_rig *rig);

/*
 * vine_bench_instructions_open opens a counter of the calling thread's
 * instructions in user space. Returns a descriptor to close, or -errno where
 * the machine, or the right to use it, is missing.
 */
int vine_bench_instructions_open(void);

/* vine_bench_instructions_read returns what it counted; 0: cannot be read. */
uint64_t vine_bench_instructions_read(int fd);

#endif
