/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody can wake the scheduler from outside: what ends its sleep may be a
 * descriptor, and those of other threads are not ours. So a task looks.
 */
#include "net_side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS (NET_LOOK_MS * UINT64_C(1000000))

static void
cancel(struct rt_task *task, void *user)
{
	(void)user;
	rt_task_cancel(task);
}

static int
stop_all(void *arg)
{
	struct net_side *side = arg;
	int rc = 0;

	while (rc == 0 && !net_crew_stops(side->thread))
		rc = rt_task_delay(rt_sched_now(side->sched) + LOOK_NS);
	rt_sched_each(side->sched, cancel, NULL);
	return 0;
}

int
net_side_begin(struct net_side *side, struct net_thread *thread)
{
	const struct rt_sched_opts how = { .engine = thread->opts->engine };
	const struct rt_task_opts named = { .name = "stopper",
		.flags = RT_TASK_SYSTEM };
	int rc;

	*side = (struct net_side){ .thread = thread };
	side->data = malloc(thread->opts->size);
	if (side->data == NULL)
		return -ENOMEM;
	memset(side->data, 'v', thread->opts->size);
	rc = rt_sched_new(&how, &side->sched);
	if (rc)
		return rc;
	return rt_task_create(side->sched, stop_all, side, &named, NULL);
}

int
net_side_run(struct net_side *side)
{
	int rc = rt_sched_run(side->sched);

	/* which one it was, after the first operation had its say */
	if (side->thread->number == 0)
		side->thread->crew->engine =
			rt_wait_engine_name(rt_sched_wait(side->sched));
	return rc;
}

int
net_side_end(struct net_side *side, int rc)
{
	int end = side->sched ? rt_sched_free(side->sched) : 0;

	free(side->data);
	return rc ? rc : end;
}

void
net_side_rest(void)
{
	rt_task_delay(rt_sched_now(rt_sched_self()) + LOOK_NS);
}

void
net_side_address(const struct net_opts *opts, uint32_t number,
		 char text[RT_NET_TEXT])
{
	const struct sockaddr_in in = net_opts_address(opts, number);
	struct rt_net_address address = { .type = SOCK_STREAM,
		.length = sizeof(in) };

	memcpy(&address.storage, &in, sizeof(in));
	rt_net_print(&address, text);
}
