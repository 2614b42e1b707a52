/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace summary: a histogram per function and per pair of stops, made when the
 * first value comes. Percentiles are within 0.8 %; min, max and total exact.
 */
#include "tools/vine_trace_summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_trace_task.h"
#include "utils/utils_hist.h"

#define OTHERS_MAX 256	/* functions that trace_funcs.def does not have */

struct line {
	char name[VINE_TRACE_NAME_MAX + 1];
	uint64_t failed;
	struct utils_hist *hist;	/* NULL: nothing yet */
};

struct vine_trace_summary {
	struct line known[VINE_TRACE_FN_issue];
	struct line others[OTHERS_MAX];
	size_t other_count;
	/* from one stop to a later one, and in [stop][stop] nothing */
	struct line pairs[VINE_TRACE_STOPS][VINE_TRACE_STOPS];
	struct line whole;		/* issue to reap */
	struct vine_trace_tasks tasks;
	uint64_t task_count;
	uint64_t backward;		/* pairs in which time went back */
	int no_memory;
	uint64_t too_many;		/* rows beyond OTHERS_MAX */
};

struct vine_trace_summary *
vine_trace_summary_new(void)
{
	return calloc(1, sizeof(struct vine_trace_summary));
}

void
vine_trace_summary_free(struct vine_trace_summary *s)
{
	size_t i, j;

	for (i = 0; i < VINE_TRACE_FN_issue; i++)
		free(s->known[i].hist);
	for (i = 0; i < s->other_count; i++)
		free(s->others[i].hist);
	for (i = 0; i < VINE_TRACE_STOPS; i++)
		for (j = 0; j < VINE_TRACE_STOPS; j++)
			free(s->pairs[i][j].hist);
	free(s->whole.hist);
	vine_trace_task_free(&s->tasks);
	free(s);
}

static void
line_add(struct vine_trace_summary *s, struct line *line, const char *name,
	 uint64_t ns)
{
	if (line->hist == NULL) {
		line->hist = malloc(sizeof(*line->hist));
		if (line->hist == NULL) {
			s->no_memory = 1;
			return;
		}
		utils_hist_init(line->hist);
		snprintf(line->name, sizeof(line->name), "%s", name);
	}
	utils_hist_record(line->hist, ns);
}

/* summary_line returns the line of a function, NULL if there are too many. */
static struct line *
summary_line(struct vine_trace_summary *s, const struct vine_trace_row *row)
{
	size_t i;

	if (row->fn != VINE_TRACE_FN_UNKNOWN)
		return &s->known[row->fn];
	for (i = 0; i < s->other_count; i++)
		if (strcmp(s->others[i].name, row->name) == 0)
			return &s->others[i];
	if (s->other_count == OTHERS_MAX) {
		s->too_many++;
		return NULL;
	}
	return &s->others[s->other_count++];
}

void
vine_trace_summary_row(void *summary, const struct vine_trace_source *source,
		       const struct vine_trace_row *row)
{
	struct vine_trace_summary *s = summary;
	struct line *line;

	if (row->fn == VINE_TRACE_FN_trace_start ||
	    row->fn == VINE_TRACE_FN_trace_end)
		return;
	if (row->fn >= VINE_TRACE_FN_issue &&
	    row->fn != VINE_TRACE_FN_UNKNOWN) {
		if (vine_trace_task_add(&s->tasks, source->pid, row) != 0)
			s->no_memory = 1;
		return;
	}
	line = summary_line(s, row);
	if (line == NULL)
		return;
	line_add(s, line, row->name, row->duration_ns);
	line->failed += (uint64_t)row->failed;
}

static void
summary_pair(struct vine_trace_summary *s, struct line *line,
	     const struct vine_trace_point *from,
	     const struct vine_trace_point *to)
{
	char name[VINE_TRACE_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s -> %s",
		 vine_trace_stop_name((enum vine_trace_stop)from->stop),
		 vine_trace_stop_name((enum vine_trace_stop)to->stop));
	s->backward += to->ns < from->ns;
	line_add(s, line, name, to->ns < from->ns ? 0 : to->ns - from->ns);
}

