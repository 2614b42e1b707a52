/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ops of a wait stand in its table by descriptor (rt_fds). They are the
 * engine's, or the helpers', from rt_wait_submit until rt_wait_finish, which
 * puts them on a list. All calls of done are made from that list, at the end of
 * a sleep or a poll, so that no engine is called back into while it works.
 * While the list is not empty no sleep lasts.
 *
 * An op that closes waits in its place until the others there are finished.
 */
#include <errno.h>

#include "rt/rt_host.h"
#include "rt/rt_wait_inside.h"

static void
again(void *user, struct rt_op *op)
{
	struct rt_wait *w = user;

	w->ops->again(w->state, w, op);
}

void
rt_wait_ops_init(struct rt_wait *wait)
{
	utils_list_init(&wait->finished);
	rt_rest_init(&wait->rest, &wait->timers, again, wait);
}

uint32_t
rt_wait_ops(const struct rt_wait *wait)
{
	return wait->under_way;
}

struct rt_fd *
rt_wait_fd(struct rt_wait *wait, int fd)
{
	return rt_fds_at(&wait->fds, fd);
}

static void
wake(void *wait)
{
	rt_wait_wake(wait);
}

int
rt_wait_help(struct rt_wait *wait, struct rt_op *op)
{
	int rc = 0;

	if (wait->helpers == NULL)
		rc = rt_helpers_new(wake, wait, &wait->helpers);
	if (rc == 0)
		rc = rt_helpers_give(wait->helpers, op);
	if (rc)
		return rc;
	op->state = RT_OP_HELPED;
	wait->helped++;
	return 0;
}

int
rt_wait_in_vain(struct rt_wait *wait, struct rt_op *op)
{
	return rt_rest_vain(&wait->rest, op, rt_wait_now(wait));
}

static void
list_finished(struct rt_wait *w, struct rt_op *op, int64_t result)
{
	w->under_way--;
	op->state = RT_OP_FINISHED;
	op->tried = 0;
	op->vain = 0;
	op->result = result;
	utils_list_push_back(&w->finished, &op->queued);
}

static int
close_now(const struct rt_wait *w, int fd)
{
	return w->host->ops->close(w->host, fd);
}

/* When the last of the others is finished. */
static void
close_if_idle(struct rt_wait *w, struct rt_fd *at)
{
	struct rt_op *op = at->close;

	if (op == NULL || !rt_fd_is_idle(at))
		return;
	at->close = NULL;
	list_finished(w, op, close_now(w, op->fd));
}

void
rt_wait_finish(struct rt_wait *wait, struct rt_op *op, int64_t result)
{
	struct rt_fd *at = NULL;

	if (op->kind != RT_OP_CALL) {
		at = rt_fds_at(&wait->fds, op->fd);
		rt_fd_remove(at, op);
		/* nobody is to begin again with what may be another's soon */
		if (at->close && (result == -ECANCELED || result == -ENOBUFS))
			result = -EBADF;
	}
	if (op->state == RT_OP_HELPED)
		wait->helped--;
	utils_list_remove(&op->queued);
	list_finished(wait, op, result);
	if (at)
		close_if_idle(wait, at);
}

static void
cancel(struct rt_wait *w, struct rt_op *op)
{
	if (op->state == RT_OP_UNDER_WAY)
		w->ops->cancel(w->state, w, op);
	else if (op->state == RT_OP_HELPED &&
		 rt_helpers_take_back(w->helpers, op))
		rt_wait_finish(w, op, -ECANCELED);
}

/* A cancelled op may be gone from its place at once. */
static void
begin_close(struct rt_wait *w, struct rt_fd *at, struct rt_op *op)
{
	struct rt_op *next;

	op->state = RT_OP_CLOSING;
	if (at->in)
		cancel(w, at->in);
	if (at->out)
		cancel(w, at->out);
	for (struct rt_op *file = at->files; file; file = next) {
		next = file->after;
		cancel(w, file);
	}
	close_if_idle(w, at);
}

/* To the engine, or to the helpers. */
static int
give(struct rt_wait *w, struct rt_op *op)
{
	if (rt_op_is_helped(op) && w->host == &rt_host_kernel)
		return rt_wait_help(w, op);
	return w->ops->submit(w->state, w, op);
}

