/* SPDX-License-Identifier: Apache-2.0 */
/* The product's rings, whose private positions are checked for data races. */
#ifndef PROOF_RING_H
#define PROOF_RING_H
#include "core/vine_desc.h"
#include "core/vine_layout.h"

#define uint32_t proof_var<uint32_t>
#include_next "core/vine_ring.h"
#undef uint32_t
#endif
