/* SPDX-License-Identifier: Apache-2.0 */
/* The product's queue, whose ring of credits is checked for data races. */
#ifndef PROOF_QUEUE_H
#define PROOF_QUEUE_H
#include "arch/spin/arch_bias.h"
#include "arch/spin/arch_ladder.h"
#include "core/vine_ready.h"
#include "core/vine_ring.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
#include "utils/utils_clock.h"
#include "utils/utils_trace.h"

#define uint16_t proof_var<uint16_t>
#include_next "core/vine_queue.h"
#undef uint16_t
#endif
