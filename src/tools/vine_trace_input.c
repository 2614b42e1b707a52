/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace input: files are read in pieces, each by a parser of its own, so the
 * memory needed does not depend on their size.
 */
#include "tools/vine_trace_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (256 * 1024)			/* bytes of one read */
#define REPORTS_MAX 10				/* rows of one file */
#define BAR_FROM (UINT64_C(64) << 20)		/* bytes worth a bar */
#define BAR_WIDTH 40

struct input {
	const struct vine_trace_reader *reader;
	struct vine_trace_source source;
	uint64_t bad;		/* rows of this file that were skipped */
	int ended;		/* its trace_end was seen */
	uint64_t lost;		/* as that says */
	uint64_t total;		/* bytes of all files; 0: no bar */
	uint64_t done;
	unsigned int percent;	/* that the bar shows */
	uint32_t *pids;		/* that earlier files have */
	size_t pid_count;
};

/* input_pid gives the file its process's id unless an earlier one has it. */
static void
input_pid(struct input *input, const char *text)
{
	unsigned long pid = strtoul(text, NULL, 10);
	size_t i;

	for (i = 0; i < input->pid_count; i++)
		if (input->pids[i] == pid)
			return;
	if (pid == 0 || pid >= VINE_TRACE_PID_BASE)
		return;
	input->source.pid = (uint32_t)pid;
	input->source.known = 1;
}

static void
input_row(void *user, const struct vine_trace_row *row)
{
	struct input *input = user;

	if (row->fn == VINE_TRACE_FN_trace_start && !input->source.known)
		input_pid(input, vine_trace_row_cell(row,
						     VINE_TRACE_COLUMN_pid));
	if (row->fn == VINE_TRACE_FN_trace_end) {
		input->ended = 1;
		input->lost = strtoull(vine_trace_row_cell(row,
			VINE_TRACE_COLUMN_lost), NULL, 10);
	}
	input->reader->row(input->reader->user, &input->source, row);
}

static void
input_bar_clear(const struct input *input)
{
	if (input->total != 0)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 8, "");
}

static void
input_bad(void *user, uint64_t line, const char *text)
{
	struct input *input = user;

	if (++input->bad > REPORTS_MAX)
		return;
	input_bar_clear(input);
	fprintf(stderr, "vine-trace: %s:%llu: %s\n", input->source.path,
		(unsigned long long)line, text);
}

static void
input_bar(struct input *input, size_t got)
{
	static const char full[] = "########################################";
	unsigned int percent, width;

	input->done += got;
	if (input->total == 0)
		return;
	/* a file may have grown since its size was asked for */
	percent = input->done >= input->total ? 100 :
		(unsigned int)(100 * (input->done / 1024) /
			       (input->total / 1024));
	if (percent == input->percent)
		return;
	input->percent = percent;
	width = percent * BAR_WIDTH / 100;
	fprintf(stderr, "\r[%.*s%*s] %3u %%", (int)width, full,
		(int)(BAR_WIDTH - width), "", percent);
}

/* input_feed reads one open file. Returns 0, or a negative errno, reported. */
static int
input_feed(struct input *input, int fd, struct vine_trace_parser *parser,
	   char *piece)
{
	ssize_t got;

	while ((got = read(fd, piece, PIECE)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;

			input_bar_clear(input);
			fprintf(stderr, "vine-trace: %s: %s\n",
				input->source.path, strerror(error));
			return -error;
		}
		if (vine_trace_parse_feed(parser, piece, (size_t)got) != 0)
			return -EINVAL;
		input_bar(input, (size_t)got);
	}
	return vine_trace_parse_end(parser);
}

/* input_summary says what is missing from a file that was read. */
static void
input_summary(struct input *input, const struct vine_trace_parser *parser)
{
	input_bar_clear(input);
	if (input->bad > REPORTS_MAX)
		fprintf(stderr, "vine-trace: %s: %llu more rows like these\n",
			input->source.path,
			(unsigned long long)(input->bad - REPORTS_MAX));
	if (input->bad > 0)
		fprintf(stderr, "vine-trace: %s: %llu rows skipped\n",
			input->source.path, (unsigned long long)input->bad);
	if (input->lost > 0)
		fprintf(stderr, "vine-trace: %s: %llu rows were lost when it "
			"was written\n", input->source.path,
			(unsigned long long)input->lost);
	if (!input->ended && !parser->vinetalk)
		fprintf(stderr, "vine-trace: %s: no trace_end; its process "
			"runs, or was killed, and rows may be missing\n",
			input->source.path);
}

static int
input_file(struct input *input, const char *path, size_t number,
	   struct vine_trace_parser *parser, char *piece)
{
	const struct vine_trace_sink sink = { input_row, input_bad, input };
	int fd, error;

	input->source = (struct vine_trace_source){
		.path = path,
		.pid = VINE_TRACE_PID_BASE + (uint32_t)number,
	};
	input->bad = input->lost = 0;
	input->ended = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "vine-trace: %s: %s\n", path, strerror(errno));
		return -EIO;
	}
	vine_trace_parse_init(parser, &sink);
	error = input_feed(input, fd, parser, piece);
	close(fd);
	if (error == 0)
		input_summary(input, parser);
	input->pids[input->pid_count++] = input->source.pid;
	return error != 0 || input->bad > 0 ? -EIO : 0;
}

static uint64_t
input_total(char *const *paths, size_t count)
{
	uint64_t total = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < count; i++)
		if (stat(paths[i], &st) == 0 && S_ISREG(st.st_mode))
			total += (uint64_t)st.st_size;
	return total > BAR_FROM && isatty(STDERR_FILENO) ? total : 0;
}

int
vine_trace_input_read(char *const *paths, size_t count,
		      const struct vine_trace_reader *reader)
{
	struct vine_trace_parser *parser = malloc(sizeof(*parser));
	char *piece = malloc(PIECE);
	struct input input = { .reader = reader, .percent = 101 };
	int failed = 0;
	size_t i;

	input.pids = calloc(count, sizeof(input.pids[0]));
	if (parser == NULL || piece == NULL || input.pids == NULL) {
		fprintf(stderr, "vine-trace: out of memory\n");
		failed = 1;
		goto out;
	}
	input.total = input_total(paths, count);
	for (i = 0; i < count; i++)
		failed |= input_file(&input, paths[i], i, parser, piece) != 0;
	input_bar_clear(&input);
out:
	free(input.pids);
	free(piece);
	free(parser);
	return failed ? -EIO : 0;
}
