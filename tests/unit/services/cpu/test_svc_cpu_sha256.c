/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256 against the example messages of NIST (FIPS 180, "SHA-256 example",
 * and the long message of a million letters a).
 */
#include <stdio.h>

#include "kernel_case.h"

static const struct {
	const char *text;
	const char *digest;
} vectors[] = {
	{ "",
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
	  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
	  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

static void
assert_digest(const struct vine_view *out, const char *expected)
{
	const unsigned char *byte = out->ptr;
	char text[65];
	int i;

	for (i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", byte[i]);
	ck_assert_str_eq(text, expected);
}

START_TEST(a_known_message_gives_its_known_digest)
{
	size_t size = strlen(vectors[_i].text);
	struct vine_view in = case_view(vectors[_i].text, size);
	struct vine_view out = case_empty(32);
	uint64_t value;

	ck_assert_int_eq(case_run(svc_cpu_run_sha256, &in, &out, NULL, 0,
				  &value), 0);
	assert_digest(&out, vectors[_i].digest);
	ck_assert_uint_eq(value, size);
}
END_TEST

START_TEST(a_million_letters_in_three_inputs_are_one_message)
{
	struct vine_view in[3] = {
		case_empty(1), case_empty(499999), case_empty(500000),
	};
	struct vine_view out = case_empty(32);
	struct vine_kernel_call call = {
		.in = in, .out = &out, .in_count = 3, .out_count = 1,
	};
	int i;

	for (i = 0; i < 3; i++)
		memset(in[i].ptr, 'a', in[i].length);
	ck_assert_int_eq(svc_cpu_run_sha256(&call), 0);
	assert_digest(&out, "cdc76e5c9914fb9281a1c7e284d73e67"
			    "f1809a48a497200e046d39ccc7112cd0");
	ck_assert_uint_eq(call.value, 1000000);
}
END_TEST

START_TEST(an_output_of_31_bytes_is_refused)
{
	struct vine_view in = case_view("abc", 3);
	struct vine_view out = case_empty(31);

	ck_assert_int_eq(case_run(svc_cpu_run_sha256, &in, &out, NULL, 0,
				  NULL), -EINVAL);
}
END_TEST

START_TEST(only_32_bytes_of_a_longer_output_are_written)
{
	struct vine_view in = case_view("abc", 3);
	struct vine_view out = case_empty(40);
	static const char rest[8];

	ck_assert_int_eq(case_run(svc_cpu_run_sha256, &in, &out, NULL, 0,
				  NULL), 0);
	ck_assert_mem_eq((char *)out.ptr + 32, rest, 8);
}
END_TEST

START_TEST(the_digest_may_overwrite_the_message)
{
	struct vine_view both = case_empty(32);

	ck_assert_int_eq(case_run(svc_cpu_run_sha256, &both, &both, NULL, 0,
				  NULL), 0);
	/* sha256sum of 32 zeros */
	assert_digest(&both, "66687aadf862bd776c8fc18b8e9f8e20"
			     "089714856ee233b3902a591d0d5f2925");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("sha256");

	tcase_add_loop_test(tcase, a_known_message_gives_its_known_digest, 0,
			    sizeof(vectors) / sizeof(vectors[0]));
	tcase_add_test(tcase,
		       a_million_letters_in_three_inputs_are_one_message);
	tcase_add_test(tcase, an_output_of_31_bytes_is_refused);
	tcase_add_test(tcase, only_32_bytes_of_a_longer_output_are_written);
	tcase_add_test(tcase, the_digest_may_overwrite_the_message);
	return case_main("svc_cpu_sha256", tcase);
}
