/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end's report is a list of rows, each with a key for JSON and a label for
 * people. A row that does not apply is not there.
 *
 * Fairness is Jain's: the square of the sum by n times the sum of the squares,
 * 1 where all have the same. Rates are of the time in which all were open.
 */
#include "net_report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "net_memory.h"

#define ROWS 40

enum unit { COUNT, BYTES, RATE, SECONDS, MS, INDEX };

struct row {
	const char *key, *label;
	enum unit unit;
	double value;		/* ns where the unit is a time */
};

struct rows {
	uint32_t count;
	struct row rows[ROWS];
};

struct jain {
	double n, sum, squares;
};

static void
jain_add(struct jain *j, double value)
{
	j->n++;
	j->sum += value;
	j->squares += value * value;
}

static double
jain_index(const struct jain *j)
{
	return j->squares > 0 ? j->sum * j->sum / (j->n * j->squares) : 0;
}

static void
add(struct rows *r, const char *key, const char *label, enum unit unit,
    double value)
{
	if (r->count < ROWS)
		r->rows[r->count++] = (struct row){ key, label, unit, value };
}

static void
print_value(FILE *out, enum unit unit, double value)
{
	switch (unit) {
	case COUNT:
		fprintf(out, "%.0f\n", value);
		break;
	case BYTES:
		fprintf(out, "%.0f bytes\n", value);
		break;
	case RATE:
		fprintf(out, "%.1f MB/s\n", value / 1e6);
		break;
	case SECONDS:
		fprintf(out, "%.3f s\n", value / 1e9);
		break;
	case MS:
		fprintf(out, "%.3f ms\n", value / 1e6);
		break;
	case INDEX:
		fprintf(out, "%.4f\n", value);
		break;
	}
}

/* --- a second --- */

static double
per_second(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ?
		(double)(now - before) / seconds : 0;
}

static void
print_thread(struct net_thread *t, double seconds)
{
	const struct net_meter *m = &t->meter;
	uint64_t closed = net_meter_get(&m->closed);
	uint64_t opened = net_meter_get(&m->opened);
	uint64_t in = net_meter_get(&m->in), out = net_meter_get(&m->out);

	printf("  thread %-3u  open %6llu  opened %6.0f/s  closed %6.0f/s  "
	       "failed %llu  in %8.1f MB/s  out %8.1f MB/s\n", t->number,
	       (unsigned long long)(opened - closed),
	       per_second(opened, t->second_opened, seconds),
	       per_second(closed, t->second_closed, seconds),
	       (unsigned long long)net_meter_get(&m->failed),
	       per_second(in, t->second_in, seconds) / 1e6,
	       per_second(out, t->second_out, seconds) / 1e6);
	t->second_opened = opened;
	t->second_closed = closed;
	t->second_in = in;
	t->second_out = out;
}

void
net_report_second(struct net_crew *crew, const struct net_sample *now)
{
	const struct net_sample *last = &crew->second;
	double seconds;

	if (last->ns == 0)
		last = &crew->start;
	seconds = (double)(now->ns - last->ns) / 1e9;
	printf("%5.0f s  open %6llu  opened %6.0f/s  closed %6.0f/s  "
	       "failed %llu  in %8.1f MB/s  out %8.1f MB/s\n",
	       (double)(now->ns - crew->start.ns) / 1e9,
	       (unsigned long long)(now->opened - now->closed),
	       per_second(now->opened, last->opened, seconds),
	       per_second(now->closed, last->closed, seconds),
	       (unsigned long long)now->failed,
	       per_second(now->in, last->in, seconds) / 1e6,
	       per_second(now->out, last->out, seconds) / 1e6);
	for (uint32_t i = 0; crew->opts->verbose && i < crew->opts->threads;
	     i++)
		print_thread(&crew->threads[i], seconds);
	crew->second = *now;
	fflush(stdout);
}

/* --- the end --- */

