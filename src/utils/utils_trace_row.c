/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace row: the table of functions says which column gets which word. A row
 * is built from left to right; the few columns a function has are first
 * scattered into a list that says, for each column, which word it shows.
 *
 * stdio is not used: rows are written from signal handlers too.
 */
#include "utils/utils_trace_row.h"

#ifdef VINE_TRACE_ENABLE

#include <string.h>

_Static_assert(sizeof(struct utils_trace_record) == UTILS_TRACE_RECORD,
	       "a record is two cache lines");

enum row_return {
#define UTILS_TRACE_RETURN(name) ROW_##name,
#include "utils/trace_funcs.def"
	/* a function's first entry is its return, the others are columns */
	ROW_COLUMN_BASE
};

enum row_column {
	ROW_BEFORE_FIRST = ROW_COLUMN_BASE - 1,
#define UTILS_TRACE_COLUMN(name, format) ROW_##name,
#include "utils/trace_funcs.def"
	ROW_COLUMN_END
};

#define ROW_COLUMNS (ROW_COLUMN_END - ROW_COLUMN_BASE)

enum row_format {
	ROW_HEX,
	ROW_UINT,
	ROW_INT,
	ROW_TEXT,
};

static const uint8_t row_formats[ROW_COLUMNS] = {
#define UTILS_TRACE_COLUMN(name, format) ROW_##format,
#include "utils/trace_funcs.def"
};

#define ROW_ENTRY(name) ROW_##name

struct row_fn {
	const char *name;
	uint8_t words;		/* entries that are used */
	uint8_t has_text;
	uint8_t entries[UTILS_TRACE_ARGS + 1];
};

static const struct row_fn row_fns[UTILS_TRACE_FN_COUNT] = {
#define UTILS_TRACE_FUNC(fn, ...) \
	{ #fn, UTILS_TRACE_COUNT(__VA_ARGS__), 0, \
	  { UTILS_TRACE_MAP(ROW_ENTRY, __VA_ARGS__) } },
#define UTILS_TRACE_FUNC_TEXT(fn, ...) \
	{ #fn, UTILS_TRACE_COUNT(__VA_ARGS__), 1, \
	  { UTILS_TRACE_MAP(ROW_ENTRY, __VA_ARGS__) } },
#define UTILS_TRACE_STOP(fn) \
	{ #fn, 3, 0, { ROW_ret_none, ROW_queue, ROW_cookie } },
#include "utils/trace_funcs.def"
};

static const char row_header[] =
	"Timestamp,Core Id,Thread Id,Function Id,Task Duration,Return Value"
#define UTILS_TRACE_COLUMN(name, format) "," #name
#include "utils/trace_funcs.def"
	"\n";

_Static_assert(sizeof(row_header) <= UTILS_TRACE_HEADER_MAX, "header length");

/* Longest row: a separator per column, five numbers and eight words of up to
 * 20 digits, a name of up to 31 bytes, a text of quotes alone in quotes. */
_Static_assert(6 + ROW_COLUMNS + (5 + UTILS_TRACE_ARGS) * 20 + 31 +
	       2 * UTILS_TRACE_TEXT + 2 <= UTILS_TRACE_ROW_MAX, "row length");
#define UTILS_TRACE_FUNC(fn, ...) \
	_Static_assert(sizeof(#fn) <= 32, "function name length");
#define UTILS_TRACE_FUNC_TEXT(fn, ...) UTILS_TRACE_FUNC(fn, __VA_ARGS__)
#include "utils/trace_funcs.def"

static char *
row_uint(char *p, uint64_t value)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	memcpy(p, digits + i, sizeof(digits) - i);
	return p + sizeof(digits) - i;
}

static char *
row_int(char *p, uint64_t word)
{
	if (word >> 63) {
		*p++ = '-';
		word = 0 - word;
	}
	return row_uint(p, word);
}

static char *
row_hex(char *p, uint64_t value)
{
	int shift = 60;

	while (shift > 0 && (value >> shift) == 0)
		shift -= 4;
	*p++ = '0';
	*p++ = 'x';
	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[(value >> shift) & 15];
	return p;
}

/* row_text writes a text, in quotes where RFC 4180 asks for them. */
static char *
row_text(char *p, const char *text)
{
	int quoted = text[strcspn(text, ",\"\r\n")] != '\0';

	if (quoted)
		*p++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"')
			*p++ = '"';
		*p++ = *text;
	}
	if (quoted)
		*p++ = '"';
	return p;
}

static char *
row_return(char *p, enum row_return kind, uint64_t word)
{
	switch (kind) {
	case ROW_ret_none:
		return p;
	case ROW_ret_ptr:
	case ROW_ret_addr:
		return row_hex(p, word);
	default:
		return row_int(p, word);
	}
}

static char *
row_cell(char *p, enum row_format format, uint64_t word)
{
	switch (format) {
	case ROW_HEX:
		return row_hex(p, word);
	case ROW_INT:
		return row_int(p, word);
	default:
		return row_uint(p, word);
	}
}

static char *
row_columns(char *p, const struct utils_trace_record *record,
	    const struct row_fn *fn)
{
	uint8_t word_of[ROW_COLUMNS] = { 0 };	/* 0: the cell is empty */
	unsigned int i;

	for (i = 1; i < fn->words; i++)
		word_of[fn->entries[i] - ROW_COLUMN_BASE] = (uint8_t)i;
	for (i = 0; i < ROW_COLUMNS; i++) {
		*p++ = ',';
		if (row_formats[i] == ROW_TEXT) {
			if (fn->has_text)
				p = row_text(p, record->text);
		} else if (word_of[i] != 0) {
			p = row_cell(p, row_formats[i],
				     record->words[word_of[i]]);
		}
	}
	return p;
}

size_t
utils_trace_row_header(char *out)
{
	memcpy(out, row_header, sizeof(row_header) - 1);
	return sizeof(row_header) - 1;
}

size_t
utils_trace_row_write(char *out, const struct utils_trace_record *record,
		      uint64_t start_ns, uint64_t duration_ns, uint32_t tid)
{
	const struct row_fn *fn = &row_fns[record->fn];
	size_t name = strlen(fn->name);
	char *p = out;

	p = row_uint(p, start_ns);
	*p++ = ',';
	if (record->core != UTILS_TRACE_NO_CORE)
		p = row_uint(p, record->core);
	*p++ = ',';
	p = row_uint(p, tid);
	*p++ = ',';
	memcpy(p, fn->name, name);
	p += name;
	*p++ = ',';
	p = row_uint(p, duration_ns);
	*p++ = ',';
	p = row_return(p, fn->entries[0], record->words[0]);
	p = row_columns(p, record, fn);
	*p++ = '\n';
	return (size_t)(p - out);
}

#endif
