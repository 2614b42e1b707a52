/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_chan: buffered and not, alt, and what becomes of an item whose
 * sender or receiver is cancelled, is late, or finds the channel closed.
 */
#include "rt/rt_chan.h"
#include "tests/unit/rt/tasks.h"

static struct rt_chan chan, other;
static uint64_t items[4];
static uint64_t got[8];
static uint32_t got_count;

static int
send_ten(void *arg)
{
	for (uint64_t i = 0; i < 10; i++) {
		uint64_t item = (uintptr_t)arg + i;

		ck_assert_int_eq(rt_chan_send(&chan, &item, RT_NEVER), 0);
	}
	return 0;
}

static int
send_one(void *arg)
{
	uint64_t item = (uintptr_t)arg;

	return rt_chan_send(&chan, &item, RT_NEVER);
}

static int
receive_one(void *arg)
{
	uint64_t item = 0;
	int rc = rt_chan_receive(&chan, &item, RT_NEVER);

	(void)arg;
	if (rc == 0)
		got[got_count++] = item;
	return rc;
}

static int
in_order(void *arg)
{
	uint64_t item = 0;

	rt_chan_init(&chan, sizeof(item), (uint32_t)(uintptr_t)arg, items);
	go(send_ten, (void *)100);
	settle();
	ck_assert_uint_eq(chan.count, (uintptr_t)arg);
	for (uint64_t i = 0; i < 10; i++) {
		ck_assert_int_eq(rt_chan_receive(&chan, &item, RT_NEVER), 0);
		ck_assert_uint_eq(item, 100 + i);
		if (i % 3 == 0)
			settle();
	}
	ck_assert_int_eq(rt_chan_try_receive(&chan, &item), -EAGAIN);
	return 0;
}

