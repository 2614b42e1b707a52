/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_feed and rt_stock: one suite that each engine runs, and each
 * engine once more in a wait that is confined.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_feed.h"
#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "tests/unit/rt/io.h"

#define BYTES 200000u

static struct rt_stock stock;

static void
make_stock(uint32_t size, uint32_t count)
{
	ck_assert_int_eq(rt_stock_init(&stock, rt_sched_wait(sched), size,
				       count), 0);
}

/* Every buffer is back. */
static void
end_stock(void)
{
	ck_assert_uint_eq(stock.idle, stock.count);
	rt_stock_fini(&stock);
}

static uint8_t
byte_at(uint32_t at)
{
	return (uint8_t)(at * 7 + at / 1000);
}

/* In pieces of all sizes. */
static int
send_all(void *arg)
{
	int fd = *(int *)arg;
	uint8_t piece[700];
	uint32_t at = 0, n = 1;

	while (at < BYTES) {
		n = (n * 31 + at) % 699 + 1;
		if (n > BYTES - at)
			n = BYTES - at;
		for (uint32_t i = 0; i < n; i++)
			piece[i] = byte_at(at + i);
		ck_assert_int_eq(rt_io_write_all(fd, piece, n, RT_IO_HERE,
						 RT_NEVER), 0);
		at += n;
		if (at % 5 == 0)
			rt_task_yield();
	}
	return rt_io_close(fd);
}

static uint32_t
receive_all(struct rt_feed *feed)
{
	uint32_t at = 0;
	uint8_t *bytes;
	int64_t n;

	while ((n = rt_feed_next(feed, (void **)&bytes, RT_NEVER)) > 0) {
		for (int64_t i = 0; i < n; i++, at++)
			if (bytes[i] != byte_at(at))	/* a check takes us */
				ck_abort_msg("byte %u is %u", at, bytes[i]);
		rt_stock_put(&stock, bytes + n - 1);
	}
	ck_assert_int_eq(n, 0);
	return at;
}

static void
stream_comes_whole(uint32_t size, uint32_t count)
{
	struct rt_feed feed;
	struct rt_task *t;
	int fds[2];
	void *none;

	make_stock(size, count);
	io_pair(fds);
	t = go_joined(send_all, &fds[1]);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, fds[0]), 0);
	ck_assert_uint_eq(receive_all(&feed), BYTES);
	/* the end stays */
	ck_assert_int_eq(rt_feed_next(&feed, &none, RT_NEVER), 0);
	rt_feed_close(&feed);
	ck_assert_int_eq(rt_io_close(fds[0]), 0);
	ck_assert_int_eq(rt_task_join(t, NULL, RT_NEVER), 0);
	end_stock();
}

IO_CASE(a_stream_comes_in_order_and_then_its_end)
{
	stream_comes_whole(512, 64);
	stream_comes_whole(100, 1);
	stream_comes_whole(64 << 10, 2);
	return 0;
}

/* No ring of buffers there: by hand. */
IO_CASE(a_confined_wait_receives_too)
{
	int rc = rt_wait_confine(rt_sched_wait(sched), RT_WAIT_DATA);

	if (rc == -ENOSYS)
		return 0;
	ck_assert_int_eq(rc, 0);
	stream_comes_whole(512, 64);
	stream_comes_whole(100, 1);
	return 0;
}

IO_CASE(datagrams_come_one_by_one)
{
	struct rt_feed feed;
	char text[16], *got;
	int fds[2];

	make_stock(8, 4);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, fds[0]), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "number %d", i % 10);
		ck_assert_int_eq(rt_io_send(fds[1], text, i % 10 + 1, 0,
					    RT_NEVER), i % 10 + 1);
		ck_assert_int_eq(rt_feed_next(&feed, (void **)&got, RT_NEVER),
				 i % 10 < 8 ? i % 10 + 1 : 8);
		ck_assert_int_eq(got[0], 'n');
		rt_stock_put(&stock, got);
	}
	rt_feed_close(&feed);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	end_stock();
	return 0;
}

