/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_desc: packing, judging a copy, ticks in 32 bits. */
#include "rig.h"
#include "core/vine_desc.h"

START_TEST(what_is_packed_is_unpacked)
{
	uint64_t seed = 3;

	for (int n = 0; n < 100000; n++) {
		struct vine_desc d;
		struct vine_ref r[2];
		uint32_t w[6];

		for (int i = 0; i < 6; i++)
			w[i] = (uint32_t)rig_random(&seed);
		memset(&d, 0xee, sizeof(d));
		d.w[0] = 1 | (uint64_t)w[0] << 32;
		d.w[1] = w[1] | (uint64_t)w[2] << 32;
		d.w[2] = vine_desc_w2(w[3] & 0xff, w[3] >> 8 & 0xff,
				      w[3] >> 16 & 0xff, w[3] >> 24, w[4]);
		for (uint32_t i = 0; i < 2; i++) {
			r[i].off = rig_random(&seed) & VINE_REF_MAX;
			r[i].len = rig_random(&seed) & VINE_REF_MAX;
		}
		for (uint32_t i = 0; i < 2; i++) {
			uint32_t parts[3] = {
				(uint32_t)r[i].off, (uint32_t)r[i].len,
				(uint32_t)(r[i].off >> 32) |
					(uint32_t)(r[i].len >> 32) << 16 };

			memcpy((uint8_t *)&d.w[4] + i * VINE_DESC_REF, parts,
			       sizeof(parts));
		}
		rig_check(vine_desc_cookie(&d) == (w[0]));
		rig_check(vine_desc_accel(&d) == (w[1]));
		rig_check(vine_desc_proc(&d) == (w[2]));
		rig_check(vine_desc_in_count(&d) == (w[3] & 0xff));
		rig_check(vine_desc_out_count(&d) == (w[3] >> 8 & 0xff));
		rig_check(vine_desc_args_size(&d) == (w[3] >> 16 & 0xff));
		rig_check(vine_desc_flags(&d) == (w[3] >> 24));
		rig_check(vine_desc_deadline_us(&d) == (w[4]));
		for (uint32_t i = 0; i < 2; i++) {
			rig_check(vine_desc_ref(&d, i).off == (r[i].off));
			rig_check(vine_desc_ref(&d, i).len == (r[i].len));
		}
		/* the eight bytes after two references stay untouched */
		rig_check(d.w[7] == UINT64_C(0xeeeeeeeeeeeeeeee));
	}
}
END_TEST

static int
judge(uint32_t in, uint32_t out, uint32_t args, uint32_t flags)
{
	struct vine_desc d = { .w = { 0 } };

	d.w[2] = vine_desc_w2(in, out, args, flags, 0);
	return vine_desc_check(&d);
}

START_TEST(check_accepts_what_fits_the_body_and_nothing_else)
{
	for (uint32_t in = 0; in < 256; in++)
		for (uint32_t out = 0; out < 256; out++)
			for (uint32_t args = 0; args < 256; args++) {
				int fits = in + out <= 2 &&
					12 * (in + out) + args <= 32;

				rig_check(judge(in, out, args, 0) ==
					  (fits ? 0 : -EINVAL));
			}
}
END_TEST

START_TEST(check_refuses_unknown_flags)
{
	for (uint32_t flags = VINE_DESC_FLAGS_ALL + 1; flags < 256; flags++)
		ck_assert_int_eq(judge(0, 0, 0, flags), -EINVAL);
	ck_assert_int_eq(judge(1, 1, 8, VINE_DESC_IDEMPOTENT |
			       VINE_DESC_NOSTAMP), 0);
}
END_TEST

START_TEST(a_table_is_one_reference)
{
	for (uint32_t in = 0; in < 256; in++)
		for (uint32_t out = 0; out < 256; out++)
			rig_check(judge(in, out, 0, VINE_DESC_TABLE) ==
				  (in + out == 1 ? 0 : -EINVAL));
}
END_TEST

static void
check_tick(uint64_t t)
{
	uint64_t back = vine_tick_unpack(vine_tick_pack(t));

	/* 27 + 31 bits can be told; beyond, the most that can */
	if (t >> 58) {
		rig_check(vine_tick_pack(t) == UINT32_MAX);
		return;
	}
	rig_check(back <= t);
	rig_check(t - back <= t >> 26);
	if (t < 1u << 27)
		rig_check(back == t);
}

START_TEST(ticks_keep_27_bits_of_precision_over_centuries)
{
	uint64_t seed = 11;

	for (int shift = 0; shift < 64; shift++) {
		for (int d = -2; d <= 2; d++)
			check_tick((UINT64_C(1) << shift) + (uint64_t)d);
		for (int i = 0; i < 20000; i++)
			check_tick(rig_random(&seed) >> shift);
	}
}
END_TEST

START_TEST(packing_ticks_keeps_their_order)
{
	uint64_t seed = 13;

	for (int i = 0; i < 500000; i++) {
		uint64_t a = rig_random(&seed) >> (i & 63);
		uint64_t b = a + (rig_random(&seed) >> (i * 7 & 63));

		if (b < a)
			continue;
		rig_check(vine_tick_pack(a) <= vine_tick_pack(b));
		rig_check(vine_tick_unpack(vine_tick_pack(a)) <=
			  vine_tick_unpack(vine_tick_pack(b)));
	}
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(what_is_packed_is_unpacked),
	RIG_CASE(check_accepts_what_fits_the_body_and_nothing_else),
	RIG_CASE(check_refuses_unknown_flags),
	RIG_CASE(a_table_is_one_reference),
	RIG_CASE(ticks_keep_27_bits_of_precision_over_centuries),
	RIG_CASE(packing_ticks_keeps_their_order),
};

RIG_MAIN("vine_desc", cases)
