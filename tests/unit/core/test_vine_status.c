/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_status: numbers, names and errnos are part of the format. */
#include "rig.h"

static const struct {
	int number;
	enum vine_status status;
	const char *name;
} golden[] = {
	{ 0, VINE_STATUS_OK, "ok" },
	{ 16, VINE_STATUS_FAILED, "failed" },
	{ 17, VINE_STATUS_BAD_TASK, "bad_task" },
	{ 18, VINE_STATUS_BAD_DATA, "bad_data" },
	{ 19, VINE_STATUS_BAD_PROC, "bad_proc" },
	{ 20, VINE_STATUS_REFUSED, "refused" },
	{ 21, VINE_STATUS_DEADLINE, "deadline" },
	{ 22, VINE_STATUS_CANCELED, "canceled" },
	{ 23, VINE_STATUS_BUSY, "busy" },
	{ 48, VINE_STATUS_BAD_ACCEL, "bad_accel" },
	{ 49, VINE_STATUS_ACCEL_FAILED, "accel_failed" },
	{ 80, VINE_STATUS_SESSION_CLOSED, "session_closed" },
	{ 81, VINE_STATUS_SESSION_LOST, "session_lost" },
	{ 112, VINE_STATUS_APPLIANCE_LOST, "appliance_lost" },
};

#define COUNT (sizeof(golden) / sizeof(golden[0]))

START_TEST(every_status_keeps_its_number_and_name)
{
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert_int_eq((int)golden[i].status, golden[i].number);
		ck_assert_str_eq(vine_status_name(golden[i].status),
				 golden[i].name);
	}
}
END_TEST

START_TEST(only_ok_has_no_errno_and_no_two_share_one)
{
	ck_assert_int_eq(vine_status_errno(VINE_STATUS_OK), 0);
	ck_assert_int_eq(vine_status_errno(VINE_STATUS_FAILED), EIO);
	for (size_t i = 1; i < COUNT; i++) {
		int e = vine_status_errno(golden[i].status);

		ck_assert_int_gt(e, 0);
		ck_assert_int_ne(e, EPROTO);
		for (size_t j = 1; j < i; j++)
			ck_assert_int_ne(e,
					 vine_status_errno(golden[j].status));
	}
}
END_TEST

START_TEST(an_unknown_status_is_named_so)
{
	for (int n = 0; n < 256; n++) {
		int known = 0;

		for (size_t i = 0; i < COUNT; i++)
			known |= golden[i].number == n;
		if (known)
			continue;
		ck_assert_str_eq(vine_status_name((enum vine_status)n),
				 "unknown");
		ck_assert_int_eq(vine_status_errno((enum vine_status)n),
				 EPROTO);
	}
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(every_status_keeps_its_number_and_name),
	RIG_CASE(only_ok_has_no_errno_and_no_two_share_one),
	RIG_CASE(an_unknown_status_is_named_so),
};

RIG_MAIN("vine_status", cases)