IO_CASE(who_holds_all_buffers_holds_up_the_sender_and_loses_nothing)
{
	uint64_t soon = rt_sched_now(sched) + 50 * 1000000ull;
	struct rt_feed feed;
	char *held[4], *more, *last;
	int fds[2];

	make_stock(1, 4);
	io_pair(fds);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, fds[0]), 0);
	ck_assert_int_eq(rt_io_send(fds[1], "abcdefgh", 8, 0, RT_NEVER), 8);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(rt_feed_next(&feed, (void **)&held[i],
					      RT_NEVER), 1);
		ck_assert_int_eq(*held[i], 'a' + i);
	}
	ck_assert_uint_eq(stock.idle, 0);
	ck_assert_int_eq(rt_feed_next(&feed, (void **)&more, soon),
			 -ETIMEDOUT);
	for (int i = 0; i < 4; i++) {
		rt_stock_put(&stock, held[i]);
		ck_assert_int_eq(rt_feed_next(&feed, (void **)&held[i],
					      RT_NEVER), 1);
		ck_assert_int_eq(*held[i], 'e' + i);
	}
	shutdown(fds[1], SHUT_WR);
	rt_stock_put(&stock, held[0]);
	ck_assert_int_eq(rt_feed_next(&feed, (void **)&last, RT_NEVER), 0);
	for (int i = 1; i < 4; i++)
		rt_stock_put(&stock, held[i]);
	rt_feed_close(&feed);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	end_stock();
	return 0;
}

enum { MANY = 60, ROUNDS = 50 };

struct line {
	struct rt_feed feed;
	int fds[2];
	uint32_t got;
};

static int
count_bytes(void *arg)
{
	struct line *l = arg;
	void *bytes;
	int64_t n;

	while ((n = rt_feed_next(&l->feed, &bytes, RT_NEVER)) > 0) {
		l->got += (uint32_t)n;
		rt_task_yield();
		rt_stock_put(&stock, bytes);
	}
	rt_feed_close(&l->feed);
	rt_io_close(l->fds[0]);
	return (int)n;
}

IO_CASE(many_feeds_share_few_buffers)
{
	static struct line lines[MANY];
	struct rt_task *t[MANY];
	int rc;

	make_stock(16, 8);
	for (int i = 0; i < MANY; i++) {
		lines[i].got = 0;
		io_pair(lines[i].fds);
		ck_assert_int_eq(rt_feed_open(&lines[i].feed, &stock,
					      lines[i].fds[0]), 0);
		t[i] = go_joined(count_bytes, &lines[i]);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < MANY; i++)
			ck_assert_int_eq(rt_io_write_all(lines[i].fds[1],
							 "some bytes of it", 16,
							 RT_IO_HERE, RT_NEVER),
					 0);
	for (int i = 0; i < MANY; i++)
		rt_io_close(lines[i].fds[1]);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(rt_task_join(t[i], &rc, RT_NEVER), 0);
		ck_assert_int_eq(rc, 0);
		ck_assert_uint_eq(lines[i].got, ROUNDS * 16);
	}
	end_stock();
	return 0;
}

/* One that nobody reads from leaves buffers to the others. */
IO_CASE(a_feed_that_nobody_asks_has_a_share_of_the_buffers)
{
	struct rt_feed lazy, busy;
	int a[2], b[2];
	char *got;

	make_stock(16, 16);
	io_pair(a);
	io_pair(b);
	ck_assert_int_eq(rt_feed_open(&lazy, &stock, a[0]), 0);
	ck_assert_int_eq(rt_feed_open(&busy, &stock, b[0]), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(rt_io_send(a[1], "sixteen of bytes", 16, 0,
					    RT_NEVER), 16);
		rt_task_delay(rt_sched_now(sched) + 100000);
	}
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(rt_io_send(b[1], "x", 1, 0, RT_NEVER), 1);
		ck_assert_int_eq(rt_feed_next(&busy, (void **)&got, RT_NEVER),
				 1);
		rt_stock_put(&stock, got);
	}
	/* and nothing of the other is lost */
	for (int i = 0; i < 100 * 16;) {
		int64_t n = rt_feed_next(&lazy, (void **)&got, RT_NEVER);

		ck_assert_int_gt(n, 0);
		for (int64_t k = 0; k < n; k++)
			ck_assert_int_eq(got[k], "sixteen of bytes"[i++ % 16]);
		rt_stock_put(&stock, got);
	}
	rt_feed_close(&lazy);
	rt_feed_close(&busy);
	for (int i = 0; i < 2; i++) {
		rt_io_close(a[i]);
		rt_io_close(b[i]);
	}
	end_stock();
	return 0;
}

static int
wait_for_one(void *arg)
{
	void *bytes;

	return (int)rt_feed_next(arg, &bytes, RT_NEVER);
}

