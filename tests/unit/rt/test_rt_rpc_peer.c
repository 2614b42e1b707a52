/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of RPC with a peer that does not keep to the rules: the test writes
 * frames itself. Whatever it sends, it loses its own connection at most, and
 * one beside it works on. On each engine.
 */
#include <netinet/in.h>

#include "rt/rt_rpc_wire.h"
#include "tests/unit/rt/io.h"
#include "tests/unit/rt/rpc.h"
#include "utils/utils_crc32c.h"

static struct rpc_ends good;	/* beside it */
static struct rt_rpc *end;	/* what is tested */
static int peer;		/* the socket of the other side */
static char data[1u << 16];

static void
hear_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

/* Write as much as there is; 0, or an error where the end has gone. */
static int
send_all(const void *from, size_t length, uint64_t deadline)
{
	const char *at = from;

	while (length) {
		int64_t n = rt_io_send(peer, at, length, 0, deadline);

		if (n < 0)
			return (int)n;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Write a frame: the head as it is, then so many bytes. */
static void
put(const struct rt_rpc_head *head, uint32_t bytes)
{
	uint8_t bytes_of_head[RT_RPC_HEAD];

	rt_rpc_head_put(bytes_of_head, head);
	ck_assert_int_eq(send_all(bytes_of_head, RT_RPC_HEAD, RT_NEVER), 0);
	ck_assert_int_eq(send_all(data, bytes, RT_NEVER), 0);
}

static void
say_hello(uint32_t credit)
{
	const struct rt_rpc_hello hello = {
		.oldest = 1, .newest = 1, .data = 1u << 20, .window = 1u << 20,
	};
	const struct rt_rpc_head head = {
		.kind = RT_RPC_HELLO, .id = 7, .args = RT_RPC_HELLO_BYTES,
		.credit = credit,
	};
	uint8_t bytes[RT_RPC_HELLO_BYTES];

	put(&head, 0);
	rt_rpc_hello_put(bytes, &hello);
	ck_assert_int_eq(send_all(bytes, sizeof(bytes), RT_NEVER), 0);
}

/* Read a frame. 0, or -ENODATA at the end. */
static int
get(struct rt_rpc_head *head)
{
	uint8_t bytes[RT_RPC_HEAD];
	int rc = rt_io_read_all(peer, bytes, RT_RPC_HEAD, RT_IO_HERE, RT_NEVER);

	if (rc)
		return rc;
	ck_assert_int_eq(rt_rpc_head_get(bytes, head), 0);
	ck_assert_uint_le(head->args + head->data, sizeof(data));
	return rt_io_read_all(peer, data, head->args + head->data, RT_IO_HERE,
			      RT_NEVER);
}

static void
begin(const struct rt_rpc_opts *opts)
{
	int fds[2];

	utils_log_set(UTILS_LOG_ERROR, hear_nothing, NULL);
	rpc_pair(&good, NULL, NULL);
	rpc_sockets(fds);
	end = rpc_of(fds[0], opts);
	peer = fds[1];
}

static void
check_good(void)
{
	struct rt_rpc_call call = rpc_echo("works on", 8);

	ck_assert_int_eq(rt_rpc_call(good.a, &call, RT_NEVER), 0);
	ck_assert_int_eq(call.status, 0);
	ck_assert_uint_eq(call.answer_length, 8);
}

/* The end has cut the peer off, and said this in its bye. */
static void
cut_off(int why, uint32_t status)
{
	struct rt_rpc_head head = { 0 };

	ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_why(end), why);
	while (get(&head) == 0 && head.kind != RT_RPC_BYE)
		;
	ck_assert_int_eq(head.kind, RT_RPC_BYE);
	ck_assert_uint_eq(head.status, status);
	check_good();
}

static void
finish(void)
{
	rt_rpc_free(end);
	if (peer >= 0)
		rt_io_close(peer);
	rpc_end(&good);
}

static const struct rt_rpc_head request = {
	.kind = RT_RPC_REQUEST, .number = 1u << 16, .type = RPC_ECHO,
};

/* --- the killers of the ancestor --- */

IO_CASE(a_type_that_is_not_known_is_answered_with_an_error)
{
	struct rt_rpc_head head = request;

	begin(NULL);
	say_hello(1);
	head.type = 0xffffffff;
	head.data = 1000;
	put(&head, 1000);
	ck_assert_int_eq(get(&head), 0);	/* the hello */
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(head.kind, RT_RPC_ANSWER);
	ck_assert_uint_eq(head.number, request.number);
	ck_assert_uint_eq(head.status, ENOSYS);
	ck_assert_int_eq(rt_rpc_why(end), 0);
	check_good();
	finish();
	return 0;
}

IO_CASE(an_answer_that_nobody_asked_for_cuts_off)
{
	static const uint64_t numbers[] = { 0, 1, 1u << 16, UINT64_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct rt_rpc_head head = {
			.kind = RT_RPC_ANSWER, .number = numbers[i],
		};

		begin(NULL);
		say_hello(4);
		put(&head, 0);
		cut_off(-EPROTO, EPROTO);
		finish();
	}
	return 0;
}

IO_CASE(a_head_that_is_wrong_anywhere_cuts_off)
{
	uint8_t bytes[RT_RPC_HEAD];

	for (uint32_t i = 0; i < RT_RPC_HEAD; i++) {
		begin(NULL);
		say_hello(4);
		rt_rpc_head_put(bytes, &request);
		bytes[i] ^= 1u << i % 8;
		ck_assert_int_eq(send_all(bytes, sizeof(bytes), RT_NEVER), 0);
		cut_off(i < 4 ? -EPROTO : -EBADMSG, i < 4 ? EPROTO : EBADMSG);
		finish();
	}
	return 0;
}

IO_CASE(a_head_that_is_cut_short_is_the_end_of_a_stream)
{
	uint8_t bytes[RT_RPC_HEAD];

	for (uint32_t n = 0; n < RT_RPC_HEAD; n += 9) {
		begin(NULL);
		say_hello(4);
		rt_rpc_head_put(bytes, &request);
		ck_assert_int_eq(send_all(bytes, n, RT_NEVER), 0);
		rt_io_close(peer);
		peer = -1;
		ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
		ck_assert_int_eq(rt_rpc_why(end), -ECONNRESET);
		check_good();
		finish();
	}
	return 0;
}

/* Heads with a right CRC that nobody may send. */
static const struct {
	struct rt_rpc_head head;
	int why;
} wrong[] = {
	{ { .kind = 0 }, -EPROTO },
	{ { .kind = RT_RPC_BYE + 1 }, -EPROTO },
	{ { .kind = 255 }, -EPROTO },
	{ { .kind = RT_RPC_REQUEST, .args = VINE_RPC_ARGS + 1 }, -EPROTO },
	{ { .kind = RT_RPC_REQUEST, .args = UINT32_MAX }, -EPROTO },
	{ { .kind = RT_RPC_REQUEST, .data = VINE_RPC_DATA + 1 }, -EMSGSIZE },
	{ { .kind = RT_RPC_REQUEST, .data = UINT32_MAX }, -EMSGSIZE },
	{ { .kind = RT_RPC_REQUEST, .room = VINE_RPC_DATA + 1 }, -EMSGSIZE },
	{ { .kind = RT_RPC_REQUEST, .room = UINT32_MAX }, -EMSGSIZE },
	{ { .kind = RT_RPC_REQUEST, .number = VINE_RPC_REQUESTS }, -EPROTO },
	{ { .kind = RT_RPC_REQUEST, .number = UINT64_MAX }, -EPROTO },
	{ { .kind = RT_RPC_CANCEL, .number = UINT64_MAX }, -EPROTO },
	{ { .kind = RT_RPC_CANCEL, .data = 1 }, -EPROTO },
	{ { .kind = RT_RPC_HELLO, .args = RT_RPC_HELLO_BYTES }, -EPROTO },
};

IO_CASE(what_is_beyond_a_limit_cuts_off)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		begin(NULL);
		say_hello(4);
		put(&wrong[i].head, 0);
		cut_off(wrong[i].why, (uint32_t)-wrong[i].why);
		finish();
	}
	return 0;
}

