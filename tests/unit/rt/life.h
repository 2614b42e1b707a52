/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life: of a scheduler with one task, in tests of which any call may fail.
 */
#ifndef TESTS_RT_LIFE_H
#define TESTS_RT_LIFE_H

#include <errno.h>

#include "rt/rt_sched.h"
#include "rt/rt_task.h"

/* Returns 0 where the task has run, or the error of a step; nothing is left. */
static inline int
life_run(const struct rt_sched_opts *opts, rt_task_fn fn, void *arg)
{
	struct rt_sched *sched;
	int ended, rc = rt_sched_new(opts, &sched);

	if (rc)
		return rc;
	rc = rt_task_create(sched, fn, arg, NULL, NULL);
	if (rc == 0)
		rc = rt_sched_run(sched);
	ended = rt_sched_free(sched);
	if (ended == -ENOMEM)	/* its thread had no stack for signals */
		ended = rt_sched_free(sched);
	return rc ? rc : ended;
}

#endif
