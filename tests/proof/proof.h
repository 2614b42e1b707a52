/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof: a machine on which the product's own C code is run in every order.
 *
 * The sources of src/ are compiled as C++, unchanged but for the spelling of
 * `_Atomic` (translate.sh). This header comes before them and the folder
 * shadow/ before src/, so that each atomic, fence, barrier, lock and sleep
 * becomes one of Relacy's, with the same memory order. Relacy runs the threads
 * of a case in all interleavings up to a bound, lets relaxed loads return old
 * values where C11 permits it, and reports a wrong result, a data race or a
 * deadlock, which here is a lost wake-up: sleeps have no timeout.
 *
 * What the machine takes for granted:
 * - a full barrier (membarrier) is a fence in each thread, one after the other,
 *   while all of them run;
 * - a thread begins with a fence: somebody switched to it;
 * - a futex compares and queues in one step;
 * - an atomic read-modify-write of C11 is not a fence, those of arch_atomic.h
 *   are, as that header promises.
 *
 * A broken twin is the same case with one edge weaker: proof_twin names a
 * function and what it loses.
 */
#ifndef PROOF_H
#define PROOF_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <type_traits>

#include <relacy/relacy.hpp>

/* Relacy's names for what the product's code has its own. */
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#define errno (*__errno_location())

/* Where a call stands in the product's code. */
#define PROOF_HERE \
	rl::debug_info here = rl::debug_info(__builtin_FUNCTION(), \
					     __builtin_FILE(), \
					     __builtin_LINE())

/* --- broken twins ------------------------------------------------------- */

enum proof_loss {
	PROOF_NOTHING,
	PROOF_RELEASE,		/* stores of `fn` become relaxed */
	PROOF_ACQUIRE,		/* loads of `fn` become relaxed */
	PROOF_RMW,		/* read-modify-writes of `fn` become relaxed */
	PROOF_RMW_FENCE,	/* they are no fences */
	PROOF_FENCE,		/* fences of `fn` are left out */
	PROOF_BARRIER,		/* so are barriers */
};

struct proof_twin {
	const char *edge;
	const char *fn;
	enum proof_loss loss;
};

extern const struct proof_twin *proof_broken;

/* proof_loses tells whether `fn` is to lose something in this run. */
static inline bool
proof_loses(const char *fn, enum proof_loss loss)
{
	return proof_broken && proof_broken->loss == loss &&
	       strcmp(proof_broken->fn, fn) == 0;
}

static inline rl::memory_order
proof_order(rl::memory_order order, const char *fn, enum proof_loss loss)
{
	return proof_loses(fn, loss) ? rl::mo_relaxed : order;
}

/* --- words ---------------------------------------------------------------- */

static inline rl::debug_info
proof_here(PROOF_HERE)
{
	return here;
}

/*
 * An atomic word, made when it is first touched, so that padding costs nothing.
 * Whoever reads one that was never written fails the case.
 */
template<typename T>
class proof_word {
	typedef rl::atomic<T> atomic;
	typedef rl::var<T> plain;

public:
	/* `calm`: Relacy switches no threads here. For words whose order an
	 * other word of the same case already shows, or of one thread alone. */
	bool calm = false;

	/* `guarded`: two threads must not touch it at a time. For words that
	 * have another one to say whose they are. */
	bool guarded = false;

	proof_word() = default;
	proof_word(const proof_word &) = delete;
	~proof_word()
	{
		if (made && guarded)
			as<plain>().~plain();
		else if (made)
			as<atomic>().~atomic();
	}

	rl::atomic<T> &
	get() const
	{
		return as<atomic>();
	}

	T
	load(rl::memory_order order, rl::debug_info here) const
	{
		if (guarded)
			return as<plain>()(here).load();
		order = proof_order(order, here.func_, PROOF_ACQUIRE);
		return step([&] { return get().load(order, here); });
	}

	void
	store(T v, rl::memory_order order, rl::debug_info here)
	{
		if (guarded) {
			as<plain>()(here).store(v);
			return;
		}
		order = proof_order(order, here.func_, PROOF_RELEASE);
		step([&] { get().store(v, order, here); return 0; });
	}

	template<typename F>
	T
	rmw(rl::memory_order order, rl::debug_info here, F f)
	{
		order = proof_order(order, here.func_, PROOF_RMW);
		return step([&] { return f(get(), order); });
	}

	/* as `_Atomic` words are used by name: sequentially consistent */
	operator T() const
	{
		return load(rl::mo_seq_cst, proof_here());
	}

	T
	operator=(T v)
	{
		store(v, rl::mo_seq_cst, proof_here());
		return v;
	}

	T
	operator++(int)
	{
		return rmw(rl::mo_seq_cst, proof_here(), [](auto &a, auto o) {
			return a.fetch_add(1, o, proof_here());
		});
	}

	T
	operator--(int)
	{
		return rmw(rl::mo_seq_cst, proof_here(), [](auto &a, auto o) {
			return a.fetch_sub(1, o, proof_here());
		});
	}

private:
	alignas(atomic) alignas(plain) mutable unsigned char room[
		std::max(sizeof(atomic), sizeof(plain))];
	mutable bool made = false;

	template<typename W>
	W &
	as() const
	{
		if (!made)
			::new (room) W();
		made = true;
		return *reinterpret_cast<W *>(room);
	}

	template<typename F>
	auto
	step(F f) const
	{
		if (calm)
			rl::ctx().disable_preemption();
		auto v = f();
		if (calm)
			rl::ctx().enable_preemption();
		return v;
	}
};

