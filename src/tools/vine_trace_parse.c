/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a trace is parsed: bytes are gathered until a newline outside of quotes,
 * then split into cells in place. A row that grows beyond its limit has a quote
 * that was never closed, or is no row at all: its first line is given up and
 * what followed it is looked at again.
 */
#include "tools/vine_trace_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_text.h"

/* A text has up to 31 newlines. The limit bounds what is looked at again. */
#define QUOTED_LINES_MAX 32
#define TID_MAX (UINT64_C(1) << 53)	/* exact in JSON */

enum parse_state {
	PARSE_HEADER,
	PARSE_ROWS,
	PARSE_REFUSED,
};

enum parse_return {
#define UTILS_TRACE_RETURN(name) PARSE_##name,
#include "utils/trace_funcs.def"
};

#define PARSE_FIRST(first, ...) PARSE_##first

static const struct {
	const char *name;
	enum parse_return kind;
} parse_fns[VINE_TRACE_FN_UNKNOWN] = {
#define UTILS_TRACE_FUNC(fn, ...) { #fn, PARSE_FIRST(__VA_ARGS__, 0) },
#define UTILS_TRACE_FUNC_TEXT(fn, ...) { #fn, PARSE_FIRST(__VA_ARGS__, 0) },
#define UTILS_TRACE_STOP(fn) { #fn, PARSE_ret_none },
#include "utils/trace_funcs.def"
};

static const char *const parse_columns[VINE_TRACE_COLUMN_COUNT] = {
#define UTILS_TRACE_COLUMN(name, format) #name,
#include "utils/trace_funcs.def"
};

static const char *const parse_fixed[VINE_TRACE_FIXED] = {
	"Timestamp", "Core Id", "Thread Id", "Function Id", "Task Duration",
	"Return Value",
};

static unsigned int
parse_hash(const char *name)
{
	unsigned int hash = 5381;

	for (; *name != '\0'; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

void
vine_trace_parse_init(struct vine_trace_parser *p,
		      const struct vine_trace_sink *sink)
{
	unsigned int i, slot;

	_Static_assert(VINE_TRACE_FN_UNKNOWN <= 128, "hash is half empty");
	memset(p, 0, sizeof(*p));
	p->sink = *sink;
	p->line = p->row_line = 1;
	p->state = PARSE_HEADER;
	for (i = 0; i < VINE_TRACE_FN_UNKNOWN; i++) {
		slot = parse_hash(parse_fns[i].name);
		while (p->names[slot % 256] != 0)
			slot++;
		p->names[slot % 256] = (uint16_t)(i + 1);
	}
}

static enum vine_trace_fn
parse_fn(const struct vine_trace_parser *p, const char *name)
{
	unsigned int slot = parse_hash(name), i;

	for (; (i = p->names[slot % 256]) != 0; slot++)
		if (strcmp(parse_fns[i - 1].name, name) == 0)
			return (enum vine_trace_fn)(i - 1);
	return VINE_TRACE_FN_UNKNOWN;
}

const char *
vine_trace_row_cell(const struct vine_trace_row *row,
		    enum vine_trace_column column)
{
	unsigned int i;

	for (i = 0; i < row->count; i++)
		if (strcmp(row->columns[i], parse_columns[column]) == 0)
			return row->cells[i];
	return "";
}

/* parse_bad reports a cell; what a file holds is shown in printable ASCII. */
static void
parse_bad(struct vine_trace_parser *p, const char *what, const char *expected,
	  const char *found)
{
	char shown[41], text[256];

	snprintf(text, sizeof(text), "%s: expected %s, found \"%s\"", what,
		 expected, utils_text_printable(shown, sizeof(shown), found));
	p->sink.bad(p->sink.user, p->row_line, text);
}

/* parse_number reads all of a cell as digits. Returns 0 or -EINVAL. */
static int
parse_number(const char *text, int base, uint64_t *value)
{
	char *end;

	if (strchr("0123456789abcdefABCDEF", text[0]) == NULL ||
	    text[0] == '\0')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, base);
	return *end == '\0' && errno == 0 ? 0 : -EINVAL;
}

/*
 * parse_split cuts a row into cells in place, and takes the quotes off. Returns
 * how many there are; beyond the limit they are counted and not kept.
 */
static unsigned int
parse_split(char *row, const char **cells)
{
	unsigned int count = 0;
	char *from = row, *to = row;
	int more = 1;

	while (more) {
		char *cell = to;
		int quoted = 0;

		for (; *from != '\0' && (quoted || *from != ','); from++) {
			if (*from != '"') {
				*to++ = *from;
			} else if (quoted && from[1] == '"') {
				*to++ = *from++;
			} else {
				quoted = !quoted;
			}
		}
		more = *from++ == ',';
		*to++ = '\0';
		if (count < VINE_TRACE_COLUMNS_MAX)
			cells[count] = cell;
		count++;
	}
	return count;
}

static int
parse_header(struct vine_trace_parser *p)
{
	unsigned int i, count;

	memcpy(p->header, p->row, p->used + 1);
	count = parse_split(p->header, p->columns);
	if (count > VINE_TRACE_COLUMNS_MAX) {
		parse_bad(p, "first line", "at most 128 columns", "more");
		return -EINVAL;
	}
	for (i = 0; i < VINE_TRACE_FIXED; i++) {
		if (i >= count || strcmp(p->columns[i], parse_fixed[i]) != 0) {
			parse_bad(p, "first line, which is no trace's",
				  parse_fixed[i],
				  i < count ? p->columns[i] : "");
			return -EINVAL;
		}
	}
	p->column_count = count;
	p->vinetalk = count == VINE_TRACE_FIXED;
	return 0;
}

static int
parse_failed(const struct vine_trace_parser *p,
	     const struct vine_trace_row *row)
{
	if (row->fn == VINE_TRACE_FN_UNKNOWN)
		return 0;
	switch (parse_fns[row->fn].kind) {
	case PARSE_ret_count:
		/* VineTalk wrote a piece of a pointer for vine_accel_list */
		return row->value[0] == '-' && !p->vinetalk;
	case PARSE_ret_error:
		return row->value[0] == '-';
	case PARSE_ret_bool:
	case PARSE_ret_state:
		return strcmp(row->value, "0") == 0;
	case PARSE_ret_ptr:
		return strcmp(row->value, "0x0") == 0 ||
			strcmp(row->value, "(nil)") == 0;
	default:
		return 0;
	}
}

static int
parse_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t length = strspn(name, letters);

	return name[length] == '\0' && length > 0 &&
		length <= VINE_TRACE_NAME_MAX ? 0 : -EINVAL;
}

