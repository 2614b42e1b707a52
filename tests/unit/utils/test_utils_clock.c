/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of utils_clock. The source is included: what it does when a machine
 * was suspended or its clock adjusted can only be tried on made-up anchors.
 *
 * Against the real clock, a conversion must be good once in many tries: any
 * try may be interrupted between two readings.
 */
#include "utils/utils_clock.c"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define THREADS 3
#define TRIES_OF_TEST 200
#define MS UINT64_C(1000000)

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void
sleep_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Tells whether a word stands in the first `lines` lines of a file. */
static int
file_has_word(const char *file, const char *word, int lines)
{
	FILE *in = fopen(file, "r");
	char line[8192];
	int found = 0;

	if (!in)
		return 0;
	while (!found && lines-- > 0 && fgets(line, sizeof(line), in)) {
		char *at = strtok(line, " \t\n");

		for (; at && !found; at = strtok(NULL, " \t\n"))
			found = strcmp(at, word) == 0;
	}
	fclose(in);
	return found;
}

START_TEST(the_kind_is_what_the_kernel_trusts)
{
	const char *source = "/sys/devices/system/clocksource/clocksource0/"
			     "current_clocksource";
	enum utils_clock_kind wanted = UTILS_CLOCK_MONOTONIC;

#if defined(__x86_64__)
	if (file_has_word(source, "tsc", 1) &&
	    file_has_word("/proc/cpuinfo", "nonstop_tsc", 60))
		wanted = UTILS_CLOCK_TSC;
#elif defined(__aarch64__)
	if (file_has_word(source, "arch_sys_counter", 1))
		wanted = UTILS_CLOCK_CNTVCT;
#endif
	ck_assert_int_eq(utils_clock_kind_now, wanted);
}
END_TEST

START_TEST(ticks_and_ns_never_go_back)
{
	uint64_t tick = utils_clock_ticks(), ns = utils_clock_ns();
	int i;

	for (i = 0; i < 100000; i++) {
		uint64_t next_tick = utils_clock_ticks();
		uint64_t next_ns = utils_clock_ns();

		ck_assert_uint_ge(next_tick, tick);
		ck_assert_uint_ge(next_ns, ns);
		tick = next_tick;
		ns = next_ns;
	}
}
END_TEST

/* How far off the conversion of a tick is, of the best of many tries. */
static uint64_t
best_error(uint64_t age_ns)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES_OF_TEST && best > 2000; i++) {
		uint64_t before = utils_clock_ns();
		uint64_t tick = utils_clock_ticks();
		uint64_t after = utils_clock_ns();
		uint64_t off;

		if (age_ns)
			sleep_ns(age_ns);
		off = distance(utils_clock_to_ns(tick),
			       before + (after - before) / 2);
		if (off < best)
			best = off;
	}
	return best;
}

START_TEST(a_tick_is_placed_on_the_monotonic_clock)
{
	ck_assert_uint_le(best_error(0), 20000);
	ck_assert_uint_le(best_error(1 * MS), 20000);
	ck_assert_uint_le(best_error(20 * MS), 20000);
}
END_TEST

START_TEST(ticks_are_placed_as_well_seconds_later)
{
	uint64_t before = utils_clock_ns();
	uint64_t tick = utils_clock_ticks();
	uint64_t after = utils_clock_ns();
	int i;

	(void)utils_clock_to_ns(tick);
	for (i = 0; i < 4; i++) {
		sleep_ns(NS_PER_S * 11 / 10);
		ck_assert_uint_le(best_error(0), 20000);
		/* the first tick is now older than the older anchor */
		ck_assert_uint_ge(utils_clock_to_ns(tick) + MS, before);
		ck_assert_uint_le(utils_clock_to_ns(tick), after + MS);
	}
}
END_TEST

START_TEST(durations_convert_both_ways)
{
	uint64_t ns;

	ck_assert_uint_eq(utils_clock_from_ns(0), 0);
	ck_assert_uint_eq(utils_clock_span_ns(0), 0);
	for (ns = 1; ns < UINT64_C(1) << 55; ns = ns * 3 + 1) {
		uint64_t back = utils_clock_span_ns(utils_clock_from_ns(ns));

		/* an anchor may be renewed in between; CNTVCT is coarse */
		ck_assert_uint_le(distance(back, ns), ns / 1000 + 100);
		ck_assert_uint_ge(utils_clock_from_ns(ns), 1);
	}
}
END_TEST

