/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection has two tasks. The main one receives, and is the last to go: it
 * waits for the writer and the handlers, closes the descriptor and says that
 * all is over. `why` is set once, by whoever ends it first; everything else
 * follows from it.
 *
 * Where the main task runs over its stack, in an inline handler, say, the
 * writer is there yet, and is the last to go in its stead.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rt/rt_io.h"
#include "rt/rt_rpc_inside.h"
#include "utils/utils_log.h"

/* --- its end -------------------------------------------------------------- */

/* What the peer is told: an errno, or 0 for an end that is none of its. */
static uint32_t
status_of(int why)
{
	switch (why) {
	case -EPROTO:
	case -EBADMSG:
	case -EMSGSIZE:
	case -EPROTONOSUPPORT:
	case -ENOMEM:
		return (uint32_t)-why;
	default:
		return 0;
	}
}

static void
complain(const struct rt_rpc *rpc, int why)
{
	static _Thread_local struct utils_log_rate rate;

	if (why != -EPIPE && why != -ECONNRESET && why != -ECANCELED &&
	    why != -ESHUTDOWN)
		utils_log_limited(&rate, UTILS_LOG_WARN, "rpc: connection with "
				  "peer %016llx ended: %s",
				  (unsigned long long)rpc->peer,
				  strerror(-why));
}

/* Does the writer wait for the peer to read? Else it may as well be about to go
 * on, with what is left to be sent. */
static int
writer_waits(const struct rt_rpc *rpc)
{
	return rpc->writer && rpc->sending && rt_task_block_of(rpc->writer);
}

/* Wake the two tasks where they wait, unless it is they who call. */
static void
rouse(struct rt_rpc *rpc)
{
	const struct rt_task *self = rt_task_self();

	if (rpc->main && rpc->main != self)
		rt_task_cancel(rpc->main);
	if (writer_waits(rpc))
		rt_task_cancel(rpc->writer);
	rt_rendez_wake(&rpc->work);
}

void
rt_rpc_fail(struct rt_rpc *rpc, int why)
{
	struct rt_rpc_head bye = { .kind = RT_RPC_BYE };

	if (rpc->why)
		return;
	rpc->why = why;
	complain(rpc, why);
	rt_rpc_calls_end(rpc);
	rt_rpc_served_cancel(rpc);
	rt_rpc_unsend_all(rpc);
	if (why != -ECONNRESET && !writer_waits(rpc)) {
		bye.status = status_of(why);
		rt_rpc_head_put(rpc->bye_head, &bye);
		rpc->bye = (struct rt_rpc_frame){
			.head = rpc->bye_head,
			.head_length = RT_RPC_HEAD,
			.state = RT_RPC_QUEUED,
		};
		utils_list_push_back(&rpc->queue, &rpc->bye.link);
	}
	rouse(rpc);
}

void
rt_rpc_close(struct rt_rpc *rpc)
{
	rt_rpc_fail(rpc, -EPIPE);
}

void
rt_rpc_gone(struct rt_rpc *rpc)
{
	if (--rpc->others == 0)
		rt_rendez_wake_all(&rpc->alone);
}

static void
destroy(struct rt_rpc *rpc)
{
	rt_rpc_served_free(rpc);
	free(rpc->taken);
	free(rpc->places);
	free(rpc->free_places);
	free(rpc->buffer);
	free(rpc);
}

void
rt_rpc_hold(struct rt_rpc *rpc)
{
	rpc->holds++;
}

void
rt_rpc_drop(struct rt_rpc *rpc)
{
	if (--rpc->holds == 0)
		destroy(rpc);
}

int
rt_rpc_join(struct rt_rpc *rpc, uint64_t deadline)
{
	int rc = rt_task_check();

	while (rc == 0 && !rpc->over)
		rc = rt_rendez_sleep(&rpc->joined, deadline);
	return rc;
}

void
rt_rpc_free(struct rt_rpc *rpc)
{
	rt_rpc_close(rpc);
	rt_task_hold_cancel();
	rt_rpc_join(rpc, RT_NEVER);
	rt_task_let_cancel();
	rt_rpc_drop(rpc);
}

/* --- its life ------------------------------------------------------------- */

/* None of its tasks is left, and `ended` was called. */
static void
is_over(struct rt_rpc *rpc)
{
	rpc->over = 1;
	rt_rendez_wake_all(&rpc->joined);
	if (rpc->server)
		rpc->session_ended(rpc, rpc->server);
	rt_rpc_drop(rpc);
}

/* The last task waits for the others, and closes. */
static void
end(struct rt_rpc *rpc)
{
	rt_task_hold_cancel();
	while (rpc->others)
		rt_rendez_sleep(&rpc->alone, RT_NEVER);
	rt_rpc_unsend_all(rpc);
	rt_io_close(rpc->fd);
	rpc->main = NULL;
	rpc->ending = 1;
	if (rpc->opts.ended)
		rpc->opts.ended(rpc, rpc->why, rpc->opts.user);
	is_over(rpc);
}

static int
write_all(void *arg)
{
	struct rt_rpc *rpc = arg;

	rt_rpc_writer(rpc);
	if (rpc->headless)
		end(rpc);
	return 0;
}

/* In `ended`, which was the last thing to do. */
static void
writer_overflowed(struct rt_task *task, void *user)
{
	struct rt_rpc *rpc = user;

	(void)task;
	if (rpc->ending)
		is_over(rpc);
}

/*
 * In `ended`, or in another function of the user's: those do not wait, and a
 * connection that has ended calls none, so the writer has not seen an end.
 */
