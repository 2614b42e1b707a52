/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of RPC: a server and a client with requests under way, on each engine,
 * while the nth call of libc, of the ring or for memory fails. Whatever fails,
 * every call ends, everybody ends and nothing is left.
 */
#include <check.h>
#include <signal.h>

#define FAULTS_URING 1
#define FAULTS_IO 1
#include "tests/lib/faults.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_rpc.h"
#include "rt/rt_rpc_server.h"
#include "rt/rt_sched.h"
#include "tests/unit/rt/life.h"
#include "utils/utils_log.h"

#define CALLERS 3
#define SIZE 20000

static enum rt_wait_engine engine;
static char data[SIZE];

static int
handle(struct rt_rpc_request *r, void *user)
{
	(void)user;
	memcpy(r->answer, r->data, r->data_length);
	r->answer_length = r->data_length;
	return 0;
}

static const struct rt_rpc_type types[] = {
	{ 0, 0, handle }, { 1, RT_RPC_INLINE, handle },
};

struct caller {
	struct rt_rpc *rpc;
	uint32_t type;
	char to[SIZE];
};

static int
ask(void *arg)
{
	struct caller *c = arg;
	struct rt_rpc_call call = {
		.type = c->type, .data = data, .data_length = SIZE,
		.answer = c->to, .room = SIZE,
	};
	int rc = rt_rpc_call(c->rpc, &call, RT_NEVER);

	if (rc || call.status)
		return rc ? rc : call.status;
	return memcmp(c->to, data, SIZE) == 0 ? 0 : -EIO;
}

static int
ask_all(struct rt_rpc *rpc)
{
	static struct caller callers[CALLERS];
	struct rt_task *tasks[CALLERS];
	int rc = 0, one, n;

	for (n = 0; n < CALLERS && rc == 0; n++) {
		callers[n].rpc = rpc;
		callers[n].type = n % 2;
		rc = rt_task_create(rt_sched_self(), ask, &callers[n], NULL,
				    &tasks[n]);
	}
	n -= rc != 0;
	while (n--) {
		rt_task_join(tasks[n], &one, RT_NEVER);
		rc = rc ? rc : one;
	}
	return rc;
}

/* What goes wrong at the server is a reset, or a refusal, at the client. */
static int
talk(int listener)
{
	static const struct rt_rpc_opts checks = { .flags = RT_RPC_CHECK };
	struct rt_net_address a;
	char text[RT_NET_TEXT];
	struct rt_rpc *rpc;
	int fd, rc = rt_net_local(listener, &a);

	if (rc)
		return rc;
	rt_net_print(&a, text);
	rc = rt_net_dial(text, RT_NEVER, &fd);
	if (rc)
		return rc;
	rc = rt_rpc_new(fd, &checks, &rpc);
	if (rc) {
		rt_io_close(fd);
		return rc;
	}
	rc = ask_all(rpc);
	rt_rpc_free(rpc);
	return rc == -ECONNRESET || rc == -EBUSY ? -ENOMEM : rc;
}

static int
play(void *arg)
{
	const struct rt_rpc_server_opts opts = {
		.rpc = { .types = types, .type_count = 2 },
	};
	struct rt_rpc_server *server;
	int *rc = arg, listener;

	*rc = rt_net_announce("tcp:127.0.0.1:0", NULL, &listener);
	if (*rc)
		return 0;
	*rc = rt_rpc_server_new(listener, &opts, &server);
	if (*rc) {
		rt_io_close(listener);
		return 0;
	}
	*rc = talk(listener);
	rt_rpc_server_free(server);
	return 0;
}

static int
live(void)
{
	struct rt_sched_opts opts = { .engine = engine };
	int played = 0, rc = life_run(&opts, play, &played);

	return rc ? rc : played;
}

static void
hear_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

START_TEST(rpc_bears_each_fault)
{
	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	engine = _i ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
	ck_assert_uint_ge(faults_sweep(_i ? "epoll" : "whatever there is",
				       live), 30);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rt faults of rpc");
	TCase *tc = tcase_create("rpc");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7);
	tcase_add_loop_test(tc, rpc_bears_each_fault, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
