/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump as people read it: tasks that are alike are one group, the largest
 * comes first, and what addresses mean is looked up here. It goes by what
 * rt_dump.h tells of a dump that is done; any thread.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_dump.h"
#include "rt/rt_holders.h"
#include "rt/rt_place.h"
#include "rt/rt_trace.h"

static int
compare(const struct rt_dump_task *a, const struct rt_dump_task *b)
{
	int c = memcmp(a->frames, b->frames, sizeof(a->frames));

	if (c == 0)
		c = strcmp(a->name, b->name);
	if (c == 0)
		c = strcmp(a->what, b->what);
	if (c == 0)
		c = a->state - b->state;
	if (c == 0)
		c = a->cancelled - b->cancelled;
	if (c == 0)
		c = ((uintptr_t)a->fn > (uintptr_t)b->fn) -
			((uintptr_t)a->fn < (uintptr_t)b->fn);
	return c;
}

int
rt_dump_alike(const struct rt_dump_task *a, const struct rt_dump_task *b)
{
	return compare(a, b) == 0;
}

/* What is sorted: tasks, then groups of them by their size. */
struct entry {
	const struct rt_dump_task *task;
	uint32_t index;
	uint32_t group;		/* tasks in its group */
	uint32_t first;		/* of the group, in the first order */
};

static int
by_kind(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = compare(a->task, b->task);

	if (c == 0)
		c = (a->task->age_ns < b->task->age_ns) -
			(a->task->age_ns > b->task->age_ns);
	return c ? c : (a->index > b->index) - (a->index < b->index);
}

static int
by_size(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = (a->group < b->group) - (a->group > b->group);

	if (c == 0)
		c = (a->first > b->first) - (a->first < b->first);
	return c ? c : (a->index > b->index) - (a->index < b->index);
}

/* `index` becomes the place in the first order. */
static void
measure_groups(struct entry *e, uint32_t n, uint32_t *order)
{
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n; end++)
			if (compare(e[i].task, e[end].task) != 0)
				break;
		for (uint32_t k = i; k < end; k++) {
			e[k].group = end - i;
			e[k].first = i;
			order[k] = e[k].index;
			e[k].index = k;
		}
	}
}

void
rt_dump_group(const struct rt_dump *dump, uint32_t *order)
{
	uint32_t n = rt_dump_count(dump);
	struct entry *e = calloc(n ? n : 1, 2 * sizeof(*e));
	uint32_t *first;

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (e == NULL)		/* each for itself, then */
		return;
	first = (uint32_t *)(void *)(e + n);
	for (uint32_t i = 0; i < n; i++)
		e[i] = (struct entry){ rt_dump_task(dump, i), i, 0, 0 };
	qsort(e, n, sizeof(*e), by_kind);
	measure_groups(e, n, first);
	qsort(e, n, sizeof(*e), by_size);
	for (uint32_t i = 0; i < n; i++)
		order[i] = first[e[i].index];
	free(e);
}

char *
rt_dump_object(const struct rt_dump_task *t, char *text, size_t size)
{
	char symbol[64] = "";

	if (t->called[0] == '\0' && t->where)
		(void)rt_place_object(t->where, symbol, sizeof(symbol));
	snprintf(text, size, "%s%s%s", t->called[0] ? t->called : symbol,
		 t->called[0] || symbol[0] ? " " : "", t->object);
	return text;
}

/* What is printed, and where to. */
struct report {
	struct rt_holders *holders;	/* NULL: no memory for them */
	void (*line)(const char *text, void *user);
	void *user;
	uint32_t lines;
};

static void __attribute__((format(printf, 2, 3)))
say(struct report *r, const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r->line(text, r->user);
	r->lines++;
}

static void
say_place(const struct rt_place *place, void *user)
{
	char where[200];

	say(user, "    %s", rt_place_text(place, where, sizeof(where)));
}

static void
say_group(struct report *r, const struct rt_dump_task *t, uint32_t count)
{
	char how_many[32] = "", left[40] = "", object[RT_DUMP_OBJECT];
	char holder[VINE_RT_NAME] = "";
	struct rt_place place;

	if (count > 1)
		snprintf(how_many, sizeof(how_many), "%u tasks ", count);
	if (t->left_ns != RT_NEVER)
		snprintf(left, sizeof(left), ", %" PRIu64 " ms left",
			 t->left_ns / 1000000);
	if (r->holders)
		rt_holders_text(r->holders, t, holder, sizeof(holder));
	say(r, "%s%s: %s%s%s%s%s%s%s for %" PRIu64 " ms%s%s%s", how_many,
	    t->name, rt_task_state_name(t->state), t->what[0] ? ", " : "",
	    t->what, t->object[0] ? " " : "",
	    rt_dump_object(t, object, sizeof(object)),
	    holder[0] ? " of " : "", holder, t->age_ns / 1000000, left,
	    t->cancelled ? ", cancelled" : "",
	    t->held ? ", holds cancels off" : "");
	(void)rt_place_show(t->frames, t->count, say_place, r);
	if (t->count == 0) {
		(void)rt_place_of((uintptr_t)t->fn, 0, &place);
		say_place(&place, r);
	}
}

static void
say_event(struct report *r, const struct rt_event *e)
{
	say(r, "%" PRIu64 " us ago: %s%s%s 0x%" PRIx64 " %" PRId64,
	    e->ns / 1000, rt_trace_name(e->what), e->task[0] ? " " : "",
	    e->task, e->object, e->number);
}

static void
say_circles(struct report *r, const struct rt_dump *dump)
{
	char text[300];

	for (uint32_t i = 0; r->holders && i < rt_dump_count(dump) &&
	     r->lines < VINE_RT_DUMP_LINES; i++)
		if (rt_holders_circle(r->holders, i, text, sizeof(text)))
			say(r, "deadlock: %s", text);
}

uint32_t
rt_dump_print(const struct rt_dump *dump,
	      void (*line)(const char *text, void *user), void *user)
{
	uint32_t n = rt_dump_count(dump), groups = 0, events;
	const struct rt_event *event = rt_dump_events(dump, &events);
	uint32_t *order = calloc(n ? n : 1, sizeof(*order));
	struct report r = { .line = line, .user = user };

	if (order == NULL) {
		say(&r, "out of memory");
		return r.lines;
	}
	(void)rt_holders_new(dump, &r.holders);
	say_circles(&r, dump);
	rt_dump_group(dump, order);
	for (uint32_t i = 0, end; i < n && groups < VINE_RT_DUMP_LINES;
	     i = end, groups++) {
		const struct rt_dump_task *t = rt_dump_task(dump, order[i]);

		for (end = i + 1; end < n; end++)
			if (compare(t, rt_dump_task(dump, order[end])) != 0)
				break;
		say_group(&r, t, end - i);
	}
	for (uint32_t i = 0; i < events; i++)
		say_event(&r, &event[i]);
	if (rt_dump_left_out(dump))
		say(&r, "%u tasks more", rt_dump_left_out(dump));
	rt_holders_free(r.holders);
	free(order);
	return r.lines;
}