/* An op with a descriptor: it gets its place, then the engine gets it. */
static int
begin_at(struct rt_wait *w, struct rt_op *op)
{
	int rc = op->fd < 0 ? -EBADF : rt_fds_room(&w->fds, w->host, op->fd);
	struct rt_fd *at;

	if (rc)
		return rc;
	if (op->kind != RT_OP_CLOSE)
		rc = rt_wait_open_engine(w);
	at = rt_fds_at(&w->fds, op->fd);
	if (rc == 0)
		rc = rt_fd_may(at, op);
	if (rc)
		return rc;
	rt_fd_add(at, op);
	w->under_way++;
	op->state = RT_OP_UNDER_WAY;
	if (op->kind == RT_OP_CLOSE) {
		begin_close(w, at, op);
		return 0;
	}
	rc = give(w, op);
	if (rc) {
		rt_fd_remove(at, op);
		w->under_way--;
	}
	return rc;
}

static int
may_begin(const struct rt_op *op)
{
	if ((unsigned int)op->kind >= RT_OP_KINDS)
		return -EINVAL;
	return op->state == RT_OP_IDLE ? 0 : -EBUSY;
}

/*
 * Who takes a connection in takes all that wait, most often, and a connection
 * is begun by the engine.
 */
static int
is_tried(const struct rt_wait *w, const struct rt_op *op)
{
	return op->kind == RT_OP_ACCEPT ||
		(rt_op_side(op) & w->ops->tries && op->kind != RT_OP_CONNECT);
}

int64_t
rt_wait_try(struct rt_wait *wait, struct rt_op *op)
{
	const struct rt_fd *at = rt_fds_at(&wait->fds, op->fd);
	int rc = may_begin(op);
	int64_t result;

	if (rc == 0 && at)
		rc = rt_fd_may(at, op);
	if (rc)
		return rc;
	if (op->kind == RT_OP_CLOSE && (at == NULL || rt_fd_is_idle(at)))
		return close_now(wait, op->fd);
	if (!is_tried(wait, op))
		return -EAGAIN;
	result = wait->ops->carry ? wait->ops->carry(wait->state, op) :
		rt_op_carry(op);
	op->tried = result == -EAGAIN;
	return result;
}

int
rt_wait_submit(struct rt_wait *wait, struct rt_op *op)
{
	int rc = may_begin(op);

	if (rc)
		return rc;
	utils_link_init(&op->queued);
	if (op->kind != RT_OP_CALL) {
		rc = begin_at(wait, op);
	} else {
		op->state = RT_OP_UNDER_WAY;
		wait->under_way++;
		rc = give(wait, op);
		wait->under_way -= rc != 0;
	}
	if (rc) {
		op->state = RT_OP_IDLE;
		op->tried = 0;
	}
	return rc;
}

int
rt_wait_cancel(struct rt_wait *wait, struct rt_op *op)
{
	if (op->state == RT_OP_CLOSING)
		return -EBUSY;
	if (op->state == RT_OP_IDLE)
		return -ENOENT;
	cancel(wait, op);
	return 0;
}

/* What helpers have finished joins the rest. */
static void
take_from_helpers(struct rt_wait *w)
{
	struct utils_list list;

	if (w->helped == 0)
		return;
	utils_list_init(&list);
	rt_helpers_take(w->helpers, &list);
	utils_list_each_safe(&list, link, after) {
		struct rt_op *op = utils_list_of(link, struct rt_op, queued);

		rt_wait_finish(w, op, op->result);
	}
}

/* What the calls finish is for the next sleep: it may be without end. */
void
rt_wait_call_done(struct rt_wait *w)
{
	struct utils_list list;
	struct utils_link *link;

	take_from_helpers(w);
	if (utils_list_empty(&w->finished))
		return;
	utils_list_init(&list);
	utils_list_move_all(&list, &w->finished);
	while ((link = utils_list_pop_front(&list)) != NULL) {
		struct rt_op *op = utils_list_of(link, struct rt_op, queued);

		op->state = RT_OP_IDLE;
		w->calls++;
		op->done(op, op->result);
	}
}
