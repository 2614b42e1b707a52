/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_layout. The golden numbers are the segment format: a change of
 * one of them needs another VINE_ABI_MAJOR and golden numbers of that name.
 */
#include "rig.h"
#include "core/vine_layout.h"

#define AT(type, member, at) \
	{ #type "." #member, offsetof(struct type, member), at }
#define SIZE(type, bytes) { #type, sizeof(struct type), bytes }

static const struct {
	const char *what;
	size_t found;
	size_t golden;
} abi_1[] = {
	SIZE(vine_header_shm, 4096), SIZE(vine_session_shm, 256),
	SIZE(vine_queue_shm, 256), SIZE(vine_desc_shm, 64),
	SIZE(vine_comp_shm, 32), SIZE(vine_table_shm, 16),
	SIZE(vine_tref_shm, 16), SIZE(vine_accel_shm, 256),
	SIZE(vine_proc_shm, 128), SIZE(vine_extent_shm, 32),
	SIZE(vine_counter_shm, 64), SIZE(vine_bell_shm, 64),
	AT(vine_header_shm, magic, 0), AT(vine_header_shm, state, 8),
	AT(vine_header_shm, layout_id, 12), AT(vine_header_shm, abi_major, 16),
	AT(vine_header_shm, abi_minor, 18), AT(vine_header_shm, compat, 20),
	AT(vine_header_shm, incompat, 24), AT(vine_header_shm, ro_compat, 28),
	AT(vine_header_shm, size, 32), AT(vine_header_shm, incarnation, 40),
	AT(vine_header_shm, queue_slots, 48),
	AT(vine_header_shm, generation, 64), AT(vine_header_shm, boot_id, 72),
	AT(vine_header_shm, appliance, 80), AT(vine_header_shm, clock_kind, 84),
	AT(vine_header_shm, heartbeat, 88),
	AT(vine_session_shm, claim, 0), AT(vine_session_shm, nonce, 64),
	AT(vine_session_shm, request, 72), AT(vine_session_shm, flags, 76),
	AT(vine_session_shm, boot_id, 80), AT(vine_session_shm, label, 88),
	AT(vine_session_shm, peer, 124),
	AT(vine_session_shm, echo, 128), AT(vine_session_shm, state, 136),
	AT(vine_session_shm, error, 140), AT(vine_session_shm, generation, 144),
	AT(vine_session_shm, queue, 152), AT(vine_session_shm, fence, 156),
	AT(vine_session_shm, granted, 160), AT(vine_session_shm, mailbox, 168),
	AT(vine_session_shm, queues, 176), AT(vine_session_shm, vaccels, 180),
	AT(vine_session_shm, bell, 192),
	AT(vine_queue_shm, armed, 0), AT(vine_queue_shm, state, 4),
	AT(vine_queue_shm, session, 8), AT(vine_queue_shm, bell, 12),
	AT(vine_queue_shm, sub, 16), AT(vine_queue_shm, comp, 24),
	AT(vine_queue_shm, sub_slots, 32), AT(vine_queue_shm, comp_slots, 36),
	AT(vine_queue_shm, waiting, 64), AT(vine_queue_shm, taken, 128),
	AT(vine_queue_shm, completed, 136),
	AT(vine_table_shm, in_count, 0), AT(vine_table_shm, out_count, 4),
	AT(vine_table_shm, args_size, 8), AT(vine_tref_shm, off, 0),
	AT(vine_tref_shm, len, 8),
	AT(vine_accel_shm, handle, 0), AT(vine_accel_shm, type, 4),
	AT(vine_accel_shm, phys, 8), AT(vine_accel_shm, session, 12),
	AT(vine_accel_shm, units, 16), AT(vine_accel_shm, state, 20),
	AT(vine_accel_shm, numa_node, 24), AT(vine_accel_shm, vaccels, 28),
	AT(vine_accel_shm, name, 32), AT(vine_accel_shm, priority, 80),
	AT(vine_accel_shm, completed, 128), AT(vine_accel_shm, failed, 136),
	AT(vine_accel_shm, in_flight, 144), AT(vine_accel_shm, busy_ns, 152),
	AT(vine_proc_shm, handle, 0), AT(vine_proc_shm, type, 4),
	AT(vine_proc_shm, users, 8), AT(vine_proc_shm, code_size, 16),
	AT(vine_proc_shm, name, 24),
	AT(vine_extent_shm, off, 0), AT(vine_extent_shm, len, 8),
	AT(vine_extent_shm, session, 16), AT(vine_extent_shm, queue, 20),
	AT(vine_counter_shm, value, 0), AT(vine_counter_shm, label, 8),
	AT(vine_bell_shm, sleeping, 0), AT(vine_bell_shm, word, 4),
};

/* Plans of abi 1.0: size, slots, and every number of the plan. */
static const struct vine_layout plans_1[] = {
#include "../../golden/layout-v1.inc"
};

START_TEST(the_structs_are_those_of_abi_1)
{
	ck_assert_int_eq(VINE_ABI_MAJOR, 1);
	for (size_t i = 0; i < sizeof(abi_1) / sizeof(abi_1[0]); i++)
		ck_assert_msg(abi_1[i].found == abi_1[i].golden,
			      "%s is %zu, abi 1 has %zu", abi_1[i].what,
			      abi_1[i].found, abi_1[i].golden);
	ck_assert_mem_eq("VINESEG1", &(uint64_t){ VINE_MAGIC }, 8);
}
END_TEST

START_TEST(the_fingerprint_is_that_of_abi_1)
{
	ck_assert_uint_eq(vine_layout_id(), GOLDEN_LAYOUT_ID);
}
END_TEST

START_TEST(the_plans_are_those_of_abi_1)
{
	for (size_t i = 0; i < sizeof(plans_1) / sizeof(plans_1[0]); i++) {
		const struct vine_layout *g = &plans_1[i];
		struct vine_layout l;

		memset(&l, 0xff, sizeof(l));
		ck_assert_int_eq(vine_layout_plan(g->size, g->queue_slots, &l),
				 0);
#define SAME(member) \
		ck_assert_msg(l.member == g->member, \
			      "size %llu: " #member " %llu, abi 1 has %llu", \
			      (unsigned long long)g->size, \
			      (unsigned long long)l.member, \
			      (unsigned long long)g->member)
		SAME(size);
		SAME(queue_slots);
		SAME(sessions);
		SAME(queues);
		SAME(accels);
		SAME(procs);
		SAME(extents);
		SAME(ready_words);
		SAME(summary_words);
		SAME(ready_stride);
		SAME(session_off);
		SAME(queue_off);
		SAME(accel_off);
		SAME(proc_off);
		SAME(extent_off);
		SAME(counter_off);
		SAME(bell_off);
		SAME(ready_off);
		SAME(heap_off);
		SAME(heap_size);
	}
}
END_TEST

static void
check_plan(uint64_t size)
{
	struct vine_layout l;
	uint64_t at[9], bytes[9];

	ck_assert_int_eq(vine_layout_plan(size, 128, &l), 0);
	rig_check(l.size == size / VINE_PAGE * VINE_PAGE);
	at[0] = 0; bytes[0] = VINE_PAGE;
	at[1] = l.session_off; bytes[1] = l.sessions * UINT64_C(256);
	at[2] = l.queue_off; bytes[2] = l.queues * UINT64_C(256);
	at[3] = l.accel_off; bytes[3] = l.accels * UINT64_C(256);
	at[4] = l.proc_off; bytes[4] = l.procs * UINT64_C(128);
	at[5] = l.extent_off; bytes[5] = l.extents * UINT64_C(32);
	at[6] = l.counter_off; bytes[6] = VINE_COUNTERS_MAX * 64;
	at[7] = l.bell_off; bytes[7] = VINE_BELLS_MAX * 64;
	at[8] = l.ready_off; bytes[8] = VINE_BELLS_MAX * l.ready_stride;
	for (int i = 0; i < 9; i++) {
		uint64_t next = i < 8 ? at[i + 1] : l.heap_off;

		rig_check(at[i] % VINE_PAGE == 0);
		rig_check(at[i] + bytes[i] <= next);
	}
	rig_check(l.heap_off + l.heap_size == l.size);
	rig_check(l.heap_size >= l.size / 2);
	rig_check(l.ready_words * UINT64_C(64) >= l.queues);
	rig_check(l.ready_stride >=
		  (l.ready_words + l.summary_words) * UINT64_C(8));
	if (l.summary_words)
		rig_check(l.summary_words * UINT64_C(64) >= l.ready_words);
	else
		rig_check(l.ready_words <= 8);
	rig_check(l.queues <= 65536);
	rig_check(l.accels <= 65536);
	rig_check(l.procs <= 65536);
}

START_TEST(parts_follow_one_another_whatever_the_size)
{
	uint64_t seed = 7;

	check_plan(VINE_SEGMENT_MIN);
	check_plan(VINE_SEGMENT_MIN + 4095);
	check_plan(64 * RIG_MIB);
	check_plan(1024 * RIG_MIB);
	check_plan(UINT64_C(1) << 48);
	for (int i = 0; i < 20000; i++)
		check_plan(VINE_SEGMENT_MIN +
			   rig_random(&seed) % (UINT64_C(1) <<
						(20 + i % 28)));
}
END_TEST

START_TEST(too_small_too_large_and_bad_slots_are_refused)
{
	struct vine_layout l = { .size = 1234 };

	ck_assert_int_eq(vine_layout_plan(0, 128, &l), -ENOSPC);
	ck_assert_int_eq(vine_layout_plan(VINE_SEGMENT_MIN - 1, 128, &l),
			 -ENOSPC);
	ck_assert_int_eq(vine_layout_plan((UINT64_C(1) << 48) + 4096, 128, &l),
			 -EFBIG);
	ck_assert_int_eq(vine_layout_plan(UINT64_MAX, 128, &l), -EFBIG);
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 0, &l), -EINVAL);
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 8, &l), -EINVAL);
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 100, &l), -EINVAL);
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 8192, &l), -EINVAL);
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, UINT32_MAX, &l), -EINVAL);
	ck_assert_uint_eq(l.size, 1234);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(the_structs_are_those_of_abi_1),
	RIG_CASE(the_fingerprint_is_that_of_abi_1),
	RIG_CASE(the_plans_are_those_of_abi_1),
	RIG_CASE(parts_follow_one_another_whatever_the_size),
	RIG_CASE(too_small_too_large_and_bad_slots_are_refused),
};

RIG_MAIN("vine_layout", cases)
