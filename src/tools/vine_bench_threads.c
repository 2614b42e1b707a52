/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads: an application of several threads, each with a window of its own.
 * They may run on every cpu that vine-bench was given but the appliance's; with
 * two cpus they all share the client's. The main thread sleeps while they work
 * and reads what each has done before and after.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define THREADS_MAX 8
#define WINDOW 32
/* Threads that share a cpu take turns of several ms: each must have many. */
#define RUN_MIN_NS 400000000u
#define WARM_NS 50000000u

struct worker {
	const struct vine_task_opts *opts;
	_Atomic int *over;
	pthread_t thread;
	_Atomic uint64_t count;	/* tasks completed */
	int rc;
};

static int
finish(vine_task *task)
{
	int rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);

	if (!rc)
		rc = vine_bench_outcome(task, NULL);
	vine_task_free(task);
	return rc;
}

static void
count(struct worker *w)
{
	uint64_t n = atomic_load_explicit(&w->count, memory_order_relaxed);

	atomic_store_explicit(&w->count, n + 1, memory_order_relaxed);
}

static void *
work(void *arg)
{
	vine_task *task[WINDOW] = { NULL };
	struct worker *w = arg;
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && !atomic_load_explicit(w->over, memory_order_relaxed);
	     i = (i + 1) % WINDOW) {
		if (task[i]) {
			rc = finish(task[i]);
			task[i] = NULL;
			count(w);
		}
		if (!rc)
			rc = vine_task_issue_opts(w->opts, &task[i]);
	}
	for (i = 0; i < WINDOW; i++)
		if (task[i] && finish(task[i]) && !rc)
			rc = -EIO;
	w->rc = rc;
	return NULL;
}

/*
 * spread lets threads that start with attr run where the appliance is not. They
 * take turns as usual even where vine-bench itself has a real-time priority:
 * one that spins would keep all others away for good.
 */
static int
spread(const struct vine_bench_rig *rig, pthread_attr_t *attr)
{
	const struct sched_param usual = { .sched_priority = 0 };
	cpu_set_t cpus = rig->cpus;

	CPU_CLR((size_t)rig->opts->cpu[1], &cpus);
	CPU_SET((size_t)rig->opts->cpu[0], &cpus);
	pthread_attr_setaffinity_np(attr, sizeof(cpus), &cpus);
	pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(attr, SCHED_OTHER);
	pthread_attr_setschedparam(attr, &usual);
	return CPU_COUNT(&cpus);
}

static void
nap(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000),
			      (long)(ns % 1000000000) };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static uint64_t
counted(struct worker *w, uint64_t threads)
{
	uint64_t i, sum = 0;

	for (i = 0; i < threads; i++)
		sum += atomic_load_explicit(&w[i].count, memory_order_relaxed);
	return sum;
}

/* rate_of writes the 10^6 tasks a second of that many threads together. */
static int
rate_of(struct vine_bench_rig *rig, const struct vine_task_opts *opts,
	uint64_t threads, double *rate, int *cpus)
{
	struct worker worker[THREADS_MAX] = { { .opts = opts } };
	uint64_t run = utils_clock_span_ns(rig->timer.run);
	uint64_t i, begin, before, ns, started = 0;
	_Atomic int over = 0;
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	*cpus = spread(rig, &attr);
	for (i = 0; i < threads && !rc; i++, started += !rc) {
		worker[i].opts = opts;
		worker[i].over = &over;
		rc = -pthread_create(&worker[i].thread, &attr, work,
				     &worker[i]);
	}
	pthread_attr_destroy(&attr);
	nap(WARM_NS);
	before = counted(worker, started);
	begin = utils_clock_ns();
	nap(threads > 1 && run < RUN_MIN_NS ? RUN_MIN_NS : run);
	ns = utils_clock_ns() - begin;
	*rate = (double)(counted(worker, started) - before) * 1e3 / (double)ns;
	atomic_store_explicit(&over, 1, memory_order_relaxed);
	for (i = 0; i < started; i++) {
		pthread_join(worker[i].thread, NULL);
		rc = rc ? rc : worker[i].rc;
	}
	return rc;
}

int
vine_bench_run_threads(struct vine_bench_rig *rig,
		       const struct vine_bench *bench,
		       struct vine_bench_result *result)
{
	struct vine_session *session;
	struct vine_task_opts opts;
	int rc, cpus = 0;

	rc = vine_bench_appliance_attach(rig->appliance, VINE_WAIT_SPIN, "noop",
					 &session, &opts);
	if (rc)
		return rc;
	if (bench->limit)
		rc = rate_of(rig, &opts, 1, &result->limit_value, &cpus);
	if (!rc)
		rc = rate_of(rig, &opts, bench->a, &result->value, &cpus);
	result->mean = result->value;
	snprintf(result->note, sizeof(result->note), "the threads had %d cpu%s",
		 cpus, cpus == 1 ? "" : "s");
	vine_session_close(session);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
