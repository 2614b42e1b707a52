/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `state` says whose the one snapshot is: who asks makes it ASKED, the handler
 * TAKING and then TAKEN, and who asks takes it back, from ASKED too, where that
 * lasts too long. So a handler that comes late finds nothing asked.
 *
 * The handler may interrupt its thread at any instruction: it calls nothing
 * and takes no lock. The stack that it reads is that of the interrupted task,
 * from the stack pointer on, and within its bounds.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "rt/rt_inside.h"
#include "rt/rt_snapshot.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)
#define UNWATCHED __attribute__((no_sanitize("address", "thread")))

enum { IDLE, ASKED, TAKING, TAKEN };

static struct rt_snapshot snapshot;
static uint64_t bytes[VINE_RT_SNAPSHOT / sizeof(uint64_t)];
static _Atomic int state;
static struct rt_sched *_Atomic target;
static _Atomic uintptr_t own_low, own_high;

static UNWATCHED void
copy_registers(struct rt_registers *to, const ucontext_t *uc)
{
#if defined(__x86_64__)
	static const int order[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX,
		REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10,
		REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };
	const greg_t *g = uc->uc_mcontext.gregs;

	to->count = sizeof(order) / sizeof(order[0]);
	for (uint32_t i = 0; i < to->count; i++)
		to->values[i] = (uint64_t)g[order[i]];
	to->pc = (uintptr_t)g[REG_RIP];
	to->fp = (uintptr_t)g[REG_RBP];
	to->sp = (uintptr_t)g[REG_RSP];
#elif defined(__aarch64__)
	to->count = 32;
	for (uint32_t i = 0; i < 31; i++)
		to->values[i] = uc->uc_mcontext.regs[i];
	to->values[31] = uc->uc_mcontext.sp;
	to->pc = uc->uc_mcontext.pc;
	to->fp = uc->uc_mcontext.regs[29];
	to->sp = uc->uc_mcontext.sp;
#endif
}

/* What of [low, high) is in use, its innermost part. */
static UNWATCHED void
copy_stack(uintptr_t sp, uintptr_t low, uintptr_t high)
{
	const uint64_t *from;
	volatile uint64_t *to = bytes;
	uintptr_t n;

	snapshot.view.base = snapshot.view.top = sp & ~(uintptr_t)7;
	snapshot.view.bytes = (const char *)bytes;
	if (sp < low || sp >= high)
		return;
	from = (const uint64_t *)snapshot.view.base;
	n = (high - snapshot.view.base) / sizeof(*from);
	if (n > sizeof(bytes) / sizeof(bytes[0]))
		n = sizeof(bytes) / sizeof(bytes[0]);
	for (uintptr_t i = 0; i < n; i++)
		to[i] = from[i];
	snapshot.view.top += n * sizeof(*from);
}

static UNWATCHED void
copy_task(const struct rt_sched *s, const struct rt_task *t)
{
	snapshot.running = atomic_load_explicit(&s->running,
						memory_order_relaxed);
	for (uint32_t i = 0; i < VINE_RT_NAME; i++)
		((volatile char *)snapshot.task)[i] = t ? t->name[i] : '\0';
}

static UNWATCHED void
on_ask(int sig, siginfo_t *info, void *context)
{
	struct rt_sched *s = rt_self;
	const struct rt_task *t;
	int asked = ASKED;

	(void)sig;
	(void)info;
	if (s == NULL ||
	    atomic_load_explicit(&target, memory_order_relaxed) != s ||
	    !atomic_compare_exchange_strong(&state, &asked, TAKING))
		return;
	t = s->current;
	copy_registers(&snapshot.registers, context);
	copy_task(s, t);
	if (t)
		copy_stack(snapshot.registers.sp, (uintptr_t)t->stack->base,
			   (uintptr_t)t);
	else
		copy_stack(snapshot.registers.sp,
			   atomic_load_explicit(&own_low, memory_order_relaxed),
			   atomic_load_explicit(&own_high,
						memory_order_relaxed));
	/* SNAP-R1: publishes the copy; pairs with SNAP-A1 in await(). */
	atomic_store_explicit(&state, TAKEN, memory_order_release);
}

int
rt_snapshot_start(void)
{
	struct sigaction act = { .sa_sigaction = on_ask,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	sigfillset(&act.sa_mask);
	sigdelset(&act.sa_mask, SIGSEGV);
	sigdelset(&act.sa_mask, SIGBUS);
	return sigaction(SIGURG, &act, NULL) == 0 ? 0 : -errno;
}

static int
await(void)
{
	uint64_t end = utils_clock_ns() + VINE_RT_SNAPSHOT_MS * MS;
	struct timespec nap = { 0, 200000 };

	for (;;) {
		int asked = ASKED;

		/* SNAP-A1: pairs with SNAP-R1 in on_ask(). */
		if (atomic_load_explicit(&state, memory_order_acquire) == TAKEN)
			return 0;
		/* one that has begun comes to its end */
		if (utils_clock_ns() >= end &&
		    atomic_compare_exchange_strong(&state, &asked, IDLE))
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
}

int
rt_snapshot_take(struct rt_sched *sched, pthread_t thread, uintptr_t low,
		 uintptr_t high, struct rt_snapshot **out)
{
	int rc;

	atomic_store_explicit(&target, sched, memory_order_relaxed);
	atomic_store_explicit(&own_low, low, memory_order_relaxed);
	atomic_store_explicit(&own_high, high, memory_order_relaxed);
	atomic_store(&state, ASKED);
	rc = -pthread_kill(thread, SIGURG);
	if (rc == 0)
		rc = await();
	if (rc == 0)
		*out = &snapshot;
	if (rc != -ETIMEDOUT)
		atomic_store(&state, IDLE);
	return rc;
}
