/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holders: which task of a dump has what another one waits for, and who waits
 * for each other in a circle.
 *
 * Known are those who have a QLock, or an RWLock to write, and those that are
 * joined. Who reads, or has taken from a semaphore, nobody writes down.
 */
#ifndef RT_HOLDERS_H
#define RT_HOLDERS_H

#include "rt/rt_dump.h"

struct rt_holders;

/*
 * rt_holders_new looks through a dump that is done, which the caller keeps until
 * rt_holders_free. Any thread. Returns 0 or -ENOMEM.
 */
int rt_holders_new(const struct rt_dump *dump, struct rt_holders **holders);
void rt_holders_free(struct rt_holders *holders);

/*
 * rt_holders_text writes who has the lock that a task of the dump waits for: a
 * task's name, "3 readers", "a task that is gone", which ended with the lock;
 * "" where that is not known or it waits for no lock. Returns the buffer.
 */
char *rt_holders_text(const struct rt_holders *holders,
		      const struct rt_dump_task *task, char *text, size_t size);

/*
 * rt_holders_circle writes a line about the circle of at most VINE_RT_CIRCLE
 * tasks in which the dump's task i waits for itself: who of them waits for whom
 * at what. Of a circle the first of its tasks is asked for. All of these waits
 * had begun before the dump did; if one of them ended while it was taken down,
 * there may have been no circle. Returns 1; or 0, and writes nothing.
 */
int rt_holders_circle(const struct rt_holders *holders, uint32_t i, char *text,
		      size_t size);

#endif
