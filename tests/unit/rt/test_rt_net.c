/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_net: addresses as text, listeners, dialling. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "rt/rt_io.h"
#include "rt/rt_net.h"
#include "tests/unit/rt/io.h"

static const struct {
	const char *text;
	int rc;
	const char *as;		/* how it is printed; NULL: the same */
} texts[] = {
	{ "tcp:127.0.0.1:7000", 0, NULL },
	{ "udp:10.1.2.3:0", 0, NULL },
	{ "tcp:[::1]:65535", 0, NULL },
	{ "udp:[fe80::1]:9", 0, NULL },
	{ "udp:[fe80::1%3]:9", 0, NULL },
	{ "tcp:[fe80::1%4294967295]:9", 0, NULL },
	{ "tcp:[fe80::1%lo]:9", -ENOENT, NULL },
	{ "tcp:[fe80::1%4294967296]:9", -ENOENT, NULL },
	{ "tcp:[fe80::1%0]:9", -ENOENT, NULL },
	{ "tcp:[fe80::1%-1]:9", -ENOENT, NULL },
	{ "tcp:[fe80::1%]:9", -ENOENT, NULL },
	{ "tcp:[127.0.0.1%3]:9", -ENOENT, NULL },
	{ "tcp:[127.0.0.1]:9", 0, "tcp:127.0.0.1:9" },
	{ "unix:/tmp/some socket", 0, NULL },
	{ "unix:@some name", 0, NULL },
	{ "unix:relative", 0, NULL },
	{ "tcp:host:9", -ENOENT, NULL },
	{ "tcp:::1:9", -EINVAL, NULL },
	{ "tcp:127.0.0.1", -EINVAL, NULL },
	{ "tcp:127.0.0.1:", -EINVAL, NULL },
	{ "tcp:127.0.0.1:65536", -EINVAL, NULL },
	{ "tcp:127.0.0.1:-1", -EINVAL, NULL },
	{ "tcp:127.0.0.1:1x", -EINVAL, NULL },
	{ "tcp:127.0.0.1: 1", -EINVAL, NULL },
	{ "tcp::9", -EINVAL, NULL },
	{ "tcp:[]:9", -EINVAL, NULL },
	{ "tcp:", -EINVAL, NULL },
	{ "unix:", -EINVAL, NULL },
	{ "sctp:127.0.0.1:9", -EINVAL, NULL },
	{ "127.0.0.1:9", -EINVAL, NULL },
	{ "", -EINVAL, NULL },
};

START_TEST(addresses_are_read_and_written_as_text)
{
	struct rt_net_address a;
	char text[400];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int rc = rt_net_parse(texts[i].text, &a);

		ck_assert_msg(rc == texts[i].rc, "%s: %d", texts[i].text, rc);
		if (rc)
			continue;
		rt_net_print(&a, text);
		ck_assert_str_eq(text, texts[i].as ? texts[i].as :
				 texts[i].text);
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	ck_assert_int_eq(rt_net_parse(text, &a), 0);
	rt_net_print(&a, text + 200);
	ck_assert_str_eq(text + 200, text);
	text[5 + 107] = 'x';
	text[5 + 108] = '\0';
	ck_assert_int_eq(rt_net_parse(text, &a), -ENAMETOOLONG);
	memcpy(text, "tcp:x", 5);
	text[399] = '\0';
	memcpy(text + 390, ":99", 4);
	ck_assert_int_eq(rt_net_parse(text, &a), -EINVAL);
	memset(&a, 0, sizeof(a));
	rt_net_print(&a, text);
	ck_assert_str_eq(text, "?");
}
END_TEST

