/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleep: what waking up costs, and what an idle appliance costs.
 *
 * Between two round trips the client sleeps, so that the other side does too;
 * the bare futex beside it does the same, because a cpu that has been idle
 * wakes more slowly than one that was busy a microsecond ago. Who slept is
 * taken from the kernel's counts of voluntary switches and written into the
 * note: a client that is still spinning when its answer arrives was not woken.
 */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define SLEEP_ROUNDS 150	/* with 2 ms between: a third of a second */
#define END UINT32_MAX
#define IDLE_SETTLE_MS 1500	/* until the bounded sleeps have grown */

struct bells {
	_Alignas(VINE_BENCH_APART) _Atomic uint32_t request;
	_Alignas(VINE_BENCH_APART) _Atomic uint32_t answer;
};

struct bell_side {
	struct bells *bells;
	uint32_t last;
};

static void
bell_ring(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
	vine_bench_futex_wake(word);
}

/* bell_await sleeps while the word is `old`, and returns what it became. */
static uint32_t
bell_await(_Atomic uint32_t *word, uint32_t old)
{
	uint32_t now;

	while ((now = atomic_load_explicit(word, memory_order_acquire)) == old)
		vine_bench_futex_wait(word, old);
	return now;
}

static void
serve_futex(void *memory, uint64_t arg)
{
	struct bells *bells = memory;
	uint32_t last = 0;

	(void)arg;
	for (;;) {
		last = bell_await(&bells->request, last);
		if (last == END)
			return;
		bell_ring(&bells->answer, last);
	}
}

static int
futex_op(void *arg)
{
	struct bell_side *side = arg;

	bell_ring(&side->bells->request, side->last + 1);
	side->last = bell_await(&side->bells->answer, side->last);
	return 0;
}

static void
nap(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000),
			      (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static long
switches_here(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

/*
 * paused times rounds of op with a nap in front of each. *slept counts the
 * rounds in which this thread itself slept.
 */
static int
paused(uint64_t ms, vine_bench_op op, void *arg,
       struct vine_bench_result *result, int *slept)
{
	uint64_t begin, end;
	long before;
	int i, rc = 0;

	*slept = 0;
	for (i = 0; i < SLEEP_ROUNDS && !rc; i++) {
		nap(ms);
		before = switches_here();
		begin = vine_bench_now();
		rc = op(arg);
		end = vine_bench_now();
		*slept += switches_here() != before;
		utils_hist_record(&result->hist,
				  utils_clock_span_ns(end - begin));
	}
	result->has_hist = 1;
	return rc;
}

/* by_median makes the histogram's median the value: chunks say nothing here. */
static void
by_median(struct vine_bench_result *result)
{
	result->value = (double)utils_hist_percentile(&result->hist, 50.0);
	result->mean = utils_hist_mean(&result->hist);
}

int
vine_bench_run_futex(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct bell_side side = { .last = 0 };
	int rc, slept = 0;

	side.bells = vine_bench_pair_start(rig->pair, sizeof(*side.bells),
					   serve_futex, 0);
	if (bench->a) {
		rc = paused(bench->a, futex_op, &side, result, &slept);
		snprintf(result->note, sizeof(result->note),
			 "client slept in %d of %d", slept, SLEEP_ROUNDS);
	} else {
		rc = vine_bench_timer_each(&rig->timer, futex_op, &side,
					   result);
	}
	by_median(result);
	bell_ring(&side.bells->request, END);
	vine_bench_pair_join(rig->pair);
	return rc;
}

/* switches_of adds up the voluntary switches of a process's threads. */
static long
switches_of(pid_t pid)
{
	struct dirent *entry;
	char path[320], line[128];
	long sum = 0, n;
	FILE *file;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status",
			 (int)pid, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) ==
			    1)
				sum += n;
		fclose(file);
	}
	closedir(dir);
	return sum;
}

static int
empty_op(void *arg)
{
	const struct vine_task_opts *opts = arg;
	vine_task *task;
	int rc = vine_task_issue_opts(opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	if (!rc)
		rc = vine_bench_outcome(task, NULL);
	vine_task_free(task);
	return rc;
}

int
vine_bench_run_sleep(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = rig->appliance->accel,
		.proc = rig->appliance->noop,
	};
	const pid_t pid = rig->appliance->pid;
	long before = switches_of(pid);
	int slept = 0, rc;

	rc = paused(bench->a, empty_op, &opts, result, &slept);
	snprintf(result->note, sizeof(result->note), "client slept in %d of "
		 "%d, vined switched %ld times", slept, SLEEP_ROUNDS,
		 switches_of(pid) - before);
	by_median(result);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

int
vine_bench_run_idle(struct vine_bench_rig *rig, const struct vine_bench *bench,
		    struct vine_bench_result *result)
{
	struct timespec before, after;
	clockid_t clock;
	int rc = clock_getcpuclockid(rig->appliance->pid, &clock);

	nap(IDLE_SETTLE_MS);
	if (!rc && clock_gettime(clock, &before) < 0)
		rc = errno;
	nap(bench->a * 1000);
	if (!rc && clock_gettime(clock, &after) < 0)
		rc = errno;
	if (rc) {
		log_error("%s: no cpu clock of vined: %s", bench->name,
			  strerror(rc));
		return -rc;
	}
	result->value = ((double)(after.tv_sec - before.tv_sec) * 1e3 +
			 (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
			(double)bench->a;
	result->mean = result->value;
	return 0;
}
