/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic: the only way to touch a word of the segment.
 *
 * Words of the segment have wrapper types, so that reading one by accident
 * does not compile: each function below is one load, store or read-modify-write
 * that the compiler can neither repeat nor split. The segment is little-endian;
 * big-endian hosts are refused at build time until somebody needs them.
 *
 * Only the files in scripts/lint-allow/atomic.txt may call these. Every
 * ordering edge is named at both ends: a release NAME-R1, its acquire NAME-A1.
 */
#ifndef ARCH_ATOMIC_H
#define ARCH_ATOMIC_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "libvine segments are little-endian; this host is not"
#endif

typedef struct { uint8_t v; } le8_t;
typedef struct { uint16_t v; } le16_t;
typedef struct { uint32_t v; } le32_t;
typedef struct { uint64_t v; } le64_t;

/* Relaxed: single, whole, unordered. */
static inline uint32_t
arch_load32(const le32_t *p)
{
	return __atomic_load_n(&p->v, __ATOMIC_RELAXED);
}

static inline uint64_t
arch_load64(const le64_t *p)
{
	return __atomic_load_n(&p->v, __ATOMIC_RELAXED);
}

static inline uint8_t
arch_load8(const le8_t *p)
{
	return __atomic_load_n(&p->v, __ATOMIC_RELAXED);
}

static inline void
arch_store32(le32_t *p, uint32_t v)
{
	__atomic_store_n(&p->v, v, __ATOMIC_RELAXED);
}

static inline void
arch_store64(le64_t *p, uint64_t v)
{
	__atomic_store_n(&p->v, v, __ATOMIC_RELAXED);
}

static inline void
arch_store8(le8_t *p, uint8_t v)
{
	__atomic_store_n(&p->v, v, __ATOMIC_RELAXED);
}

/* Acquire and release. */
static inline uint32_t
arch_load_acquire32(const le32_t *p)
{
	return __atomic_load_n(&p->v, __ATOMIC_ACQUIRE);
}

static inline uint64_t
arch_load_acquire64(const le64_t *p)
{
	return __atomic_load_n(&p->v, __ATOMIC_ACQUIRE);
}

static inline void
arch_store_release32(le32_t *p, uint32_t v)
{
	__atomic_store_n(&p->v, v, __ATOMIC_RELEASE);
}

static inline void
arch_store_release64(le64_t *p, uint64_t v)
{
	__atomic_store_n(&p->v, v, __ATOMIC_RELEASE);
}

/* A full fence: nothing passes it in either direction. */
static inline void
arch_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A fence for the compiler alone. */
static inline void
arch_compiler_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * arch_fence_after_rmw makes a full fence of the sequentially consistent
 * read-modify-write before it. On x86-64 that is one by itself; C11, and
 * aarch64 where it is a loop of exclusives, let a later load pass its store.
 */
static inline void
arch_fence_after_rmw(void)
{
#if defined(__x86_64__)
	arch_compiler_fence();
#else
	arch_fence();
#endif
}

/* Read-modify-write, sequentially consistent: each is a full fence too. */
static inline int
arch_cas32(le32_t *p, uint32_t expected, uint32_t desired)
{
	int done = __atomic_compare_exchange_n(&p->v, &expected, desired, 0,
					       __ATOMIC_SEQ_CST,
					       __ATOMIC_SEQ_CST);

	arch_fence_after_rmw();
	return done;
}

static inline uint32_t
arch_xchg32(le32_t *p, uint32_t v)
{
	uint32_t was = __atomic_exchange_n(&p->v, v, __ATOMIC_SEQ_CST);

	arch_fence_after_rmw();
	return was;
}

static inline uint64_t
arch_xchg64(le64_t *p, uint64_t v)
{
	uint64_t was = __atomic_exchange_n(&p->v, v, __ATOMIC_SEQ_CST);

	arch_fence_after_rmw();
	return was;
}

static inline uint32_t
arch_add32(le32_t *p, uint32_t v)
{
	uint32_t was = __atomic_fetch_add(&p->v, v, __ATOMIC_SEQ_CST);

	arch_fence_after_rmw();
	return was;
}

static inline uint64_t
arch_or64(le64_t *p, uint64_t v)
{
	uint64_t was = __atomic_fetch_or(&p->v, v, __ATOMIC_SEQ_CST);

	arch_fence_after_rmw();
	return was;
}

/* Hints: a line that will be read, or written, soon. Any address will do. */
static inline void
arch_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 3);
}

static inline void
arch_prefetch_write(const void *p)
{
#if defined(__x86_64__)
	/* the builtin would fetch it for reading on baseline x86-64 */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1, 3);
#endif
}

/* A hint that this is a spin loop. */
static inline void
arch_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
