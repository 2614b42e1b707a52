/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visit: a lane at one of its queues: it takes the tasks that it may, and runs
 * them.
 */
#ifndef VINE_VISIT_H
#define VINE_VISIT_H

#include <stdint.h>

struct vine_lane;
struct vine_pq;

/*
 * vine_visit_queue takes up to lane->room tasks, until lane->turn_end where
 * that is not 0; lane->answered has been set. Returns how many were run, or 1
 * for a part of a control task. The lane's thread.
 */
uint32_t vine_visit_queue(struct vine_lane *lane, struct vine_pq *pq);

/* vine_visit_level returns the level of a queue's next task, or -1 where there
 * is none. The lane's thread. */
int vine_visit_level(const struct vine_lane *lane, const struct vine_pq *pq);

/* vine_visit_publish lets the application have the slots that were taken. The
 * lane's thread. */
void vine_visit_publish(struct vine_pq *pq);

#endif
