/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_peer: words whole, cut and with descriptors; the greeting. */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "rig.h"
#include "core/vine_peer.h"

static int ends[2];		/* the server's, the peer's */

static void
connect_ends(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static int
open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Is it the same open file? Then a position set in one shows in the other. */
static int
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

START_TEST(a_word_is_eight_bytes_least_significant_first)
{
	uint8_t bytes[17];

	connect_ends();
	ck_assert_int_eq(vine_peer_say(ends[0], 0x0102, -1), 0);
	ck_assert_int_eq(vine_peer_say(ends[0], -2, -1), 0);
	ck_assert_int_eq(recv(ends[1], bytes, 17, MSG_DONTWAIT), 16);
	ck_assert_mem_eq(bytes, "\2\1\0\0\0\0\0\0"
			 "\376\377\377\377\377\377\377\377", 16);
}
END_TEST

START_TEST(words_arrive_in_order_each_with_its_descriptor)
{
	int file = memfd_create("a", 0), other = memfd_create("b", 0);
	struct vine_peer_word word = { .fd = -1 };
	int64_t value;

	connect_ends();
	ck_assert_int_eq(vine_peer_say(ends[0], 7, -1), 0);
	ck_assert_int_eq(vine_peer_say(ends[0], -1, file), 0);
	ck_assert_int_eq(vine_peer_say(ends[0], 3, other), 0);
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), 0);
	ck_assert_int_eq(value, 7);
	ck_assert_int_eq(word.fd, -1);
	word = (struct vine_peer_word){ .fd = -1 };
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), 0);
	ck_assert_int_eq(value, -1);
	ck_assert(same_file(word.fd, file));
	ck_assert_int_eq(fcntl(word.fd, F_GETFD), FD_CLOEXEC);
	word = (struct vine_peer_word){ .fd = -1 };
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), 0);
	ck_assert_int_eq(value, 3);
	ck_assert(same_file(word.fd, other));
}
END_TEST

START_TEST(a_word_that_comes_byte_by_byte_is_whole_at_its_last)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct vine_peer_word word = { .fd = -1 };
	int64_t value = 0;

	connect_ends();
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value),
				 -EAGAIN);
		ck_assert_int_eq((int)write(ends[0], bytes + i, 1), 1);
	}
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), 0);
	ck_assert_int_eq(value, INT64_C(0x0807060504030201));
}
END_TEST

/* Two in one message, and another with each piece of a word: one is kept. */
START_TEST(descriptors_too_many_are_closed)
{
	struct vine_peer_word word = { .fd = -1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	int file = memfd_create("a", 0), before, fds[2] = { file, file };
	uint32_t half = 0;
	struct iovec iov = { &half, sizeof(half) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	int64_t value;

	connect_ends();
	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	before = open_fds();
	ck_assert_int_eq((int)sendmsg(ends[0], &msg, 0), 4);
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), -EAGAIN);
	ck_assert_int_eq((int)sendmsg(ends[0], &msg, 0), 4);
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), 0);
	ck_assert(same_file(word.fd, file));
	ck_assert_int_eq(open_fds(), before + 1);
}
END_TEST

START_TEST(the_end_in_the_middle_of_a_word_is_the_end)
{
	struct vine_peer_word word = { .fd = -1 };
	int64_t value;

	connect_ends();
	ck_assert_int_eq((int)write(ends[0], "abc", 3), 3);
	close(ends[0]);
	ck_assert_int_eq(vine_peer_hear(ends[1], &word, &value), -ECONNRESET);
	ck_assert_int_eq(vine_peer_say(ends[1], 1, -1), -EPIPE);
}
END_TEST

START_TEST(one_who_does_not_read_is_told_no_more)
{
	int n = 0, rc;

	connect_ends();
	do
		rc = vine_peer_say(ends[0], 1, -1);
	while (rc == 0 && ++n < 1000000);
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_int_ge(n, 16);	/* a greeting has room */
}
END_TEST

/* --- attaching to servers of all sorts ---------------------------------- */

static struct {
	char path[108];
	int listening;
	pthread_t thread;
	int (*say)(int sock);	/* returns whether to keep the connection */
} server;

static void *
serve(void *arg)
{
	int sock = accept(server.listening, NULL, NULL);

	(void)arg;
	if (server.say(sock)) {
		struct pollfd p = { .fd = sock, .events = POLLIN };

		poll(&p, 1, 60000);
	}
	close(sock);
	return NULL;
}

/* A server that says what `say` says; what attaching to it returns. */
static int
attach_to(int (*say)(int sock), int64_t timeout, struct vine_peer *peer,
	  int *fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int rc;

	snprintf(server.path, sizeof(server.path), "/tmp/vine-peer-%d",
		 (int)getpid());
	memcpy(at.sun_path, server.path, sizeof(server.path));
	server.listening = socket(AF_UNIX, SOCK_STREAM, 0);
	server.say = say;
	ck_assert_int_eq(bind(server.listening, (struct sockaddr *)&at,
			      sizeof(at)), 0);
	ck_assert_int_eq(listen(server.listening, 1), 0);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
	rc = vine_peer_attach(server.path, timeout, peer, fd);
	unlink(server.path);
	return rc;
}

static void
server_ends(void)
{
	pthread_join(server.thread, NULL);
	close(server.listening);
}

static int
greet(int sock, int segment)
{
	int fd = eventfd(0, 0);

	vine_peer_say(sock, 0, -1);
	vine_peer_say(sock, 5, -1);
	vine_peer_say(sock, -1, segment);
	vine_peer_say(sock, 0, fd);
	vine_peer_say(sock, 5, fd);
	close(fd);
	return 1;
}

