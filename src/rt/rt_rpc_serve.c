/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is let in where its place is free and its bytes are within the
 * window, and then has all the memory that it will need: one piece, for its
 * data and for the answer's. It gives place and bytes back when its answer
 * begins to be sent, its memory when that has been.
 *
 * So of a peer there are at most as many requests as it was told, and the ones
 * of a batch that is being sent. What is free of their memory is kept, up to
 * the window, for the next.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_rpc_inside.h"
#include "utils/utils_crc32c.h"

#define ALIGN 4096u

struct rt_rpc_served {
	struct rt_rpc_request request;
	struct utils_link link;		/* running, or spare */
	const struct rt_rpc_type *type;
	struct rt_task *task;		/* while it is in the handler */
	uint64_t number;
	uint64_t bytes;			/* of the window */
	int cancelled;
	uint8_t *memory;
	uint64_t size;			/* of it */
	struct rt_rpc_frame frame;
	uint8_t args[VINE_RPC_ARGS];
	uint8_t head[RT_RPC_HEAD + VINE_RPC_ARGS];	/* of the answer */
};

/* --- memory --------------------------------------------------------------- */

static uint64_t
align_up(uint64_t n)
{
	return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static void
free_memory(struct rt_rpc *rpc, struct rt_rpc_served *s)
{
	rpc->stats.held -= s->size;
	free(s->memory);
	s->memory = NULL;
	s->size = 0;
}

/* Have memory for a request: what it had before, if that is about right. */
static int
get_memory(struct rt_rpc *rpc, struct rt_rpc_served *s, uint32_t data,
	   uint32_t room)
{
	uint64_t size = align_up(data) + align_up(room);

	if (size > s->size || s->size > 2 * size) {
		free_memory(rpc, s);
		s->memory = size ? aligned_alloc(ALIGN, size) : NULL;
		if (size && s->memory == NULL)
			return -ENOMEM;
		s->size = size;
		rpc->stats.held += size;
		if (rpc->stats.held > rpc->stats.held_most)
			rpc->stats.held_most = rpc->stats.held;
	}
	s->request.data = data ? s->memory : NULL;
	s->request.answer = room ? s->memory + align_up(data) : NULL;
	return 0;
}

static struct rt_rpc_served *
get_served(struct rt_rpc *rpc)
{
	struct utils_link *link = utils_list_pop_front(&rpc->spare);
	struct rt_rpc_served *s;

	if (link)
		return utils_list_of(link, struct rt_rpc_served, link);
	s = malloc(sizeof(*s));
	if (s) {
		s->memory = NULL;
		s->size = 0;
		utils_link_init(&s->link);
	}
	return s;
}

static void
put_served(struct rt_rpc *rpc, struct rt_rpc_served *s)
{
	if (rpc->stats.held > rpc->opts.window)
		free_memory(rpc, s);
	utils_list_push_front(&rpc->spare, &s->link);
}

void
rt_rpc_served_free(struct rt_rpc *rpc)
{
	struct utils_link *link;

	for (uint32_t i = 0; rpc->taken && i < rpc->opts.requests; i++)
		if (rpc->taken[i])
			put_served(rpc, rpc->taken[i]);
	while ((link = utils_list_pop_front(&rpc->spare)) != NULL) {
		struct rt_rpc_served *s =
			utils_list_of(link, struct rt_rpc_served, link);

		free(s->memory);
		free(s);
	}
}

/* --- answers -------------------------------------------------------------- */

/* Its place and its bytes are the peer's again. */
static void
give_back(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	struct rt_rpc_served *s =
		utils_list_of(frame, struct rt_rpc_served, frame);

	rpc->taken[s->number % RT_RPC_PLACES] = NULL;
	rpc->window_used -= s->bytes;
	s->bytes = 0;
}

static void
answer_sent(struct rt_rpc *rpc, struct rt_rpc_frame *frame)
{
	struct rt_rpc_served *s =
		utils_list_of(frame, struct rt_rpc_served, frame);

	if (rpc->taken[s->number % RT_RPC_PLACES] == s)
		give_back(rpc, frame);
	put_served(rpc, s);
}

static void
write_answer(struct rt_rpc *rpc, struct rt_rpc_served *s, int status)
{
	const struct rt_rpc_request *r = &s->request;
	struct rt_rpc_head head = {
		.kind = RT_RPC_ANSWER,
		.number = s->number,
		.status = (uint32_t)-status,
		.args = r->answer_args_length,
		.data = r->answer_length,
	};

	if (rpc->check) {
		head.flags = RT_RPC_FLAG_BODY;
		head.body = utils_crc32c(0, s->head + RT_RPC_HEAD, head.args);
		head.body = utils_crc32c(head.body, r->answer, head.data);
	}
	rt_rpc_head_put(s->head, &head);
	s->frame = (struct rt_rpc_frame){
		.head = s->head,
		.head_length = RT_RPC_HEAD + head.args,
		.data = r->answer,
		.data_length = head.data,
		.begun = give_back,
		.sent = answer_sent,
	};
}

static void
answer(struct rt_rpc *rpc, struct rt_rpc_served *s, int status)
{
	struct rt_rpc_request *r = &s->request;

	utils_list_remove(&s->link);
	if (status > 0 || status < -INT16_MAX)
		status = -EIO;	/* it can be no errno */
	if (r->answer_length > r->room ||
	    r->answer_args_length > VINE_RPC_ARGS) {
		r->answer_length = r->answer_args_length = 0;
		status = -EMSGSIZE;
	}
	write_answer(rpc, s, status);
	rt_rpc_send(rpc, &s->frame);
}

/* --- handlers ------------------------------------------------------------- */

static int
handle(void *arg)
{
	struct rt_rpc_served *s = arg;
	struct rt_rpc *rpc = s->request.rpc;
	int rc = -ECANCELED;

	s->task = rt_task_self();
	if (!s->cancelled)
		rc = s->type->handle(&s->request, rpc->opts.user);
	s->task = NULL;
	answer(rpc, s, rc);
	rt_rpc_gone(rpc);
	return 0;
}

/* Its stack is gone, its request is not. */
static void
handler_overflowed(struct rt_task *task, void *user)
{
	struct rt_rpc_served *s = user;
	struct rt_rpc *rpc = s->request.rpc;

	(void)task;
	s->task = NULL;
	s->request.answer_length = s->request.answer_args_length = 0;
	answer(rpc, s, -EOVERFLOW);
	rt_rpc_gone(rpc);
}

/* Have a request handled. */
static void
start(struct rt_rpc *rpc, struct rt_rpc_served *s)
{
	const struct rt_task_opts opts = {
		.name = "rpc handler",
		.overflowed = handler_overflowed,
		.user = s,
	};
	int rc;

	if (s->type->flags & RT_RPC_INLINE) {
		answer(rpc, s, s->type->handle(&s->request, rpc->opts.user));
		return;
	}
	rc = rt_task_create(rpc->sched, handle, s, &opts, NULL);
	if (rc) {
		answer(rpc, s, rc);
		return;
	}
	rpc->others++;
	utils_list_push_back(&rpc->running, &s->link);
}

static void
cancel(struct rt_rpc_served *s)
{
	s->cancelled = 1;
	if (s->task)
		rt_task_cancel(s->task);
}

void
rt_rpc_served_cancel(struct rt_rpc *rpc)
{
	utils_list_each(&rpc->running, link)
		cancel(utils_list_of(link, struct rt_rpc_served, link));
}

int
rt_rpc_cancel_in(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	uint32_t place = head->number % RT_RPC_PLACES;
	struct rt_rpc_served *s;

	if (place >= rpc->opts.requests || head->args || head->data)
		return -EPROTO;
	s = rpc->taken[place];
	if (s && s->number == head->number && utils_link_on_list(&s->link))
		cancel(s);
	return 0;
}

/* --- requests ------------------------------------------------------------- */

static const struct rt_rpc_type *
type_of(const struct rt_rpc *rpc, uint32_t type)
{
	for (uint32_t i = 0; i < rpc->opts.type_count; i++)
		if (rpc->opts.types[i].type == type)
			return &rpc->opts.types[i];
	return NULL;
}

/* Is it within what the peer was told? 0, or what is wrong with it. */
static int
admit(const struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	uint64_t bytes = (uint64_t)head->data + head->room;
	uint32_t place = head->number % RT_RPC_PLACES;

	if (head->data > rpc->opts.data_max || head->room > rpc->opts.data_max)
		return -EMSGSIZE;
	if (place >= rpc->opts.requests || rpc->taken[place] ||
	    bytes > rpc->opts.window - rpc->window_used)
		return -EPROTO;
	return 0;
}

static void
fill_request(struct rt_rpc *rpc, struct rt_rpc_served *s,
	     const struct rt_rpc_head *head)
{
	s->type = type_of(rpc, head->type);
	s->task = NULL;
	s->number = head->number;
	s->bytes = (uint64_t)head->data + head->room;
	s->cancelled = 0;
	s->frame.state = RT_RPC_IDLE;
	s->request = (struct rt_rpc_request){
		.rpc = rpc,
		.type = head->type,
		.id = head->id,
		.deadline = head->wait ? rt_sched_now(rpc->sched) +
			head->wait * UINT64_C(1000000) : RT_NEVER,
		.args = s->args,
		.args_length = head->args,
		.data_length = head->data,
		.room = head->room,
		.answer_args = s->head + RT_RPC_HEAD,
	};
	rpc->taken[head->number % RT_RPC_PLACES] = s;
	rpc->window_used += s->bytes;
}

/* Receive what it carries; its data go nowhere where it has no memory. */
static int
body_in(struct rt_rpc *rpc, struct rt_rpc_served *s,
	const struct rt_rpc_head *head)
{
	uint32_t crc = 0, *sum = head->flags & RT_RPC_FLAG_BODY ? &crc : NULL;
	const uint8_t *at;
	uint32_t n;
	int rc = rt_rpc_args(rpc, head->args, &at, sum);

	if (rc)
		return rc;
	memcpy(s->args, at, head->args);
	if (s->request.data)
		rc = rt_rpc_direct(rpc, s->request.data, head->data, sum);
	else
		for (uint32_t done = 0; rc == 0 && done < head->data; done += n)
			rc = rt_rpc_chunk(rpc, head->data - done, &at, &n, sum);
	return rc ? rc : rt_rpc_body_ends(head, crc);
}

int
rt_rpc_request_in(struct rt_rpc *rpc, const struct rt_rpc_head *head)
{
	struct rt_rpc_served *s;
	int rc = admit(rpc, head), status;

	if (rc)
		return rc;
	s = get_served(rpc);
	if (s == NULL)
		return -ENOMEM;
	fill_request(rpc, s, head);
	status = s->type ? get_memory(rpc, s, head->data, head->room) : -ENOSYS;
	rc = body_in(rpc, s, head);
	/* it may have ended before the rest was taken: no more are begun */
	rc = rc ? rc : rpc->why;
	if (rc) {
		answer_sent(rpc, &s->frame);	/* there will be none */
		return rc;
	}
	RT_TRACE_AT(rt_self, rpc_serve, NULL, rpc, head->type);
	rpc->stats.handled++;
	if (status)
		answer(rpc, s, status);
	else
		start(rpc, s);
	return 0;
}
