/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace: when it runs. Starts are counted; the first that finds tracing
 * configured creates the file (utils_trace_file.c) and opens the buffers
 * (utils_trace_buffer.c), the last stop writes and closes them. Here too is
 * what else can end a trace: exit, fork, and fatal signals.
 *
 * All state is under utils_trace_mutex, but for what the signal handler reads:
 * utils_trace_on, `dying` and `stopping`. A handler first sets `dying`, then
 * looks at utils_trace_on; a stop first clears that, then looks at `dying`
 * before it closes the file. So the handler never writes to a descriptor that
 * the application has got again for another file.
 */
#include "utils/utils_trace.h"

#ifdef VINE_TRACE_ENABLE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace_buffer.h"
#include "utils/utils_trace_file.h"

static const int trace_signals[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	SIGABRT,
};

#define TRACE_SIGNALS (sizeof(trace_signals) / sizeof(trace_signals[0]))
#define TRACE_HANDLER_WAIT_MS 1000	/* for a stop in another thread */

int utils_trace_on;

static struct {
	unsigned int starts;	/* not yet stopped */
	int open_warned;	/* in this process */
	int has_atfork;
	atomic_int dying;	/* tid of the thread in the handler */
	atomic_int stopping;	/* trace_finish is at work */
} trace;

static int
trace_runs(void)
{
	return __atomic_load_n(&utils_trace_on, __ATOMIC_SEQ_CST);
}

/* trace_last writes all that there is before a signal ends the process. */
static void
trace_last(int signal_number)
{
	int self = (int)gettid(), nobody = 0, waited = 0;

	if (!atomic_compare_exchange_strong(&trace.dying, &nobody, self)) {
		/* another thread does it and ends the process; a fault of our
		 * own in here ends it at once */
		while (nobody != self && waited++ < 2 * TRACE_HANDLER_WAIT_MS)
			poll(NULL, 0, 1);
		return;
	}
	while (atomic_load(&trace.stopping) &&
	       waited++ < TRACE_HANDLER_WAIT_MS)
		poll(NULL, 0, 1);
	if (!trace_runs())
		return;
	utils_trace_buffer_last();
	utils_trace_file_last_row(signal_number);
}

/*
 * trace_handler writes all buffers and lets the signal do what it would have
 * done. The signal is blocked while its handler runs, so the one that is
 * raised here strikes when the handler returns.
 */
static void
trace_handler(int signal_number)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	int saved = errno;

	if (getpid() == utils_trace_file.pid)
		trace_last(signal_number);
	sigaction(signal_number, &plain, NULL);
	raise(signal_number);
	errno = saved;
}

