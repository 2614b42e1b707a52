/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one line of text at a level, handed to a callback.
 *
 * The library never prints on stdout. By default lines of warn and above go to
 * stderr. Text is lower case, "guest 3 slot 17 length 9000 exceeds object
 * 4096", without key=value. The function that first decides that something is
 * an error logs it, once; its callers pass the code up.
 */
#ifndef UTILS_LOG_H
#define UTILS_LOG_H

#include <stdint.h>

enum utils_log_level {
	UTILS_LOG_ERROR = 0,
	UTILS_LOG_WARN = 1,
	UTILS_LOG_INFO = 2,
	UTILS_LOG_DEBUG = 3,
};

typedef void (*utils_log_fn)(enum utils_log_level level, const char *text,
			     void *user);

/*
 * utils_log_set makes fn the receiver of every line up to `level`; fn NULL
 * restores stderr. Lines come from any thread, one at a time; after
 * utils_log_set has returned, none goes to the receiver before. A receiver may
 * log: such a line goes to stderr.
 */
void utils_log_set(enum utils_log_level level, utils_log_fn fn, void *user);

/* utils_log_level_of parses "error", "warn", ...; returns 0 or -EINVAL. */
int utils_log_level_of(const char *name, enum utils_log_level *level);

/* utils_log_enabled tells whether a line of this level would be written. */
int utils_log_enabled(enum utils_log_level level);

/*
 * utils_log writes one line; the format has no newline. The text is cut at
 * 1023 bytes, control characters in it become '?'. Keeps errno. Any thread;
 * blocks while another one's line is written. A signal handler may call it: if
 * the signal came while its thread was logging, the line goes to stderr.
 */
void utils_log(enum utils_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A limit on how often one place may log: at most once a second. */
struct utils_log_rate {
	uint64_t last_ns;	/* CLOCK_MONOTONIC of the last line */
	uint64_t skipped;	/* lines left out since */
};

/*
 * utils_log_limited logs as utils_log unless the same rate was used less than
 * a second ago; the next line that passes says how many were left out.
 */
void utils_log_limited(struct utils_log_rate *rate, enum utils_log_level level,
		       const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) utils_log(UTILS_LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  utils_log(UTILS_LOG_WARN, __VA_ARGS__)
#define log_info(...)  utils_log(UTILS_LOG_INFO, __VA_ARGS__)
#define log_debug(...) utils_log(UTILS_LOG_DEBUG, __VA_ARGS__)

#endif
