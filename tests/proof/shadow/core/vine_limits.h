/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's limits, smaller: a queue is idle after a few looks, not
 * thousands, and a batch is as long as the proof's rings.
 */
#ifndef PROOF_LIMITS_H
#define PROOF_LIMITS_H
#include_next "core/vine_limits.h"

extern uint32_t proof_idle_looks;
#define VINE_IDLE_LOOKS proof_idle_looks
#define VINE_TAKE_BATCH 2u
#define VINE_STREAM_SKIP 1u
#endif
