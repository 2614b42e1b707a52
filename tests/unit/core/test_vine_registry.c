/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_registry: handles, generations, sessions, resting code. */
#include "rig.h"
#include "core/vine_registry.h"

static struct vine_seg seg;
static struct vine_keep keep;
static struct vine_registry r;
static int dropped;

static void
drop(void *state, void *ctx)
{
	(void)state;
	(void)ctx;
	dropped++;
}

static const struct vine_owner owner = { .drop = drop };

static void
setup(void)
{
	memset(&seg, 0, sizeof(seg));
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 128, &seg.layout), 0);
	seg.base = mmap(NULL, seg.layout.heap_off, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seg.base, MAP_FAILED);
	ck_assert_int_eq(vine_keep_open(&keep, &seg, NULL), 0);
	ck_assert_int_eq(vine_registry_init(&r, &seg, &keep), 0);
}

static struct vine_accel_s *
add(const char *name)
{
	struct vine_accel_s *a = NULL;

	ck_assert_int_eq(vine_registry_add_accel(&r, CPU, name, 2, &owner, &a),
			 0);
	return a;
}

START_TEST(an_accelerator_is_found_by_its_handle_and_in_the_directory)
{
	struct vine_accel_s *a;
	struct vine_accel_shm *shm;

	setup();
	a = add("one");
	ck_assert_uint_ne(a->handle & 0xffff, 0);
	ck_assert_ptr_eq(vine_registry_accel(&r, a->handle, 5), a);
	ck_assert_ptr_null(vine_registry_accel(&r, 0, 5));
	ck_assert_ptr_null(vine_registry_accel(&r, a->handle + 1, 5));
	ck_assert_ptr_null(vine_registry_accel(&r, a->handle + 0x10000, 5));
	ck_assert_ptr_null(vine_registry_accel(&r, 0xffffffff, 5));
	ck_assert_ptr_null(vine_registry_accel(&r, r.accel_count, 5));
	shm = vine_seg_accel(&seg, a->handle & 0xffff);
	ck_assert_uint_eq(arch_load32(&shm->handle), a->handle);
	ck_assert_uint_eq(arch_load32(&shm->type), CPU);
	ck_assert_mem_eq(shm->name, "one", 4);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(any_handle_a_peer_may_write_is_looked_up_in_bounds)
{
	uint64_t seed = 3;

	setup();
	add("one");
	for (int i = 0; i < 200000; i++) {
		uint32_t h = (uint32_t)rig_random(&seed) >> (i % 30);

		if (h != r.phys->handle)
			ck_assert_ptr_null(vine_registry_accel(&r, h, 1));
		ck_assert_ptr_null(vine_registry_proc(&r, h));
	}
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(names_are_checked_and_unique)
{
	char name[80];
	struct vine_accel_s *a;
	struct vine_proc_s *p;

	setup();
	memset(name, 'x', sizeof(name));
	name[48] = '\0';
	ck_assert_int_eq(vine_registry_add_accel(&r, CPU, name, 1, &owner, &a),
			 -EINVAL);
	name[47] = '\0';
	ck_assert_int_eq(vine_registry_add_accel(&r, CPU, name, 1, &owner, &a),
			 0);
	ck_assert_int_eq(vine_registry_add_accel(&r, GPU, name, 1, &owner, &a),
			 -EEXIST);
	ck_assert_int_eq(vine_registry_add_accel(&r, CPU, "", 1, &owner, &a),
			 -EINVAL);
	ck_assert_int_eq(vine_registry_add_accel(&r, CPU, NULL, 1, &owner, &a),
			 -EINVAL);
	ck_assert_int_eq(vine_registry_add_accel(&r, ANY, "y", 1, &owner, &a),
			 -EINVAL);
	ck_assert_int_eq(vine_registry_add_accel(&r, VINE_ACCEL_TYPES, "y", 1,
						 &owner, &a), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[64] = '\0';
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, name, NULL, 0, &owner,
						NULL, &p), -EINVAL);
	name[63] = '\0';
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, name, NULL, 0, &owner,
						NULL, &p), 0);
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, name, NULL, 0, &owner,
						NULL, &p), -EEXIST);
	ck_assert_int_eq(vine_registry_add_proc(&r, GPU, name, NULL, 0, &owner,
						NULL, &p), 0);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(a_stale_handle_never_matches_again)
{
	uint32_t old[500];

	setup();
	for (int i = 0; i < 500; i++) {
		struct vine_accel_s *a = add("again");

		for (int j = 0; j < i; j++)
			ck_assert_ptr_null(vine_registry_accel(&r, old[j], 0));
		old[i] = a->handle;
		ck_assert_int_eq(vine_registry_drop_accel(&r, a), 0);
		ck_assert_int_eq(vine_registry_drop_accel(&r, a), -ENOENT);
	}
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(a_virtual_accelerator_is_its_session_s_alone)
{
	struct vine_accel_s *a;
	uint32_t v = 0;

	setup();
	a = add("phys");
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 7, 1, 9, &v),
			 -EINVAL);
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 7, 1, -9, &v),
			 -EINVAL);
	ck_assert_int_eq(vine_registry_open(&r, a->handle ^ 0x10000, 7, 1, 0,
					    &v), -ENODEV);
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 7, 1, 3, &v), 0);
	ck_assert_ptr_eq(vine_registry_accel(&r, v, 7), a);
	ck_assert_ptr_null(vine_registry_accel(&r, v, 8));
	ck_assert_uint_eq(arch_load32(&vine_seg_accel(&seg, a->handle &
						      0xffff)->vaccels), 1);
	ck_assert_int_eq(vine_registry_open(&r, v, 7, 1, 0, &v), -ENODEV);
	ck_assert_int_eq(vine_registry_close(&r, v, 8), -EINVAL);
	ck_assert_int_eq(vine_registry_close(&r, a->handle, 7), -EINVAL);
	ck_assert_int_eq(vine_registry_close(&r, v, 7), 0);
	ck_assert_int_eq(vine_registry_close(&r, v, 7), -EINVAL);
	ck_assert_uint_eq(arch_load32(&vine_seg_accel(&seg, a->handle &
						      0xffff)->vaccels), 0);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(a_level_is_that_of_the_session_s_own_accelerator)
{
	struct vine_accel_s *a;
	uint32_t low = 0, high = 0;
	uint64_t seed = 5;

	setup();
	a = add("phys");
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 7, 1, -8, &low), 0);
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 7, 1, 7, &high), 0);
	ck_assert_uint_eq(vine_registry_level(&r, low, 7), 0);
	ck_assert_uint_eq(vine_registry_level(&r, high, 7), VINE_LEVELS - 1);
	ck_assert_uint_eq(vine_registry_level(&r, a->handle, 7),
			  VINE_LEVEL_NORMAL);
	/* of another session, of an earlier use, closed: nothing special */
	ck_assert_uint_eq(vine_registry_level(&r, high, 8), VINE_LEVEL_NORMAL);
	ck_assert_uint_eq(vine_registry_level(&r, high ^ 0x10000, 7),
			  VINE_LEVEL_NORMAL);
	ck_assert_int_eq(vine_registry_close(&r, high, 7), 0);
	ck_assert_uint_eq(vine_registry_level(&r, high, 7), VINE_LEVEL_NORMAL);
	for (int i = 0; i < 200000; i++) {
		uint32_t h = (uint32_t)rig_random(&seed) >> (i % 30);

		if (h != low)
			rig_check(vine_registry_level(&r, h, 7) ==
				  VINE_LEVEL_NORMAL);
	}
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(virtual_ones_go_with_their_session_and_with_the_physical_one)
{
	struct vine_accel_s *a, *b;
	uint32_t v[4];

	setup();
	a = add("a");
	b = add("b");
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_int_eq(vine_registry_open(&r, (i & 1 ? a : b)->handle,
						    i / 2 + 1, 0, 0, &v[i]), 0);
	vine_registry_close_all(&r, 1);
	ck_assert_ptr_null(vine_registry_accel(&r, v[0], 1));
	ck_assert_ptr_null(vine_registry_accel(&r, v[1], 1));
	ck_assert_ptr_eq(vine_registry_accel(&r, v[2], 2), b);
	ck_assert_int_eq(vine_registry_drop_accel(&r, b), 0);
	/* it stays until it is closed, and runs nothing */
	ck_assert_int_eq(vine_registry_accel(&r, v[2], 2)->dropped, 1);
	ck_assert_int_eq(vine_registry_close(&r, v[2], 2), 0);
	ck_assert_ptr_eq(vine_registry_accel(&r, v[3], 2), a);
	ck_assert_int_eq(vine_registry_open(&r, b->handle, 2, 0, 0, &v[0]),
			 -ENODEV);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(slots_run_out_and_come_back)
{
	struct vine_accel_s *a;
	uint32_t v[256], n = 0;

	setup();
	a = add("a");
	while (vine_registry_open(&r, a->handle, 1, 0, 0, &v[n]) == 0)
		n++;
	ck_assert_uint_eq(n, r.accel_count - 2);
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 1, 0, 0, &v[n]),
			 -EDQUOT);
	vine_registry_close_all(&r, 1);
	ck_assert_int_eq(vine_registry_open(&r, a->handle, 1, 0, 0, &v[0]), 0);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(code_without_users_rests_and_is_dropped_once)
{
	struct vine_proc_s *p, *again;
	uint32_t old;

	setup();
	dropped = 0;
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, "code", "abc", 3,
						NULL, NULL, &p), 0);
	p->builder = &owner;
	old = p->handle;
	ck_assert_ptr_eq(vine_registry_proc(&r, old), p);
	ck_assert_ptr_eq(vine_registry_find_proc(&r, ANY, "code", NULL), p);
	ck_assert_ptr_null(vine_registry_find_proc(&r, GPU, "code", NULL));
	vine_registry_use(&r, p);
	vine_registry_use(&r, p);
	vine_registry_unuse(&r, p, 4);
	ck_assert_ptr_eq(vine_registry_proc(&r, old), p);
	vine_registry_unuse(&r, p, 5);
	ck_assert_ptr_null(vine_registry_proc(&r, old));
	ck_assert_ptr_null(vine_registry_find_proc(&r, CPU, "code", NULL));
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, "code", "xyz", 3,
						NULL, NULL, &again), 0);
	ck_assert_uint_ne(again->handle, old);
	vine_registry_sweep(&r, 5);
	ck_assert_int_eq(dropped, 0);
	atomic_store(&p->holds, 1);
	vine_registry_sweep(&r, 6);
	ck_assert_int_eq(dropped, 0);
	atomic_store(&p->holds, 0);
	vine_registry_sweep(&r, 6);
	ck_assert_int_eq(dropped, 1);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
	ck_assert_int_eq(dropped, 1);
}
END_TEST

