/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of RPC between two ends that keep to the rules, in one thread, on each
 * engine. Those that do not are in test_rt_rpc_peer.c.
 */
#include "tests/unit/rt/io.h"
#include "tests/unit/rt/rpc.h"

static char pattern[1u << 20];

static void
make_pattern(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 7 + i / 251);
}

static int
echo(struct rt_rpc *rpc, uint32_t type, uint32_t length)
{
	struct rt_rpc_call call = rpc_echo(pattern, length);
	int rc;

	call.type = type;
	memset(rpc_answer, 0, length);
	rc = rt_rpc_call(rpc, &call, RT_NEVER);
	if (rc)
		return rc;
	ck_assert_int_eq(call.status, 0);
	ck_assert_uint_eq(call.answer_length, length);
	ck_assert_int_eq(memcmp(rpc_answer, pattern, length), 0);
	return 0;
}

/* --- asking and answering --- */

IO_CASE(what_is_asked_is_answered_inline_and_by_tasks)
{
	static const uint32_t lengths[] = { 0, 1, 63, 4096, 8192, 65536, 70001,
					    1u << 20 };
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		ck_assert_int_eq(echo(e.a, RPC_ECHO, lengths[i]), 0);
		ck_assert_int_eq(echo(e.a, RPC_ECHO_INLINE, lengths[i]), 0);
	}
	rpc_end(&e);
	ck_assert_uint_eq(rpc_ended, 2);
	return 0;
}

IO_CASE(bodies_have_a_crc_where_one_end_wishes_it)
{
	struct rt_rpc_opts a = rpc_opts();
	struct rpc_ends e;

	make_pattern();
	a.flags = RT_RPC_CHECK;
	rpc_pair(&e, &a, NULL);
	for (uint32_t n = 0; n < 100000; n = n * 3 + 1) {
		ck_assert_int_eq(echo(e.a, RPC_ECHO, n), 0);
		ck_assert_int_eq(echo(e.b, RPC_ECHO_INLINE, n), 0);
	}
	rpc_end(&e);
	return 0;
}

IO_CASE(arguments_and_the_status_come_back)
{
	struct rpc_ends e;
	struct rt_rpc_call call = rpc_plain(RPC_ECHO);

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	call.args = pattern;
	call.args_length = VINE_RPC_ARGS;
	ck_assert_int_eq(rt_rpc_call(e.b, &call, RT_NEVER), 0);
	ck_assert_uint_eq(call.answer_args_length, VINE_RPC_ARGS);
	ck_assert_int_eq(memcmp(call.answer_args, pattern, VINE_RPC_ARGS), 0);
	call.args_length++;
	ck_assert_int_eq(rt_rpc_call(e.b, &call, RT_NEVER), -EINVAL);
	call = rpc_plain(RPC_FAIL);
	ck_assert_int_eq(rt_rpc_call(e.b, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, -ENXIO);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_type_that_nobody_knows_is_an_error_of_the_request_alone)
{
	struct rt_rpc_call call;
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	call = rpc_echo(pattern, 100000);
	call.type = 4711;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, -ENOSYS);
	ck_assert_uint_eq(call.answer_length, 0);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 100), 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(an_answer_that_is_too_much_is_an_error_of_the_request_alone)
{
	struct rt_rpc_call call = rpc_plain(RPC_TOO_MUCH);
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	call.answer = rpc_answer;
	call.room = 10;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, -EMSGSIZE);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 100), 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_handler_asks_back_who_asked)
{
	struct rt_rpc_call call;
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	call = rpc_echo(pattern, 9000);
	call.type = RPC_BACK;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, 0);
	ck_assert_int_eq(memcmp(rpc_answer, pattern, 9000), 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(ends_know_each_other_by_their_identities)
{
	struct rt_rpc_opts a = rpc_opts(), b = rpc_opts();
	struct rpc_ends e;

	make_pattern();
	a.identity = 1234;
	b.user = &e;
	rpc_pair(&e, &a, &b);
	ck_assert_uint_eq(rt_rpc_peer(e.b), 0);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 1), 0);
	ck_assert_uint_eq(rt_rpc_peer(e.b), 1234);
	ck_assert_uint_ne(rt_rpc_peer(e.a), 0);
	ck_assert_ptr_eq(rt_rpc_user(e.b), &e);
	ck_assert_int_eq(rt_rpc_why(e.a), 0);
	rpc_end(&e);
	return 0;
}

#if !TASKS_SANITIZED
static void
hear_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

