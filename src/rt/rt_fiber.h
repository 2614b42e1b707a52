/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fiber: a stack that can be left, and what a sanitizer must be told about it.
 *
 * AddressSanitizer has to know where the current stack lies, ThreadSanitizer
 * which of its own stacks of calls goes with it. Without a sanitizer nothing is
 * told.
 */
#ifndef RT_FIBER_H
#define RT_FIBER_H

#include <stddef.h>

#include "rt/rt_switch.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define RT_FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define RT_FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define RT_FIBER_TSAN 1
#endif

#if defined(RT_FIBER_ASAN)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(RT_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

struct rt_fiber {
	struct rt_context context;	/* while it is left */
#if defined(RT_FIBER_ASAN)
	const void *base;	/* of its stack */
	size_t size;
	void *fake;		/* the sanitizer's, while it is left */
#elif defined(RT_FIBER_TSAN)
	void *tsan;
#endif
};

/* rt_fiber_init: a fiber of a stack that was made. */
static inline void
rt_fiber_init(struct rt_fiber *fiber, char *base, char *top)
{
#if defined(RT_FIBER_ASAN)
	fiber->base = base;
	fiber->size = (size_t)(top - base);
	fiber->fake = NULL;
#elif defined(RT_FIBER_TSAN)
	fiber->tsan = __tsan_create_fiber(0);
#else
	(void)fiber;
#endif
	(void)base;
	(void)top;
}

/* rt_fiber_fini: it will not run again. Not on that fiber. */
static inline void
rt_fiber_fini(struct rt_fiber *fiber)
{
#if defined(RT_FIBER_TSAN)
	__tsan_destroy_fiber(fiber->tsan);
#endif
	(void)fiber;
}

/* rt_fiber_enter: the fiber of the calling thread's own stack. */
static inline void
rt_fiber_enter(struct rt_fiber *fiber)
{
#if defined(RT_FIBER_ASAN)
	pthread_attr_t attr;
	void *base = NULL;

	fiber->size = 0;
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &base, &fiber->size);
		pthread_attr_destroy(&attr);
	}
	fiber->base = base;
#elif defined(RT_FIBER_TSAN)
	fiber->tsan = __tsan_get_current_fiber();
#else
	(void)fiber;
#endif
}

/* rt_fiber_first: the first thing on a new stack. */
static inline void
rt_fiber_first(void)
{
#if defined(RT_FIBER_ASAN)
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

/* rt_fiber_switch is rt_switch from one to another. */
static inline __attribute__((always_inline)) void
rt_fiber_switch(struct rt_fiber *from, struct rt_fiber *to)
{
#if defined(RT_FIBER_ASAN)
	__sanitizer_start_switch_fiber(&from->fake, to->base, to->size);
	rt_switch(&from->context, &to->context);
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#elif defined(RT_FIBER_TSAN)
	__tsan_switch_to_fiber(to->tsan, 0);
	rt_switch(&from->context, &to->context);
#else
	rt_switch(&from->context, &to->context);
#endif
}

/* rt_fiber_end is the same, but what is left is not gone on with. */
static inline void
rt_fiber_end(struct rt_fiber *from, struct rt_fiber *to)
{
#if defined(RT_FIBER_ASAN)
	__sanitizer_start_switch_fiber(NULL, to->base, to->size);
#elif defined(RT_FIBER_TSAN)
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
	rt_switch(&from->context, &to->context);
}

/* rt_fiber_unpoison forgets what the calls on a stack left there. */
static inline void
rt_fiber_unpoison(char *base, char *top)
{
#if defined(RT_FIBER_ASAN)
	__asan_unpoison_memory_region(base, (size_t)(top - base));
#endif
	(void)base;
	(void)top;
}

#endif
