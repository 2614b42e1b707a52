/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace tasks: points are sorted by queue, cookie and time; a task is a run of
 * them without a stop twice. Their order within a task is not relied on,
 * because the clocks of two processes agree to about a microsecond only.
 */
#include "tools/vine_trace_task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const stop_names[VINE_TRACE_STOPS] = {
#define UTILS_TRACE_STOP(name) #name,
#include "utils/trace_funcs.def"
};

const char *
vine_trace_stop_name(enum vine_trace_stop stop)
{
	return stop_names[stop];
}

int
vine_trace_task_add(struct vine_trace_tasks *tasks, uint32_t pid,
		    const struct vine_trace_row *row)
{
	if (tasks->count == tasks->room) {
		size_t room = tasks->room != 0 ? 2 * tasks->room : 1024;
		void *points = reallocarray(tasks->points, room,
					    sizeof(tasks->points[0]));

		if (points == NULL)
			return -ENOMEM;
		tasks->points = points;
		tasks->room = room;
	}
	tasks->points[tasks->count++] = (struct vine_trace_point){
		.queue = row->queue,
		.cookie = row->cookie,
		.ns = row->start_ns,
		.tid = row->tid,
		.pid = pid,
		.stop = (int32_t)(row->fn - VINE_TRACE_FN_issue),
	};
	return 0;
}

static int
point_compare(const void *left, const void *right)
{
	const struct vine_trace_point *a = left, *b = right;

	if (a->queue != b->queue)
		return a->queue < b->queue ? -1 : 1;
	if (a->cookie != b->cookie)
		return a->cookie < b->cookie ? -1 : 1;
	if (a->ns != b->ns)
		return a->ns < b->ns ? -1 : 1;
	return a->stop - b->stop;
}

void
vine_trace_task_each(struct vine_trace_tasks *tasks,
		     void (*fn)(void *user,
				const struct vine_trace_point *const *at),
		     void *user)
{
	const struct vine_trace_point *at[VINE_TRACE_STOPS], *point;
	size_t i;

	if (tasks->count == 0)
		return;
	qsort(tasks->points, tasks->count, sizeof(tasks->points[0]),
	      point_compare);
	memset(at, 0, sizeof(at));
	for (i = 0; i < tasks->count; i++) {
		point = &tasks->points[i];
		if (i > 0 && (point->queue != point[-1].queue ||
			      point->cookie != point[-1].cookie ||
			      point->stop == VINE_TRACE_STOP_issue ||
			      at[point->stop] != NULL)) {
			fn(user, at);
			memset(at, 0, sizeof(at));
		}
		at[point->stop] = point;
	}
	fn(user, at);
}

void
vine_trace_task_free(struct vine_trace_tasks *tasks)
{
	free(tasks->points);
	memset(tasks, 0, sizeof(*tasks));
}
