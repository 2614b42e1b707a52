/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switch: leaves one stack and goes on where another one was left.
 *
 * What is kept of a stack that was left is its stack pointer; the registers
 * that a function must keep lie on the stack itself. The floating point
 * unit's modes (rounding, flushing) are the thread's: a task that changes them
 * changes them back before it waits. So is the mask of signals.
 *
 * The code is in rt_switch_<machine>.S. A switch goes on by a jump and not by a
 * return: the processor would expect a return to lead to its own caller, and
 * lose 10 ns. With shadow stacks (x86 CET) such a return is refused, so these
 * files are not marked for them; then the linker leaves the mark out of the
 * whole program, and the kernel runs it without.
 */
#ifndef RT_SWITCH_H
#define RT_SWITCH_H

#include <stdint.h>

/*
 * rt_switch keeps the current stack in *from and goes on with `to`. It returns
 * when another switch goes on with what was kept.
 */
void rt_switch(void **from, void *to);

/*
 * rt_switch_make makes, of an empty stack that ends at `top`, one that was
 * left: who goes on with it calls fn(arg), on it. fn never returns. A backtrace
 * ends there. `top` is aligned to 16.
 */
void *rt_switch_make(void *top, void (*fn)(void *arg), void *arg);

/* The first code on a stack; for rt_switch_make. */
void rt_switch_start(void);

#endif
