/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd_compress and zstd_decompress against libzstd's one-shot functions and
 * against a frame made by the zstd tool.
 */
#include <pthread.h>
#include <stdatomic.h>

#include <zstd.h>

#include "kernel_case.h"

static const char fox[] = "The quick brown fox jumps over the lazy dog";

/* printf '%s' "$fox" | zstd -19 --no-check, zstd 1.5.4 */
static const unsigned char fox_frame[] = {
	0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x59, 0x01, 0x00, 0x54, 0x68, 0x65,
	0x20, 0x71, 0x75, 0x69, 0x63, 0x6b, 0x20, 0x62, 0x72, 0x6f, 0x77, 0x6e,
	0x20, 0x66, 0x6f, 0x78, 0x20, 0x6a, 0x75, 0x6d, 0x70, 0x73, 0x20, 0x6f,
	0x76, 0x65, 0x72, 0x20, 0x74, 0x68, 0x65, 0x20, 0x6c, 0x61, 0x7a, 0x79,
	0x20, 0x64, 0x6f, 0x67,
};

/* Text of a kind: half noise of few letters, half repetition. */
static struct vine_view
text(size_t size)
{
	struct vine_view view = case_empty(size);
	unsigned char *byte = view.ptr;
	size_t i;

	case_noise(byte, size, 23);
	for (i = 0; i < size; i++)
		byte[i] = i & 512 ? "libvine "[i % 8] : 'a' + byte[i] % 13;
	return view;
}

static int
compress(const struct vine_view *in, const struct vine_view *out,
	 int32_t level, uint64_t *value)
{
	return case_run(svc_cpu_run_zstd_compress, in, out, &level,
			sizeof(level), value);
}

static int
decompress(const struct vine_view *in, const struct vine_view *out,
	   uint64_t *value)
{
	return case_run(svc_cpu_run_zstd_decompress, in, out, NULL, 0, value);
}

/* A frame of `in` by the library's own one-shot function. */
static struct vine_view
frame(const struct vine_view *in)
{
	size_t bound = ZSTD_compressBound(in->length);
	char *data = malloc(bound);
	size_t size = ZSTD_compress(data, bound, in->ptr, in->length, 5);
	struct vine_view view;

	ck_assert(!ZSTD_isError(size));
	view = case_view(data, size);
	free(data);
	return view;
}

static const size_t sizes[] = {
	0, 1, 100, 131071, 131072, 131073, 400000, 1000003,
};

START_TEST(libzstd_reads_what_the_kernel_compressed)
{
	static const int32_t levels[] = { -7, 0, 1, 3, 12 };
	struct vine_view in = text(sizes[_i]);
	struct vine_view out = case_empty(ZSTD_compressBound(in.length));
	char *again = malloc(ZSTD_compressBound(in.length));
	char *back = malloc(in.length + 1);
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		ck_assert_int_eq(compress(&in, &out, levels[i], &value), 0);
		ck_assert_uint_eq(ZSTD_getFrameContentSize(out.ptr, value),
				  in.length);
		ck_assert_uint_eq(ZSTD_decompress(back, in.length + 1, out.ptr,
						  value), in.length);
		ck_assert_int_eq(memcmp(back, in.ptr, in.length), 0);
		/* Streaming must not cost more than 2 % of the ratio. */
		ck_assert_uint_le(value, 20 + 1.02 * ZSTD_compress(
			again, ZSTD_compressBound(in.length), in.ptr,
			in.length, levels[i]));
	}
	free(again);
	free(back);
}
END_TEST

START_TEST(the_kernel_reads_what_libzstd_compressed)
{
	struct vine_view plain = text(sizes[_i]);
	struct vine_view in = frame(&plain);
	struct vine_view out = case_empty(plain.length);
	uint64_t value;

	ck_assert_int_eq(decompress(&in, &out, &value), 0);
	ck_assert_uint_eq(value, plain.length);
	ck_assert_int_eq(memcmp(out.ptr, plain.ptr, plain.length), 0);
	if (!plain.length)
		return;
	out.ptr = (char *)out.ptr + 1;	/* now one byte short */
	out.length--;
	ck_assert_int_eq(decompress(&in, &out, &value), -ENOSPC);
	ck_assert_uint_eq(value, 0);
}
END_TEST

START_TEST(a_frame_of_the_zstd_tool_is_read)
{
	struct vine_view in = case_view(fox_frame, sizeof(fox_frame));
	struct vine_view out = case_empty(sizeof(fox) - 1);
	uint64_t value;

	ck_assert_int_eq(decompress(&in, &out, &value), 0);
	ck_assert_uint_eq(value, sizeof(fox) - 1);
	ck_assert_mem_eq(out.ptr, fox, sizeof(fox) - 1);
}
END_TEST

