/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of Linux 6.7 and later: watches are polls, ops are themselves
 * (rt_ring_op.h), and the bells a FUTEX_WAITV (rt_ring_bells.h) in one ring. A
 * sleep is one io_uring_enter with a timeout, which also submits what has come
 * up since the last. Ops on files are submitted at once: a disk that waits for
 * a batch is idle meanwhile, which cost a fifth of its reads.
 *
 * What finds no place in the ring, an op or the cancelling of one, waits in the
 * backlog, and a sleep in which the kernel takes nothing (EAGAIN, EBUSY) takes
 * what has completed all the same. So an op is never refused.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "rt/rt_engine.h"
#include "rt/rt_ring.h"
#include "rt/rt_ring_bells.h"
#include "rt/rt_ring_op.h"

#define EVENTS 256	/* completions taken at a time */
#define ROUNDS 64	/* of them in one sleep */

struct uring {
	struct rt_ring ring;
	struct rt_ring_bells bells;
	struct utils_list backlog;
};

static int
uring_probe(void)
{
	return rt_ring_probe();
}

/* With a ring that is opened, or confined to what one may. */
static int
make(void **state, int (*confine)(struct rt_ring *ring, uint32_t may),
     uint32_t may)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return -ENOMEM;
	utils_list_init(&u->backlog);
	rc = confine ? confine(&u->ring, may) : rt_ring_open(&u->ring);
	if (rc)
		free(u);
	else
		*state = u;
	return rc;
}

static int
uring_open(void **state)
{
	return make(state, NULL, 0);
}

static int
uring_confine(void **state, uint32_t may)
{
	return make(state, rt_ring_confine, may);
}

static void
uring_close(void *state)
{
	struct uring *u = state;

	rt_ring_close(&u->ring);
	free(u);
}

/* --- memory that the ring knows ---------------------------------------- */

static int
uring_stock(void *state, struct rt_stock *stock)
{
	struct uring *u = state;

	return rt_ring_stock(&u->ring, stock);
}

static void
uring_unstock(void *state, struct rt_stock *stock)
{
	struct uring *u = state;

	rt_ring_unstock(&u->ring, stock);
}

static void
uring_restock(void *state, struct rt_stock *stock, uint32_t index)
{
	(void)state;
	rt_ring_restock(stock, index);
}

static int
uring_area(void *state, void *base, size_t length)
{
	struct uring *u = state;

	return rt_ring_area(&u->ring, base, length);
}

static void
uring_drop(void *state, const void *base, size_t length)
{
	struct uring *u = state;

	rt_ring_drop(&u->ring, base, length);
}

/* --- watches ----------------------------------------------------------- */

static int
uring_arm(void *state, int fd, uint32_t events, uint64_t tag)
{
	struct uring *u = state;
	struct io_uring_sqe *sqe = rt_ring_submission(&u->ring);

	if (sqe == NULL)
		return -ENOMEM;
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, tag);
	return 0;
}

static void
uring_disarm(void *state, int fd, uint64_t tag)
{
	struct uring *u = state;

	(void)fd;
	rt_ring_cancel(&u->ring, tag);
	/* now, and to its end: the poll holds the file open */
	io_uring_submit_and_get_events(&u->ring.io);
}

/* --- ops --------------------------------------------------------------- */

/* Returns whether there was a place for it. */
static int
put(struct uring *u, struct rt_op *op)
{
	struct io_uring_sqe *sqe = rt_ring_submission(&u->ring);

	if (sqe == NULL)
		return 0;
	rt_ring_op_prepare(&u->ring, sqe, op);
	op->begun = 1;
	return 1;
}

/* The same of its cancelling. */
static int
cancel(struct uring *u, const struct rt_op *op)
{
	return rt_ring_cancel(&u->ring, rt_ring_op_tag(op));
}

