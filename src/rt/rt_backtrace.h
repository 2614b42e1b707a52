/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backtrace: who called whom, read off a stack.
 *
 * Code of the appliance keeps frame pointers (the option FRAME_POINTERS), so
 * each function's frame has the address of its caller's frame and where the
 * caller goes on. Nothing is kept for it while a program runs.
 *
 * What lies on the stack may be anything: only its own bytes are read, and the
 * walk rises with every step, so it ends.
 */
#ifndef RT_BACKTRACE_H
#define RT_BACKTRACE_H

#include <stdint.h>

/* A stack, or a copy of a part of one. */
struct rt_view {
	uintptr_t base;		/* where its first byte lay */
	uintptr_t top;		/* and the one behind its last */
	const char *bytes;	/* where they are now */
};

/*
 * rt_backtrace writes where the code is, pc, then where its callers go on,
 * innermost first, at most `most`; returns how many. fp is the frame pointer
 * there. It ends at the first function of a stack, at a frame that is none, or
 * at once where code is built without frame pointers. Never blocks; a signal
 * handler may call it.
 */
uint32_t rt_backtrace(const struct rt_view *view, uintptr_t pc, uintptr_t fp,
		      uintptr_t *frames, uint32_t most);

#endif
