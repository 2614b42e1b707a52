/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the CRC: messages of RFC 3720, appendix B.4, and the instruction
 * against the tables.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_crc32c.h"

static unsigned char data[320];

static void
noise(void)
{
	uint32_t x = 7;

	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (unsigned char)(x >> 24);
	}
}

/* As numbers: the RFC prints the bytes in the order of the wire. */
static const struct {
	int first, step;
	uint32_t crc;
} messages[] = {
	{ 0, 0, 0x8a9136aa }, { 0xff, 0, 0x62a8ab43 },
	{ 0, 1, 0x46dd794e }, { 31, -1, 0x113fdb5c },
};

START_TEST(a_message_of_the_rfc_gives_its_crc)
{
	for (int i = 0; i < 32; i++)
		data[i] = (unsigned char)(messages[_i].first +
					  i * messages[_i].step);
	ck_assert_uint_eq(utils_crc32c(0, data, 32), messages[_i].crc);
	ck_assert_uint_eq(utils_crc32c_table(0, data, 32), messages[_i].crc);
}
END_TEST

START_TEST(nothing_gives_zero)
{
	ck_assert_uint_eq(utils_crc32c(0, data, 0), 0);
	ck_assert_uint_eq(utils_crc32c(5, data, 0), 5);
}
END_TEST

START_TEST(tables_and_instruction_agree_at_every_length_and_offset)
{
	if (!utils_crc32c_hardware())
		return;		/* then there is only one of them */
	noise();
	for (size_t at = 0; at < 8; at++)
		for (size_t size = 0; size + at <= sizeof(data); size++)
			ck_assert_uint_eq(
				utils_crc32c_table(0, data + at, size),
				utils_crc32c(0, data + at, size));
}
END_TEST

START_TEST(a_message_may_be_split_anywhere)
{
	uint32_t whole, part;

	noise();
	whole = utils_crc32c(0, data, sizeof(data));
	for (size_t cut = 0; cut <= sizeof(data); cut++) {
		part = utils_crc32c(0, data, cut);
		part = utils_crc32c(part, data + cut, sizeof(data) - cut);
		ck_assert_uint_eq(part, whole);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_crc32c");
	TCase *tc = tcase_create("crc");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, a_message_of_the_rfc_gives_its_crc, 0,
			    (int)(sizeof(messages) / sizeof(messages[0])));
	tcase_add_test(tc, nothing_gives_zero);
	tcase_add_test(tc,
		tables_and_instruction_agree_at_every_length_and_offset);
	tcase_add_test(tc, a_message_may_be_split_anywhere);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