IO_CASE(a_handler_that_overflows_is_an_error_of_the_request_alone)
{
	struct rt_rpc_call call = rpc_plain(RPC_OVERFLOW);
	struct rpc_ends e;

	make_pattern();
	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	rpc_pair(&e, NULL, NULL);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, -EOVERFLOW);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 100), 0);
	rpc_end(&e);
	return 0;
}

static int
wait_for_answer(void *arg)
{
	struct rt_rpc_call call = rpc_plain(RPC_WAIT);

	return rt_rpc_call(arg, &call, RT_NEVER);
}

/* All who wait at either end are told, and nothing is left. */
IO_CASE(an_inline_handler_that_overflows_ends_its_connection_alone)
{
	struct rt_rpc_call call = rpc_echo(pattern, 9000);
	struct rpc_ends e, other;
	struct rt_task *here, *there;

	make_pattern();
	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	rpc_pair(&other, NULL, NULL);
	rpc_pair(&e, NULL, NULL);
	here = go_joined(wait_for_answer, e.a);
	there = go_joined(wait_for_answer, e.b);
	while (rpc_waiting < 2)
		rt_task_delay(in_ms(1));
	call.type = RPC_OVERFLOW_INLINE;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(join(here), -ECONNRESET);
	ck_assert_int_eq(join(there), -EOVERFLOW);
	ck_assert_int_eq(rt_rpc_join(e.b, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_join(e.a, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_why(e.b), -EOVERFLOW);
	ck_assert_uint_eq(rpc_ended, 2);
	ck_assert_uint_eq(rpc_cancelled, 2);
	ck_assert_int_eq(echo(other.a, RPC_ECHO, 100), 0);
	rpc_end(&e);
	rpc_end(&other);
	return 0;
}

static void
overflow_at_the_end(struct rt_rpc *rpc, int why, void *user)
{
	volatile char zero[1] = { 0 };

	(void)rpc;
	(void)why;
	(void)user;
	rpc_deeper(zero, 1 << 20);
}

/* Of the main task; and of the writer, where that is the last. */
IO_CASE(an_end_that_overflows_is_one)
{
	struct rt_rpc_call call = rpc_plain(RPC_OVERFLOW_INLINE);
	struct rt_rpc_opts b = rpc_opts();
	struct rpc_ends e;

	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	b.ended = overflow_at_the_end;
	rpc_pair(&e, NULL, &b);
	rpc_end(&e);
	rpc_pair(&e, NULL, &b);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -ECONNRESET);
	rpc_end(&e);
	return 0;
}
#endif

/* --- limits --- */

IO_CASE(options_beyond_the_limits_are_refused)
{
	struct rt_rpc_opts o = rpc_opts();
	struct rt_rpc *rpc;
	int fds[2];

	rpc_sockets(fds);
	o.requests = VINE_RPC_REQUESTS_MAX + 1;
	ck_assert_int_eq(rt_rpc_new(fds[0], &o, &rpc), -EINVAL);
	o = rpc_opts();
	o.data_max = VINE_RPC_DATA_MAX + 1;
	ck_assert_int_eq(rt_rpc_new(fds[0], &o, &rpc), -EINVAL);
	o = rpc_opts();
	o.window = VINE_RPC_DATA - 1;
	ck_assert_int_eq(rt_rpc_new(fds[0], &o, &rpc), -EINVAL);
	o = rpc_opts();
	o.type_count = VINE_RPC_TYPES + 1;
	ck_assert_int_eq(rt_rpc_new(fds[0], &o, &rpc), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

IO_CASE(a_message_beyond_the_limit_is_refused_and_all_goes_on)
{
	struct rt_rpc_opts b = rpc_opts();
	struct rt_rpc_call call;
	struct rpc_ends e;

	make_pattern();
	b.data_max = 10000;
	b.window = 15000;
	rpc_pair(&e, NULL, &b);
	call = rpc_echo(pattern, 10001);
	call.room = 0;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -EMSGSIZE);
	call = rpc_echo(pattern, 1);
	call.room = 10001;
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -EMSGSIZE);
	/* each alone, but not both */
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10000), -EMSGSIZE);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 7500), 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(an_end_that_answers_nothing_says_so)
{
	struct rt_rpc_opts none = { 0 };
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, &none, NULL);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10), 0);
	ck_assert_int_eq(echo(e.b, RPC_ECHO, 10), -EOPNOTSUPP);
	rpc_end(&e);
	return 0;
}

static struct rt_rpc *over;	/* the connection of the tasks below */
static uint32_t answered;

static int
wait_at_gate(void *arg)
{
	struct rt_rpc_call call = rpc_plain(RPC_WAIT);
	int rc = rt_rpc_call(over, &call, RT_NEVER);

	(void)arg;
	answered += rc == 0 && call.status == 0;
	return rc ? rc : call.status;
}

