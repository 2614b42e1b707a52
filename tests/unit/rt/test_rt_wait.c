/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_wait: one suite that each engine runs, for bells, descriptors and
 * timers, each alone and together; and that no bell is lost between threads.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../core/rig.h"
#include "rt/rt_wait.h"

#define MS UINT64_C(1000000)
#define LONG (50 * SECOND)

static struct rt_wait *w;
static int pair[2] = { -1, -1 };

/* What a watch or a timer has seen. */
struct seen {
	struct rt_watch watch;
	struct rt_timer timer;
	uint32_t calls;
	uint32_t events;
	uint32_t again;		/* how often it watches anew */
};

static void
on_ready(struct rt_watch *watch, uint32_t events)
{
	struct seen *s = watch->user;

	s->calls++;
	s->events = events;
	if (s->again) {
		s->again--;
		ck_assert_int_eq(rt_wait_watch(w, watch), 0);
	}
}

static void
on_time(struct rt_timer *timer)
{
	struct seen *s = timer->user;

	s->calls++;
}

/* Engine _i; returns 0 where the kernel does not have it. */
static int
begin(int i)
{
	enum rt_wait_engine engine = i ? RT_WAIT_EPOLL : RT_WAIT_URING;
	int rc = rt_wait_new(engine, &w);

	if (rc == -ENOSYS && engine == RT_WAIT_URING) {
		printf("skipped: no io_uring with futexes here\n");
		return 0;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(rt_wait_engine_name(w), i ? "epoll" : "io_uring");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
				    SOCK_NONBLOCK, 0, pair), 0);
	return 1;
}

static void
end(void)
{
	rt_wait_free(w);
	close(pair[0]);
	close(pair[1]);
}

static void
watch(struct seen *s, int fd, uint32_t events)
{
	s->watch.ready = on_ready;
	s->watch.user = s;
	s->watch.fd = fd;
	s->watch.events = events;
	ck_assert_int_eq(rt_wait_watch(w, &s->watch), 0);
}

static void
set(struct seen *s, uint64_t in_ns)
{
	s->timer.fire = on_time;
	s->timer.user = s;
	rt_timers_set(rt_wait_timers(w), &s->timer, rig_ns() + in_ns);
}

/* Sleep until there were calls: a sleep may return early. */
static uint32_t
sleep_for_calls(void)
{
	uint64_t give_up = rig_ns() + LONG;
	uint32_t n = 0;

	while (n == 0) {
		ck_assert_uint_lt(rig_ns(), give_up);
		n = rt_wait_sleep(w, NULL, 0, LONG);
	}
	return n;
}

START_TEST(a_sleep_without_anything_lasts_its_limit)
{
	uint64_t from = rig_ns();

	if (!begin(_i))
		return;
	ck_assert_uint_eq(rt_wait_sleep(w, NULL, 0, 20 * MS), 0);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	ck_assert_uint_eq(rt_wait_poll(w), 0);
	end();
}
END_TEST

START_TEST(a_descriptor_calls_once_for_a_watch)
{
	struct seen s = { 0 };
	char byte;

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLIN);
	ck_assert_uint_eq(rt_wait_poll(w), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_uint_eq(s.events & POLLIN, POLLIN);
	/* it is still readable, but nobody has asked again */
	ck_assert_uint_eq(rt_wait_sleep(w, NULL, 0, 20 * MS), 0);
	watch(&s, pair[0], POLLIN);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	watch(&s, pair[0], POLLIN);
	ck_assert_uint_eq(rt_wait_sleep(w, NULL, 0, 20 * MS), 0);
	ck_assert_uint_eq(s.calls, 2);
	end();
}
END_TEST

START_TEST(a_poll_finds_what_is_there)
{
	struct seen in = { 0 }, out = { 0 };

	if (!begin(_i))
		return;
	watch(&in, pair[0], POLLIN);
	watch(&out, pair[1], POLLOUT);
	while (out.calls == 0)
		rt_wait_poll(w);
	ck_assert_uint_eq(in.calls, 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	while (in.calls == 0)
		rt_wait_poll(w);
	ck_assert_uint_eq(out.calls, 1);
	end();
}
END_TEST

START_TEST(a_call_may_watch_anew)
{
	struct seen s = { .again = 9 };

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLOUT);
	while (s.calls < 10)
		sleep_for_calls();
	ck_assert_uint_eq(rt_wait_sleep(w, NULL, 0, 20 * MS), 0);
	ck_assert_uint_eq(s.calls, 10);
	end();
}
END_TEST

START_TEST(a_hang_up_calls_though_nobody_asked_for_it)
{
	struct seen s = { 0 };

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLIN);
	close(pair[1]);
	pair[1] = -1;
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_ne(s.events & (POLLHUP | POLLIN), 0);
	end();
}
END_TEST