START_TEST(without_arguments_the_level_is_libzstds_default)
{
	struct vine_view in = text(50000);
	struct vine_view a = case_empty(60000);
	struct vine_view b = case_empty(60000);
	uint64_t a_size, b_size;

	ck_assert_int_eq(case_run(svc_cpu_run_zstd_compress, &in, &a, NULL, 0,
				  &a_size), 0);
	ck_assert_int_eq(compress(&in, &b, ZSTD_CLEVEL_DEFAULT, &b_size), 0);
	ck_assert_uint_eq(a_size, b_size);
	ck_assert_int_eq(memcmp(a.ptr, b.ptr, a_size), 0);
}
END_TEST

START_TEST(the_highest_level_works_and_others_are_refused)
{
	struct vine_view in = text(300000);
	struct vine_view out = case_empty(300000);
	uint64_t value;

	ck_assert_int_eq(compress(&in, &out, SVC_CPU_ZSTD_LEVEL_MAX, &value),
			 0);
	ck_assert_int_eq(compress(&in, &out, SVC_CPU_ZSTD_LEVEL_MAX + 1,
				  &value), -EINVAL);
	ck_assert_int_eq(compress(&in, &out, SVC_CPU_ZSTD_LEVEL_MIN - 1,
				  &value), -EINVAL);
	ck_assert_int_eq(compress(&in, &out, INT32_MIN, &value), -EINVAL);
	ck_assert_int_eq(compress(&in, &out, INT32_MAX, &value), -EINVAL);
}
END_TEST

START_TEST(a_result_that_fits_exactly_fits_and_one_byte_less_is_enospc)
{
	struct vine_view in = text(sizes[_i]);
	struct vine_view large = case_empty(ZSTD_compressBound(in.length));
	struct vine_view out;
	uint64_t need, value;

	ck_assert_int_eq(compress(&in, &large, 3, &need), 0);
	out = case_empty(need);
	ck_assert_int_eq(compress(&in, &out, 3, &value), 0);
	ck_assert_uint_eq(value, need);
	out = case_empty(need - 1);
	ck_assert_int_eq(compress(&in, &out, 3, &value), -ENOSPC);
	out = case_empty(0);
	ck_assert_int_eq(compress(&in, &out, 3, &value), -ENOSPC);
}
END_TEST

/* Then a piece of input gives many pieces of output. */
START_TEST(a_small_frame_of_much_data_comes_out_whole)
{
	size_t n = (size_t)_i * 131072 + 5;
	struct vine_view plain = case_empty(n);
	struct vine_view in = frame(&plain);
	struct vine_view out = case_empty(n);
	uint64_t value;

	memset(out.ptr, 1, n);
	ck_assert_int_eq(decompress(&in, &out, &value), 0);
	ck_assert_uint_eq(value, n);
	ck_assert_int_eq(memcmp(out.ptr, plain.ptr, n), 0);
}
END_TEST

START_TEST(noise_fits_the_bound_of_the_documentation)
{
	size_t n = sizes[_i];
	struct vine_view in = case_empty(n);
	struct vine_view out = case_empty(n + n / 256 + 64 +
					  (n < 131072 ? 512 : 0));
	uint64_t value;

	case_noise(in.ptr, n, 29);
	ck_assert_int_eq(compress(&in, &out, -7, &value), 0);
	ck_assert_int_eq(compress(&in, &out, 19, &value), 0);
	ck_assert_uint_ge(value, n);
}
END_TEST

START_TEST(every_truncation_returns_ebadmsg)
{
	struct vine_view plain = text(3000);
	struct vine_view in = frame(&plain);
	struct vine_view out = case_empty(plain.length);
	struct vine_view room = case_empty(in.length);
	struct vine_view cut;

	for (cut.length = 0; cut.length < in.length; cut.length++) {
		cut.ptr = (char *)room.ptr + in.length - cut.length;
		memcpy(cut.ptr, in.ptr, cut.length);
		ck_assert_int_eq(decompress(&cut, &out, NULL), -EBADMSG);
	}
}
END_TEST

START_TEST(what_follows_a_frame_and_is_none_returns_ebadmsg)
{
	unsigned char data[sizeof(fox_frame) + 5];
	struct vine_view in;
	struct vine_view out = case_empty(100);

	memcpy(data, fox_frame, sizeof(fox_frame));
	memset(data + sizeof(fox_frame), 0x77, 5);
	in = case_view(data, sizeof(data));
	ck_assert_int_eq(decompress(&in, &out, NULL), -EBADMSG);
}
END_TEST

