/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair: what a session that floods the appliance costs another.
 *
 * The flood is a session of many threads. While the appliance stands still
 * each fills its queue and then waits for a mutex, so that nobody but the
 * client and the appliance needs a cpu while the client measures a burst of
 * round trips. What is left of the flood is looked at after each burst, so one
 * that ran dry cannot pass for a fair appliance. The limit is the p99 of the
 * same client alone, in the same run.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define STACK (128u << 10)	/* bytes; that of a thread */
#define FILL 120u		/* tasks of a thread; a queue has 128 slots */
#define BURST 200u	/* round trips; 5 to 20 tasks of the flood for each */
/* The appliance has forgotten the flood's queues then: it gives an idle one
 * some thousand looks. */
#define SETTLE_NS 10000000
#define DRY_MAX 50u	/* bursts without a flood, before it is given up */
#define WARM 20u			/* round trips that do not count */

struct flood {
	struct vine_session *session;
	struct vine_task_opts opts;
	pthread_t *thread;
	uint64_t count;		/* of threads that run */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t round;		/* fill in odd ones, drain in even; lock */
	uint64_t ready;		/* threads that have done so; lock */
	int error;		/* of the first that failed; lock */
	int over;		/* lock */
};

struct hists {
	struct utils_hist alone;
	struct utils_hist beside;
	struct utils_hist burst;	/* not counted yet */
	uint64_t dry;			/* bursts that were not */
};

static int
fill(struct flood *f, vine_task **task)
{
	int rc = 0;

	for (uint32_t i = 0; i < FILL && !rc; i++)
		rc = vine_task_issue_opts(&f->opts, &task[i]);
	return rc;
}

static int
drain(vine_task **task)
{
	int rc = 0;

	for (uint32_t i = 0; i < FILL; i++) {
		if (task[i] && !rc)
			rc = vine_task_wait_for(task[i], VINE_BENCH_WAIT_NS);
		vine_task_free(task[i]);
		task[i] = NULL;
	}
	return rc;
}

static void *
flooder(void *arg)
{
	vine_task *task[FILL] = { NULL };
	struct flood *f = arg;
	uint64_t round = 0;

	for (;;) {
		int rc;

		pthread_mutex_lock(&f->lock);
		while (f->round == round && !f->over)
			pthread_cond_wait(&f->changed, &f->lock);
		round = f->round;
		pthread_mutex_unlock(&f->lock);
		rc = round & 1 ? fill(f, task) : drain(task);
		pthread_mutex_lock(&f->lock);
		if (rc && !f->error)
			f->error = rc;
		f->ready++;
		pthread_cond_broadcast(&f->changed);
		rc = f->over;
		pthread_mutex_unlock(&f->lock);
		if (rc)
			return NULL;
	}
}

/* Have all threads fill their queues, or drain them. */
static int
next_round(struct flood *f)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	f->round++;
	f->ready = 0;
	pthread_cond_broadcast(&f->changed);
	while (f->ready < f->count)
		pthread_cond_wait(&f->changed, &f->lock);
	rc = f->error;
	pthread_mutex_unlock(&f->lock);
	return rc;
}

static void
flood_end(struct flood *f)
{
	pthread_mutex_lock(&f->lock);
	f->round += 2 - (f->round & 1);	/* an even one */
	f->over = 1;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	for (uint64_t i = 0; i < f->count; i++)
		pthread_join(f->thread[i], NULL);
	free(f->thread);
	vine_session_close(f->session);
}

static int
flood_begin(struct vine_bench_rig *rig, uint64_t threads, struct flood *f)
{
	struct vine_session_opts so = {
		.size = sizeof(so),
		.config_file = rig->appliance->config,
		.label = "flood",
	};
	pthread_attr_t attr;
	int rc = vine_session_open(&so, &f->session);

	if (rc)
		return rc;
	f->opts.size = sizeof(f->opts);
	rc = vine_accel_find(f->session, GPU_SOFT, "noop", &f->opts.accel);
	if (!rc)
		rc = vine_proc_find(f->session, GPU_SOFT, "noop",
				    &f->opts.proc);
	f->thread = calloc(threads, sizeof(*f->thread));
	if (!rc && !f->thread)
		rc = -ENOMEM;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	while (!rc && f->count < threads) {
		rc = -pthread_create(&f->thread[f->count], &attr, flooder, f);
		f->count += !rc;
	}
	pthread_attr_destroy(&attr);
	if (rc)
		flood_end(f);
	return rc;
}

