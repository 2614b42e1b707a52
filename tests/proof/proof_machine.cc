/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine: fences, barriers and futexes of the proofs, and what the product's
 * sources want of parts that no case is about.
 */
#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_ladder.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "core/vine_tally.h"
#include "core/vine_thread.h"
#include "core/vine_watch.h"
#include "proof_run.h"

const struct proof_twin *proof_broken;
int proof_membarrier;
uint32_t proof_idle_looks;
void (*proof_fence_thread)(unsigned thread);
unsigned proof_threads;
struct vine_thread *proof_thread_last[PROOF_THREADS_MAX];

/* For vine_thread_of(), which no case reaches. */
#undef vine_thread_last
__thread struct vine_thread *vine_thread_last;

/* A thread asleep on a word. */
static struct sleeper {
	le32_t *word;		/* NULL: awake */
	uint32_t mask;
} sleepers[PROOF_THREADS_MAX];

void
proof_begin(unsigned threads, void (*fence_thread)(unsigned thread))
{
	proof_threads = threads;
	proof_fence_thread = fence_thread;
	memset(sleepers, 0, sizeof(sleepers));
	memset(proof_thread_last, 0, sizeof(proof_thread_last));
}

void
proof_fence(rl::debug_info here)
{
	rl::atomic_thread_fence(rl::mo_seq_cst, here);
}

/* A fence here and, while all go on running, in one thread after the other. */
static void
fence_all(rl::debug_info here)
{
	unsigned me = rl::thread_index(), first = 0;

	proof_fence(here);
	if (!proof_membarrier)
		return;
	if (proof_threads > 2)
		first = rl::rand(proof_threads);
	for (unsigned i = 0; i < proof_threads; i++) {
		unsigned thread = (first + i) % proof_threads;

		if (thread == me)
			continue;
		rl::ctx().sched();
		proof_fence_thread(thread);
	}
	proof_fence(here);
}

void
proof_barrier(rl::debug_info here)
{
	if (!proof_loses(here.func_, PROOF_BARRIER))
		fence_all(here);
}

int
proof_syscall(long number, rl::debug_info here)
{
	if (number != SYS_membarrier)
		abort();
	if (!proof_membarrier)
		return -1;
	proof_barrier(here);
	return 0;
}

uint32_t
arch_bell_look(const struct arch_bell *bell)
{
	return arch_load32(bell->word);
}

int
arch_bell_wait(const struct arch_bell *bell, uint32_t seen, uint32_t mask,
	       uint64_t)
{
	rl::context &c = rl::ctx();

	c.sched();
	if (bell->word->get().debug_value() != seen)
		return 0;
	sleepers[rl::thread_index()] = { bell->word, mask };
	c.park_current_thread(false, false, false, proof_here());
	return 0;
}

int
arch_bell_ring(const struct arch_bell *bell, uint32_t mask)
{
	int woken = 0;

	arch_add32(bell->word, 1);
	for (unsigned i = 0; i < proof_threads; i++) {
		struct sleeper *s = &sleepers[i];

		if (s->word != bell->word || !(s->mask & mask))
			continue;
		s->word = NULL;
		rl::ctx().unpark_thread(i, false, proof_here());
		woken++;
	}
	return woken;
}

/* Time stands still, so nothing is ever found because time has passed. */
uint64_t
utils_clock_ticks_slow(void)
{
	return 1;
}

uint64_t
utils_clock_ns(void)
{
	return 1;
}

enum utils_clock_kind utils_clock_kind_now = UTILS_CLOCK_MONOTONIC;
uint64_t vine_session_forked;

void
vine_tally_publish(struct vine_pipe_s *)
{
}
