/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace buffer: the records of one thread that are not in the file yet.
 *
 * utils_trace_call and utils_trace_point (utils_trace.h) fill the calling
 * thread's buffer. The functions here are for utils_trace.c: they work on the
 * buffers of all threads.
 */
#ifndef UTILS_TRACE_BUFFER_H
#define UTILS_TRACE_BUFFER_H

#include "utils/utils_trace.h"

#ifdef VINE_TRACE_ENABLE

#include <pthread.h>
#include <signal.h>

/* Starts and stops of the trace, and which thread has which buffer. */
extern pthread_mutex_t utils_trace_mutex;

/*
 * Quiet: signals and cancellation are held off in the calling thread, and errno
 * is kept, from begin to end. So a handler never waits for what the thread it
 * interrupted has locked.
 */
struct utils_trace_quiet {
	sigset_t mask;
	int cancel;
	int error;		/* errno */
};

void utils_trace_quiet_begin(struct utils_trace_quiet *quiet);
void utils_trace_quiet_end(const struct utils_trace_quiet *quiet);

/*
 * utils_trace_buffer_open lets threads have buffers of buffer_bytes (0: 100
 * records) from now on. Records of an earlier trace are dropped. Quiet, under
 * the mutex. Returns 0, or -EAGAIN where the process has no key for
 * thread-specific data left.
 */
int utils_trace_buffer_open(uint64_t buffer_bytes);

/*
 * utils_trace_buffer_close writes the records of all threads. Whatever they
 * record afterwards is dropped. Quiet, under the mutex. Returns 0, or the
 * errno of the first write that failed.
 */
int utils_trace_buffer_close(void);

/*
 * utils_trace_buffer_last writes the records of all threads from a signal
 * handler. It waits at most five seconds for threads that are writing; what it
 * could not write is counted as lost.
 */
void utils_trace_buffer_last(void);

/* utils_trace_buffer_forget drops all records, in a child after fork. */
void utils_trace_buffer_forget(void);

/* utils_trace_buffer_unload is for the end of the process or the library. */
void utils_trace_buffer_unload(void);

/* utils_trace_buffer_warn logs a failed write, once a trace; 0: nothing. */
void utils_trace_buffer_warn(int error);

#endif
#endif