START_TEST(an_ended_watch_does_not_call)
{
	struct seen s = { 0 }, other = { 0 };

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLIN);
	rt_wait_unwatch(w, &s.watch);
	rt_wait_unwatch(w, &s.watch);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_uint_eq(rt_wait_sleep(w, NULL, 0, 20 * MS), 0);
	/* when it had come already, and the number is watched again */
	watch(&s, pair[0], POLLIN);
	rig_nap(5 * MS);
	rt_wait_unwatch(w, &s.watch);
	watch(&other, pair[0], POLLIN);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_eq(s.calls, 0);
	ck_assert_uint_eq(other.calls, 1);
	end();
}
END_TEST

/* Whoever ends a watch may close: the other side learns of it. */
START_TEST(an_ended_watch_holds_no_descriptor_open)
{
	struct pollfd p;
	struct seen s = { 0 }, next = { 0 };
	int fds[2];

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLIN);
	rt_wait_poll(w);
	rt_wait_unwatch(w, &s.watch);
	close(pair[0]);
	p = (struct pollfd){ .fd = pair[1], .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	/* the number comes again, for another file */
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(dup2(fds[0], pair[0]), pair[0]);
	watch(&next, pair[0], POLLIN);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_eq(next.calls, 1);
	close(fds[0]);
	close(fds[1]);
	end();
}
END_TEST

START_TEST(bad_watches_are_refused)
{
	struct seen s = { 0 }, same = { 0 };

	if (!begin(_i))
		return;
	s.watch = (struct rt_watch){ on_ready, NULL, -1, POLLIN,
		0 };
	ck_assert_int_eq(rt_wait_watch(w, &s.watch), -EBADF);
	s.watch.fd = 999;
	ck_assert_int_eq(rt_wait_watch(w, &s.watch), -EBADF);
	watch(&s, pair[0], POLLIN);
	same.watch = s.watch;
	ck_assert_int_eq(rt_wait_watch(w, &same.watch), -EEXIST);
	end();
}
END_TEST

/* more than fit one batch of completions, or one ring of submissions */
START_TEST(hundreds_of_descriptors_are_watched_at_a_time)
{
	enum { COUNT = 300 };
	static struct seen s[COUNT];
	struct rlimit files;
	uint32_t n = 0;

	if (!begin(_i))
		return;
	getrlimit(RLIMIT_NOFILE, &files);
	ck_assert_uint_gt(files.rlim_cur, COUNT + 50);
	for (int i = 0; i < COUNT; i++)
		watch(&s[i], eventfd(0, EFD_CLOEXEC), POLLIN);
	ck_assert_uint_eq(rt_wait_poll(w), 0);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(eventfd_write(s[i].watch.fd, 1), 0);
	while (n < COUNT)
		n += sleep_for_calls();
	for (int i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(s[i].calls, 1);
		close(s[i].watch.fd);
	}
	end();
}
END_TEST

START_TEST(a_timer_ends_a_sleep_and_fires)
{
	struct seen s = { 0 }, far = { 0 };
	uint64_t from = rig_ns();

	if (!begin(_i))
		return;
	set(&s, 20 * MS);
	set(&far, 40 * SECOND);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	ck_assert_uint_eq(s.calls, 1);
	/* with a descriptor beside it */
	watch(&s, pair[0], POLLIN);
	from = rig_ns();
	set(&s, 20 * MS);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	ck_assert_uint_eq(s.calls, 2);
	/* a busy thread fires it by polling */
	set(&s, 0);
	ck_assert_uint_eq(rt_wait_poll(w), 1);
	ck_assert_uint_eq(far.calls, 0);
	end();
}
END_TEST

/* --- bells ----------------------------------------------------------------- */

static struct arch_bell_seen
look(le32_t *word)
{
	struct arch_bell bell = arch_bell_of_word(word);

	return (struct arch_bell_seen){ word, arch_bell_look(&bell) };
}

static void
ring(le32_t *word)
{
	struct arch_bell bell = arch_bell_of_word(word);

	arch_bell_ring(&bell, ~0u);
}

static void *
ring_soon(void *arg)
{
	rig_nap(20 * MS);
	ring(arg);
	return NULL;
}

/* A sleep that a bell must end, before and after it began. */
static void
try_bells(void)
{
	static le32_t words[3];
	struct arch_bell_seen seen[3];
	pthread_t thread;
	uint64_t from;

	for (int i = 0; i < 3; i++)
		seen[i] = look(&words[i]);
	ring(&words[1]);
	from = rig_ns();
	rt_wait_sleep(w, seen, 3, LONG);
	ck_assert_uint_lt(rig_ns() - from, LONG / 2);
	/* the bells that have rung have been seen */
	seen[1] = look(&words[1]);
	for (int i = 0; i < 3; i++)
		rt_wait_sleep(w, seen, 3, MS);
	from = rig_ns();
	rt_wait_sleep(w, seen, 3, 20 * MS);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	pthread_create(&thread, NULL, ring_soon, &words[2]);
	while (look(&words[2]).seen == seen[2].seen)
		rt_wait_sleep(w, seen, 3, LONG);
	ck_assert_uint_lt(rig_ns() - from, LONG / 2);
	pthread_join(thread, NULL);
	/* and for other words */
	seen[2] = look(&words[2]);
	pthread_create(&thread, NULL, ring_soon, &words[0]);
	while (look(&words[0]).seen == seen[0].seen)
		rt_wait_sleep(w, seen, 1, LONG);
	ck_assert_uint_lt(rig_ns() - from, LONG / 2);
	pthread_join(thread, NULL);
}