IO_CASE(a_data_room_beyond_what_is_there_is_not_read)
{
	struct rt_rpc_head head = request;

	begin(NULL);
	say_hello(1);
	head.room = VINE_RPC_DATA;	/* the echo has 10 bytes for it */
	head.data = 10;
	put(&head, 10);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_uint_eq(head.status, 0);
	ck_assert_uint_eq(head.data, 10);
	finish();
	return 0;
}

static int
ask_plain(void *arg)
{
	struct rt_rpc_call call = rpc_plain(RPC_ECHO);

	call.answer = rpc_answer;
	call.room = (uint32_t)(uintptr_t)arg;
	return rt_rpc_call(end, &call, RT_NEVER);
}

IO_CASE(an_answer_that_is_longer_than_its_room_cuts_off)
{
	struct rt_rpc_head head;
	struct rt_task *task;

	begin(NULL);
	say_hello(1);
	task = go_joined(ask_plain, (void *)100);
	do
		ck_assert_int_eq(get(&head), 0);
	while (head.kind != RT_RPC_REQUEST);
	ck_assert_uint_eq(head.room, 100);
	head.kind = RT_RPC_ANSWER;
	head.data = 101;
	put(&head, 101);
	ck_assert_int_eq(join(task), -EPROTO);
	cut_off(-EPROTO, EPROTO);
	finish();
	return 0;
}