/* Open the gate whenever somebody waits at it, until n were answered. */
static void
let_through(uint32_t n)
{
	while (answered < n) {
		rt_rendez_wake_all(&rpc_gate);
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	}
}

IO_CASE(no_more_requests_are_let_in_than_the_credit)
{
	struct rt_rpc_opts b = rpc_opts();
	struct rpc_ends e;

	b.requests = 7;
	rpc_pair(&e, NULL, &b);
	over = e.a;
	answered = 0;
	for (int i = 0; i < 40; i++)
		go(wait_at_gate, NULL);
	while (rpc_waiting < 7)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	ck_assert_int_eq(rt_task_delay(in_ms(5)), 0);
	ck_assert_uint_eq(rpc_waiting, 7);
	let_through(40);
	rpc_end(&e);
	return 0;
}

static int
ask_8k(void *arg)
{
	struct rt_rpc_call call = rpc_echo(pattern, 8192);
	static char to[8][8192];

	call.answer = to[(uintptr_t)arg % 8];
	ck_assert_int_eq(rt_rpc_call(over, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, 0);
	answered++;
	return 0;
}

IO_CASE(a_connection_holds_no_more_memory_than_its_window_allows)
{
	struct rt_rpc_opts b = rpc_opts();
	struct rt_rpc_stats stats;
	struct rpc_ends e;

	make_pattern();
	b.window = 8 * 16384;
	b.data_max = 65536;
	rpc_pair(&e, NULL, &b);
	over = e.a;
	answered = 0;
	for (uintptr_t i = 0; i < 200; i++)
		go(ask_8k, (void *)i);
	while (answered < 200)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	/* large and small by turns: what was kept does not pile up */
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(echo(e.a, RPC_ECHO, i % 2 ? 65536 : 10), 0);
	rt_rpc_stats(e.b, &stats);
	ck_assert_uint_gt(stats.held_most, 0);
	ck_assert_uint_le(stats.held_most, 3 * b.window);
	ck_assert_uint_eq(stats.handled, 220);
	rpc_end(&e);
	return 0;
}

IO_CASE(what_is_answered_at_a_time_is_sent_at_a_time)
{
	struct rt_rpc_stats stats;
	struct rpc_ends e;

	rpc_pair(&e, NULL, NULL);
	over = e.a;
	answered = 0;
	for (int i = 0; i < 32; i++)
		go(wait_at_gate, NULL);
	while (rpc_waiting < 32)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	let_through(32);
	rt_rpc_stats(e.b, &stats);
	ck_assert_uint_eq(stats.sent, 33);	/* with the hello */
	ck_assert_uint_le(stats.sends, 8);
	rpc_end(&e);
	return 0;
}

/* --- deadlines, cancels --- */

IO_CASE(a_call_ends_at_its_deadline_and_its_late_answer_is_dropped)
{
	struct rt_rpc_call call = rpc_plain(RPC_WAIT);
	struct rt_rpc_stats stats;
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	for (int i = 0; i < 3 * VINE_RPC_REQUESTS; i++)
		ck_assert_int_eq(rt_rpc_call(e.a, &call, in_ms(1)),
				 -ETIMEDOUT);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 5000), 0);
	do {
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
		rt_rpc_stats(e.a, &stats);
	} while (stats.late < stats.asked - 1);
	ck_assert_uint_eq(rpc_waiting, 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_deadline_that_has_passed_asks_nothing)
{
	struct rt_rpc_call call = rpc_plain(RPC_ECHO);
	struct rt_rpc_stats stats;
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, 0), -ETIMEDOUT);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10), 0);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, 0), -ETIMEDOUT);
	settle();
	rt_rpc_stats(e.b, &stats);
	ck_assert_uint_eq(stats.handled, 1);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_cancel_ends_the_call_and_the_handler)
{
	struct rt_task *task;
	struct rpc_ends e;

	make_pattern();
	rpc_pair(&e, NULL, NULL);
	over = e.a;
	answered = 0;
	task = go_joined(wait_at_gate, NULL);
	while (rpc_waiting == 0)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	rt_task_cancel(task);
	ck_assert_int_eq(join(task), -ECANCELED);
	while (rpc_cancelled == 0)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10), 0);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_cancel_before_the_turn_takes_nobodys_place)
{
	struct rt_task *tasks[6];
	struct rt_rpc_opts b = rpc_opts();
	struct rpc_ends e;

	b.requests = 1;
	make_pattern();
	rpc_pair(&e, NULL, &b);
	over = e.a;
	answered = 0;
	for (int i = 0; i < 6; i++)
		tasks[i] = go_joined(wait_at_gate, NULL);
	while (rpc_waiting == 0)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	for (int i = 1; i < 6; i += 2)
		rt_task_cancel(tasks[i]);
	for (int i = 1; i < 6; i += 2)
		ck_assert_int_eq(join(tasks[i]), -ECANCELED);
	let_through(3);
	for (int i = 0; i < 6; i += 2)
		ck_assert_int_eq(join(tasks[i]), 0);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10), 0);
	rpc_end(&e);
	return 0;
}

