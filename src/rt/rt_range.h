/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Range lock: tasks lock ranges of numbers, say of a file's bytes. Two that
 * overlap do not have them at a time, but both only read.
 *
 * First come, first served among those that overlap: a range waits for all that
 * were asked for before it and overlap it, those that wait themselves included.
 * Of one scheduler's thread; errors as of rt_qlock.h. To lock and to unlock
 * takes O(log n), and a step for each range that overlaps.
 */
#ifndef RT_RANGE_H
#define RT_RANGE_H

#include <stdint.h>

#include "rt/rt_waiter.h"

/* A range that is locked, or is waited for; the caller keeps it in place. */
struct rt_range {
	uint64_t first;
	uint64_t last;		/* included */
	int shared;

	/* the lock's: a node of its tree */
	struct rt_range *child[2];
	struct rt_range *up;
	uint64_t most;		/* the greatest `last` here and below */
	uint64_t weight;	/* no child has a greater one */
	uint64_t number;	/* in the order of asking */
	uint32_t before;	/* ranges that it waits for */
	struct rt_block *waiting;	/* NULL: has it */
	struct rt_range *closed;	/* the next that a close ends */
};

struct rt_ranges {
	const char *name;	/* for dumps, of who wants one; or NULL */
	struct rt_range *root;
	uint64_t number;
	int closed;
};

/* rt_ranges_init makes a lock of which nothing is locked. */
void rt_ranges_init(struct rt_ranges *ranges);

/*
 * rt_range_lock locks `size` numbers from `first` on, alone or (`shared`)
 * beside others that share. With a deadline that has passed, only if that needs
 * no wait. Returns 0: the range is the lock's until rt_range_unlock; or -EINVAL
 * where size is 0 or the range ends beyond 2^64; or an error as above.
 */
int rt_range_lock(struct rt_ranges *ranges, struct rt_range *range,
		  uint64_t first, uint64_t size, int shared, uint64_t deadline);

/* rt_range_unlock unlocks a range that rt_range_lock has locked. */
void rt_range_unlock(struct rt_ranges *ranges, struct rt_range *range);

/* rt_ranges_close ends all waits, these and later ones, with -EPIPE. */
void rt_ranges_close(struct rt_ranges *ranges);

#endif