static int segment;

static int
say_all(int sock)
{
	return greet(sock, segment);
}

/* As other servers may: two vectors, other peers that come and go. */
static int
say_more(int sock)
{
	int fd = eventfd(0, 0);

	vine_peer_say(sock, 0, -1);
	vine_peer_say(sock, 5, -1);
	vine_peer_say(sock, -1, segment);
	vine_peer_say(sock, 2, fd);
	vine_peer_say(sock, 2, fd);
	vine_peer_say(sock, 2, -1);
	vine_peer_say(sock, 5, fd);
	close(fd);
	return 1;
}

static int
say_nothing(int sock)
{
	(void)sock;
	return 1;
}

static int
say_goodbye(int sock)
{
	(void)sock;
	return 0;
}

static int
say_version_1(int sock)
{
	vine_peer_say(sock, 1, -1);
	return 1;
}

static int
say_id_0(int sock)
{
	vine_peer_say(sock, 0, -1);
	vine_peer_say(sock, 0, -1);
	return 1;
}

static int
say_no_segment(int sock)
{
	vine_peer_say(sock, 0, -1);
	vine_peer_say(sock, 5, -1);
	vine_peer_say(sock, -1, -1);
	return 1;
}

static int
say_half(int sock)
{
	vine_peer_say(sock, 0, -1);
	vine_peer_say(sock, 5, -1);
	vine_peer_say(sock, -1, segment);
	return 0;
}

static int
say_http(int sock)
{
	return write(sock, "HTTP/1.1 400 Bad Request\r\n", 26) == 26;
}

START_TEST(a_peer_has_its_number_the_segment_and_a_connection)
{
	static int (*const says[])(int sock) = { say_all, say_more };

	for (int i = 0; i < 2; i++) {
		struct vine_peer peer;
		int before, fd;

		segment = memfd_create("segment", 0);
		before = open_fds();
		ck_assert_int_eq(attach_to(says[i], 20 * SECOND, &peer, &fd),
				 0);
		ck_assert_uint_eq(peer.id, 5);
		ck_assert(same_file(fd, segment));
		ck_assert_int_eq(vine_peer_is_served(&peer), 1);
		close(peer.sock);
		server_ends();
		close(fd);
		ck_assert_int_eq(open_fds(), before);
	}
}
END_TEST

START_TEST(the_servers_end_is_seen)
{
	connect_ends();
	{
		struct vine_peer peer = { .sock = ends[1] };

		ck_assert_int_eq(vine_peer_is_served(&peer), 1);
		ck_assert_int_eq(vine_peer_say(ends[0], 1, -1), 0);
		ck_assert_int_eq(vine_peer_is_served(&peer), 1);
		close(ends[0]);
		ck_assert_int_eq(vine_peer_is_served(&peer), 0);
	}
}
END_TEST

START_TEST(a_bad_server_is_an_error_and_nothing_stays_open)
{
	static const struct {
		int (*say)(int sock);
		int64_t timeout;
		int rc;
		const char *said;
	} bad[] = {
		{ say_nothing, SECOND / 20, -ETIMEDOUT, "answers" },
		{ say_goodbye, 20 * SECOND, -EACCES, "closed" },
		{ say_half, 20 * SECOND, -EACCES, "closed" },
		{ say_version_1, 20 * SECOND, -EPROTO, "says 1 with no" },
		{ say_id_0, 20 * SECOND, -EPROTO, "says 0 with no" },
		{ say_no_segment, 20 * SECOND, -EPROTO, "says -1 with no" },
		{ say_http, 20 * SECOND, -EPROTO, "expected the greeting" },
	};
	struct vine_peer peer;
	int before, fd;

	segment = memfd_create("segment", 0);
	before = open_fds();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_listen();
		ck_assert_int_eq(attach_to(bad[i].say, bad[i].timeout, &peer,
					   &fd), bad[i].rc);
		ck_assert_ptr_nonnull(strstr(rig_log, bad[i].said));
		ck_assert_int_eq(peer.sock, -1);
		ck_assert_int_eq(fd, -1);
		server_ends();
		ck_assert_int_eq(open_fds(), before);
	}
}
END_TEST

START_TEST(a_path_without_a_server_is_a_timeout_and_a_bad_one_an_error)
{
	char path[200];
	struct vine_peer peer;
	int fd;

	ck_assert_int_eq(vine_peer_attach("/tmp/vine-peer-none", 1000000,
					  &peer, &fd), -ETIMEDOUT);
	ck_assert_int_eq(vine_peer_attach("relative", SECOND, &peer, &fd),
			 -EINVAL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	ck_assert_int_eq(vine_peer_attach(path, SECOND, &peer, &fd), -EINVAL);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_word_is_eight_bytes_least_significant_first),
	RIG_CASE(words_arrive_in_order_each_with_its_descriptor),
	RIG_CASE(a_word_that_comes_byte_by_byte_is_whole_at_its_last),
	RIG_CASE(descriptors_too_many_are_closed),
	RIG_CASE(the_end_in_the_middle_of_a_word_is_the_end),
	RIG_CASE(one_who_does_not_read_is_told_no_more),
	RIG_CASE(a_peer_has_its_number_the_segment_and_a_connection),
	RIG_CASE(the_servers_end_is_seen),
	RIG_CASE(a_bad_server_is_an_error_and_nothing_stays_open),
	RIG_CASE(a_path_without_a_server_is_a_timeout_and_a_bad_one_an_error),
};

RIG_MAIN("vine_peer", cases)
