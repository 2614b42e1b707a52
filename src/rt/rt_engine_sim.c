/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of a simulated node: operations end when the clock of the world
 * says so. What they do then stands in rt_sim_op.h.
 *
 * What a disk does takes a time out of the seed and is done at its end, so that
 * operations pass each other. What a stream does is tried, at once or a little
 * later, and again when its socket has news. A write to a disk that is under
 * way when power is cut may have come to it.
 *
 * All that an operation ends with goes through `end`, and so into the digest.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_file.h"
#include "rt/rt_sim_op.h"
#include "rt/rt_sim_socket.h"

#define SOON 3000u		/* ns, at most, until something is tried */
#define SLOW 100u		/* times as long as usual */
#define UNDER_WAY(link_) utils_list_of(link_, struct under_way, link)

/* An operation that the engine has. */
struct under_way {
	struct utils_link link;	/* of its node's */
	struct rt_sim_event event;
	struct rt_sim_node *node;
	struct rt_op *op;
	uint64_t mark;		/* of an fsync: where its file was */
	uint8_t waits;		/* for news of its socket */
};

static void
try_soon(struct rt_op *op)
{
	struct under_way *u = op ? op->engine : NULL;
	struct rt_sim *sim;

	if (u == NULL || !u->waits)
		return;
	sim = u->node->sim;
	u->waits = 0;
	rt_sim_at(sim, &u->event, sim->now + rt_sim_below(sim, SOON));
}

void
rt_sim_fd_news(struct rt_sim_node *node, int fd)
{
	struct rt_sim_fd *at = rt_sim_fd_at(node, fd);
	struct rt_fd *ops;

	if (at == NULL || node->wait == NULL)
		return;
	node->news |= at->events != 0;
	ops = rt_wait_fd(node->wait, fd);
	if (ops == NULL)
		return;
	try_soon(ops->in);
	try_soon(ops->out);
}

static void
end(struct under_way *u, int64_t result)
{
	struct rt_sim_node *node = u->node;
	struct rt_op *op = u->op;

	rt_sim_clock_cancel(&node->sim->clock, &u->event);
	utils_list_remove(&u->link);
	op->engine = NULL;
	free(u);
	rt_sim_note(node, rt_op_name(op->kind), op->fd, result);
	rt_wait_finish(node->wait, op, result);
}

/* Whether an operation waits for a socket, or for time to pass. */
static int
is_stream(struct rt_sim_node *node, const struct rt_op *op)
{
	const struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	return op->kind != RT_OP_CALL && at && at->socket;
}

static void
on_event(struct rt_sim_event *event)
{
	struct under_way *u = event->user;
	int64_t result = rt_sim_op_carry(u->node, u->op, u->mark);

	if (result == -EAGAIN && is_stream(u->node, u->op))
		u->waits = 1;
	else
		end(u, result);
}

/* How long it takes: a call of the host's as long as something of the disk. */
static uint64_t
duration(struct rt_sim_node *node, const struct rt_op *op)
{
	const struct rt_sim_opts *o = &node->sim->opts;
	uint64_t most = op->kind == RT_OP_FSYNC || op->kind == RT_OP_FDATASYNC ?
		o->sync_ns : o->disk_ns;
	uint64_t ns;

	if (is_stream(node, op))
		return rt_sim_below(node->sim, SOON);
	ns = most / 10 + rt_sim_below(node->sim, most);
	return RT_SIM_HAPPENS(node, slow_disk) ? ns * SLOW : ns;
}

