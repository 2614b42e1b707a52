/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation asks the calling thread's cache, which asks the heap, which asks
 * the appliance. A large size asks the heap at once.
 */
#include <errno.h>

#include "core/vine_data.h"
#include "core/vine_heap.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
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

int
vine_data_make(struct vine_session *session, size_t size, size_t align,
	       struct vine_data_s **data)
{
	struct vine_thread *t;
	struct vine_data_s *d;
	size_t room;
	uint32_t cls;
	int rc;

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
	if (rc)
		return rc;
	d->size = size;
	d->place = Both;
	atomic_store_explicit(&d->live, 1, memory_order_relaxed);
	*data = d;
	return 0;
}

void
vine_data_drop(struct vine_data_s *d)
{
	struct vine_session *s = d->session;
	struct vine_thread *t;

	if (!atomic_load_explicit(&d->live, memory_order_relaxed)) {
		log_error("data at offset %llu freed twice",
			  (unsigned long long)d->off);
		return;
	}
	atomic_store_explicit(&d->live, 0, memory_order_relaxed);
	t = vine_thread_of(s, s->id);
	if (t == NULL || d->cls == VINE_HEAP_NO_CLASS)
		vine_heap_put(&s->heap, &d, 1);
	else
		vine_cache_put(&t->cache, d);
}

int
vine_data_alloc_in(struct vine_session *session, size_t size, size_t align,
		   vine_data **data)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_data_s *d = NULL;
	int rc = vine_session_usable(session);

	if (rc == 0)
		rc = vine_data_make(session, size, align, &d);
	if (rc == 0)
		*data = d;
	UTILS_TRACE_END(t, vine_data_alloc_in, rc, session, size, align, d);
	return rc;
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
