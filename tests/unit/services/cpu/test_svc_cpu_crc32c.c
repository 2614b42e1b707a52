/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel crc32c against RFC 3720, appendix B.4.
 */
#include "kernel_case.h"

enum { ZEROS, ONES, UP, DOWN, READ_PDU, VECTORS };

/* As numbers: the RFC prints the bytes in the order of the wire. */
static const uint32_t expected[VECTORS] = {
	0x8a9136aa, 0x62a8ab43, 0x46dd794e, 0x113fdb5c, 0xd9963a56,
};

static size_t
vector(int which, unsigned char *data)
{
	static const unsigned char pdu[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
	};
	int i;

	memcpy(data, pdu, sizeof(pdu));
	if (which == READ_PDU)
		return sizeof(pdu);
	for (i = 0; i < 32; i++)
		data[i] = (unsigned char)(which == ZEROS ? 0 :
					  which == ONES ? 0xff :
					  which == UP ? i : 31 - i);
	return 32;
}

START_TEST(a_message_of_the_rfc_gives_its_crc)
{
	unsigned char data[48];
	size_t size = vector(_i, data);
	struct vine_view in = case_view(data, size);
	struct vine_view out = case_empty(4);
	unsigned char *byte = out.ptr;
	uint64_t value;

	ck_assert_int_eq(case_run(svc_cpu_run_crc32c, &in, &out, NULL, 0,
				  &value), 0);
	ck_assert_uint_eq(value, expected[_i]);
	ck_assert_uint_eq(byte[0] | byte[1] << 8 | byte[2] << 16 |
			  (uint32_t)byte[3] << 24, expected[_i]);
}
END_TEST

START_TEST(the_output_is_optional)
{
	struct vine_view in = case_view("123456789", 9);
	uint64_t value;

	ck_assert_int_eq(case_run(svc_cpu_run_crc32c, &in, NULL, NULL, 0,
				  &value), 0);
	ck_assert_uint_eq(value, 0xe3069283);
}
END_TEST

START_TEST(an_output_of_3_bytes_is_refused)
{
	struct vine_view in = case_view("123456789", 9);
	struct vine_view out = case_empty(3);

	ck_assert_int_eq(case_run(svc_cpu_run_crc32c, &in, &out, NULL, 0,
				  NULL), -EINVAL);
}
END_TEST

START_TEST(an_empty_input_gives_zero)
{
	struct vine_view in = case_empty(0);
	uint64_t value = 1;

	ck_assert_int_eq(case_run(svc_cpu_run_crc32c, &in, NULL, NULL, 0,
				  &value), 0);
	ck_assert_uint_eq(value, 0);
}
END_TEST

START_TEST(inputs_are_one_message_in_order)
{
	struct vine_view in[3] = {
		case_view("1234", 4), case_empty(0), case_view("56789", 5),
	};
	struct vine_kernel_call call = { .in = in, .in_count = 3 };

	ck_assert_int_eq(svc_cpu_run_crc32c(&call), 0);
	ck_assert_uint_eq(call.value, 0xe3069283);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("crc32c");

	tcase_add_loop_test(tcase, a_message_of_the_rfc_gives_its_crc, 0,
			    VECTORS);
	tcase_add_test(tcase, the_output_is_optional);
	tcase_add_test(tcase, an_output_of_3_bytes_is_refused);
	tcase_add_test(tcase, an_empty_input_gives_zero);
	tcase_add_test(tcase, inputs_are_one_message_in_order);
	return case_main("svc_cpu_crc32c", tcase);
}
