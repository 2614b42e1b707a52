/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: what idle queues cost the one that is active. Every thread that
 * issues has a queue of its own, so many threads issue one task each and then
 * sleep, while the client's round trip is measured, before and beside them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define STACK (128u << 10)	/* bytes; thousands of them must fit */
/* The appliance's active set must have forgotten the queues: far more than the
 * looks that it gives an idle one. */
#define SETTLE_NS 200000000

struct crowd {
	struct vine_task_opts opts;
	pthread_t *thread;
	uint64_t count;		/* of threads that run */
	pthread_mutex_t lock;
	pthread_cond_t arrived;	/* one more is ready: for the client */
	pthread_cond_t leaving;	/* go_home: for the idle ones */
	uint64_t ready;		/* have had their task, or failed; under lock */
	uint64_t idle;		/* of these, have a queue; under lock */
	int error;		/* of the first that failed; under lock */
	int go_home;		/* under lock */
};

static int
empty_op(void *arg)
{
	const struct vine_task_opts *opts = arg;
	vine_task *task;
	int rc = vine_task_issue_opts(opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	vine_task_free(task);
	return rc;
}

static void *
idler(void *arg)
{
	struct crowd *c = arg;
	int rc = empty_op(&c->opts);

	pthread_mutex_lock(&c->lock);
	c->ready++;
	c->idle += !rc;
	if (rc && !c->error)
		c->error = rc;
	pthread_cond_signal(&c->arrived);
	while (!c->go_home)
		pthread_cond_wait(&c->leaving, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* gather starts threads one after the other until `want` are idle. */
static int
gather(struct crowd *c, uint64_t want)
{
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	while (c->count < want && !rc) {
		rc = -pthread_create(&c->thread[c->count], &attr, idler, c);
		if (rc)
			break;
		c->count++;
		pthread_mutex_lock(&c->lock);
		while (c->ready < c->count)
			pthread_cond_wait(&c->arrived, &c->lock);
		rc = c->error;
		pthread_mutex_unlock(&c->lock);
	}
	pthread_attr_destroy(&attr);
	if (rc)
		log_error("thread %llu of %llu got no queue: %s",
			  (unsigned long long)c->count + 1,
			  (unsigned long long)want, strerror(-rc));
	return rc;
}

static void
dismiss(struct crowd *c)
{
	uint64_t i;

	pthread_mutex_lock(&c->lock);
	c->go_home = 1;
	pthread_cond_broadcast(&c->leaving);
	pthread_mutex_unlock(&c->lock);
	for (i = 0; i < c->count; i++)
		pthread_join(c->thread[i], NULL);
}

/* round_trip measures the client's own queue. */
static int
round_trip(struct vine_bench_rig *rig, struct crowd *c,
	   struct vine_bench_result *result)
{
	int rc = vine_bench_timer_chunks(&rig->timer, VINE_BENCH_BATCH,
					 empty_op, &c->opts);

	if (!rc)
		vine_bench_timer_ns(&rig->timer, VINE_BENCH_BATCH, result);
	return rc;
}

int
vine_bench_run_queues(struct vine_bench_rig *rig,
		      const struct vine_bench *bench,
		      struct vine_bench_result *result)
{
	const struct timespec settle = { 0, SETTLE_NS };
	struct crowd c = {
		.opts = { .size = sizeof(c.opts),
			  .accel = rig->appliance->accel,
			  .proc = rig->appliance->noop },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.arrived = PTHREAD_COND_INITIALIZER,
		.leaving = PTHREAD_COND_INITIALIZER,
	};
	int rc;

	c.thread = calloc(bench->a, sizeof(*c.thread));
	if (!c.thread)
		return -ENOMEM;
	rc = round_trip(rig, &c, result);
	result->limit_value = result->value;
	if (!rc)
		rc = gather(&c, bench->a);
	if (!rc) {
		nanosleep(&settle, NULL);
		rc = round_trip(rig, &c, result);
	}
	dismiss(&c);
	free(c.thread);
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}
