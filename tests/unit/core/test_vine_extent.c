/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_extent: who holds which bytes, and when they are free again. */
#include "rig.h"
#include "core/vine_extent.h"

static struct vine_seg seg;
static struct vine_keep keep;
static struct vine_extents x;

static void
setup_of(uint64_t size)
{
	memset(&seg, 0, sizeof(seg));
	ck_assert_int_eq(vine_layout_plan(size, 128, &seg.layout), 0);
	seg.base = mmap(NULL, seg.layout.heap_off, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seg.base, MAP_FAILED);
	ck_assert_int_eq(vine_keep_open(&keep, &seg, NULL), 0);
	ck_assert_int_eq(vine_extents_init(&x, &seg, &keep), 0);
}

static vine_off_t
grant(uint32_t serial, uint64_t len)
{
	vine_off_t off = 0;

	ck_assert_int_eq(vine_extents_grant(&x, serial, 0, 0, len, &off), 0);
	ck_assert_uint_ge(off, seg.layout.heap_off);
	ck_assert_uint_eq(off % VINE_PAGE, 0);
	return off;
}

START_TEST(a_session_finds_its_own_bytes_and_no_others)
{
	vine_off_t a, b;

	setup_of(RIG_MIB);
	a = grant(1, 8192);
	b = grant(2, 4097);		/* rounded up to two pages */
	ck_assert_ptr_nonnull(vine_extents_find(&x, 1, a, 8192));
	ck_assert_ptr_nonnull(vine_extents_find(&x, 1, a + 8191, 1));
	ck_assert_ptr_nonnull(vine_extents_find(&x, 1, a + 8191, 0));
	ck_assert_ptr_nonnull(vine_extents_find(&x, 2, b, 8192));
	ck_assert_ptr_null(vine_extents_find(&x, 2, a, 1));
	ck_assert_ptr_null(vine_extents_find(&x, 1, a, 8193));
	ck_assert_ptr_null(vine_extents_find(&x, 1, a + 1, 8192));
	ck_assert_ptr_null(vine_extents_find(&x, 1, a, UINT64_MAX));
	ck_assert_ptr_null(vine_extents_find(&x, 1, 0, 1));
	ck_assert_ptr_null(vine_extents_find(&x, 1, x.heap_off - 1, 2));
	ck_assert_ptr_null(vine_extents_find(&x, 1, seg.layout.size, 1));
	ck_assert_ptr_null(vine_extents_find(&x, 1, UINT64_MAX, 1));
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(two_extents_side_by_side_do_not_join_for_a_reference)
{
	vine_off_t a, b;

	setup_of(RIG_MIB);
	a = grant(1, 4096);
	b = grant(1, 4096);
	ck_assert_uint_eq(b, a + 4096);
	ck_assert_ptr_null(vine_extents_find(&x, 1, a, 4097));
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(bad_grants_claims_and_returns_are_refused)
{
	vine_off_t off = 5, a;

	setup_of(RIG_MIB);
	ck_assert_int_eq(vine_extents_grant(&x, 1, 0, 0, 0, &off), -EINVAL);
	ck_assert_int_eq(vine_extents_grant(&x, 1, 0, 0, x.heap_size + 1,
					    &off), -ENOMEM);
	ck_assert_int_eq(vine_extents_grant(&x, 1, 0, 0, UINT64_MAX, &off),
			 -ENOMEM);
	ck_assert_uint_eq(off, 5);
	a = grant(1, 8192);
	ck_assert_int_eq(vine_extents_return(&x, 2, a, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 0, a, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 1, a + 4096, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 1, a + 1, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 1, 0, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 1, a, 1), 8192);
	ck_assert_int_eq(vine_extents_return(&x, 1, a, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_return(&x, 0, a, 1), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, 0, 4096), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, x.heap_off, 0), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, x.heap_off + 1, 4096),
			 -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, x.heap_off,
					    x.heap_size + 4096), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, UINT64_MAX & ~4095ull,
					    4096), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, x.heap_off +
					    x.heap_size, 4096), -EINVAL);
	ck_assert_int_eq(vine_extents_claim(&x, 1, 0, a, 4096), -EBUSY);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(a_returned_extent_rests_until_the_quiet_point)
{
	vine_off_t a;

	setup_of(RIG_MIB);
	a = grant(1, x.heap_size);
	ck_assert_int_eq(vine_extents_return(&x, 1, a, 10),
			 (int64_t)x.heap_size);
	ck_assert_ptr_null(vine_extents_find(&x, 1, a, 1));
	vine_extents_sweep(&x, 10, UINT32_MAX);
	ck_assert_int_eq(vine_extents_grant(&x, 2, 0, 0, 1, &a), -ENOMEM);
	vine_extents_sweep(&x, 11, UINT32_MAX);
	ck_assert_uint_eq(grant(2, x.heap_size), x.heap_off);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(an_extent_that_a_request_holds_is_not_free)
{
	struct vine_extent *e;
	vine_off_t a;

	setup_of(RIG_MIB);
	a = grant(1, 4096);
	e = vine_extents_find(&x, 1, a, 4096);
	atomic_fetch_add(&e->holds, 1);
	ck_assert_uint_eq(vine_extents_leave(&x, 0, 1), 4096);
	vine_extents_sweep(&x, UINT64_MAX, UINT32_MAX);
	ck_assert_int_eq(vine_extents_claim(&x, 2, 0, a, 4096), -EBUSY);
	atomic_fetch_sub(&e->holds, 1);
	vine_extents_sweep(&x, UINT64_MAX, UINT32_MAX);
	ck_assert_int_eq(vine_extents_claim(&x, 2, 0, a, 4096), 0);
	ck_assert_ptr_nonnull(vine_extents_find(&x, 2, a, 4096));
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(rings_come_from_the_top)
{
	vine_off_t ring, data;

	setup_of(RIG_MIB);
	ck_assert_int_eq(vine_extents_grant(&x, 1, 0, 5, 4096, &ring), 0);
	data = grant(1, 4096);
	ck_assert_uint_eq(ring, x.heap_off + x.heap_size - 4096);
	ck_assert_uint_eq(data, x.heap_off);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(the_directory_tells_tools_what_is_granted)
{
	vine_off_t a;
	int found = 0;

	setup_of(RIG_MIB);
	ck_assert_int_eq(vine_extents_grant(&x, 9, 3, 0, 8192, &a), 0);
	for (uint32_t i = 0; i < x.max; i++) {
		struct vine_extent_shm *e = vine_seg_extent(&seg, i);

		if (arch_load64(&e->len) == 0)
			continue;
		ck_assert_uint_eq(arch_load64(&e->off), a);
		ck_assert_uint_eq(arch_load64(&e->len), 8192);
		ck_assert_uint_eq(arch_load32(&e->session), 3);
		found++;
	}
	ck_assert_int_eq(found, 1);
	vine_extents_leave(&x, 3, 1);
	vine_extents_sweep(&x, 2, UINT32_MAX);
	for (uint32_t i = 0; i < x.max; i++)
		ck_assert_uint_eq(arch_load64(&vine_seg_extent(&seg, i)->len),
				  0);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(entries_run_out_before_pages_and_come_back)
{
	vine_off_t off;
	uint32_t n = 0;

	setup_of(RIG_MIB);
	while (vine_extents_grant(&x, 1, 0, 0, 4096, &off) == 0)
		n++;
	ck_assert_uint_eq(n, x.max);
	vine_extents_leave(&x, 0, 1);
	vine_extents_sweep(&x, 2, UINT32_MAX);
	ck_assert_uint_eq(grant(2, x.heap_size), x.heap_off);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

/* Random grants and returns of four sessions, against a table of pages. */
START_TEST(random_steps_keep_sessions_apart_and_lose_no_page)
{
	static uint32_t owner[65536];
	uint64_t seed = 29, epoch = 0;
	struct { vine_off_t off; uint64_t len; uint32_t serial; } held[200];
	uint32_t n = 0;

	setup_of(16 * RIG_MIB);
	for (int step = 0; step < 20000; step++) {
		uint64_t len = rig_random(&seed) % 200000 + 1;
		uint32_t serial = (uint32_t)(rig_random(&seed) % 4) + 1;
		vine_off_t off;

		if (n < 200 && rig_random(&seed) % 2 &&
		    vine_extents_grant(&x, serial, serial, serial & 1, len,
				       &off) == 0) {
			uint32_t p = (uint32_t)((off - x.heap_off) / VINE_PAGE);

			len = (len + 4095) / 4096 * 4096;
			for (uint32_t i = 0; i < len / 4096; i++) {
				ck_assert_uint_eq(owner[p + i], 0);
				owner[p + i] = serial;
			}
			held[n].off = off;
			held[n].len = len;
			held[n++].serial = serial;
		} else if (n) {
			uint32_t i = (uint32_t)(rig_random(&seed) % n);
			uint32_t p = (uint32_t)((held[i].off - x.heap_off) /
						VINE_PAGE);

			for (uint32_t s = 1; s <= 4; s++)
				ck_assert_int_eq(vine_extents_find(&x, s,
					held[i].off, held[i].len) != NULL,
					s == held[i].serial);
			ck_assert_int_eq(vine_extents_return(&x,
				held[i].serial, held[i].off, ++epoch),
				(int64_t)held[i].len);
			memset(&owner[p], 0, held[i].len / 4096 *
			       sizeof(*owner));
			held[i] = held[--n];
			vine_extents_sweep(&x, epoch + 1, UINT32_MAX);
		}
	}
	for (uint32_t s = 1; s <= 4; s++)
		vine_extents_leave(&x, s, ++epoch);
	vine_extents_sweep(&x, epoch + 1, UINT32_MAX);
	ck_assert_uint_eq(x.resting, 0);
	ck_assert_uint_eq(grant(1, x.heap_size), x.heap_off);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

/* Control tasks sweep: a guest must not make that long. */
START_TEST(a_sweep_looks_at_no_more_than_it_is_told)
{
	struct vine_extent *e[30];
	vine_off_t off[30];
	uint32_t rounds = 0;

	setup_of(RIG_MIB);
	for (int i = 0; i < 30; i++) {
		off[i] = grant(1, 4096);
		e[i] = vine_extents_find(&x, 1, off[i], 1);
		if (i < 20)	/* a slow task works on it */
			atomic_fetch_add(&e[i]->holds, 1);
	}
	ck_assert_uint_eq(x.use[0].held, 30 * 4096);
	for (int i = 0; i < 30; i++)
		vine_extents_return(&x, 1, off[i], 1);
	vine_extents_sweep(&x, 2, 8);
	ck_assert_uint_eq(x.resting, 30);	/* those that it saw are held */
	while (x.resting > 20 && rounds++ < 10)
		vine_extents_sweep(&x, 2, 8);
	ck_assert_uint_eq(rounds, 3);
	ck_assert_uint_eq(x.use[0].held, 20 * 4096);
	ck_assert_uint_eq(x.use[0].resting, 20 * 4096);
	for (int i = 0; i < 20; i++)
		atomic_fetch_sub(&e[i]->holds, 1);
	vine_extents_sweep(&x, 2, UINT32_MAX);
	ck_assert_uint_eq(x.resting, 0);
	ck_assert_uint_eq(x.use[0].held, 0);
	ck_assert_uint_eq(x.use[0].resting, 0);
	vine_extents_fini(&x);
	vine_keep_close(&keep);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_sweep_looks_at_no_more_than_it_is_told),
	RIG_CASE(a_session_finds_its_own_bytes_and_no_others),
	RIG_CASE(two_extents_side_by_side_do_not_join_for_a_reference),
	RIG_CASE(bad_grants_claims_and_returns_are_refused),
	RIG_CASE(a_returned_extent_rests_until_the_quiet_point),
	RIG_CASE(an_extent_that_a_request_holds_is_not_free),
	RIG_CASE(rings_come_from_the_top),
	RIG_CASE(the_directory_tells_tools_what_is_granted),
	RIG_CASE(entries_run_out_before_pages_and_come_back),
	RIG_CASE(random_steps_keep_sessions_apart_and_lose_no_page),
};

RIG_MAIN("vine_extent", cases)
