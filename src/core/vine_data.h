/* SPDX-License-Identifier: Apache-2.0 */
/* Data: what a vine_data points to; a piece of the heap and its handle. */
#ifndef VINE_CORE_DATA_H
#define VINE_CORE_DATA_H

#include <stdatomic.h>
#include <stdint.h>

#include <vine/data.h>

struct vine_session;
struct vine_slab;

struct vine_data_s {
	_Alignas(64) struct vine_session *session;
	uint8_t *ptr;
	uint64_t off;		/* in the segment */
	uint64_t size;		/* as asked for */
	struct vine_slab *slab;	/* NULL: a run of pages of its own */
	struct vine_data_s *next;
	uint32_t cls;		/* class, or VINE_HEAP_NO_CLASS */
	uint32_t pages;		/* of a run */
	_Atomic uint8_t place;	/* vine_data_alloc_place_e; 0: free */
};

/* Allocating and freeing touch one line of it. */
_Static_assert(sizeof(struct vine_data_s) == 64, "data is not one line");

/* vine_data_make_wait: vine_data_make, waiting for memory up to wait_ns. */
int vine_data_make_wait(struct vine_session *session, size_t size,
			int64_t wait_ns, struct vine_data_s **data);

/* vine_data_make: vine_data_alloc_in without its trace. */
int vine_data_make(struct vine_session *session, size_t size, size_t align,
		   struct vine_data_s **data);

/* vine_data_drop: vine_data_free without its trace. */
void vine_data_drop(struct vine_data_s *data);

static inline void *
vine_data_at(const struct vine_data_s *data)
{
	return data->ptr;
}

#endif