/* Ask for echoes of 64 KiB and read none, as long as somebody takes it. */
static void
flood(uint32_t most)
{
	struct rt_rpc_head head = request;
	uint8_t bytes[RT_RPC_HEAD];
	int rc = 0;

	head.room = head.data = sizeof(data);
	for (uint32_t i = 0; rc == 0 && i < most; i++) {
		head.number = request.number + i;
		rt_rpc_head_put(bytes, &head);
		rc = send_all(bytes, sizeof(bytes), RT_NEVER);
		if (rc == 0)
			rc = send_all(data, head.data, RT_NEVER);
	}
}

IO_CASE(a_peer_that_does_not_read_costs_its_own_connection_alone)
{
	/* within the credit; and beyond, where more are under way */
	static const uint32_t most[] = { 32, 64 };

	for (int i = 0; i < 2; i++) {
		struct rt_rpc_opts opts = rpc_opts();
		struct rt_rpc_stats stats;

		opts.stall_ms = 100;
		begin(&opts);
		say_hello(1);
		flood(most[i]);
		check_good();
		ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
		ck_assert(rt_rpc_why(end) == -ECONNABORTED ||
			  (i && rt_rpc_why(end) == -EPROTO));
		rt_rpc_stats(end, &stats);
		ck_assert_uint_le(stats.held_most, 3 * VINE_RPC_WINDOW);
		check_good();
		finish();
	}
	return 0;
}

IO_CASE(a_peer_that_says_no_hello_is_let_go)
{
	struct rt_rpc_opts opts = rpc_opts();
	struct rt_task *task;

	opts.stall_ms = 20;
	begin(&opts);
	task = go_joined(ask_plain, NULL);
	ck_assert_int_eq(join(task), -ECONNABORTED);
	cut_off(-ECONNABORTED, 0);
	finish();
	return 0;
}

/* All of it has one time: a head alone is no hello. */
IO_CASE(a_peer_that_says_a_part_of_its_hello_is_let_go)
{
	static const uint32_t parts[] = { 1, RT_RPC_HEAD - 1, RT_RPC_HEAD,
					  RT_RPC_HEAD + RT_RPC_HELLO_BYTES - 1 };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const struct rt_rpc_head head = {
			.kind = RT_RPC_HELLO, .args = RT_RPC_HELLO_BYTES,
		};
		uint8_t bytes[RT_RPC_HEAD + RT_RPC_HELLO_BYTES] = { 0 };
		struct rt_rpc_opts opts = rpc_opts();

		opts.stall_ms = 20;
		begin(&opts);
		rt_rpc_head_put(bytes, &head);
		ck_assert_int_eq(send_all(bytes, parts[i], RT_NEVER), 0);
		ck_assert_int_eq(rt_rpc_join(end, in_ms(10000)), 0);
		cut_off(-ECONNABORTED, 0);
		finish();
	}
	return 0;
}

IO_CASE(a_disconnect_with_answers_on_their_way_is_only_that)
{
	struct rt_rpc_head head = request;

	begin(NULL);
	say_hello(1);
	for (uint32_t i = 0; i < 20; i++) {
		head.number = 1u << 16 | i;
		head.type = i % 2 ? RPC_ECHO : RPC_WAIT;
		head.data = head.room = i % 2 ? 60000 : 0;
		put(&head, head.data);
	}
	while (rpc_waiting < 10)
		ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	rt_io_close(peer);
	peer = -1;
	ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_why(end), -ECONNRESET);
	ck_assert_uint_eq(rpc_waiting, 0);
	check_good();
	finish();
	return 0;
}

