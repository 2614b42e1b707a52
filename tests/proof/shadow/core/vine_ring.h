/* SPDX-License-Identifier: Apache-2.0 */
/* The product's rings, whose private positions are checked for data races. */
#ifndef PROOF_RING_H
#define PROOF_RING_H
#include "core/vine_desc.h"
#include "core/vine_layout.h"

#define uint32_t proof_var<uint32_t>
#include_next "core/vine_ring.h"
#undef uint32_t

/* Its callers have a number of their own for the answer. */
static inline int
vine_ring_peek_accel(const struct vine_ring *ring, uint32_t *accel)
{
	proof_var<uint32_t> answer;
	int rc = vine_ring_peek_accel(ring, &answer);

	if (rc)
		*accel = answer;
	return rc;
}
#endif
