/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers: the few threads of a wait that do what would block its own: calls,
 * and files where there is no io_uring. Ops wait in order; a helper carries one
 * out at a time.
 */
#ifndef RT_HELPERS_H
#define RT_HELPERS_H

#include "rt/rt_op.h"

struct rt_helpers;

/*
 * rt_helpers_new makes helpers that call news(user) when something is finished
 * and nothing was before; from a helper's thread, under no lock. Threads are
 * started as ops come. The caller ends them with rt_helpers_free. Returns 0 or
 * -ENOMEM.
 */
int rt_helpers_new(void (*news)(void *user), void *user,
		   struct rt_helpers **helpers);

/*
 * rt_helpers_free ends the threads, after what each is doing. No op is left
 * with them.
 */
void rt_helpers_free(struct rt_helpers *helpers);

/*
 * rt_helpers_give has an op carried out. Does not block. Returns 0, or -EAGAIN,
 * -ENOMEM: there is no thread, and none can be made.
 */
int rt_helpers_give(struct rt_helpers *helpers, struct rt_op *op);

/*
 * rt_helpers_take_back takes an op back that no thread has begun with. Returns
 * 1, or 0 if one has.
 */
int rt_helpers_take_back(struct rt_helpers *helpers, struct rt_op *op);

/* rt_helpers_take puts what is finished, with its result, behind `to`. */
void rt_helpers_take(struct rt_helpers *helpers, struct utils_list *to);

#endif