START_TEST(items_of_one_sender_keep_their_order)
{
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_task_create(sched, in_order, (void *)(uintptr_t)_i,
					NULL, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

TASK_CASE(without_room_a_send_waits_for_its_receive)
{
	struct rt_task *a, *b;
	uint64_t item = 9;

	rt_chan_init(&chan, sizeof(item), 0, NULL);
	ck_assert_int_eq(rt_chan_try_send(&chan, &item), -EAGAIN);
	ck_assert_int_eq(rt_chan_send(&chan, &item, 0), -ETIMEDOUT);
	ck_assert_int_eq(rt_chan_send(&chan, &item, in_ms(1)), -ETIMEDOUT);
	ck_assert_int_eq(rt_chan_receive(&chan, &item, in_ms(1)), -ETIMEDOUT);
	a = go_joined(send_one, (void *)5);
	settle();
	ck_assert_int_eq(rt_task_state(a), RT_TASK_BLOCKED);
	ck_assert_ptr_eq(rt_task_block_of(a)->object, &chan);
	ck_assert_int_eq(rt_chan_try_receive(&chan, &item), 0);
	ck_assert_uint_eq(item, 5);
	ck_assert_int_eq(join(a), 0);
	b = go_joined(receive_one, NULL);
	settle();
	item = 6;
	ck_assert_int_eq(rt_chan_try_send(&chan, &item), 0);
	ck_assert_int_eq(join(b), 0);
	ck_assert_uint_eq(got[0], 6);
	return 0;
}

TASK_CASE(a_receiver_that_was_given_an_item_has_it_although_cancelled)
{
	struct rt_task *t;
	uint64_t item = 7;

	rt_chan_init(&chan, sizeof(item), 0, NULL);
	t = go_joined(receive_one, NULL);
	settle();
	ck_assert_int_eq(rt_chan_try_send(&chan, &item), 0);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	ck_assert_uint_eq(got[0], 7);
	/* the cancel first: the item stays with its sender */
	t = go_joined(receive_one, NULL);
	settle();
	rt_task_cancel(t);
	ck_assert_int_eq(rt_chan_try_send(&chan, &item), -EAGAIN);
	ck_assert_int_eq(join(t), -ECANCELED);
	/* a sender: what was taken is sent, what was not is not */
	t = go_joined(send_one, (void *)8);
	settle();
	ck_assert_int_eq(rt_chan_try_receive(&chan, &item), 0);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	t = go_joined(send_one, (void *)9);
	settle();
	rt_task_cancel(t);
	ck_assert_int_eq(rt_chan_try_receive(&chan, &item), -EAGAIN);
	ck_assert_int_eq(join(t), -ECANCELED);
	ck_assert_uint_eq(item, 8);
	return 0;
}

TASK_CASE(a_close_ends_waits_and_leaves_what_was_sent)
{
	struct rt_task *a, *b;
	uint64_t item = 0;

	rt_chan_init(&chan, sizeof(item), 2, items);
	a = go_joined(receive_one, NULL);
	settle();
	rt_chan_close(&chan);
	rt_task_cancel(a);
	ck_assert_int_eq(join(a), -EPIPE);
	rt_chan_init(&chan, sizeof(item), 2, items);
	for (uint64_t i = 1; i < 3; i++)
		ck_assert_int_eq(rt_chan_send(&chan, &i, 0), 0);
	b = go_joined(send_one, (void *)3);
	settle();
	rt_chan_close(&chan);
	ck_assert_int_eq(join(b), -EPIPE);
	ck_assert_int_eq(rt_chan_send(&chan, &item, 0), -EPIPE);
	ck_assert_int_eq(rt_chan_receive(&chan, &item, 0), 0);
	ck_assert_uint_eq(item, 1);
	ck_assert_int_eq(rt_chan_receive(&chan, NULL, 0), 0);
	ck_assert_int_eq(rt_chan_receive(&chan, &item, RT_NEVER), -EPIPE);
	return 0;
}

TASK_CASE(an_alt_does_one_of_its_cases_and_leaves_the_others)
{
	uint64_t in = 0, out = 77;
	struct rt_chan_case cases[] = {
		{ .chan = &chan, .op = RT_CHAN_RECEIVE, .item = &in },
		{ .chan = NULL, .op = RT_CHAN_RECEIVE, .item = &in },
		{ .chan = &other, .op = RT_CHAN_SEND, .item = &out },
	};
	uint32_t which = 9;

	rt_chan_init(&chan, sizeof(in), 0, NULL);
	rt_chan_init(&other, sizeof(in), 1, items);
	ck_assert_int_eq(rt_chan_alt(cases, 3, &which, RT_NEVER), 0);
	ck_assert_uint_eq(which, 2);
	ck_assert_uint_eq(other.count, 1);
	/* full now, and nobody sends */
	ck_assert_int_eq(rt_chan_alt(cases, 3, &which, 0), -ETIMEDOUT);
	ck_assert_int_eq(rt_chan_alt(cases, 3, &which, in_ms(1)), -ETIMEDOUT);
	ck_assert_int_eq(rt_chan_alt(cases + 1, 1, &which, RT_NEVER), -EINVAL);
	ck_assert(utils_list_empty(&chan.receivers));
	ck_assert(utils_list_empty(&other.senders));
	go(send_one, (void *)55);
	ck_assert_int_eq(rt_chan_alt(cases, 3, &which, RT_NEVER), 0);
	ck_assert_uint_eq(which, 0);
	ck_assert_uint_eq(in, 55);
	ck_assert(utils_list_empty(&other.senders));
	ck_assert_uint_eq(other.count, 1);
	rt_chan_close(&other);
	which = 9;
	ck_assert_int_eq(rt_chan_alt(cases, 3, &which, RT_NEVER), -EPIPE);
	ck_assert_uint_eq(which, 2);
	return 0;
}

static int
alt_waiter(void *arg)
{
	uint64_t in = 0;
	struct rt_chan_case cases[] = {
		{ .chan = &chan, .op = RT_CHAN_RECEIVE, .item = &in },
		{ .chan = &other, .op = RT_CHAN_RECEIVE, .item = &in },
	};
	uint32_t which = 9;
	int rc = rt_chan_alt(cases, 2, &which, RT_NEVER);

	(void)arg;
	if (rc == 0)
		got[got_count++] = in;
	return rc ? rc : (int)which;
}

TASK_CASE(two_sends_to_a_waiting_alt_meet_it_once)
{
	struct rt_task *t;
	uint64_t item = 3;

	rt_chan_init(&chan, sizeof(item), 0, NULL);
	rt_chan_init(&other, sizeof(item), 0, NULL);
	t = go_joined(alt_waiter, NULL);
	settle();
	ck_assert_int_eq(rt_chan_try_send(&other, &item), 0);
	ck_assert_int_eq(rt_chan_try_send(&chan, &item), -EAGAIN);
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 1);
	ck_assert_uint_eq(got_count, 1);
	t = go_joined(alt_waiter, NULL);
	settle();
	rt_task_cancel(t);
	ck_assert_int_eq(rt_chan_try_send(&other, &item), -EAGAIN);
	ck_assert_int_eq(join(t), -ECANCELED);
	t = go_joined(alt_waiter, NULL);
	settle();
	rt_chan_close(&chan);
	ck_assert_int_eq(rt_chan_try_send(&other, &item), -EAGAIN);
	ck_assert_int_eq(join(t), -EPIPE);
	return 0;
}

TASK_CASE(of_several_cases_that_can_be_done_all_have_their_share)
{
	static struct rt_chan chans[4];
	struct rt_chan_case cases[4];
	uint32_t count[4] = { 0 }, which;

	for (int i = 0; i < 4; i++) {
		rt_chan_init(&chans[i], 0, 1000, NULL);
		chans[i].count = 1000;
		cases[i] = (struct rt_chan_case){ .chan = &chans[i],
			.op = RT_CHAN_RECEIVE };
	}
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(rt_chan_alt(cases, 4, &which, 0), 0);
		count[which]++;
	}
	/* 250 each, 6 deviations of 14 */
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_gt(count[i], 166);
		ck_assert_uint_lt(count[i], 334);
	}
	return 0;
}

