/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine: how a wait learns of descriptors. For rt_wait.c and the engines.
 */
#ifndef RT_ENGINE_H
#define RT_ENGINE_H

#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "rt/rt_wait.h"

struct rt_engine_ops {
	const char *name;

	/* probe tells whether the kernel can: 0 or -ENOSYS. Any thread. */
	int (*probe)(void);

	/* open makes the engine's state; the wait's thread from here on. */
	int (*open)(void **state);
	void (*close)(void *state);

	/* arm reports `tag` once when one of the events is there. */
	int (*arm)(void *state, int fd, uint32_t events, uint64_t tag);

	/* disarm: the descriptor is held no longer. The tag may still come. */
	void (*disarm)(void *state, int fd, uint64_t tag);

	/*
	 * sleep waits for bells and descriptors, at most limit_ns (0: looks),
	 * and calls rt_wait_fired for each tag. Returns 0, or a negative errno
	 * other than -EINTR if it could not sleep.
	 */
	int (*sleep)(void *state, struct rt_wait *wait,
		     const struct arch_bell_seen *bells, uint32_t count,
		     uint64_t limit_ns);
};

extern const struct rt_engine_ops rt_engine_uring;
extern const struct rt_engine_ops rt_engine_epoll;

/*
 * rt_wait_fired makes the call of a tag. A tag that is not armed any more is
 * left alone.
 */
void rt_wait_fired(struct rt_wait *wait, uint64_t tag, uint32_t events);

/* What a tag never is: engines have tags of their own from here on. */
#define RT_ENGINE_TAG (UINT64_C(1) << 63)

#endif