/* Where a socket is, as text. */
static const char *
local(int fd)
{
	static char text[RT_NET_TEXT];
	struct rt_net_address a;

	ck_assert_int_eq(rt_net_local(fd, &a), 0);
	rt_net_print(&a, text);
	return text;
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

static int
serve_one(void *arg)
{
	int fd = rt_io_accept(*(int *)arg, NULL, NULL, RT_NEVER);
	char bytes[4];

	if (fd < 0)
		return fd;
	if (rt_io_read_all(fd, bytes, 4, RT_IO_HERE, RT_NEVER) == 0)
		rt_io_write_all(fd, bytes, 4, RT_IO_HERE, RT_NEVER);
	return fd;
}

/* A name that no other process takes at the same time. */
static void
name_here(char text[RT_NET_TEXT], const char *what)
{
	snprintf(text, RT_NET_TEXT, "unix:@vine-test-%d-%s", (int)getpid(),
		 what);
}

IO_CASE(whoever_dials_an_announced_address_gets_through)
{
	static const char *const at[] = { "tcp:127.0.0.1:0", "tcp:[::1]:0" };

	for (int i = 0; i < 3; i++) {
		struct rt_task *server;
		struct rt_net_address a;
		char bytes[4], text[RT_NET_TEXT], name[RT_NET_TEXT];
		int listener, fd, served, rc;

		if (i < 2)
			snprintf(name, sizeof(name), "%s", at[i]);
		else
			name_here(name, "net");
		rc = rt_net_announce(name, NULL, &listener);
		if (i == 1 && (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)) {
			printf("skipped: no IPv6 here\n");
			continue;
		}
		ck_assert_int_eq(rc, 0);
		server = go_joined(serve_one, &listener);
		snprintf(text, sizeof(text), "%s", local(listener));
		ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &fd), 0);
		ck_assert_int_eq(rt_io_write_all(fd, "ping", 4, RT_IO_HERE,
						 RT_NEVER), 0);
		ck_assert_int_eq(rt_io_read_all(fd, bytes, 4, RT_IO_HERE,
						RT_NEVER), 0);
		ck_assert_int_eq(memcmp(bytes, "ping", 4), 0);
		served = join(server);
		ck_assert_int_ge(served, 0);
		if (i < 2) {
			if (rt_sim_node_self() == NULL) {
				ck_assert_int_eq(option(fd, IPPROTO_TCP,
							TCP_NODELAY), 1);
				ck_assert_int_eq(option(served, IPPROTO_TCP,
							TCP_NODELAY), 1);
			}
			ck_assert_int_eq(rt_net_peer(fd, &a), 0);
			rt_net_print(&a, name);
			ck_assert_str_eq(name, text);
		}
		if (rt_sim_node_self() == NULL)
			ck_assert_int_ne(fcntl(served, F_GETFL) & O_NONBLOCK,
					 0);
		rt_io_close(served);
		rt_io_close(fd);
		rt_io_close(listener);
	}
	return 0;
}

IO_CASE(datagrams_go_to_whom_was_dialled)
{
	struct rt_net_address from = { .length = sizeof(from.storage) };
	char bytes[8], text[RT_NET_TEXT], mine[RT_NET_TEXT];
	struct iovec v = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
			    .msg_name = &from.storage,
			    .msg_namelen = sizeof(from.storage) };
	int at, fd;

	ck_assert_int_eq(rt_net_announce("udp:127.0.0.1:0", NULL, &at), 0);
	ck_assert_int_eq(rt_net_dial(local(at), RT_NEVER, &fd), 0);
	ck_assert_int_eq(rt_io_send(fd, "hello", 5, 0, RT_NEVER), 5);
	ck_assert_int_eq(rt_io_recvmsg(at, &m, 0, RT_NEVER), 5);
	from.type = SOCK_DGRAM;
	from.length = m.msg_namelen;
	rt_net_print(&from, text);
	snprintf(mine, sizeof(mine), "%s", local(fd));
	ck_assert_str_eq(text, mine);
	rt_io_close(at);
	rt_io_close(fd);
	return 0;
}

IO_CASE(names_are_asked_for)
{
	struct rt_net_address a;
	char text[RT_NET_TEXT];
	int rc = rt_net_resolve("tcp:localhost:80", &a, RT_NEVER);

	ck_assert_int_eq(rc, 0);
	rt_net_print(&a, text);
	ck_assert(strcmp(text, "tcp:127.0.0.1:80") == 0 ||
		  strcmp(text, "tcp:[::1]:80") == 0);
	ck_assert_int_eq(rt_net_resolve("tcp:no.such.name.invalid:80", &a,
					RT_NEVER), -EHOSTUNREACH);
	ck_assert_int_eq(rt_net_resolve("tcp:127.0.0.1:80", &a, 0), 0);
	ck_assert_int_eq(rt_net_resolve("tcp:", &a, 0), -EINVAL);
	return 0;
}

