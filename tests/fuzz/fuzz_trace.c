/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_trace_parse_feed, the trace files that vine-trace reads, and
 * utils_trace_row_write, which writes their rows. The input is a file, fed whole
 * and then in pieces, which must give the same rows; and it is a record, whose
 * row must be read as what was written.
 */
#include <errno.h>

#include "tests/fuzz/fuzz.h"
#include "tools/vine_trace_parse.h"
#include "utils/utils_trace_row.h"

/* What a reading came to. */
struct seen {
	uint64_t rows;
	uint64_t bad;
	uint64_t hash;
	uint64_t line;		/* of the last row */
	struct vine_trace_row last;
	char name[VINE_TRACE_NAME_MAX + 1];
};

static void
mix(struct seen *seen, uint64_t value)
{
	seen->hash = (seen->hash ^ value) * UINT64_C(1099511628211);
}

static void
mix_text(struct seen *seen, const char *text)
{
	while (*text)
		mix(seen, (uint8_t)*text++);
	mix(seen, 256);
}

static void
take_row(void *user, const struct vine_trace_row *row)
{
	struct seen *seen = user;

	fuzz_check(row->line >= seen->line && row->fn <=
		   VINE_TRACE_FN_UNKNOWN);
	fuzz_check(strlen(row->name) <= VINE_TRACE_NAME_MAX);
	fuzz_check(row->core >= -1 && row->core <= UINT16_MAX);
	fuzz_check(row->count <= VINE_TRACE_COLUMNS_MAX);
	seen->line = row->line;
	seen->rows++;
	seen->last = *row;
	strcpy(seen->name, row->name);
	mix(seen, row->start_ns);
	mix(seen, row->duration_ns);
	mix(seen, row->tid);
	mix_text(seen, row->value);
	for (unsigned int i = 0; i < row->count; i++)
		mix_text(seen, row->cells[i]);
	for (int i = 0; i < VINE_TRACE_COLUMN_COUNT; i++)
		mix_text(seen, vine_trace_row_cell(row,
						(enum vine_trace_column)i));
}

static void
take_bad(void *user, uint64_t line, const char *text)
{
	struct seen *seen = user;

	fuzz_check(text[0] != '\0' && strlen(text) < 256);
	seen->bad++;
	mix(seen, line);
	mix_text(seen, text);
}

/* Read a file in pieces of up to `piece` bytes. */
static struct seen
read_in(const uint8_t *data, size_t size, size_t piece)
{
	struct vine_trace_parser *parser = malloc(sizeof(*parser));
	struct seen seen = { .hash = 1 };
	struct vine_trace_sink sink = { take_row, take_bad, &seen };
	size_t n;
	int rc = 0;

	fuzz_check(parser != NULL);
	vine_trace_parse_init(parser, &sink);
	for (; size && rc == 0; data += n, size -= n) {
		n = size < piece ? size : piece;
		rc = vine_trace_parse_feed(parser, data, n);
	}
	if (rc == 0)
		rc = vine_trace_parse_end(parser);
	fuzz_check(rc == 0 || (rc == -EINVAL && seen.bad > 0));
	free(parser);
	return seen;
}

#ifdef VINE_TRACE_ENABLE
/* A record of these bytes, written by the tracer and read again. */
static void
write_row(struct fuzz_in *in)
{
	static char file[UTILS_TRACE_HEADER_MAX + UTILS_TRACE_ROW_MAX];
	struct utils_trace_record record;
	uint64_t start, duration;
	struct seen seen;
	size_t head, row;
	uint32_t tid;

	fuzz_copy(in, &record, sizeof(record));
	record.fn %= UTILS_TRACE_FN_COUNT;
	record.text[UTILS_TRACE_TEXT] = '\0';
	start = fuzz_take(in, 8);
	duration = fuzz_take(in, 8);
	tid = (uint32_t)fuzz_take(in, 4);
	head = utils_trace_row_header(file);
	fuzz_check(head <= UTILS_TRACE_HEADER_MAX);
	row = utils_trace_row_write(file + head, &record, start, duration, tid);
	fuzz_check(row > 0 && row <= UTILS_TRACE_ROW_MAX);
	seen = read_in((const uint8_t *)file, head + row, SIZE_MAX);
	fuzz_check(seen.rows == 1 && seen.bad == 0);
	fuzz_check(seen.last.start_ns == start);
	fuzz_check(seen.last.duration_ns == duration);
	fuzz_check(seen.last.tid == tid && (int)seen.last.fn == record.fn);
	fuzz_check(seen.last.core == (record.core == UTILS_TRACE_NO_CORE ? -1 :
				      record.core));
}
#endif

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	size_t piece = 1 + fuzz_take(&in, 1) % 64;
	struct seen whole = read_in(in.at, in.left, SIZE_MAX);
	struct seen pieces = read_in(in.at, in.left, piece);

	fuzz_check(whole.rows == pieces.rows && whole.bad == pieces.bad);
	fuzz_check(whole.hash == pieces.hash);
#ifdef VINE_TRACE_ENABLE
	write_row(&in);
#endif
	return 0;
}
