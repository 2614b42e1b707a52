/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step: what code does to a page of the segment, one access after another.
 *
 * The page, or several, is closed to the mapping that is watched. Each access faults, is
 * noted, and is then carried out alone (the trap flag), so a test sees loads
 * and stores in their order, and a hook does between two of them what another
 * process may do there, through a mapping of its own. x86-64 only, and not
 * under a sanitizer, which has such signals for itself: STEP_CAN.
 */
#ifndef STEP_H
#define STEP_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "rig.h"

#if defined(__x86_64__) && !RIG_SANITIZED
#define STEP_CAN 1
#else
#define STEP_CAN 0
#endif

#if STEP_CAN

#define STEP_PAGE 4096u
#define STEP_MAX 4096u

#define STEP_EFL_TRAP 0x100
#define STEP_ERR_WRITE 2

struct step {
	size_t off;	/* from the base that is watched; it may be negative */
	int store;
};

struct step_watch {
	uint8_t *page;
	size_t size;		/* of it, or of several */
	uintptr_t base;
	/* called before and after each access; from a signal handler */
	void (*before)(struct step step);
	void (*after)(struct step step);
	struct step now;
	int ends;		/* the page stays open from now on */
	uint32_t count;
	struct step seen[STEP_MAX];
};

static struct step_watch step_watch;

static void
step_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t at = (uintptr_t)info->si_addr;
	struct step_watch *w = &step_watch;

	if (at - (uintptr_t)w->page >= w->size) {
		signal(sig, SIG_DFL);	/* not ours: again, and die of it */
		return;
	}
	w->now = (struct step){ at - w->base,
				(regs[REG_ERR] & STEP_ERR_WRITE) != 0 };
	if (w->count < STEP_MAX)
		w->seen[w->count++] = w->now;
	if (w->before)
		w->before(w->now);
	mprotect(w->page, w->size, PROT_READ | PROT_WRITE);
	regs[REG_EFL] |= STEP_EFL_TRAP;
}

static void
step_trap(int sig, siginfo_t *info, void *context)
{
	struct step_watch *w = &step_watch;

	(void)sig;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~STEP_EFL_TRAP;
	if (w->after)
		w->after(w->now);
	if (!w->ends)
		mprotect(w->page, w->size, PROT_NONE);
}

/* Watch whole pages from the one on that `base` is on; offsets count from
 * base. */
static RIG_UNUSED void
step_begin_pages(void *base, size_t size, void (*before)(struct step),
		 void (*after)(struct step))
{
	struct sigaction act = { .sa_flags = SA_SIGINFO };

	memset(&step_watch, 0, sizeof(step_watch));
	step_watch.base = (uintptr_t)base;
	step_watch.page = (uint8_t *)base - (uintptr_t)base % STEP_PAGE;
	step_watch.size = size;
	step_watch.before = before;
	step_watch.after = after;
	act.sa_sigaction = step_fault;
	sigaction(SIGSEGV, &act, NULL);
	act.sa_sigaction = step_trap;
	sigaction(SIGTRAP, &act, NULL);
	ck_assert_int_eq(mprotect(step_watch.page, size, PROT_NONE), 0);
}

/* Watch the page that `base` is on. */
static RIG_UNUSED void
step_begin(void *base, void (*before)(struct step), void (*after)(struct step))
{
	step_begin_pages(base, STEP_PAGE, before, after);
}

/* Watch no more. Where a hook has set `ends` the page may be gone by now. */
static RIG_UNUSED void
step_end(void)
{
	if (!step_watch.ends)
		mprotect(step_watch.page, step_watch.size,
			 PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	ck_assert_uint_lt(step_watch.count, STEP_MAX);
}

/* The place of the last store to an offset, or -1. */
static RIG_UNUSED int
step_last_store(size_t off)
{
	int at = -1;

	for (uint32_t i = 0; i < step_watch.count; i++)
		if (step_watch.seen[i].store && step_watch.seen[i].off == off)
			at = (int)i;
	return at;
}

#endif
#endif