/* --- beyond the credit --- */

IO_CASE(a_place_that_is_taken_cannot_be_taken_again)
{
	struct rt_rpc_head head = request;

	begin(NULL);
	say_hello(1);
	head.type = RPC_WAIT;
	put(&head, 0);
	head.number += 1u << 16;
	put(&head, 0);
	cut_off(-EPROTO, EPROTO);
	finish();
	return 0;
}

IO_CASE(more_bytes_than_the_window_cannot_be_asked_for)
{
	struct rt_rpc_opts opts = rpc_opts();
	struct rt_rpc_head head = request;

	opts.data_max = 1000;
	opts.window = 2500;
	begin(&opts);
	say_hello(1);
	head.type = RPC_WAIT;
	head.room = 1000;
	for (uint32_t i = 0; i < 3; i++) {
		head.number++;
		put(&head, 0);
		while (i == 1 && rpc_waiting < 2)
			ck_assert_int_eq(rt_task_delay(in_ms(1)), 0);
	}
	cut_off(-EPROTO, EPROTO);
	ck_assert_uint_eq(rpc_cancelled, 2);
	finish();
	return 0;
}

/* --- hello and bye --- */

IO_CASE(nothing_comes_before_hello)
{
	begin(NULL);
	put(&request, 0);
	cut_off(-EPROTO, EPROTO);
	finish();
	return 0;
}

IO_CASE(versions_that_do_not_meet_are_told_so)
{
	const struct rt_rpc_hello hello = { .oldest = 2, .newest = 9 };
	const struct rt_rpc_head head = {
		.kind = RT_RPC_HELLO, .args = RT_RPC_HELLO_BYTES, .credit = 1,
	};
	struct rt_task *task;
	uint8_t bytes[RT_RPC_HEAD + RT_RPC_HELLO_BYTES];

	begin(NULL);
	task = go_joined(ask_plain, NULL);
	rt_rpc_head_put(bytes, &head);
	rt_rpc_hello_put(bytes + RT_RPC_HEAD, &hello);
	/* a newer one's head may name its own version */
	bytes[4] = 9;
	for (uint32_t i = 0, crc = utils_crc32c(0, bytes, 60); i < 4; i++)
		bytes[60 + i] = (uint8_t)(crc >> 8 * i);
	ck_assert_int_eq(send_all(bytes, sizeof(bytes), RT_NEVER), 0);
	ck_assert_int_eq(join(task), -EPROTONOSUPPORT);
	cut_off(-EPROTONOSUPPORT, EPROTONOSUPPORT);
	finish();
	return 0;
}

IO_CASE(a_hello_may_be_longer_and_grant_more_than_is_used)
{
	const struct rt_rpc_hello hello = {
		.oldest = 0, .newest = 77, .data = UINT32_MAX,
		.window = UINT64_MAX,
	};
	const struct rt_rpc_head head = {
		.kind = RT_RPC_HELLO, .args = VINE_RPC_ARGS,
		.credit = UINT32_MAX,
	};
	uint8_t bytes[RT_RPC_HEAD + VINE_RPC_ARGS] = { 0 };
	struct rt_rpc_head in;
	struct rt_task *task;

	begin(NULL);
	rt_rpc_head_put(bytes, &head);
	rt_rpc_hello_put(bytes + RT_RPC_HEAD, &hello);
	ck_assert_int_eq(send_all(bytes, sizeof(bytes), RT_NEVER), 0);
	task = go_joined(ask_plain, (void *)10);
	do
		ck_assert_int_eq(get(&in), 0);
	while (in.kind != RT_RPC_REQUEST);
	in.kind = RT_RPC_ANSWER;
	in.status = 0;
	put(&in, 0);
	ck_assert_int_eq(join(task), 0);
	finish();
	return 0;
}

IO_CASE(a_bye_ends_the_connection)
{
	struct rt_rpc_head bye = { .kind = RT_RPC_BYE, .status = EPROTO };

	begin(NULL);
	say_hello(1);
	put(&bye, 0);
	ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_why(end), -ECONNRESET);
	finish();
	return 0;
}

