/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_runs: against a bitmap, with and without edges. */
#include <sys/resource.h>

#include "rig.h"
#include "core/vine_runs.h"

#define PAGES 300u

static struct vine_runs runs;
static uint8_t is_free[PAGES + 1];
static uint8_t is_edge[PAGES + 1];

/* Do runs and bitmap say the same? Runs are as long as edges allow. */
static void
compare(void)
{
	uint64_t count = 0;
	uint32_t at = 0;

	while (at < PAGES) {
		uint32_t end = at;

		if (!is_free[at]) {
			rig_check(vine_runs_at(&runs, at) == 0);
			at++;
			continue;
		}
		do
			end++;
		while (end < PAGES && is_free[end] && !is_edge[end]);
		rig_check(vine_runs_at(&runs, at) == end - at);
		count += end - at;
		at = end;
	}
	rig_check(runs.free_pages == count);
}

static void
give(uint32_t page, uint32_t len)
{
	vine_runs_free(&runs, page, len);
	for (uint32_t i = 0; i < len; i++) {
		rig_check(!is_free[page + i]);
		is_free[page + i] = 1;
	}
}

static void
gone(uint32_t page, uint32_t len)
{
	rig_check(page + len <= PAGES);
	for (uint32_t i = 0; i < len; i++) {
		rig_check(is_free[page + i]);
		rig_check(i == 0 || !is_edge[page + i]);
		is_free[page + i] = 0;
	}
}

/* The longest run the bitmap has. */
static uint32_t
longest(void)
{
	uint32_t best = 0, now = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		now = is_free[i] ? (is_edge[i] ? 1 : now + 1) : 0;
		best = now > best ? now : best;
	}
	return best;
}

static void
one_step(uint64_t *seed, uint32_t *held, uint32_t *lens, uint32_t *n)
{
	uint32_t want = (uint32_t)(rig_random(seed) % 20) + 1;
	uint32_t page = 0;

	switch (rig_random(seed) % 4) {
	case 0:
	case 1:
		if (vine_runs_take(&runs, want, rig_random(seed) & 1,
				   &page) != 0) {
			ck_assert_uint_lt(longest(), want);
			return;
		}
		break;
	case 2: {
		int whole = 1;

		page = (uint32_t)(rig_random(seed) % (PAGES - want));
		for (uint32_t i = 0; i < want; i++)
			whole &= is_free[page + i] && (i == 0 ||
						       !is_edge[page + i]);
		ck_assert_int_eq(vine_runs_claim(&runs, page, want),
				 whole ? 0 : -EBUSY);
		if (!whole)
			return;
		break;
	}
	default:
		if (*n) {
			uint32_t i = (uint32_t)(rig_random(seed) % *n);

			give(held[i], lens[i]);
			held[i] = held[--*n];
			lens[i] = lens[*n];
		}
		return;
	}
	gone(page, want);
	held[*n] = page;
	lens[(*n)++] = want;
}

static void
walk(uint64_t seed, int edges)
{
	uint32_t held[PAGES], lens[PAGES], n = 0;

	memset(is_free, 0, sizeof(is_free));
	memset(is_edge, 0, sizeof(is_edge));
	ck_assert_int_eq(vine_runs_init(&runs, PAGES), 0);
	if (edges) {
		for (uint32_t p = 0; p < PAGES; p += 60) {
			vine_runs_edge(&runs, p, 1);
			is_edge[p] = 1;
		}
		for (uint32_t p = 0; p < PAGES; p += 60)
			give(p, 60);
	} else {
		give(0, PAGES);
	}
	for (int i = 0; i < 3000; i++) {
		one_step(&seed, held, lens, &n);
		compare();
	}
	while (n--)
		give(held[n], lens[n]);
	compare();
	ck_assert_uint_eq(runs.free_pages, PAGES);
	vine_runs_fini(&runs);
}

START_TEST(random_steps_agree_with_a_bitmap)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		walk(seed, 0);
}
END_TEST