START_TEST(a_bell_ends_a_sleep)
{
	struct seen s = { 0 };

	if (!begin(_i))
		return;
	try_bells();
	watch(&s, pair[0], POLLIN);
	try_bells();
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_uint_eq(sleep_for_calls(), 1);
	try_bells();
	end();
}
END_TEST

static void *
wake_soon(void *arg)
{
	(void)arg;
	rig_nap(20 * MS);
	rt_wait_wake(w);
	return NULL;
}

START_TEST(another_thread_can_end_a_sleep)
{
	struct seen s = { 0 };
	pthread_t thread;
	uint64_t from;

	if (!begin(_i))
		return;
	for (int round = 0; round < 2; round++) {
		from = rig_ns();
		rt_wait_wake(w);
		rt_wait_sleep(w, NULL, 0, LONG);
		pthread_create(&thread, NULL, wake_soon, NULL);
		while (rig_ns() - from < 20 * MS)
			rt_wait_sleep(w, NULL, 0, LONG);
		ck_assert_uint_lt(rig_ns() - from, LONG / 2);
		pthread_join(thread, NULL);
		if (round == 0)
			watch(&s, pair[0], POLLIN);
	}
	end();
}
END_TEST

/* The armed protocol, with a descriptor and a timer that come in between. */
static _Atomic uint32_t asleep, published, taken;
static _Atomic uint32_t last;	/* to be published; 0: not known */
static le32_t word;
static struct seen far_timer;

static void *
publish(void *arg)
{
	const uint32_t count = RIG_SANITIZED ? 3000 : 30000;
	uint64_t seed = 7, from = rig_ns();
	int enough = 0;

	for (uint32_t i = 1; !enough; i++) {
		enough = rig_enough(i, count, from);
		if (enough)
			atomic_store(&last, i);
		atomic_store(&published, i);
		if (atomic_load(&asleep) && atomic_exchange(&asleep, 0))
			ring(&word);
		if (rig_random(&seed) % 8 == 0)
			(void)!write(pair[1], "x", 1);
		for (uint64_t n = rig_random(&seed) % 64; n; n--)
			arch_pause();
		while (rig_random(&seed) % 4 && atomic_load(&taken) != i)
			sched_yield();
	}
	return arg;
}

START_TEST(no_bell_is_lost_beside_descriptors_and_timers)
{
	uint32_t done = 0, late = 0;
	struct seen s = { .again = UINT32_MAX };
	char bytes[256];
	pthread_t thread;

	if (!begin(_i))
		return;
	watch(&s, pair[0], POLLIN);
	set(&far_timer, MS);
	pthread_create(&thread, NULL, publish, NULL);
	while (done == 0 || done != atomic_load(&last)) {
		struct arch_bell_seen seen;
		uint64_t from;

		if (!rt_timer_is_set(&far_timer.timer))
			set(&far_timer, MS);
		while (read(pair[0], bytes, sizeof(bytes)) > 0)
			;
		done = atomic_load(&published);
		atomic_store(&taken, done);
		seen = look(&word);
		atomic_store(&asleep, 1);
		from = rig_ns();
		/* no timer now and then: it would end a sleep in vain */
		if (done % 2)
			rt_timers_cancel(rt_wait_timers(w), &far_timer.timer);
		if (atomic_load(&published) == done &&
		    (done == 0 || done != atomic_load(&last)))
			rt_wait_sleep(w, &seen, 1, 20 * SECOND);
		late += rig_ns() - from > 15 * SECOND;
		atomic_store(&asleep, 0);
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(late, 0);
	ck_assert_uint_gt(s.calls, 3);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_EACH(a_sleep_without_anything_lasts_its_limit, 2),
	RIG_EACH(a_descriptor_calls_once_for_a_watch, 2),
	RIG_EACH(a_poll_finds_what_is_there, 2),
	RIG_EACH(a_call_may_watch_anew, 2),
	RIG_EACH(a_hang_up_calls_though_nobody_asked_for_it, 2),
	RIG_EACH(an_ended_watch_does_not_call, 2),
	RIG_EACH(an_ended_watch_holds_no_descriptor_open, 2),
	RIG_EACH(bad_watches_are_refused, 2),
	RIG_EACH(hundreds_of_descriptors_are_watched_at_a_time, 2),
	RIG_EACH(a_timer_ends_a_sleep_and_fires, 2),
	RIG_EACH(a_bell_ends_a_sleep, 2),
	RIG_EACH(another_thread_can_end_a_sleep, 2),
	RIG_EACH(no_bell_is_lost_beside_descriptors_and_timers, 2),
};

RIG_MAIN("rt_wait", cases)
