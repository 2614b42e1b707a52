/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace parser: the rows of one trace file, out of bytes in pieces of any size.
 *
 * It reads what the tracer writes (docs/trace.md) and, as far as the first six
 * columns go, what VineTalk wrote. Any bytes are safe to feed. A row that is
 * not as expected is reported and skipped; a file whose first line is not a
 * trace's is refused.
 */
#ifndef VINE_TRACE_PARSE_H
#define VINE_TRACE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#define VINE_TRACE_ROW_MAX 2048		/* bytes of a row, quoted lines too */
#define VINE_TRACE_COLUMNS_MAX 128
#define VINE_TRACE_NAME_MAX 63		/* bytes of a function's name */
#define VINE_TRACE_FIXED 6		/* columns that every trace has */

/* The functions and stops of trace_funcs.def, in its order. */
enum vine_trace_fn {
#define UTILS_TRACE_FUNC(name, ...) VINE_TRACE_FN_##name,
#define UTILS_TRACE_FUNC_TEXT(name, ...) VINE_TRACE_FN_##name,
#define UTILS_TRACE_STOP(name) VINE_TRACE_FN_##name,
#include "utils/trace_funcs.def"
	VINE_TRACE_FN_UNKNOWN	/* how many there are, and any other name */
};

/* The stops of a task alone; stop i is function VINE_TRACE_FN_issue + i. */
enum vine_trace_stop {
#define UTILS_TRACE_STOP(name) VINE_TRACE_STOP_##name,
#include "utils/trace_funcs.def"
	VINE_TRACE_STOPS
};

/* The columns of trace_funcs.def that the tool itself looks at. */
enum vine_trace_column {
#define UTILS_TRACE_COLUMN(name, format) VINE_TRACE_COLUMN_##name,
#include "utils/trace_funcs.def"
	VINE_TRACE_COLUMN_COUNT
};

/* One row. Its strings live until the callback returns. */
struct vine_trace_row {
	uint64_t line;		/* in the file, from 1 */
	uint64_t start_ns;
	uint64_t duration_ns;
	uint64_t tid;
	int core;		/* -1: not known */
	int failed;		/* the return value is that of a failure */
	enum vine_trace_fn fn;
	const char *name;	/* of the function */
	const char *value;	/* the return value, "" for none */
	uint64_t queue;		/* of a stop */
	uint64_t cookie;
	unsigned int count;	/* cells after the six; VineTalk's: 0 */
	const char *const *columns; /* their names */
	const char *const *cells;
};

/* vine_trace_row_cell returns the cell of a column, "" where there is none. */
const char *vine_trace_row_cell(const struct vine_trace_row *row,
				enum vine_trace_column column);

/* Who gets the rows. The texts say what was expected and what was found. */
struct vine_trace_sink {
	void (*row)(void *user, const struct vine_trace_row *row);
	void (*bad)(void *user, uint64_t line, const char *text);
	void *user;
};

/* A parser holds no memory but itself. All members are private. */
struct vine_trace_parser {
	struct vine_trace_sink sink;
	uint64_t line;		/* of the next byte */
	uint64_t row_line;	/* of the row's first byte */
	size_t used;		/* bytes of the row so far */
	int quoted;
	int skip;		/* up to the next newline */
	int state;
	int vinetalk;		/* VineTalk's columns, times and numbers */
	unsigned int column_count;
	uint16_t names[256];	/* functions by hash, plus 1 */
	const char *columns[VINE_TRACE_COLUMNS_MAX];
	const char *cells[VINE_TRACE_COLUMNS_MAX];
	char header[VINE_TRACE_ROW_MAX + 1];
	char row[VINE_TRACE_ROW_MAX + 1];
};

/* vine_trace_parse_init makes a parser ready for the first byte of a file. */
void vine_trace_parse_init(struct vine_trace_parser *parser,
			   const struct vine_trace_sink *sink);

/*
 * vine_trace_parse_feed takes the next bytes and calls the sink for what they
 * complete. Returns 0, or -EINVAL when the file is no trace; that was reported
 * to the sink and every later call returns it again.
 */
int vine_trace_parse_feed(struct vine_trace_parser *parser, const void *bytes,
			  size_t size);

/*
 * vine_trace_parse_end tells that the file has ended. A row without its newline
 * is reported. Returns 0, or -EINVAL when there was no first line.
 */
int vine_trace_parse_end(struct vine_trace_parser *parser);

#endif
