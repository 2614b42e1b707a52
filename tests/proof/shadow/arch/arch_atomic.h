/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of src/arch/arch_atomic.h: the same functions, in the same orders,
 * on words of the proof's machine. What that header promises of its
 * read-modify-writes, that each is a full fence, is made true here by a fence.
 */
#ifndef ARCH_ATOMIC_H
#define ARCH_ATOMIC_H

typedef proof_word<uint8_t> le8_t;
typedef proof_word<uint16_t> le16_t;
typedef proof_word<uint32_t> le32_t;
typedef proof_word<uint64_t> le64_t;

static inline uint32_t
arch_load32(const le32_t *p, PROOF_HERE)
{
	return p->load(rl::mo_relaxed, here);
}

static inline uint64_t
arch_load64(const le64_t *p, PROOF_HERE)
{
	return p->load(rl::mo_relaxed, here);
}

static inline void
arch_store32(le32_t *p, uint32_t v, PROOF_HERE)
{
	p->store(v, rl::mo_relaxed, here);
}

static inline void
arch_store64(le64_t *p, uint64_t v, PROOF_HERE)
{
	p->store(v, rl::mo_relaxed, here);
}

static inline uint32_t
arch_load_acquire32(const le32_t *p, PROOF_HERE)
{
	return p->load(rl::mo_acquire, here);
}

static inline uint64_t
arch_load_acquire64(const le64_t *p, PROOF_HERE)
{
	return p->load(rl::mo_acquire, here);
}

static inline void
arch_store_release32(le32_t *p, uint32_t v, PROOF_HERE)
{
	p->store(v, rl::mo_release, here);
}

static inline void
arch_store_release64(le64_t *p, uint64_t v, PROOF_HERE)
{
	p->store(v, rl::mo_release, here);
}

static inline void
arch_fence_after_rmw(PROOF_HERE)
{
	if (!proof_loses(here.func_, PROOF_RMW_FENCE) &&
	    !proof_loses(here.func_, PROOF_RMW))
		proof_fence(here);
}

static inline uint32_t
arch_xchg32(le32_t *p, uint32_t v, PROOF_HERE)
{
	uint32_t was = p->rmw(rl::mo_seq_cst, here, [&](auto &a, auto o) {
		return a.exchange(v, o, here);
	});

	arch_fence_after_rmw(here);
	return was;
}

static inline uint64_t
arch_xchg64(le64_t *p, uint64_t v, PROOF_HERE)
{
	uint64_t was = p->rmw(rl::mo_seq_cst, here, [&](auto &a, auto o) {
		return a.exchange(v, o, here);
	});

	arch_fence_after_rmw(here);
	return was;
}

static inline uint32_t
arch_add32(le32_t *p, uint32_t v, PROOF_HERE)
{
	uint32_t was = p->rmw(rl::mo_seq_cst, here, [&](auto &a, auto o) {
		return a.fetch_add(v, o, here);
	});

	arch_fence_after_rmw(here);
	return was;
}

static inline uint64_t
arch_or64(le64_t *p, uint64_t v, PROOF_HERE)
{
	uint64_t was = p->rmw(rl::mo_seq_cst, here, [&](auto &a, auto o) {
		return a.fetch_or(v, o, here);
	});

	arch_fence_after_rmw(here);
	return was;
}

static inline void
arch_fence(PROOF_HERE)
{
	if (!proof_loses(here.func_, PROOF_FENCE))
		proof_fence(here);
}

/* Relacy does not move code. */
static inline void
arch_compiler_fence(void)
{
}

static inline void
arch_prefetch(const void *)
{
}

static inline void
arch_prefetch_write(const void *)
{
}

static inline void
arch_pause(PROOF_HERE)
{
	rl::yield(1, here);
}

#endif
