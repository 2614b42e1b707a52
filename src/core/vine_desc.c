/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "core/vine_desc.h"

int
vine_desc_check(const struct vine_desc *d)
{
	uint32_t refs = vine_desc_in_count(d) + vine_desc_out_count(d);
	uint32_t flags = vine_desc_flags(d);

	if (flags & ~VINE_DESC_FLAGS_ALL)
		return -EINVAL;
	if (flags & VINE_DESC_TABLE)	/* counts stand in the table */
		return refs == 1 ? 0 : -EINVAL;
	if (refs > VINE_DESC_REFS_MAX)
		return -EINVAL;
	if (vine_desc_args_size(d) > VINE_DESC_BODY - refs * VINE_DESC_REF)
		return -EINVAL;
	return 0;
}
