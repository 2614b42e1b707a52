/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call takes its turn at the peer's credit: a place, and its bytes of the
 * window. Whoever gives some back serves those who wait, first come first
 * served, so a large call is not overtaken for ever.
 *
 * Its request lies on the caller's stack, as does what it waits with. A caller
 * that leaves before the request is sent takes it back. One that leaves after
 * that leaves its place behind, which goes on to belong to the request until
 * the answer comes, late, and is dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_rpc_inside.h"
#include "rt/rt_waiter.h"
#include "utils/utils_crc32c.h"

/* A call that is under way. */
struct asked {
	struct rt_block block;
	struct rt_rpc *rpc;
	struct rt_rpc_call *call;
	struct rt_rpc_asked_place *place;
	struct rt_rpc_frame frame;
	int leaving;		/* -errno: it leaves once it has been sent */
	int answered;		/* before it was sent to its end */
	uint8_t head[RT_RPC_HEAD + VINE_RPC_ARGS];
};

/* A request that the peer has, or will have, to answer. */
struct rt_rpc_asked_place {
	uint64_t number;
	uint64_t bytes;		/* of the peer's window */
	uint32_t room;
	uint8_t used;
	uint8_t answered;	/* but a cancel is still being sent */
	uint8_t answering;	/* the answer is being received */
	struct asked *asked;	/* NULL: nobody waits any more */
	struct rt_rpc_frame cancel;
	uint8_t head[RT_RPC_HEAD];
};

static struct asked *
asked_of(struct rt_rpc_frame *frame)
{
	return utils_list_of(frame, struct asked, frame);
}

/* --- turns ---------------------------------------------------------------- */

static void
serve(struct rt_rpc *rpc)
{
	struct rt_waiter *w;

	while ((w = rt_waiter_first(&rpc->turns)) && rpc->places_left &&
	       w->count <= rpc->window_left) {
		rpc->places_left--;
		rpc->window_left -= w->count;
		rt_waiter_wake(w, 0);
	}
}

static int
undo_turn(struct rt_block *block, int why)
{
	rt_waiter_undo(block, why);
	serve((struct rt_rpc *)(uintptr_t)block->object);
	return 0;
}

static int
wait_turn(struct rt_rpc *rpc, uint64_t bytes, uint64_t deadline)
{
	struct rt_waiter w = RT_WAITER("rpc credit", ANY, rpc, undo_turn);

	if (utils_list_empty(&rpc->turns) && rpc->places_left &&
	    bytes <= rpc->window_left) {
		rpc->places_left--;
		rpc->window_left -= bytes;
		return 0;
	}
	w.count = bytes;
	return rt_waiter_sleep(&rpc->turns, &w, deadline);
}

/* Get a turn: what the peer takes is known when it has said hello. */
static int
get_turn(struct rt_rpc *rpc, const struct rt_rpc_call *call, uint64_t deadline)
{
	uint64_t bytes = (uint64_t)call->data_length + call->room;
	int rc = rpc->why;

	while (rc == 0 && !rpc->open) {
		rc = rt_rendez_sleep(&rpc->opening, deadline);
		rc = rpc->why ? rpc->why : rc;
	}
	if (rc)
		return rc;
	if (rpc->place_count == 0)
		return -EOPNOTSUPP;
	if (call->data_length > rpc->peer_data || call->room > rpc->peer_data ||
	    bytes > rpc->peer_window)
		return -EMSGSIZE;
	rc = wait_turn(rpc, bytes, deadline);
	return rc == 0 ? rpc->why : rc;
}

/* --- places --------------------------------------------------------------- */

int
rt_rpc_places_new(struct rt_rpc *rpc, uint32_t credit, uint64_t window)
{
	uint32_t n = credit < VINE_RPC_REQUESTS_MAX ? credit :
		VINE_RPC_REQUESTS_MAX;

	rpc->peer_window = rpc->window_left = window;
	rpc->place_count = rpc->places_left = n;
	rpc->places = calloc(n + 1, sizeof(*rpc->places));
	rpc->free_places = calloc(n + 1, sizeof(*rpc->free_places));
	if (rpc->places == NULL || rpc->free_places == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		rpc->places[i].number = i;
		rpc->free_places[i] = (uint16_t)(n - 1 - i);
	}
	rpc->free_count = n;
	return 0;
}

