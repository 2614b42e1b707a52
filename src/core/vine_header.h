/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header: the first words of a segment, which say that it is one, of which
 * layout, how large, and which forming of it this is (segment.md).
 */
#ifndef VINE_HEADER_H
#define VINE_HEADER_H

#include <stdint.h>

struct vine_layout;
struct vine_seg;

/* vine_header_form writes the header of a new segment, whose base and layout
 * are known, and releases it. */
void vine_header_form(struct vine_seg *seg, uint64_t incarnation);

/* vine_header_formed remembers that of a segment that is formed, for
 * vine_header_restore. */
void vine_header_formed(struct vine_seg *seg);

/*
 * vine_header_check judges a header: ours, of a version and of features we
 * know, and of the layout we would have planned. Returns 0, or -EPROTO after
 * saying what was found and what was expected; name is for that message.
 */
int vine_header_check(const void *base, uint64_t bytes, const char *name,
		      struct vine_layout *layout);

/*
 * vine_header_restore writes the forming's part of the header again where it is
 * not what it was. For the appliance, which does not read it. Never blocks.
 * Returns 1 if it was changed, else 0.
 */
int vine_header_restore(const struct vine_seg *seg);

#endif
