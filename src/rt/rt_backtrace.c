/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both machines lay a frame's two words out alike: the caller's frame pointer,
 * then the return address. The first function on a task's stack has a 0 for
 * the former (rt_switch_make).
 */
#include <string.h>

#include "rt/rt_backtrace.h"

#define WORD sizeof(uintptr_t)
#define LOWEST 4096u		/* no code lies below */

struct frame {
	uintptr_t caller;
	uintptr_t back;
};

/* Sanitizers watch the words around these; it is other code's stack. */
static __attribute__((no_sanitize("address", "thread"))) int
read_frame(const struct rt_view *v, uintptr_t fp, struct frame *to)
{
	const uintptr_t *words;

	if (fp % WORD != 0 || fp < v->base || fp > v->top ||
	    v->top - fp < 2 * WORD)
		return 0;
	words = (const void *)(v->bytes + (fp - v->base));
	to->caller = words[0];
	to->back = words[1];
	return 1;
}

uint32_t
rt_backtrace(const struct rt_view *view, uintptr_t pc, uintptr_t fp,
	     uintptr_t *frames, uint32_t most)
{
	struct frame f;
	uint32_t n = 0;

	if (most == 0)
		return 0;
	frames[n++] = pc;
#if defined(VINE_FRAME_POINTERS)
	while (n < most && read_frame(view, fp, &f)) {
		/* the frame of the first one is that of rt_switch_start */
		if (f.caller == 0 || f.back < LOWEST)
			break;
		frames[n++] = f.back;
		if (f.caller <= fp)
			break;
		fp = f.caller;
	}
#else
	(void)view;
	(void)fp;
	(void)f;
	(void)read_frame;
#endif
	return n;
}