static int
uring_submit(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct uring *u = state;

	if (rt_ring_op_is_splice(op) && rt_op_side(op) == 0)
		return rt_wait_help(wait, op);
	/* it may have been before */
	op->begun = op->leaving = op->enough = 0;
	if (!utils_list_empty(&u->backlog) || !put(u, op))
		utils_list_push_back(&u->backlog, &op->queued);
	else if (rt_op_side(op) == 0)
		io_uring_submit(&u->ring.io);	/* what it refuses stays */
	return 0;
}

/* An op in the backlog that the kernel has waits there to be cancelled. */
static void
uring_cancel(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct uring *u = state;

	op->leaving = 1;
	if (!op->begun)
		rt_wait_finish(wait, op, -ECANCELED);
	else if (!utils_link_on_list(&op->queued) && !cancel(u, op))
		utils_list_push_back(&u->backlog, &op->queued);
}

static void
put_backlog(struct uring *u)
{
	struct utils_link *link;

	while ((link = utils_list_first(&u->backlog)) != NULL) {
		struct rt_op *op = utils_list_of(link, struct rt_op, queued);

		if (!(op->begun ? cancel(u, op) : put(u, op)))
			return;
		utils_list_remove(link);
	}
}

/* --- sleeping ---------------------------------------------------------- */

/*
 * A socket that says it is writable and takes nothing, for want of memory, say,
 * is retried by the kernel for a while, then by a thread of its own. What that
 * ends with is nothing that was asked for, and what is asked again rests first.
 */
static int
is_unfinished(const struct rt_op *op, int64_t result)
{
	return (result == -EAGAIN || result == -EINTR) && rt_op_side(op) != 0 &&
		op->kind != RT_OP_CONNECT;
}

/* The kernel tells of a peer that sends no more, whoever asked for it. */
static int64_t
asked_for(const struct rt_op *op, int64_t result)
{
	if (op->kind != RT_OP_POLL || result < 0)
		return result;
	result &= rt_op_events(op);
	return result ? result : -EAGAIN;
}

/*
 * One completion of an op that goes on. Returns whether it was the last, with
 * *result: the kernel may end it for reasons of its own, and it begins again.
 */
static int
take_one(struct uring *u, struct rt_op *op, int64_t *result, uint32_t flags)
{
	struct rt_stock *stock = op->kind == RT_OP_FEED ? op->data : NULL;
	const uint32_t index = flags >> IORING_CQE_BUFFER_SHIFT;
	const int has = stock == NULL ? *result >= 0 : *result > 0;

	if (stock && flags & IORING_CQE_F_BUFFER) {
		rt_stock_took(stock);
		if (!has)
			rt_stock_back(stock, index);
	}
	if (has) {
		op->vain = 0;
		op->enough |= !op->fed(op, *result, index);
	}
	if (flags & IORING_CQE_F_MORE) {
		if (op->enough && !op->leaving) {
			op->leaving = 1;
			if (!cancel(u, op))
				utils_list_push_back(&u->backlog, &op->queued);
		}
		return 0;
	}
	if (has)
		*result = op->leaving ? -ECANCELED : -EAGAIN;
	if (op->enough && (*result == -EAGAIN || *result == -ECANCELED))
		*result = -ENOBUFS;
	return 1;
}

static void
completed(struct uring *u, struct rt_wait *wait, struct rt_op *op,
	  int64_t result, uint32_t flags)
{
	if (rt_ring_op_goes_on(op) && !take_one(u, op, &result, flags))
		return;
	result = asked_for(op, result);
	if (rt_ring_op_is_by_hand(op) && result >= 0)
		result = op->leaving ? -ECANCELED : rt_op_carry(op);
	if (op->leaving && (result == -EINTR || is_unfinished(op, result)))
		result = -ECANCELED;
	if (!is_unfinished(op, result)) {
		rt_wait_finish(wait, op, result);
		return;
	}
	op->begun = 0;
	utils_list_remove(&op->queued);
	if (!rt_wait_in_vain(wait, op))
		utils_list_push_back(&u->backlog, &op->queued);
}

