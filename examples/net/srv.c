/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Srv: sends to whoever connects, as much as they take; the runtime's half of a
 * pair of stress programs.
 *
 * Each thread has a scheduler, and at each address a listener of its own: the
 * kernel gives each connection to one of those that share the port. A task for
 * each listener takes connections in and makes a task for each, which sends.
 * All the tasks of a thread send the same bytes. When the time has come they
 * are cancelled, close their connections, and what was sent arrives.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net_crew.h"
#include "net_side.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"

struct listener {
	struct net_side *side;
	int fd;
};

/* The peer may leave at any time. */
static int
is_farewell(int64_t rc)
{
	return rc == -EPIPE || rc == -ECONNRESET || rc == -ECANCELED;
}

static void
serve(struct net_side *side, int fd)
{
	struct net_meter *meter = &side->thread->meter;
	uint32_t number = net_meter_opened(meter);
	int64_t n = 0;

	while (!net_crew_stops(side->thread)) {
		n = rt_io_send(fd, side->data, side->thread->opts->size, 0,
			       RT_NEVER);
		if (n <= 0)
			break;
		net_meter_out(meter, number, (uint64_t)n);
	}
	if (n < 0 && !is_farewell(n))
		net_meter_failed(meter, "send", (int)n);
	rt_io_close(fd);
	net_meter_closed(meter);
}

static int
connection(void *arg)
{
	struct net_side *side = arg;

	serve(side, (int)(intptr_t)rt_task_data(rt_task_self()));
	return 0;
}

/* The task is told its descriptor before its first turn. */
static void
begin_connection(struct net_side *side, int fd)
{
	const struct rt_task_opts named = { .name = "connection" };
	struct rt_task *task;
	int rc = rt_task_create(side->sched, connection, side, &named, &task);

	if (rc) {
		net_meter_failed(&side->thread->meter, "task", rc);
		rt_io_close(fd);
		return;
	}
	rt_task_set_data(task, (void *)(intptr_t)fd, NULL);
	rt_task_detach(task);
}

static int
accept_all(void *arg)
{
	const struct listener *l = arg;
	struct net_thread *thread = l->side->thread;

	while (!net_crew_stops(thread)) {
		int fd = rt_io_accept(l->fd, NULL, NULL, RT_NEVER);

		if (fd == -ECANCELED)
			break;
		if (fd >= 0) {
			begin_connection(l->side, fd);
			continue;
		}
		net_meter_failed(&thread->meter, "accept", fd);
		/* no descriptor or no memory: it may get better */
		net_side_rest();
	}
	return 0;
}

/* Returns 0 or -errno. The listener's descriptor ends with its thread. */
static int
announce(struct net_side *side, struct listener *l, uint32_t number)
{
	const struct net_opts *opts = side->thread->opts;
	const struct rt_net_opts how = { .share_port = 1,
		.send_buffer = (int)opts->send_buffer };
	const struct rt_task_opts named = { .name = "listener" };
	char text[RT_NET_TEXT];
	int rc;

	net_side_address(opts, number, text);
	l->side = side;
	rc = rt_net_announce(text, &how, &l->fd);
	if (rc)
		fprintf(stderr, "%s: cannot listen at %s\n", opts->program,
			text);
	else
		rc = rt_task_create(side->sched, accept_all, l, &named, NULL);
	return rc;
}

static int
run(struct net_thread *thread)
{
	const uint32_t count = thread->opts->addresses;
	struct listener *listeners = calloc(count, sizeof(*listeners));
	struct net_side side;
	int rc = listeners ? net_side_begin(&side, thread) : -ENOMEM;

	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = announce(&side, &listeners[i], i);
	if (rc == 0) {
		net_crew_listens(thread);
		rc = net_side_run(&side);
	}
	if (listeners)
		rc = net_side_end(&side, rc);
	free(listeners);
	return rc;
}

int
main(int argc, char **argv)
{
	struct net_opts opts;
	int status;

	if (!net_opts_read(argc, argv, "srv", NET_SRV, 1, &opts, &status))
		return status;
	return (int)net_crew_run(&opts, "", run);
}
