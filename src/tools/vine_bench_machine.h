/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine: where and with what a report was made.
 */
#ifndef VINE_BENCH_MACHINE_H
#define VINE_BENCH_MACHINE_H

#include "tools/vine_bench_timer.h"

struct vine_bench_machine {
	char date[32];		/* UTC, as 2026-01-31T12:00:00Z */
	char cpu[96];		/* the kernel's name for it, or "unknown" */
	char kernel[200];	/* sysname, release, machine */
	char pages[64];		/* huge pages of shared memory, as set */
	double load;		/* load average of a minute at the start */
	int cpus;		/* that are online */
	int virtual;		/* the cpu says that it has a hypervisor */
	char hypervisor[16];	/* as that calls itself: TCGTCGTCGTCG; "" */
	struct vine_bench_clock clock;
	const char *compiler;
	const char *warning;	/* why this build does not count, or NULL */
};

/* vine_bench_machine_look fills *machine. Cannot fail; takes some ms. */
void vine_bench_machine_look(const struct vine_bench_timer *timer,
			     struct vine_bench_machine *machine);

#endif