static void
summary_task(void *user, const struct vine_trace_point *const *at)
{
	struct vine_trace_summary *s = user;
	const struct vine_trace_point *last = NULL;
	int i;

	s->task_count++;
	for (i = 0; i < VINE_TRACE_STOPS; i++) {
		if (at[i] == NULL)
			continue;
		if (last != NULL)
			summary_pair(s, &s->pairs[last->stop][i], last, at[i]);
		last = at[i];
	}
	if (at[VINE_TRACE_STOP_issue] != NULL &&
	    at[VINE_TRACE_STOP_reap] != NULL)
		summary_pair(s, &s->whole, at[VINE_TRACE_STOP_issue],
			     at[VINE_TRACE_STOP_reap]);
}

static int
line_compare(const void *left, const void *right)
{
	const struct line *a = *(struct line *const *)left;
	const struct line *b = *(struct line *const *)right;

	if (a->hist->sum != b->hist->sum)
		return a->hist->sum < b->hist->sum ? 1 : -1;
	return strcmp(a->name, b->name);
}

static void
line_head(FILE *out, const char *what, const char *errors)
{
	fprintf(out, "%-28s %10s %8s %10s %10s %10s %12s %14s\n", what,
		"count", errors, "p50 ns", "p99 ns", "p99.9 ns", "max ns",
		"total ns");
}

static void
line_print(const struct line *line, FILE *out, int errors)
{
	const struct utils_hist *hist = line->hist;
	char failed[24] = "";

	if (errors)
		snprintf(failed, sizeof(failed), "%llu",
			 (unsigned long long)line->failed);
	fprintf(out, "%-28s %10llu %8s %10llu %10llu %10llu %12llu %14.0f\n",
		line->name, (unsigned long long)hist->count, failed,
		(unsigned long long)utils_hist_percentile(hist, 50),
		(unsigned long long)utils_hist_percentile(hist, 99),
		(unsigned long long)utils_hist_percentile(hist, 99.9),
		(unsigned long long)hist->max, hist->sum);
}

/* summary_calls prints the functions and returns how many there are. */
static size_t
summary_calls(struct vine_trace_summary *s, FILE *out)
{
	struct line *lines[VINE_TRACE_FN_issue + OTHERS_MAX];
	size_t count = 0, i;

	for (i = 0; i < VINE_TRACE_FN_issue; i++)
		if (s->known[i].hist != NULL)
			lines[count++] = &s->known[i];
	for (i = 0; i < s->other_count; i++)
		if (s->others[i].hist != NULL)
			lines[count++] = &s->others[i];
	if (count == 0)
		return 0;
	qsort(lines, count, sizeof(lines[0]), line_compare);
	line_head(out, "function", "errors");
	for (i = 0; i < count; i++)
		line_print(lines[i], out, 1);
	return count;
}

static void
summary_stops(struct vine_trace_summary *s, FILE *out)
{
	int i, j;

	fprintf(out, "%llu tasks\n", (unsigned long long)s->task_count);
	line_head(out, "stops", "");
	for (i = 0; i < VINE_TRACE_STOPS; i++)
		for (j = 0; j < VINE_TRACE_STOPS; j++)
			if (s->pairs[i][j].hist != NULL)
				line_print(&s->pairs[i][j], out, 0);
	if (s->whole.hist != NULL) {
		snprintf(s->whole.name, sizeof(s->whole.name),
			 "issue -> reap (whole)");
		line_print(&s->whole, out, 0);
	}
	if (s->backward > 0)
		fprintf(out, "%llu times a stop was later than the next; taken "
			"as 0\n", (unsigned long long)s->backward);
}

int
vine_trace_summary_print(struct vine_trace_summary *s, FILE *out)
{
	s->task_count = s->backward = 0;
	vine_trace_task_each(&s->tasks, summary_task, s);
	if (summary_calls(s, out) > 0 && s->task_count > 0)
		putc('\n', out);
	if (s->task_count > 0)
		summary_stops(s, out);
	if (s->too_many > 0)
		fprintf(stderr, "vine-trace: %llu rows of functions beyond the "
			"first %d unknown ones are left out\n",
			(unsigned long long)s->too_many, OTHERS_MAX);
	return s->no_memory ? -ENOMEM : 0;
}
