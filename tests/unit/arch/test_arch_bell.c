/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of arch_bell. What every kind of bell must do is run for each kind,
 * inside one process and between two, where an eventfd was handed over through
 * a socket; then what only one kind can do.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../core/rig.h"
#include "arch/spin/arch_bell.h"

#define MS UINT64_C(1000000)
#define ROUNDS (RIG_SANITIZED || getenv("VINE_EMULATED") ? 5000u : 50000u)

/* A pair of bells between two sides, in memory of both. */
struct field {
	_Atomic uint32_t sleeping;	/* the armed protocol */
	_Atomic uint32_t published;
	_Atomic uint32_t taken;
	_Atomic uint32_t last;		/* to be published; 0: not known */
	_Atomic uint32_t rung;
	_Atomic uint32_t timeouts;
	le32_t word;
};

/* A kind of bell: both ends of one. */
struct kind {
	const char *name;
	int (*open)(struct field *f, struct arch_bell *ring,
		    struct arch_bell *wait);
};

static int
open_futex(struct field *f, struct arch_bell *ring, struct arch_bell *wait)
{
	*ring = *wait = arch_bell_of_word(&f->word);
	return 0;
}

static int
open_eventfd(struct field *f, struct arch_bell *ring, struct arch_bell *wait)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)f;
	ck_assert_int_ge(fd, 0);
	*ring = arch_bell_of_fd(fd);
	*wait = arch_bell_of_fd(fd);
	return 0;
}

