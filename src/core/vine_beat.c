/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread counts and looks every VINE_BEAT_MS. It beats only while the slot
 * is the session's: a machine that stood still for longer than its lease may
 * find another session there.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_beat.h"
#include "core/vine_session.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

struct vine_beat {
	struct vine_session *session;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t end;
	int stop;		/* under the lock */
	uint64_t count;
	uint64_t seen;		/* of the appliance */
	uint64_t since;		/* ns, when that was new */
};

/* Who waits sees that the appliance is gone, or the session. */
static void
tell(struct vine_session *s)
{
	vine_session_is_gone(s);
	arch_bell_ring(&s->bell, ~0u);
}

static void
beat(struct vine_beat *b)
{
	struct vine_session *s = b->session;
	uint64_t now = utils_clock_ns(), seen;

	if (vine_session_is_gone(s)) {
		tell(s);
		return;
	}
	arch_store64(&s->shm->heartbeat, ++b->count);
	seen = arch_load64(&vine_seg_header(s->seg)->heartbeat);
	if (seen != b->seen) {
		b->seen = seen;
		b->since = now;
	} else if (now - b->since >= s->seg->lease) {
		log_warn("segment %s session %u: the appliance's heartbeat "
			 "stands still for %llu ms", s->seg->name, s->slot,
			 (unsigned long long)(now - b->since) / 1000000);
		atomic_store(&s->seg->silent, 1);
		tell(s);
	}
}

static void *
run(void *arg)
{
	struct vine_beat *b = arg;
	struct timespec at;

	pthread_mutex_lock(&b->lock);
	clock_gettime(CLOCK_MONOTONIC, &at);
	while (!b->stop) {
		beat(b);
		at.tv_nsec += VINE_BEAT_MS * 1000000;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		while (!b->stop && pthread_cond_timedwait(&b->end, &b->lock,
							  &at) == 0)
			;
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static int
start_thread(struct vine_beat *b)
{
	sigset_t all, old;
	int rc;

	/* signals are for the application's threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&b->thread, NULL, run, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		pthread_setname_np(b->thread, "vine-beat");
	return -rc;
}

int
vine_beat_start(struct vine_session *session)
{
	pthread_condattr_t attr;
	struct vine_beat *b;
	int rc;

	if (!session->seg->far)
		return 0;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->session = session;
	b->since = utils_clock_ns();
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->end, &attr);
	pthread_condattr_destroy(&attr);
	rc = start_thread(b);
	if (rc == 0) {
		session->beat = b;
		return 0;
	}
	log_error("segment %s session %u has no thread for its heartbeat: %s",
		  session->seg->name, session->slot, strerror(-rc));
	pthread_cond_destroy(&b->end);
	pthread_mutex_destroy(&b->lock);
	free(b);
	return rc;
}

void
vine_beat_stop(struct vine_session *session)
{
	struct vine_beat *b = session->beat;

	if (b == NULL)
		return;
	session->beat = NULL;
	pthread_mutex_lock(&b->lock);
	b->stop = 1;
	pthread_cond_signal(&b->end);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->end);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
