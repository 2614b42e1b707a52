/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON: one object with the machine, the options and a list of
 * benchmarks. Each has its distances, summed up, and all of its repetitions,
 * those that were dropped too. What is not known is null.
 *
 * A part that finds no memory is NULL, and so is all that it is a part of.
 */
#include <errno.h>
#include <math.h>

#include <jansson.h>

#include "tools/vine_bench_report.h"
#include "utils/utils_text.h"

#include <vine/version.h>

static json_t *
number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* A text, of which the machine's files may have any byte. */
static json_t *
text(const char *value)
{
	char shown[512];

	return value ? json_string(utils_text_printable(shown, sizeof(shown),
							value)) : json_null();
}

/* Add to a list that is there. Returns the list, or NULL and frees it. */
static json_t *
add(json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *
machine(const struct vine_bench_machine *m)
{
	return json_pack("{s:o, s:o, s:o, s:i, s:b, s:o, s:o, s:o, s:o, "
			 "s:{s:o, s:o, s:o}}",
		"date", text(m->date), "cpu", text(m->cpu),
		"kernel", text(m->kernel), "cpus", m->cpus,
		"virtual", m->virtual, "load", number(m->load),
		"shmem_huge_pages", text(m->pages),
		"compiler", text(m->compiler), "warning", text(m->warning),
		"clock", "kind", text(m->clock.kind),
		"step_ns", number(m->clock.step_ns),
		"read_ns", number(m->clock.read_ns));
}

static json_t *
options(const struct vine_bench_opts *o)
{
	return json_pack("{s:[i, i], s:i, s:i, s:i, s:o, s:o}",
		"cpus", o->cpu[0], o->cpu[1], "reps", (int)o->reps,
		"time_ms", (int)o->time_ms, "idle_s", (int)o->idle_s,
		"smt_below_ns", number(o->bound[0]),
		"far_above_ns", number(o->bound[1]));
}

static json_t *
percentiles(const double *p)
{
	return json_pack("{s:o, s:o, s:o}", "p50", number(p[0]),
			 "p99", number(p[1]), "p99.9", number(p[2]));
}

static json_t *
parts(const struct vine_bench_part *part, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		list = add(list, json_pack("{s:o, s:o, s:o}",
			"name", text(part[i].name), "unit", text(part[i].unit),
			"value", number(part[i].value)));
	return list;
}

/* distribution makes pairs of a latency and how many did not exceed it, at the
 * values that occurred. */
static json_t *
distribution(const struct utils_hist *hist)
{
	json_t *list = json_array();
	uint64_t below = 0, value;

	for (size_t i = 0; hist && i < UTILS_HIST_BUCKETS; i++) {
		if (!hist->buckets[i])
			continue;
		below += hist->buckets[i];
		value = utils_hist_percentile(hist, 100.0 * (double)below /
					      (double)hist->count);
		list = add(list, json_pack("[I, I]", (json_int_t)value,
					   (json_int_t)below));
	}
	return list;
}

static json_t *
row_of(const struct vine_bench_row *row, enum vine_bench_distance distance,
       const struct utils_hist *hist)
{
	return json_pack("{s:o, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o, s:o}",
		"distance", text(vine_bench_distance_name(distance)),
		"repetitions", (json_int_t)row->reps,
		"enough", row->reps >= VINE_BENCH_REPS_MIN,
		"probe_ns", number(row->probe), "value", number(row->value),
		"min", number(row->least), "max", number(row->most),
		"mean", number(row->mean), "limit", number(row->limit),
		"ratio", number(row->ratio),
		"ns", percentiles(row->percentile),
		"ratio_ns", percentiles(row->ratio_percentile),
		"parts", parts(row->part, row->parts),
		"distribution", distribution(hist));
}

static json_t *
rep_of(const struct vine_bench_rep *rep)
{
	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, "
			 "s:o, s:o}",
		"distance", text(vine_bench_distance_name(rep->distance)),
		"dropped", rep->dropped != 0,
		"probe_before_ns", number(rep->probe[0]),
		"probe_after_ns", number(rep->probe[1]),
		"value", number(rep->value), "mean", number(rep->mean),
		"limit", number(rep->limit),
		"samples", (json_int_t)rep->samples,
		"ns", percentiles(rep->percentile),
		"limit_ns", percentiles(rep->limit_percentile),
		"note", text(rep->note[0] ? rep->note : NULL),
		"parts", parts(rep->part, rep->parts));
}

static json_t *
entry_of(const struct vine_bench_report *report, size_t index)
{
	const struct vine_bench_entry *entry = &report->entry[index];
	const struct vine_bench *bench = &vine_bench_table[index];
	json_t *distances = json_array(), *reps = json_array();
	struct vine_bench_row row;

	for (int d = 0; d < VINE_BENCH_DISTANCES; d++) {
		vine_bench_report_row(report, index,
				      (enum vine_bench_distance)d, &row);
		if (row.reps)
			distances = add(distances, row_of(&row,
				(enum vine_bench_distance)d, entry->hist[d]));
	}
	for (size_t i = 0; i < entry->reps; i++)
		reps = add(reps, rep_of(&entry->rep[i]));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:I, s:o, s:o}",
		"name", text(bench->name), "group", text(bench->group),
		"unit", text(vine_bench_unit_name(bench->unit)),
		"what", text(bench->what), "limit", text(bench->limit),
		"budget", number(bench->budget > 0 ? bench->budget : NAN),
		"errno", -entry->rc, "dropped", (json_int_t)entry->dropped,
		"distances", distances, "repetitions", reps);
}

int
vine_bench_report_json(const struct vine_bench_report *report, FILE *out)
{
	json_t *list = json_array(), *root;
	int rc;

	for (size_t i = 0; i < vine_bench_count; i++)
		if (report->entry[i].wanted)
			list = add(list, entry_of(report, i));
	root = json_pack("{s:o, s:o, s:o, s:o}",
		"version", json_sprintf("%d.%d.%d", VINE_VERSION_MAJOR,
					VINE_VERSION_MINOR,
					VINE_VERSION_PATCH),
		"machine", machine(report->machine),
		"options", options(report->opts), "benchmarks", list);
	if (root == NULL)
		return -ENOMEM;
	rc = json_dumpf(root, out, JSON_REAL_PRECISION(6) | JSON_ENSURE_ASCII);
	json_decref(root);
	return rc == 0 && fputc('\n', out) != EOF ? 0 : -EIO;
}
