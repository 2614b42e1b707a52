/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace: a record of every call of the public functions, and of the stops that
 * tasks pass, kept in memory by each thread and written as CSV.
 *
 * Without VINE_TRACE_ENABLE all of this is nothing: the macros expand to no
 * code. With it, a call costs one branch on a plain global until
 * utils_trace_start has started the trace, and two ticks and the store of one
 * record of 128 bytes afterwards. Text is made only when records are written:
 * when a thread's buffer is full, when the thread ends, at utils_trace_stop,
 * at exit, and when SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL or SIGABRT ends the process and the application has not taken that
 * signal for itself. SIGKILL and _exit lose what was in the buffers.
 *
 *	int
 *	vine_task_wait_for(vine_task *task, int64_t timeout)
 *	{
 *		UTILS_TRACE_BEGIN(t);
 *		int ret = ...;
 *
 *		UTILS_TRACE_END(t, vine_task_wait_for, ret, task, timeout);
 *		return ret;
 *	}
 *
 * Which functions there are, and their arguments, stands in trace_funcs.def; a
 * macro with another number of arguments does not compile.
 */
#ifndef UTILS_TRACE_H
#define UTILS_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "utils/utils_clock.h"

#define UTILS_TRACE_ARGS 8	/* argument words of a record, at most */
#define UTILS_TRACE_TEXT 31	/* bytes of a text that are kept */
#define UTILS_TRACE_RECORD 128	/* bytes of one record in a buffer */

struct utils_config;

#ifdef VINE_TRACE_ENABLE

/* One identifier per function and per stop: UTILS_TRACE_FN_vine_talk_init. */
enum utils_trace_fn {
#define UTILS_TRACE_FUNC(name, ...) UTILS_TRACE_FN_##name,
#define UTILS_TRACE_FUNC_TEXT(name, ...) UTILS_TRACE_FN_##name,
#define UTILS_TRACE_STOP(name) UTILS_TRACE_FN_##name,
#include "utils/trace_funcs.def"
	UTILS_TRACE_FN_COUNT
};

