/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_sim_net: streams, datagrams, cuts and hosts that are gone. */
#include <arpa/inet.h>
#include <poll.h>

#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "rt/rt_rendez.h"
#include "tests/unit/rt/sim.h"

static struct rt_sim_node *server, *client;

/* A server that does something with each connection, and a client. */
struct pair {
	rt_task_fn serve;	/* arg: the descriptor */
	rt_task_fn use;		/* arg: the descriptor */
	const struct rt_net_opts *opts;
};

static int
serve_all(void *arg)
{
	const struct pair *p = arg;
	int listener, fd;

	ck_assert_int_eq(rt_net_announce("tcp:0.0.0.0:7", p->opts, &listener),
			 0);
	while ((fd = rt_io_accept(listener, NULL, NULL, RT_NEVER)) >= 0)
		sim_go(p->serve, (void *)(intptr_t)fd);
	return fd;
}

static int
serve_beside(void *arg)
{
	static const struct rt_task_opts system = { .flags = RT_TASK_SYSTEM };

	return rt_task_create(rt_sched_self(), serve_all, arg, &system, NULL);
}

static int
dial_and_use(void *arg)
{
	const struct pair *p = arg;
	int fd;

	rt_task_delay(sim_in(MS));
	ck_assert_int_eq(rt_net_dial("tcp:server:7", sim_in(5 * SECOND), &fd),
			 0);
	return p->use((void *)(intptr_t)fd);
}

static void
talk(const struct rt_sim_opts *opts, struct pair *p, uint64_t seed)
{
	struct rt_sim *sim = sim_new(opts, seed);

	server = sim_node(sim, "server", serve_beside, p);
	client = sim_node(sim, "client", dial_and_use, p);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(rt_sim_result(client), 0);
	sim_end(sim);
}

static int
hold(void *arg)
{
	return rt_task_delay(sim_in(100 * SECOND)) + 0 * (int)(intptr_t)arg;
}

/* --- streams -------------------------------------------------------------- */

#define MUCH 300000

static int
send_much(void *arg)
{
	char bytes[1000];
	int fd = (int)(intptr_t)arg;

	for (int i = 0; i < MUCH; i += 1000) {
		for (int j = 0; j < 1000; j++)
			bytes[j] = (char)((i + j) % 251);
		ck_assert_int_eq(rt_io_write_all(fd, bytes, 1000, RT_IO_HERE,
						 RT_NEVER), 0);
	}
	return rt_io_close(fd);
}

