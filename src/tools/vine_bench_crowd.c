/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crowd: the threads hand a turn from one to the next; who does not have it
 * sleeps on a futex word of his own. Thread t has queue t of every session:
 * index s * threads + t.
 */
#include "tools/vine_bench_crowd.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_log.h"

#define THREADS_MAX 1024u
#define STACK (128u << 10)	/* bytes; many of them must fit */

enum turn { RESTS, ACTS, LEAVES };

struct member {
	struct vine_bench_crowd *crowd;
	pthread_t thread;
	_Atomic uint32_t turn;
};

struct opened {
	struct vine_session *session;
	struct vine_task_opts opts;
};

struct vine_bench_crowd {
	struct member *member;
	struct opened *opened;
	uint32_t threads;	/* that run */
	uint32_t threads_want;
	uint32_t sessions;	/* that are open */
	uint32_t sessions_want;
	vine_bench_crowd_fn fn;	/* of this round */
	void *arg;
	int rc;
	_Atomic uint32_t done;	/* of this round: for who called */
};

static void
word_set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
	vine_bench_futex_wake(word);
}

static uint32_t
word_await(_Atomic uint32_t *word)
{
	uint32_t now;

	while (!(now = atomic_load_explicit(word, memory_order_acquire)))
		vine_bench_futex_wait(word, 0);
	return now;
}

/* act calls fn for each queue of thread t, then passes the turn on. */
static void
act(struct vine_bench_crowd *c, uint32_t t)
{
	uint32_t s;

	for (s = 0; s < c->sessions && !c->rc; s++)
		c->rc = c->fn(c->arg, (uint64_t)s * c->threads + t,
			      &c->opened[s].opts);
	if (t + 1 < c->threads && !c->rc)
		word_set(&c->member[t + 1].turn, ACTS);
	else
		word_set(&c->done, 1);
}

static void *
live(void *arg)
{
	struct member *m = arg;

	while (word_await(&m->turn) == ACTS) {
		/* before the turn is passed on: it may come back at once */
		atomic_store_explicit(&m->turn, RESTS, memory_order_relaxed);
		act(m->crowd, (uint32_t)(m - m->crowd->member));
	}
	return NULL;
}

static int
start_threads(struct vine_bench_crowd *c)
{
	pthread_attr_t attr;
	int rc = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	while (c->threads < c->threads_want && !rc) {
		c->member[c->threads].crowd = c;
		rc = pthread_create(&c->member[c->threads].thread, &attr, live,
				    &c->member[c->threads]);
		c->threads += !rc;
	}
	pthread_attr_destroy(&attr);
	if (!rc)
		return 0;
	log_warn("only %u of %u threads could be started: %s", c->threads,
		 c->threads_want, strerror(rc));
	return rc == EAGAIN ? -EOPNOTSUPP : -rc;
}

static int
open_sessions(struct vine_bench_crowd *c, struct vine_bench_rig *rig)
{
	const uint32_t mode = rig->appliance->kind == VINE_BENCH_VINED_LADDER ?
		VINE_WAIT_LADDER : VINE_WAIT_SPIN;
	int rc = 0;

	while (c->sessions < c->sessions_want && !rc) {
		rc = vine_bench_appliance_attach(rig->appliance, mode, "noop",
					&c->opened[c->sessions].session,
					&c->opened[c->sessions].opts);
		c->sessions += !rc;
	}
	return rc;
}

int
vine_bench_crowd_sessions(struct vine_bench_rig *rig, uint64_t queues,
			  struct vine_bench_crowd **crowd)
{
	struct vine_bench_crowd *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return rc;
	c->threads_want = queues < THREADS_MAX ? (uint32_t)queues : THREADS_MAX;
	c->sessions_want = (uint32_t)(queues / c->threads_want);
	c->member = calloc(c->threads_want, sizeof(*c->member));
	c->opened = calloc(c->sessions_want, sizeof(*c->opened));
	if (c->member && c->opened)
		rc = open_sessions(c, rig);
	if (!rc)
		rc = start_threads(c);
	if (rc) {
		vine_bench_crowd_free(c);
		return rc;
	}
	*crowd = c;
	return 0;
}

int
vine_bench_crowd_round(struct vine_bench_crowd *c, vine_bench_crowd_fn fn,
		       void *arg)
{
	c->fn = fn;
	c->arg = arg;
	c->rc = 0;
	atomic_store_explicit(&c->done, 0, memory_order_relaxed);
	word_set(&c->member[0].turn, ACTS);
	word_await(&c->done);
	return c->rc;
}

static int
first_task(void *arg, uint64_t index, const struct vine_task_opts *opts)
{
	vine_task *task;
	int rc = vine_task_issue_opts(opts, &task);

	(void)arg;
	if (rc) {
		log_error("thread %llu of a crowd got no queue: %s",
			  (unsigned long long)index, strerror(-rc));
		return rc;
	}
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	if (!rc)
		rc = vine_bench_outcome(task, NULL);
	vine_task_free(task);
	return rc;
}

int
vine_bench_crowd_gather(struct vine_bench_crowd *crowd)
{
	return vine_bench_crowd_round(crowd, first_task, NULL);
}

void
vine_bench_crowd_free(struct vine_bench_crowd *c)
{
	uint32_t i;

	if (!c)
		return;
	for (i = 0; i < c->threads; i++)
		word_set(&c->member[i].turn, LEAVES);
	for (i = 0; i < c->threads; i++)
		pthread_join(c->member[i].thread, NULL);
	for (i = 0; i < c->sessions; i++)
		vine_session_close(c->opened[i].session);
	free(c->member);
	free(c->opened);
	free(c);
}