/* --- what is allowed --- */

IO_CASE(a_cancel_that_comes_too_late_is_nothing)
{
	struct rt_rpc_head head = request, cancel = {
		.kind = RT_RPC_CANCEL, .number = request.number,
	};

	begin(NULL);
	say_hello(1);
	put(&cancel, 0);
	put(&head, 0);
	put(&cancel, 0);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(head.kind, RT_RPC_ANSWER);
	cancel.number = request.number + (1u << 16);
	put(&cancel, 0);
	head = request;
	put(&head, 0);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(head.kind, RT_RPC_ANSWER);
	finish();
	return 0;
}

IO_CASE(frames_may_come_byte_by_byte)
{
	struct rt_rpc_head head = request;
	uint8_t bytes[RT_RPC_HEAD + 30];

	begin(NULL);
	say_hello(1);
	head.args = 10;
	head.data = head.room = 20;
	rt_rpc_head_put(bytes, &head);
	memset(bytes + RT_RPC_HEAD, 'x', 30);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ck_assert_int_eq(send_all(bytes + i, 1, RT_NEVER), 0);
		settle();
	}
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_uint_eq(head.args, 10);
	ck_assert_uint_eq(head.data, 20);
	ck_assert_int_eq(memcmp(data, bytes + RT_RPC_HEAD, 30), 0);
	finish();
	return 0;
}

/* --- bodies --- */

IO_CASE(a_body_that_was_damaged_cuts_off)
{
	struct rt_rpc_head head = request;

	for (int kind = 0; kind < 2; kind++) {
		struct rt_rpc_opts opts = rpc_opts();

		opts.flags = kind ? RT_RPC_CHECK : 0;
		begin(&opts);
		say_hello(1);
		memset(data, 5, 100);
		head.data = 100;
		head.flags = RT_RPC_FLAG_BODY;
		head.body = utils_crc32c(0, data, 100);
		put(&head, 100);
		data[50]++;
		head.number++;
		put(&head, 100);
		cut_off(-EBADMSG, EBADMSG);
		finish();
	}
	return 0;
}

IO_CASE(where_all_bodies_have_a_crc_one_without_cuts_off)
{
	struct rt_rpc_opts opts = rpc_opts();

	opts.flags = RT_RPC_CHECK;
	begin(&opts);
	say_hello(1);
	put(&request, 0);
	cut_off(-EPROTO, EPROTO);
	finish();
	return 0;
}

/* --- answers that come early --- */

static int
ask_large(void *arg)
{
	static char large[1u << 20];
	struct rt_rpc_call call = {
		.type = RPC_ECHO, .data = large, .data_length = sizeof(large),
	};

	int rc = rt_rpc_call(end, &call, arg ? in_ms(100) : RT_NEVER);

	return rc ? rc : call.status;
}

/* The head of the request, and a part of its data. */
static struct rt_rpc_head
take_a_part(void)
{
	uint8_t bytes[RT_RPC_HEAD];
	struct rt_rpc_head head;

	ck_assert_int_eq(get(&head), 0);	/* the hello */
	ck_assert_int_eq(rt_io_read_all(peer, bytes, RT_RPC_HEAD, RT_IO_HERE,
					RT_NEVER), 0);
	ck_assert_int_eq(rt_rpc_head_get(bytes, &head), 0);
	ck_assert_uint_eq(head.kind, RT_RPC_REQUEST);
	ck_assert_uint_eq(head.data, 1u << 20);
	return head;
}

static void
take_the_rest(uint32_t left)
{
	while (left) {
		uint32_t n = left < sizeof(data) ? left : sizeof(data);

		ck_assert_int_eq(rt_io_read_all(peer, data, n, RT_IO_HERE,
						RT_NEVER), 0);
		left -= n;
	}
}

IO_CASE(an_answer_before_all_was_sent_waits_for_that)
{
	struct rt_rpc_head head;
	struct rt_task *task;

	begin(NULL);
	say_hello(1);
	task = go_joined(ask_large, NULL);
	head = take_a_part();
	head = (struct rt_rpc_head){
		.kind = RT_RPC_ANSWER, .number = head.number, .status = ENOSPC,
	};
	put(&head, 0);
	settle();
	ck_assert_int_ne(rt_task_state(task), RT_TASK_ENDED);
	take_the_rest(1u << 20);
	ck_assert_int_eq(join(task), -ENOSPC);
	finish();
	return 0;
}

