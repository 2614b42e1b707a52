/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch thread and its hand-over with the user: `signaled` is set when the
 * descriptor was written and cleared when the user has reaped. Lock order:
 * watch->lock, then nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_life.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_wait.h"
#include "core/vine_watch.h"

#define SLEEP_NS (VINE_SLEEP_IDLE_MS * UINT64_C(1000000))

struct vine_watch {
	struct vine_session *session;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t go;
	struct arch_bell bell;	/* the user's, who polls it */
	int signaled;		/* the user has not reaped since */
	int stop;
};

/* Up to VINE_WAIT_QUEUES queues of the session. */
static uint32_t
queues_of(struct vine_session *s, struct vine_queue **queues)
{
	uint32_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (struct vine_queue *q = s->queues; q && n < VINE_WAIT_QUEUES;
	     q = q->next)
		queues[n++] = q;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static int
stopped(void *arg)
{
	struct vine_watch *w = arg;

	return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE);
}

static int
any_there(struct vine_session *s)
{
	struct vine_queue *q;
	int there = 0;

	pthread_mutex_lock(&s->lock);
	for (q = s->queues; q && !there; q = q->next)
		there = vine_queue_peek(q);
	pthread_mutex_unlock(&s->lock);
	return there;
}

static void
signal_fd(struct vine_watch *w)
{
	pthread_mutex_lock(&w->lock);
	if (!w->signaled) {
		w->signaled = 1;
		arch_bell_ring(&w->bell, ~0u);
	}
	pthread_mutex_unlock(&w->lock);
}

static void *
run(void *arg)
{
	struct vine_watch *w = arg;
	struct vine_queue *queues[VINE_WAIT_QUEUES];

	while (!stopped(w)) {
		uint32_t seen = arch_bell_look(&w->session->bell);
		uint32_t n = queues_of(w->session, queues);

		/* 64 queues are slept on at a time; a new one rings */
		if (n)
			vine_wait_sleep(queues, n, stopped, w, SLEEP_NS);
		else
			arch_bell_wait(&w->session->bell, seen, ~0u, SLEEP_NS);
		if (stopped(w) || (!any_there(w->session) &&
				   !vine_life_is_gone(w->session)))
			continue;
		signal_fd(w);
		pthread_mutex_lock(&w->lock);
		while (w->signaled && !w->stop)
			pthread_cond_wait(&w->go, &w->lock);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

static int
watch_new(struct vine_session *session, struct vine_watch **out)
{
	struct vine_watch *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->session = session;
	w->bell = arch_bell_of_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (w->bell.fd < 0) {
		rc = -errno;
		free(w);
		return rc;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->go, NULL);
	/* signals are for the application's threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		close(w->bell.fd);
		free(w);
		return -rc;
	}
	*out = w;
	return 0;
}

int
vine_watch_start(struct vine_session *session, int *fd)
{
	struct vine_watch *w;
	int rc = 0;

	pthread_mutex_lock(&session->ctl_lock);
	w = atomic_load(&session->watch);
	if (w == NULL) {
		rc = watch_new(session, &w);
		if (rc == 0)
			atomic_store(&session->watch, w);
	}
	pthread_mutex_unlock(&session->ctl_lock);
	if (rc == 0)
		*fd = w->bell.fd;
	return rc;
}

void
vine_watch_stop(struct vine_session *session)
{
	struct vine_watch *w = atomic_load(&session->watch);

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
	pthread_cond_signal(&w->go);
	pthread_mutex_unlock(&w->lock);
	arch_bell_ring(&session->bell, ~0u);
	pthread_join(w->thread, NULL);
	atomic_store(&session->watch, NULL);
	close(w->bell.fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->go);
	free(w);
}

void
vine_watch_clear(struct vine_session *session)
{
	struct vine_watch *w = atomic_load(&session->watch);

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	arch_bell_clear(&w->bell);
	pthread_mutex_unlock(&w->lock);
}

void
vine_watch_again(struct vine_session *session)
{
	struct vine_watch *w = atomic_load(&session->watch);

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->signaled = 0;
	pthread_cond_signal(&w->go);
	pthread_mutex_unlock(&w->lock);
}

void
vine_watch_poke(struct vine_session *session)
{
	if (atomic_load(&session->watch))
		arch_bell_ring(&session->bell, ~0u);
}

void
vine_watch_signal(struct vine_session *session)
{
	struct vine_watch *w = atomic_load(&session->watch);

	if (w)
		signal_fd(w);
}
