/* SPDX-License-Identifier: Apache-2.0 */
/* The proof's threads are fibers of one thread: each has a place of its own. */
#ifndef PROOF_THREAD_H
#define PROOF_THREAD_H
struct vine_thread;
extern struct vine_thread *proof_thread_last[];

#include_next "core/vine_thread.h"
#define vine_thread_last (proof_thread_last[rl::thread_index()])
#endif