/* The end that is rung went through a socket, as between processes. */
static int
open_handed(struct field *f, struct arch_bell *ring, struct arch_bell *wait)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], fd;

	open_eventfd(f, ring, wait);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &wait->fd, sizeof(int));
	ck_assert_int_eq(sendmsg(pair[0], &m, 0), 1);
	ck_assert_int_eq(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	ck_assert_int_ne(fd, wait->fd);
	*ring = arch_bell_of_fd(fd);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static const struct kind kinds[] = {
	{ "futex", open_futex },
	{ "eventfd", open_eventfd },
	{ "eventfd handed over", open_handed },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct field *field;
static struct arch_bell ring, waits;

static void
begin(int i)
{
	printf("bell: %s\n", kinds[i].name);
	fflush(stdout);
	field = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(field, MAP_FAILED);
	ck_assert_int_eq(kinds[i].open(field, &ring, &waits), 0);
}

static void
end(void)
{
	if (waits.kind == ARCH_BELL_EVENTFD) {
		close(waits.fd);
		if (ring.fd != waits.fd)
			close(ring.fd);
	}
	munmap(field, 4096);
}

/* --- what every kind does ------------------------------------------------ */

START_TEST(a_ring_before_the_wait_ends_it_at_once)
{
	uint32_t seen;

	begin(_i);
	seen = arch_bell_look(&waits);
	arch_bell_ring(&ring, ~0u);
	ck_assert_int_eq(arch_bell_wait(&waits, seen, ~0u, 50 * SECOND), 0);
	end();
}
END_TEST

START_TEST(many_rings_are_one_wake)
{
	uint32_t seen;

	begin(_i);
	seen = arch_bell_look(&waits);
	for (int i = 0; i < 1000; i++)
		arch_bell_ring(&ring, ~0u);
	ck_assert_int_eq(arch_bell_wait(&waits, seen, ~0u, 50 * SECOND), 0);
	seen = arch_bell_look(&waits);
	ck_assert_int_eq(arch_bell_wait(&waits, seen, ~0u, 20 * MS),
			 -ETIMEDOUT);
	end();
}
END_TEST

START_TEST(a_wait_without_a_ring_times_out)
{
	uint64_t from = rig_ns();

	begin(_i);
	ck_assert_int_eq(arch_bell_wait(&waits, arch_bell_look(&waits), ~0u,
					20 * MS), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	end();
}
END_TEST

struct sleeper {
	const struct arch_bell *bell;
	uint32_t mask;
	_Atomic pid_t tid;	/* 0: it has not begun */
	_Atomic int rc;
	_Atomic int done;
	pthread_t thread;
};

static void *
sleep_once(void *arg)
{
	struct sleeper *s = arg;
	uint32_t seen = arch_bell_look(s->bell);

	s->tid = gettid();
	s->rc = arch_bell_wait(s->bell, seen, s->mask, 50 * SECOND);
	s->done = 1;
	return NULL;
}

static void
start(struct sleeper *s, const struct arch_bell *bell, uint32_t mask)
{
	s->bell = bell;
	s->mask = mask;
	s->tid = 0;
	s->done = 0;
	pthread_create(&s->thread, NULL, sleep_once, s);
	rig_await(s->tid);
	rig_await_asleep(s->tid);
}

START_TEST(a_ring_during_the_wait_ends_it)
{
	struct sleeper s;

	begin(_i);
	start(&s, &waits, 1);
	ck_assert_int_eq(s.done, 0);
	arch_bell_ring(&ring, 1);
	pthread_join(s.thread, NULL);
	ck_assert_int_eq(s.rc, 0);
	end();
}
END_TEST

/* arm, look again, wait */
static void
take_all(void)
{
	uint32_t taken = 0;

	while (taken == 0 || taken != atomic_load(&field->last)) {
		uint32_t seen;

		taken = atomic_load(&field->published);
		atomic_store(&field->taken, taken);
		seen = arch_bell_look(&waits);
		atomic_store(&field->sleeping, 1);
		if (atomic_load(&field->published) == taken &&
		    (taken == 0 || taken != atomic_load(&field->last)) &&
		    arch_bell_wait(&waits, seen, ~0u, 20 * SECOND) ==
		    -ETIMEDOUT)
			atomic_fetch_add(&field->timeouts, 1);
		atomic_store(&field->sleeping, 0);
	}
}

/* One more when the last was taken; ring only for one who sleeps. */
static void
publish_all(void)
{
	uint64_t seed = 5, from = rig_ns();
	int enough = 0;

	for (uint32_t i = 1; !enough; i++) {
		enough = rig_enough(i, ROUNDS, from);
		if (enough)
			atomic_store(&field->last, i);
		atomic_store(&field->published, i);
		if (atomic_load(&field->sleeping) &&
		    atomic_exchange(&field->sleeping, 0)) {
			atomic_fetch_add(&field->rung, 1);
			arch_bell_ring(&ring, ~0u);
		}
		for (uint64_t n = rig_random(&seed) % 64; n; n--)
			arch_pause();
		while (rig_random(&seed) % 4 && atomic_load(&field->taken) != i)
			sched_yield();
	}
}

static void *
publisher(void *arg)
{
	publish_all();
	return arg;
}

START_TEST(no_ring_is_lost_between_two_threads)
{
	pthread_t thread;

	begin(_i);
	pthread_create(&thread, NULL, publisher, NULL);
	take_all();
	pthread_join(thread, NULL);
	ck_assert_uint_eq(field->timeouts, 0);
	ck_assert_uint_gt(field->rung, 0);
	end();
}
END_TEST

START_TEST(no_ring_is_lost_between_two_processes)
{
	pid_t pid;

	begin(_i);
	pid = fork();
	if (pid == 0) {
		publish_all();
		_exit(0);
	}
	take_all();
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_uint_eq(field->timeouts, 0);
	ck_assert_uint_gt(field->rung, 0);
	end();
}
END_TEST

/* --- futex ---------------------------------------------------------------- */

START_TEST(a_wait_on_a_word_that_changed_returns_at_once)
{
	le32_t word = { 5 };
	struct arch_bell bell = arch_bell_of_word(&word);

	ck_assert_int_eq(arch_bell_wait(&bell, 4, ~0u, 50 * SECOND), 0);
}
END_TEST

START_TEST(a_ring_with_another_mask_wakes_nobody)
{
	le32_t word = { 0 };
	struct arch_bell bell = arch_bell_of_word(&word);
	struct sleeper s;

	start(&s, &bell, 2);
	ck_assert_int_eq(arch_bell_ring(&bell, 1), 0);
	ck_assert_int_eq(s.done, 0);
	ck_assert_int_eq(arch_bell_ring(&bell, 3), 1);
	pthread_join(s.thread, NULL);
	ck_assert_uint_eq(arch_bell_look(&bell), 2);
	ck_assert_int_eq(arch_bell_clear(&bell), 0);
}
END_TEST

START_TEST(a_ring_wakes_one_who_sleeps_on_several_words)
{
	le32_t words[3] = { { 0 }, { 0 }, { 0 } };
	struct arch_bell last = arch_bell_of_word(&words[2]);
	struct arch_bell_seen seen[3] = {
		{ &words[0], 0 }, { &words[1], 0 }, { &words[2], 0 } };

	if (getenv("VINE_EMULATED"))
		return;	/* qemu has no futex_waitv: the short sleep is used */
	ck_assert_int_eq(arch_bell_wait_any(seen, 3, 20 * MS), -ETIMEDOUT);
	arch_bell_ring(&last, 1);
	ck_assert_int_eq(arch_bell_wait_any(seen, 3, 50 * SECOND), 0);
}
END_TEST

/* the watch of a session without a queue sleeps so */
START_TEST(a_wait_on_no_word_at_all_still_sleeps)
{
	struct arch_bell_seen none = { NULL, 0 };
	uint64_t from = rig_ns();

	arch_bell_wait_any(&none, 0, 20 * MS);
	ck_assert_msg(rig_ns() - from >= 20 * MS,
		      "returned after %llu ns, expected a sleep of 20 ms",
		      (unsigned long long)(rig_ns() - from));
}
END_TEST

START_TEST(a_word_that_is_not_there_is_said_so)
{
	struct arch_bell gone = arch_bell_of_word(mmap(NULL, 4096, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	ck_assert_int_eq(arch_bell_wait(&gone, 0, ~0u, MS), -EFAULT);
}
END_TEST

/* --- eventfd -------------------------------------------------------------- */

START_TEST(an_eventfd_polls_readable_from_a_ring_until_it_is_cleared)
{
	struct pollfd p;

	begin(1);
	p = (struct pollfd){ .fd = waits.fd, .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(arch_bell_clear(&waits), 0);
	arch_bell_ring(&ring, ~0u);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(arch_bell_clear(&waits), 1);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	end();
}
END_TEST

/* Whoever else has it may have done that; before Linux 5.8 this would hang. */
START_TEST(a_clear_of_an_eventfd_that_was_made_blocking_does_not_block)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct arch_bell bell = arch_bell_of_fd(fd);

	ck_assert_int_ge(fd, 0);
	if (getenv("VINE_EMULATED"))
		return;	/* qemu knows no reads that do not wait */
	ck_assert_int_eq(arch_bell_clear(&bell), 0);
	arch_bell_ring(&bell, ~0u);
	ck_assert_int_eq(arch_bell_clear(&bell), 1);
	ck_assert_int_eq(arch_bell_clear(&bell), 0);
	close(fd);
}
END_TEST

START_TEST(a_full_eventfd_is_rung_without_blocking)
{
	uint64_t most = UINT64_MAX - 1;

	begin(1);
	ck_assert_int_eq(write(ring.fd, &most, sizeof(most)), sizeof(most));
	arch_bell_ring(&ring, ~0u);
	ck_assert_int_eq(arch_bell_wait(&waits, 0, ~0u, 50 * SECOND), 0);
	end();
}
END_TEST

START_TEST(a_closed_eventfd_is_said_so)
{
	begin(1);
	end();
	ck_assert_int_eq(arch_bell_wait(&waits, 0, ~0u, 50 * SECOND), -EBADF);
}
END_TEST

/* --- barrier -------------------------------------------------------------- */

START_TEST(a_barrier_may_be_called_whether_registered_or_not)
{
	arch_bell_barrier();
	ck_assert_int_eq(arch_bell_register(), arch_bell_register());
	arch_bell_barrier();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_EACH(a_ring_before_the_wait_ends_it_at_once, KINDS),
	RIG_EACH(many_rings_are_one_wake, KINDS),
	RIG_EACH(a_wait_without_a_ring_times_out, KINDS),
	RIG_EACH(a_ring_during_the_wait_ends_it, KINDS),
	RIG_EACH(no_ring_is_lost_between_two_threads, KINDS),
	RIG_EACH(no_ring_is_lost_between_two_processes, KINDS),
	RIG_CASE(a_wait_on_a_word_that_changed_returns_at_once),
	RIG_CASE(a_ring_with_another_mask_wakes_nobody),
	RIG_CASE(a_ring_wakes_one_who_sleeps_on_several_words),
	RIG_CASE(a_wait_on_no_word_at_all_still_sleeps),
	RIG_CASE(a_word_that_is_not_there_is_said_so),
	RIG_CASE(an_eventfd_polls_readable_from_a_ring_until_it_is_cleared),
	RIG_CASE(a_clear_of_an_eventfd_that_was_made_blocking_does_not_block),
	RIG_CASE(a_full_eventfd_is_rung_without_blocking),
	RIG_CASE(a_closed_eventfd_is_said_so),
	RIG_CASE(a_barrier_may_be_called_whether_registered_or_not),
};

RIG_MAIN("arch_bell", cases)
