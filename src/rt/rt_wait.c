/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is watched, and what is under way, stands in a table by descriptor
 * (rt_fds). A watch's tag is a descriptor and the number of the watch, so that
 * an event of an earlier watch, which an engine may still have in hand, is told
 * apart.
 *
 * Ops are the engine's from rt_wait_submit until rt_wait_finish, which puts
 * them on a list. All calls of done are made from that list, at the end of a
 * sleep or a poll, so that no engine is called back into while it works. While
 * the list is not empty no sleep lasts.
 *
 * Until the first watch or op no engine is needed: a sleep is one futex_waitv
 * on the bells and on a word of the wait's own, which rt_wait_wake changes. An
 * engine that would need two wakes for that word has an eventfd in its place.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/rt_engine.h"
#include "rt/rt_helpers.h"
#include "rt/rt_host.h"
#include "rt/rt_rest.h"
#include "rt/rt_wait.h"
#include "utils/utils_clock.h"

#define NUMBERS 0x3fffffffu	/* of watches; 30 bits of a tag */

struct rt_wait {
	const struct rt_engine_ops *ops;
	void *state;		/* the engine's; NULL until it is needed */
	struct rt_host *host;
	const uint64_t *clock;	/* NULL: CLOCK_MONOTONIC */
	int fixed;		/* no other engine will do */
	struct rt_timers timers;
	struct rt_fds fds;
	uint32_t armed;		/* watches */
	uint32_t under_way;	/* ops, but for those that are finished */
	uint32_t helped;	/* of them, with the helpers */
	uint32_t calls;		/* made in this sleep */
	struct rt_rest rest;
	struct rt_helpers *helpers;	/* NULL until the first is needed */
	struct utils_list finished;
	le32_t poke;		/* rung by rt_wait_wake */
	uint32_t poked;		/* what it was after the last sleep */
	_Atomic int wake_fd;	/* to be rung too; -1: none */
};

static void
again(void *user, struct rt_op *op)
{
	struct rt_wait *w = user;

	w->ops->again(w->state, w, op);
}

int
rt_wait_new(enum rt_wait_engine engine, struct rt_wait **out)
{
	const struct rt_engine_ops *ops = &rt_engine_uring;
	struct rt_wait *w;

	if (engine == RT_WAIT_EPOLL ||
	    (engine == RT_WAIT_AUTO && rt_engine_uring.probe() != 0))
		ops = &rt_engine_epoll;
	/* once: a second probe may fail where there is little left */
	if (engine == RT_WAIT_URING && ops->probe() != 0)
		return -ENOSYS;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->ops = ops;
	w->host = &rt_host_kernel;
	w->fixed = engine != RT_WAIT_AUTO;
	utils_list_init(&w->finished);
	rt_rest_init(&w->rest, &w->timers, again, w);
	atomic_init(&w->wake_fd, -1);
	*out = w;
	return 0;
}

int
rt_wait_new_at(const struct rt_engine_ops *ops, void *state,
	       struct rt_host *host, const uint64_t *clock,
	       struct rt_wait **out)
{
	struct rt_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	w->ops = ops;
	w->state = state;
	w->host = host;
	w->clock = clock;
	w->fixed = 1;
	utils_list_init(&w->finished);
	rt_rest_init(&w->rest, &w->timers, again, w);
	atomic_init(&w->wake_fd, -1);
	*out = w;
	return 0;
}

void
rt_wait_free(struct rt_wait *wait)
{
	if (wait->helpers)	/* first: they wake us */
		rt_helpers_free(wait->helpers);
	if (wait->state && wait->ops->close)
		wait->ops->close(wait->state);
	rt_fds_free(&wait->fds);
	free(wait);
}

const char *
rt_wait_engine_name(const struct rt_wait *wait)
{
	return wait->ops->name;
}

uint64_t
rt_wait_now(const struct rt_wait *wait)
{
	return wait->clock ? *wait->clock : utils_clock_ns();
}

struct rt_host *
rt_wait_host(const struct rt_wait *wait)
{
	return wait->host;
}

