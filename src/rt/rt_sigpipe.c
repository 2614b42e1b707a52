/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGPIPE: kept from a thread while it is a scheduler's.
 *
 * Whoever writes to a stream that nobody reads gets EPIPE, which is all there
 * is to say; the signal would end the program. send has a flag against it,
 * write and splice have none, and what the whole process does about the signal
 * is not ours to say. It comes to the thread that wrote, so that one blocks it;
 * what has come by the time the thread leaves is taken.
 *
 * A thread that had it blocked is left alone: whatever is pending may be its
 * own. The threads of helpers block it, and it ends with them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "rt/rt_inside.h"

static void
just_sigpipe(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

void
rt_sigpipe_enter(struct rt_sched *s)
{
	sigset_t set, old;

	just_sigpipe(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	s->sigpipe = !sigismember(&old, SIGPIPE);
}

void
rt_sigpipe_leave(struct rt_sched *s)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	if (!s->sigpipe)
		return;
	s->sigpipe = 0;
	just_sigpipe(&set);
	while (sigtimedwait(&set, NULL, &now) > 0 || errno == EINTR)
		;
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
