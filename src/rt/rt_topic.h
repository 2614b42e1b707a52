/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topic: what one thread says to all schedulers that want to hear it.
 *
 * News are copied once and delivered by mail, so each subscriber hears them on
 * its own thread, not in a task, in the order in which they were published. A
 * subscriber that has left hears nothing more, of news that were under way
 * neither.
 */
#ifndef RT_TOPIC_H
#define RT_TOPIC_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "utils/utils_list.h"

struct rt_sched;

struct rt_topic {
	pthread_mutex_t lock;
	struct utils_list subscribers;	/* under the lock */
	uint32_t count;			/* of them */
};

/* Zero it, set the first two. It belongs to its scheduler's thread. */
struct rt_subscriber {
	void (*hear)(struct rt_subscriber *sub, const void *news, size_t size);
	void *user;			/* kept for you */
	struct rt_topic *topic;		/* NULL: has left */
	struct rt_sched *sched;
	uint64_t number;		/* of the process, never used again */
	struct utils_link link;		/* in the topic's */
	struct rt_subscriber *next;	/* of the scheduler's */
};

/* rt_topic_init makes a topic without subscribers; fini ends one such. */
void rt_topic_init(struct rt_topic *topic);
void rt_topic_fini(struct rt_topic *topic);

/*
 * rt_topic_join has a subscriber of this scheduler hear what is published from
 * now on. The caller keeps it in place until it has left. The scheduler's
 * thread, or any before the first rt_sched_enter.
 */
void rt_topic_join(struct rt_topic *topic, struct rt_sched *sched,
		   struct rt_subscriber *sub);

/*
 * rt_topic_leave ends that; nothing happens where it was ended. The scheduler's
 * thread; also from `hear`.
 */
void rt_topic_leave(struct rt_subscriber *sub);

/* rt_topic_leave_all: all subscribers of a scheduler; for rt_sched_free. */
void rt_topic_leave_all(struct rt_sched *sched);

/*
 * rt_topic_publish sends `size` bytes to all subscribers. Any thread; waits for
 * others that publish, join or leave. Returns how many will hear it, or -ENOMEM:
 * then nobody does.
 */
int rt_topic_publish(struct rt_topic *topic, const void *news, size_t size);

#endif