static struct rt_rpc_asked_place *
take_place(struct rt_rpc *rpc, struct asked *a, uint64_t bytes)
{
	struct rt_rpc_asked_place *p =
		&rpc->places[rpc->free_places[--rpc->free_count]];

	p->number += RT_RPC_PLACES;	/* another one each time */
	p->bytes = bytes;
	p->room = a->call->room;
	p->used = 1;
	p->answered = p->answering = 0;
	p->asked = a;
	return p;
}

static void
free_place(struct rt_rpc *rpc, struct rt_rpc_asked_place *p)
{
	p->asked = NULL;
	p->answered = 1;
	if (p->cancel.state == RT_RPC_QUEUED)
		rt_rpc_unsend(&p->cancel);
	if (p->cancel.state == RT_RPC_SENDING)
		return;		/* cancel_sent goes on here */
	p->used = 0;
	rpc->free_places[rpc->free_count++] = (uint16_t)(p - rpc->places);
	rpc->places_left++;
	rpc->window_left += p->bytes;
	serve(rpc);
}

static void
cancel_sent(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	struct rt_rpc_asked_place *p =
		utils_list_of(frame, struct rt_rpc_asked_place, cancel);

	if (p->answered)
		free_place(rpc, p);
}

/* Nobody waits for this answer any more: tell the peer. */
static void
abandon(struct rt_rpc *rpc, struct rt_rpc_asked_place *p)
{
	const struct rt_rpc_head head = {
		.kind = RT_RPC_CANCEL,
		.number = p->number,
	};

	p->asked = NULL;
	if (p->answering)
		return;
	rt_rpc_head_put(p->head, &head);
	p->cancel.head = p->head;
	p->cancel.head_length = sizeof(p->head);
	p->cancel.sent = cancel_sent;
	rt_rpc_send(rpc, &p->cancel);
}

/* --- a call --------------------------------------------------------------- */

static int
leave(struct rt_block *block, int why)
{
	struct asked *a = utils_list_of(block, struct asked, block);

	switch (a->frame.state) {
	case RT_RPC_QUEUED:
		rt_rpc_unsend(&a->frame);
		free_place(a->rpc, a->place);
		return 0;
	case RT_RPC_SENDING:
		a->leaving = why;
		return -EBUSY;
	default:
		abandon(a->rpc, a->place);
		return 0;
	}
}

static void
request_begun(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	(void)frame;
	rpc->stats.asked++;
}

static void
request_sent(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	struct asked *a = asked_of(frame);

	if (a->answered) {
		rt_task_wake(&a->block, 0);
	} else if (rpc->why) {
		a->place->asked = NULL;
		rt_task_wake(&a->block, rpc->why);
	} else if (a->leaving) {
		abandon(rpc, a->place);
		rt_task_wake(&a->block, a->leaving);
	}
}

