/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace input: the files of one run of vine-trace, read in turn, and which
 * process each is of.
 */
#ifndef VINE_TRACE_INPUT_H
#define VINE_TRACE_INPUT_H

#include "tools/vine_trace_parse.h"

/* A file while it is read. */
struct vine_trace_source {
	const char *path;
	uint32_t pid;		/* of its trace_start, or made up; see below */
	int known;		/* pid is the process's */
};

/* Who gets the rows of all files. */
struct vine_trace_reader {
	void (*row)(void *user, const struct vine_trace_source *source,
		    const struct vine_trace_row *row);
	void *user;
};

/*
 * vine_trace_input_read reads the files and reports on stderr, as
 * `vine-trace: FILE:LINE: ...`, what is wrong with them: the first ten rows of
 * a file each, then their number. A file without the process's id in it gets
 * its number in the list plus VINE_TRACE_PID_BASE, and so does a second file
 * of one id. With more than 64 MiB to read and a terminal at stderr, a bar
 * there shows how far it is. Returns 0, or -EIO when a file could not be read
 * or a row was skipped; the others were read all the same.
 */
int vine_trace_input_read(char *const *paths, size_t count,
			  const struct vine_trace_reader *reader);

#define VINE_TRACE_PID_BASE 1000000000u	/* above every real id */

#endif