/* trace_handlers_on takes the signals that would end the process anyway. */
static void
trace_handlers_on(void)
{
	struct sigaction now, ours = { .sa_handler = trace_handler,
				       .sa_flags = SA_ONSTACK };
	size_t i;

	sigemptyset(&ours.sa_mask);
	for (i = 0; i < TRACE_SIGNALS; i++) {
		if (sigaction(trace_signals[i], NULL, &now) == 0 &&
		    !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
			(void)sigaction(trace_signals[i], &ours, NULL);
	}
}

/* trace_handlers_off gives back those that nobody has replaced since. */
static void
trace_handlers_off(void)
{
	struct sigaction now, plain = { .sa_handler = SIG_DFL };
	size_t i;

	for (i = 0; i < TRACE_SIGNALS; i++) {
		if (sigaction(trace_signals[i], NULL, &now) == 0 &&
		    !(now.sa_flags & SA_SIGINFO) &&
		    now.sa_handler == trace_handler)
			(void)sigaction(trace_signals[i], &plain, NULL);
	}
}

static void
trace_fork_prepare(void)
{
	pthread_mutex_lock(&utils_trace_mutex);
}

static void
trace_fork_parent(void)
{
	pthread_mutex_unlock(&utils_trace_mutex);
}

/* trace_fork_child forgets the trace: its records are the parent's to write. */
static void
trace_fork_child(void)
{
	__atomic_store_n(&utils_trace_on, 0, __ATOMIC_SEQ_CST);
	atomic_store(&trace.stopping, 0);
	trace.starts = 0;
	utils_trace_buffer_forget();
	utils_trace_file_close();
	pthread_mutex_unlock(&utils_trace_mutex);
}

/* trace_begin opens file and buffers. Quiet, under the mutex. 0 or -errno. */
static int
trace_begin(const char *dir, uint64_t buffer_bytes)
{
	int error;

	if (!trace.has_atfork &&
	    pthread_atfork(trace_fork_prepare, trace_fork_parent,
			   trace_fork_child) != 0)
		return -ENOMEM;
	trace.has_atfork = 1;
	/* a first conversion may wait for the clock; none in a signal handler
	 * must */
	(void)utils_clock_to_ns(utils_clock_ticks());
	error = utils_trace_file_create(dir);
	if (error != 0)
		return error;
	error = utils_trace_buffer_open(buffer_bytes);
	if (error != 0) {
		utils_trace_file_close();
		unlink(utils_trace_file.path);
		return error;
	}
	atomic_store(&trace.dying, 0);
	trace_handlers_on();
	__atomic_store_n(&utils_trace_on, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int
utils_trace_start_in(const char *dir, uint64_t buffer_bytes)
{
	struct utils_trace_quiet quiet;
	int error = 0, warn = 0;

	if (dir == NULL || dir[0] == '\0')
		dir = ".";
	utils_trace_quiet_begin(&quiet);
	pthread_mutex_lock(&utils_trace_mutex);
	trace.starts++;
	if (!trace_runs())
		error = trace_begin(dir, buffer_bytes);
	if (error != 0) {
		warn = !trace.open_warned;
		trace.open_warned = 1;
	}
	pthread_mutex_unlock(&utils_trace_mutex);
	utils_trace_quiet_end(&quiet);
	if (warn)
		log_warn("trace: cannot make a file in %s: %s; tracing is off",
			 dir, strerror(-error));
	return error;
}

int
utils_trace_start(const struct utils_config *config)
{
	if (utils_config_bool(config, UTILS_KEY_trace))
		return utils_trace_start_in(
			utils_config_str(config, UTILS_KEY_trace_dir),
			utils_config_u64(config, UTILS_KEY_log_buffer_size));
	pthread_mutex_lock(&utils_trace_mutex);
	trace.starts++;
	pthread_mutex_unlock(&utils_trace_mutex);
	return 0;
}

/* trace_finish writes what there is. Quiet, under the mutex. 0 or an errno. */
static int
trace_finish(void)
{
	int error;

	atomic_store(&trace.stopping, 1);
	__atomic_store_n(&utils_trace_on, 0, __ATOMIC_SEQ_CST);
	error = utils_trace_buffer_close();
	/* a child made by a bare clone() leaves the file to its parent */
	if (getpid() == utils_trace_file.pid)
		utils_trace_file_last_row(0);
	if (!atomic_load(&trace.dying))
		utils_trace_file_close();
	trace_handlers_off();
	atomic_store(&trace.stopping, 0);
	return error;
}

/* trace_stop undoes one start, or all of them. */
static void
trace_stop(int all)
{
	unsigned long long lost = 0;
	struct utils_trace_quiet quiet;
	int error = 0;

	utils_trace_quiet_begin(&quiet);
	pthread_mutex_lock(&utils_trace_mutex);
	if (trace.starts > 0)
		trace.starts = all ? 0 : trace.starts - 1;
	if (trace.starts == 0 && trace_runs()) {
		error = trace_finish();
		lost = atomic_load(&utils_trace_file.lost);
	}
	pthread_mutex_unlock(&utils_trace_mutex);
	utils_trace_quiet_end(&quiet);
	utils_trace_buffer_warn(error);
	if (lost > 0)
		log_warn("trace: %llu rows are missing from %s", lost,
			 utils_trace_file.path);
}

void
utils_trace_stop(void)
{
	trace_stop(0);
}

/* At exit, and when the library is unloaded. */
__attribute__((destructor)) static void
trace_unload(void)
{
	trace_stop(1);
	utils_trace_buffer_unload();
}

#endif
