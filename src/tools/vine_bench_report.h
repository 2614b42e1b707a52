/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: every repetition that was made, and what may be said of them.
 *
 * A repetition whose probes before and after judge the distance differently, or
 * find the cpus busy with something else, is dropped, and counted. The others
 * are kept apart by distance; medians, and ratios of a value to the limit of
 * its own repetition, are formed within one distance only. There is no function
 * that joins two.
 */
#ifndef VINE_BENCH_REPORT_H
#define VINE_BENCH_REPORT_H

#include <stdio.h>

#include "tools/vine_bench.h"
#include "tools/vine_bench_machine.h"
#include "tools/vine_bench_opts.h"
#include "tools/vine_bench_probe.h"

#define VINE_BENCH_PERCENTILES 3	/* 50, 99, 99.9 */

/* One repetition. Times and rates in the benchmark's unit; NAN: none. */
struct vine_bench_rep {
	double probe[2];	/* one-way ns, before and after */
	int dropped;
	enum vine_bench_distance distance; /* by the probe before */
	double value, mean, limit;
	double percentile[VINE_BENCH_PERCENTILES];	/* ns */
	double limit_percentile[VINE_BENCH_PERCENTILES];
	uint64_t samples;	/* single operations that were timed */
	char note[96];
	struct vine_bench_part part[VINE_BENCH_PARTS];
	size_t parts;
};

/* What is known of one benchmark at one distance; NAN: not known. */
struct vine_bench_row {
	size_t reps;		/* kept ones; the medians are over these */
	double value, least, most, mean, limit;
	double ratio;		/* of value to limit */
	double percentile[VINE_BENCH_PERCENTILES];
	double ratio_percentile[VINE_BENCH_PERCENTILES];
	double probe;		/* median of all probes of kept repetitions */
	const char *note;	/* of the last one; the report's */
	struct vine_bench_part part[VINE_BENCH_PARTS];	/* medians */
	size_t parts;
};

struct vine_bench_report;

/*
 * vine_bench_report_new makes an empty report; opts and machine must outlive
 * it. The caller frees it with vine_bench_report_free. NULL: out of memory.
 */
struct vine_bench_report *
vine_bench_report_new(const struct vine_bench_opts *opts,
		      const struct vine_bench_machine *machine);
void vine_bench_report_free(struct vine_bench_report *report);

/*
 * vine_bench_report_add adds a repetition of vine_bench_table[index]. limit is
 * what its limit yielded, or NULL. Returns 0 or -ENOMEM.
 */
int vine_bench_report_add(struct vine_bench_report *report, size_t index,
			  const double probe[2],
			  const struct vine_bench_result *result,
			  const struct vine_bench_result *limit);

/* vine_bench_report_end notes why a benchmark could not be measured. */
void vine_bench_report_end(struct vine_bench_report *report, size_t index,
			   int rc);

/* vine_bench_report_most returns the repetitions kept at the best distance. */
size_t vine_bench_report_most(const struct vine_bench_report *report,
			      size_t index);

/* vine_bench_report_row sums up one benchmark at one distance. */
void vine_bench_report_row(const struct vine_bench_report *report,
			   size_t index, enum vine_bench_distance distance,
			   struct vine_bench_row *row);

/* vine_bench_report_exit says how the program is to end. */
enum vine_bench_exit
vine_bench_report_exit(const struct vine_bench_report *report);

/* vine_bench_report_print writes the table for people. */
void vine_bench_report_print(const struct vine_bench_report *report, FILE *out);

/*
 * vine_bench_report_json writes everything, every repetition too, in one line.
 * Returns 0, -ENOMEM where nothing was written, or -EIO where `out` takes no
 * more.
 */
int vine_bench_report_json(const struct vine_bench_report *report, FILE *out);

/* What the two writers share; for them alone. */
struct vine_bench_entry {
	int wanted;
	int rc;			/* why it could not be measured, or 0 */
	size_t dropped;
	struct vine_bench_rep *rep;	/* all, dropped ones too */
	size_t reps;
	struct utils_hist *hist[VINE_BENCH_DISTANCES];	/* merged, or NULL */
};

struct vine_bench_report {
	const struct vine_bench_opts *opts;
	const struct vine_bench_machine *machine;
	struct vine_bench_entry *entry;	/* vine_bench_count of them */
};

#endif
