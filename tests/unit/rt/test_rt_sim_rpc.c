/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPC over a network that is cut, resets, stalls and sends in parts, with a
 * server whose power is cut: a call that returns 0 was answered once and right,
 * one that does not was carried out once at most, and no call waits for ever.
 *
 * ctest: soak=600
 */
#include "tests/unit/rt/rpc.h"
#include "tests/unit/rt/sim.h"

#define CLIENTS 3
#define TASKS 3
#define CALLS 8
#define ALL (CLIENTS * TASKS * CALLS)
#define DATA_MAX 20000

enum { STAMP = 40 };

static struct {
	struct rt_sim_node *server, *clients[CLIENTS];
	uint32_t stamps[ALL];	/* how often each was carried out */
	uint32_t done;		/* tasks of clients */
	uint64_t answered, failed, dials;
} world;

/* What a client asks for: its number, and bytes that say which. */
static int
handle_stamp(struct rt_rpc_request *r, void *user)
{
	uint32_t number;

	(void)user;
	ck_assert_uint_eq(r->args_length, sizeof(number));
	memcpy(&number, r->args, sizeof(number));
	ck_assert_uint_lt(number, ALL);
	world.stamps[number]++;
	/* some take long; a cut or a cancel may come meanwhile */
	if (rt_sched_random(rt_sched_self()) % 8 == 0 &&
	    rt_task_delay(sim_in(20 * MS)) != 0)
		return -ECANCELED;
	r->answer_length = r->data_length;
	memcpy(r->answer, r->data, r->data_length);
	return 0;
}

static const struct rt_rpc_type types[] = { { STAMP, 0, handle_stamp } };

static int
serve(void *arg)
{
	struct rt_rpc_server_opts opts = { .rpc = { .types = types,
		.type_count = 1, .stall_ms = 2000 } };
	struct rt_rpc_server *server;
	struct rt_rendez never;
	int fd;

	(void)arg;
	rt_rendez_init(&never);
	ck_assert_int_eq(rt_net_announce("tcp:0.0.0.0:70", NULL, &fd), 0);
	ck_assert_int_eq(rt_rpc_server_new(fd, &opts, &server), 0);
	rt_rendez_sleep(&never, RT_NEVER);
	rt_rpc_server_free(server);
	return 0;
}

static int
ask(struct rt_rpc *rpc, uint32_t number)
{
	uint32_t length = (uint32_t)(rt_sched_random(rt_sched_self()) %
				     DATA_MAX);
	char *data = malloc(2 * DATA_MAX), *back = data + DATA_MAX;
	struct rt_rpc_call call = {
		.type = STAMP, .args = &number, .args_length = sizeof(number),
		.data = data, .data_length = length, .answer = back,
		.room = length,
	};
	int rc;

	memset(data, (int)(number + 1), length);
	rc = rt_rpc_call(rpc, &call, sim_in(30 * SECOND));
	if (rc == 0 && call.status == 0) {
		ck_assert_uint_eq(call.answer_length, length);
		ck_assert_mem_eq(data, back, length);
		ck_assert_uint_eq(world.stamps[number], 1);
		world.answered++;
	} else {
		ck_assert_uint_le(world.stamps[number], 1);
		world.failed++;
		rc = rc ? rc : call.status;
	}
	free(data);
	return rc;
}

static struct rt_rpc *
dial(void)
{
	static const struct rt_rpc_opts opts = { .stall_ms = 2000 };
	struct rt_rpc *rpc;
	int fd;

	world.dials++;
	if (rt_net_dial("tcp:server:70", sim_in(3 * SECOND), &fd) != 0)
		return NULL;
	ck_assert_int_eq(rt_rpc_new(fd, &opts, &rpc), 0);
	return rpc;
}

