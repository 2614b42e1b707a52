/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON: one object with the machine, the options and a list of
 * benchmarks. Each has its distances, summed up, and all of its repetitions,
 * those that were dropped too. What is not known is null.
 */
#include <math.h>

#include "tools/vine_bench_report.h"

#include <vine/version.h>

static void
text(FILE *out, const char *key, const char *value)
{
	const unsigned char *c;

	fprintf(out, "\"%s\": ", key);
	if (!value) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (c = (const unsigned char *)value; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void
number(FILE *out, const char *key, double value)
{
	if (isfinite(value))
		fprintf(out, "\"%s\": %.6g", key, value);
	else
		fprintf(out, "\"%s\": null", key);
}

static void
comma(FILE *out)
{
	fputs(", ", out);
}

static void
write_machine(const struct vine_bench_machine *m, FILE *out)
{
	fputs("  \"machine\": {", out);
	text(out, "date", m->date);
	comma(out);
	text(out, "cpu", m->cpu);
	comma(out);
	text(out, "kernel", m->kernel);
	fprintf(out, ", \"cpus\": %d, \"virtual\": %s, ", m->cpus,
		m->virtual ? "true" : "false");
	number(out, "load", m->load);
	comma(out);
	text(out, "shmem_huge_pages", m->pages);
	comma(out);
	text(out, "compiler", m->compiler);
	comma(out);
	text(out, "warning", m->warning);
	fputs(", \"clock\": {", out);
	text(out, "kind", m->clock.kind);
	comma(out);
	number(out, "step_ns", m->clock.step_ns);
	comma(out);
	number(out, "read_ns", m->clock.read_ns);
	fputs("}},\n", out);
}

static void
write_options(const struct vine_bench_opts *o, FILE *out)
{
	fprintf(out, "  \"options\": {\"cpus\": [%d, %d], \"reps\": %u, "
		"\"time_ms\": %u, \"idle_s\": %u, ", o->cpu[0], o->cpu[1],
		o->reps, o->time_ms, o->idle_s);
	number(out, "smt_below_ns", o->bound[0]);
	comma(out);
	number(out, "far_above_ns", o->bound[1]);
	fputs("},\n", out);
}

static void
write_percentiles(const double *p, const char *name, FILE *out)
{
	fprintf(out, ", \"%s\": {", name);
	number(out, "p50", p[0]);
	comma(out);
	number(out, "p99", p[1]);
	comma(out);
	number(out, "p99.9", p[2]);
	fputs("}", out);
}

static void
write_parts(const struct vine_bench_part *part, size_t parts, FILE *out)
{
	size_t i;

	fputs(", \"parts\": [", out);
	for (i = 0; i < parts; i++) {
		fputs(i ? ", {" : "{", out);
		text(out, "name", part[i].name);
		comma(out);
		text(out, "unit", part[i].unit);
		comma(out);
		number(out, "value", part[i].value);
		fputs("}", out);
	}
	fputs("]", out);
}

/* write_distribution writes pairs of a latency and how many did not exceed
 * it, at the values that occurred. */
static void
write_distribution(const struct utils_hist *hist, FILE *out)
{
	const char *between = "";
	uint64_t below = 0, value;
	size_t i;

	fputs(", \"distribution\": [", out);
	for (i = 0; hist && i < UTILS_HIST_BUCKETS; i++) {
		if (!hist->buckets[i])
			continue;
		below += hist->buckets[i];
		value = utils_hist_percentile(hist, 100.0 * (double)below /
					      (double)hist->count);
		fprintf(out, "%s[%llu, %llu]", between,
			(unsigned long long)value, (unsigned long long)below);
		between = ", ";
	}
	fputs("]", out);
}

static void
write_row(const struct vine_bench_row *row, enum vine_bench_distance distance,
	  const struct utils_hist *hist, FILE *out)
{
	fputs("\n       {", out);
	text(out, "distance", vine_bench_distance_name(distance));
	fprintf(out, ", \"repetitions\": %zu, \"enough\": %s, ", row->reps,
		row->reps < VINE_BENCH_REPS_MIN ? "false" : "true");
	number(out, "probe_ns", row->probe);
	comma(out);
	number(out, "value", row->value);
	comma(out);
	number(out, "min", row->least);
	comma(out);
	number(out, "max", row->most);
	comma(out);
	number(out, "mean", row->mean);
	comma(out);
	number(out, "limit", row->limit);
	comma(out);
	number(out, "ratio", row->ratio);
	write_percentiles(row->percentile, "ns", out);
	write_percentiles(row->ratio_percentile, "ratio_ns", out);
	write_parts(row->part, row->parts, out);
	write_distribution(hist, out);
	fputs("}", out);
}

static void
write_rep(const struct vine_bench_rep *rep, FILE *out)
{
	fputs("\n       {", out);
	text(out, "distance", vine_bench_distance_name(rep->distance));
	fprintf(out, ", \"dropped\": %s, ", rep->dropped ? "true" : "false");
	number(out, "probe_before_ns", rep->probe[0]);
	comma(out);
	number(out, "probe_after_ns", rep->probe[1]);
	comma(out);
	number(out, "value", rep->value);
	comma(out);
	number(out, "mean", rep->mean);
	comma(out);
	number(out, "limit", rep->limit);
	fprintf(out, ", \"samples\": %llu", (unsigned long long)rep->samples);
	write_percentiles(rep->percentile, "ns", out);
	write_percentiles(rep->limit_percentile, "limit_ns", out);
	comma(out);
	text(out, "note", rep->note[0] ? rep->note : NULL);
	write_parts(rep->part, rep->parts, out);
	fputs("}", out);
}

static void
write_entry(const struct vine_bench_report *report, size_t index, FILE *out)
{
	const struct vine_bench_entry *entry = &report->entry[index];
	const struct vine_bench *bench = &vine_bench_table[index];
	const char *between = "";
	struct vine_bench_row row;
	size_t i;
	int d;

	fputs("\n    {", out);
	text(out, "name", bench->name);
	comma(out);
	text(out, "group", bench->group);
	comma(out);
	text(out, "unit", vine_bench_unit_name(bench->unit));
	comma(out);
	text(out, "what", bench->what);
	comma(out);
	text(out, "limit", bench->limit);
	comma(out);
	number(out, "budget", bench->budget > 0 ? bench->budget : NAN);
	fprintf(out, ", \"errno\": %d, \"dropped\": %zu", -entry->rc,
		entry->dropped);
	fputs(",\n     \"distances\": [", out);
	for (d = 0; d < VINE_BENCH_DISTANCES; d++) {
		vine_bench_report_row(report, index,
				      (enum vine_bench_distance)d, &row);
		if (!row.reps)
			continue;
		fputs(between, out);
		write_row(&row, (enum vine_bench_distance)d, entry->hist[d],
			  out);
		between = ",";
	}
	fputs("],\n     \"repetitions\": [", out);
	for (i = 0; i < entry->reps; i++) {
		fputs(i ? "," : "", out);
		write_rep(&entry->rep[i], out);
	}
	fputs("]}", out);
}

void
vine_bench_report_json(const struct vine_bench_report *report, FILE *out)
{
	const char *between = "";
	size_t i;

	fprintf(out, "{\n  \"version\": \"%d.%d.%d\",\n", VINE_VERSION_MAJOR,
		VINE_VERSION_MINOR, VINE_VERSION_PATCH);
	write_machine(report->machine, out);
	write_options(report->opts, out);
	fputs("  \"benchmarks\": [", out);
	for (i = 0; i < vine_bench_count; i++) {
		if (!report->entry[i].wanted)
			continue;
		fputs(between, out);
		write_entry(report, i, out);
		between = ",";
	}
	fputs("\n  ]\n}\n", out);
}
