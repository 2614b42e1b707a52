/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vined_holder: everything is said once and in order, also where the
 * holder does not listen for a while, and nothing blocks.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/rig.h"
#include "appliance/vined_holder.h"
#include "rt/rt_wait.h"

static struct rt_wait *wait_of_test;
static struct vined_holder *holder;
static char path[108];
static int sock;

static void
setup(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "/tmp/holder-%d", getpid());
	memcpy(at.sun_path, path, strlen(path));
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	unsetenv("LISTEN_FDS");
	ck_assert_int_eq(rt_wait_new(RT_WAIT_EPOLL, &wait_of_test), 0);
	ck_assert_int_eq(vined_holder_open(wait_of_test, &holder), 0);
}

static void
teardown(void)
{
	vined_holder_close(holder);
	rt_wait_free(wait_of_test);
	close(sock);
	unlink(path);
	unsetenv("FDSTORE");
}

/* The next thing that was said, or "". */
static const char *
heard(uint32_t *fds)
{
	static char text[512];
	char control[256];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	*fds = 0;
	text[n < 0 ? 0 : n] = '\0';
	c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	if (c) {
		*fds = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (uint32_t i = 0; i < *fds; i++)
			close(((int *)(void *)CMSG_DATA(c))[i]);
	}
	return text;
}

/* As heard, but waits for it; vined's main thread goes round meanwhile. */
static const char *
heard_at_last(uint32_t *fds)
{
	const char *text;

	for (int i = 0; i < 10000; i++) {
		text = heard(fds);
		if (text[0])
			return text;
		rt_wait_sleep(wait_of_test, NULL, 0, 1000000);
	}
	ck_abort_msg("nothing is heard");
	return NULL;
}

START_TEST(what_is_kept_and_told_comes_in_systemds_words)
{
	uint32_t fds;

	setup();
	ck_assert_int_eq(vined_holder_keeps(holder), 1);
	vined_holder_tell(holder, "READY=1");
	ck_assert_str_eq(heard(&fds), "READY=1");
	ck_assert_int_eq(vined_holder_put(holder, "a", (int[]){ 0, 1 }, 2), 1);
	ck_assert_str_eq(heard(&fds), "FDSTORE=1\nFDNAME=a\nFDPOLL=0");
	ck_assert_uint_eq(fds, 2);
	vined_holder_drop(holder, "a", 2);
	ck_assert_str_eq(heard(&fds), "FDSTOREREMOVE=1\nFDNAME=a");
	ck_assert_str_eq(heard(&fds), "");
	teardown();
}
END_TEST

START_TEST(a_holder_that_listens_late_hears_all_of_it_in_order)
{
	uint32_t fds;
	char name[32], want[96];

	setup();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(vined_holder_put(holder, name, (int[]){ 0 },
						  1), 1);
	}
	vined_holder_tell(holder, "READY=1");
	for (int i = 0; i < 500; i++) {
		snprintf(want, sizeof(want),
			 "FDSTORE=1\nFDNAME=n%d\nFDPOLL=0", i);
		ck_assert_str_eq(heard_at_last(&fds), want);
		ck_assert_uint_eq(fds, 1);
	}
	ck_assert_str_eq(heard_at_last(&fds), "READY=1");
	teardown();
}
END_TEST

START_TEST(what_was_not_sent_yet_is_dropped_without_a_word)
{
	uint32_t fds;
	char name[32];
	int n = 0;

	setup();
	/* more comings and goings than the list has places */
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(vined_holder_put(holder, name, (int[]){ 0 },
						  1), 1);
		vined_holder_drop(holder, name, 1);
	}
	vined_holder_tell(holder, "STATUS=end");
	while (strcmp(heard_at_last(&fds), "STATUS=end") != 0)
		n++;
	ck_assert_int_lt(n, 1000);	/* what the kernel's queue has room for */
	teardown();
}
END_TEST

START_TEST(no_more_is_kept_than_the_holder_takes)
{
	char name[32];

	setenv("FDSTORE", "5", 1);
	setup();
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(vined_holder_put(holder, name,
						  (int[]){ 0, 1 }, 2), 1);
	}
	ck_assert_int_eq(vined_holder_put(holder, "x", (int[]){ 0, 1 }, 2), 0);
	ck_assert_int_eq(vined_holder_put(holder, "y", (int[]){ 0 }, 1), 1);
	vined_holder_drop(holder, "n0", 2);
	ck_assert_int_eq(vined_holder_put(holder, "x", (int[]){ 0, 1 }, 2), 1);
	teardown();
	setenv("FDSTORE", "0", 1);
	setup();
	ck_assert_int_eq(vined_holder_keeps(holder), 0);
	ck_assert_int_eq(vined_holder_put(holder, "x", (int[]){ 0 }, 1), 0);
	teardown();
}
END_TEST

START_TEST(a_holder_that_goes_is_not_spoken_to_any_more)
{
	setup();
	for (int i = 0; i < 600; i++)
		vined_holder_tell(holder, "STATUS=x");
	close(sock);
	sock = -1;
	for (int i = 0; i < 100 && vined_holder_keeps(holder); i++)
		rt_wait_sleep(wait_of_test, NULL, 0, 10000000);
	ck_assert_int_eq(vined_holder_keeps(holder), 0);
	ck_assert_int_eq(vined_holder_put(holder, "x", (int[]){ 0 }, 1), 0);
	vined_holder_drop(holder, "x", 1);
	vined_holder_tell(holder, "STATUS=x");
	teardown();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(what_is_kept_and_told_comes_in_systemds_words),
	RIG_CASE(a_holder_that_listens_late_hears_all_of_it_in_order),
	RIG_CASE(what_was_not_sent_yet_is_dropped_without_a_word),
	RIG_CASE(no_more_is_kept_than_the_holder_takes),
	RIG_CASE(a_holder_that_goes_is_not_spoken_to_any_more),
};

RIG_MAIN("vined_holder", cases)