static void
add_connections(struct rows *r, const struct net_crew *crew)
{
	const struct net_sample *end = &crew->end;

	if (crew->wanted)
		add(r, "wanted", "wanted", COUNT, (double)crew->wanted);
	add(r, "opened", "opened", COUNT, (double)end->opened);
	add(r, "closed", "closed", COUNT, (double)end->closed);
	add(r, "failed", "failed", COUNT, (double)end->failed);
	add(r, "most_open", "open at a time", COUNT, (double)crew->most_open);
	add(r, "received_bytes", "received", BYTES, (double)end->in);
	add(r, "sent_bytes", "sent", BYTES, (double)end->out);
	if (end->calls)
		add(r, "call_bytes", "that is, a call", BYTES,
		    (double)(end->in + end->out) / (double)end->calls);
}

static void
add_times(struct rows *r, const struct net_crew *crew)
{
	uint64_t first = net_meter_get(&crew->times.first);
	uint64_t last = net_meter_get(&crew->times.last);
	struct utils_hist *all = malloc(sizeof(*all));

	if (crew->wanted == 0 && last)
		add(r, "all_open_ns", "first to last opened", SECONDS,
		    (double)(last - first));
	else if (crew->end.opened == crew->wanted)
		add(r, "all_open_ns", "all were open after", SECONDS,
		    (double)(last - crew->start.ns));
	if (all == NULL)
		return;
	utils_hist_init(all);
	for (uint32_t i = 0; i < crew->opts->threads; i++)
		utils_hist_merge(all, &crew->threads[i].meter.connect_ns);
	if (all->count) {
		add(r, "connect_p50_ns", "connect, p50", MS,
		    (double)utils_hist_percentile(all, 50));
		add(r, "connect_p99_ns", "connect, p99", MS,
		    (double)utils_hist_percentile(all, 99));
		add(r, "connect_max_ns", "connect, max", MS,
		    (double)utils_hist_percentile(all, 100));
	}
	free(all);
}

/* The bytes a second of a span of the run. */
static double
rate(const struct net_sample *from, const struct net_sample *to)
{
	if (to->ns <= from->ns)
		return 0;
	return (double)(to->in + to->out - from->in - from->out) * 1e9 /
		(double)(to->ns - from->ns);
}

static void
add_rates(struct rows *r, const struct net_crew *crew)
{
	struct net_sample first = crew->start;

	if (net_meter_get(&crew->times.first))
		first.ns = net_meter_get(&crew->times.first);
	add(r, "rate", "throughput", RATE, rate(&first, &crew->end));
	if (crew->all_open.ns == 0)
		return;
	add(r, "open_rate", "throughput, all open", RATE,
	    rate(&crew->all_open, &crew->still_open));
	add(r, "open_span_ns", "that was for", SECONDS,
	    (double)(crew->still_open.ns - crew->all_open.ns));
}

static void
add_fairness(struct rows *r, const struct net_crew *crew)
{
	struct jain all = { 0 }, since = { 0 }, threads = { 0 };

	for (uint32_t i = 0; i < crew->opts->threads; i++) {
		const struct net_thread *t = &crew->threads[i];
		uint64_t opened = net_meter_get(&t->meter.opened);

		jain_add(&threads, (double)(net_meter_get(&t->meter.in) +
					    net_meter_get(&t->meter.out)));
		for (uint32_t n = 0; n < t->meter.room && n < opened; n++) {
			uint64_t bytes = net_meter_get(&t->meter.bytes[n]);

			jain_add(&all, (double)bytes);
			jain_add(&since, (double)(bytes - t->marks[n]));
		}
	}
	add(r, "fairness", "fairness, connections", INDEX, jain_index(&all));
	if (crew->all_open.ns)
		add(r, "open_fairness", "the same, all open", INDEX,
		    jain_index(&since));
	add(r, "thread_fairness", "fairness, threads", INDEX,
	    jain_index(&threads));
}

static double
ns_of(const struct timeval *time)
{
	return (double)time->tv_sec * 1e9 + (double)time->tv_usec * 1e3;
}

