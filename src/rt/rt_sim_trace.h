/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace: the last things that happened in a simulation, and a digest of all.
 * For rt_sim*.c.
 */
#ifndef RT_SIM_TRACE_H
#define RT_SIM_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "core/vine_limits.h"

struct rt_sim_line {
	uint64_t at;
	uint32_t node;		/* 0: the world */
	const char *what;	/* stays in place */
	char who[VINE_RT_NAME];	/* a task, or "" */
	int64_t a, b;
};

/* Zero it to begin. */
struct rt_sim_trace {
	uint64_t digest;
	uint64_t count;		/* of lines so far */
	struct rt_sim_line lines[VINE_RT_SIM_TRACE];
};

/* rt_sim_trace_fold takes a number into the digest. */
void rt_sim_trace_fold(struct rt_sim_trace *trace, uint64_t number);

/* rt_sim_trace_add does so for a line, and keeps it. who: a name or NULL. */
void rt_sim_trace_add(struct rt_sim_trace *trace, uint64_t at, uint32_t node,
		      const char *what, const char *who, int64_t a, int64_t b);

/* rt_sim_trace_print writes the lines that are kept, oldest first. */
void rt_sim_trace_print(const struct rt_sim_trace *trace, FILE *to);

#endif