START_TEST(a_measured_duration_agrees_with_the_monotonic_clock)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 20; i++) {
		uint64_t ns = utils_clock_ns();
		uint64_t ticks = utils_clock_ticks();
		uint64_t off;

		sleep_ns(5 * MS);
		ticks = utils_clock_ticks() - ticks;
		ns = utils_clock_ns() - ns;
		off = distance(utils_clock_span_ns(ticks), ns);
		if (off < best)
			best = off;
	}
	/* 1 % of 5 ms */
	ck_assert_uint_le(best, 50000);
}
END_TEST

START_TEST(values_beyond_all_time_saturate)
{
	uint64_t now = utils_clock_ns();

	ck_assert_uint_ge(utils_clock_to_ns(UINT64_MAX), now);
	ck_assert_uint_le(utils_clock_to_ns(0), now);
	ck_assert_uint_ge(utils_clock_span_ns(UINT64_MAX), now);
	ck_assert_uint_ge(utils_clock_from_ns(UINT64_MAX), now);
}
END_TEST

START_TEST(errno_survives_a_conversion)
{
	errno = ENOSPC;
	(void)utils_clock_to_ns(utils_clock_ticks());
	(void)utils_clock_from_ns(5);
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

/* Does a tick of between `before` and now stand there, to 100 ms? */
static int
is_now(uint64_t ns, uint64_t before)
{
	return ns + 100 * MS > before && ns < utils_clock_ns() + 100 * MS;
}

START_TEST(a_young_process_can_convert_too)
{
	struct anchors a = { .slope = 0 };
	uint64_t before, ns;

	a.first = a.older = a.last = anchor_now();
	publish(&a);
	before = utils_clock_ns();
	ns = utils_clock_to_ns(utils_clock_ticks());
	ck_assert(is_now(ns, before));
	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return;
	anchors_read(&a);
	ck_assert_uint_ge(a.last.ns - a.first.ns, SPAN_MIN_NS);
	ck_assert_uint_ne(a.slope, 0);
}
END_TEST

static void *
convert(void *arg)
{
	uint64_t end = utils_clock_ns() + NS_PER_S * 5 / 2;
	uint64_t *wrong = arg;

	while (utils_clock_ns() < end) {
		uint64_t before = utils_clock_ns();
		uint64_t ns = utils_clock_to_ns(utils_clock_ticks());
		uint64_t after = utils_clock_ns();

		/* words of two sets mixed would be off by seconds */
		if (ns + 100 * MS < before || ns > after + 100 * MS)
			++*wrong;
	}
	return NULL;
}

START_TEST(threads_convert_while_anchors_are_renewed)
{
	pthread_t threads[THREADS];
	uint64_t wrong[THREADS] = { 0 };
	uint32_t version_before = version;
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, convert,
						&wrong[i]), 0);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(wrong[i], 0);
	}
	if (utils_clock_kind_now != UTILS_CLOCK_MONOTONIC)
		ck_assert_uint_ge(version - version_before, 2);
}
END_TEST

START_TEST(a_child_renews_although_its_parent_was_renewing)
{
	uint64_t before, ns;
	int status;
	pid_t child;

	(void)utils_clock_to_ns(utils_clock_ticks());
	busy = 1;	/* as if another thread were at it */
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		uint32_t old = version;

		sleep_ns(NS_PER_S * 11 / 10);
		before = utils_clock_ns();
		ns = utils_clock_to_ns(utils_clock_ticks());
		if (utils_clock_kind_now != UTILS_CLOCK_MONOTONIC &&
		    version == old)
			_exit(1);
		_exit(is_now(ns, before) ? 0 : 2);
	}
	busy = 0;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(readers_do_not_wait_for_a_stuck_renewal)
{
	uint64_t before, ns;

	(void)utils_clock_to_ns(utils_clock_ticks());
	busy = 1;
	sleep_ns(NS_PER_S * 11 / 10);
	before = utils_clock_ns();
	ns = utils_clock_to_ns(utils_clock_ticks());
	busy = 0;
	ck_assert(is_now(ns, before));
}
END_TEST