static uint32_t draws[2][64];

static int
draw(void *arg)
{
	uint32_t *into = arg;
	struct rt_chan a, b;
	struct rt_chan_case cases[] = {
		{ .chan = &a, .op = RT_CHAN_SEND },
		{ .chan = &b, .op = RT_CHAN_SEND },
	};

	rt_chan_init(&a, 0, 64, NULL);
	rt_chan_init(&b, 0, 64, NULL);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(rt_chan_alt(cases, 2, &into[i], 0), 0);
	return 0;
}

START_TEST(the_lot_follows_the_seed)
{
	struct rt_sched_opts opts = { .seed = 42 };

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(rt_sched_new(&opts, &sched), 0);
		go(draw, draws[i]);
		ck_assert_int_eq(rt_sched_run(sched), 0);
		ck_assert_int_eq(rt_sched_free(sched), 0);
	}
	ck_assert_mem_eq(draws[0], draws[1], sizeof(draws[0]));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("chan");

	tcase_add_loop_test(tc, items_of_one_sender_keep_their_order, 0, 5);
	tasks_add(tc, without_room_a_send_waits_for_its_receive);
	tasks_add(tc,
		a_receiver_that_was_given_an_item_has_it_although_cancelled);
	tasks_add(tc, a_close_ends_waits_and_leaves_what_was_sent);
	tasks_add(tc, an_alt_does_one_of_its_cases_and_leaves_the_others);
	tasks_add(tc, two_sends_to_a_waiting_alt_meet_it_once);
	tasks_add(tc,
		of_several_cases_that_can_be_done_all_have_their_share);
	tcase_add_test(tc, the_lot_follows_the_seed);
	return tasks_main("rt_chan", tc);
}
