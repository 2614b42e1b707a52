/* SPDX-License-Identifier: Apache-2.0 */
/* Lines stand in a ring. The digest is FNV-1a over 64-bit words, mixed. */
#include <inttypes.h>
#include <string.h>

#include "rt/rt_sim_trace.h"

void
rt_sim_trace_fold(struct rt_sim_trace *trace, uint64_t number)
{
	uint64_t d = (trace->digest ^ number) * UINT64_C(0x100000001b3);

	trace->digest = (d ^ (d >> 29)) + UINT64_C(0x9e3779b97f4a7c15);
}

static void
fold_text(struct rt_sim_trace *trace, const char *text)
{
	for (; *text; text++)
		rt_sim_trace_fold(trace, (unsigned char)*text);
}

void
rt_sim_trace_add(struct rt_sim_trace *trace, uint64_t at, uint32_t node,
		 const char *what, const char *who, int64_t a, int64_t b)
{
	struct rt_sim_line *line;

	line = &trace->lines[trace->count++ % VINE_RT_SIM_TRACE];
	*line = (struct rt_sim_line){ .at = at, .node = node, .what = what,
				      .a = a, .b = b };
	if (who) {
		memcpy(line->who, who, strnlen(who, sizeof(line->who) - 1));
		fold_text(trace, line->who);
	}
	fold_text(trace, what);
	rt_sim_trace_fold(trace, at);
	rt_sim_trace_fold(trace, node);
	rt_sim_trace_fold(trace, (uint64_t)a);
	rt_sim_trace_fold(trace, (uint64_t)b);
}

void
rt_sim_trace_print(const struct rt_sim_trace *trace, FILE *to)
{
	uint64_t i = trace->count < VINE_RT_SIM_TRACE ? 0 :
		trace->count - VINE_RT_SIM_TRACE;

	for (; i < trace->count; i++) {
		const struct rt_sim_line *line =
			&trace->lines[i % VINE_RT_SIM_TRACE];

		fprintf(to, "%12" PRIu64 ".%03u us  node %u  %-16s %-16s %"
			PRId64 " %" PRId64 "\n", line->at / 1000,
			(unsigned int)(line->at % 1000), line->node,
			line->what, line->who, line->a, line->b);
	}
}
