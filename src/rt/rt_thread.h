/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread: a thread of the appliance, which no signal is sent to that is meant
 * for the process.
 */
#ifndef RT_THREAD_H
#define RT_THREAD_H

#include <pthread.h>

/*
 * rt_thread_start starts a thread that blocks every signal but those that name
 * its own faults: SIGSYS (a call that seccomp forbids) and SIGBUS (a mapping
 * that was cut off). attr may be NULL. The caller joins it. A name it gives to
 * itself: that of another is written to a file. Any thread. Returns 0, or
 * -EAGAIN where there is no room for another, -ENOMEM.
 */
int rt_thread_start(pthread_t *thread, const pthread_attr_t *attr,
		    void *(*run)(void *arg), void *arg);

#endif
