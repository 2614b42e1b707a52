/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: what the command line of vine-bench asks for.
 */
#ifndef VINE_BENCH_OPTS_H
#define VINE_BENCH_OPTS_H

#include <stdint.h>

#include "tools/vine_bench.h"

#define VINE_BENCH_ONLY_MAX 32	/* --only options */
#define VINE_BENCH_NOTES_MAX 8	/* --note options */
#define VINE_BENCH_REPS_MIN 5	/* fewer make no result, see the report */

/* How vine-bench ends. */
enum vine_bench_exit {
	VINE_BENCH_EXIT_OK = 0,		/* every benchmark has a result */
	VINE_BENCH_EXIT_FAILED = 1,	/* a benchmark, or its appliance */
	VINE_BENCH_EXIT_USAGE = 2,	/* the command line is wrong */
	VINE_BENCH_EXIT_PARTIAL = 3,	/* some have too few repetitions, or
					 * could not run here */
};

struct vine_bench_opts {
	int cpu[2];		/* client, server */
	unsigned int reps;	/* repetitions of one distance */
	unsigned int time_ms;	/* of each way of timing */
	unsigned int idle_s;	/* for which an idle appliance is watched */
	double bound[2];	/* distances, see vine_bench_distance_of */
	const char *only[VINE_BENCH_ONLY_MAX];
	int only_count;
	const char *json;	/* file, "-" for stdout, or NULL */
	const char *plot;	/* folder for pictures, or NULL */
	const char *config;	/* file with config lines to add, or NULL */
	char vined[4096];	/* path of the daemon; "": none found */
	int attach;		/* to an appliance that is there */
	const char *beside;	/* file: an earlier report of --attach, or NULL */
	const char *note[VINE_BENCH_NOTES_MAX];	/* lines for that report */
	int note_count;
	int list;
	int progress;		/* stderr is a terminal */
};

/*
 * vine_bench_opts_read reads the command line. It prints help and version
 * itself. Strings stay argv's. Returns 1 to go on, or 0 where the program is to
 * end with *status.
 */
int vine_bench_opts_read(int argc, char **argv, struct vine_bench_opts *opts,
			 int *status);

/* vine_bench_opts_wants tells whether --only selects a benchmark. */
int vine_bench_opts_wants(const struct vine_bench_opts *opts,
			  const struct vine_bench *bench);

#endif
