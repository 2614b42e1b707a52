/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace file: the one CSV file of a running trace, and the count of what is in
 * it and what is not.
 *
 * There is one for the process. utils_trace.c creates and closes it; those that
 * write hold a buffer's lock, or are the handler of a fatal signal.
 */
#ifndef UTILS_TRACE_FILE_H
#define UTILS_TRACE_FILE_H

#include "utils/utils_trace.h"

#ifdef VINE_TRACE_ENABLE

#include <limits.h>
#include <stdatomic.h>
#include <sys/types.h>

struct utils_trace_file {
	int fd;			/* -1: none */
	pid_t pid;		/* whose file it is */
	atomic_ullong rows;	/* in it, without the tracer's own */
	atomic_ullong lost;	/* records that are not in it */
	atomic_int torn;	/* it ends inside a row */
	char path[PATH_MAX];	/* stays after the close, for messages */
};

extern struct utils_trace_file utils_trace_file;

/*
 * utils_trace_file_create creates the file in a directory, readable by its
 * owner alone, and writes the header and the row trace_start. Returns 0, or
 * -errno; then there is no file.
 */
int utils_trace_file_create(const char *dir);

/*
 * utils_trace_file_close closes the file. Nobody may be writing. No file is no
 * error.
 */
void utils_trace_file_close(void);

/*
 * utils_trace_file_write appends the rows in text[1] to text[length] in one
 * write. text[0] is room for a newline that ends a row which a full disk has
 * torn. Returns how many bytes of the rows are in the file; when it is less
 * than length, errno is the reason. Usable in a signal handler.
 */
size_t utils_trace_file_write(char *text, size_t length);

/*
 * utils_trace_file_row appends one of the tracer's own rows: up to three
 * argument words and a text, which may be NULL. Returns 0 or -errno. Usable in
 * a signal handler.
 */
int utils_trace_file_row(enum utils_trace_fn fn, const char *text,
			 const uint64_t words[3]);

/* utils_trace_file_last_row appends trace_end; 0 stands for no signal. */
void utils_trace_file_last_row(int signal_number);

#endif
#endif