/* parse_times reads the two times; VineTalk's are in us and in ms. */
static int
parse_times(struct vine_trace_parser *p, struct vine_trace_row *row)
{
	uint64_t start_unit = p->vinetalk ? 1000 : 1;
	uint64_t duration_unit = p->vinetalk ? 1000000 : 1;

	if (parse_number(p->cells[0], 10, &row->start_ns) != 0 ||
	    row->start_ns > UINT64_MAX / start_unit) {
		parse_bad(p, parse_fixed[0], "a number", p->cells[0]);
		return -EINVAL;
	}
	if (parse_number(p->cells[4], 10, &row->duration_ns) != 0 ||
	    row->duration_ns > UINT64_MAX / duration_unit) {
		parse_bad(p, parse_fixed[4], "a number", p->cells[4]);
		return -EINVAL;
	}
	row->start_ns *= start_unit;
	row->duration_ns *= duration_unit;
	return 0;
}

static int
parse_where(struct vine_trace_parser *p, struct vine_trace_row *row)
{
	uint64_t core = 0;

	row->core = -1;
	if (p->cells[1][0] != '\0') {
		if (parse_number(p->cells[1], 10, &core) != 0 ||
		    core > UINT16_MAX) {
			parse_bad(p, parse_fixed[1], "a core or nothing",
				  p->cells[1]);
			return -EINVAL;
		}
		row->core = (int)core;
	}
	if (parse_number(p->cells[2], p->vinetalk ? 16 : 10, &row->tid) != 0 ||
	    row->tid > TID_MAX) {
		parse_bad(p, parse_fixed[2], "a thread", p->cells[2]);
		return -EINVAL;
	}
	if (parse_name(p->cells[3]) != 0) {
		parse_bad(p, parse_fixed[3], "a function's name", p->cells[3]);
		return -EINVAL;
	}
	return 0;
}

/* parse_task reads which task a stop is of. */
static int
parse_task(struct vine_trace_parser *p, struct vine_trace_row *row)
{
	const char *queue = vine_trace_row_cell(row, VINE_TRACE_COLUMN_queue);
	const char *cookie = vine_trace_row_cell(row, VINE_TRACE_COLUMN_cookie);

	if (row->fn < VINE_TRACE_FN_issue || row->fn == VINE_TRACE_FN_UNKNOWN)
		return 0;
	if (parse_number(queue, 10, &row->queue) != 0) {
		parse_bad(p, "queue", "a number", queue);
		return -EINVAL;
	}
	if (parse_number(cookie, 10, &row->cookie) != 0) {
		parse_bad(p, "cookie", "a number", cookie);
		return -EINVAL;
	}
	return 0;
}

