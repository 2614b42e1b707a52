/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread is born with the mask of the one that makes it.
 */
#include <signal.h>
#include <stddef.h>

#include "arch/arch_thread.h"

static const int own[] = { SIGSYS, SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP };

int
arch_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}
