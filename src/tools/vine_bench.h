/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benchmark: one thing that vine-bench measures, and what one measurement of
 * it yields.
 *
 * Every benchmark stands in vine_bench_table.def. A repetition of it is:
 * probe the distance of the two cpus, measure its limit, measure it, probe
 * again. So a value and the limit that it is held against are always taken
 * within the same fraction of a second at the same distance.
 */
#ifndef VINE_BENCH_H
#define VINE_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "utils/utils_hist.h"

/* What a value counts. Of rates more is better, of the others less. */
enum vine_bench_unit {
	VINE_BENCH_NS,		/* ns for one operation */
	VINE_BENCH_MS,		/* ms for one operation */
	VINE_BENCH_MOPS,	/* million operations a second */
	VINE_BENCH_GBPS,	/* 10^9 bytes a second */
	VINE_BENCH_MSPS,	/* ms of cpu time in a second */
	VINE_BENCH_BYTES,	/* bytes */
	VINE_BENCH_CALLS,	/* in a task */
	VINE_BENCH_KOPS,	/* thousand operations a second */
};

/* Which appliance has to be there. */
enum vine_bench_need {
	VINE_BENCH_NOTHING,	/* none; the processes of vine-bench alone */
	VINE_BENCH_VINED_SPIN,	/* vined that never sleeps */
	VINE_BENCH_VINED_LADDER, /* vined that spins, pauses, then sleeps */
	VINE_BENCH_PIPE,	/* a process of vine-bench behind vine_pipe.h */
	VINE_BENCH_NEEDS	/* how many there are */
};

struct vine_bench_rig;		/* vine_bench_rig.h */
struct vine_bench_result;

struct vine_bench {
	const char *name;
	const char *group;
	enum vine_bench_unit unit;
	enum vine_bench_need need;
	const char *limit;	/* name of the benchmark it is held against,
				 * or what the benchmark itself measures as
				 * its limit; NULL: it has none */
	double budget;		/* agreed bound on value / limit; 0: none */
	uint64_t a, b;		/* what run is to vary: see the table */
	/*
	 * run measures once and fills *result, which is empty. Blocks for the
	 * rig's time, about. Returns 0, or a negative errno after logging what
	 * failed; -EOPNOTSUPP says that the appliance does not offer it.
	 */
	int (*run)(struct vine_bench_rig *rig, const struct vine_bench *bench,
		   struct vine_bench_result *result);
	const char *what;	/* one line for --list */
};

#define VINE_BENCH_PARTS 16

/* A number beside the value: what it consists of, or what explains it. */
struct vine_bench_part {
	const char *name;	/* static */
	const char *unit;	/* static; "" where it has none */
	double value;		/* NAN: cannot be measured here */
};

/* What one run yields. hist is of single operations, in ns. */
struct vine_bench_result {
	double value;		/* in the benchmark's unit; see `what` */
	double mean;		/* of the whole run, same unit */
	double limit_value;	/* > 0: a limit measured inside the run */
	int has_hist;		/* hist was filled */
	char note[96];		/* what a reader must know; "" if nothing */
	struct vine_bench_part part[VINE_BENCH_PARTS]; /* in order */
	size_t parts;		/* the same ones in each repetition */
	struct utils_hist hist;
};

/* vine_bench_part_add adds one; more than VINE_BENCH_PARTS are left out. */
static inline void
vine_bench_part_add(struct vine_bench_result *result, const char *name,
		    const char *unit, double value)
{
	if (result->parts < VINE_BENCH_PARTS)
		result->part[result->parts++] =
			(struct vine_bench_part){ name, unit, value };
}

/* Every benchmark, in the order in which they run. */
extern const struct vine_bench vine_bench_table[];
extern const size_t vine_bench_count;

/* vine_bench_find returns the benchmark of that name, or NULL. */
const struct vine_bench *vine_bench_find(const char *name);

/* vine_bench_unit_name returns "ns", "M/s", ... The string is static. */
const char *vine_bench_unit_name(enum vine_bench_unit unit);

#endif
