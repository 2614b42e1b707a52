/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dump: the command that tells what each worker does: its lanes, and the
 * requests that they hold for services.
 *
 * What is in a lane belongs to its thread. So each lane is left a post and
 * writes down itself what it has; one whose worker does not come round within
 * VINE_CONTROL_LANE_MS is shown as one that does not answer.
 */
#ifndef VINED_DUMP_H
#define VINED_DUMP_H

#include "appliance/vined_command.h"

/* See vined_command.h. */
uint32_t vined_dump_begin(struct vined_call *call);
uint32_t vined_dump_again(struct vined_call *call);
void vined_dump_drop(struct vined_call *call);

#endif
