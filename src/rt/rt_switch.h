/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switch: leaves one stack and goes on where another one was left.
 *
 * What is kept of a stack that was left is three words. All other registers are
 * said to be lost, so the compiler keeps, on the stack, those that it needs.
 * The switch is part of the function that switches: with a call and a jump, or
 * a return, in its place, the processor's guess where the next return leads is
 * wrong after each switch, which costs more than the switch.
 *
 * The modes of the floating point unit (rounding, flushing) and the mask of
 * signals are the thread's: a task that changes them changes them back before
 * it waits. With shadow stacks (x86 CET) the returns of one task would be held
 * against the calls of another and be refused. So rt_switch_start is not marked
 * as fit for them; then the linker leaves the mark out of the whole program,
 * and the kernel runs it without.
 */
#ifndef RT_SWITCH_H
#define RT_SWITCH_H

#include <stdint.h>

/* A stack that was left. */
struct rt_context {
	void *sp;
	void *pc;	/* where to go on */
	void *fp;
};

/*
 * rt_switch keeps the current stack in *from and goes on with *to. It returns
 * when another switch goes on with *from.
 */
static inline __attribute__((always_inline)) void
rt_switch(struct rt_context *from, const struct rt_context *to)
{
#if defined(__x86_64__)
	__asm__ volatile(
		"leaq 1f(%%rip), %%rax\n\t"
		"movq %%rsp, (%%rdi)\n\t"
		"movq %%rax, 8(%%rdi)\n\t"
		"movq %%rbp, 16(%%rdi)\n\t"
		"movq (%%rsi), %%rsp\n\t"
		"movq 16(%%rsi), %%rbp\n\t"
		"jmpq *8(%%rsi)\n"
		"1:"
		: "+D"(from), "+S"(to)
		:
		: "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
		  "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
		  "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
#elif defined(__aarch64__)
	register struct rt_context *f __asm__("x0") = from;
	register const struct rt_context *t __asm__("x1") = to;

	__asm__ volatile(
		"adr x10, 1f\n\t"
		"mov x9, sp\n\t"
		"stp x9, x10, [x0]\n\t"
		"str x29, [x0, #16]\n\t"
		"ldp x9, x10, [x1]\n\t"
		"ldr x29, [x1, #16]\n\t"
		"mov sp, x9\n\t"
		"br x10\n"
		"1:"
		: "+r"(f), "+r"(t)
		:
		: "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
		  "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19",
		  "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
		  "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
		  "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
		  "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
		  "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",
		  "memory");
#else
#error "there is no rt_switch for this machine"
#endif
}

/* The first code on a stack. */
void rt_switch_start(void);

/*
 * rt_switch_make makes, of an empty stack that ends at `top`, one that was
 * left: who goes on with it calls fn(arg), on it. fn never returns. A backtrace
 * ends there. `top` is aligned to 16.
 */
static inline void
rt_switch_make(struct rt_context *context, void *top, void (*fn)(void *arg),
	       void *arg)
{
	uintptr_t *words = (uintptr_t *)top - 2;

	words[0] = (uintptr_t)arg;
	words[1] = (uintptr_t)fn;
	*context = (struct rt_context){ .sp = words,
		.pc = (void *)(uintptr_t)rt_switch_start };
}

#endif
