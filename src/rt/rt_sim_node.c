/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn is a few switches of the node's scheduler, whose ready tasks are put
 * in another order at each (order()), and takes some ns. A node's tasks run on
 * the thread's own signal stack and count it as theirs.
 *
 * A node that crashed is FALLING until its tasks have ended. Then its scheduler
 * is freed and it is OFF, or switched on again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_node.h"
#include "rt/rt_sim_socket.h"

#define TURN 8u			/* switches of a turn, at most */
#define TURN_NS 2000u		/* what it takes, at most */
#define LOOK 8u			/* switches to a look at the wait, on average */

struct rt_sim_node *
rt_sim_node_self(void)
{
	struct rt_host *host = rt_host_self();

	return host->ops == &rt_sim_host_ops ?
		(struct rt_sim_node *)(void *)host : NULL;
}

/* Some ready task is next. Returns now and then that the wait is to be seen. */
static int
order(struct rt_sched *s)
{
	struct rt_sim_node *node = (struct rt_sim_node *)(void *)
		rt_wait_host(s->wait);
	struct rt_sim *sim = node->sim;
	const uint32_t n = s->tail - s->head;
	struct rt_turn *first, *other, turn;
	uint64_t which;

	if (n == 0)
		return 1;
	which = rt_sim_below(sim, n);
	first = &s->ready[s->head & s->mask];
	other = &s->ready[(s->head + (uint32_t)which) & s->mask];
	turn = *first;
	*first = *other;
	*other = turn;
	rt_sim_trace_fold(&sim->trace, (uint64_t)node->number << 32 | which);
	rt_sim_trace_fold(&sim->trace, n);
	return rt_sim_below(sim, LOOK) == 0;
}

/* A node's first task. */
static int
first_task(void *arg)
{
	struct rt_sim_node *node = arg;
	int result = node->fn(node->arg);

	node->result = result;
	return result;
}

static void
take_down(struct rt_sim_node *node)
{
	if (node->sched)
		rt_sched_free(node->sched);
	node->sched = NULL;
	if (node->wait)
		rt_wait_free(node->wait);
	node->wait = NULL;
	node->power = RT_SIM_OFF;
}

static int
switch_on(struct rt_sim_node *node)
{
	struct rt_sched_opts opts = { .seed = rt_sim_random(node->sim) | 1 };
	struct rt_task_opts named = { .name = node->name };
	int rc;

	node->due = 0;
	node->result = -EBUSY;
	rc = rt_wait_new_at(&rt_engine_sim, node, &node->host, &node->sim->now,
			    &node->wait);
	opts.wait = node->wait;
	if (rc == 0)
		rc = rt_sched_new(&opts, &node->sched);
	if (rc == 0)
		rc = rt_task_create(node->sched, first_task, node, &named,
				    NULL);
	if (rc) {
		take_down(node);
		return rc;
	}
	node->sched->order = order;
	node->power = RT_SIM_UP;
	rt_sim_note(node, "on", 0, 0);
	return 0;
}

static void
cancel(struct rt_task *task, void *user)
{
	(void)user;
	if (rt_task_state(task) < RT_TASK_ENDED)
		rt_task_cancel(task);
}

void
rt_sim_crash(struct rt_sim_node *node)
{
	node->due = 0;
	if (node->power != RT_SIM_UP)
		return;
	rt_sim_note(node, "crash", 0, 0);
	node->power = RT_SIM_FALLING;
	node->sched->ending = 1;
	rt_sim_engine_crash(node);
	rt_sim_socket_crash(node);
	rt_sim_disk_crash(node);
	rt_sched_each(node->sched, cancel, NULL);
}

void
rt_sim_restart(struct rt_sim_node *node, rt_task_fn fn, void *arg)
{
	rt_sim_crash(node);
	node->fn = fn;
	node->arg = arg;
	node->due = 1;
}

int
rt_sim_node(struct rt_sim *sim, const char *name, rt_task_fn fn, void *arg,
	    struct rt_sim_node **out)
{
	struct rt_sim_node *node;
	int rc;

	if (sim->count == VINE_RT_SIM_NODES)
		return -ENOSPC;
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->host.ops = &rt_sim_host_ops;
	node->sim = sim;
	node->number = sim->count + 1;
	node->fn = fn;
	node->arg = arg;
	node->faults = sim->opts.faults;
	memcpy(node->name, name, strnlen(name, sizeof(node->name) - 1));
	snprintf(node->address, sizeof(node->address), "10.0.0.%u",
		 node->number & 0xffu);
	utils_list_init(&node->ops);
	utils_list_init(&node->sockets);
	rt_sim_disk_init(&node->disk);
	rc = switch_on(node);
	if (rc) {
		free(node);
		return rc;
	}
	sim->nodes[sim->count++] = node;
	*out = node;
	return 0;
}

/* --- as the world sees it ------------------------------------------------- */

static void
take_turn(struct rt_sim_node *node)
{
	struct rt_sim *sim = node->sim;
	struct rt_sched *s = node->sched;

	s->fiber = sim->base->fiber;
	s->alt = sim->base->alt;
	s->entered = 1;
	rt_self = s;
	rt_sched_step(s, 1 + (uint32_t)rt_sim_below(sim, TURN));
	rt_sched_sleep(s, NULL, 0, 0);
	rt_self = NULL;
	s->alt = NULL;
	s->entered = 0;
	sim->now += rt_sim_below(sim, TURN_NS);
}

int
rt_sim_node_go_on(struct rt_sim_node *node)
{
	if (node->power == RT_SIM_OFF)
		return switch_on(node);
	take_turn(node);
	return 0;
}

void
rt_sim_node_look_down(struct rt_sim_node *node)
{
	if (node->sched->tasks == 0 && rt_wait_next(node->wait) != 0)
		take_down(node);
}

void
rt_sim_node_free(struct rt_sim_node *node)
{
	take_down(node);
	rt_sim_disk_fini(&node->disk);
	free(node);
}

/* --- what it is ----------------------------------------------------------- */

struct rt_sim *
rt_sim_world(const struct rt_sim_node *node)
{
	return node->sim;
}

struct rt_sched *
rt_sim_sched(const struct rt_sim_node *node)
{
	return node->power == RT_SIM_UP ? node->sched : NULL;
}

const char *
rt_sim_address(const struct rt_sim_node *node)
{
	return node->address;
}

int
rt_sim_result(const struct rt_sim_node *node)
{
	return node->result;
}

void
rt_sim_set_faults(struct rt_sim_node *node, const struct rt_sim_faults *faults)
{
	static const struct rt_sim_faults none;

	node->faults = faults ? *faults : none;
}

const struct rt_sim_stats *
rt_sim_node_stats(const struct rt_sim_node *node)
{
	return &node->stats;
}

int
rt_sim_is_up(const struct rt_sim_node *node)
{
	return node->power == RT_SIM_UP;
}
