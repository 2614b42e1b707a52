/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmarks are those of the table that need a session alone. Each line of
 * a report begins with a name and a number, which is what --beside reads.
 */
#include "tools/vine_bench_attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_ways.h"
#include "tools/vine_bench_machine.h"
#include "tools/vine_bench_rig.h"
#include "utils/utils_log.h"

#define REPS_MAX 1000	/* as --reps */

static const struct {
	const char *name;
	uint32_t wait_mode;
} measured[] = {
	{ "task.rtt", VINE_WAIT_SPIN },
	{ "task.rtt.touch", VINE_WAIT_SPIN },
	{ "task.rate.w32", VINE_WAIT_SPIN },
	{ "sleep.rtt", VINE_WAIT_LADDER },
};

static int
open_session(struct vine_bench_appliance *app, uint32_t wait_mode)
{
	struct vine_session_opts opts = { .size = sizeof(opts),
		.label = "vine-bench", .wait_mode = wait_mode };
	int rc = vine_session_open(&opts, &app->session);

	if (rc)
		return rc;
	rc = vine_accel_find(app->session, ANY, "noop", &app->accel);
	if (!rc)
		rc = vine_proc_find(app->session, vine_accel_type(app->accel),
				    "noop", &app->noop);
	if (rc) {
		log_error("the appliance has no accelerator noop: %s",
			  strerror(-rc));
		vine_session_close(app->session);
		return rc;
	}
	if (vine_accel_find(app->session, CPU, "cpu0", &app->cpu) ||
	    vine_proc_find(app->session, CPU, "copy", &app->copy))
		app->cpu = NULL;
	return 0;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of the repetitions' values, and the 99th percentile of all. */
static int
measure(struct vine_bench_rig *rig, const struct vine_bench *bench,
	double *value, uint64_t *p99)
{
	struct vine_bench_result *result = malloc(sizeof(*result));
	struct utils_hist *all = malloc(sizeof(*all));
	unsigned int reps = rig->opts->reps, i;
	double values[REPS_MAX];
	int rc = result && all ? 0 : -ENOMEM;

	if (rc == 0)
		utils_hist_init(all);
	for (i = 0; i < reps && rc == 0; i++) {
		memset(result, 0, sizeof(*result));
		utils_hist_init(&result->hist);
		rc = bench->run(rig, bench, result);
		values[i] = result->value;
		utils_hist_merge(all, &result->hist);
	}
	if (rc == 0) {
		qsort(values, reps, sizeof(values[0]), ascending);
		*value = values[reps / 2];
		*p99 = utils_hist_percentile(all, 99);
	}
	free(result);
	free(all);
	return rc;
}

/* The number of a name in an earlier report; 0: it has none. */
static double
number_of(FILE *report, const char *name)
{
	char line[256], first[64];
	double value;

	rewind(report);
	while (fgets(line, sizeof(line), report))
		if (sscanf(line, "%63s %lf", first, &value) == 2 &&
		    strcmp(first, name) == 0)
			return value;
	return 0;
}

static void
print_place(const struct vine_bench_opts *opts,
	    const struct vine_bench_machine *m)
{
	printf("vine-bench --attach, %s\n", m->date);
	printf("%-15s %s, %d online\n", "cpu", m->cpu, m->cpus);
	printf("%-15s %s\n", "kernel", m->kernel);
	printf("%-15s %s\n", "hypervisor", m->hypervisor[0] ? m->hypervisor :
	       m->virtual ? "yes" : "none seen");
	printf("%-15s %s\n", "compiler", m->compiler);
	if (m->warning)
		printf("%-15s %s\n", "warning", m->warning);
	for (int i = 0; i < opts->note_count; i++)
		printf("%-15s %s\n", "note", opts->note[i]);
}

static void
print_ways(const struct vine_session *session)
{
	struct vine_ways ways;

	vine_ways_of(session, &ways);
	printf("%-15s %s\n", "memory", ways.memory);
	printf("%-15s %s\n", "wakes vined", ways.to_appliance);
	printf("%-15s %s\n", "wakes us", ways.to_session);
}

static void
print_value(const struct vine_bench *bench, double value, uint64_t p99,
	    FILE *beside)
{
	const char *unit = vine_bench_unit_name(bench->unit);
	double other = beside ? number_of(beside, bench->name) : 0;

	/* a rate of a busy machine is far below a million */
	printf("%-15s %10.*f %s", bench->name,
	       bench->unit == VINE_BENCH_MOPS ? 6 : 1, value, unit);
	if (p99)
		printf(", 99 of 100 within %llu ns", (unsigned long long)p99);
	if (other > 0)
		printf("; beside %g %s: %.2f x", other, unit, value / other);
	putchar('\n');
	fflush(stdout);
}

static int
run(struct vine_bench_rig *rig, size_t i, FILE *beside)
{
	const struct vine_bench *bench = vine_bench_find(measured[i].name);
	double value = 0;
	uint64_t p99 = 0;
	int rc = open_session(rig->appliance, measured[i].wait_mode);

	if (rc)
		return rc;
	if (i == 0)
		print_ways(rig->appliance->session);
	rc = measure(rig, bench, &value, &p99);
	if (rc == 0)
		print_value(bench, value, p99, beside);
	else if (rc == -EOPNOTSUPP)
		printf("%-15s the appliance does not offer it\n", bench->name);
	vine_session_close(rig->appliance->session);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

enum vine_bench_exit
vine_bench_attach(const struct vine_bench_opts *opts)
{
	struct vine_bench_appliance app = { .opts = opts };
	struct vine_bench_rig rig = { .opts = opts, .appliance = &app };
	FILE *beside = opts->beside ? fopen(opts->beside, "re") : NULL;
	struct vine_bench_machine machine;
	int rc = 0;

	if (opts->beside && beside == NULL) {
		log_error("%s: %s", opts->beside, strerror(errno));
		return VINE_BENCH_EXIT_USAGE;
	}
	if (vine_bench_timer_init(&rig.timer, opts->time_ms))
		return VINE_BENCH_EXIT_FAILED;
	vine_bench_machine_look(&rig.timer, &machine);
	print_place(opts, &machine);
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]) && !rc;
	     i++)
		rc = run(&rig, i, beside);
	vine_bench_timer_fini(&rig.timer);
	if (beside)
		fclose(beside);
	return rc ? VINE_BENCH_EXIT_FAILED : VINE_BENCH_EXIT_OK;
}