struct rt_timers *
rt_wait_timers(struct rt_wait *wait)
{
	return &wait->timers;
}

/* The engine, when it is needed. A ring may be refused: then epoll. */
static int
open_engine(struct rt_wait *w)
{
	int rc = 0;

	if (w->state)
		return 0;
	rc = w->ops->open(&w->state);
	if (rc && !w->fixed && w->ops != &rt_engine_epoll) {
		w->ops = &rt_engine_epoll;
		rc = w->ops->open(&w->state);
	}
	if (rc == 0 && w->ops->wake_fd) {
		/* POKE-R1: whoever does not see the eventfd rang before the
		 * look at the word; pairs with POKE-A1 in rt_wait_wake(). */
		atomic_store(&w->wake_fd, w->ops->wake_fd(w->state));
		atomic_thread_fence(memory_order_seq_cst);
	}
	return rc;
}

int
rt_wait_confine(struct rt_wait *wait, uint32_t may)
{
	int rc;

	if (wait->ops->confine == NULL || wait->state)
		return wait->state ? -EBUSY : 0;
	rc = wait->ops->confine(&wait->state, may);
	if (rc == 0 || wait->fixed)
		return rc;
	wait->ops = &rt_engine_epoll;
	return 0;
}

/* --- watches ----------------------------------------------------------- */

static uint64_t
tag_of(const struct rt_fd *at, int fd)
{
	return (uint64_t)at->number << 32 | (uint32_t)fd;
}

int
rt_wait_watch(struct rt_wait *wait, struct rt_watch *watch)
{
	int rc = watch->fd < 0 ? -EBADF : rt_fds_room(&wait->fds, wait->host,
						      watch->fd);
	struct rt_fd *at;

	if (rc)
		return rc;
	at = rt_fds_at(&wait->fds, watch->fd);
	if (at->watch || at->close || !rt_fd_is_idle(at))
		return -EEXIST;
	rc = open_engine(wait);
	if (rc)
		return rc;
	at->number = (at->number + 1) & NUMBERS;
	rc = wait->ops->arm(wait->state, watch->fd, watch->events,
			    tag_of(at, watch->fd));
	if (rc)
		return rc;
	at->watch = watch;
	watch->armed = 1;
	wait->armed++;
	return 0;
}

static struct rt_watch *
take_watch(struct rt_wait *w, struct rt_fd *at)
{
	struct rt_watch *watch = at->watch;

	at->watch = NULL;
	watch->armed = 0;
	w->armed--;
	return watch;
}

void
rt_wait_unwatch(struct rt_wait *wait, struct rt_watch *watch)
{
	struct rt_fd *at = rt_fds_at(&wait->fds, watch->fd);

	if (!watch->armed)
		return;
	wait->ops->disarm(wait->state, watch->fd, tag_of(at, watch->fd));
	take_watch(wait, at);
}

void
rt_wait_fired(struct rt_wait *wait, uint64_t tag, uint32_t events)
{
	int fd = (int)(uint32_t)tag;
	struct rt_fd *at = rt_fds_at(&wait->fds, fd);
	struct rt_watch *watch;

	if (at == NULL || tag != tag_of(at, fd) || at->watch == NULL)
		return;
	watch = take_watch(wait, at);
	wait->calls++;
	watch->ready(watch, events);
}

/* --- stocks, areas ------------------------------------------------------------ */

int
rt_wait_stock(struct rt_wait *wait, struct rt_stock *stock)
{
	int rc = open_engine(wait);

	if (rc == 0 && wait->ops->stock)
		rc = wait->ops->stock(wait->state, stock);
	return rc;
}

void
rt_wait_unstock(struct rt_wait *wait, struct rt_stock *stock)
{
	if (stock->ring)
		wait->ops->unstock(wait->state, stock);
}

void
rt_wait_restock(struct rt_wait *wait, struct rt_stock *stock, uint32_t index)
{
	wait->ops->restock(wait->state, stock, index);
}

int
rt_wait_register(struct rt_wait *wait, void *base, size_t length)
{
	int rc = open_engine(wait);

	if (rc == 0 && wait->ops->area)
		rc = wait->ops->area(wait->state, base, length);
	return rc;
}

