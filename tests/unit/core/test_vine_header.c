/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_header: what is taken up, and what is refused.
 *
 * tests/golden/segment-v1.bin is the first page of a segment of layout version
 * 1.0, of 1 MiB and with 16 slots. Every libvine of that major version must
 * take it up.
 */
#include <stdlib.h>

#include "object.h"
#include "rig.h"
#include "core/vine_layout.h"

static void
golden(uint8_t page[4096])
{
	const char *root = getenv("VINE_SRC_DIR");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/golden/segment-v1.bin",
		 root ? root : ".");
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	ck_assert_uint_eq(fread(page, 1, 4096, f), 4096);
	fclose(f);
}

static int
open_page(const uint8_t page[4096], uint64_t size, const char *more,
	  struct vine_seg **seg)
{
	rig_name(name);
	make(page, 4096, size);
	rig_listen();
	return open_with(more, seg);
}

static void
refuse_broken(size_t at, size_t len, uint64_t value, const char *one,
	      const char *two)
{
	uint8_t page[4096], before[4096];
	struct vine_seg *a = NULL;
	int rc;

	golden(page);
	memcpy(page + at, &value, len);
	memcpy(before, page, sizeof(before));
	for (int trunc = 0; trunc < 2; trunc++) {
		rc = open_page(page, RIG_MIB, trunc ? "shm_size 1M\n" :
			       "shm_trunc 0\n", &a);
		ck_assert_msg(rc == -EPROTO, "offset %zu value %#llx trunc %d:"
			      " returned %d", at, (unsigned long long)value,
			      trunc, rc);
		ck_assert_msg(strstr(rig_log, one) && strstr(rig_log, two),
			      "offset %zu: log does not name \"%s\" and \"%s\""
			      ": %s", at, one, two, rig_log);
		unchanged(before, 4096, RIG_MIB);
		shm_unlink(name);
	}
}

START_TEST(a_segment_of_abi_1_is_taken_up)
{
	uint8_t page[4096];
	struct vine_seg *a = NULL;

	golden(page);
	ck_assert_int_eq(open_page(page, RIG_MIB, "shm_trunc 0\n", &a), 0);
	ck_assert_int_eq(a->formed, 0);
	ck_assert_uint_eq(a->layout.size, RIG_MIB);
	ck_assert_uint_eq(a->layout.queue_slots, 16);
	ck_assert_uint_eq(a->incarnation, UINT64_C(0x0123456789abcdef));
	vine_seg_close(a);
	shm_unlink(name);
}
END_TEST

START_TEST(a_segment_formed_today_looks_like_the_golden_one)
{
	uint8_t page[4096];
	struct vine_seg *a;

	golden(page);
	rig_name(name);
	a = opened("shm_size 1M\nqueue_slots 16\n");
	memcpy(page + offsetof(struct vine_header_shm, incarnation),
	       &a->incarnation, 8);
	ck_assert_mem_eq(a->base, page, 4096);
	for (uint64_t i = 4096; i < a->layout.heap_off; i++)
		rig_check(a->base[i] == 0);
	vine_seg_close(a);
}
END_TEST

#define BREAK(member, len, value, one, two) \
	refuse_broken(offsetof(struct vine_header_shm, member), len, value, \
		      one, two)

START_TEST(a_newer_major_version_is_refused_naming_both)
{
	BREAK(abi_major, 2, 2, "2.0", "1.0");
	BREAK(abi_major, 2, 0xffff, "65535.0", "1.0");
	BREAK(abi_major, 2, 0, "0.0", "1.0");
}
END_TEST

START_TEST(unknown_incompatible_features_are_refused_naming_both)
{
	BREAK(incompat, 4, 1, "1.0", "0x1");
	BREAK(incompat, 4, 0x80000000u, "1.0", "0x80000000");
	BREAK(ro_compat, 4, 4, "1.0", "0x4");
}
END_TEST

START_TEST(every_broken_header_is_refused)
{
	BREAK(magic, 8, 0x1122334455667788u, "0x1122334455667788", "magic");
	BREAK(layout_id, 4, 0xdeadbeef, "0xdeadbeef", "layout id");
	BREAK(size, 8, 2 * RIG_MIB, "2097152", "1048576");
	BREAK(size, 8, UINT64_MAX, "18446744073709551615", "1048576");
	BREAK(size, 8, 4096, "4096", "1048576");
	BREAK(size, 8, 0, " 0 bytes", "1048576");
	BREAK(queue_slots, 4, 17, "17 slots", "1048576");
	BREAK(queue_slots, 4, 0, " 0 slots", "1048576");
	BREAK(queue_slots, 4, UINT32_MAX, "4294967295 slots", "1048576");
}
END_TEST

START_TEST(a_newer_minor_version_and_compatible_features_are_taken_up)
{
	uint8_t page[4096];
	struct vine_seg *a = NULL;

	golden(page);
	page[offsetof(struct vine_header_shm, abi_minor)] = 9;
	memset(page + offsetof(struct vine_header_shm, compat), 0xff, 4);
	ck_assert_int_eq(open_page(page, RIG_MIB, "shm_trunc 0\n", &a), 0);
	vine_seg_close(a);
	shm_unlink(name);
}
END_TEST

START_TEST(a_truncated_object_is_refused)
{
	uint8_t page[4096];
	struct vine_seg *a = NULL;

	golden(page);
	ck_assert_int_eq(open_page(page, RIG_MIB - 4096, "shm_trunc 0\n", &a),
			 -EPROTO);
	shm_unlink(name);
	ck_assert_int_eq(open_page(page, 4096, "shm_trunc 0\n", &a), -EPROTO);
	shm_unlink(name);
	rig_name(name);
	make(page, 100, 100);
	ck_assert_int_eq(open_with("shm_trunc 0\n", &a), -EPROTO);
	make("", 0, 0);
	ck_assert_int_eq(open_with("shm_trunc 0\n", &a), -ENOSPC);
	make("", 0, 65536);
	ck_assert_int_eq(open_with("shm_trunc 0\n", &a), -ENOSPC);
	shm_unlink(name);
}
END_TEST

/* whoever formed it died between two of the stores */
START_TEST(a_half_formed_header_is_formed_again)
{
	uint8_t page[4096];
	struct vine_seg *a = NULL;

	for (int trunc = 0; trunc < 2; trunc++) {
		golden(page);
		memset(page + offsetof(struct vine_header_shm, state), 0, 4);
		memset(page + 24, 0, 4096 - 24);
		ck_assert_msg(open_page(page, RIG_MIB, trunc ?
					"shm_size 1M\n" : "shm_trunc 0\n",
					&a) == 0, "trunc %d: %s", trunc,
			      rig_log);
		ck_assert_int_eq(a->formed, 1);
		vine_seg_close(a);
		shm_unlink(name);
	}
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_segment_of_abi_1_is_taken_up),
	RIG_CASE(a_segment_formed_today_looks_like_the_golden_one),
	RIG_CASE(a_newer_major_version_is_refused_naming_both),
	RIG_CASE(unknown_incompatible_features_are_refused_naming_both),
	RIG_CASE(every_broken_header_is_refused),
	RIG_CASE(a_newer_minor_version_and_compatible_features_are_taken_up),
	RIG_CASE(a_truncated_object_is_refused),
	RIG_CASE(a_half_formed_header_is_formed_again),
};

RIG_MAIN("vine_header", cases)