static void
uring_again(void *state, struct rt_wait *wait, struct rt_op *op)
{
	struct uring *u = state;

	(void)wait;
	utils_list_push_back(&u->backlog, &op->queued);
}

/*
 * Take what completed, at most EVENTS of it; *more says whether there may be
 * more. Returns 0, or why the bells cannot be waited on.
 */
static int
take(struct uring *u, struct rt_wait *wait, int *more)
{
	struct io_uring_cqe *cqes[EVENTS];
	struct { uint64_t tag; int res; uint32_t flags; } got[EVENTS];
	unsigned int n = io_uring_peek_batch_cqe(&u->ring.io, cqes, EVENTS);
	int rc = 0;

	*more = n == EVENTS;
	for (unsigned int i = 0; i < n; i++) {
		got[i].tag = io_uring_cqe_get_data64(cqes[i]);
		got[i].res = cqes[i]->res;
		got[i].flags = cqes[i]->flags;
	}
	/* before the calls, which submit and may complete more */
	io_uring_cq_advance(&u->ring.io, n);
	for (unsigned int i = 0; i < n; i++) {
		if (got[i].tag & RT_RING_OP) {
			completed(u, wait, rt_ring_op_of(got[i].tag),
				  got[i].res, got[i].flags);
		} else if ((got[i].tag & RT_ENGINE_TAG) == 0) {
			rt_wait_fired(wait, got[i].tag, got[i].res < 0 ?
				      POLLERR : (uint32_t)got[i].res);
		} else {
			int bad = rt_ring_bells_done(&u->bells, got[i].tag,
						     got[i].res);

			rc = bad ? bad : rc;
		}
	}
	return rc;
}

/* Would it do anything to enter the kernel? */
static int
has_news(struct uring *u)
{
	return io_uring_sq_ready(&u->ring.io) || io_uring_cq_ready(&u->ring.io) ||
		IO_URING_READ_ONCE(*u->ring.io.sq.kflags) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static int
enter(struct uring *u, uint64_t limit_ns)
{
	struct __kernel_timespec most = {
		.tv_sec = (long long)(limit_ns / 1000000000u),
		.tv_nsec = (long long)(limit_ns % 1000000000u),
	};
	struct io_uring_cqe *cqe;
	int rc = 0;

	if (limit_ns >= RT_ENGINE_LONG)
		rc = io_uring_submit_and_wait(&u->ring.io, 1);
	else if (limit_ns)
		rc = io_uring_submit_and_wait_timeout(&u->ring.io, &cqe, 1, &most,
						      NULL);
	else if (has_news(u))
		rc = io_uring_submit_and_get_events(&u->ring.io);
	/* what it did not take now it takes when something has completed */
	return rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY ?
		0 : rc;
}

static int
uring_sleep(void *state, struct rt_wait *wait,
	    const struct arch_bell_seen *bells, uint32_t count,
	    uint64_t limit_ns)
{
	struct uring *u = state;
	int rc = 0, more = 1;

	put_backlog(u);
	if (count && !rt_ring_bells_is_on(&u->bells, bells, count))
		rc = rt_ring_bells_begin(&u->bells, &u->ring, bells, count);
	if (rc == 0)
		rc = enter(u, utils_list_empty(&u->backlog) ? limit_ns : 0);
	for (uint32_t i = 0; i < ROUNDS && more; i++) {
		int bad = take(u, wait, &more);

		rc = bad ? bad : rc;
	}
	return rc < 0 ? rc : 0;
}

const struct rt_engine_ops rt_engine_uring = {
	.name = "io_uring",
	.tries = RT_OP_OUT,	/* there is room, most often */
	.probe = uring_probe,
	.open = uring_open,
	.confine = uring_confine,
	.close = uring_close,
	.arm = uring_arm,
	.disarm = uring_disarm,
	.submit = uring_submit,
	.cancel = uring_cancel,
	.again = uring_again,
	.stock = uring_stock,
	.unstock = uring_unstock,
	.restock = uring_restock,
	.area = uring_area,
	.drop = uring_drop,
	.sleep = uring_sleep,
};
