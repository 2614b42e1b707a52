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

static void
wake(struct rt_intake *in)
{
	struct rt_block *block = in->block;

	in->block = NULL;
	if (block)
		rt_task_wake(block, 0);
}

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
	if (!in->closing)
		wake(in);
	return ahead(in) < VINE_RT_ACCEPTS;
}

static int
begin(struct rt_intake *in)
{
	int rc = rt_wait_submit(in->wait, &in->op);

	in->under_way = rc == 0;
	return rc;
}

/* Ended because there was enough: who waits by now has asked for all of it. */
static void
done(struct rt_op *op, int64_t result)
{
	struct rt_intake *in = op->user;

	in->under_way = 0;
	if (result != -ENOBUFS)
		in->error = (int)result;
	else if (in->block && !in->closing)
		in->error = begin(in);
	if (in->error || in->closing)
		wake(in);
}

int
rt_intake_open(struct rt_intake *in, struct rt_wait *wait, int fd)
{
	int rc;

	*in = (struct rt_intake){
		.op = { .kind = RT_OP_ACCEPTS, .fd = fd, .done = done,
			.user = in, .fed = fed,
			.flags = SOCK_NONBLOCK | SOCK_CLOEXEC },
		.wait = wait,
		.fds = malloc(RT_INTAKE_ROOM * sizeof(int)),
	};
	if (in->fds == NULL)
		return -ENOMEM;
	rc = begin(in);
	if (rc)
		free(in->fds);
	return rc;
}

static int
leave(struct rt_block *block, int why)
{
	struct rt_intake *in = (struct rt_intake *)(uintptr_t)block->object;

	(void)why;
	in->block = NULL;
	return 0;
}

/* Something is ahead then, or an error is. */
static int
sleep_until_fed(struct rt_intake *in, uint64_t deadline)
{
	struct rt_block block = { .what = "intake", .object = in,
				  .undo = leave };

	in->block = &block;
	return rt_task_block(&block, deadline);
}

int
rt_intake_next(struct rt_intake *in, uint64_t deadline)
{
	int rc = rt_task_check();

	if (rc == 0 && in->block)
		rc = -EBUSY;
	if (rc == 0 && !in->under_way && in->error == 0 &&
	    ahead(in) <= VINE_RT_ACCEPTS / 2)
		in->error = begin(in);
	if (rc == 0 && ahead(in) == 0 && in->error == 0)
		rc = sleep_until_fed(in, deadline);
	if (rc)
		return rc;
	if (ahead(in))
		return in->fds[in->head++ % RT_INTAKE_ROOM];
	rc = in->error;
	in->error = 0;
	return rc;
}

/* The wake is that of done. */
static int
stay(struct rt_block *block, int why)
{
	(void)block;
	(void)why;
	return -EBUSY;
}

void
rt_intake_close(struct rt_intake *in)
{
	struct rt_block block = { .what = "intake end", .object = in,
				  .undo = stay };

	in->closing = 1;
	if (in->under_way) {
		in->block = &block;
		rt_wait_cancel(in->wait, &in->op);
		rt_task_block(&block, RT_NEVER);
	}
	while (ahead(in))
		drop(in->fds[in->head++ % RT_INTAKE_ROOM]);
	free(in->fds);
}