static uint64_t seen_deadline, seen_id;

static int
look(struct rt_rpc_request *r, void *user)
{
	(void)user;
	seen_deadline = r->deadline;
	seen_id = r->id;
	return 0;
}

IO_CASE(a_handler_knows_the_deadline_and_the_id)
{
	static const struct rt_rpc_type types[] = { { 1, 0, look } };
	struct rt_rpc_opts b = { .types = types, .type_count = 1 };
	struct rt_rpc_call call = { .type = 1, .id = UINT64_MAX - 4 };
	struct rpc_ends e;
	uint64_t deadline;

	rpc_pair(&e, NULL, &b);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), 0);
	ck_assert_uint_eq(seen_deadline, RT_NEVER);
	ck_assert_uint_eq(seen_id, UINT64_MAX - 4);
	deadline = in_ms(1000000);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, deadline), 0);
	ck_assert_uint_gt(seen_deadline, deadline - 100000 * MS);
	ck_assert_uint_lt(seen_deadline, deadline + 100000 * MS);
	rpc_end(&e);
	return 0;
}

/* --- the end --- */

IO_CASE(a_close_wakes_all_who_wait_at_both_ends)
{
	struct rt_rpc_opts b = rpc_opts();
	struct rt_task *tasks[20];
	struct rpc_ends e;

	b.requests = 10;	/* half of them wait for their turn */
	rpc_pair(&e, NULL, &b);
	for (int k = 0; k < 2; k++) {
		over = e.a;
		for (int i = 0; i < 20; i++)
			tasks[i] = go_joined(wait_at_gate, NULL);
		while (k == 0 && rpc_waiting < 10)
			ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
		rt_rpc_close(e.a);
		for (int i = 0; i < 20; i++)
			ck_assert_int_eq(join(tasks[i]), -EPIPE);
		ck_assert_int_eq(rt_rpc_join(e.b, RT_NEVER), 0);
		ck_assert_int_eq(rt_rpc_why(e.b), -ECONNRESET);
		ck_assert_uint_eq(rpc_waiting, 0);
	}
	ck_assert_uint_eq(rpc_cancelled, 10);
	rpc_end(&e);
	ck_assert_uint_eq(rpc_ended, 2);
	return 0;
}