/* One client's task: each number is asked for once, come what may. */
static int
ask_all(void *arg)
{
	const uint32_t first = (uint32_t)(uintptr_t)arg * CALLS;
	struct rt_rpc *rpc = NULL;

	for (uint32_t i = 0; i < CALLS;) {
		if (rpc == NULL)
			rpc = dial();
		if (rpc == NULL) {
			rt_task_delay(sim_in(100 * MS));
			continue;
		}
		if (ask(rpc, first + i++) != 0) {
			rt_rpc_free(rpc);
			rpc = NULL;
		}
	}
	if (rpc)
		rt_rpc_free(rpc);
	world.done++;
	return 0;
}

static int
begin_client(void *arg)
{
	uintptr_t first = (uintptr_t)arg * TASKS;

	rt_task_delay(sim_in(10 * MS));
	for (uintptr_t i = 0; i < TASKS; i++)
		sim_go(ask_all, (void *)(first + i));
	return 0;
}

/* Cut, join, kill; and leave them alone in the end. */
static int
trouble(void *arg)
{
	struct rt_sched *s = rt_sched_self();

	(void)arg;
	for (int i = 0; i < 8 && world.done < CLIENTS * TASKS; i++) {
		struct rt_sim_node *one =
			world.clients[rt_sched_random(s) % CLIENTS];

		rt_task_delay(sim_in(rt_sched_random(s) % (50 * MS)));
		rt_sim_partition(world.server, one, 1);
		if (rt_sched_random(s) % 3 == 0)
			rt_sim_restart(world.server, serve, NULL);
		rt_task_delay(sim_in(rt_sched_random(s) % (3 * SECOND)));
		rt_sim_partition(world.server, one, 0);
	}
	while (world.done < CLIENTS * TASKS)
		rt_task_delay(sim_in(SECOND));
	rt_sim_crash(world.server);
	return 0;
}

static void
run(struct rt_sim *sim)
{
	const uint64_t answered = world.answered, failed = world.failed;
	char name[16];

	memset(&world, 0, sizeof(world));
	world.answered = answered;
	world.failed = failed;
	world.server = sim_node(sim, "server", serve, NULL);
	for (uintptr_t i = 0; i < CLIENTS; i++) {
		snprintf(name, sizeof(name), "client%d", (int)i);
		world.clients[i] = sim_node(sim, name, begin_client,
					    (void *)i);
	}
	sim_node(sim, "operator", trouble, NULL);
	ck_assert_int_eq(rt_sim_run(sim, 3600 * SECOND), 0);
	ck_assert_uint_eq(world.done, CLIENTS * TASKS);
}

static void
hear_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

START_TEST(calls_end_well_or_not_at_all_whatever_the_network_does)
{
	static const struct rt_sim_opts opts = { .faults = {
		.short_send = 10, .short_recv = 10, .net_stall = 50,
		.net_reset = 400,
	} };
	uint64_t n;

	memset(&world, 0, sizeof(world));
	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	n = sim_seeds(TASKS_SANITIZED ? 50 : 200, &opts, run);
	printf("%" PRIu64 " seeds, %" PRIu64 " calls answered, %" PRIu64
	       " not\n", n, world.answered, world.failed);
	ck_assert_uint_gt(world.answered, world.failed);
	ck_assert_uint_ge(world.failed, n / 4);
}
END_TEST

static uint64_t
digest_of(uint64_t seed)
{
	struct rt_sim *sim = sim_new(NULL, seed);

	run(sim);
	return sim_end(sim);
}

START_TEST(the_same_seed_is_the_same_run)
{
	uint64_t one;

	memset(&world, 0, sizeof(world));
	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	one = digest_of(7);
	printf("seed 7 digest %016" PRIx64 "\n", one);
	ck_assert_uint_eq(digest_of(7), one);
	ck_assert_uint_ne(digest_of(8), one);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rt_sim_rpc");

	tcase_add_test(tc,
		calls_end_well_or_not_at_all_whatever_the_network_does);
	tcase_add_test(tc, the_same_seed_is_the_same_run);
	return sim_main("rt_sim_rpc", tc);
}
