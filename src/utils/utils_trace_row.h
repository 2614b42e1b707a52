/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace row: one record of the tracer as one line of CSV.
 *
 * Every line of a trace file has the same columns: VineTalk's six, then one for
 * each UTILS_TRACE_COLUMN of trace_funcs.def. Cells that do not apply are
 * empty. Text is quoted as RFC 4180 says. All functions here may be called from
 * a signal handler.
 */
#ifndef UTILS_TRACE_ROW_H
#define UTILS_TRACE_ROW_H

#include "utils/utils_trace.h"

#ifdef VINE_TRACE_ENABLE

#define UTILS_TRACE_HEADER_MAX 1024	/* bytes of the first line, at most */
#define UTILS_TRACE_ROW_MAX 512		/* bytes of any other, at most */

#define UTILS_TRACE_NO_CORE UINT16_MAX	/* the core is not known */

/* One record; start and duration are ticks. */
struct utils_trace_record {
	uint64_t start;
	uint64_t duration;
	uint64_t words[UTILS_TRACE_ARGS + 1];	/* return value, arguments */
	uint16_t fn;				/* enum utils_trace_fn */
	uint16_t core;
	char text[UTILS_TRACE_TEXT + 1];	/* ends with a NUL */
	uint16_t reserved[2];
};

/*
 * utils_trace_row_header writes the first line, of at most
 * UTILS_TRACE_HEADER_MAX bytes and without a NUL, and returns its length.
 */
size_t utils_trace_row_header(char *out);

/*
 * utils_trace_row_write writes the line of a record, of at most
 * UTILS_TRACE_ROW_MAX bytes and without a NUL, and returns its length. The
 * record's start and duration stand for nothing here: the caller has converted
 * them to start_ns and duration_ns. tid is the thread's id in the kernel.
 */
size_t utils_trace_row_write(char *out, const struct utils_trace_record *record,
			     uint64_t start_ns, uint64_t duration_ns,
			     uint32_t tid);

#endif
#endif