static void
main_overflowed(struct rt_task *task, void *user)
{
	struct rt_rpc *rpc = user;

	(void)task;
	rpc->main = NULL;
	if (rpc->ending) {
		is_over(rpc);
		return;
	}
	rpc->headless = 1;
	rt_rpc_fail(rpc, -EOVERFLOW);
}

static int
live(void *arg)
{
	struct rt_rpc *rpc = arg;
	const struct rt_task_opts opts = {
		.name = "rpc writer",
		.overflowed = writer_overflowed,
		.user = rpc,
	};
	int rc;

	rpc->main = rt_task_self();
	rc = rt_task_create(rpc->sched, write_all, rpc, &opts, NULL);
	rpc->others += rc == 0;
	if (rc == 0)
		rc = rt_rpc_read(rpc);
	rt_rpc_fail(rpc, rc);
	end(rpc);
	return 0;
}

int
rt_rpc_opts_settle(struct rt_rpc_opts *o)
{
	if (o->requests == 0)
		o->requests = VINE_RPC_REQUESTS;
	if (o->data_max == 0)
		o->data_max = VINE_RPC_DATA;
	if (o->window == 0)
		o->window = o->data_max > VINE_RPC_WINDOW / 4 ?
			4 * (uint64_t)o->data_max : VINE_RPC_WINDOW;
	if (o->stall_ms == 0)
		o->stall_ms = VINE_RPC_STALL_MS;
	if (o->type_count > VINE_RPC_TYPES || o->window < o->data_max ||
	    o->requests > VINE_RPC_REQUESTS_MAX ||
	    o->data_max > VINE_RPC_DATA_MAX)
		return -EINVAL;
	if (o->type_count == 0)
		o->requests = 0;	/* it answers nothing */
	while (o->identity == 0)
		o->identity = rt_sched_random(rt_sched_self());
	return 0;
}

static void
say_hello(struct rt_rpc *rpc)
{
	const struct rt_rpc_hello hello = {
		.oldest = RT_RPC_VERSION,
		.newest = RT_RPC_VERSION,
		.wishes = rpc->opts.flags & RT_RPC_CHECK ? RT_RPC_WISH_BODY : 0,
		.data = rpc->opts.data_max,
		.window = rpc->opts.window,
	};
	struct rt_rpc_head head = {
		.kind = RT_RPC_HELLO,
		.id = rpc->opts.identity,
		.args = RT_RPC_HELLO_BYTES,
		.credit = rpc->opts.requests,
	};

	rt_rpc_head_put(rpc->hello_head, &head);
	rt_rpc_hello_put(rpc->hello_head + RT_RPC_HEAD, &hello);
	rpc->hello.head = rpc->hello_head;
	rpc->hello.head_length = sizeof(rpc->hello_head);
	rt_rpc_send(rpc, &rpc->hello);
}

static void
prepare(struct rt_rpc *rpc, int fd, const struct rt_rpc_opts *opts)
{
	const int on = 1;

	rpc->opts = *opts;
	rpc->sched = rt_sched_self();
	rpc->fd = fd;
	rpc->holds = 2;		/* the caller's, the main task's */
	rt_rendez_init(&rpc->alone);
	rpc->alone.name = "others of rpc";
	rt_rendez_init(&rpc->joined);
	rpc->joined.name = "end of rpc";
	rt_rendez_init(&rpc->work);
	rpc->work.name = "writer of rpc";
	rt_rendez_init(&rpc->opening);
	rpc->opening.name = "hello of rpc";
	utils_list_init(&rpc->turns);
	utils_list_init(&rpc->running);
	utils_list_init(&rpc->spare);
	utils_list_init(&rpc->queue);
	utils_link_init(&rpc->session);
	/* of TCP; others have no such thing */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
rt_rpc_new(int fd, const struct rt_rpc_opts *opts, struct rt_rpc **out)
{
	struct rt_rpc_opts with = opts ? *opts : (struct rt_rpc_opts){ 0 };
	struct rt_task_opts task = {
		.name = "rpc",
		.overflowed = main_overflowed,
	};
	struct rt_rpc *rpc;
	int rc;

	if (rt_sched_self() == NULL)
		return -EPERM;
	rc = rt_rpc_opts_settle(&with);
	if (rc)
		return rc;
	rpc = calloc(1, sizeof(*rpc));
	if (rpc == NULL)
		return -ENOMEM;
	prepare(rpc, fd, &with);
	rpc->buffer = malloc(VINE_RPC_BUFFER);
	rpc->taken = calloc(with.requests + 1, sizeof(*rpc->taken));
	rc = rpc->buffer && rpc->taken ? 0 : -ENOMEM;
	task.user = rpc;
	if (rc == 0)
		rc = rt_task_create(rpc->sched, live, rpc, &task, NULL);
	if (rc) {
		destroy(rpc);
		return rc;
	}
	say_hello(rpc);
	*out = rpc;
	return 0;
}

void
rt_rpc_refuse(int fd, int why)
{
	const struct rt_rpc_head bye = {
		.kind = RT_RPC_BYE,
		.status = (uint32_t)why,
	};
	uint8_t head[RT_RPC_HEAD];

	rt_rpc_head_put(head, &bye);
	rt_io_send(fd, head, sizeof(head), 0, 0);
	rt_io_close(fd);
}

/* --- what it is ----------------------------------------------------------- */

int
rt_rpc_why(const struct rt_rpc *rpc)
{
	return rpc->why;
}

uint64_t
rt_rpc_peer(const struct rt_rpc *rpc)
{
	return rpc->peer;
}

void *
rt_rpc_user(const struct rt_rpc *rpc)
{
	return rpc->opts.user;
}

void
rt_rpc_stats(const struct rt_rpc *rpc, struct rt_rpc_stats *stats)
{
	*stats = rpc->stats;
}
