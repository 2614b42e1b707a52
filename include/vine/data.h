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
 * extent must be granted. Returns 0, or -ENOMEM (the segment is full), -EDQUOT
 * (the session's quota is used up), -EINVAL (align), -ETIMEDOUT, -ECONNRESET.
 */
int vine_data_alloc_in(struct vine_session *session, size_t size, size_t align,
		       vine_data **data);

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
