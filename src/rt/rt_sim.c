/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world goes on by steps: an event that is due, or a turn of a node, which
 * one by the seed; and when there is neither, the clock goes to the next time
 * at which there is.
 *
 * `base`, a scheduler without tasks, is entered once for all nodes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "rt/rt_inside.h"
#include "rt/rt_sim_datagram.h"
#include "rt/rt_sim_inside.h"
#include "rt/rt_sim_node.h"
#include "utils/utils_log.h"

#define END_STEPS 1000000u	/* until all tasks of a world are gone */

/* --- numbers -------------------------------------------------------------- */

/* Splitmix64, by S. Vigna, in the public domain. */
uint64_t
rt_sim_random(struct rt_sim *sim)
{
	uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int
rt_sim_fault(struct rt_sim_node *node, uint32_t rate, uint64_t *count)
{
	if (rate == 0 || rt_sim_below(node->sim, rate) != 0)
		return 0;
	(*count)++;
	return 1;
}

void
rt_sim_at(struct rt_sim *sim, struct rt_sim_event *event, uint64_t at)
{
	if (rt_sim_clock_set(&sim->clock, event, at, rt_sim_random(sim)) != 0)
		sim->broken = -ENOMEM;
}

void
rt_sim_note(struct rt_sim_node *node, const char *what, int64_t a, int64_t b)
{
	struct rt_task *self = rt_task_self();

	rt_sim_trace_add(&node->sim->trace, node->sim->now, node->number, what,
			 self ? rt_task_name(self) : NULL, a, b);
}

void
rt_sim_mark(struct rt_sim *sim, const char *text, int64_t a, int64_t b)
{
	rt_sim_trace_add(&sim->trace, sim->now, 0, text, NULL, a, b);
}

/* --- going on ------------------------------------------------------------- */

static void
look_down(struct rt_sim *sim)
{
	for (uint32_t i = 0; i < sim->count; i++)
		if (sim->nodes[i]->power == RT_SIM_FALLING)
			rt_sim_node_look_down(sim->nodes[i]);
}

/* When the next thing happens by itself. */
static uint64_t
next_time(const struct rt_sim *sim)
{
	uint64_t next = rt_sim_clock_next(&sim->clock);

	for (uint32_t i = 0; i < sim->count; i++) {
		uint64_t t = sim->nodes[i]->wait == NULL ? UINT64_MAX :
			rt_wait_next(sim->nodes[i]->wait);

		next = t < next ? t : next;
	}
	return next;
}

/* One of those that have something to do now, the clock too; or NULL, -1. */
static int
pick(struct rt_sim *sim, struct rt_sim_node **node)
{
	int found = -1;
	uint64_t n = 0;

	if (rt_sim_clock_next(&sim->clock) <= sim->now) {
		found = 0;
		n = 1;
	}
	*node = NULL;
	for (uint32_t i = 0; i < sim->count; i++) {
		if (!rt_sim_node_is_busy(sim->nodes[i]))
			continue;
		if (rt_sim_below(sim, ++n) == 0) {
			*node = sim->nodes[i];
			found = 0;
		}
	}
	return found;
}

static void
name_waiter(struct rt_task *task, void *user)
{
	const struct rt_block *block = rt_task_block_of(task);
	const struct rt_sim_node *node = user;

	if (rt_task_state(task) >= RT_TASK_ENDED)
		return;
	log_error("simulation with seed %" PRIu64 ": task %s of node %s is %s "
		  "%s", rt_sim_seed(node->sim), rt_task_name(task), node->name,
		  rt_task_state_name(rt_task_state(task)),
		  block ? block->what : "");
}

static void
name_waiters(struct rt_sim *sim)
{
	for (uint32_t i = 0; i < sim->count; i++)
		if (sim->nodes[i]->sched)
			rt_sched_each(sim->nodes[i]->sched, name_waiter,
				      sim->nodes[i]);
}

static int
is_over(const struct rt_sim *sim)
{
	for (uint32_t i = 0; i < sim->count; i++)
		if (rt_sim_node_is_needed(sim->nodes[i]))
			return 0;
	return 1;
}

/* One step. Returns 1: go on; else what the run returns. */
static int
step(struct rt_sim *sim, uint64_t until)
{
	struct rt_sim_node *node;
	uint64_t next;
	int rc = 0;

	look_down(sim);
	if (sim->broken)
		return sim->broken;
	if (is_over(sim))
		return 0;
	if (sim->now >= until)
		return -ETIME;
	if (pick(sim, &node) == 0) {
		sim->steps++;
		if (node)
			rc = rt_sim_node_go_on(node);
		else
			rt_sim_clock_fire(&sim->clock);
		return rc ? rc : 1;
	}
	next = next_time(sim);
	if (next == UINT64_MAX)
		return -EDEADLK;
	sim->now = next < until ? next : until;
	return 1;
}

static int
run(struct rt_sim *sim, uint64_t until, uint64_t steps)
{
	int rc = 1;

	if (rt_sched_self())
		return -EPERM;
	rc = rt_sched_enter(sim->base);
	if (rc)
		return rc;
	rt_self = NULL;		/* its stack of signals is what counts */
	do
		rc = sim->steps >= steps ? -ELOOP : step(sim, until);
	while (rc == 1);
	rt_self = sim->base;
	rt_sched_leave(sim->base);
	return rc;
}

int
rt_sim_run(struct rt_sim *sim, uint64_t until)
{
	int rc = run(sim, until, sim->opts.steps);

	if (rc == -EDEADLK || rc == -ELOOP)
		name_waiters(sim);
	return rc;
}

/* --- the world ------------------------------------------------------------ */

static uint64_t
or_default(uint64_t value, uint64_t other)
{
	return value ? value : other;
}

int
rt_sim_new(const struct rt_sim_opts *opts, struct rt_sim **out)
{
	const struct rt_sched_opts base = { .engine = RT_WAIT_EPOLL };
	struct rt_sim *sim = calloc(1, sizeof(*sim));
	struct rt_sim_opts *o;
	int rc;

	if (sim == NULL)
		return -ENOMEM;
	o = &sim->opts;
	if (opts)
		*o = *opts;
	o->steps = or_default(o->steps, VINE_RT_SIM_STEPS);
	o->sector = (uint32_t)or_default(o->sector, 512);
	o->disk_ns = or_default(o->disk_ns, 200000);
	o->sync_ns = or_default(o->sync_ns, 2000000);
	o->net_ns = or_default(o->net_ns, 500000);
	o->net_bytes = or_default(o->net_bytes, 1000000000);
	o->buffer = (uint32_t)or_default(o->buffer, 65536);
	sim->random = o->seed;
	sim->now = VINE_RT_SIM_START_NS;
	utils_list_init(&sim->datagrams);
	rc = o->sector == 512 || o->sector == 4096 ? 0 : -EINVAL;
	if (rc == 0)
		rc = rt_sched_new(&base, &sim->base);
	if (rc)
		free(sim);
	else
		*out = sim;
	return rc;
}

int
rt_sim_free(struct rt_sim *sim)
{
	int rc;

	for (uint32_t i = 0; i < sim->count; i++)
		rt_sim_crash(sim->nodes[i]);
	sim->broken = 0;
	rc = run(sim, UINT64_MAX, sim->steps + END_STEPS);
	if (rc) {
		name_waiters(sim);
		return rc == -EPERM ? rc : -EBUSY;
	}
	rt_sim_datagram_end(sim);
	for (uint32_t i = 0; i < sim->count; i++)
		rt_sim_node_free(sim->nodes[i]);
	free(sim->clock.heap);
	rt_sched_free(sim->base);
	free(sim);
	return 0;
}

/* --- what it is ----------------------------------------------------------- */

uint64_t
rt_sim_now(const struct rt_sim *sim)
{
	return sim->now;
}

uint64_t
rt_sim_seed(const struct rt_sim *sim)
{
	return sim->opts.seed;
}

uint64_t
rt_sim_digest(const struct rt_sim *sim)
{
	return sim->trace.digest;
}

uint64_t
rt_sim_steps(const struct rt_sim *sim)
{
	return sim->steps;
}

void
rt_sim_print(const struct rt_sim *sim, FILE *to)
{
	rt_sim_trace_print(&sim->trace, to);
	fprintf(to, "seed %" PRIu64 ", digest %016" PRIx64 ", %" PRIu64
		" steps, %" PRIu64 " us\n", sim->opts.seed, sim->trace.digest,
		sim->steps, sim->now / 1000);
}
