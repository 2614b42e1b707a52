/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_data: sizes, alignment, slices, lost sessions, freeing twice. */
#include "rig.h"
#include "core/vine_data.h"
#include "core/vine_life.h"
#include "core/vine_session.h"

static struct rig rig;
static struct vine_session *s;

static void
begin(void)
{
	rig_open(&rig, 16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
}

static void
end(void)
{
	vine_session_close(s);
	rig_close(&rig);
}

START_TEST(every_alignment_is_kept_at_every_size)
{
	uint64_t seed = 3;

	begin();
	for (size_t align = 1; align <= 4096; align *= 2) {
		for (int i = 0; i < 60; i++) {
			size_t size = rig_random(&seed) >> (44 + i % 20);
			vine_data *d, *e;

			if (size > RIG_MIB)
				size = RIG_MIB;
			ck_assert_int_eq(vine_data_alloc_in(s, size, align,
							    &d), 0);
			ck_assert_int_eq(vine_data_alloc_in(s, size, align,
							    &e), 0);
			rig_check(((uintptr_t)vine_data_deref(d) &
				   (align - 1)) == 0);
			rig_check(((uintptr_t)vine_data_deref(e) &
				   (align - 1)) == 0);
			rig_check(vine_data_size(d) == size);
			vine_data_free(d);
			vine_data_free(e);
		}
	}
	end();
}
END_TEST

START_TEST(a_bad_alignment_is_einval)
{
	vine_data *d = NULL;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 10, 3, &d), -EINVAL);
	ck_assert_int_eq(vine_data_alloc_in(s, 10, 8192, &d), -EINVAL);
	ck_assert_int_eq(vine_data_alloc_in(s, 10, SIZE_MAX, &d), -EINVAL);
	ck_assert_ptr_null(d);
	end();
}
END_TEST

START_TEST(no_bytes_have_an_address)
{
	vine_data *a, *b;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 0, 0, &a), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 0, 4096, &b), 0);
	ck_assert_uint_eq(vine_data_size(a), 0);
	ck_assert_ptr_nonnull(vine_data_deref(a));
	ck_assert_ptr_ne(vine_data_deref(a), vine_data_deref(b));
	vine_data_free(a);
	vine_data_free(b);
	vine_data_free(NULL);
	end();
}
END_TEST

START_TEST(slices_stay_inside_their_data)
{
	struct vine_slice slice;
	vine_data *d;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 100, 0, &d), 0);
	slice = vine_slice_all(d);
	ck_assert_uint_eq(slice.length, 100);
	ck_assert_uint_eq(slice.offset, 0);
	ck_assert_int_eq(vine_slice_of(d, 40, 60, &slice), 0);
	ck_assert_ptr_eq(vine_slice_ptr(&slice),
			 (uint8_t *)vine_data_deref(d) + 40);
	ck_assert_int_eq(vine_slice_of(d, 100, 0, &slice), 0);
	ck_assert_int_eq(vine_slice_of(d, 40, 61, &slice), -ERANGE);
	ck_assert_int_eq(vine_slice_of(d, 101, 0, &slice), -ERANGE);
	ck_assert_int_eq(vine_slice_of(d, SIZE_MAX, 2, &slice), -ERANGE);
	ck_assert_int_eq(vine_slice_of(d, 2, SIZE_MAX, &slice), -ERANGE);
	vine_data_free(d);
	end();
}
END_TEST

START_TEST(freeing_twice_is_caught_and_harms_nobody)
{
	vine_data *d, *e, *f;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 1000, 0, &d), 0);
	rig_listen();
	vine_data_free(d);
	ck_assert_str_eq(rig_log, "");
	vine_data_free(d);
	ck_assert_msg(strstr(rig_log, "freed twice"), "log: %s", rig_log);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(vine_data_alloc_in(s, 1000, 0, &e), 0);
		ck_assert_int_eq(vine_data_alloc_in(s, 1000, 0, &f), 0);
		rig_check(e != f);
		vine_data_free(e);
		vine_data_free(f);
	}
	end();
}
END_TEST

