/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_bell: who is woken, who is not, and when a sleep ends. */
#include <stdlib.h>
#include <errno.h>

#include "../core/rig.h"
#include "arch/spin/arch_bell.h"

#define MS UINT64_C(1000000)

struct sleeper {
	le32_t *word;
	uint32_t mask;
	_Atomic int asleep;
	_Atomic int rc;
	_Atomic int done;
	pthread_t thread;
};

static void *
sleep_once(void *arg)
{
	struct sleeper *s = arg;
	uint32_t seen = arch_load32(s->word);

	s->asleep = 1;
	s->rc = arch_bell_wait(s->word, seen, s->mask, 50 * SECOND);
	s->done = 1;
	return NULL;
}

static void
start(struct sleeper *s, le32_t *word, uint32_t mask)
{
	s->word = word;
	s->mask = mask;
	s->asleep = 0;
	s->done = 0;
	pthread_create(&s->thread, NULL, sleep_once, s);
	rig_await(s->asleep);
	rig_nap(20 * MS);
}

START_TEST(a_wait_on_a_word_that_changed_returns_at_once)
{
	le32_t word = { 5 };

	ck_assert_int_eq(arch_bell_wait(&word, 4, ~0u, 50 * SECOND), 0);
}
END_TEST

START_TEST(a_wait_without_a_ring_times_out)
{
	le32_t word = { 5 };
	uint64_t from = rig_ns();

	ck_assert_int_eq(arch_bell_wait(&word, 5, ~0u, 20 * MS), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
}
END_TEST

START_TEST(a_ring_wakes_a_sleeper_and_changes_the_word)
{
	le32_t word = { 0 };
	struct sleeper s;

	start(&s, &word, 1);
	arch_bell_ring(&word, 1);
	pthread_join(s.thread, NULL);
	ck_assert_int_eq(s.rc, 0);
	ck_assert_uint_eq(arch_load32(&word), 1);
}
END_TEST

START_TEST(a_ring_with_another_mask_wakes_nobody)
{
	le32_t word = { 0 };
	struct sleeper s;

	start(&s, &word, 2);
	ck_assert_int_eq(arch_bell_ring(&word, 1), 0);
	ck_assert_int_eq(s.done, 0);
	ck_assert_int_eq(arch_bell_ring(&word, 3), 1);
	pthread_join(s.thread, NULL);
}
END_TEST

START_TEST(a_ring_wakes_one_who_sleeps_on_several_words)
{
	le32_t words[3] = { { 0 }, { 0 }, { 0 } };
	struct arch_bell_seen seen[3] = {
		{ &words[0], 0 }, { &words[1], 0 }, { &words[2], 0 } };

	if (getenv("VINE_EMULATED"))
		return;	/* qemu has no futex_waitv: the short sleep is used */
	ck_assert_int_eq(arch_bell_wait_any(seen, 3, 20 * MS), -ETIMEDOUT);
	arch_bell_ring(&words[2], 1);
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

START_TEST(a_barrier_may_be_called_whether_registered_or_not)
{
	arch_bell_barrier();
	ck_assert_int_eq(arch_bell_register(), arch_bell_register());
	arch_bell_barrier();
}
END_TEST

START_TEST(a_word_that_is_not_there_is_said_so)
{
	le32_t *gone = mmap(NULL, 4096, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_eq(arch_bell_wait(gone, 0, ~0u, MS), -EFAULT);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_wait_on_a_word_that_changed_returns_at_once),
	RIG_CASE(a_wait_without_a_ring_times_out),
	RIG_CASE(a_ring_wakes_a_sleeper_and_changes_the_word),
	RIG_CASE(a_ring_with_another_mask_wakes_nobody),
	RIG_CASE(a_ring_wakes_one_who_sleeps_on_several_words),
	RIG_CASE(a_wait_on_no_word_at_all_still_sleeps),
	RIG_CASE(a_barrier_may_be_called_whether_registered_or_not),
	RIG_CASE(a_word_that_is_not_there_is_said_so),
};

RIG_MAIN("arch_bell", cases)
