/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handler: a request that a service carries out in a task (svc_handle in
 * services/svc.h), on the worker that took it or on another.
 */
#ifndef VINED_HANDLER_H
#define VINED_HANDLER_H

#include <stdint.h>

/*
 * vined_handlers_here says which worker the calling thread is, before it
 * handles anything: its index, which is that of its lanes.
 */
void vined_handlers_here(uint32_t index);

/*
 * vined_handlers_left returns how many are under way on all workers: until it
 * is 0 any scheduler may get mail of one. Any thread.
 */
uint32_t vined_handlers_left(void);

#endif
