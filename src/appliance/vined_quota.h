/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quota: the command that shows what sessions and segments may have, and sets
 * it, by the keys of the config. What is set so holds until vined reads its
 * config again.
 */
#ifndef VINED_QUOTA_H
#define VINED_QUOTA_H

#include "appliance/vined_command.h"

/* See vined_command.h. */
uint32_t vined_quota(struct vined_call *call);

#endif