static void
parse_row(struct vine_trace_parser *p)
{
	struct vine_trace_row row = { .line = p->row_line };
	unsigned int count = parse_split(p->row, p->cells);
	char expected[32], found[32];

	if (count != p->column_count &&
	    (!p->vinetalk || count < VINE_TRACE_FIXED)) {
		snprintf(expected, sizeof(expected), "%u columns",
			 p->column_count);
		snprintf(found, sizeof(found), "%u", count);
		parse_bad(p, "row", expected, found);
		return;
	}
	if (!p->vinetalk)
		row.count = count - VINE_TRACE_FIXED;
	row.columns = p->columns + VINE_TRACE_FIXED;
	row.cells = p->cells + VINE_TRACE_FIXED;
	row.name = p->cells[3];
	row.value = p->cells[5];
	if (parse_times(p, &row) != 0 || parse_where(p, &row) != 0)
		return;
	row.fn = parse_fn(p, row.name);
	if (parse_task(p, &row) != 0)
		return;
	row.failed = parse_failed(p, &row);
	p->sink.row(p->sink.user, &row);
}

/* parse_line takes a whole line or row, without its newline. */
static void
parse_line(struct vine_trace_parser *p)
{
	if (p->used > 0 && p->row[p->used - 1] == '\r')
		p->used--;
	p->row[p->used] = '\0';
	if (p->state == PARSE_HEADER)
		p->state = parse_header(p) == 0 ? PARSE_ROWS : PARSE_REFUSED;
	else if (memchr(p->row, '\0', p->used) != NULL)
		parse_bad(p, "row", "text", "a NUL byte");
	else if (p->used > 0)
		parse_row(p);
	p->used = 0;
	p->quoted = 0;
}

static void parse_byte(struct vine_trace_parser *p, char byte);

/*
 * parse_overflow gives up the first line of a row that is too long and looks at
 * the others again. They are shorter than a row, so this does not nest.
 */
static void
parse_overflow(struct vine_trace_parser *p)
{
	char again[VINE_TRACE_ROW_MAX];
	const char *end = memchr(p->row, '\n', p->used);
	size_t length = 0, i;

	parse_bad(p, p->state == PARSE_HEADER ?
		  "first line, which is no trace's" : "row",
		  "at most 2048 bytes in 33 lines", "more");
	if (p->state == PARSE_HEADER) {
		p->state = PARSE_REFUSED;
		return;
	}
	p->skip = end == NULL;
	if (end != NULL) {
		length = p->used - (size_t)(end + 1 - p->row);
		memcpy(again, end + 1, length);
		p->line = p->row_line + 1;
	}
	p->used = 0;
	p->quoted = 0;
	for (i = 0; i < length; i++)
		parse_byte(p, again[i]);
}

static void
parse_byte(struct vine_trace_parser *p, char byte)
{
	if (p->used == 0 && !p->skip)
		p->row_line = p->line;
	p->line += byte == '\n';
	if (p->skip) {
		p->skip = byte != '\n';
		return;
	}
	if (byte == '\n' && !p->quoted) {
		parse_line(p);
		return;
	}
	p->quoted ^= byte == '"';
	p->row[p->used++] = byte;
	if (p->used == VINE_TRACE_ROW_MAX ||
	    p->line - p->row_line > QUOTED_LINES_MAX)
		parse_overflow(p);
}

int
vine_trace_parse_feed(struct vine_trace_parser *p, const void *bytes,
		      size_t size)
{
	const char *byte = bytes;
	size_t i;

	for (i = 0; i < size && p->state != PARSE_REFUSED; i++)
		parse_byte(p, byte[i]);
	return p->state == PARSE_REFUSED ? -EINVAL : 0;
}

int
vine_trace_parse_end(struct vine_trace_parser *p)
{
	const char *end;

	if (p->state == PARSE_HEADER)
		parse_bad(p, "first line, which is no trace's", parse_fixed[0],
			  "the end of the file");
	if (p->state != PARSE_ROWS)
		return -EINVAL;
	while (p->used > 0) {
		/* an open quote may have swallowed whole rows */
		char again[VINE_TRACE_ROW_MAX];
		size_t length, i;

		p->row[p->used] = '\0';
		end = memchr(p->row, '\n', p->used);
		parse_bad(p, "row", "a newline at its end",
			  end == NULL ? "the end of the file" :
			  "a quote that is not closed");
		length = end == NULL ? 0 : p->used - (size_t)(end + 1 - p->row);
		if (length > 0)
			memcpy(again, end + 1, length);
		p->line = p->row_line + 1;
		p->used = 0;
		p->quoted = 0;
		for (i = 0; i < length; i++)
			parse_byte(p, again[i]);
	}
	return 0;
}
