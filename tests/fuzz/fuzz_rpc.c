/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: an end of an RPC, whose peer is the input: it writes frames with
 * members of its choice and right CRCs, or wrong ones, or plain bytes, reads or
 * does not, and goes away. The end answers and asks meanwhile. Each of its
 * calls ends, it holds no more memory than its window allows, and all ends when
 * the peer has gone.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/vine_limits.h"
#include "rt/rt_io.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rpc.h"
#include "rt/rt_rpc_wire.h"
#include "rt/rt_sched.h"
#include "tests/fuzz/fuzz.h"
#include "utils/utils_crc32c.h"

#define STEPS 64
#define CALLERS 3
#define REQUESTS 4
#define DATA 5000u
#define WINDOW 12000u

struct scene {
	struct rt_sched *sched;
	struct rt_rpc *rpc;
	struct fuzz_in in;
	int peer;
	uint64_t number;	/* of the last request that was seen */
	uint32_t calling;
	struct rt_rendez gate;
};

static int
echo(struct rt_rpc_request *r, void *user)
{
	(void)user;
	fuzz_check(r->data_length <= DATA && r->room <= DATA);
	memcpy(r->answer_args, r->args, r->args_length);
	r->answer_args_length = r->args_length;
	r->answer_length = r->data_length < r->room ? r->data_length : r->room;
	if (r->answer_length)
		memcpy(r->answer, r->data, r->answer_length);
	return 0;
}

static int
wait(struct rt_rpc_request *r, void *user)
{
	struct scene *s = user;

	(void)r;
	return rt_rendez_sleep(&s->gate, RT_NEVER);
}

static const struct rt_rpc_type types[] = {
	{ 0, 0, echo }, { 1, RT_RPC_INLINE, echo }, { 2, 0, wait },
};

static int
caller(void *arg)
{
	static const char data[DATA];
	static char to[DATA];
	struct scene *s = arg;
	struct rt_rpc_call call = {
		.type = 1, .data = data, .data_length = 100, .answer = to,
		.room = DATA,
	};
	int rc = 0;

	while (rc == 0 || rc == -ETIMEDOUT) {
		rc = rt_rpc_call(s->rpc, &call, s->in.left % 2 ? RT_NEVER :
				 rt_sched_now(s->sched) + 1000);
		if (rc == 0)
			fuzz_check(call.answer_length <= DATA &&
				   call.answer_args_length <= VINE_RPC_ARGS &&
				   call.status <= 0);
		if (rc == -ETIMEDOUT && rt_task_yield())
			break;
	}
	fuzz_check(rc < 0);
	s->calling--;
	return 0;
}

/* --- the peer ------------------------------------------------------------- */

