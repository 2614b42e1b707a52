/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of RPC share: two ends of one, and an end that knows some types.
 */
#ifndef RPC_H
#define RPC_H

#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rpc.h"
#include "rt/rt_rpc_server.h"
#include "tests/unit/rt/tasks.h"

enum rpc_type {
	RPC_ECHO = 33,	/* args and data come back; as many as there is room */
	RPC_ECHO_INLINE,
	RPC_FAIL,	/* status -ENXIO */
	RPC_WAIT,	/* answers when rpc_gate opens, or it is cancelled */
	RPC_CLOSE,	/* its handler closes the connection */
	RPC_BACK,	/* asks who asked for an echo, and answers that */
	RPC_TOO_MUCH,	/* answers more than there is room for */
	RPC_OVERFLOW,	/* runs over the end of its stack */
	RPC_OVERFLOW_INLINE,
};

static struct rt_rendez rpc_gate TASKS_UNUSED;
static uint32_t rpc_waiting TASKS_UNUSED;	/* handlers at the gate */
static uint32_t rpc_cancelled TASKS_UNUSED;	/* that left it so */
static uint32_t rpc_ended TASKS_UNUSED;	/* connections, by `ended` */

static int
rpc_handle_echo(struct rt_rpc_request *r, void *user)
{
	(void)user;
	memcpy(r->answer_args, r->args, r->args_length);
	r->answer_args_length = r->args_length;
	r->answer_length = r->data_length < r->room ? r->data_length : r->room;
	if (r->answer_length)
		memcpy(r->answer, r->data, r->answer_length);
	return 0;
}

static int
rpc_handle_fail(struct rt_rpc_request *r, void *user)
{
	(void)r;
	(void)user;
	return -ENXIO;
}

static int
rpc_handle_wait(struct rt_rpc_request *r, void *user)
{
	int rc;

	(void)user;
	rpc_waiting++;
	rc = rt_rendez_sleep(&rpc_gate, r->deadline);
	rpc_waiting--;
	rpc_cancelled += rc == -ECANCELED;
	return rc;
}

static int
rpc_handle_close(struct rt_rpc_request *r, void *user)
{
	(void)user;
	rt_rpc_close(r->rpc);
	return 0;
}

static int
rpc_handle_back(struct rt_rpc_request *r, void *user)
{
	struct rt_rpc_call call = {
		.type = RPC_ECHO, .data = r->data,
		.data_length = r->data_length,
		.answer = r->answer, .room = r->room,
	};
	int rc = rt_rpc_call(r->rpc, &call, RT_NEVER);

	(void)user;
	r->answer_length = call.answer_length;
	return rc ? rc : call.status;
}

static int
rpc_handle_too_much(struct rt_rpc_request *r, void *user)
{
	(void)user;
	r->answer_length = r->room + 1;
	return 0;
}

static int
rpc_deeper(volatile char *from, int left)
{
	volatile char here[1024];

	memset((char *)(uintptr_t)here, from[0], sizeof(here));
	return left ? rpc_deeper(here, left - 1) + here[5] : here[7];
}

static int
rpc_handle_overflow(struct rt_rpc_request *r, void *user)
{
	volatile char zero[1] = { 0 };

	(void)r;
	(void)user;
	return rpc_deeper(zero, 1 << 20);
}

static const struct rt_rpc_type rpc_types[] TASKS_UNUSED = {
	{ RPC_ECHO, 0, rpc_handle_echo },
	{ RPC_ECHO_INLINE, RT_RPC_INLINE, rpc_handle_echo },
	{ RPC_FAIL, 0, rpc_handle_fail },
	{ RPC_WAIT, 0, rpc_handle_wait },
	{ RPC_CLOSE, 0, rpc_handle_close },
	{ RPC_BACK, 0, rpc_handle_back },
	{ RPC_TOO_MUCH, 0, rpc_handle_too_much },
	{ RPC_OVERFLOW, 0, rpc_handle_overflow },
	{ RPC_OVERFLOW_INLINE, RT_RPC_INLINE, rpc_handle_overflow },
};

static TASKS_UNUSED void
rpc_count_end(struct rt_rpc *rpc, int why, void *user)
{
	ck_assert_int_eq(rt_rpc_why(rpc), why);
	ck_assert_int_ne(why, 0);
	(void)user;
	rpc_ended++;
}

/* The options of an end that knows the types above. */
static TASKS_UNUSED struct rt_rpc_opts
rpc_opts(void)
{
	return (struct rt_rpc_opts){
		.types = rpc_types,
		.type_count = sizeof(rpc_types) / sizeof(rpc_types[0]),
		.ended = rpc_count_end,
	};
}

static TASKS_UNUSED void
rpc_begin(void)
{
	rt_rendez_init(&rpc_gate);
	rpc_waiting = rpc_cancelled = rpc_ended = 0;
}

/* Make an end of a socket. NULL: as rpc_opts. */
static TASKS_UNUSED struct rt_rpc *
rpc_of(int fd, const struct rt_rpc_opts *opts)
{
	struct rt_rpc_opts usual = rpc_opts();
	struct rt_rpc *rpc;

	ck_assert_int_eq(rt_rpc_new(fd, opts ? opts : &usual, &rpc), 0);
	return rpc;
}

struct rpc_ends {
	struct rt_rpc *a, *b;
};

static TASKS_UNUSED void
rpc_sockets(int fds[2])
{
	if (rt_sim_node_self()) {
		ck_assert_int_eq(rt_sim_pair(fds), 0);
		return;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
				    SOCK_CLOEXEC, 0, fds), 0);
}

/* Two ends. */
static TASKS_UNUSED void
rpc_pair(struct rpc_ends *e, const struct rt_rpc_opts *a,
	 const struct rt_rpc_opts *b)
{
	int fds[2];

	rpc_begin();
	rpc_sockets(fds);
	e->a = rpc_of(fds[0], a);
	e->b = rpc_of(fds[1], b);
}

static TASKS_UNUSED void
rpc_end(struct rpc_ends *e)
{
	rt_rpc_free(e->a);
	rt_rpc_free(e->b);
}

static char rpc_answer[1u << 20] TASKS_UNUSED;

/* A call for an echo of at most 1 MiB, into rpc_answer. */
static TASKS_UNUSED struct rt_rpc_call
rpc_echo(const void *data, uint32_t length)
{
	return (struct rt_rpc_call){
		.type = RPC_ECHO, .data = data, .data_length = length,
		.answer = rpc_answer, .room = length,
	};
}

/* A call without data of a type. */
static TASKS_UNUSED struct rt_rpc_call
rpc_plain(uint32_t type)
{
	return (struct rt_rpc_call){ .type = type };
}

#endif