static int
get_much(void *arg)
{
	char bytes[3000], as_sent[3000 + 251];
	int fd = (int)(intptr_t)arg, all = 0, parts = 0;
	int64_t n;

	for (size_t i = 0; i < sizeof(as_sent); i++)
		as_sent[i] = (char)(i % 251);
	while ((n = rt_io_recv(fd, bytes, sizeof(bytes), 0, RT_NEVER)) > 0) {
		ck_assert_mem_eq(bytes, as_sent + all % 251, (size_t)n);
		all += (int)n;
		parts++;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(all, MUCH);
	ck_assert_int_ge(parts, MUCH / 3000);
	return rt_io_close(fd);
}

START_TEST(all_bytes_arrive_in_order_before_the_end)
{
	static const struct rt_sim_opts opts = { .faults = {
		.short_send = 3, .short_recv = 3, .net_stall = 50 } };
	struct pair p = { send_much, get_much, NULL };

	for (uint64_t seed = 1; seed <= 10; seed++)
		talk(&opts, &p, seed);
}
END_TEST

static int
fill_up(void *arg)
{
	static char bytes[1 << 20];
	int fd = (int)(intptr_t)arg;
	int64_t n, all = 0;

	while ((n = rt_io_send(fd, bytes, sizeof(bytes), 0,
			       sim_in(10 * SECOND))) > 0)
		all += n;
	ck_assert_int_eq(n, -ETIMEDOUT);
	ck_assert_int_eq(all, 65536);
	ck_assert_int_eq(rt_io_poll(fd, POLLOUT, 0), -ETIMEDOUT);
	return 0;
}

START_TEST(who_reads_nothing_is_sent_a_buffer_full)
{
	struct pair p = { hold, fill_up, NULL };

	talk(NULL, &p, 1);
}
END_TEST

static int
close_unread(void *arg)
{
	int fd = (int)(intptr_t)arg;

	rt_task_delay(sim_in(SECOND));
	return rt_io_close(fd);
}

static int
write_and_look(void *arg)
{
	char byte;
	int fd = (int)(intptr_t)arg;

	ck_assert_int_eq(rt_io_send(fd, "hello", 5, 0, RT_NEVER), 5);
	ck_assert_int_eq(rt_io_recv(fd, &byte, 1, 0, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(rt_io_recv(fd, &byte, 1, 0, RT_NEVER), 0);
	ck_assert_int_eq(rt_io_send(fd, "hello", 5, 0, RT_NEVER), -EPIPE);
	return rt_io_close(fd);
}

START_TEST(a_close_with_bytes_unread_resets)
{
	struct pair p = { close_unread, write_and_look, NULL };

	for (uint64_t seed = 1; seed <= 10; seed++)
		talk(NULL, &p, seed);
}
END_TEST

static int
close_now(void *arg)
{
	return rt_io_close((int)(intptr_t)arg);
}

static int
write_to_closed(void *arg)
{
	char byte;
	int fd = (int)(intptr_t)arg;
	int64_t n = 0;

	ck_assert_int_eq(rt_io_recv(fd, &byte, 1, 0, RT_NEVER), 0);
	/* it may be sent; then it comes back */
	ck_assert_int_eq(rt_io_send(fd, "hello", 5, 0, RT_NEVER), 5);
	rt_task_delay(sim_in(SECOND));
	n = rt_io_send(fd, "hello", 5, 0, RT_NEVER);
	ck_assert_int_eq(n, -ECONNRESET);
	ck_assert_int_eq(rt_io_send(fd, "hello", 5, 0, RT_NEVER), -EPIPE);
	return rt_io_close(fd);
}

START_TEST(who_sends_to_one_that_has_closed_is_reset)
{
	struct pair p = { close_now, write_to_closed, NULL };

	for (uint64_t seed = 1; seed <= 10; seed++)
		talk(NULL, &p, seed);
}
END_TEST

static int
dial_nobody(void *arg)
{
	uint64_t begin = rt_sched_now(rt_sched_self());
	char text[RT_NET_TEXT], peer[RT_NET_TEXT];
	int fd, listener;
	struct rt_net_address a;

	(void)arg;
	ck_assert_int_eq(rt_net_dial("tcp:server:9", RT_NEVER, &fd),
			 -ECONNREFUSED);
	ck_assert_uint_lt(rt_sched_now(rt_sched_self()), begin + SECOND);
	ck_assert_int_eq(rt_net_dial("tcp:nobody:9", RT_NEVER, &fd),
			 -EHOSTUNREACH);
	ck_assert_int_eq(rt_net_dial("unix:/none", RT_NEVER, &fd),
			 -ECONNREFUSED);
	/* no such machine: nobody says anything */
	begin = rt_sched_now(rt_sched_self());
	ck_assert_int_eq(rt_net_dial("tcp:10.0.0.9:9", RT_NEVER, &fd),
			 -ETIMEDOUT);
	ck_assert_uint_ge(rt_sched_now(rt_sched_self()), begin + 20 * SECOND);
	ck_assert_int_eq(rt_net_dial("tcp:10.0.0.9:9", sim_in(SECOND), &fd),
			 -ETIMEDOUT);
	ck_assert_int_eq(rt_net_announce("tcp:10.0.0.9:1", NULL, &fd),
			 -EADDRNOTAVAIL);
	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", NULL, &listener),
			 0);
	ck_assert_int_eq(rt_net_local(listener, &a), 0);
	rt_net_print(&a, text);
	ck_assert_int_eq(rt_net_announce(text, NULL, &fd), -EADDRINUSE);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &fd), 0);
	ck_assert_int_eq(rt_net_peer(fd, &a), 0);
	rt_net_print(&a, peer);
	ck_assert_str_eq(text, peer);
	ck_assert_int_eq(rt_net_peer(listener, &a), -ENOTCONN);
	ck_assert_int_eq(rt_io_close(fd), 0);
	return rt_io_close(listener);
}

START_TEST(who_dials_nobody_is_told_so)
{
	struct rt_sim *sim = sim_new(NULL, 1);

	server = sim_node(sim, "server", close_now, (void *)(intptr_t)-1);
	client = sim_node(sim, "client", dial_nobody, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(rt_sim_result(client), 0);
	sim_end(sim);
}
END_TEST

/* --- cuts ----------------------------------------------------------------- */

static int
echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[100];
	int64_t n;

	while ((n = rt_io_recv(fd, bytes, sizeof(bytes), 0, RT_NEVER)) > 0)
		rt_io_write_all(fd, bytes, (size_t)n, RT_IO_HERE, RT_NEVER);
	return rt_io_close(fd);
}

