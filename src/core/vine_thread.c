/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's parts hang in a list of its own, found through one thread-local
 * word; each is also in its session's list, under the heap's lock, so that the
 * session can take them back when it closes. A part whose session has closed is
 * freed by whichever of the two comes last.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"

_Thread_local struct vine_thread *vine_thread_last
	__attribute__((tls_model("initial-exec")));
static _Thread_local struct vine_thread *mine;

static pthread_key_t at_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int have_key;

static void
unlink_peer(struct vine_heap *heap, struct vine_thread *t)
{
	struct vine_thread **at = &heap->threads;

	while (*at && *at != t)
		at = &(*at)->peer;
	if (*at)
		*at = t->peer;
}

/* The thread ends: memory and queue go back to the session. */
static void
leave(struct vine_thread *t)
{
	struct vine_session *s = vine_session_lock_all(t->session_id);
	struct vine_data_s *items = NULL, *next;

	if (s) {
		pthread_mutex_lock(&s->heap.lock);
		unlink_peer(&s->heap, t);
		pthread_mutex_unlock(&s->heap.lock);
		vine_cache_shut(&t->cache, &items);
		for (; items; items = next) {
			next = items->next;
			vine_heap_put(&s->heap, &items, 1);
		}
		if (t->queue)
			vine_queue_release(t->queue);
	}
	vine_session_unlock_all();
	vine_cache_fini(&t->cache);
	free(t);
}

static void
thread_end(void *list)
{
	struct vine_thread *t = list, *next;

	vine_thread_last = NULL;
	for (; t; t = next) {
		next = t->next;
		leave(t);
	}
	mine = NULL;
}

static void
make_key(void)
{
	have_key = pthread_key_create(&at_end, thread_end) == 0;
}

/* Parts of sessions that have closed are only memory. */
static void
drop_closed(void)
{
	struct vine_thread **at = &mine;

	while (*at) {
		struct vine_thread *t = *at;
		int open = vine_session_lock_all(t->session_id) != NULL;

		vine_session_unlock_all();
		if (open) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		vine_cache_fini(&t->cache);
		free(t);
	}
}

struct vine_thread *
vine_thread_slow(struct vine_session *session, uint64_t id)
{
	struct vine_thread *t = mine;
	struct vine_data_s *none = NULL;

	while (t && t->session_id != id)
		t = t->next;
	if (t == NULL) {
		vine_thread_last = NULL;
		drop_closed();
		pthread_once(&once, make_key);
		t = aligned_alloc(64, (sizeof(*t) + 63) / 64 * 64);
		if (t == NULL)
			return NULL;
		t->session_id = id;
		t->session = session;
		t->queue = NULL;
		vine_cache_init(&t->cache, &session->heap);
		pthread_mutex_lock(&session->heap.lock);
		t->peer = session->heap.threads;
		session->heap.threads = t;
		if (session->heap.wants)	/* shut, as all the others */
			vine_cache_shut(&t->cache, &none);
		pthread_mutex_unlock(&session->heap.lock);
		t->next = mine;
		mine = t;
		if (have_key)
			pthread_setspecific(at_end, mine);
	}
	vine_thread_last = t;
	return t;
}