static int
burst(struct vine_bench_timer *timer, const struct vine_task_opts *opts,
      struct utils_hist *hist)
{
	int rc = 0;

	for (uint32_t i = 0; i < WARM + BURST && !rc; i++) {
		uint64_t begin = vine_bench_now();
		vine_task *task;

		rc = vine_task_issue_opts(opts, &task);
		if (rc)
			break;
		rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
		if (i >= WARM)
			utils_hist_record(hist, vine_bench_timer_span(timer,
					  vine_bench_now() - begin));
		vine_task_free(task);
	}
	return rc;
}

/*
 * A burst beside the flood, which counts if some of the flood is left after it:
 * a client that was kept off its cpu meets none.
 */
static int
burst_beside(struct vine_bench_rig *rig, struct flood *f,
	     const struct vine_task_opts *opts, struct hists *h)
{
	int rc;

	vine_bench_appliance_pause(rig->appliance);
	rc = next_round(f);
	vine_bench_appliance_resume(rig->appliance);
	utils_hist_init(&h->burst);
	if (!rc)
		rc = burst(&rig->timer, opts, &h->burst);
	if (!rc && vine_session_reap(f->session) < (int)(f->count * FILL))
		utils_hist_merge(&h->beside, &h->burst);
	else
		h->dry++;
	return rc ? rc : next_round(f);
}

/* Bursts alone and beside the flood, by turns. */
static int
measure(struct vine_bench_rig *rig, struct flood *f,
	const struct vine_task_opts *opts, struct hists *h)
{
	const struct timespec settle = { 0, SETTLE_NS };
	int rc = next_round(f);		/* threads get their queues */
	uint64_t end;

	if (!rc)
		rc = next_round(f);
	end = vine_bench_now() + 10 * rig->timer.run;
	while (!rc && (vine_bench_now() < end ||
		       (!h->beside.count && h->dry < DRY_MAX))) {
		nanosleep(&settle, NULL);
		rc = burst(&rig->timer, opts, &h->alone);
		if (!rc)
			rc = burst_beside(rig, f, opts, h);
	}
	if (!rc && h->beside.count == 0) {
		log_error("the flood ran dry in each of %llu bursts",
			  (unsigned long long)h->dry);
		rc = -EAGAIN;
	}
	return rc;
}

int
vine_bench_run_fair(struct vine_bench_rig *rig, const struct vine_bench *bench,
		    struct vine_bench_result *result)
{
	struct vine_task_opts opts = { .size = sizeof(opts),
				       .accel = rig->appliance->accel,
				       .proc = rig->appliance->noop };
	struct flood f = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	struct hists *h = calloc(1, sizeof(*h));
	int rc = h ? flood_begin(rig, bench->a, &f) : -ENOMEM;

	if (!rc) {
		utils_hist_init(&h->alone);
		utils_hist_init(&h->beside);
		rc = measure(rig, &f, &opts, h);
		flood_end(&f);
	}
	if (!rc) {
		result->has_hist = 1;
		result->hist = h->beside;
		result->value = (double)utils_hist_percentile(&h->beside, 99);
		result->limit_value = (double)utils_hist_percentile(&h->alone,
								    99);
		result->mean = utils_hist_mean(&h->beside);
		snprintf(result->note, sizeof(result->note),
			 "alone: p50 %llu ns; %llu of %llu bursts had no flood",
			 (unsigned long long)utils_hist_percentile(&h->alone,
								   50),
			 (unsigned long long)h->dry,
			 (unsigned long long)h->alone.count / BURST);
	} else {
		log_error("%s: %s", bench->name, strerror(-rc));
	}
	free(h);
	return rc;
}
