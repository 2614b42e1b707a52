/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vine-bench: measures libvine beside its limits, in two pinned processes.
 *
 * The client is this process. It makes repetitions of each benchmark until one
 * distance of the two cpus has enough of them, or too many were spent on
 * others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench.h"
#include "tools/vine_bench_attach.h"
#include "tools/vine_bench_guard.h"
#include "tools/vine_bench_opts.h"
#include "tools/vine_bench_plot.h"
#include "tools/vine_bench_probe.h"
#include "tools/vine_bench_report.h"
#include "tools/vine_bench_rig.h"
#include "utils/utils_log.h"

/* Repetitions spent on a benchmark: so often as many as are wanted. */
#define TRIES 4
/* A repetition takes a second or so, thousands of queues some ten, and starting
 * an appliance 35 at the most; more where other programs take the cpus. */
#define REPETITION_S 300

static void
list(void)
{
	const struct vine_bench *b;

	for (b = vine_bench_table; b < vine_bench_table + vine_bench_count; b++)
		printf("%-21s %-8s %-5s %s\n", b->name, b->group,
		       vine_bench_unit_name(b->unit), b->what);
}

/* run_once runs a benchmark with its appliance going, which then stands. */
static int
run_once(struct vine_bench_rig *rig, const struct vine_bench *bench,
	 struct vine_bench_result *result)
{
	int rc;

	memset(result, 0, sizeof(*result));
	utils_hist_init(&result->hist);
	if (bench->need != VINE_BENCH_NOTHING)
		vine_bench_appliance_resume(rig->appliance);
	rc = bench->run(rig, bench, result);
	if (bench->need == VINE_BENCH_NOTHING)
		return rc;
	if (!rc && vine_bench_guard_died(rig->appliance->pid))
		rc = -ECONNRESET;
	vine_bench_appliance_pause(rig->appliance);
	return rc;
}

/* repetition: probe, limit, benchmark, probe. */
static int
repetition(struct vine_bench_rig *rig, size_t index,
	   struct vine_bench_report *report, struct vine_bench_result result[2])
{
	const struct vine_bench *bench = &vine_bench_table[index];
	const struct vine_bench *limit = bench->limit ?
		vine_bench_find(bench->limit) : NULL;
	double probe[2];
	int rc;

	rc = vine_bench_appliance_want(rig->appliance, bench->need);
	if (rc)
		return rc;
	probe[0] = vine_bench_probe(rig->pair, &rig->timer);
	if (limit)
		rc = run_once(rig, limit, &result[1]);
	if (!rc)
		rc = run_once(rig, bench, &result[0]);
	if (rc)
		return rc;
	probe[1] = vine_bench_probe(rig->pair, &rig->timer);
	return vine_bench_report_add(report, index, probe, &result[0],
				     limit ? &result[1] : NULL);
}

/* How far a run is: benchmarks that are wanted, and those that are done. */
struct progress {
	size_t done, all;
};

/* show draws the bar on a terminal: a quarter of a line, and what runs now. */
static void
show(const struct progress *p, const char *name, size_t kept, unsigned int reps)
{
	static const char full[] = "####################";
	const int width = (int)sizeof(full) - 1;
	const int filled = (int)((p->done * (size_t)reps + kept) *
				 (size_t)width / (p->all * (size_t)reps));

	fprintf(stderr, "\r\033[K[%-*.*s] %zu of %zu: %s, %zu of %u "
		"repetitions", width, filled, full, p->done + 1, p->all, name,
		kept, reps);
}

static void
measure(struct vine_bench_rig *rig, size_t index,
	const struct progress *progress, struct vine_bench_report *report,
	struct vine_bench_result result[2])
{
	const struct vine_bench *bench = &vine_bench_table[index];
	const unsigned int reps = rig->opts->reps;
	unsigned int i;
	size_t most = 0;
	int rc = 0;

	for (i = 0; i < TRIES * reps && most < reps && !rc; i++) {
		if (rig->opts->progress)
			show(progress, bench->name, most, reps);
		vine_bench_guard_watch(REPETITION_S, bench->name);
		rc = repetition(rig, index, report, result);
		most = vine_bench_report_most(report, index);
	}
	vine_bench_guard_watch(0, NULL);
	if (rig->opts->progress)
		fputs("\r\033[K", stderr);
	if (rc)
		vine_bench_report_end(report, index, rc);
	/* One that a failed benchmark leaves behind is not trusted further. */
	if (rc && rc != -EOPNOTSUPP)
		vine_bench_appliance_end(rig->appliance);
}

