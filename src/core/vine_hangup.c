/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread has nothing of its own: it polls the connection, which ends by the
 * appliance's death or by our own shutdown.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_hangup.h"
#include "core/vine_life.h"
#include "core/vine_session.h"
#include "utils/utils_log.h"

static void *
run(void *arg)
{
	struct vine_session *s = arg;
	struct pollfd p = { .fd = s->seg->peer.sock };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	vine_life_is_gone(s);	/* who only looks sees it, too */
	arch_bell_ring(&s->bell, ~0u);
	return NULL;
}

void
vine_hangup_start(struct vine_session *session)
{
	sigset_t all, old;

	if (session->seg->peer.sock < 0)
		return;
	/* signals are for the application's threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	session->has_hangup = pthread_create(&session->hangup, NULL, run,
					     session) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (session->has_hangup)
		pthread_setname_np(session->hangup, "vine-hangup");
	else
		log_debug("segment %s session %u has no thread for the end of "
			  "its connection", session->seg->name, session->slot);
}

void
vine_hangup_stop(struct vine_session *session)
{
	if (!session->has_hangup)
		return;
	shutdown(session->seg->peer.sock, SHUT_RDWR);
	pthread_join(session->hangup, NULL);
}
