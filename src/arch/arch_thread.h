/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread: one of the appliance's own.
 *
 * Signals that are sent to a process are for its main thread, so ours block
 * them. They do not block those that name a fault of their own: the kernel ends
 * a process whose thread blocks such a signal where it is due, and some of them
 * are answered (arch_shm_guard.h, rt_overflow.h, the filter of system calls).
 */
#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include <pthread.h>

/*
 * arch_thread_start starts a thread that blocks all signals but those of its
 * own faults. The caller joins it. Never blocks. Returns 0, or -EAGAIN where
 * threads have run out.
 */
int arch_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