START_TEST(a_built_in_procedure_stays_without_users)
{
	struct vine_proc_s *p;

	setup();
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, "own", NULL, 0,
						&owner, NULL, &p), 0);
	vine_registry_use(&r, p);
	vine_registry_unuse(&r, p, 1);
	ck_assert_ptr_eq(vine_registry_proc(&r, p->handle), p);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

START_TEST(the_procedure_table_runs_out)
{
	struct vine_proc_s *p;
	char name[16];
	uint32_t n = 0;

	setup();
	do
		snprintf(name, sizeof(name), "p%u", n);
	while (vine_registry_add_proc(&r, CPU, name, NULL, 0, &owner, NULL,
				      &p) == 0 && ++n < 10000);
	ck_assert_uint_eq(n, r.proc_count - 1);
	ck_assert_int_eq(vine_registry_add_proc(&r, CPU, "more", NULL, 0,
						&owner, NULL, &p), -ENOSPC);
	vine_registry_fini(&r);
	vine_keep_close(&keep);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_accelerator_is_found_by_its_handle_and_in_the_directory),
	RIG_CASE(any_handle_a_peer_may_write_is_looked_up_in_bounds),
	RIG_CASE(names_are_checked_and_unique),
	RIG_CASE(a_stale_handle_never_matches_again),
	RIG_CASE(a_virtual_accelerator_is_its_session_s_alone),
	RIG_CASE(a_level_is_that_of_the_session_s_own_accelerator),
	RIG_CASE(virtual_ones_go_with_their_session_and_with_the_physical_one),
	RIG_CASE(slots_run_out_and_come_back),
	RIG_CASE(code_without_users_rests_and_is_dropped_once),
	RIG_CASE(a_built_in_procedure_stays_without_users),
	RIG_CASE(the_procedure_table_runs_out),
};

RIG_MAIN("vine_registry", cases)
