/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world goes on by steps: an event that is due, or a turn of a node, which
 * one by the seed; and when there is neither, the clock goes to the next time
 * at which there is. A turn is a few switches of the node's scheduler, whose
 * ready tasks are put in another order at each (order()), and takes some ns.
 *
 * A node's tasks run on the thread's own signal stack and count it as theirs;
 * `base`, a scheduler without tasks, is entered once for all of them.
 *
 * A node that crashed is FALLING until its tasks have ended. Then its scheduler
 * is freed and it is OFF, or switched on again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_sim_datagram.h"
#include "rt/rt_sim_inside.h"
#include "rt/rt_sim_socket.h"
#include "utils/utils_log.h"

#define TURN 8u			/* switches of a turn, at most */
#define TURN_NS 2000u		/* what it takes, at most */
#define LOOK 8u			/* switches to a look at the wait, on average */
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

uint64_t
rt_sim_below(struct rt_sim *sim, uint64_t n)
{
	return n ? rt_sim_random(sim) % n : 0;
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

/* --- a node's life -------------------------------------------------------- */

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

/* --- going on ------------------------------------------------------------- */

/* Has a node anything to do now? */
static int
is_busy(const struct rt_sim_node *node)
{
	if (node->sched == NULL)
		return node->due;
	return (!rt_sched_idle(node->sched) || node->news ||
		rt_wait_next(node->wait) <= node->sim->now) &&
		!atomic_load(&node->sched->stop);
}

/* Are there tasks that a run is to wait for? */
static int
is_needed(const struct rt_sim_node *node)
{
	const struct rt_sched *s = node->sched;

	if (s == NULL || node->due)
		return node->due;
	if (node->power == RT_SIM_FALLING)
		return s->tasks != 0;
	return s->tasks > s->systems && !atomic_load(&s->stop);
}

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

/* A turn of a node; or its end, or beginning. Returns 0 or -errno. */
static int
go_on(struct rt_sim_node *node)
{
	if (node->power == RT_SIM_OFF)
		return switch_on(node);
	take_turn(node);
	return 0;
}

/* What has fallen, and has no tasks any more, is off. */
static void
look_down(struct rt_sim *sim)
{
	for (uint32_t i = 0; i < sim->count; i++) {
		struct rt_sim_node *node = sim->nodes[i];

		if (node->power == RT_SIM_FALLING && node->sched->tasks == 0 &&
		    rt_wait_next(node->wait) != 0)
			take_down(node);
	}
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
		if (!is_busy(sim->nodes[i]))
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
		if (is_needed(sim->nodes[i]))
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
			rc = go_on(node);
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

static void
free_node(struct rt_sim_node *node)
{
	take_down(node);
	rt_sim_disk_fini(&node->disk);
	free(node);
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
		free_node(sim->nodes[i]);
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
