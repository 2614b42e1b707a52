/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace to Chrome: rows as the trace-event JSON that Perfetto and
 * chrome://tracing show. Calls are slices of their threads, stops are slices
 * of 1 ns, and arrows join issue, take, complete and reap of each task.
 */
#ifndef VINE_TRACE_CHROME_H
#define VINE_TRACE_CHROME_H

#include <stdio.h>

#include "tools/vine_trace_input.h"

struct vine_trace_chrome;

/*
 * vine_trace_chrome_new begins the JSON in `out`, which stays the caller's.
 * Returns NULL without memory.
 */
struct vine_trace_chrome *vine_trace_chrome_new(FILE *out);

/* vine_trace_chrome_row takes a row; `chrome` is its struct. */
void vine_trace_chrome_row(void *chrome,
			   const struct vine_trace_source *source,
			   const struct vine_trace_row *row);

/*
 * vine_trace_chrome_end completes the JSON and frees chrome. Returns 0, or
 * -ENOMEM when stops did not find memory and are left out. Errors of writing
 * stay in `out` for ferror.
 */
int vine_trace_chrome_end(struct vine_trace_chrome *chrome);

#endif