START_TEST(random_steps_with_edges_agree_with_a_bitmap)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		walk(seed * 31, 1);
}
END_TEST

START_TEST(nothing_is_free_at_first)
{
	uint32_t page;

	ck_assert_int_eq(vine_runs_init(&runs, PAGES), 0);
	ck_assert_int_eq(vine_runs_take(&runs, 1, 0, &page), -ENOMEM);
	ck_assert_int_eq(vine_runs_claim(&runs, 0, 1), -EBUSY);
	vine_runs_fini(&runs);
}
END_TEST

START_TEST(taking_no_page_or_more_than_there_are_fails)
{
	uint32_t page;

	ck_assert_int_eq(vine_runs_init(&runs, PAGES), 0);
	vine_runs_free(&runs, 0, PAGES);
	ck_assert_int_eq(vine_runs_take(&runs, 0, 0, &page), -ENOMEM);
	ck_assert_int_eq(vine_runs_take(&runs, PAGES + 1, 0, &page), -ENOMEM);
	ck_assert_int_eq(vine_runs_take(&runs, UINT32_MAX, 0, &page), -ENOMEM);
	ck_assert_int_eq(vine_runs_take(&runs, PAGES, 1, &page), 0);
	ck_assert_uint_eq(page, 0);
	vine_runs_fini(&runs);
}
END_TEST

START_TEST(top_and_bottom_leave_the_middle_whole)
{
	uint32_t page;

	ck_assert_int_eq(vine_runs_init(&runs, PAGES), 0);
	vine_runs_free(&runs, 0, PAGES);
	ck_assert_int_eq(vine_runs_take(&runs, 10, 0, &page), 0);
	ck_assert_uint_eq(page, 0);
	ck_assert_int_eq(vine_runs_take(&runs, 10, 1, &page), 0);
	ck_assert_uint_eq(page, PAGES - 10);
	ck_assert_uint_eq(vine_runs_at(&runs, 10), PAGES - 20);
	vine_runs_edge(&runs, PAGES, 1);	/* past the end: ignored */
	vine_runs_fini(&runs);
}
END_TEST

/* Single pages of a heap of 1 GiB, every fourth, in an order of a guest's. */
static void
claim_all(uint32_t order)
{
	enum { ALL = 262144, N = ALL / 4 };
	static uint32_t at[N];
	uint64_t seed = 1;

	ck_assert_int_eq(vine_runs_init(&runs, ALL), 0);
	vine_runs_free(&runs, 0, ALL);
	for (uint32_t i = 0; i < N; i++)
		at[i] = 4 * (order == 1 ? N - 1 - i : i);
	for (uint32_t i = N - 1; order == 2 && i > 0; i--) {
		uint32_t j = (uint32_t)(rig_random(&seed) % (i + 1));
		uint32_t other = at[i];

		at[i] = at[j];
		at[j] = other;
	}
	for (uint32_t i = 0; i < N; i++)
		rig_check(vine_runs_claim(&runs, at[i], 1) == 0);
	ck_assert_uint_eq(runs.free_pages, ALL - N);
	vine_runs_fini(&runs);
}

/* An appliance that takes a segment up claims what guests wrote: that took
 * minutes. It takes milliseconds; the limit is far from either, and of
 * processor time, as a busy machine gives little of it. */
START_TEST(many_claims_do_not_hold_up_a_start)
{
	struct rlimit limit = { 20, RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_CPU, &limit), 0);
	for (uint32_t order = 0; order < 3; order++)
		claim_all(order);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(random_steps_agree_with_a_bitmap),
	RIG_CASE(random_steps_with_edges_agree_with_a_bitmap),
	RIG_CASE(nothing_is_free_at_first),
	RIG_CASE(taking_no_page_or_more_than_there_are_fails),
	RIG_CASE(top_and_bottom_leave_the_middle_whole),
	RIG_CASE(many_claims_do_not_hold_up_a_start),
};

RIG_MAIN("vine_runs", cases)
