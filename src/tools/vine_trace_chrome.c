/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace to Chrome: calls are written as they come; stops are kept until the
 * end, because arrows need all stops of a task.
 *
 * Times are us with three decimals, on CLOCK_MONOTONIC: the files of one
 * machine share one axis.
 */
#include "tools/vine_trace_chrome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_trace_task.h"

struct vine_trace_chrome {
	FILE *out;
	struct vine_trace_tasks tasks;
	uint32_t named;		/* the process whose name is written */
	uint64_t events;
	uint64_t arrows;
	int no_memory;
};

/*
 * utf8_length returns how many bytes the UTF-8 character at text has, or 0
 * where there is none: not the shortest form, a surrogate, above U+10FFFF.
 */
static size_t
utf8_length(const char *text)
{
	const unsigned char *b = (const unsigned char *)text;
	size_t length, i;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	length = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	for (i = 1; i < length; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
	    (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return length;
}

/* json_string writes a string; bytes that are no UTF-8 become U+FFFD. */
static void
json_string(FILE *out, const char *text)
{
	putc('"', out);
	while (*text != '\0') {
		size_t length = utf8_length(text);

		if (length == 0) {
			fputs("\\ufffd", out);
			length = 1;
		} else if (*text == '"' || *text == '\\') {
			putc('\\', out);
			putc(*text, out);
		} else if ((unsigned char)*text < ' ' || *text == 0x7f) {
			fprintf(out, "\\u%04x", (unsigned int)*text);
		} else {
			fwrite(text, 1, length, out);
		}
		text += length;
	}
	putc('"', out);
}

static void
json_us(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ",\"%s\":%llu.%03u", key, (unsigned long long)(ns / 1000),
		(unsigned int)(ns % 1000));
}

/* event_begin writes what all events have; the caller closes the brace. */
static void
event_begin(struct vine_trace_chrome *c, const char *phase, const char *name,
	    uint32_t pid, uint64_t tid)
{
	fprintf(c->out, "%s\n{\"ph\":\"%s\",\"name\":", c->events++ ? "," : "",
		phase);
	json_string(c->out, name);
	fprintf(c->out, ",\"pid\":%u,\"tid\":%llu", pid,
		(unsigned long long)tid);
}

static void
chrome_process(struct vine_trace_chrome *c,
	       const struct vine_trace_source *source,
	       const struct vine_trace_row *row)
{
	const char *program = vine_trace_row_cell(row,
						  VINE_TRACE_COLUMN_func_name);

	if (c->named == source->pid)
		return;
	c->named = source->pid;
	event_begin(c, "M", "process_name", source->pid, 0);
	fputs(",\"args\":{\"name\":", c->out);
	json_string(c->out, row->fn == VINE_TRACE_FN_trace_start &&
		    program[0] != '\0' ? program : source->path);
	fputs("}}", c->out);
	event_begin(c, "M", "process_labels", source->pid, 0);
	fputs(",\"args\":{\"labels\":", c->out);
	json_string(c->out, source->path);
	fputs("}}", c->out);
}

static void
chrome_call(struct vine_trace_chrome *c,
	    const struct vine_trace_source *source,
	    const struct vine_trace_row *row)
{
	unsigned int i;

	event_begin(c, "X", row->name, source->pid, row->tid);
	json_us(c->out, "ts", row->start_ns);
	json_us(c->out, "dur", row->duration_ns);
	fprintf(c->out, ",\"cat\":\"call\",\"args\":{\"core\":%d", row->core);
	if (row->value[0] != '\0') {
		fputs(",\"return\":", c->out);
		json_string(c->out, row->value);
	}
	for (i = 0; i < row->count; i++) {
		if (row->cells[i][0] == '\0')
			continue;
		putc(',', c->out);
		json_string(c->out, row->columns[i]);
		putc(':', c->out);
		json_string(c->out, row->cells[i]);
	}
	fputs("}}", c->out);
}

struct vine_trace_chrome *
vine_trace_chrome_new(FILE *out)
{
	struct vine_trace_chrome *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->out = out;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
	return c;
}

void
vine_trace_chrome_row(void *chrome, const struct vine_trace_source *source,
		      const struct vine_trace_row *row)
{
	struct vine_trace_chrome *c = chrome;

	chrome_process(c, source, row);
	if (row->fn == VINE_TRACE_FN_trace_start ||
	    row->fn == VINE_TRACE_FN_trace_end)
		return;
	if (row->fn < VINE_TRACE_FN_issue || row->fn == VINE_TRACE_FN_UNKNOWN)
		chrome_call(c, source, row);
	else if (vine_trace_task_add(&c->tasks, source->pid, row) != 0)
		c->no_memory = 1;
}

static void
chrome_stop(struct vine_trace_chrome *c, const struct vine_trace_point *point)
{
	event_begin(c, "X", vine_trace_stop_name((enum vine_trace_stop)
						 point->stop),
		    point->pid, point->tid);
	json_us(c->out, "ts", point->ns);
	fprintf(c->out, ",\"dur\":0.001,\"cat\":\"task\",\"args\":"
		"{\"queue\":\"%llu\",\"cookie\":\"%llu\"}}",
		(unsigned long long)point->queue,
		(unsigned long long)point->cookie);
}

/* chrome_task writes a task's stops, and the arrows between those it has. */
static void
chrome_task(void *user, const struct vine_trace_point *const *at)
{
	static const enum vine_trace_stop joined[] = {
		VINE_TRACE_STOP_issue, VINE_TRACE_STOP_take,
		VINE_TRACE_STOP_complete, VINE_TRACE_STOP_reap,
	};
	const struct vine_trace_point *ends[4];
	struct vine_trace_chrome *c = user;
	size_t count = 0, i;

	for (i = 0; i < VINE_TRACE_STOPS; i++)
		if (at[i] != NULL)
			chrome_stop(c, at[i]);
	for (i = 0; i < 4; i++)
		if (at[joined[i]] != NULL)
			ends[count++] = at[joined[i]];
	if (count < 2)
		return;
	c->arrows++;
	for (i = 0; i < count; i++) {
		event_begin(c, i == 0 ? "s" : i + 1 < count ? "t" : "f",
			    "task", ends[i]->pid, ends[i]->tid);
		json_us(c->out, "ts", ends[i]->ns);
		fprintf(c->out, ",\"cat\":\"task\",\"id\":%llu%s}",
			(unsigned long long)c->arrows,
			i + 1 == count ? ",\"bp\":\"e\"" : "");
	}
}

int
vine_trace_chrome_end(struct vine_trace_chrome *c)
{
	int ret = c->no_memory ? -ENOMEM : 0;

	vine_trace_task_each(&c->tasks, chrome_task, c);
	fputs("\n]}\n", c->out);
	vine_trace_task_free(&c->tasks);
	free(c);
	return ret;
}
