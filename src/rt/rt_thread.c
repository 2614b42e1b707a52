/* SPDX-License-Identifier: Apache-2.0 */
/* A thread begins with the mask of who makes it. */
#include <signal.h>

#include "arch/shm/arch_shm_guard.h"
#include "rt/rt_thread.h"

int
rt_thread_start(pthread_t *thread, const pthread_attr_t *attr,
		void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	arch_shm_guard_let(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(thread, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}
