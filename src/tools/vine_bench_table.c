/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of benchmarks, made from vine_bench_table.def, and the report as a
 * table for people.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <vine/task.h>

#include "tools/vine_bench_rates.h"
#include "tools/vine_bench_report.h"
#include "tools/vine_bench_runs.h"

const struct vine_bench vine_bench_table[] = {
#define VINE_BENCH(name, group, unit, need, limit, budget, run, a, b, what) \
	{ name, group, VINE_BENCH_##unit, VINE_BENCH_##need, limit, budget, \
	  a, b, vine_bench_run_##run, what },
#include "tools/vine_bench_table.def"
#undef VINE_BENCH
};

const size_t vine_bench_count =
	sizeof(vine_bench_table) / sizeof(vine_bench_table[0]);

const struct vine_bench *
vine_bench_find(const char *name)
{
	size_t i;

	for (i = 0; i < vine_bench_count; i++)
		if (!strcmp(vine_bench_table[i].name, name))
			return &vine_bench_table[i];
	return NULL;
}

const char *
vine_bench_unit_name(enum vine_bench_unit unit)
{
	static const char *const names[] = { "ns", "ms", "M/s", "GB/s",
					     "ms/s", "B", "/task", "k/s" };

	return names[unit];
}

/* number writes one in `width` columns, "-" where there is none. */
static void
number(FILE *out, int width, double value)
{
	int digits = value >= 1000 ? 0 : value >= 10 ? 1 : 2;

	if (isnan(value))
		fprintf(out, " %*s", width, "-");
	else
		fprintf(out, " %*.*f", width, digits, value);
}

static void
print_head(const struct vine_bench_report *report, FILE *out)
{
	const struct vine_bench_machine *m = report->machine;
	const struct vine_bench_opts *o = report->opts;

	fprintf(out, "%s, %s, %d cpus%s, load %.2f\n", m->cpu, m->kernel,
		m->cpus, m->virtual ? ", virtual" : "", m->load);
	fprintf(out, "%s, %s, huge pages of shared memory: %s\n", m->date,
		m->compiler, m->pages);
	fprintf(out, "clock %s, step %.1f ns, a read costs %.1f ns, which is "
		"not subtracted\n", m->clock.kind, m->clock.step_ns,
		m->clock.read_ns);
	fprintf(out, "client on cpu %d, server on cpu %d; one way of a line: "
		"smt < %g ns, far > %g ns\n", o->cpu[0], o->cpu[1],
		o->bound[0], o->bound[1]);
	if (m->warning)
		fprintf(out, "WARNING: %s\n", m->warning);
}

static void
print_parts(const struct vine_bench_row *row, FILE *out)
{
	size_t i;

	for (i = 0; i < row->parts; i++) {
		fprintf(out, "%-21s %-38s", "", row->part[i].name);
		if (isnan(row->part[i].value))
			fprintf(out, " %9s\n", "-");
		else
			fprintf(out, " %9.4g %s\n", row->part[i].value,
				row->part[i].unit);
	}
}

static void
print_row(const struct vine_bench *bench, const struct vine_bench_row *row,
	  enum vine_bench_distance distance, FILE *out)
{
	size_t i;

	fprintf(out, "%-21s %-4s", bench->name,
		vine_bench_distance_name(distance));
	number(out, 6, row->probe);
	fprintf(out, " %3zu%c", row->reps,
		row->reps < VINE_BENCH_REPS_MIN ? '?' : ' ');
	number(out, 8, row->value);
	fprintf(out, " %-4s", vine_bench_unit_name(bench->unit));
	for (i = 0; i < VINE_BENCH_PERCENTILES; i++)
		number(out, 7, row->percentile[i]);
	number(out, 8, row->limit);
	number(out, 6, row->ratio);
	if (bench->budget > 0)
		fprintf(out, " %s%4.2f",
			bench->unit == VINE_BENCH_MOPS ||
			bench->unit == VINE_BENCH_KOPS ||
			bench->unit == VINE_BENCH_GBPS ? ">=" : "<=",
			bench->budget);
	else
		fprintf(out, " %6s", "-");
	if (bench->limit)
		fprintf(out, " of %s", bench->limit);
	fputc('\n', out);
	if (row->note[0])
		fprintf(out, "%-21s (%s)\n", "", row->note);
	print_parts(row, out);
}

static void
print_entry(const struct vine_bench_report *report, size_t index, FILE *out)
{
	const struct vine_bench_entry *entry = &report->entry[index];
	const struct vine_bench *bench = &vine_bench_table[index];
	struct vine_bench_row row;
	int d;

	for (d = 0; d < VINE_BENCH_DISTANCES; d++) {
		vine_bench_report_row(report, index,
				      (enum vine_bench_distance)d, &row);
		if (row.reps)
			print_row(bench, &row, (enum vine_bench_distance)d,
				  out);
	}
	if (entry->rc)
		fprintf(out, "%-21s %s: %s\n", bench->name,
			entry->rc == -EOPNOTSUPP ? "not measured" : "FAILED",
			entry->rc == -EOPNOTSUPP ? "not offered here" :
			strerror(-entry->rc));
	if (entry->dropped)
		fprintf(out, "%-21s (%zu of %zu repetitions dropped: the "
			"distance changed, or the cpus were busy)\n", "",
			entry->dropped, entry->reps);
}

void
vine_bench_report_print(const struct vine_bench_report *report, FILE *out)
{
	const char *group = "";
	int few = 0;
	size_t i;

	print_head(report, out);
	fprintf(out, "\n%-21s %-4s %6s %4s %8s %-4s %7s %7s %7s %8s %6s %6s\n",
		"benchmark", "dist", "probe", "reps", "value", "", "p50", "p99",
		"p99.9", "limit", "ratio", "budget");
	for (i = 0; i < vine_bench_count; i++) {
		if (!report->entry[i].wanted)
			continue;
		if (strcmp(group, vine_bench_table[i].group)) {
			group = vine_bench_table[i].group;
			fprintf(out, "%s\n", group);
		}
		print_entry(report, i, out);
		few |= vine_bench_report_most(report, i) < VINE_BENCH_REPS_MIN;
	}
	if (few)
		fprintf(out, "\n? fewer than %d repetitions at that distance: "
			"no result\n", VINE_BENCH_REPS_MIN);
}
