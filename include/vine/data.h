/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data: a piece of the segment that application and appliance both work on,
 * without a copy.
 *
 * Data is allocated by the application out of extents that the appliance
 * grants to its session. Its contents are not cleared: recycled data holds
 * what the session wrote there before. Any thread may free what another
 * allocated.
 */
#ifndef VINE_DATA_H
#define VINE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <vine/handle.h>
#include <vine_talk.h>
#include <vine/session.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define VINE_DATA_ALIGN 64	/* default alignment, bytes */

/*
 * vine_data_alloc_in allocates `size` bytes aligned to `align`: a power of two
 * up to 4096, or 0 for VINE_DATA_ALIGN. size 0 gives data of no bytes whose
 * address is valid. The caller owns *data and frees it with vine_data_free.
 * Usually a few ns and no system call; blocks for one round trip when an
 * extent must be granted. Does not wait for memory: vine_data_alloc_opts can.
 * Returns 0, or
 *   -EINVAL      align
 *   -ENOMEM      the segment is full, or what is free is kept for a request
 *                that waits
 *   -EDQUOT      the session's quota is used up
 *   -ETIMEDOUT   the appliance does not answer
 *   -ECONNRESET  the session was lost
 *   -ECHILD      the session is of a parent process
 */
int vine_data_alloc_in(struct vine_session *session, size_t size, size_t align,
		       vine_data **data);

/* What to allocate. Zero it, set size, fill in what you need. */
struct vine_data_opts {
	size_t size;		/* sizeof(struct vine_data_opts) */
	size_t bytes;		/* of data; 0 as in vine_data_alloc_in */
	size_t align;		/* as in vine_data_alloc_in */
	int64_t wait_ns;	/* how long to wait for memory: 0 not at all,
				 * VINE_FOREVER, or ns */
};

/*
 * vine_data_alloc_opts is vine_data_alloc_in that waits where the segment is
 * full, or the session's quota used up: until other threads of the process have freed enough, or other
 * sessions of the segment have given enough back, or wait_ns have passed. The
 * thread sleeps meanwhile. What this process frees wakes it at once; what other
 * sessions give back is noticed within some 64 ms. They give back what they
 * need no more, and all when they end; what they keep to use again
 * (recycle_size) they give back when they are at work, not while they are idle.
 *
 * Requests of a session are served oldest first. One that is enough for a
 * younger request, or for one that does not wait, but not for the oldest, may
 * go to the former, up to 64 times; then all memory of the session that becomes
 * free as whole pages is kept until it is enough for the oldest, and who does
 * not wait gets -ENOMEM. So a large request is never starved by small ones: it
 * waits only for memory that was given out before that. (Small data out of
 * pages that are in use for data of its size can be had all the while.) There
 * is no such order between sessions.
 *
 * The caller owns *data and frees it with vine_data_free. Returns 0, or
 *   -EINVAL      opts->size unknown, align, wait_ns negative
 *   -ENOMEM      the segment is full and wait_ns is 0, or bytes is more than
 *                it could ever hold
 *   -EDQUOT      the session's quota is used up and wait_ns is 0, or bytes is
 *                more than the whole of it
 *   -ETIMEDOUT   no memory in time; or the appliance does not answer
 *   -ECONNRESET  the session was lost, perhaps while waiting
 *   -ECHILD      the session is of a parent process
 */
int vine_data_alloc_opts(struct vine_session *session,
			 const struct vine_data_opts *opts, vine_data **data);

/*
 * A slice names `length` bytes of data from `offset` on. It is a value; it
 * keeps nothing alive. vine_slice_all names the whole of data.
 */
struct vine_slice {
	vine_data *data;
	size_t offset;		/* bytes from the start of data */
	size_t length;		/* bytes */
};

struct vine_slice vine_slice_all(vine_data *data);

/*
 * vine_slice_of names a part of data. Returns 0, or -ERANGE where the part is
 * not inside it.
 */
int vine_slice_of(vine_data *data, size_t offset, size_t length,
		  struct vine_slice *slice);

/* vine_slice_ptr returns the address of a slice's first byte. */
void *vine_slice_ptr(const struct vine_slice *slice);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
