/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Node: a machine of a simulation, as the world sees it that has it go on. What
 * a test does with one stands in rt_sim.h. For rt_sim.c.
 */
#ifndef RT_SIM_NODE_H
#define RT_SIM_NODE_H

#include "rt/rt_inside.h"
#include "rt/rt_sim_inside.h"

/* rt_sim_node_is_busy tells whether a node has anything to do now. */
static inline int
rt_sim_node_is_busy(const struct rt_sim_node *node)
{
	if (node->sched == NULL)
		return node->due;
	return (!rt_sched_idle(node->sched) || node->news ||
		rt_wait_next(node->wait) <= node->sim->now) &&
		!atomic_load(&node->sched->stop);
}

/* rt_sim_node_is_needed: are there tasks that a run is to wait for? */
static inline int
rt_sim_node_is_needed(const struct rt_sim_node *node)
{
	const struct rt_sched *s = node->sched;

	if (s == NULL || node->due)
		return node->due;
	if (node->power == RT_SIM_FALLING)
		return s->tasks != 0;
	return s->tasks > s->systems && !atomic_load(&s->stop);
}

/*
 * rt_sim_node_go_on takes a turn of a node that is busy, or switches it on.
 * Returns 0, or -errno where it could not be switched on.
 */
int rt_sim_node_go_on(struct rt_sim_node *node);

/*
 * rt_sim_node_look_down has a node be off that is RT_SIM_FALLING, if it has no
 * tasks any more.
 */
void rt_sim_node_look_down(struct rt_sim_node *node);

/* rt_sim_node_free gives a node up that has no tasks. */
void rt_sim_node_free(struct rt_sim_node *node);

#endif
