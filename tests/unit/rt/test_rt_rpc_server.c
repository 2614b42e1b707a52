/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of RPC servers, over TCP on loopback, on each engine: one session more
 * than are allowed, a thousand at once, and the server's end under load. Also
 * random programs of clients, held against what each must see.
 */
#include "tests/unit/rt/io.h"
#include "tests/unit/rt/rpc.h"

#define SESSIONS (TASKS_SANITIZED ? 200 : 1000)

static struct rt_rpc_server *server;
static char address[RT_NET_TEXT];
static uint32_t done;

static void
hear_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

static void
serve(const struct rt_rpc_server_opts *opts)
{
	struct rt_net_address a;
	int fd;

	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	rpc_begin();
	done = 0;
	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", NULL, &fd), 0);
	ck_assert_int_eq(rt_net_local(fd, &a), 0);
	rt_net_print(&a, address);
	ck_assert_int_eq(rt_rpc_server_new(fd, opts, &server), 0);
}

static struct rt_rpc *
dial(void)
{
	static const struct rt_rpc_opts none;
	int fd;

	ck_assert_int_eq(rt_net_dial(address, RT_NEVER, &fd), 0);
	return rpc_of(fd, &none);
}

static struct rt_rpc_server_stats
stats(void)
{
	struct rt_rpc_server_stats s;

	rt_rpc_server_stats(server, &s);
	return s;
}

static int
echo(struct rt_rpc *rpc, uint64_t what)
{
	uint64_t back = 0;
	struct rt_rpc_call call = {
		.type = RPC_ECHO, .data = &what, .data_length = sizeof(what),
		.answer = &back, .room = sizeof(back),
	};
	int rc = rt_rpc_call(rpc, &call, RT_NEVER);

	if (rc)
		return rc;
	ck_assert_int_eq(call.status, 0);
	ck_assert_uint_eq(back, what);
	return 0;
}

IO_CASE(one_session_too_many_is_told_so_and_the_others_go_on)
{
	struct rt_rpc_server_opts opts = { .rpc = rpc_opts(), .sessions = 32 };
	struct rt_rpc *clients[33];

	serve(&opts);
	for (int i = 0; i < 32; i++) {
		clients[i] = dial();
		ck_assert_int_eq(echo(clients[i], 1), 0);
	}
	clients[32] = dial();
	ck_assert_int_eq(echo(clients[32], 1), -EBUSY);
	for (uint64_t i = 0; i < 32; i++)
		ck_assert_int_eq(echo(clients[i], i), 0);
	ck_assert_uint_eq(stats().sessions, 32);
	ck_assert_uint_eq(stats().refused, 1);
	/* where one goes, another one may come */
	rt_rpc_free(clients[32]);
	rt_rpc_free(clients[0]);
	while (stats().sessions == 32)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	clients[0] = dial();
	ck_assert_int_eq(echo(clients[0], 1), 0);
	for (int i = 0; i < 32; i++)
		rt_rpc_free(clients[i]);
	rt_rpc_server_free(server);
	ck_assert_uint_eq(rpc_ended, 33);
	return 0;
}

static uint32_t together;

static int
session(void *arg)
{
	struct rt_rpc *rpc = dial();

	for (uint64_t i = 0; i < 5; i++)
		ck_assert_int_eq(echo(rpc, (uintptr_t)arg << 32 | i), 0);
	/* stay until all are there */
	together++;
	while (together < SESSIONS)
		ck_assert_int_eq(rt_task_delay(in_ms(5)), 0);
	ck_assert_int_eq(echo(rpc, (uintptr_t)arg), 0);
	rt_rpc_free(rpc);
	done++;
	return 0;
}

IO_CASE(a_thousand_sessions_at_once_are_served)
{
	struct rt_rpc_server_opts opts = {
		.rpc = rpc_opts(), .sessions = SESSIONS,
	};

	serve(&opts);
	together = 0;
	for (uintptr_t i = 0; i < SESSIONS; i++)
		go(session, (void *)i);
	while (done < SESSIONS)
		ck_assert_int_eq(rt_task_delay(in_ms(10)), 0);
	ck_assert_uint_eq(stats().accepted, SESSIONS);
	ck_assert_uint_eq(stats().refused, 0);
	rt_rpc_server_free(server);
	ck_assert_uint_eq(rpc_ended, SESSIONS);
	return 0;
}

static int
until_it_ends(void *arg)
{
	struct rt_rpc *rpc = dial();
	int rc;

	do
		rc = echo(rpc, (uintptr_t)arg);
	while (rc == 0);
	ck_assert_int_eq(rc, -ECONNRESET);
	rt_rpc_free(rpc);
	done++;
	return 0;
}

