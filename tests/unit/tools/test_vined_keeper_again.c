/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vined_keeper_again: whether and when the next vined is started. */
#include <check.h>
#include <stdlib.h>

#include "core/vine_limits.h"
#include "tools/vined_keeper_again.h"

#define MS UINT64_C(1000000)

/* One that ended at `now`, and served before if it did at all. */
static enum keeper_verdict
ended(struct keeper_again *again, int code, uint64_t ready, uint64_t now)
{
	again->at = 0;
	again->ready = ready;
	return keeper_again_ended(again, code, now);
}

START_TEST(what_would_end_likewise_is_not_started_again)
{
	struct keeper_again again = { .most = 5 };

	ck_assert_int_eq(ended(&again, 0, 1, 2), KEEPER_USELESS);
	ck_assert_int_eq(ended(&again, 2, 0, 2), KEEPER_USELESS);
	ck_assert_int_eq(ended(&again, 3, 0, 2), KEEPER_USELESS);
	ck_assert_uint_eq(again.failures, 0);
}
END_TEST

START_TEST(who_served_is_followed_at_once_and_who_never_did_later_each_time)
{
	struct keeper_again again = { .most = 0 };
	uint64_t now = 1000 * MS, ms = VINE_KEEPER_AGAIN_MS;

	ck_assert_int_eq(ended(&again, 128 + 9, now - 1, now), KEEPER_AGAIN);
	ck_assert_uint_eq(again.at, now);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(ended(&again, 1, 0, now), KEEPER_AGAIN);
		ck_assert_uint_eq(again.at, now + ms * MS);
		ms = 2 * ms < VINE_KEEPER_AGAIN_MAX_MS ? 2 * ms :
			VINE_KEEPER_AGAIN_MAX_MS;
	}
	ck_assert_int_eq(ended(&again, 1, now, now), KEEPER_AGAIN);
	ck_assert_uint_eq(again.at, now);
}
END_TEST

START_TEST(failures_in_a_row_have_an_end_and_a_steady_one_begins_anew)
{
	struct keeper_again again = { .most = 2 };
	uint64_t now = 10 * VINE_KEEPER_STEADY_MS * MS;

	ck_assert_int_eq(ended(&again, 1, 0, now), KEEPER_AGAIN);
	ck_assert_int_eq(ended(&again, 1, now - 1, now), KEEPER_AGAIN);
	/* handed over: it did not fail */
	ck_assert_int_eq(ended(&again, 4, now - 1, now), KEEPER_AGAIN);
	ck_assert_uint_eq(again.failures, 2);
	ck_assert_int_eq(ended(&again, 1, now - VINE_KEEPER_STEADY_MS * MS,
			       now), KEEPER_AGAIN);
	ck_assert_uint_eq(again.failures, 1);
	ck_assert_int_eq(ended(&again, 1, 0, now), KEEPER_AGAIN);
	ck_assert_int_eq(ended(&again, 1, 0, now), KEEPER_TOO_OFTEN);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vined_keeper_again");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, what_would_end_likewise_is_not_started_again);
	tcase_add_test(tc,
		who_served_is_followed_at_once_and_who_never_did_later_each_time);
	tcase_add_test(tc,
		failures_in_a_row_have_an_end_and_a_steady_one_begins_anew);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
