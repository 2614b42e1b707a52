/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overflow: a task that ran into the guard below its stack.
 *
 * The kernel answers that with SIGSEGV, on a stack that the thread has for it.
 * The handler does not switch: it changes where the thread goes on when the
 * handler returns, to die() on that same stack, which nobody uses by then. So
 * the mask of signals and what a sanitizer knows of handlers are put right as
 * after any other signal. die() leaves the task as one that has ended does, and
 * the scheduler does the rest.
 *
 * A SIGSEGV of any other address goes to whoever had it before, which is the
 * end of the process where nobody had.
 *
 * The task ends in the middle of whatever it called. If that was a function of
 * the C library with a lock of its own, malloc or printf, the lock stays taken.
 * It is not in the middle of a wait: those it does not begin with so little of
 * its stack (rt_task_stand).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "rt/rt_inside.h"

#define ALT_SIZE 65536u

static struct sigaction before;
static int started;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these two */

static void
die(void *arg)
{
	struct rt_sched *s = arg;

	rt_task_overflow(s->current);
}

/* Where the interrupted thread goes on. */
static void
go_on(ucontext_t *uc, struct rt_sched *s)
{
	/* a function is entered with 16 bytes and the return address below */
	uintptr_t top = ((uintptr_t)s->alt + ALT_SIZE) & ~(uintptr_t)63;

#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)die;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8);
	uc->uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)s;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x400;	/* forward */
#elif defined(__aarch64__)
	uc->uc_mcontext.pc = (uintptr_t)die;
	uc->uc_mcontext.sp = top;
	uc->uc_mcontext.regs[0] = (uintptr_t)s;
#endif
}

static void
pass_on(int sig, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(sig, info, context);
	} else if (before.sa_handler != SIG_DFL &&
		   before.sa_handler != SIG_IGN) {
		before.sa_handler(sig);
	} else {
		signal(sig, SIG_DFL);
		if (info->si_code <= 0)		/* was sent */
			raise(sig);
	}
}

static void
on_sigsegv(int sig, siginfo_t *info, void *context)
{
	struct rt_sched *s = rt_self;
	struct rt_task *t = s ? s->current : NULL;
	int keep = errno;

	if (info->si_code > 0 && t &&
	    rt_stack_overrun(t->stack, (uintptr_t)info->si_addr))
		go_on(context, s);
	else
		pass_on(sig, info, context);
	errno = keep;
}

int
rt_overflow_start(void)
{
	struct sigaction act = { .sa_sigaction = on_sigsegv,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };
	int rc = 0;

	sigemptyset(&act.sa_mask);
	pthread_mutex_lock(&lock);
	if (!started && sigaction(SIGSEGV, &act, &before) != 0)
		rc = -errno;
	started = rc == 0;
	pthread_mutex_unlock(&lock);
	return rc;
}

int
rt_overflow_enter(struct rt_sched *s)
{
	stack_t alt = { .ss_size = ALT_SIZE };

	s->alt = malloc(ALT_SIZE);
	if (s->alt == NULL)
		return -ENOMEM;
	alt.ss_sp = s->alt;
	if (sigaltstack(&alt, &s->alt_before) != 0) {
		free(s->alt);
		return -errno;
	}
	return 0;
}

void
rt_overflow_leave(struct rt_sched *s)
{
	if (s->alt_before.ss_sp == NULL)
		s->alt_before.ss_flags = SS_DISABLE;
	sigaltstack(&s->alt_before, NULL);
	free(s->alt);
	s->alt = NULL;
}