START_TEST(freed_data_has_no_address)
{
	vine_data *d;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 1000, 0, &d), 0);
	ck_assert_ptr_nonnull(vine_data_deref(d));
	vine_data_free(d);
	errno = 0;
	ck_assert_ptr_null(vine_data_deref(d));
	ck_assert_int_eq(errno, EINVAL);
	end();
}
END_TEST

/* Leave freed data of every size in this thread's cache. */
static void
fill_cache(void)
{
	vine_data *d[8];

	for (size_t size = 64; size <= 4096; size *= 4) {
		for (int i = 0; i < 8; i++)
			ck_assert_int_eq(vine_data_alloc_in(s, size, 0,
							    &d[i]), 0);
		for (int i = 0; i < 8; i++)
			vine_data_free(d[i]);
	}
}

START_TEST(a_lost_session_gives_nothing_out_of_its_cache)
{
	vine_data *d, *e = NULL;

	begin();
	fill_cache();
	ck_assert_int_eq(vine_data_alloc_in(s, 64, 0, &d), 0);
	rig_stop(&rig);
	vine_pipe_exit(rig.pipe);
	rig.pipe = NULL;
	rig_listen();
	ck_assert_int_eq(vine_life_check(s), -ECONNRESET);
	for (size_t size = 64; size <= 4096; size *= 4)
		ck_assert_int_eq(vine_data_alloc_in(s, size, 0, &e),
				 -ECONNRESET);
	ck_assert_ptr_null(e);
	vine_data_free(d);
	ck_assert_ptr_null(strstr(rig_log, "freed"));
	vine_data_free(d);
	ck_assert_ptr_nonnull(strstr(rig_log, "freed twice"));
	end();
}
END_TEST

START_TEST(a_child_gets_nothing_out_of_the_cache)
{
	vine_data *d, *e = NULL;
	pid_t pid;

	begin();
	fill_cache();
	ck_assert_int_eq(vine_data_alloc_in(s, 64, 0, &d), 0);
	pid = fork();
	if (pid == 0) {
		for (size_t size = 64; size <= 4096; size *= 4)
			if (vine_data_alloc_in(s, size, 0, &e) != -ECHILD)
				_exit(1);
		vine_data_free(d);
		_exit(d->place == Both ? 0 : 2);
	}
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 64, 0, &e), 0);
	vine_data_free(e);
	vine_data_free(d);
	end();
}
END_TEST

START_TEST(freeing_large_data_twice_is_caught)
{
	vine_data *d;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 5 * RIG_MIB, 0, &d), 0);
	rig_listen();
	vine_data_free(d);
	vine_data_free(d);
	ck_assert_msg(strstr(rig_log, "freed twice"), "log: %s", rig_log);
	end();
}
END_TEST

/* memory goes first in, first out: a piece is used again late */
START_TEST(a_freed_piece_is_not_the_next_one)
{
	vine_data *first, *d;
	int later = 0;

	begin();
	ck_assert_int_eq(vine_data_alloc_in(s, 4096, 0, &first), 0);
	vine_data_free(first);
	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(vine_data_alloc_in(s, 4096, 0, &d), 0);
		later += d == first;
		vine_data_free(d);
	}
	ck_assert_int_le(later, 4);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(every_alignment_is_kept_at_every_size),
	RIG_CASE(a_bad_alignment_is_einval),
	RIG_CASE(no_bytes_have_an_address),
	RIG_CASE(slices_stay_inside_their_data),
	RIG_CASE(freeing_twice_is_caught_and_harms_nobody),
	RIG_CASE(freed_data_has_no_address),
	RIG_CASE(a_lost_session_gives_nothing_out_of_its_cache),
	RIG_CASE(a_child_gets_nothing_out_of_the_cache),
	RIG_CASE(freeing_large_data_twice_is_caught),
	RIG_CASE(a_freed_piece_is_not_the_next_one),
};

RIG_MAIN("vine_data", cases)