/* How many arguments there are: UTILS_TRACE_COUNT(a, b, c) is 3; 1 to 9. */
#define UTILS_TRACE_COUNT(...) \
	UTILS_TRACE_COUNT_(__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define UTILS_TRACE_COUNT_(a, b, c, d, e, f, g, h, i, n, ...) n

/* UTILS_TRACE_MAP(m, a, b) is m(a), m(b); 1 to 9 arguments. */
#define UTILS_TRACE_MAP(m, ...) \
	UTILS_TRACE_PASTE(UTILS_TRACE_MAP, UTILS_TRACE_COUNT(__VA_ARGS__)) \
	(m, __VA_ARGS__)
#define UTILS_TRACE_PASTE(a, b) UTILS_TRACE_PASTE_(a, b)
#define UTILS_TRACE_PASTE_(a, b) a##b
#define UTILS_TRACE_MAP1(m, a) m(a)
#define UTILS_TRACE_MAP2(m, a, ...) m(a), UTILS_TRACE_MAP1(m, __VA_ARGS__)
#define UTILS_TRACE_MAP3(m, a, ...) m(a), UTILS_TRACE_MAP2(m, __VA_ARGS__)
#define UTILS_TRACE_MAP4(m, a, ...) m(a), UTILS_TRACE_MAP3(m, __VA_ARGS__)
#define UTILS_TRACE_MAP5(m, a, ...) m(a), UTILS_TRACE_MAP4(m, __VA_ARGS__)
#define UTILS_TRACE_MAP6(m, a, ...) m(a), UTILS_TRACE_MAP5(m, __VA_ARGS__)
#define UTILS_TRACE_MAP7(m, a, ...) m(a), UTILS_TRACE_MAP6(m, __VA_ARGS__)
#define UTILS_TRACE_MAP8(m, a, ...) m(a), UTILS_TRACE_MAP7(m, __VA_ARGS__)
#define UTILS_TRACE_MAP9(m, a, ...) m(a), UTILS_TRACE_MAP8(m, __VA_ARGS__)
#define UTILS_TRACE_WORD(x) (uint64_t)(x)

/* Words of each function: its return value and its arguments, less the text. */
enum {
#define UTILS_TRACE_FUNC(name, ...) \
	UTILS_TRACE_WORDS_##name = UTILS_TRACE_COUNT(__VA_ARGS__), \
	UTILS_TRACE_HAS_TEXT_##name = 0,
#define UTILS_TRACE_FUNC_TEXT(name, ...) \
	UTILS_TRACE_WORDS_##name = UTILS_TRACE_COUNT(__VA_ARGS__), \
	UTILS_TRACE_HAS_TEXT_##name = 1,
#include "utils/trace_funcs.def"
};

/* Whether a trace runs. Written by utils_trace_start and utils_trace_stop. */
extern int utils_trace_on;

/*
 * utils_trace_start starts the trace if the config says `trace 1` and none
 * runs: it creates trace_<host>_<pid>_<MM-DD-YYYY-HH:MM:SS>.csv in trace_dir,
 * writes its header and installs handlers for those of the nine signals whose
 * disposition is SIG_DFL. Starts nest: every call, also one that failed or
 * found tracing off, needs one utils_trace_stop; the first config that starts
 * the trace decides. May block on the file. Any thread. Keeps errno. Returns
 * 0, or a negative errno where the file could not be made; that is logged once
 * and the caller goes on without a trace.
 */
int utils_trace_start(const struct utils_config *config);

/*
 * utils_trace_start_in is utils_trace_start without a config: the directory
 * (NULL or "": the working directory) and the bytes of each thread's buffer
 * (0: 100 records; else at least one record is kept).
 */
int utils_trace_start_in(const char *dir, uint64_t buffer_bytes);

/*
 * utils_trace_stop undoes one start. The last one writes the buffers of all
 * threads and a last row, closes the file, and takes back the handlers that
 * are still its own. Calls that are under way in other threads may be missing
 * from the file. May block on the file. Any thread. Keeps errno. A stop
 * without a start is ignored.
 */
void utils_trace_stop(void);

/*
 * utils_trace_call records one call that began at tick `start` and ends now:
 * words[0] is the return value, the others the arguments. text may be NULL; up
 * to UTILS_TRACE_TEXT bytes of it are copied. Used through UTILS_TRACE_END.
 * Takes no lock and makes no system call but when the buffer is new or full.
 * Any thread. Keeps errno.
 */
void utils_trace_call(uint64_t start, enum utils_trace_fn fn, const char *text,
		      unsigned int count, const uint64_t *words);

/* utils_trace_point records that a task passed a stop; see the macro. */
void utils_trace_point(enum utils_trace_fn fn, uint64_t queue, uint64_t cookie,
		       uint64_t ticks);

/* utils_trace_begin returns the current tick, or 0 when no trace runs. */
static inline uint64_t
utils_trace_begin(void)
{
	/* relaxed: a call that misses the start or the stop by a little is
	 * only missing from the file, or dropped by utils_trace_call */
	if (__builtin_expect(!__atomic_load_n(&utils_trace_on,
					      __ATOMIC_RELAXED), 1))
		return 0;
	return utils_clock_ticks();
}

/* UTILS_TRACE_BEGIN declares `t`, the instant at which the call began. */
#define UTILS_TRACE_BEGIN(t) const uint64_t t = utils_trace_begin()

/* UTILS_TRACE_END(t, function, return value, arguments...) ends the call. A
 * function that returns nothing gives 0; an output not written gives 0. */
#define UTILS_TRACE_END(t, fn, ...) \
	UTILS_TRACE_END_(t, fn, 0, NULL, __VA_ARGS__)

/* UTILS_TRACE_END_TEXT is the same for a function with a text. */
#define UTILS_TRACE_END_TEXT(t, fn, ret, text, ...) \
	UTILS_TRACE_END_(t, fn, 1, text, ret, __VA_ARGS__)

#define UTILS_TRACE_END_(t, fn, has_text, text, ...) \
	do { \
		_Static_assert(UTILS_TRACE_COUNT(__VA_ARGS__) == \
			       (int)UTILS_TRACE_WORDS_##fn, \
			       "arguments differ from trace_funcs.def"); \
		_Static_assert(has_text == (int)UTILS_TRACE_HAS_TEXT_##fn, \
			       "text differs from trace_funcs.def"); \
		if (__builtin_expect(t != 0, 0)) { \
			const uint64_t utils_trace_words[] = { \
				UTILS_TRACE_MAP(UTILS_TRACE_WORD, __VA_ARGS__) \
			}; \
			utils_trace_call(t, UTILS_TRACE_FN_##fn, text, \
					 UTILS_TRACE_COUNT(__VA_ARGS__), \
					 utils_trace_words); \
		} \
	} while (0)

/*
 * UTILS_TRACE_POINT(stop, queue, cookie, ticks) records that a task passed a
 * stop (issue, publish, ... reap) at `ticks`. queue and cookie tell which task;
 * both sides must use the same words, and a queue's word must differ from
 * those of all queues that are traced together.
 */
#define UTILS_TRACE_POINT(stop, queue, cookie, ticks) \
	do { \
		if (__builtin_expect(__atomic_load_n(&utils_trace_on, \
						     __ATOMIC_RELAXED), 0)) \
			utils_trace_point(UTILS_TRACE_FN_##stop, queue, \
					  cookie, ticks); \
	} while (0)

#else /* VINE_TRACE_ENABLE */

static inline int
utils_trace_start(const struct utils_config *config)
{
	(void)config;
	return 0;
}

static inline void
utils_trace_stop(void)
{
}

#define UTILS_TRACE_BEGIN(t)
#define UTILS_TRACE_END(t, fn, ...) ((void)0)
#define UTILS_TRACE_END_TEXT(t, fn, ret, text, ...) ((void)0)
#define UTILS_TRACE_POINT(stop, queue, cookie, ticks) ((void)0)

#endif /* VINE_TRACE_ENABLE */
#endif
