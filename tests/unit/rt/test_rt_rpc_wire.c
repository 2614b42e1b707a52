/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the RPC's frames: what is written is what the header says, byte by
 * byte, and what is read is judged.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_limits.h"
#include "rt/rt_rpc_wire.h"
#include "utils/utils_crc32c.h"

static const struct rt_rpc_head all = {
	.kind = RT_RPC_REQUEST, .flags = 0x0201, .number = 0x0a09080706050403,
	.id = 0x1211100f0e0d0c0b, .type = 0x16151413, .status = 0x1a191817,
	.args = 0x1b, .data = 0x22212019, .room = 0x26252423,
	.credit = 0x2a292827, .wait = 0x2e2d2c2b, .body = 0x3231302f,
};

START_TEST(a_head_is_what_its_table_says)
{
	static const uint8_t expected[60] = {
		'V', 'R', 'P', 'C', 1, 2, 0x01, 0x02, 3, 4, 5, 6, 7, 8, 9, 10,
		0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14,
		0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0, 0, 0, 0x19, 0x20,
		0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a,
		0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32,
	};
	uint8_t bytes[RT_RPC_HEAD];
	uint32_t crc;

	rt_rpc_head_put(bytes, &all);
	ck_assert_mem_eq(bytes, expected, sizeof(expected));
	crc = utils_crc32c(0, expected, sizeof(expected));
	ck_assert_uint_eq(bytes[60] | bytes[61] << 8 | bytes[62] << 16 |
			  (uint32_t)bytes[63] << 24, crc);
}
END_TEST

START_TEST(what_was_put_is_got)
{
	uint8_t bytes[RT_RPC_HEAD];
	struct rt_rpc_head got;

	for (uint8_t kind = RT_RPC_HELLO; kind <= RT_RPC_BYE; kind++) {
		struct rt_rpc_head head = all;

		head.kind = kind;
		rt_rpc_head_put(bytes, &head);
		ck_assert_int_eq(rt_rpc_head_get(bytes, &got), 0);
		ck_assert_uint_eq(got.kind, kind);
		ck_assert_uint_eq(got.flags, head.flags);
		ck_assert_uint_eq(got.number, head.number);
		ck_assert_uint_eq(got.id, head.id);
		ck_assert_uint_eq(got.type, head.type);
		ck_assert_uint_eq(got.status, head.status);
		ck_assert_uint_eq(got.args, head.args);
		ck_assert_uint_eq(got.data, head.data);
		ck_assert_uint_eq(got.room, head.room);
		ck_assert_uint_eq(got.credit, head.credit);
		ck_assert_uint_eq(got.wait, head.wait);
		ck_assert_uint_eq(got.body, head.body);
	}
}
END_TEST

START_TEST(every_bit_that_is_turned_is_seen)
{
	uint8_t bytes[RT_RPC_HEAD];
	struct rt_rpc_head got;

	rt_rpc_head_put(bytes, &all);
	for (uint32_t bit = 0; bit < 8 * RT_RPC_HEAD; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(rt_rpc_head_get(bytes, &got),
				 bit < 32 ? -EPROTO : -EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(rt_rpc_head_get(bytes, &got), 0);
}
END_TEST

START_TEST(kinds_and_lengths_that_there_are_not_are_refused)
{
	uint8_t bytes[RT_RPC_HEAD];
	struct rt_rpc_head got;

	for (uint32_t kind = 0; kind < 256; kind++) {
		struct rt_rpc_head head = { .kind = (uint8_t)kind };
		int known = kind >= RT_RPC_HELLO && kind <= RT_RPC_BYE;

		rt_rpc_head_put(bytes, &head);
		ck_assert_int_eq(rt_rpc_head_get(bytes, &got),
				 known ? 0 : -EPROTO);
	}
	for (uint64_t args = 0; args <= UINT32_MAX; args = args * 2 + 1) {
		struct rt_rpc_head head = {
			.kind = RT_RPC_ANSWER, .args = (uint32_t)args,
		};

		rt_rpc_head_put(bytes, &head);
		ck_assert_int_eq(rt_rpc_head_get(bytes, &got),
				 args > VINE_RPC_ARGS ? -EPROTO : 0);
	}
}
END_TEST

START_TEST(a_hello_is_what_its_table_says)
{
	static const uint8_t expected[RT_RPC_HELLO_BYTES] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0,
		17, 18, 19, 20, 21, 22, 23, 24,
	};
	const struct rt_rpc_hello hello = {
		.oldest = 0x0201, .newest = 0x0403, .wishes = 0x08070605,
		.data = 0x0c0b0a09, .window = 0x1817161514131211,
	};
	uint8_t bytes[RT_RPC_HELLO_BYTES];
	struct rt_rpc_hello got;

	rt_rpc_hello_put(bytes, &hello);
	ck_assert_mem_eq(bytes, expected, sizeof(expected));
	rt_rpc_hello_get(bytes, &got);
	ck_assert_uint_eq(got.oldest, hello.oldest);
	ck_assert_uint_eq(got.newest, hello.newest);
	ck_assert_uint_eq(got.wishes, hello.wishes);
	ck_assert_uint_eq(got.data, hello.data);
	ck_assert_uint_eq(got.window, hello.window);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rt rpc wire");
	TCase *tc = tcase_create("frames");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, a_head_is_what_its_table_says);
	tcase_add_test(tc, what_was_put_is_got);
	tcase_add_test(tc, every_bit_that_is_turned_is_seen);
	tcase_add_test(tc, kinds_and_lengths_that_there_are_not_are_refused);
	tcase_add_test(tc, a_hello_is_what_its_table_says);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