static void
add_costs(struct rows *r, const struct net_crew *crew)
{
	struct net_memory m = net_memory_taken();
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) == 0) {
		add(r, "user_ns", "processor, user", SECONDS,
		    ns_of(&used.ru_utime));
		add(r, "system_ns", "processor, system", SECONDS,
		    ns_of(&used.ru_stime));
	}
	add(r, "memory_bytes", "memory", BYTES, (double)m.process);
	if (crew->most_open)
		add(r, "connection_memory_bytes", "memory, each", BYTES,
		    (double)m.process / (double)crew->most_open);
	add(r, "slab_bytes", "kernel's objects", BYTES, (double)m.slab);
	add(r, "buffer_bytes", "kernel's buffers", BYTES, (double)m.buffers);
}

static void
print_text(const struct net_crew *crew, const struct rows *r)
{
	printf("\n%s: %s, %u threads\n", crew->opts->program, crew->engine,
	       crew->opts->threads);
	for (uint32_t i = 0; i < r->count; i++) {
		printf("  %-24s", r->rows[i].label);
		print_value(stdout, r->rows[i].unit, r->rows[i].value);
	}
	for (uint32_t i = 0; i < crew->opts->threads; i++) {
		const struct net_meter *m = &crew->threads[i].meter;

		for (uint32_t n = 0; n < m->error_kinds; n++)
			printf("  thread %u: %s: %s: %llu\n", i,
			       m->errors[n].what, strerror(m->errors[n].error),
			       (unsigned long long)m->errors[n].count);
		if (crew->opts->verbose)
			printf("  thread %-3u  opened %llu  closed %llu  "
			       "received %llu  sent %llu\n", i,
			       (unsigned long long)net_meter_get(&m->opened),
			       (unsigned long long)net_meter_get(&m->closed),
			       (unsigned long long)net_meter_get(&m->in),
			       (unsigned long long)net_meter_get(&m->out));
	}
	fflush(stdout);
}

static json_t *
thread_json(const struct net_thread *t)
{
	const struct net_meter *m = &t->meter;
	json_t *errors = json_array();

	for (uint32_t n = 0; n < m->error_kinds; n++)
		json_array_append_new(errors, json_pack(
			"{s:s, s:s, s:I}", "call", m->errors[n].what, "error",
			strerror(m->errors[n].error), "count",
			(json_int_t)m->errors[n].count));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}",
			 "opened", (json_int_t)net_meter_get(&m->opened),
			 "closed", (json_int_t)net_meter_get(&m->closed),
			 "failed", (json_int_t)net_meter_get(&m->failed),
			 "received_bytes", (json_int_t)net_meter_get(&m->in),
			 "sent_bytes", (json_int_t)net_meter_get(&m->out),
			 "errors", errors);
}

static json_t *
make_json(const struct net_crew *crew, const struct rows *r)
{
	json_t *all = json_pack("{s:s, s:s, s:i}", "program",
				crew->opts->program, "engine", crew->engine,
				"threads", (int)crew->opts->threads);
	json_t *threads = json_array();

	for (uint32_t i = 0; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		json_object_set_new(all, row->key, row->unit == INDEX ?
				    json_real(row->value) :
				    json_integer((json_int_t)row->value));
	}
	for (uint32_t i = 0; i < crew->opts->threads; i++)
		json_array_append_new(threads, thread_json(&crew->threads[i]));
	json_object_set_new(all, "each_thread", threads);
	return all;
}

static int
write_json(const struct net_crew *crew, const struct rows *r)
{
	const char *path = crew->opts->json;
	json_t *all = make_json(crew, r);
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int rc = 0;

	if (out == NULL || all == NULL ||
	    json_dumpf(all, out, JSON_INDENT(2)) != 0 ||
	    fputc('\n', out) == EOF)
		rc = errno ? -errno : -EIO;
	if (out && out != stdout && fclose(out) != 0 && rc == 0)
		rc = -errno;
	json_decref(all);
	if (rc)
		fprintf(stderr, "%s: --json %s: %s\n", crew->opts->program,
			path, strerror(-rc));
	return rc;
}

int
net_report_end(const struct net_crew *crew)
{
	struct rows r = { 0 };

	add_connections(&r, crew);
	add_times(&r, crew);
	add_rates(&r, crew);
	add_fairness(&r, crew);
	add_costs(&r, crew);
	print_text(crew, &r);
	return crew->opts->json ? write_json(crew, &r) : 0;
}
