/* SPDX-License-Identifier: Apache-2.0 */
/*
 * add: strings put together.
 */
#include "kernel_case.h"

static int
add(const struct vine_view *in, uint32_t count, const struct vine_view *out,
    uint64_t *value)
{
	struct vine_kernel_call call = {
		.in = in, .out = out, .in_count = count, .out_count = 1,
	};
	int err = svc_cpu_run_add(&call);

	*value = call.value;
	return err;
}

START_TEST(vine_and_talk_give_vinetalk)
{
	struct vine_view in[2] = { case_view("Vine", 5), case_view("Talk", 5) };
	struct vine_view out = case_empty(9);
	uint64_t value;

	ck_assert_int_eq(add(in, 2, &out, &value), 0);
	ck_assert_str_eq(out.ptr, "VineTalk");
	ck_assert_uint_eq(value, 8);
}
END_TEST

START_TEST(an_input_without_nul_counts_to_its_end)
{
	struct vine_view in[2] = { case_view("Vine", 4), case_view("Talk", 4) };
	struct vine_view out = case_empty(9);
	uint64_t value;

	ck_assert_int_eq(add(in, 2, &out, &value), 0);
	ck_assert_str_eq(out.ptr, "VineTalk");
}
END_TEST

START_TEST(what_follows_a_nul_does_not_count)
{
	struct vine_view in[3] = {
		case_view("Vi\0XX", 5), case_view("\0YY", 3),
		case_view("ne", 3),
	};
	struct vine_view out = case_empty(5);
	uint64_t value;

	ck_assert_int_eq(add(in, 3, &out, &value), 0);
	ck_assert_str_eq(out.ptr, "Vine");
	ck_assert_uint_eq(value, 4);
}
END_TEST

START_TEST(an_output_without_room_for_the_nul_returns_enospc)
{
	struct vine_view in[2] = { case_view("Vine", 5), case_view("Talk", 5) };
	uint64_t value;
	size_t size;

	for (size = 0; size <= 8; size++) {
		struct vine_view out = case_empty(size);

		ck_assert_int_eq(add(in, 2, &out, &value), -ENOSPC);
		ck_assert_uint_eq(value, 0);
	}
}
END_TEST

START_TEST(empty_inputs_give_the_empty_string)
{
	struct vine_view in[2] = { case_empty(0), case_empty(3) };
	struct vine_view out = case_view("x", 1);
	uint64_t value = 1;

	ck_assert_int_eq(add(in, 2, &out, &value), 0);
	ck_assert_str_eq(out.ptr, "");
	ck_assert_uint_eq(value, 0);
}
END_TEST

START_TEST(the_first_input_may_be_the_output)
{
	struct vine_view out = case_view("Vine\0....", 9);
	struct vine_view in[2] = { out, case_view("Talk", 5) };
	uint64_t value;

	ck_assert_int_eq(add(in, 2, &out, &value), 0);
	ck_assert_str_eq(out.ptr, "VineTalk");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("add");

	tcase_add_test(tcase, vine_and_talk_give_vinetalk);
	tcase_add_test(tcase, an_input_without_nul_counts_to_its_end);
	tcase_add_test(tcase, what_follows_a_nul_does_not_count);
	tcase_add_test(tcase,
		       an_output_without_room_for_the_nul_returns_enospc);
	tcase_add_test(tcase, empty_inputs_give_the_empty_string);
	tcase_add_test(tcase, the_first_input_may_be_the_output);
	return case_main("svc_cpu_add", tcase);
}
