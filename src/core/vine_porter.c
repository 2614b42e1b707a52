/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anybody can knock, and each look at the door costs one at every slot. So
 * looks in vain are made less and less often, and all of them together have a
 * bounded part of the thread's time. Lane 0's thread alone.
 */
#include <time.h>

#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_porter.h"
#include "core/vine_reaper.h"
#include "utils/utils_clock.h"

/* How long until the door may be looked at again. */
uint64_t
vine_porter_left(const struct vine_lane *lane, uint64_t now)
{
	uint64_t since = now - lane->last_door;
	uint64_t wait = lane->door_wait > lane->door_rest ? lane->door_wait :
		lane->door_rest;

	return since < wait ? wait - since : 0;
}

/* Not the time that we were off the cpu: nobody has that from us. */
static uint64_t
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * Somebody knocked, or it is time to look for the dead. Anybody can knock, and
 * it costs a look at every slot: each time that it was in vain the next look is
 * put off for twice as long. And whatever comes of it, the door has no more
 * than one part in VINE_DOOR_SHARE + 1 of the thread's time.
 */
uint32_t
vine_porter_answer(struct vine_lane *lane)
{
	const uint64_t least = VINE_DOOR_MIN_US * UINT64_C(1000);
	uint64_t now = utils_clock_ns(), from;

	if (vine_porter_left(lane, now))
		return 0;
	from = thread_ns();
	lane->knocked = 0;
	if (vine_door_answer(lane->pipe) || lane->door_wait < least ||
	    now - lane->last_door > VINE_REAP_MS * UINT64_C(1000000))
		lane->door_wait = least;
	else if (lane->door_wait < VINE_DOOR_MAX_US * UINT64_C(1000))
		lane->door_wait *= 2;
	if (lane->pipe->reaping)
		lane->pipe->reaping = vine_reaper_go(lane->pipe);
	lane->knocked |= lane->pipe->reaping;
	lane->last_door = utils_clock_ns();
	lane->door_rest = (thread_ns() - from) * VINE_DOOR_SHARE;
	if (lane->door_rest > VINE_REAP_MS * UINT64_C(1000000))
		lane->door_rest = VINE_REAP_MS * UINT64_C(1000000);
	return 1;
}
