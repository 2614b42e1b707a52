/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the log works: a line is formatted on the caller's stack, then handed to
 * the receiver under one mutex, so lines come one at a time.
 *
 * A line logged while the same thread is inside the log (by a signal handler,
 * or by the receiver itself) cannot wait for that mutex: it goes to stderr by
 * one write(2). A fork waits for the mutex, so that a child never inherits it
 * locked. Cancellation is off while it is held.
 */
#include "utils/utils_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utils/utils_clock.h"

#define TEXT_SIZE 1024
#define RATE_NS UINT64_C(1000000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static utils_log_fn receiver;	/* NULL: stderr; under lock */
static void *receiver_user;	/* under lock */
static int level_max = UTILS_LOG_WARN;	/* atomic */

/*
 * Initial-exec: a signal handler may be the first to touch it, and must not
 * allocate then.
 */
static _Thread_local volatile int inside
	__attribute__((tls_model("initial-exec")));

static const char *const level_names[] = {
	[UTILS_LOG_ERROR] = "error",
	[UTILS_LOG_WARN] = "warn",
	[UTILS_LOG_INFO] = "info",
	[UTILS_LOG_DEBUG] = "debug",
};

#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

/* A thread that forks inside the receiver holds the mutex already. */
static void
before_fork(void)
{
	if (!inside)
		pthread_mutex_lock(&lock);
}

static void
after_fork(void)
{
	if (!inside)
		pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void
survive_fork(void)
{
	/* fails only for want of memory; then a fork is as safe as it can be */
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}

/* One write, so that lines of several processes do not mix. */
static void
write_stderr(enum utils_log_level level, const char *text)
{
	char line[TEXT_SIZE + 32];
	size_t size;
	int len;

	len = snprintf(line, sizeof(line), "vine: %s: %s\n",
		       level_names[level], text);
	if (len <= 0)
		return;
	size = (size_t)len;
	while (write(STDERR_FILENO, line, size) < 0 && errno == EINTR)
		;
}

/* Text may quote what a peer or a file says: it must stay one line. */
static void
make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

static void
deliver(enum utils_log_level level, const char *text)
{
	int state;

	if (inside) {
		write_stderr(level, text);
		return;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	inside = 1;
	pthread_mutex_lock(&lock);
	if (receiver)
		receiver(level, text, receiver_user);
	else
		write_stderr(level, text);
	pthread_mutex_unlock(&lock);
	inside = 0;
	pthread_setcancelstate(state, NULL);
}

static void
log_args(enum utils_log_level level, uint64_t skipped, const char *format,
	 va_list args)
{
	char text[TEXT_SIZE];
	int len;

	len = vsnprintf(text, sizeof(text), format, args);
	if (len < 0) {
		snprintf(text, sizeof(text), "a line could not be formatted: "
			 "%s", format);
		len = (int)strlen(text);
	}
	if (skipped && (size_t)len < sizeof(text))
		snprintf(text + len, sizeof(text) - (size_t)len,
			 " (%llu more like it in between)",
			 (unsigned long long)skipped);
	make_printable(text);
	deliver(level, text);
}

void
utils_log_set(enum utils_log_level level, utils_log_fn fn, void *user)
{
	int nested = inside;

	if (!nested) {
		inside = 1;
		pthread_mutex_lock(&lock);
	}
	receiver = fn;
	receiver_user = user;
	__atomic_store_n(&level_max, (int)level, __ATOMIC_RELAXED);
	if (!nested) {
		pthread_mutex_unlock(&lock);
		inside = 0;
	}
}

int
utils_log_level_of(const char *name, enum utils_log_level *level)
{
	size_t i;

	for (i = 0; i < LEVELS; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum utils_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int
utils_log_enabled(enum utils_log_level level)
{
	return (int)level <= __atomic_load_n(&level_max, __ATOMIC_RELAXED);
}

void
utils_log(enum utils_log_level level, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (!utils_log_enabled(level))
		return;
	va_start(args, format);
	log_args(level, 0, format, args);
	va_end(args);
	errno = saved;
}

/*
 * Decides for one line. Of threads that come at the same time, the one that
 * moves last_ns on writes; all others count as left out.
 */
static int
may_pass(struct utils_log_rate *rate, uint64_t *skipped)
{
	uint64_t last = __atomic_load_n(&rate->last_ns, __ATOMIC_RELAXED);
	uint64_t now = utils_clock_ns();

	/* another thread may have set a later time than our now */
	if ((last && now < last + RATE_NS) ||
	    !__atomic_compare_exchange_n(&rate->last_ns, &last, now, 0,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		__atomic_fetch_add(&rate->skipped, 1, __ATOMIC_RELAXED);
		return 0;
	}
	*skipped = __atomic_exchange_n(&rate->skipped, 0, __ATOMIC_RELAXED);
	return 1;
}

void
utils_log_limited(struct utils_log_rate *rate, enum utils_log_level level,
		  const char *format, ...)
{
	int saved = errno;
	uint64_t skipped;
	va_list args;

	if (!utils_log_enabled(level) || !may_pass(rate, &skipped))
		return;
	va_start(args, format);
	log_args(level, skipped, format, args);
	va_end(args);
	errno = saved;
}
