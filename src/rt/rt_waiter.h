/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiter: a task in the list of what it waits for, first come first. For the
 * primitives.
 *
 * It lies on the task's stack. Who ends the wait takes it off the list and
 * wakes it (rt_waiter_wake); one that leaves early, by its deadline or a
 * cancel, is taken off before its task runs. So no list holds a waiter that has
 * been given something, or has gone.
 */
#ifndef RT_WAITER_H
#define RT_WAITER_H

#include <errno.h>

#include "rt/rt_task.h"
#include "utils/utils_list.h"

struct rt_waiter {
	struct rt_block block;
	struct utils_link link;
	uint64_t count;		/* of what it wants, where that is counted */
};

/*
 * RT_WAITER initialises one. `kind` is the object's, RT_OBJECT_ without that.
 * `undo` is rt_waiter_undo, or a function that calls it and then looks who else
 * can go on now that this one has left.
 */
#define RT_WAITER(what_, kind_, object_, undo_) { .block = { .what = (what_), \
	.object = (object_), .kind = RT_OBJECT_##kind_, .undo = (undo_) } }

/* rt_waiter_of returns the waiter of a block, or of a link. */
static inline struct rt_waiter *
rt_waiter_of(struct rt_block *block)
{
	return (struct rt_waiter *)(void *)block;
}

/* rt_waiter_undo takes a waiter off its list. Returns 0. */
static inline int
rt_waiter_undo(struct rt_block *block, int why)
{
	(void)why;
	utils_list_remove(&rt_waiter_of(block)->link);
	return 0;
}

/* rt_waiter_sleep puts a waiter at the end of a list; else rt_task_block. */
static inline int
rt_waiter_sleep(struct utils_list *list, struct rt_waiter *w, uint64_t deadline)
{
	int rc;

	utils_list_push_back(list, &w->link);
	rc = rt_task_block(&w->block, deadline);
	if (rc == -EPERM && w->block.task == NULL)
		utils_list_remove(&w->link);	/* not in a task */
	return rc;
}

/* rt_waiter_first returns the one that has waited longest, or NULL. */
static inline struct rt_waiter *
rt_waiter_first(const struct utils_list *list)
{
	struct utils_link *link = utils_list_first(list);

	return link ? utils_list_of(link, struct rt_waiter, link) : NULL;
}

/* rt_waiter_wake takes a waiter off its list and wakes it. */
static inline void
rt_waiter_wake(struct rt_waiter *w, int rc)
{
	utils_list_remove(&w->link);
	rt_task_wake(&w->block, rc);
}

/* rt_waiter_wake_all wakes all of a list; returns how many. */
static inline uint32_t
rt_waiter_wake_all(struct utils_list *list, int rc)
{
	struct rt_waiter *w;
	uint32_t n = 0;

	for (; (w = rt_waiter_first(list)) != NULL; n++)
		rt_waiter_wake(w, rc);
	return n;
}

#endif