/* can_run says once, not for every benchmark, that there is no daemon. */
static int
can_run(const struct vine_bench_opts *opts, const struct vine_bench *bench)
{
	static int said;

	if (opts->vined[0] || (bench->need != VINE_BENCH_VINED_SPIN &&
			       bench->need != VINE_BENCH_VINED_LADDER))
		return 1;
	if (!said)
		fputs("vine-bench: no vined beside vine-bench nor in $PATH; "
		      "name it with --vined\n", stderr);
	said = 1;
	return 0;
}

static int
measure_all(struct vine_bench_rig *rig, struct vine_bench_report *report)
{
	/* Histograms are large; one of the benchmark, one of its limit. */
	struct vine_bench_result *result = calloc(2, sizeof(*result));
	struct progress progress = { .done = 0 };
	size_t i;

	if (!result) {
		log_error("no memory for results");
		return -ENOMEM;
	}
	for (i = 0; i < vine_bench_count; i++)
		progress.all += report->entry[i].wanted != 0;
	for (i = 0; i < vine_bench_count; i++) {
		if (!report->entry[i].wanted)
			continue;
		if (can_run(rig->opts, &vine_bench_table[i]))
			measure(rig, i, &progress, report, result);
		else
			vine_bench_report_end(report, i, -EOPNOTSUPP);
		progress.done++;
	}
	free(result);
	return 0;
}

/* open_json opens the file of --json before anything is measured in vain. */
static int
open_json(const struct vine_bench_opts *opts, FILE **json)
{
	*json = NULL;
	if (!opts->json)
		return 0;
	*json = strcmp(opts->json, "-") ? fopen(opts->json, "we") : stdout;
	if (*json)
		return 0;
	log_error("%s: cannot be written: %s", opts->json, strerror(errno));
	return -EIO;
}

/* write_report writes the table on stdout, and json where it is not NULL. */
static int
write_report(const struct vine_bench_report *report, FILE *json)
{
	int rc = 0;

	if (json != stdout)
		vine_bench_report_print(report, stdout);
	if (json)
		rc = vine_bench_report_json(report, json);
	if (ferror(stdout) || fflush(stdout) || (json && fflush(json)))
		rc = -EIO;
	if (rc)
		log_error("the report cannot be written: %s", strerror(-rc));
	return rc;
}

/* bench measures with everything in place; returns the exit status. */
static int
bench(struct vine_bench_rig *rig, FILE *json)
{
	int status = VINE_BENCH_EXIT_FAILED;
	struct vine_bench_machine machine;
	struct vine_bench_report *report;

	vine_bench_machine_look(&rig->timer, &machine);
	report = vine_bench_report_new(rig->opts, &machine);
	if (!report) {
		log_error("no memory for the report");
		return status;
	}
	if (!measure_all(rig, report) && !write_report(report, json) &&
	    (!rig->opts->plot || !vine_bench_plot(report, rig->opts->plot)))
		status = (int)vine_bench_report_exit(report);
	vine_bench_report_free(report);
	return status;
}

int
main(int argc, char **argv)
{
	static struct vine_bench_appliance appliance;
	static struct vine_bench_opts opts;
	struct vine_bench_rig rig = { .opts = &opts, .appliance = &appliance };
	FILE *json;
	int status;

	if (!vine_bench_opts_read(argc, argv, &opts, &status))
		return status;
	if (opts.list) {
		list();
		return VINE_BENCH_EXIT_OK;
	}
	if (opts.attach)
		return (int)vine_bench_attach(&opts);
	if (opts.plot && vine_bench_plot_prepare(opts.plot))
		return VINE_BENCH_EXIT_USAGE;
	status = VINE_BENCH_EXIT_FAILED;
	vine_bench_appliance_init(&appliance, &opts);
	if (open_json(&opts, &json) || vine_bench_guard_install())
		return status;
	if (vine_bench_timer_init(&rig.timer, opts.time_ms))
		return status;
	CPU_ZERO(&rig.cpus);
	sched_getaffinity(0, sizeof(rig.cpus), &rig.cpus);
	if (!vine_bench_pair_open(opts.cpu, &rig.pair)) {
		status = bench(&rig, json);
		vine_bench_appliance_end(&appliance);
		vine_bench_pair_close(rig.pair);
	}
	vine_bench_timer_fini(&rig.timer);
	vine_bench_guard_finish();
	if (json && json != stdout)
		fclose(json);
	return status;
}
