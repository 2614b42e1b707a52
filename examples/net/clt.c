/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clt: opens sockets and reads what srv sends; the runtime's half of a pair of
 * stress programs.
 *
 * Each thread has a scheduler. A task makes a task for each socket, at the rate
 * that was asked for, which connects to the next of the addresses and reads
 * until srv closes. Nobody looks at what was read, so all the tasks of a thread
 * read to the same place.
 */
#include <errno.h>
#include <stdlib.h>

#include "net_crew.h"
#include "net_side.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_sem.h"
#include "utils/utils_clock.h"

#define SECOND UINT64_C(1000000000)
#define DIAL_NS (30 * SECOND)	/* how long a connect may take */

struct dialer {
	struct net_side side;
	struct rt_sem lines;	/* that are free: --dialing */
	uint32_t next;		/* number of the next socket's address */
};

static int
dial(struct dialer *d, int *fd)
{
	struct net_thread *thread = d->side.thread;
	uint64_t begun = rt_sched_now(d->side.sched);
	char text[RT_NET_TEXT];
	int rc;

	net_side_address(thread->opts, d->next++ % thread->opts->addresses,
			 text);
	rc = rt_net_dial(text, begun + DIAL_NS, fd);
	if (rc == 0)
		utils_hist_record(&thread->meter.connect_ns,
				  rt_sched_now(d->side.sched) - begun);
	else if (rc != -ECANCELED)
		net_meter_failed(&thread->meter, "connect", rc);
	return rc;
}

static void
sink(struct net_side *side, int fd)
{
	struct net_meter *meter = &side->thread->meter;
	uint32_t number = net_meter_opened(meter);
	int64_t n = 0;

	while (!net_crew_stops(side->thread)) {
		n = rt_io_recv(fd, side->data, side->thread->opts->size, 0,
			       RT_NEVER);
		if (n <= 0)
			break;
		net_meter_in(meter, number, (uint64_t)n);
	}
	if (n < 0 && n != -ECANCELED)
		net_meter_failed(meter, "recv", (int)n);
	rt_io_close(fd);
	net_meter_closed(meter);
}

static int
connection(void *arg)
{
	struct dialer *d = arg;
	int fd, rc;

	rc = dial(d, &fd);
	rt_sem_give(&d->lines, 1);
	if (rc == 0)
		sink(&d->side, fd);
	return 0;
}

static int
dial_all(void *arg)
{
	const struct rt_task_opts named = { .name = "connection" };
	struct dialer *d = arg;
	struct net_thread *thread = d->side.thread;
	const struct net_opts *opts = thread->opts;
	const uint64_t begun = rt_sched_now(d->side.sched);
	int rc = 0;

	for (uint32_t i = 0; i < opts->sockets && rc == 0; i++) {
		if (opts->rate)
			rc = rt_task_delay(begun + i * SECOND / opts->rate);
		if (rc == 0)
			rc = rt_sem_take(&d->lines, 1, RT_NEVER);
		if (rc || net_crew_stops(thread))
			break;
		if (rt_task_create(d->side.sched, connection, d, &named,
				   NULL) == 0)
			continue;
		net_meter_failed(&thread->meter, "task", -ENOMEM);
		rt_sem_give(&d->lines, 1);
	}
	return rc;
}

static int
run(struct net_thread *thread)
{
	const struct rt_task_opts named = { .name = "dialer" };
	struct dialer *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return -ENOMEM;
	/* not all begin at the same address */
	d->next = thread->number;
	rt_sem_init(&d->lines, thread->opts->dialing);
	rc = net_side_begin(&d->side, thread);
	if (rc == 0)
		rc = rt_task_create(d->side.sched, dial_all, d, &named, NULL);
	if (rc == 0)
		rc = net_side_run(&d->side);
	rc = net_side_end(&d->side, rc);
	free(d);
	return rc;
}

int
main(int argc, char **argv)
{
	struct net_opts opts;
	int status;

	if (!net_opts_read(argc, argv, "clt", NET_CLT, 1, &opts, &status))
		return status;
	return (int)net_crew_run(&opts, "", run);
}
