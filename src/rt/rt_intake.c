/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When VINE_RT_ACCEPTS are ahead the operation is ended, and it begins again
 * when half of them were asked for. What the kernel takes in until it is ended
 * is not more than its ring of completions has room for, RT_INTAKE_ROOM.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/vine_limits.h"
#include "rt/rt_host.h"
#include "rt/rt_intake.h"

#define RT_INTAKE_ROOM 8192u	/* a power of two, over that and VINE_RT_ACCEPTS */

static uint32_t
ahead(const struct rt_intake *in)
{
	return in->tail - in->head;
}

/* One that nobody asked for; no operation is under way at it. */
static void
drop(int fd)
{
	struct rt_host *host = rt_host_self();

	host->ops->close(host, fd);
}

static int
fed(struct rt_op *op, int64_t fd, uint32_t index)
{
	struct rt_intake *in = op->user;

	(void)index;
	if (ahead(in) == RT_INTAKE_ROOM) {	/* cannot be */
		drop((int)fd);
		return 0;
	}
	in->fds[in->tail++ % RT_INTAKE_ROOM] = (int)fd;
	rt_inflow_came(&in->inflow);
	return ahead(in) < VINE_RT_ACCEPTS;
}

/* Ended because there was enough: who waits by now has asked for all of it. */
static void
done(struct rt_op *op, int64_t result)
{
	struct rt_intake *in = op->user;

	if (result != -ENOBUFS)
		in->error = (int)result;
	else if (in->inflow.block && !in->inflow.closing)
		in->error = rt_inflow_begin(&in->inflow);
	if (in->error || in->inflow.closing)
		rt_inflow_wake(&in->inflow);
}

int
rt_intake_open(struct rt_intake *in, struct rt_wait *wait, int fd)
{
	int rc;

	*in = (struct rt_intake){
		.inflow = {
			.op = { .kind = RT_OP_ACCEPTS, .fd = fd, .done = done,
				.user = in, .fed = fed,
				.flags = SOCK_NONBLOCK | SOCK_CLOEXEC },
			.wait = wait,
		},
		.fds = malloc(RT_INTAKE_ROOM * sizeof(int)),
	};
	if (in->fds == NULL)
		return -ENOMEM;
	rc = rt_inflow_begin(&in->inflow);
	if (rc)
		free(in->fds);
	return rc;
}

int
rt_intake_next(struct rt_intake *in, uint64_t deadline)
{
	int rc = rt_inflow_may(&in->inflow);

	if (rc == 0 && !rt_inflow_is_under_way(&in->inflow) && in->error == 0 &&
	    ahead(in) <= VINE_RT_ACCEPTS / 2)
		in->error = rt_inflow_begin(&in->inflow);
	/* something is ahead then, or an error is */
	if (rc == 0 && ahead(in) == 0 && in->error == 0)
		rc = rt_inflow_await(&in->inflow, "intake", deadline);
	if (rc)
		return rc;
	if (ahead(in))
		return in->fds[in->head++ % RT_INTAKE_ROOM];
	rc = in->error;
	in->error = 0;
	return rc;
}

void
rt_intake_close(struct rt_intake *in)
{
	rt_inflow_close(&in->inflow, "intake end");
	while (ahead(in))
		drop(in->fds[in->head++ % RT_INTAKE_ROOM]);
	free(in->fds);
}
