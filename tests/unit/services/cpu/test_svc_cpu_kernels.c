/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kernels, and what all kernels have in common.
 */
#include "kernel_case.h"

START_TEST(the_table_holds_the_documented_kernels)
{
	static const char *const names[] = {
		"add", "copy", "crc32c", "fft1d", "fill", "grayscale", "sgemm",
		"sha256", "sobel", "zstd_compress", "zstd_decompress",
	};
	const struct vine_kernel_table *table = svc_cpu_kernels();
	size_t i;

	ck_assert_uint_eq(table->abi, VINE_KERNEL_ABI);
	ck_assert_uint_eq(table->count, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < table->count; i++)
		ck_assert_ptr_nonnull(svc_cpu_kernel_find(table, names[i]));
}
END_TEST

START_TEST(finding_an_unknown_kernel_returns_null)
{
	ck_assert_ptr_null(svc_cpu_kernel_find(svc_cpu_kernels(), "sha25"));
	ck_assert_ptr_null(svc_cpu_kernel_find(svc_cpu_kernels(), ""));
}
END_TEST

START_TEST(every_kernel_refuses_a_call_without_data)
{
	const struct vine_kernel *kernel = &svc_cpu_kernels()->kernels[_i];
	uint64_t args[8] = { 0 };
	uint32_t size;

	for (size = 0; size <= sizeof(args); size++)
		ck_assert_msg(case_run(kernel->run, NULL, NULL, args, size,
				       NULL) == -EINVAL,
			      "%s with %u bytes of arguments", kernel->name,
			      size);
}
END_TEST

START_TEST(every_kernel_refuses_arguments_of_a_foreign_size)
{
	const struct vine_kernel *kernel = &svc_cpu_kernels()->kernels[_i];
	struct vine_view views[2] = { case_empty(64), case_empty(64) };
	struct vine_kernel_call call = {
		.in = views, .out = views + 1,
		.out_count = 1,
		.args = case_data(48), .args_size = 48,
	};

	/* Whatever number of inputs it takes, it is not this that is wrong. */
	for (call.in_count = 0; call.in_count <= 2; call.in_count++)
		ck_assert_msg(kernel->run(&call) == -EINVAL, "%s",
			      kernel->name);
}
END_TEST

START_TEST(every_kernel_but_fill_refuses_a_second_output)
{
	const struct vine_kernel *kernel = &svc_cpu_kernels()->kernels[_i];
	struct vine_view in[2] = { case_empty(64), case_empty(64) };
	struct vine_view out[2] = { case_empty(64), case_empty(64) };
	uint64_t args[8] = { 0 };
	struct vine_kernel_call call = {
		.in = in, .out = out, .out_count = 2, .args = args,
	};

	if (!strcmp(kernel->name, "fill"))
		return;
	for (call.in_count = 0; call.in_count <= 2; call.in_count++)
		for (call.args_size = 0; call.args_size < 32; call.args_size++)
			ck_assert_msg(kernel->run(&call) == -EINVAL, "%s",
				      kernel->name);
}
END_TEST

int
main(void)
{
	int count = (int)svc_cpu_kernels()->count;
	TCase *tcase = tcase_create("kernels");

	tcase_add_test(tcase, the_table_holds_the_documented_kernels);
	tcase_add_test(tcase, finding_an_unknown_kernel_returns_null);
	tcase_add_loop_test(tcase, every_kernel_refuses_a_call_without_data, 0,
			    count);
	tcase_add_loop_test(tcase,
			    every_kernel_refuses_arguments_of_a_foreign_size,
			    0, count);
	tcase_add_loop_test(tcase,
			    every_kernel_but_fill_refuses_a_second_output, 0,
			    count);
	return case_main("svc_cpu_kernels", tcase);
}
