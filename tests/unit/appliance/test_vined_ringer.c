/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vined_ringer: bells are rung, and one that blocks stops no other
 * thread. */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "../core/rig.h"
#include "appliance/vined_ringer.h"

static int
new_bell(int flags)
{
	int fd = eventfd(0, EFD_CLOEXEC | flags);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static int
was_rung(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, ms) == 1 &&
	       read(fd, &count, sizeof(count)) == sizeof(count);
}

START_TEST(a_peers_bell_is_rung_and_no_others)
{
	struct vined_ringer *r;
	int a = new_bell(EFD_NONBLOCK), b = new_bell(EFD_NONBLOCK);

	ck_assert_int_eq(vined_ringer_new(&r), 0);
	vined_ringer_add(r, 1, dup(a));
	vined_ringer_add(r, 65535, dup(b));
	vined_ringer_ring(r, 65535);	/* before there is a thread */
	ck_assert_int_eq(vined_ringer_start(r), 0);
	ck_assert_int_eq(was_rung(b, 30000), 1);
	for (int i = 0; i < 1000; i++) {
		vined_ringer_ring(r, 1);
		ck_assert_int_eq(was_rung(a, 30000), 1);
	}
	vined_ringer_ring(r, 2);	/* there is none */
	vined_ringer_ring(r, 65536);
	ck_assert_int_eq(was_rung(b, 0), 0);
	vined_ringer_remove(r, 1);
	vined_ringer_ring(r, 1);
	vined_ringer_ring(r, 65535);
	ck_assert_int_eq(was_rung(b, 30000), 1);
	ck_assert_int_eq(was_rung(a, 0), 0);
	vined_ringer_free(r);
}
END_TEST

/* Full and blocking, as its peer made it. */
static int
blocking_bell(void)
{
	uint64_t most = UINT64_MAX - 1;
	int fd = new_bell(0);

	ck_assert_int_eq(write(fd, &most, sizeof(most)), sizeof(most));
	return fd;
}

START_TEST(a_bell_that_blocks_is_let_go_when_its_peer_goes)
{
	struct vined_ringer *r;
	int bad = blocking_bell(), good = new_bell(EFD_NONBLOCK);

	ck_assert_int_eq(vined_ringer_new(&r), 0);
	vined_ringer_add(r, 1, dup(bad));
	vined_ringer_add(r, 2, dup(good));
	ck_assert_int_eq(vined_ringer_start(r), 0);
	vined_ringer_ring(r, 1);
	rig_nap(50000000);		/* it blocks by now */
	vined_ringer_ring(r, 2);	/* and this returns all the same */
	vined_ringer_remove(r, 1);
	ck_assert_int_eq(was_rung(good, 30000), 1);
	vined_ringer_free(r);
}
END_TEST

START_TEST(a_ringer_ends_while_a_bell_blocks_it)
{
	struct vined_ringer *r;
	int bad = blocking_bell();

	ck_assert_int_eq(vined_ringer_new(&r), 0);
	vined_ringer_add(r, 1, dup(bad));
	ck_assert_int_eq(vined_ringer_start(r), 0);
	vined_ringer_ring(r, 1);
	rig_nap(50000000);
	vined_ringer_free(r);
}
END_TEST

START_TEST(one_without_a_thread_ends_too)
{
	struct vined_ringer *r;

	ck_assert_int_eq(vined_ringer_new(&r), 0);
	vined_ringer_add(r, 1, new_bell(0));
	vined_ringer_ring(r, 1);
	vined_ringer_free(r);
	vined_ringer_free(NULL);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_peers_bell_is_rung_and_no_others),
	RIG_CASE(a_bell_that_blocks_is_let_go_when_its_peer_goes),
	RIG_CASE(a_ringer_ends_while_a_bell_blocks_it),
	RIG_CASE(one_without_a_thread_ends_too),
};

RIG_MAIN("vined_ringer", cases)
