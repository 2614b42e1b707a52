/* SPDX-License-Identifier: Apache-2.0 */
/* The product's limits; a queue is idle after a few looks, not thousands. */
#ifndef PROOF_LIMITS_H
#define PROOF_LIMITS_H
#include_next "core/vine_limits.h"

extern uint32_t proof_idle_looks;
#define VINE_IDLE_LOOKS proof_idle_looks
#endif