void
rt_wait_unregister(struct rt_wait *wait, const void *base, size_t length)
{
	if (wait->state && wait->ops->drop)
		wait->ops->drop(wait->state, base, length);
}

/* --- ops --------------------------------------------------------------- */

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
		rc = open_engine(w);
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
static void
call_done(struct rt_wait *w)
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

/* --- sleeping ---------------------------------------------------------- */

/* How long until the first timer, at most limit. */
static uint64_t
time_left(const struct rt_wait *w, uint64_t limit_ns)
{
	uint64_t next = rt_timers_next(&w->timers), now;

	if (limit_ns > RT_ENGINE_LONG)
		limit_ns = RT_ENGINE_LONG;
	if (!utils_list_empty(&w->finished))
		return 0;
	if (next == RT_TIMER_NEVER)
		return limit_ns;
	now = rt_wait_now(w);
	if (next <= now)
		return 0;
	return next - now < limit_ns ? next - now : limit_ns;
}

uint64_t
rt_wait_next(const struct rt_wait *wait)
{
	return utils_list_empty(&wait->finished) ?
		rt_timers_next(&wait->timers) : 0;
}

static uint32_t
run_timers(struct rt_wait *w)
{
	if (rt_timers_next(&w->timers) == RT_TIMER_NEVER)
		return 0;
	return rt_timers_run(&w->timers, rt_wait_now(w));
}

/* At the engine. Where that is woken by an eventfd our word is not slept on. */
static int
sleep_in_engine(struct rt_wait *w, const struct arch_bell_seen *all,
		uint32_t count, uint64_t limit_ns)
{
	struct arch_bell poke = arch_bell_of_word(&w->poke);

	if (atomic_load_explicit(&w->wake_fd, memory_order_relaxed) < 0)
		return w->ops->sleep(w->state, w, all, count + 1, limit_ns);
	if (arch_bell_look(&poke) != w->poked)
		limit_ns = 0;
	return w->ops->sleep(w->state, w, all, count, limit_ns);
}

uint32_t
rt_wait_sleep(struct rt_wait *wait, const struct arch_bell_seen *bells,
	      uint32_t count, uint64_t limit_ns)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);
	struct arch_bell_seen all[RT_WAIT_BELLS_MAX + 1];
	int rc = 0;

	if (count > RT_WAIT_BELLS_MAX)
		count = RT_WAIT_BELLS_MAX;
	if (count)
		memcpy(all, bells, count * sizeof(*all));
	all[count] = (struct arch_bell_seen){ &wait->poke, wait->poked };
	limit_ns = time_left(wait, limit_ns);
	wait->calls = 0;
	if (wait->armed || wait->under_way > wait->helped)
		rc = sleep_in_engine(wait, all, count, limit_ns);
	else if (limit_ns)
		rc = arch_bell_wait_any(all, count + 1, limit_ns);
	if (rc && rc != -ETIMEDOUT && rc != -EINTR) {
		/* no futex on this memory: not all the time then */
		struct timespec nap = { 0, 1000000 };

		nanosleep(&nap, NULL);
	}
	wait->poked = arch_bell_look(&poke);
	call_done(wait);
	return wait->calls + run_timers(wait);
}

uint32_t
rt_wait_poll(struct rt_wait *wait)
{
	wait->calls = 0;
	if (wait->armed || wait->under_way > wait->helped)
		wait->ops->sleep(wait->state, wait, NULL, 0, 0);
	call_done(wait);
	return wait->calls + run_timers(wait);
}

void
rt_wait_wake(struct rt_wait *wait)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);
	struct arch_bell direct;
	int fd;

	arch_bell_ring(&poke, ~0u);
	/* POKE-A1: the word is rung, then the eventfd looked for. Without that
	 * order a sleep that has begun in the engine would not end. */
	fd = atomic_load(&wait->wake_fd);
	direct = arch_bell_of_fd(fd);
	if (fd >= 0)
		arch_bell_ring(&direct, ~0u);
}
