/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round: a look at every queue of a lane, for work whose bell never came.
 */
#ifndef VINE_ROUND_H
#define VINE_ROUND_H

#include <stdint.h>

struct vine_lane;

/*
 * vine_round_due begins a round where one is due: within VINE_SLEEP_BUSY_MS of
 * the one before where something is in flight, else within VINE_SLEEP_IDLE_MS.
 * Returns when the next one is, in ns. The lane's thread, as below.
 */
uint64_t vine_round_due(struct vine_lane *lane, uint64_t now);

/* vine_round_go goes on with the round, by up to `most` queues. Returns how
 * many of them had something; these are active now. */
uint32_t vine_round_go(struct vine_lane *lane, uint32_t most);

#endif