IO_CASE(who_is_asked_may_close_and_the_caller_is_told)
{
	struct rt_rpc_call call = rpc_plain(RPC_CLOSE);
	struct rpc_ends e;

	rpc_pair(&e, NULL, NULL);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(rt_rpc_call(e.a, &call, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(rt_rpc_join(e.b, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_why(e.b), -EPIPE);
	rpc_end(&e);
	return 0;
}

IO_CASE(a_connection_may_be_closed_before_it_has_begun)
{
	struct rpc_ends e;

	rpc_pair(&e, NULL, NULL);
	rt_rpc_close(e.a);
	rt_rpc_close(e.a);
	rpc_end(&e);
	ck_assert_uint_eq(rpc_ended, 2);
	return 0;
}

static uint32_t opened;

static void
close_at_once(struct rt_rpc *rpc, void *user)
{
	(void)user;
	opened++;
	rt_rpc_close(rpc);
}

IO_CASE(a_connection_may_be_closed_as_soon_as_it_is_open)
{
	struct rt_rpc_opts b = rpc_opts();
	struct rpc_ends e;

	make_pattern();
	opened = 0;
	b.opened = close_at_once;
	rpc_pair(&e, NULL, &b);
	ck_assert_int_eq(echo(e.a, RPC_ECHO, 10), -ECONNRESET);
	ck_assert_uint_eq(opened, 1);
	rpc_end(&e);
	return 0;
}

static int
echo_on(void *arg)
{
	static char to[32][8192];
	struct rt_rpc_call call = rpc_echo(pattern, 8192);
	int rc;

	call.answer = to[(uintptr_t)arg % 32];
	do {
		rc = rt_rpc_call(over, &call, RT_NEVER);
		ck_assert_int_eq(rc == 0 ? call.status : 0, 0);
		answered += rc == 0;
	} while (rc == 0);
	return rc;
}

IO_CASE(a_close_under_load_ends_every_call_and_leaves_nothing)
{
	struct rt_task *tasks[32];
	struct rpc_ends e;

	make_pattern();
	for (uint32_t k = 0; k < 40; k++) {
		rpc_pair(&e, NULL, NULL);
		over = k % 2 ? e.a : e.b;
		answered = 0;
		for (uintptr_t i = 0; i < 32; i++)
			tasks[i] = go_joined(echo_on, (void *)i);
		while (answered < 37 * k)
			rt_task_yield();
		rt_rpc_close(k % 4 < 2 ? e.a : e.b);
		for (int i = 0; i < 32; i++) {
			int rc = join(tasks[i]);

			ck_assert(rc == -EPIPE || rc == -ECONNRESET);
		}
		rpc_end(&e);
		ck_assert_uint_eq(rpc_ended, 2);
	}
	return 0;
}

static int
do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

START_TEST(a_scheduler_that_is_freed_ends_its_connections)
{
	struct rt_sched_opts opts = { .engine = _i ? RT_WAIT_EPOLL :
						RT_WAIT_AUTO };
	struct rpc_ends e;

	ck_assert_int_eq(rt_sched_new(&opts, &sched), 0);
	ck_assert_int_eq(rt_sched_enter(sched), 0);
	rpc_pair(&e, NULL, NULL);
	go(do_nothing, NULL);
	rt_rpc_hold(e.a);
	rt_rpc_drop(e.a);
	for (int i = 0; i < 20 * _i; i++)
		rt_sched_step(sched, 10);
	rt_rpc_drop(e.a);
	rt_rpc_drop(e.b);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	ck_assert_uint_eq(rpc_ended, 2);
}
END_TEST

START_TEST(outside_of_a_scheduler_there_is_no_connection)
{
	struct rt_rpc_server_opts server = { .sessions = 1 };
	struct rt_rpc_server *s;
	struct rt_rpc *rpc;

	ck_assert_int_eq(rt_rpc_new(0, NULL, &rpc), -EPERM);
	ck_assert_int_eq(rt_rpc_server_new(0, &server, &s), -EPERM);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rpc");

	io_add_all(tc, what_is_asked_is_answered_inline_and_by_tasks);
	io_add_all(tc, bodies_have_a_crc_where_one_end_wishes_it);
	io_add_all(tc, arguments_and_the_status_come_back);
	io_add_all(tc, a_type_that_nobody_knows_is_an_error_of_the_request_alone);
	io_add_all(tc,
	       an_answer_that_is_too_much_is_an_error_of_the_request_alone);
	io_add_all(tc, a_handler_asks_back_who_asked);
	io_add_all(tc, ends_know_each_other_by_their_identities);
#if !TASKS_SANITIZED
	io_add_all(tc, a_handler_that_overflows_is_an_error_of_the_request_alone);
	io_add_all(tc,
		   an_inline_handler_that_overflows_ends_its_connection_alone);
	io_add_all(tc, an_end_that_overflows_is_one);
#endif
	io_add_all(tc, options_beyond_the_limits_are_refused);
	io_add_all(tc, a_message_beyond_the_limit_is_refused_and_all_goes_on);
	io_add_all(tc, an_end_that_answers_nothing_says_so);
	io_add_all(tc, no_more_requests_are_let_in_than_the_credit);
	io_add_all(tc, a_connection_holds_no_more_memory_than_its_window_allows);
	io_add_all(tc, what_is_answered_at_a_time_is_sent_at_a_time);
	io_add_all(tc, a_call_ends_at_its_deadline_and_its_late_answer_is_dropped);
	io_add_all(tc, a_deadline_that_has_passed_asks_nothing);
	io_add_all(tc, a_cancel_ends_the_call_and_the_handler);
	io_add_all(tc, a_cancel_before_the_turn_takes_nobodys_place);
	io_add_all(tc, a_handler_knows_the_deadline_and_the_id);
	io_add_all(tc, a_close_wakes_all_who_wait_at_both_ends);
	io_add_all(tc, who_is_asked_may_close_and_the_caller_is_told);
	io_add_all(tc, a_connection_may_be_closed_before_it_has_begun);
	io_add_all(tc, a_connection_may_be_closed_as_soon_as_it_is_open);
	io_add_all(tc, a_close_under_load_ends_every_call_and_leaves_nothing);
	tcase_add_loop_test(tc, a_scheduler_that_is_freed_ends_its_connections,
			    0, 2);
	tcase_add_test(tc, outside_of_a_scheduler_there_is_no_connection);
	return tasks_main("rt rpc", tc);
}
