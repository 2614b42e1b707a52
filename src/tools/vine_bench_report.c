/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: repetitions are kept as they came; sums are formed when asked for.
 * A percentile is the median of the repetitions' own. Where each repetition
 * timed too few operations for it, it is taken of all of them together; where
 * those are too few as well it is left out.
 */
#include "tools/vine_bench_report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double percents[VINE_BENCH_PERCENTILES] = { 50.0, 99.0, 99.9 };
/* Operations for a percentile: ten beyond it at the least. */
static const uint64_t enough[VINE_BENCH_PERCENTILES] = { 20, 1000, 10000 };

struct vine_bench_report *
vine_bench_report_new(const struct vine_bench_opts *opts,
		      const struct vine_bench_machine *machine)
{
	struct vine_bench_report *report = calloc(1, sizeof(*report));
	size_t i;

	if (!report)
		return NULL;
	report->opts = opts;
	report->machine = machine;
	report->entry = calloc(vine_bench_count, sizeof(*report->entry));
	if (!report->entry) {
		free(report);
		return NULL;
	}
	for (i = 0; i < vine_bench_count; i++)
		report->entry[i].wanted =
			vine_bench_opts_wants(opts, &vine_bench_table[i]);
	return report;
}

void
vine_bench_report_free(struct vine_bench_report *report)
{
	struct vine_bench_entry *entry;
	size_t i, d;

	if (!report)
		return;
	for (i = 0; i < vine_bench_count; i++) {
		entry = &report->entry[i];
		free(entry->rep);
		for (d = 0; d < VINE_BENCH_DISTANCES; d++)
			free(entry->hist[d]);
	}
	free(report->entry);
	free(report);
}

static void
fill_percentiles(double *to, const struct vine_bench_result *result)
{
	size_t i;

	for (i = 0; i < VINE_BENCH_PERCENTILES; i++)
		to[i] = result && result->has_hist ?
			(double)utils_hist_percentile(&result->hist,
						      percents[i]) : NAN;
}

static int
merge(struct vine_bench_entry *entry, const struct vine_bench_rep *rep,
      const struct vine_bench_result *result)
{
	struct utils_hist **hist = &entry->hist[rep->distance];

	if (rep->dropped || !result->has_hist)
		return 0;
	if (!*hist) {
		*hist = malloc(sizeof(**hist));
		if (!*hist)
			return -ENOMEM;
		utils_hist_init(*hist);
	}
	utils_hist_merge(*hist, &result->hist);
	return 0;
}

int
vine_bench_report_add(struct vine_bench_report *report, size_t index,
		      const double probe[2],
		      const struct vine_bench_result *result,
		      const struct vine_bench_result *limit)
{
	struct vine_bench_entry *entry = &report->entry[index];
	const double *bound = report->opts->bound;
	struct vine_bench_rep *rep;

	rep = realloc(entry->rep, (entry->reps + 1) * sizeof(*rep));
	if (!rep)
		return -ENOMEM;
	entry->rep = rep;
	rep += entry->reps++;
	memset(rep, 0, sizeof(*rep));
	rep->probe[0] = probe[0];
	rep->probe[1] = probe[1];
	rep->distance = vine_bench_distance_of(probe[0], bound);
	rep->dropped = rep->distance !=
			       vine_bench_distance_of(probe[1], bound) ||
		       vine_bench_probe_busy(probe[0], bound) ||
		       vine_bench_probe_busy(probe[1], bound);
	entry->dropped += (size_t)rep->dropped;
	rep->value = result->value;
	rep->mean = result->mean;
	rep->limit = result->limit_value > 0 ? result->limit_value :
		     limit ? limit->value : NAN;
	rep->samples = result->has_hist ? result->hist.count : 0;
	fill_percentiles(rep->percentile, result);
	fill_percentiles(rep->limit_percentile, limit);
	memcpy(rep->note, result->note, sizeof(rep->note));
	memcpy(rep->part, result->part, sizeof(rep->part));
	rep->parts = result->parts;
	return merge(entry, rep, result);
}

void
vine_bench_report_end(struct vine_bench_report *report, size_t index, int rc)
{
	report->entry[index].rc = rc;
}

static size_t
kept(const struct vine_bench_entry *entry, enum vine_bench_distance distance)
{
	size_t i, n = 0;

	for (i = 0; i < entry->reps; i++)
		n += !entry->rep[i].dropped &&
		     entry->rep[i].distance == distance;
	return n;
}

size_t
vine_bench_report_most(const struct vine_bench_report *report, size_t index)
{
	size_t most = 0, n, d;

	for (d = 0; d < VINE_BENCH_DISTANCES; d++) {
		n = kept(&report->entry[index], (enum vine_bench_distance)d);
		most = n > most ? n : most;
	}
	return most;
}