static uint32_t
wait_of(const struct rt_rpc *rpc, uint64_t deadline)
{
	uint64_t now = rt_sched_now(rpc->sched), ms;

	if (deadline == RT_NEVER)
		return 0;
	ms = deadline > now ? (deadline - now) / 1000000 + 1 : 1;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void
write_request(struct asked *a, uint64_t deadline)
{
	const struct rt_rpc_call *call = a->call;
	struct rt_rpc_head head = {
		.kind = RT_RPC_REQUEST,
		.number = a->place->number,
		.id = call->id,
		.type = call->type,
		.args = call->args_length,
		.data = call->data_length,
		.room = call->room,
		.wait = wait_of(a->rpc, deadline),
	};

	if (call->args_length)
		memcpy(a->head + RT_RPC_HEAD, call->args, call->args_length);
	if (a->rpc->check) {
		head.flags = RT_RPC_FLAG_BODY;
		head.body = utils_crc32c(0, a->head + RT_RPC_HEAD, head.args);
		head.body = utils_crc32c(head.body, call->data, head.data);
	}
	rt_rpc_head_put(a->head, &head);
	a->frame.head = a->head;
	a->frame.head_length = RT_RPC_HEAD + head.args;
	a->frame.data = call->data;
	a->frame.data_length = head.data;
	a->frame.begun = request_begun;
	a->frame.sent = request_sent;
}

static int
ask(struct rt_rpc *rpc, struct rt_rpc_call *call, uint64_t deadline)
{
	struct asked a;
	int rc = get_turn(rpc, call, deadline);

	if (rc)
		return rc;
	/* not all of it: what is sent of the head is written first */
	memset(&a, 0, offsetof(struct asked, head));
	a.block.what = "rpc answer";
	a.block.object = rpc;
	a.block.undo = leave;
	a.rpc = rpc;
	a.call = call;
	a.place = take_place(rpc, &a,
			     (uint64_t)call->data_length + call->room);
	write_request(&a, deadline);
	rt_rpc_send(rpc, &a.frame);
	return rt_task_block(&a.block, deadline);
}

int
rt_rpc_call(struct rt_rpc *rpc, struct rt_rpc_call *call, uint64_t deadline)
{
	int rc = rt_task_check();

	if (rc == 0 && call->args_length > VINE_RPC_ARGS)
		rc = -EINVAL;
	if (rc)
		return rc;
	RT_TRACE_AT(rt_self, rpc_call, rt_self->current, rpc, call->type);
	rt_rpc_hold(rpc);
	rc = ask(rpc, call, deadline);
	rt_rpc_drop(rpc);
	return rc;
}

void
rt_rpc_calls_end(struct rt_rpc *rpc)
{
	for (uint32_t i = 0; rpc->places && i < rpc->place_count; i++) {
		struct rt_rpc_asked_place *p = &rpc->places[i];
		struct asked *a = p->asked;

		/* others are told when they are not sent */
		if (a == NULL || a->frame.state != RT_RPC_IDLE)
			continue;
		p->asked = NULL;
		rt_task_wake(&a->block, rpc->why);
	}
	rt_waiter_wake_all(&rpc->turns, rpc->why);
	rt_rendez_wake_all(&rpc->opening);
}

/* --- answers -------------------------------------------------------------- */

/* The place of an answer; NULL: nobody asked for it. */
static struct rt_rpc_asked_place *
place_of(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	uint32_t i = head->number % RT_RPC_PLACES;
	struct rt_rpc_asked_place *p;

	if (i >= rpc->place_count)
		return NULL;
	p = &rpc->places[i];
	if (!p->used || p->answered || p->number != head->number)
		return NULL;
	if (p->asked && p->asked->frame.state == RT_RPC_QUEUED)
		return NULL;	/* guessed */
	return p;
}

/* Receive what an answer carries. Whoever waits for it may leave meanwhile. */
static int
body_in(struct rt_rpc *rpc, struct rt_rpc_asked_place *p,
	const struct rt_rpc_head *head)
{
	uint32_t crc = 0, *sum = head->flags & RT_RPC_FLAG_BODY ? &crc : NULL;
	const uint8_t *at;
	uint32_t n;
	int rc = rt_rpc_args(rpc, head->args, &at, sum);

	if (rc)
		return rc;
	if (p->asked)
		memcpy(p->asked->call->answer_args, at, head->args);
	for (uint32_t done = 0; done < head->data; done += n) {
		rc = rt_rpc_chunk(rpc, head->data - done, &at, &n, sum);
		if (rc)
			return rc;
		if (p->asked)
			memcpy((uint8_t *)p->asked->call->answer + done, at, n);
	}
	return rt_rpc_body_ends(head, crc);
}

int
rt_rpc_answer_in(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	struct rt_rpc_asked_place *p = place_of(rpc, head);
	struct asked *a;
	int rc;

	if (p == NULL || head->data > p->room || head->status > INT16_MAX)
		return -EPROTO;
	p->answering = 1;
	rc = body_in(rpc, p, head);
	if (rc)
		return rc;
	a = p->asked;
	if (a) {
		a->call->status = -(int)head->status;
		a->call->answer_length = head->data;
		a->call->answer_args_length = head->args;
		a->answered = 1;
	} else {
		rpc->stats.late++;
	}
	if (a && a->frame.state == RT_RPC_IDLE)
		rt_task_wake(&a->block, 0);
	free_place(rpc, p);
	return 0;
}