static int
talk_through_a_cut(void *arg)
{
	int fd = (int)(intptr_t)arg, other;
	char bytes[4];
	uint64_t begin;

	rt_sim_partition(server, client, 1);
	ck_assert_int_eq(rt_io_send(fd, "abcd", 4, 0, RT_NEVER), 4);
	ck_assert_int_eq(rt_io_recv(fd, bytes, 4, 0, sim_in(3 * SECOND)),
			 -ETIMEDOUT);
	ck_assert_int_eq(rt_net_dial("tcp:server:7", sim_in(SECOND), &other),
			 -ETIMEDOUT);
	rt_sim_partition(client, server, 0);
	/* it is sent again */
	ck_assert_int_eq(rt_io_read_all(fd, bytes, 4, RT_IO_HERE,
					sim_in(5 * SECOND)), 0);
	ck_assert_mem_eq(bytes, "abcd", 4);
	rt_sim_partition(server, client, 1);
	begin = rt_sched_now(rt_sched_self());
	ck_assert_int_eq(rt_io_send(fd, "abcd", 4, 0, RT_NEVER), 4);
	ck_assert_int_eq(rt_io_recv(fd, bytes, 4, 0, RT_NEVER), -ETIMEDOUT);
	ck_assert_uint_ge(rt_sched_now(rt_sched_self()), begin + 20 * SECOND);
	rt_sim_partition(server, client, 0);
	ck_assert_int_eq(rt_io_close(fd), 0);
	/* the server was never told: it waits until the world ends */
	rt_sim_crash(server);
	return 0;
}

START_TEST(a_stream_outlives_a_short_cut_and_no_long_one)
{
	struct pair p = { echo, talk_through_a_cut, NULL };

	for (uint64_t seed = 1; seed <= 10; seed++)
		talk(NULL, &p, seed);
}
END_TEST

static int
lose_the_server(void *arg)
{
	static struct pair p = { echo, NULL, NULL };
	int fd = (int)(intptr_t)arg, other;
	char bytes[4];

	rt_sim_crash(server);
	ck_assert_int_eq(rt_io_send(fd, "abcd", 4, 0, RT_NEVER), 4);
	/* nobody says anything */
	ck_assert_int_eq(rt_io_recv(fd, bytes, 4, 0, sim_in(2 * SECOND)),
			 -ETIMEDOUT);
	ck_assert_int_eq(rt_net_dial("tcp:server:7", sim_in(SECOND), &other),
			 -ETIMEDOUT);
	rt_sim_restart(server, serve_beside, &p);
	/* one that knows nothing of us */
	ck_assert_int_eq(rt_io_recv(fd, bytes, 4, 0, RT_NEVER), -ECONNRESET);
	ck_assert_int_eq(rt_net_dial("tcp:server:7", sim_in(SECOND), &other),
			 0);
	ck_assert_int_eq(rt_io_send(other, "abcd", 4, 0, RT_NEVER), 4);
	ck_assert_int_eq(rt_io_read_all(other, bytes, 4, RT_IO_HERE, RT_NEVER),
			 0);
	ck_assert_int_eq(rt_io_close(other), 0);
	return rt_io_close(fd);
}

START_TEST(a_host_without_power_is_silent_and_forgets)
{
	struct pair p = { echo, lose_the_server, NULL };

	for (uint64_t seed = 1; seed <= 10; seed++)
		talk(NULL, &p, seed);
}
END_TEST

static int resets;

static int
send_until_reset(void *arg)
{
	char bytes[100] = { 0 };
	int fd = (int)(intptr_t)arg;
	int64_t n = 1;

	for (int i = 0; i < 100 && n > 0; i++) {
		n = rt_io_send(fd, bytes, sizeof(bytes), 0, RT_NEVER);
		if (n > 0)
			n = rt_io_recv(fd, bytes, sizeof(bytes), 0, RT_NEVER);
	}
	ck_assert(n > 0 || n == -ECONNRESET);
	resets += n < 0;
	return rt_io_close(fd);
}

START_TEST(a_connection_is_reset_now_and_then)
{
	static const struct rt_sim_opts opts = { .faults = {
		.net_reset = 100 } };
	struct pair p = { echo, send_until_reset, NULL };

	resets = 0;
	for (uint64_t seed = 1; seed <= 50; seed++)
		talk(&opts, &p, seed);
	ck_assert_int_gt(resets, 20);
	ck_assert_int_lt(resets, 50);
}
END_TEST

/* --- datagrams ------------------------------------------------------------ */

#define DATAGRAMS 500

static int counts[DATAGRAMS], disorder;

static int
get_datagrams(void *arg)
{
	int fd, last = -1, number;

	(void)arg;
	ck_assert_int_eq(rt_net_announce("udp:0.0.0.0:9", NULL, &fd), 0);
	while (rt_io_recv(fd, &number, sizeof(number), 0,
			  sim_in(10 * SECOND)) == sizeof(number)) {
		ck_assert_int_lt(number, DATAGRAMS);
		counts[number]++;
		disorder += number < last;
		last = number;
	}
	return rt_io_close(fd);
}

