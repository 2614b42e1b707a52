/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor: what a submission slot carries, packed into eight words.
 *
 *   w0  sequence (32) | cookie (32)
 *   w1  accelerator handle (32) | procedure handle or control op (32)
 *   w2  inputs (8) | outputs (8) | args (8) | flags (8) | deadline us (32)
 *   w3  issue tick
 *   w4  to w7: 32 bytes: references, then arguments
 *
 * A reference takes 12 bytes: offset and length of 48 bits each. So two
 * references leave 8 bytes for arguments, one leaves 20, none 32. What needs
 * more sets VINE_DESC_TABLE, and its only reference names a table
 * (struct vine_table_shm). A control task has accelerator 0 and four 64-bit
 * operands in w4 to w7.
 *
 * The taking side copies a slot with single loads and never looks at it again:
 * struct vine_desc is that copy.
 */
#ifndef VINE_DESC_H
#define VINE_DESC_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "core/vine_layout.h"

enum vine_desc_flag {
	VINE_DESC_IDEMPOTENT = 1u << 0,
	VINE_DESC_TABLE = 1u << 1,
	VINE_DESC_NOSTAMP = 1u << 2,
	VINE_DESC_STREAM = 1u << 3,	/* hint: many are in flight */
	VINE_DESC_FLAGS_ALL = 15u,
};

#define VINE_DESC_BODY 32u
#define VINE_DESC_REF 12u
#define VINE_DESC_REFS_MAX 2u
#define VINE_REF_MAX ((UINT64_C(1) << 48) - 1)

struct vine_ref {
	vine_off_t off;
	uint64_t len;
};

struct vine_desc {
	uint64_t w[8];
};

static inline uint32_t
vine_desc_cookie(const struct vine_desc *d)
{
	return (uint32_t)(d->w[0] >> 32);
}

static inline uint32_t
vine_desc_accel(const struct vine_desc *d)
{
	return (uint32_t)d->w[1];
}

static inline uint32_t
vine_desc_proc(const struct vine_desc *d)
{
	return (uint32_t)(d->w[1] >> 32);
}

static inline uint32_t
vine_desc_in_count(const struct vine_desc *d)
{
	return (uint32_t)d->w[2] & 0xff;
}

static inline uint32_t
vine_desc_out_count(const struct vine_desc *d)
{
	return (uint32_t)d->w[2] >> 8 & 0xff;
}

static inline uint32_t
vine_desc_args_size(const struct vine_desc *d)
{
	return (uint32_t)d->w[2] >> 16 & 0xff;
}

static inline uint32_t
vine_desc_flags(const struct vine_desc *d)
{
	return (uint32_t)d->w[2] >> 24;
}

static inline uint32_t
vine_desc_deadline_us(const struct vine_desc *d)
{
	return (uint32_t)(d->w[2] >> 32);
}

static inline uint64_t
vine_desc_issue_ticks(const struct vine_desc *d)
{
	return d->w[3];
}

static inline uint64_t
vine_desc_w2(uint32_t in, uint32_t out, uint32_t args, uint32_t flags,
	     uint32_t deadline_us)
{
	return (uint64_t)(in | out << 8 | args << 16 | flags << 24) |
	       (uint64_t)deadline_us << 32;
}

/*
 * vine_desc_body packs up to two references into words 4 to 7. By value, so
 * that the words stay in registers until they are stored into the slot: a word
 * that was put together in memory and is then loaded whole stalls the core.
 */
struct vine_body {
	uint64_t w[4];
};

static inline struct vine_body
vine_desc_body(uint32_t refs, struct vine_ref a, struct vine_ref b)
{
	struct vine_body body = { { 0 } };

	if (refs > 0) {
		body.w[0] = (uint32_t)a.off | a.len << 32;
		body.w[1] = (a.off >> 32 & 0xffff) |
			    (a.len >> 32 & 0xffff) << 16;
	}
	if (refs > 1) {
		body.w[1] |= b.off << 32;
		body.w[2] = (uint32_t)b.len | (b.off >> 32 & 0xffff) << 32 |
			    (b.len >> 32 & 0xffff) << 48;
	}
	return body;
}

/* vine_desc_args puts arguments behind `refs` references. */
static inline struct vine_body
vine_desc_args(struct vine_body body, uint32_t refs, const void *args,
	       uint32_t size)
{
	memcpy((uint8_t *)body.w + refs * VINE_DESC_REF, args, size);
	return body;
}

/* vine_desc_ref unpacks reference i, 0 or 1. */
static inline struct vine_ref
vine_desc_ref(const struct vine_desc *d, uint32_t i)
{
	if (i == 0)
		return (struct vine_ref){
			.off = (uint32_t)d->w[4] | (d->w[5] & 0xffff) << 32,
			.len = d->w[4] >> 32 | (d->w[5] >> 16 & 0xffff) << 32,
		};
	return (struct vine_ref){
		.off = d->w[5] >> 32 | (d->w[6] >> 32 & 0xffff) << 32,
		.len = (uint32_t)d->w[6] | d->w[6] >> 48 << 32,
	};
}

/*
 * vine_desc_check judges a copy by itself, before any look at tables: counts,
 * sizes and flags that can be. Returns 0 or -EINVAL.
 */
static inline int
vine_desc_check(const struct vine_desc *d)
{
	uint32_t refs = vine_desc_in_count(d) + vine_desc_out_count(d);
	uint32_t flags = vine_desc_flags(d);

	if (flags & ~VINE_DESC_FLAGS_ALL)
		return -EINVAL;
	if (flags & VINE_DESC_TABLE)	/* counts stand in the table */
		return refs == 1 ? 0 : -EINVAL;
	if (refs > VINE_DESC_REFS_MAX ||
	    vine_desc_args_size(d) + refs * VINE_DESC_REF > VINE_DESC_BODY)
		return -EINVAL;
	return 0;
}

/*
 * Ticks in 32 bits: 27 bits of mantissa, 5 of exponent, so an error under one
 * in 67 million and a range of centuries. For the stamps of a completion.
 */
static inline uint32_t
vine_tick_pack(uint64_t ticks)
{
	uint32_t e;

	if (__builtin_expect(ticks >> 27 == 0, 1))
		return (uint32_t)ticks;
	e = 37 - (uint32_t)__builtin_clzll(ticks);
	if (e > 31)
		return UINT32_MAX;
	return (uint32_t)(ticks >> e) | e << 27;
}

static inline uint64_t
vine_tick_unpack(uint32_t packed)
{
	return (uint64_t)(packed & 0x7ffffff) << (packed >> 27);
}

#endif