IO_CASE(a_caller_that_leaves_while_it_is_sent_waits_for_that)
{
	struct rt_rpc_head head;
	struct rt_task *task;

	begin(NULL);
	say_hello(1);
	while (rt_rpc_peer(end) == 0)
		rt_task_yield();
	task = go_joined(ask_large, &head);
	head = take_a_part();
	ck_assert_int_eq(rt_task_delay(in_ms(120)), 0);
	ck_assert_int_ne(rt_task_state(task), RT_TASK_ENDED);
	take_the_rest(1u << 20);
	ck_assert_int_eq(join(task), -ETIMEDOUT);
	ck_assert_int_eq(get(&head), 0);
	ck_assert_int_eq(head.kind, RT_RPC_CANCEL);
	finish();
	return 0;
}

IO_CASE(a_close_while_something_is_sent_ends_at_once)
{
	struct rt_task *task;

	begin(NULL);
	say_hello(1);
	task = go_joined(ask_large, NULL);
	take_a_part();
	rt_rpc_close(end);
	ck_assert_int_eq(join(task), -EPIPE);
	ck_assert_int_eq(rt_rpc_join(end, RT_NEVER), 0);
	finish();
	return 0;
}

/* Whatever the main task has received by then, and however far it is. */
IO_CASE(a_close_as_a_request_comes_leaves_no_handler_behind)
{
	struct rt_rpc_head head = request;

	head.type = RPC_WAIT;
	head.data = 20;
	begin(NULL);
	for (int i = 0; i < 200; i++) {
		int fds[2];

		rt_rpc_free(end);
		rt_io_close(peer);
		rpc_sockets(fds);
		end = rpc_of(fds[0], NULL);
		peer = fds[1];
		say_hello(4);
		while (rt_rpc_peer(end) == 0)
			rt_task_yield();
		put(&head, 20);
		for (int k = 0; k < i % 8; k++)
			rt_task_yield();
		if (i & 8)	/* the wait is looked at, now */
			rt_wait_poll(rt_sched_wait(sched));
		rt_rpc_close(end);
		ck_assert_int_eq(rt_rpc_join(end, in_ms(10000)), 0);
		ck_assert_uint_eq(rpc_waiting, 0);
	}
	finish();
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("peer");

	io_add(tc, a_type_that_is_not_known_is_answered_with_an_error);
	io_add(tc, an_answer_that_nobody_asked_for_cuts_off);
	io_add(tc, a_head_that_is_wrong_anywhere_cuts_off);
	io_add(tc, a_head_that_is_cut_short_is_the_end_of_a_stream);
	io_add(tc, what_is_beyond_a_limit_cuts_off);
	io_add(tc, a_data_room_beyond_what_is_there_is_not_read);
	io_add(tc, an_answer_that_is_longer_than_its_room_cuts_off);
	io_add(tc, a_peer_that_does_not_read_costs_its_own_connection_alone);
	io_add(tc, a_peer_that_says_no_hello_is_let_go);
	io_add(tc, a_peer_that_says_a_part_of_its_hello_is_let_go);
	io_add(tc, a_disconnect_with_answers_on_their_way_is_only_that);
	io_add(tc, a_place_that_is_taken_cannot_be_taken_again);
	io_add(tc, more_bytes_than_the_window_cannot_be_asked_for);
	io_add(tc, nothing_comes_before_hello);
	io_add(tc, versions_that_do_not_meet_are_told_so);
	io_add(tc, a_hello_may_be_longer_and_grant_more_than_is_used);
	io_add(tc, a_bye_ends_the_connection);
	io_add(tc, a_cancel_that_comes_too_late_is_nothing);
	io_add(tc, frames_may_come_byte_by_byte);
	io_add(tc, a_body_that_was_damaged_cuts_off);
	io_add(tc, where_all_bodies_have_a_crc_one_without_cuts_off);
	io_add(tc, an_answer_before_all_was_sent_waits_for_that);
	io_add(tc, a_caller_that_leaves_while_it_is_sent_waits_for_that);
	io_add(tc, a_close_while_something_is_sent_ends_at_once);
	io_add(tc, a_close_as_a_request_comes_leaves_no_handler_behind);
	return tasks_main("rt rpc peer", tc);
}
