/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder is a ring that its scheduler's thread alone touches. Names are
 * copied: a task may be gone when somebody reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_trace.h"
#include "utils/utils_clock.h"

struct rt_recorder {
	uint64_t count;		/* that were kept, all in all */
	struct rt_event events[VINE_RT_RECORDER];	/* ns: ticks, here */
};

const char *
rt_trace_name(enum rt_trace what)
{
	static const char *const names[] = {
#define RT_TRACE(name, object, number, meaning) #name,
#include "rt/rt_trace.def"
#undef RT_TRACE
	};

	return what < RT_TRACES ? names[what] : "unknown";
}

int
rt_trace_record(struct rt_sched *s, int on)
{
	if (on && s->recorder)
		return 0;
	free(s->recorder);
	s->recorder = on ? calloc(1, sizeof(*s->recorder)) : NULL;
	/* the switches that were to be made without asking are asked for */
	s->grain -= s->turn > 1 ? s->turn - 1 : 0;
	s->turn = s->turn > 1 ? 1 : s->turn;
	return on && s->recorder == NULL ? -ENOMEM : 0;
}

void
rt_trace_note(struct rt_sched *s, enum rt_trace what,
	      const struct rt_task *task, uint64_t object, int64_t number)
{
	struct rt_recorder *r = s->recorder;
	struct rt_event *e = &r->events[r->count++ % VINE_RT_RECORDER];

	e->ns = utils_clock_ticks();
	e->object = object;
	e->number = number;
	e->what = (uint8_t)what;
	if (task)
		memcpy(e->task, task->name, sizeof(e->task));
	else
		e->task[0] = '\0';
}

uint32_t
rt_trace_read(const struct rt_sched *s, struct rt_event *events, uint32_t most)
{
	const struct rt_recorder *r = s->recorder;
	uint64_t now = utils_clock_ticks(), first = 0;
	uint32_t n = 0;

	if (r == NULL)
		return 0;
	if (r->count > VINE_RT_RECORDER)
		first = r->count - VINE_RT_RECORDER;
	if (r->count - first > most)
		first = r->count - most;
	for (uint64_t i = first; i < r->count; i++) {
		events[n] = r->events[i % VINE_RT_RECORDER];
		events[n].ns = now > events[n].ns ?
			utils_clock_span_ns(now - events[n].ns) : 0;
		n++;
	}
	return n;
}