/* A plain word that two threads must not touch at a time. */
template<typename T>
class proof_var {
public:
	proof_var() { var(proof_here()).store(0); }
	proof_var(T v) { var(proof_here()).store(v); }
	proof_var(const proof_var &o) { *this = (T)o; }
	operator T() const { return const_cast<proof_var *>(this)->
				    var(proof_here()).load(); }
	template<typename E, typename = std::enable_if_t<std::is_enum_v<E>>>
	explicit operator E() const { return (E)(T)*this; }
	T operator=(T v) { var(proof_here()).store(v); return v; }
	T operator=(const proof_var &o) { return *this = (T)o; }
	T operator+=(T v) { return *this = (T)*this + v; }
	T operator-=(T v) { return *this = (T)*this - v; }
	T operator++() { return *this = (T)*this + 1; }
	T operator++(int) { T v = *this; *this = v + 1; return v; }
	T operator--(int) { T v = *this; *this = v - 1; return v; }

private:
	rl::var<T> var;
};

/* What `_Atomic(T)` is made of, where T may stand for a checked word. */
template<typename T> struct proof_raw { typedef T type; };
template<typename T> struct proof_raw<proof_var<T>> { typedef T type; };

/* --- the language of C11 ------------------------------------------------- */

#define _Static_assert(...) static_assert(true)
#define _Thread_local __thread
#define _Alignas(n) alignas(n)
#define _Atomic(...) proof_word<typename_of<__VA_ARGS__>>
template<typename T> using typename_of = typename proof_raw<T>::type;

static constexpr rl::memory_order memory_order_relaxed = rl::mo_relaxed;
static constexpr rl::memory_order memory_order_acquire = rl::mo_acquire;
static constexpr rl::memory_order memory_order_release = rl::mo_release;
static constexpr rl::memory_order memory_order_acq_rel = rl::mo_acq_rel;
static constexpr rl::memory_order memory_order_seq_cst = rl::mo_seq_cst;

template<typename T> static inline T
atomic_load_explicit(const proof_word<T> *p, rl::memory_order order, PROOF_HERE)
{
	return p->load(order, here);
}

template<typename T> static inline T
atomic_load(const proof_word<T> *p, PROOF_HERE)
{
	return p->load(rl::mo_seq_cst, here);
}

template<typename T> static inline void
atomic_store_explicit(proof_word<T> *p, typename_of<T> v,
		      rl::memory_order order, PROOF_HERE)
{
	p->store(v, order, here);
}

template<typename T> static inline void
atomic_store(proof_word<T> *p, typename_of<T> v, PROOF_HERE)
{
	p->store(v, rl::mo_seq_cst, here);
}

template<typename T> static inline T
atomic_exchange_explicit(proof_word<T> *p, typename_of<T> v,
			 rl::memory_order order, PROOF_HERE)
{
	return p->rmw(order, here, [&](auto &a, auto o) {
		return a.exchange(v, o, here);
	});
}

template<typename T> static inline T
atomic_exchange(proof_word<T> *p, typename_of<T> v, PROOF_HERE)
{
	return atomic_exchange_explicit(p, v, rl::mo_seq_cst, here);
}

template<typename T> static inline T
atomic_fetch_add(proof_word<T> *p, int v, PROOF_HERE)
{
	return p->rmw(rl::mo_seq_cst, here, [&](auto &a, auto o) {
		return a.fetch_add(v, o, here);
	});
}

template<typename T> static inline T
atomic_fetch_sub_explicit(proof_word<T> *p, int v, rl::memory_order order,
			  PROOF_HERE)
{
	return p->rmw(order, here, [&](auto &a, auto o) {
		return a.fetch_sub(v, o, here);
	});
}

template<typename T> static inline T
atomic_fetch_sub(proof_word<T> *p, int v, PROOF_HERE)
{
	return atomic_fetch_sub_explicit(p, v, rl::mo_seq_cst, here);
}

/* The weak one: a loop around it turns once more, which shows nothing new. */
template<typename T> static inline bool
atomic_compare_exchange_weak_explicit(proof_word<T> *p, T *expected,
				      typename_of<T> desired,
				      rl::memory_order order, rl::memory_order,
				      PROOF_HERE)
{
	return p->rmw(order, here, [&](auto &a, auto o) {
		return (T)a.compare_exchange_strong(*expected, desired, o,
						    here);
	}) != 0;
}

template<typename T> static inline bool
atomic_compare_exchange_weak(proof_word<T> *p, T *expected,
			     typename_of<T> desired, PROOF_HERE)
{
	return atomic_compare_exchange_weak_explicit(p, expected, desired,
						     rl::mo_seq_cst,
						     rl::mo_seq_cst, here);
}

/* --- the kernel ---------------------------------------------------------- */

/* 0: no membarrier; then a barrier is a fence of the caller alone. */
extern int proof_membarrier;

/* A full fence; one of every thread; system calls of the product. */
void proof_fence(rl::debug_info here);
void proof_barrier(rl::debug_info here);
int proof_syscall(long number, rl::debug_info here);

#define syscall(number, ...) proof_syscall(number, proof_here())
#define sched_yield() rl::yield(1, proof_here())

struct proof_mutex {
	rl::mutex m;
};

#define pthread_mutex_t struct proof_mutex
#define pthread_mutex_lock(p) (p)->m.lock(proof_here())
#define pthread_mutex_unlock(p) (p)->m.unlock(proof_here())
#define pthread_mutex_init(p, attr) ((void)(p))
#define pthread_mutex_destroy(p) ((void)(p))

#endif