static int
send_datagrams(void *arg)
{
	struct sockaddr_in from = { 0 };
	struct iovec piece;
	struct msghdr m = { .msg_iov = &piece, .msg_iovlen = 1 };
	int fd;

	(void)arg;
	rt_task_delay(sim_in(MS));
	ck_assert_int_eq(rt_net_dial("udp:server:9", RT_NEVER, &fd), 0);
	for (int i = 0; i < DATAGRAMS; i++) {
		piece = (struct iovec){ &i, sizeof(i) };
		ck_assert_int_eq(rt_io_sendmsg(fd, &m, 0, RT_NEVER),
				 sizeof(i));
		rt_task_delay(sim_in(MS));
	}
	m.msg_name = &from;
	ck_assert_int_eq(rt_io_recvmsg(fd, &m, 0, sim_in(SECOND)), -ETIMEDOUT);
	return rt_io_close(fd);
}

static int
datagrams(const struct rt_sim_opts *opts, int *lost, int *twice)
{
	struct rt_sim *sim = sim_new(opts, 1);

	memset(counts, 0, sizeof(counts));
	*lost = *twice = disorder = 0;
	server = sim_node(sim, "server", get_datagrams, NULL);
	client = sim_node(sim, "client", send_datagrams, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	for (int i = 0; i < DATAGRAMS; i++) {
		*lost += counts[i] == 0;
		*twice += counts[i] == 2;
		ck_assert_int_le(counts[i], 2);
	}
	sim_end(sim);
	return *lost + *twice + disorder;
}

START_TEST(datagrams_are_lost_come_twice_and_out_of_order)
{
	struct rt_sim_opts opts = { 0 };
	int lost, twice;

	ck_assert_int_eq(datagrams(&opts, &lost, &twice), 0);
	opts.faults.drop = 10;
	datagrams(&opts, &lost, &twice);
	ck_assert_int_gt(lost, 20);
	ck_assert_int_eq(twice + disorder, 0);
	opts.faults.drop = 0;
	opts.faults.duplicate = 10;
	datagrams(&opts, &lost, &twice);
	ck_assert_int_gt(twice, 20);
	ck_assert_int_eq(lost, 0);
	opts.faults.duplicate = 0;
	opts.faults.reorder = 10;
	datagrams(&opts, &lost, &twice);
	ck_assert_int_gt(disorder, 10);
	ck_assert_int_eq(lost + twice, 0);
}
END_TEST

/* --- watches -------------------------------------------------------------- */

static struct rt_rendez fired;
static uint32_t fired_events;

static void
on_ready(struct rt_watch *watch, uint32_t events)
{
	(void)watch;
	fired_events = events;
	rt_rendez_wake_all(&fired);
}

static int
watch_one(void *arg)
{
	struct rt_watch watch = { .ready = on_ready, .events = POLLIN };
	int fds[2];

	(void)arg;
	rt_rendez_init(&fired);
	fired_events = 0;
	ck_assert_int_eq(rt_sim_pair(fds), 0);
	watch.fd = fds[0];
	ck_assert_int_eq(rt_wait_watch(rt_sched_wait(rt_sched_self()), &watch),
			 0);
	ck_assert_int_eq(rt_rendez_sleep(&fired, sim_in(SECOND)), -ETIMEDOUT);
	ck_assert_int_eq(rt_io_send(fds[1], "x", 1, 0, RT_NEVER), 1);
	/* it may have come before we sleep */
	while (fired_events == 0)
		ck_assert_int_eq(rt_rendez_sleep(&fired, sim_in(SECOND)), 0);
	ck_assert_uint_eq(fired_events, POLLIN);
	rt_io_close(fds[0]);
	return rt_io_close(fds[1]);
}

START_TEST(a_watch_fires_when_there_is_something)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct rt_sim *sim = sim_new(NULL, seed);

		client = sim_node(sim, "a", watch_one, NULL);
		ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
		ck_assert_int_eq(rt_sim_result(client), 0);
		sim_end(sim);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rt_sim_net");

	tcase_add_test(tc, all_bytes_arrive_in_order_before_the_end);
	tcase_add_test(tc, who_reads_nothing_is_sent_a_buffer_full);
	tcase_add_test(tc, a_close_with_bytes_unread_resets);
	tcase_add_test(tc, who_sends_to_one_that_has_closed_is_reset);
	tcase_add_test(tc, who_dials_nobody_is_told_so);
	tcase_add_test(tc, a_stream_outlives_a_short_cut_and_no_long_one);
	tcase_add_test(tc, a_host_without_power_is_silent_and_forgets);
	tcase_add_test(tc, a_connection_is_reset_now_and_then);
	tcase_add_test(tc, datagrams_are_lost_come_twice_and_out_of_order);
	tcase_add_test(tc, a_watch_fires_when_there_is_something);
	return sim_main("rt_sim_net", tc);
}
