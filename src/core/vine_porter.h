/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Porter: when lane 0 looks at the door, for those who knock and for the dead.
 */
#ifndef VINE_PORTER_H
#define VINE_PORTER_H

#include <stdint.h>

struct vine_lane;

/* vine_porter_left returns how many ns are left until the door may be looked at
 * again; 0: it may be now. Lane 0's thread, as below. */
uint64_t vine_porter_left(const struct vine_lane *lane, uint64_t now);

/* vine_porter_answer has a lane that was knocked at look at the door, if it
 * may, and go on with the look for the dead. Returns 1 if it looked, else 0. */
uint32_t vine_porter_answer(struct vine_lane *lane);

#endif
