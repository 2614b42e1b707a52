/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation asks the calling thread's cache, which asks the heap, which asks
 * the appliance. A large size asks the heap at once.
 *
 * Each call has a short road, without a call or a frame of its own, that goes
 * through if the thread used this session last and its cache can serve. All
 * else, errors too, is the slow road's. One compare decides: a session's key is
 * the id that the thread's part has, until the session is lost or the process
 * is a forked child.
 */
#include <errno.h>

#include "core/vine_data.h"
#include "core/vine_heap.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
#include "core/vine_want.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

/* Pieces of a class that is a power of two lie at multiples of their size. */
static size_t
size_for(size_t size, size_t align)
{
	size_t p = align;

	if (align <= VINE_DATA_ALIGN || size > VINE_HEAP_SLAB_MAX)
		return size ? size : 1;
	while (p < size)
		p *= 2;
	return p;
}

/* The road of every size and alignment, and where the cache has nothing. */
static __attribute__((noinline)) int
make_slow(struct vine_session *session, size_t size, size_t align,
	  int64_t wait_ns, struct vine_data_s **data)
{
	int rc = vine_session_usable(session);
	struct vine_thread *t;
	struct vine_data_s *d;
	size_t room;
	uint32_t cls;

	if (rc)
		return rc;
	if (align == 0)
		align = VINE_DATA_ALIGN;
	if (align > VINE_PAGE || (align & (align - 1)) != 0)
		return -EINVAL;
	room = size_for(size, align);
	cls = vine_heap_class(room);
	t = vine_thread_of(session, session->id);
	if (t == NULL)
		return -ENOMEM;
	if (cls == VINE_HEAP_NO_CLASS)
		rc = vine_heap_take_large(&session->heap, room, &d);
	else
		rc = vine_cache_get(&t->cache, cls, &d);
	if (wait_ns != 0 && vine_want_helps(rc))
		rc = vine_want_wait(&session->heap, cls, room, wait_ns, &d);
	if (rc)
		return rc;
	d->size = size;
	atomic_store_explicit(&d->place, Both, memory_order_relaxed);
	*data = d;
	return 0;
}

/* Is this thread's part the session's, and the session usable? */
static inline int
is_mine(const struct vine_thread *t, const struct vine_session *session)
{
	return t && t->session_id ==
		atomic_load_explicit(&session->key, memory_order_relaxed);
}

/*
 * Nearly every call ends here: usual alignment, a size that has a class, a
 * piece in the cache. Kept free of calls and of locals in memory, so that it
 * needs no frame.
 */
static inline __attribute__((always_inline)) int
make(struct vine_session *session, size_t size, size_t align, int64_t wait_ns,
     struct vine_data_s **data)
{
	struct vine_thread *t = vine_thread_last;
	struct vine_data_s *d;

	/* size - 1: 0 bytes are unusual too */
	if (__builtin_expect(!is_mine(t, session) || size - 1 >=
			     VINE_HEAP_CLASS_MAX ||
			     (align & ~(size_t)VINE_DATA_ALIGN) != 0, 0))
		return make_slow(session, size, align, wait_ns, data);
	d = vine_cache_pop(&t->cache, vine_heap_class(size));
	if (__builtin_expect(d == NULL, 0))
		return make_slow(session, size, align, wait_ns, data);
	d->size = size;
	atomic_store_explicit(&d->place, Both, memory_order_relaxed);
	*data = d;
	return 0;
}

int
vine_data_make(struct vine_session *session, size_t size, size_t align,
	       struct vine_data_s **data)
{
	return make(session, size, align, 0, data);
}

int
vine_data_make_wait(struct vine_session *session, size_t size, int64_t wait_ns,
		    struct vine_data_s **data)
{
	return make(session, size, VINE_DATA_ALIGN, wait_ns, data);
}

static __attribute__((noinline)) void
drop_slow(struct vine_data_s *d)
{
	struct vine_session *s = d->session;
	struct vine_thread *t;

	if (s->forks != vine_fork_count)
		return;
	if (!atomic_load_explicit(&d->place, memory_order_relaxed)) {
		log_error("data at offset %llu freed twice",
			  (unsigned long long)d->off);
		return;
	}
	atomic_store_explicit(&d->place, 0, memory_order_relaxed);
	t = vine_thread_of(s, s->id);
	if (t == NULL || d->cls == VINE_HEAP_NO_CLASS)
		vine_heap_put(&s->heap, &d, 1);
	else
		vine_cache_put(&t->cache, d);
}

void
vine_data_drop(struct vine_data_s *d)
{
	struct vine_thread *t = vine_thread_last;
	uint8_t place = atomic_load_explicit(&d->place, memory_order_relaxed);

	if (__builtin_expect(!is_mine(t, d->session) || place == 0 ||
			     d->cls == VINE_HEAP_NO_CLASS, 0)) {
		drop_slow(d);
		return;
	}
	atomic_store_explicit(&d->place, 0, memory_order_relaxed);
	if (__builtin_expect(!vine_cache_push(&t->cache, d), 0))
		vine_cache_put(&t->cache, d);
}

int
vine_data_alloc_in(struct vine_session *session, size_t size, size_t align,
		   vine_data **data)
{
	UTILS_TRACE_BEGIN(t);
	int rc = make(session, size, align, 0, data);

	UTILS_TRACE_END(t, vine_data_alloc_in, rc, session, size, align,
			rc ? NULL : *data);
	return rc;
}

int
vine_data_alloc_opts(struct vine_session *session,
		     const struct vine_data_opts *opts, vine_data **data)
{
	UTILS_TRACE_BEGIN(t);
	int known = opts && opts->size == sizeof(*opts);
	int rc = -EINVAL;

	if (known && opts->wait_ns >= VINE_FOREVER)
		rc = make(session, opts->bytes, opts->align, opts->wait_ns,
			  data);
	UTILS_TRACE_END(t, vine_data_alloc_opts, rc, session,
			known ? opts->bytes : 0, known ? opts->align : 0,
			known ? opts->wait_ns : 0, rc ? NULL : *data);
	return rc;
}

void
vine_data_free(vine_data *data)
{
	UTILS_TRACE_BEGIN(t);

	if (data)
		vine_data_drop(data);
	UTILS_TRACE_END(t, vine_data_free, 0, data);
}

struct vine_slice
vine_slice_all(vine_data *data)
{
	return (struct vine_slice){ .data = data, .length = data->size };
}

int
vine_slice_of(vine_data *data, size_t offset, size_t length,
	      struct vine_slice *slice)
{
	if (length > data->size || offset > data->size - length)
		return -ERANGE;
	*slice = (struct vine_slice){ data, offset, length };
	return 0;
}

void *
vine_slice_ptr(const struct vine_slice *slice)
{
	return slice->data->ptr + slice->offset;
}
