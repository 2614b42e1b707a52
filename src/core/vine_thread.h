/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread: what a thread of the application has in each session: its queue, and
 * its cache of free data. Found through thread-local storage; given back when
 * the thread ends.
 */
#ifndef VINE_THREAD_H
#define VINE_THREAD_H

#include <stdint.h>

#include "core/vine_cache.h"

struct vine_queue;
struct vine_session;

struct vine_thread {
	uint64_t session_id;
	struct vine_session *session;
	struct vine_queue *queue;	/* NULL until the first issue */
	struct vine_cache cache;
	struct vine_thread *next;	/* of this thread's */
	struct vine_thread *peer;	/* of the session's; heap lock */
};

/*
 * The part that the calling thread used last. Found without a call, at the
 * price that a library loaded late takes its few thread-local words from the
 * room that libc keeps for that (docs/building.md).
 */
extern _Thread_local struct vine_thread *vine_thread_last
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

struct vine_thread *vine_thread_slow(struct vine_session *session,
				     uint64_t id);

/*
 * vine_thread_of returns the calling thread's part of a session, or NULL when
 * there is no memory for it.
 */
static inline struct vine_thread *
vine_thread_of(struct vine_session *session, uint64_t id)
{
	struct vine_thread *t = vine_thread_last;

	if (__builtin_expect(t != NULL && t->session_id == id, 1))
		return t;
	return vine_thread_slow(session, id);
}

#endif