IO_CASE(a_wait_ends_early_and_loses_nothing)
{
	struct rt_feed feed;
	struct rt_task *t;
	void *bytes;
	int fds[2], rc;

	make_stock(16, 4);
	io_pair(fds);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, fds[0]), 0);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, 0), -ETIMEDOUT);
	t = go_joined(wait_for_one, &feed);
	rt_task_delay(rt_sched_now(sched) + 1000000);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER), -EBUSY);
	ck_assert_int_eq(rt_io_recv(fds[0], &rc, 1, 0, RT_NEVER), -EBUSY);
	rt_task_cancel(t);
	ck_assert_int_eq(rt_task_join(t, &rc, RT_NEVER), 0);
	ck_assert_int_eq(rc, -ECANCELED);
	ck_assert_int_eq(rt_io_send(fds[1], "abc", 3, 0, RT_NEVER), 3);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER), 3);
	rt_stock_put(&stock, bytes);
	/* its place is free again, then */
	ck_assert_int_eq(rt_io_send(fds[1], "dropped", 7, 0, RT_NEVER), 7);
	rt_task_delay(rt_sched_now(sched) + 5000000);
	rt_feed_close(&feed);
	ck_assert_int_eq(rt_io_send(fds[1], "x", 1, 0, RT_NEVER), 1);
	ck_assert_int_ge(rt_io_recv(fds[0], &rc, 1, 0, RT_NEVER), 1);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	end_stock();
	return 0;
}

static int
wait_and_give_back(void *arg)
{
	void *bytes;
	int n = (int)rt_feed_next(arg, &bytes, RT_NEVER);

	if (n > 0)
		rt_stock_put(&stock, bytes);
	return n;
}

/* They are his who was woken for them, though it is not his turn yet. */
IO_CASE(bytes_that_somebody_waited_for_are_nobody_elses)
{
	struct rt_feed feed;
	struct rt_task *t;
	void *bytes;
	int fds[2], early = 0;

	make_stock(16, 4);
	io_pair(fds);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, fds[0]), 0);
	for (int i = 0; i < 50; i++) {
		t = go_joined(wait_and_give_back, &feed);
		rt_task_yield();
		ck_assert_int_eq(rt_io_send(fds[1], "abc", 3, 0, RT_NEVER), 3);
		while (rt_task_block_of(t))
			rt_task_yield();
		if (feed.count) {	/* it has not run */
			early++;
			ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER),
					 -EBUSY);
		}
		ck_assert_int_eq(join(t), 3);
	}
	ck_assert_int_gt(early, 0);
	rt_feed_close(&feed);
	rt_io_close(fds[0]);
	rt_io_close(fds[1]);
	end_stock();
	return 0;
}

IO_CASE(an_error_comes_behind_the_bytes_before_it)
{
	struct linger hard = { 1, 0 };
	struct rt_net_address a;
	char text[RT_NET_TEXT];
	struct rt_feed feed;
	int listener, out, in;
	void *bytes;

	make_stock(16, 4);
	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", NULL, &listener),
			 0);
	ck_assert_int_eq(rt_net_local(listener, &a), 0);
	rt_net_print(&a, text);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &out), 0);
	in = rt_io_accept(listener, NULL, NULL, RT_NEVER);
	ck_assert_int_ge(in, 0);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, in), 0);
	ck_assert_int_eq(rt_io_send(out, "abc", 3, 0, RT_NEVER), 3);
	rt_task_delay(rt_sched_now(sched) + 5000000);
	setsockopt(out, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	rt_io_close(out);
	rt_task_delay(rt_sched_now(sched) + 5000000);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER), 3);
	rt_stock_put(&stock, bytes);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(rt_feed_next(&feed, &bytes, RT_NEVER), -ECONNRESET);
	rt_feed_close(&feed);
	rt_io_close(in);
	rt_io_close(listener);
	end_stock();
	return 0;
}

IO_CASE(a_stock_that_cannot_be_is_refused)
{
	struct rt_wait *w = rt_sched_wait(sched);
	struct rt_feed feed;

	ck_assert_int_eq(rt_stock_init(&stock, w, 0, 1), -EINVAL);
	ck_assert_int_eq(rt_stock_init(&stock, w, 1, 0), -EINVAL);
	ck_assert_int_eq(rt_stock_init(&stock, w, 1, RT_STOCK_MAX + 1),
			 -EINVAL);
	make_stock(1, 5);
	ck_assert_uint_eq(stock.count, 8);
	ck_assert_int_eq(rt_feed_open(&feed, &stock, -1), -EBADF);
	end_stock();
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("feed");

	signal(SIGPIPE, SIG_IGN);
	io_add_all(tc, a_stream_comes_in_order_and_then_its_end);
	io_add(tc, a_confined_wait_receives_too);
	io_add(tc, datagrams_come_one_by_one);
	io_add(tc, who_holds_all_buffers_holds_up_the_sender_and_loses_nothing);
	io_add_all(tc, many_feeds_share_few_buffers);
	io_add_all(tc, a_feed_that_nobody_asks_has_a_share_of_the_buffers);
	io_add_all(tc, a_wait_ends_early_and_loses_nothing);
	io_add(tc, bytes_that_somebody_waited_for_are_nobody_elses);
	io_add(tc, an_error_comes_behind_the_bytes_before_it);
	io_add(tc, a_stock_that_cannot_be_is_refused);
	return tasks_main("rt_feed", tc);
}