START_TEST(frames_one_after_the_other_are_put_together)
{
	unsigned char data[2 * sizeof(fox_frame)];
	struct vine_view in;
	struct vine_view out = case_empty(2 * (sizeof(fox) - 1));
	uint64_t value;

	memcpy(data, fox_frame, sizeof(fox_frame));
	memcpy(data + sizeof(fox_frame), fox_frame, sizeof(fox_frame));
	in = case_view(data, sizeof(data));
	ck_assert_int_eq(decompress(&in, &out, &value), 0);
	ck_assert_uint_eq(value, out.length);
	ck_assert_mem_eq((char *)out.ptr + sizeof(fox) - 1, fox,
			 sizeof(fox) - 1);
}
END_TEST

START_TEST(no_flipped_bit_makes_it_write_outside)
{
	struct vine_view plain = text(2500);
	struct vine_view in = frame(&plain);
	struct vine_view out = case_empty(plain.length);
	unsigned char *byte = in.ptr;
	uint64_t value;
	size_t bit;
	int err;

	for (bit = 0; bit < 8 * in.length; bit++) {
		byte[bit / 8] ^= 1 << bit % 8;
		err = decompress(&in, &out, &value);
		ck_assert(err == 0 || err == -EBADMSG || err == -ENOSPC ||
			  err == -ENOMEM);
		ck_assert_uint_le(value, out.length);
		byte[bit / 8] ^= 1 << bit % 8;
	}
	ck_assert_int_eq(decompress(&in, &out, &value), 0);
}
END_TEST

START_TEST(a_bomb_ends_where_the_output_ends)
{
	struct vine_view plain = case_empty(64 << 20);
	struct vine_view in = frame(&plain);
	struct vine_view out = case_empty(1000);

	ck_assert_uint_lt(in.length, 10000);
	ck_assert_int_eq(decompress(&in, &out, NULL), -ENOSPC);
}
END_TEST

static atomic_int flipping;

static void *
flip(void *arg)
{
	struct vine_view *view = arg;
	volatile unsigned char *byte = view->ptr;
	uint32_t x = 1;

	while (atomic_load_explicit(&flipping, memory_order_relaxed)) {
		x = x * 1664525 + 1013904223;
		byte[(x >> 8) % view->length] ^= 1 << (x >> 29);
	}
	return NULL;
}

/* The other thread is what an application may be; no sanitizer of threads. */
START_TEST(an_input_that_changes_meanwhile_spoils_only_the_result)
{
	struct vine_view plain = text(200000);
	struct vine_view in = frame(&plain);
	struct vine_view good = case_view(in.ptr, in.length);
	struct vine_view out = case_empty(plain.length);
	pthread_t thread;
	uint64_t value;
	int i, err;

	atomic_store(&flipping, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, flip, &in), 0);
	for (i = 0; i < 200; i++) {
		memcpy(in.ptr, good.ptr, in.length);
		err = decompress(&in, &out, &value);
		ck_assert(err == 0 || err == -EBADMSG || err == -ENOSPC ||
			  err == -ENOMEM);
		ck_assert_uint_le(value, out.length);
	}
	atomic_store(&flipping, 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(decompress(&good, &out, &value), 0);
	ck_assert_int_eq(memcmp(out.ptr, plain.ptr, plain.length), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("zstd");
	int count = sizeof(sizes) / sizeof(sizes[0]);

	tcase_add_loop_test(tcase, libzstd_reads_what_the_kernel_compressed, 0,
			    count);
	tcase_add_loop_test(tcase, the_kernel_reads_what_libzstd_compressed, 0,
			    count);
	tcase_add_test(tcase, a_frame_of_the_zstd_tool_is_read);
	tcase_add_test(tcase, without_arguments_the_level_is_libzstds_default);
	tcase_add_test(tcase, the_highest_level_works_and_others_are_refused);
	tcase_add_loop_test(tcase,
		a_result_that_fits_exactly_fits_and_one_byte_less_is_enospc, 0,
		count);
	tcase_add_loop_test(tcase, a_small_frame_of_much_data_comes_out_whole,
			    1, 20);
	tcase_add_loop_test(tcase, noise_fits_the_bound_of_the_documentation, 0,
			    count);
	tcase_add_test(tcase, every_truncation_returns_ebadmsg);
	tcase_add_test(tcase, what_follows_a_frame_and_is_none_returns_ebadmsg);
	tcase_add_test(tcase, frames_one_after_the_other_are_put_together);
	tcase_add_test(tcase, no_flipped_bit_makes_it_write_outside);
	tcase_add_test(tcase, a_bomb_ends_where_the_output_ends);
	tcase_add_test(tcase,
		an_input_that_changes_meanwhile_spoils_only_the_result);
	return case_main("svc_cpu_zstd", tcase);
}
