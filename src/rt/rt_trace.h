/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace: what the runtime does, step by step, for whoever looks.
 *
 * Each step of rt_trace.def is a probe of user space, vine_rt:name, for
 * bpftrace, perf and the like: one instruction that does nothing while nobody
 * looks. And a scheduler can keep its last VINE_RT_RECORDER steps, its *recorder*: then
 * each switch asks the scheduler and reads the clock, so it is off unless it is
 * turned on.
 */
#ifndef RT_TRACE_H
#define RT_TRACE_H

#include <stdint.h>

#include "core/vine_limits.h"

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define RT_PROBE(name, object, number) \
	DTRACE_PROBE2(vine_rt, name, object, number)
#else
#define RT_PROBE(name, object, number) ((void)(object), (void)(number))
#endif

struct rt_sched;
struct rt_task;

enum rt_trace {
#define RT_TRACE(name, object, number, meaning) RT_TRACE_##name,
#include "rt/rt_trace.def"
#undef RT_TRACE
	RT_TRACES
};

/* A step that was kept. */
struct rt_event {
	uint64_t ns;		/* before it was read */
	uint64_t object;
	int64_t number;
	char task[VINE_RT_NAME];	/* the object, or current; or "" */
	uint8_t what;		/* enum rt_trace */
};

/* rt_trace_name returns the name of a step. */
const char *rt_trace_name(enum rt_trace what);

/*
 * rt_trace_record begins to keep the steps of a scheduler, or, with 0, ends it
 * and forgets them. The scheduler's thread. Returns 0 or -ENOMEM.
 */
int rt_trace_record(struct rt_sched *sched, int on);

/*
 * rt_trace_read copies the steps that were kept, oldest first, at most `most`;
 * returns how many. The scheduler's thread; rt_dump.h has them for others.
 */
uint32_t rt_trace_read(const struct rt_sched *sched, struct rt_event *events,
		       uint32_t most);

/* rt_trace_note keeps a step; the recorder is on. For RT_TRACE_AT. */
void rt_trace_note(struct rt_sched *sched, enum rt_trace what,
		   const struct rt_task *task, uint64_t object, int64_t number);

#endif
