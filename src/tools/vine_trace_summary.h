/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace summary: for each function how often it was called, how often it
 * failed and how long it took; for each pair of stops that tasks passed one
 * after the other, the time between them.
 */
#ifndef VINE_TRACE_SUMMARY_H
#define VINE_TRACE_SUMMARY_H

#include <stdio.h>

#include "tools/vine_trace_input.h"

struct vine_trace_summary;

/* vine_trace_summary_new returns an empty summary, or NULL without memory. */
struct vine_trace_summary *vine_trace_summary_new(void);

void vine_trace_summary_free(struct vine_trace_summary *summary);

/* vine_trace_summary_row takes a row; `summary` is its struct. */
void vine_trace_summary_row(void *summary,
			    const struct vine_trace_source *source,
			    const struct vine_trace_row *row);

/*
 * vine_trace_summary_print prints both tables, times in ns. Returns 0, or
 * -ENOMEM when rows did not find memory; the tables are then of the others.
 */
int vine_trace_summary_print(struct vine_trace_summary *summary, FILE *out);

#endif
