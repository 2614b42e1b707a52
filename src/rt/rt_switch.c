/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new stack looks as if it had been left at the beginning of rt_switch_start,
 * with the function and its argument in two of the kept registers.
 */
#include <string.h>

#include "rt/rt_switch.h"

#if defined(__x86_64__)
/* r15 r14 r13 r12 rbx rbp, and where to go on */
#define WORDS 7
#define FN 3
#define ARG 2
#define GO 6
#elif defined(__aarch64__)
/* x19 to x30, d8 to d15 */
#define WORDS 20
#define FN 0
#define ARG 1
#define GO 11
#else
#error "there is no rt_switch for this machine"
#endif

void *
rt_switch_make(void *top, void (*fn)(void *arg), void *arg)
{
	uint64_t *words = (uint64_t *)top - WORDS;

	memset(words, 0, WORDS * sizeof(*words));
	words[FN] = (uintptr_t)fn;
	words[ARG] = (uintptr_t)arg;
	words[GO] = (uintptr_t)rt_switch_start;
	return words;
}