static int
sim_submit(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	struct under_way *u;
	struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	if (node->power != RT_SIM_UP) {
		rt_wait_finish(wait, op, -EIO);
		return 0;
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return -ENOMEM;
	u->event.fire = on_event;
	u->event.user = u;
	u->node = node;
	u->op = op;
	if (at && at->file && op->kind != RT_OP_CALL)
		u->mark = rt_sim_file_mark(at->file);
	op->engine = u;
	utils_list_push_back(&node->ops, &u->link);
	rt_sim_at(node->sim, &u->event, node->sim->now + duration(node, op));
	return 0;
}

/* Now and then, so that both ways are gone. */
static int64_t
sim_carry(void *state, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	int64_t result;

	if (node->power != RT_SIM_UP || !is_stream(node, op) ||
	    rt_sim_below(node->sim, 2))
		return -EAGAIN;
	result = rt_sim_op_carry(node, op, 0);
	rt_sim_note(node, rt_op_name(op->kind), op->fd, result);
	return result;
}

/* A stream's last chance; what a disk has begun with takes its course. */
static void
sim_cancel(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct rt_sim_node *node = state;
	struct under_way *u = op->engine;
	int64_t result = -EAGAIN;

	(void)wait;
	if (u == NULL)
		return;
	if (is_stream(node, op))
		result = rt_sim_op_carry(node, op, 0);
	else if (rt_sim_below(node->sim, 2))
		return;
	end(u, result == -EAGAIN ? -ECANCELED : result);
}

/* A write that was under way may have come to the disk, or a part of it. */
static void
leave_behind(struct rt_sim_node *node, struct rt_op *op)
{
	const struct rt_sim_fd *at = rt_sim_fd_at(node, op->fd);

	if (op->kind != RT_OP_WRITE && op->kind != RT_OP_WRITEV)
		return;
	if (at && at->file && rt_sim_below(node->sim, 2))
		rt_sim_op_carry(node, op, 0);
}

void
rt_sim_engine_crash(struct rt_sim_node *node)
{
	struct utils_link *link;

	utils_list_each(&node->ops, each)
		leave_behind(node, UNDER_WAY(each)->op);
	while ((link = utils_list_first(&node->ops)) != NULL)
		end(UNDER_WAY(link), -EIO);
	for (int i = 0; i < VINE_RT_SIM_FDS; i++)
		if (node->fds[i].file)
			rt_sim_disk_close(node, node->fds[i].file);
	memset(node->fds, 0, sizeof(node->fds));
}

/* --- watches -------------------------------------------------------------- */

static int
sim_arm(void *state, int fd, uint32_t events, uint64_t tag)
{
	struct rt_sim_node *node = state;
	struct rt_sim_fd *at = rt_sim_fd_at(node, fd);

	if (at == NULL)
		return -EBADF;
	if (at->file)
		return -EPERM;
	at->events = events | POLLERR | POLLHUP;
	at->tag = tag;
	node->news = 1;
	return 0;
}

static void
sim_disarm(void *state, int fd, uint64_t tag)
{
	struct rt_sim_fd *at = rt_sim_fd_at(state, fd);

	(void)tag;
	if (at)
		at->events = 0;
}

/* No time passes: what will come comes out of the world's clock. */
static int
sim_sleep(void *state, struct rt_wait *wait, const struct arch_bell_seen *bells,
	  uint32_t count, uint64_t limit_ns)
{
	struct rt_sim_node *node = state;

	(void)bells;
	(void)count;
	(void)limit_ns;
	if (!node->news)
		return 0;
	node->news = 0;
	for (int i = 0; i < VINE_RT_SIM_FDS; i++) {
		struct rt_sim_fd *at = &node->fds[i];
		uint32_t there = at->socket && at->events ?
			rt_sim_socket_events(at->socket) & at->events : 0;

		if (there == 0)
			continue;
		at->events = 0;
		rt_sim_note(node, "watch", RT_SIM_FD + i, there);
		rt_wait_fired(wait, at->tag, there);
	}
	return 0;
}

const struct rt_engine_ops rt_engine_sim = {
	.name = "simulation",
	.tries = RT_OP_IN | RT_OP_OUT,
	.arm = sim_arm,
	.disarm = sim_disarm,
	.submit = sim_submit,
	.carry = sim_carry,
	.cancel = sim_cancel,
	.sleep = sim_sleep,
};