static void
put(struct scene *s, const void *data, size_t length)
{
	/* what finds no room is lost: that is garbage too */
	ssize_t n = send(s->peer, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n;
}

/* A number that the end knows, or nearly; or any. */
static uint64_t
some_number(struct scene *s)
{
	switch (fuzz_take(&s->in, 1) % 4) {
	case 0:
		return s->number;
	case 1:
		return fuzz_take(&s->in, 8);
	default:
		return fuzz_take(&s->in, 1) % (REQUESTS + 1) |
			fuzz_take(&s->in, 1) << 16;
	}
}

static uint32_t
some_length(struct scene *s, uint32_t most)
{
	uint32_t n = (uint32_t)fuzz_take(&s->in, 2);

	return n & 0x8000 ? (uint32_t)fuzz_take(&s->in, 4) : n % (most + 2);
}

static void
put_frame(struct scene *s)
{
	static const uint8_t body[2 * DATA];
	uint8_t what = (uint8_t)fuzz_take(&s->in, 1), bytes[RT_RPC_HEAD];
	struct rt_rpc_head head = {
		.kind = what % 8,
		.number = some_number(s),
		.type = (uint32_t)fuzz_take(&s->in, 1) % 4,
		.args = what & 8 ? some_length(s, VINE_RPC_ARGS) : 0,
		.data = what & 16 ? some_length(s, DATA) : 0,
		.room = what & 32 ? some_length(s, DATA) : 0,
		.status = what & 64 ? (uint32_t)fuzz_take(&s->in, 4) : 0,
		.wait = (uint32_t)fuzz_take(&s->in, 1),
	};
	uint64_t length = (uint64_t)head.args + head.data;

	if (length > sizeof(body))
		length = sizeof(body);
	if (what & 128) {
		head.flags = RT_RPC_FLAG_BODY;
		head.body = utils_crc32c(0, body, length);
	}
	rt_rpc_head_put(bytes, &head);
	put(s, bytes, sizeof(bytes));
	put(s, body, length);
}

static void
put_hello(struct scene *s)
{
	const struct rt_rpc_hello hello = {
		.oldest = (uint16_t)fuzz_take(&s->in, 1) % 3,
		.newest = 1 + (uint16_t)fuzz_take(&s->in, 1) % 3,
		.wishes = (uint32_t)fuzz_take(&s->in, 1),
		.data = (uint32_t)fuzz_take(&s->in, 2),
		.window = fuzz_take(&s->in, 2),
	};
	const struct rt_rpc_head head = {
		.kind = RT_RPC_HELLO, .args = RT_RPC_HELLO_BYTES,
		.credit = (uint32_t)fuzz_take(&s->in, 1),
	};
	uint8_t bytes[RT_RPC_HEAD + RT_RPC_HELLO_BYTES];

	rt_rpc_head_put(bytes, &head);
	rt_rpc_hello_put(bytes + RT_RPC_HEAD, &hello);
	put(s, bytes, sizeof(bytes));
}

/* Read what there is; note the number of the last request in it. */
static void
look(struct scene *s)
{
	uint8_t bytes[4096];
	ssize_t n = recv(s->peer, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct rt_rpc_head head;

	for (ssize_t at = 0; at + (ssize_t)RT_RPC_HEAD <= n; at++)
		if (memcmp(bytes + at, "VRPC", 4) == 0 &&
		    rt_rpc_head_get(bytes + at, &head) == 0 &&
		    head.kind == RT_RPC_REQUEST)
			s->number = head.number;
}

static void
step(struct scene *s)
{
	uint8_t bytes[64];
	size_t n;

	switch (fuzz_take(&s->in, 1) % 8) {
	case 0:
		put_hello(s);
		break;
	case 1:
		n = fuzz_take(&s->in, 1) % sizeof(bytes);
		fuzz_copy(&s->in, bytes, n);
		put(s, bytes, n);
		break;
	case 2:
		rt_rendez_wake(&s->gate);
		break;
	case 3:
		look(s);
		break;
	case 4:
		for (int i = 0; i < 4; i++)
			rt_task_yield();
		break;
	default:
		put_frame(s);
		break;
	}
	rt_task_yield();
}

static int
play(void *arg)
{
	struct scene *s = arg;
	struct rt_rpc_stats stats;

	for (uint32_t i = 0; i < CALLERS; i++)
		s->calling += rt_task_create(s->sched, caller, s, NULL,
					     NULL) == 0;
	if (fuzz_take(&s->in, 1) % 8)
		put_hello(s);
	for (int i = 0; i < STEPS && s->in.left; i++)
		step(s);
	close(s->peer);
	fuzz_check(rt_rpc_join(s->rpc, RT_NEVER) == 0);
	fuzz_check(rt_rpc_why(s->rpc) < 0);
	while (s->calling)
		rt_task_yield();
	rt_rpc_stats(s->rpc, &stats);
	fuzz_check(stats.held_most <= 3 * WINDOW + (REQUESTS + 2) * 8192);
	rt_rpc_free(s->rpc);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rt_sched_opts opts = { .engine = RT_WAIT_EPOLL };
	struct scene s = { .in = { data, size } };
	const struct rt_rpc_opts mine = {
		.types = types, .type_count = 3, .user = &s,
		.requests = REQUESTS, .data_max = DATA, .window = WINDOW,
	};
	int fds[2];

	rt_rendez_init(&s.gate);
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			      fds) == 0);
	s.peer = fds[1];
	fuzz_check(rt_sched_new(&opts, &s.sched) == 0);
	fuzz_check(rt_sched_enter(s.sched) == 0);
	fuzz_check(rt_rpc_new(fds[0], &mine, &s.rpc) == 0);
	fuzz_check(rt_task_create(s.sched, play, &s, NULL, NULL) == 0);
	fuzz_check(rt_sched_run(s.sched) == 0);
	fuzz_check(rt_sched_free(s.sched) == 0);
	return 0;
}