IO_CASE(a_server_that_ends_under_load_ends_all_its_sessions)
{
	struct rt_rpc_server_opts opts = { .rpc = rpc_opts() };

	serve(&opts);
	for (uintptr_t i = 0; i < 50; i++)
		go(until_it_ends, (void *)i);
	while (stats().accepted < 50)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	ck_assert_int_eq(rt_task_delay(in_ms(20)), 0);
	rt_rpc_server_free(server);
	while (done < 50)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	ck_assert_uint_eq(rpc_ended, 50);
	return 0;
}

IO_CASE(a_server_takes_no_options_beyond_the_limits)
{
	struct rt_rpc_server_opts opts = { .rpc = rpc_opts() };

	opts.rpc.requests = VINE_RPC_REQUESTS_MAX + 1;
	ck_assert_int_eq(rt_rpc_server_new(-1, &opts, &server), -EINVAL);
	return 0;
}

/* --- random programs --- */

#define PROGRAMS 12
#define STEPS 150

/* A step of a client: what it asks for, and what may come of it. */
static void
random_step(struct rt_rpc **rpc, char *from, char *to)
{
	uint64_t r = rt_sched_random(sched);
	uint32_t n = (uint32_t)(r >> 8) % (r & 0x80 ? 60000 : 300);
	struct rt_rpc_call call = {
		.type = r & 1 ? RPC_ECHO : RPC_ECHO_INLINE,
		.data = from, .data_length = n, .args = from,
		.args_length = (uint32_t)(r >> 32) % (VINE_RPC_ARGS + 1),
		.answer = to, .room = n,
	};
	int rc;

	switch (r >> 56) {
	case 0: case 1: case 2:		/* nobody waits for long */
		call.type = RPC_WAIT;
		rc = rt_rpc_call(*rpc, &call, in_ms(r >> 40 & 3));
		ck_assert_int_eq(rc, -ETIMEDOUT);
		return;
	case 3:
		rt_rpc_free(*rpc);
		*rpc = dial();
		return;
	case 4:
		call.type = RPC_FAIL;
		ck_assert_int_eq(rt_rpc_call(*rpc, &call, RT_NEVER), 0);
		ck_assert_int_eq(call.status, -ENXIO);
		return;
	case 5:
		call.type = RPC_CLOSE;
		ck_assert_int_eq(rt_rpc_call(*rpc, &call, RT_NEVER),
				 -ECONNRESET);
		rt_rpc_free(*rpc);
		*rpc = dial();
		return;
	}
	for (uint32_t i = 0; i < n; i += 97)
		from[i] = (char)(r >> i % 50);
	ck_assert_int_eq(rt_rpc_call(*rpc, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, 0);
	ck_assert_uint_eq(call.answer_length, n);
	ck_assert_int_eq(memcmp(from, to, n), 0);
	ck_assert_uint_eq(call.answer_args_length, call.args_length);
	ck_assert_int_eq(memcmp(call.answer_args, from, call.args_length), 0);
}

static int
program(void *arg)
{
	char *from = calloc(1, 60000), *to = malloc(60000);
	struct rt_rpc *rpc = dial();

	(void)arg;
	for (int i = 0; i < STEPS; i++)
		random_step(&rpc, from, to);
	rt_rpc_free(rpc);
	free(from);
	free(to);
	done++;
	return 0;
}

IO_CASE(random_programs_see_what_they_must)
{
	struct rt_rpc_server_opts opts = { .rpc = rpc_opts() };

	opts.rpc.requests = 3;
	opts.rpc.data_max = 65536;
	opts.rpc.window = 200000;
	opts.rpc.flags = RT_RPC_CHECK;
	serve(&opts);
	for (int i = 0; i < PROGRAMS; i++)
		go(program, NULL);
	while (done < PROGRAMS)
		ck_assert_int_eq(rt_task_delay(in_ms(5)), 0);
	rt_rpc_server_free(server);
	ck_assert_uint_eq(rpc_waiting, 0);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("server");

	io_add(tc,
	       one_session_too_many_is_told_so_and_the_others_go_on);
	io_add(tc, a_thousand_sessions_at_once_are_served);
	io_add(tc, a_server_that_ends_under_load_ends_all_its_sessions);
	io_add(tc, a_server_takes_no_options_beyond_the_limits);
	io_add(tc, random_programs_see_what_they_must);
	return tasks_main("rt rpc server", tc);
}