/* Two ticks a ns, so a slope of 1/2. */
static struct anchor
at(uint64_t ms)
{
	struct anchor a = { 1000 + 2 * ms * MS, 7000 + ms * MS };

	return a;
}

#define HALF (UINT64_C(1) << (SHIFT - 1))

static struct anchors made_up;

/* As in a process that has converted for some seconds. */
static void
fill_made_up(void)
{
	memset(&made_up, 0, sizeof(made_up));
	made_up.first = made_up.older = made_up.last = at(0);
	add_anchor(&made_up, at(1));
	add_anchor(&made_up, at(1500));
	add_anchor(&made_up, at(3000));
}

START_TEST(anchors_too_close_make_no_line)
{
	struct anchors a = { .first = at(0), .older = at(0), .last = at(0) };
	struct anchor soon = at(0);

	soon.ns += SPAN_MIN_NS - 1;
	soon.ticks += 2 * (SPAN_MIN_NS - 1);
	add_anchor(&a, soon);
	ck_assert_uint_eq(a.slope, 0);
	add_anchor(&a, at(1));
	ck_assert_uint_eq(a.slope, HALF);
	ck_assert_uint_eq(a.renew_ticks, 2 * RENEW_NS);
}
END_TEST

START_TEST(the_older_anchor_stays_a_second_behind)
{
	fill_made_up();
	ck_assert_uint_eq(made_up.first.ns, at(0).ns);
	ck_assert_uint_eq(made_up.older.ns, at(1500).ns);
	ck_assert_uint_eq(made_up.last.ns, at(3000).ns);
	ck_assert_uint_eq(made_up.slope, HALF);
	ck_assert_uint_eq(made_up.slope_old, HALF);
}
END_TEST

START_TEST(an_old_tick_is_placed_on_the_old_line)
{
	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return;	/* it has no lines */
	fill_made_up();
	made_up.slope_old = HALF / 2;
	publish(&made_up);
	busy = 1;	/* keep the real clock out */
	ck_assert_uint_eq(utils_clock_to_ns(at(1600).ticks), at(1600).ns);
	ck_assert_uint_eq(utils_clock_to_ns(at(3100).ticks), at(3100).ns);
	ck_assert_uint_eq(utils_clock_to_ns(at(1400).ticks),
			  at(1500).ns - 50 * MS);
	busy = 0;
}
END_TEST

START_TEST(a_slewed_clock_is_followed)
{
	struct anchor slewed = at(5000);

	fill_made_up();
	slewed.ns += slewed.ns / 2000;	/* as fast as ntpd goes */
	add_anchor(&made_up, slewed);
	ck_assert_uint_eq(made_up.first.ns, at(0).ns);
	ck_assert_uint_gt(made_up.slope, HALF);
	ck_assert_uint_eq(made_up.slope_old, HALF);
	ck_assert_uint_eq(line(made_up.last, made_up.slope, slewed.ticks),
			  slewed.ns);
}
END_TEST

/* expect_new_start checks that nothing before `now` is used any more. */
static void
expect_new_start(struct anchor now)
{
	ck_assert_uint_eq(made_up.first.ns, now.ns);
	ck_assert_uint_eq(made_up.older.ticks, now.ticks);
	ck_assert_uint_eq(made_up.last.ticks, now.ticks);
	ck_assert_uint_eq(made_up.slope, HALF);
}

START_TEST(a_counter_that_ran_on_in_suspend_begins_anew)
{
	struct anchor now = at(5000);

	fill_made_up();
	now.ticks += 3600 * NS_PER_S;
	add_anchor(&made_up, now);
	expect_new_start(now);
	/* and it is measured again from there */
	now.ticks += 3 * NS_PER_S;
	now.ns += NS_PER_S;
	add_anchor(&made_up, now);
	ck_assert_uint_eq(made_up.slope, (UINT64_C(1) << SHIFT) / 3);
}
END_TEST

