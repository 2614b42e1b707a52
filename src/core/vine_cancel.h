/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancel: services are asked to give up requests that they hold. Each is asked
 * once for a request; it is answered by the service, now or later.
 */
#ifndef VINE_CANCEL_H
#define VINE_CANCEL_H

#include <stdint.h>

struct vine_lane;
struct vine_pq;

/*
 * vine_cancel_held asks for all that is held of a queue, and returns how much
 * is held yet. The lane's thread.
 */
uint32_t vine_cancel_held(struct vine_pq *pq);

/*
 * vine_cancel_all asks for all that is held of a lane, soon. Any thread.
 * Returns 0 or -ENOMEM: nobody is asked then.
 */
int vine_cancel_all(struct vine_lane *lane);

#endif