/* The kept repetitions of one distance, and room for one number of each. */
struct chosen {
	const struct vine_bench_rep **rep;
	double *number;		/* twice as many: a repetition has two probes */
	size_t count;
};

/* median of the first n numbers; NAN where one is NAN, or there is none. */
static double
median_of(struct chosen *c, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (isnan(c->number[i]))
			return NAN;
	return n ? vine_bench_median(c->number, n) : NAN;
}

static double
ratio_of(double value, double limit)
{
	return limit > 0 ? value / limit : NAN;
}

static void
sum_up_values(struct chosen *c, struct vine_bench_row *row)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		c->number[i] = c->rep[i]->value;
		row->least = fmin(row->least, c->number[i]);
		row->most = fmax(row->most, c->number[i]);
	}
	row->value = median_of(c, c->count);
	for (i = 0; i < c->count; i++)
		c->number[i] = c->rep[i]->mean;
	row->mean = median_of(c, c->count);
	for (i = 0; i < c->count; i++)
		c->number[i] = c->rep[i]->limit;
	row->limit = median_of(c, c->count);
	for (i = 0; i < c->count; i++)
		c->number[i] = ratio_of(c->rep[i]->value, c->rep[i]->limit);
	row->ratio = median_of(c, c->count);
	for (i = 0; i < 2 * c->count; i++)
		c->number[i] = c->rep[i / 2]->probe[i % 2];
	row->probe = median_of(c, 2 * c->count);
}

static void
sum_up_percentile(struct chosen *c, const struct utils_hist *merged, size_t p,
		  struct vine_bench_row *row)
{
	int few = 0;
	size_t i;

	for (i = 0; i < c->count; i++) {
		few |= c->rep[i]->samples < enough[p];
		c->number[i] = c->rep[i]->percentile[p];
	}
	row->percentile[p] = median_of(c, c->count);
	for (i = 0; i < c->count; i++)
		c->number[i] = ratio_of(c->rep[i]->percentile[p],
					c->rep[i]->limit_percentile[p]);
	row->ratio_percentile[p] = median_of(c, c->count);
	if (!few)
		return;
	row->ratio_percentile[p] = NAN;
	row->percentile[p] = merged && merged->count >= enough[p] ?
		(double)utils_hist_percentile(merged, percents[p]) : NAN;
}

static void
sum_up_parts(struct chosen *c, struct vine_bench_row *row)
{
	size_t i, p;

	row->parts = c->rep[0]->parts;
	for (p = 0; p < row->parts; p++) {
		row->part[p] = c->rep[0]->part[p];
		for (i = 0; i < c->count; i++)
			c->number[i] = c->rep[i]->part[p].value;
		row->part[p].value = median_of(c, c->count);
	}
}

void
vine_bench_report_row(const struct vine_bench_report *report, size_t index,
		      enum vine_bench_distance distance,
		      struct vine_bench_row *row)
{
	const struct vine_bench_entry *entry = &report->entry[index];
	struct chosen c = { .count = 0 };
	size_t i;

	*row = (struct vine_bench_row){ .value = NAN, .least = INFINITY,
		.most = -INFINITY, .mean = NAN, .limit = NAN, .ratio = NAN,
		.probe = NAN, .note = "" };
	c.rep = calloc(entry->reps + 1, sizeof(*c.rep));
	c.number = calloc(2 * entry->reps + 1, sizeof(*c.number));
	for (i = 0; c.rep && c.number && i < entry->reps; i++)
		if (!entry->rep[i].dropped &&
		    entry->rep[i].distance == distance)
			c.rep[c.count++] = &entry->rep[i];
	if (c.count) {
		row->reps = c.count;
		row->note = c.rep[c.count - 1]->note;
		sum_up_values(&c, row);
		sum_up_parts(&c, row);
		for (i = 0; i < VINE_BENCH_PERCENTILES; i++)
			sum_up_percentile(&c, entry->hist[distance], i, row);
	}
	free(c.rep);
	free(c.number);
}

enum vine_bench_exit
vine_bench_report_exit(const struct vine_bench_report *report)
{
	enum vine_bench_exit status = VINE_BENCH_EXIT_OK;
	const struct vine_bench_entry *entry;
	size_t i;

	for (i = 0; i < vine_bench_count; i++) {
		entry = &report->entry[i];
		if (!entry->wanted)
			continue;
		if (entry->rc && entry->rc != -EOPNOTSUPP)
			return VINE_BENCH_EXIT_FAILED;
		if (entry->rc ||
		    vine_bench_report_most(report, i) < VINE_BENCH_REPS_MIN)
			status = VINE_BENCH_EXIT_PARTIAL;
	}
	return status;
}