IO_CASE(what_cannot_be_dialled_or_announced_is_told)
{
	char text[RT_NET_TEXT];
	int fd, other;

	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", NULL, &fd), 0);
	snprintf(text, sizeof(text), "%s", local(fd));
	ck_assert_int_eq(rt_net_announce(text, NULL, &other), -EADDRINUSE);
	rt_io_close(fd);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &fd), -ECONNREFUSED);
	ck_assert_int_eq(rt_net_dial("unix:/nowhere/at/all", RT_NEVER, &fd),
			 -ENOENT);
	ck_assert_int_eq(rt_net_dial("tcp:", RT_NEVER, &fd), -EINVAL);
	ck_assert_int_eq(rt_net_announce("tcp:name:1", NULL, &fd), -ENOENT);
	ck_assert_int_eq(rt_net_announce("tcp:192.0.2.1:1", NULL, &fd),
			 -EADDRNOTAVAIL);
	/* a closed one can be announced again at once */
	ck_assert_int_eq(rt_net_announce(text, NULL, &fd), 0);
	rt_io_close(fd);
	return 0;
}

IO_CASE(threads_may_share_a_port)
{
	struct rt_net_opts opts = { .share_port = 1, .backlog = 4 };
	char text[RT_NET_TEXT];
	int a, b;

	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", &opts, &a), 0);
	snprintf(text, sizeof(text), "%s", local(a));
	ck_assert_int_eq(rt_net_announce(text, &opts, &b), 0);
	ck_assert_int_eq(option(b, SOL_SOCKET, SO_REUSEPORT), 1);
	rt_io_close(a);
	rt_io_close(b);
	return 0;
}

static int
accept_later(void *arg)
{
	int fd;

	rt_task_delay(in_ms(20));
	for (int i = 0; i < 3; i++) {
		fd = rt_io_accept(*(int *)arg, NULL, NULL, RT_NEVER);
		if (fd < 0)
			return fd;
		rt_io_close(fd);
	}
	return 0;
}

IO_CASE(a_listener_bounds_what_its_connections_keep)
{
	struct rt_net_opts opts = { .send_buffer = 65536 };
	int listener, fd, served;

	ck_assert_int_eq(rt_net_announce("tcp:127.0.0.1:0", &opts, &listener),
			 0);
	ck_assert_int_eq(rt_net_dial(local(listener), RT_NEVER, &fd), 0);
	served = rt_io_accept(listener, NULL, NULL, RT_NEVER);
	ck_assert_int_ge(served, 0);
	/* Linux keeps as much again for its own */
	ck_assert_int_eq(option(served, SOL_SOCKET, SO_SNDBUF), 2 * 65536);
	rt_io_close(served);
	rt_io_close(fd);
	rt_io_close(listener);
	return 0;
}

/* The queue of a UNIX listener is full: no event says when it is not. */
IO_CASE(a_full_listener_of_unix_is_waited_for)
{
	struct rt_net_opts opts = { .backlog = 1 };
	char text[RT_NET_TEXT];
	struct rt_task *task;
	int listener, held[2], fd;
	uint64_t until;

	name_here(text, "full");
	ck_assert_int_eq(rt_net_announce(text, &opts, &listener), 0);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &held[0]), 0);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &held[1]), 0);
	until = in_ms(10);
	ck_assert_int_eq(rt_net_dial(text, until, &fd), -ETIMEDOUT);
	ck_assert_uint_ge(rt_sched_now(sched), until);
	task = go_joined(accept_later, &listener);
	ck_assert_int_eq(rt_net_dial(text, RT_NEVER, &fd), 0);
	ck_assert_int_eq(join(task), 0);
	rt_io_close(fd);
	rt_io_close(held[0]);
	rt_io_close(held[1]);
	rt_io_close(listener);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("net");

	tcase_add_test(tc, addresses_are_read_and_written_as_text);
	io_add_all(tc, whoever_dials_an_announced_address_gets_through);
	io_add_all(tc, datagrams_go_to_whom_was_dialled);
	io_add(tc, names_are_asked_for);
	io_add(tc, what_cannot_be_dialled_or_announced_is_told);
	io_add(tc, threads_may_share_a_port);
	io_add(tc, a_listener_bounds_what_its_connections_keep);
	io_add(tc, a_full_listener_of_unix_is_waited_for);
	return tasks_main("rt_net", tc);
}
