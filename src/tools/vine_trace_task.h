/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace tasks: the stops that tasks passed, joined out of the rows of all files
 * by queue and cookie.
 *
 * A cookie is used again: a stop that a task has passed already, or its issue,
 * begins the next task.
 */
#ifndef VINE_TRACE_TASK_H
#define VINE_TRACE_TASK_H

#include "tools/vine_trace_parse.h"

/* That a task passed a stop, and in which process and thread. */
struct vine_trace_point {
	uint64_t queue;
	uint64_t cookie;
	uint64_t ns;
	uint64_t tid;
	uint32_t pid;
	int32_t stop;		/* enum vine_trace_stop */
};

/* Zero it. */
struct vine_trace_tasks {
	struct vine_trace_point *points;
	size_t count;
	size_t room;
};

/* vine_trace_task_add takes a stop's row. Returns 0 or -ENOMEM. */
int vine_trace_task_add(struct vine_trace_tasks *tasks, uint32_t pid,
			const struct vine_trace_row *row);

/*
 * vine_trace_task_each calls fn for each task with the points it has, NULL for
 * the stops that are not in the files. Sorts the points.
 */
void vine_trace_task_each(struct vine_trace_tasks *tasks,
			  void (*fn)(void *user,
				     const struct vine_trace_point *const *at),
			  void *user);

/* vine_trace_task_free frees the points. */
void vine_trace_task_free(struct vine_trace_tasks *tasks);

/* vine_trace_stop_name returns a stop's name, a static string. */
const char *vine_trace_stop_name(enum vine_trace_stop stop);

#endif
