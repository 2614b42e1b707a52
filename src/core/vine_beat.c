/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread counts and looks every VINE_BEAT_MS, and between two beats hears
 * the device's interrupt, or the serial port, for all who wait in the process.
 * It beats only while the slot is the session's: a machine that stood still for
 * longer than its lease may find another session there.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_beat.h"
#include "core/vine_life.h"
#include "core/vine_session.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

struct vine_beat {
	struct vine_session *session;
	pthread_t thread;
	struct arch_bell end;	/* rung for it to end */
	uint64_t count;
	uint64_t seen;		/* of the appliance */
	uint64_t since;		/* ns, when that was new */
	uint64_t generation;	/* of the appliance that knows our port */
};

/* Who waits sees that the appliance is gone, or the session. */
static void
tell(struct vine_session *s)
{
	vine_life_is_gone(s);
	arch_bell_ring(&s->bell, ~0u);
}

/* Ask at the serial port again, where another appliance came, or where nobody
 * answered. */
static void
ask_at_port(struct vine_beat *b)
{
	struct vine_session *s = b->session;
	uint64_t generation = arch_load64(&vine_seg_header(s->seg)->generation);

	if (s->port.fd < 0 ||
	    (generation == b->generation && !atomic_load(&s->mute)))
		return;
	atomic_store(&s->mute, 1);
	b->generation = generation;
	(void)vine_port_send_ask(&s->port);
}

static void
beat(struct vine_beat *b)
{
	struct vine_session *s = b->session;
	uint64_t now = utils_clock_ns(), seen;

	if (vine_life_is_gone(s)) {
		tell(s);
		return;
	}
	arch_store64(&s->shm->heartbeat, ++b->count);
	seen = arch_load64(&vine_seg_header(s->seg)->heartbeat);
	if (seen != b->seen) {
		b->seen = seen;
		b->since = now;
		atomic_store(&s->seg->silent, 0);
	} else if (now - b->since >= s->seg->lease) {
		if (!atomic_exchange(&s->seg->silent, 1))
			log_warn("segment %s session %u: the appliance's "
				 "heartbeat stands still for %llu ms",
				 s->seg->name, s->slot, (unsigned long long)
				 (now - b->since) / 1000000);
		tell(s);
	}
	ask_at_port(b);
}

/* The serial port has something: a ring, an answer, or that nobody is there any
 * more. Returns 0 where it is not to be listened to for now. */
static int
hear_port(struct vine_session *s)
{
	int found = vine_port_read(&s->port);

	if (found & VINE_PORT_ANSWERED)
		atomic_store(&s->mute, 0);
	if (found & VINE_PORT_AWAY)
		atomic_store(&s->mute, 1);	/* beat() asks again */
	arch_bell_ring(&s->bell, ~0u);
	return !(found & VINE_PORT_AWAY);
}

/* Sleep until the next beat; who waits is woken where the appliance rings.
 * Returns 0 when it is time to end. */
static int
listen_until(struct vine_beat *b, uint64_t at)
{
	struct vine_session *s = b->session;
	struct pollfd p[] = {
		{ .fd = b->end.fd, .events = POLLIN },
		{ .fd = s->msi.bell.fd, .events = POLLIN },	/* -1: none */
		{ .fd = s->port.fd, .events = POLLIN },
	};

	for (;;) {
		uint64_t now = utils_clock_ns();
		int n;

		if (now >= at)
			return 1;
		n = poll(p, 3, (int)((at - now) / 1000000) + 1);
		if (n <= 0)
			continue;
		if (p[0].revents & POLLIN)
			return 0;
		if (p[1].revents & POLLIN) {
			arch_bell_clear(&s->msi.bell);
			arch_bell_ring(&s->bell, ~0u);
		} else if (p[1].revents) {
			p[1].fd = -1;	/* broken: for this time */
		}
		if (p[2].revents && !hear_port(s))
			p[2].fd = -1;
	}
}

static void *
run(void *arg)
{
	struct vine_beat *b = arg;

	do
		beat(b);
	while (listen_until(b, utils_clock_ns() +
			    VINE_BEAT_MS * UINT64_C(1000000)));
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
	struct vine_beat *b;
	int rc = -ENOMEM;

	if (!session->seg->far)
		return 0;
	b = calloc(1, sizeof(*b));
	if (b) {
		b->session = session;
		b->since = utils_clock_ns();
		b->generation = arch_load64(
			&vine_seg_header(session->seg)->generation);
		b->end = arch_bell_of_fd(eventfd(0, EFD_CLOEXEC |
						 EFD_NONBLOCK));
		rc = b->end.fd < 0 ? -errno : start_thread(b);
		if (rc && b->end.fd >= 0)
			close(b->end.fd);
	}
	if (rc == 0) {
		session->beat = b;
		return 0;
	}
	log_error("segment %s session %u has no thread for its heartbeat: %s",
		  session->seg->name, session->slot, strerror(-rc));
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
	arch_bell_ring(&b->end, ~0u);
	pthread_join(b->thread, NULL);
	close(b->end.fd);
	free(b);
}