START_TEST(a_counter_that_was_reset_begins_anew)
{
	struct anchor now = at(5000);

	fill_made_up();
	now.ticks = 12;
	add_anchor(&made_up, now);
	expect_new_start(now);
}
END_TEST

START_TEST(a_resume_within_a_ms_begins_anew)
{
	struct anchor now;

	fill_made_up();
	now = made_up.last;
	now.ns += 1000;
	now.ticks += 3600 * NS_PER_S;
	add_anchor(&made_up, now);
	expect_new_start(now);
}
END_TEST

START_TEST(a_bad_first_measurement_is_put_right_by_the_next)
{
	struct anchors a = { .first = at(0), .older = at(0), .last = at(0) };
	struct anchor bad = at(1);

	bad.ns += MS / 10;	/* descheduled in every one of its tries */
	add_anchor(&a, bad);
	ck_assert_uint_gt(a.slope, HALF + HALF / 20);
	add_anchor(&a, at(1100));
	ck_assert_uint_eq(a.slope, HALF);
}
END_TEST

START_TEST(a_line_goes_both_ways_and_saturates)
{
	ck_assert_uint_eq(line(at(0), HALF, 1000 + 100), 7000 + 50);
	ck_assert_uint_eq(line(at(0), HALF, 1000 - 100), 7000 - 50);
	ck_assert_uint_eq(line(at(0), HALF * 64, 0), 0);
	ck_assert_uint_eq(line(at(0), HALF * 64, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST(a_monotonic_clock_needs_no_conversion)
{
	enum utils_clock_kind kind = utils_clock_kind_now;
	uint64_t before, tick, after;

	utils_clock_kind_now = UTILS_CLOCK_MONOTONIC;
	before = utils_clock_ns();
	tick = utils_clock_ticks();
	after = utils_clock_ns();
	ck_assert_uint_ge(tick, before);
	ck_assert_uint_le(tick, after);
	ck_assert_uint_eq(utils_clock_to_ns(tick), tick);
	ck_assert_uint_eq(utils_clock_from_ns(77), 77);
	ck_assert_uint_eq(utils_clock_span_ns(77), 77);
	utils_clock_kind_now = kind;
}
END_TEST

static TCase *
real_clock(void)
{
	TCase *tcase = tcase_create("real clock");

	tcase_add_test(tcase, the_kind_is_what_the_kernel_trusts);
	tcase_add_test(tcase, ticks_and_ns_never_go_back);
	tcase_add_test(tcase, a_tick_is_placed_on_the_monotonic_clock);
	tcase_add_test(tcase, ticks_are_placed_as_well_seconds_later);
	tcase_add_test(tcase, durations_convert_both_ways);
	tcase_add_test(tcase,
		       a_measured_duration_agrees_with_the_monotonic_clock);
	tcase_add_test(tcase, values_beyond_all_time_saturate);
	tcase_add_test(tcase, a_young_process_can_convert_too);
	tcase_add_test(tcase, errno_survives_a_conversion);
	tcase_add_test(tcase, threads_convert_while_anchors_are_renewed);
	tcase_add_test(tcase, a_child_renews_although_its_parent_was_renewing);
	tcase_add_test(tcase, readers_do_not_wait_for_a_stuck_renewal);
	tcase_add_test(tcase, a_monotonic_clock_needs_no_conversion);
	return tcase;
}

static TCase *
made_up_anchors(void)
{
	TCase *tcase = tcase_create("made-up anchors");

	tcase_add_test(tcase, anchors_too_close_make_no_line);
	tcase_add_test(tcase, the_older_anchor_stays_a_second_behind);
	tcase_add_test(tcase, an_old_tick_is_placed_on_the_old_line);
	tcase_add_test(tcase, a_slewed_clock_is_followed);
	tcase_add_test(tcase, a_counter_that_ran_on_in_suspend_begins_anew);
	tcase_add_test(tcase, a_counter_that_was_reset_begins_anew);
	tcase_add_test(tcase, a_resume_within_a_ms_begins_anew);
	tcase_add_test(tcase, a_bad_first_measurement_is_put_right_by_the_next);
	tcase_add_test(tcase, a_line_goes_both_ways_and_saturates);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("utils_clock");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, real_clock());
	suite_add_tcase(suite, made_up_anchors());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
