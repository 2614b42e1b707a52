/* SPDX-License-Identifier: Apache-2.0 */
/* The product's task, each plain number of which is checked for data races. */
#ifndef PROOF_TASK_H
#define PROOF_TASK_H
#include <vine/task.h>

#include "core/vine_ring.h"

#define uint32_t proof_var<uint32_t>
#define uint64_t proof_var<uint64_t>
#include_next "core/vine_task.h"
#undef uint32_t
#undef uint64_t
#endif
