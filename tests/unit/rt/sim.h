/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sim: what tests in a simulation share. A case is run for many seeds:
 *
 *	static void once(struct rt_sim *sim) { ...; }
 *	sim_seeds(200, NULL, once);
 *
 * VINE_SIM_SEED in the environment has one seed run; VINE_SIM_SEEDS so many;
 * VINE_TEST_SECONDS as many as there is time for. sim_main names the seeds of
 * cases that failed. With CK_FORK=no what happened last is printed too.
 */
#ifndef SIM_H
#define SIM_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "rt/rt_sim.h"
#include "tests/unit/rt/tasks.h"

#define SECOND UINT64_C(1000000000)

#define SIM_OPEN 64

/* The seeds of worlds that have not ended; all processes of the test share it. */
struct sim_open {
	uint32_t count;
	uint64_t seeds[SIM_OPEN];
};

static struct rt_sim *sim_world TASKS_UNUSED;
static struct sim_open *sim_open TASKS_UNUSED;

static TASKS_UNUSED void
sim_tell(void)
{
	if (sim_world)
		rt_sim_print(sim_world, stderr);
}

static TASKS_UNUSED struct rt_sim *
sim_new(const struct rt_sim_opts *opts, uint64_t seed)
{
	struct rt_sim_opts with = opts ? *opts : (struct rt_sim_opts){ 0 };

	with.seed = seed;
	sim_tell();	/* with CK_FORK=no: of a case that failed before */
	ck_assert_int_eq(rt_sim_new(&with, &sim_world), 0);
	sim_open->seeds[sim_open->count++ % SIM_OPEN] = seed;
	return sim_world;
}

/* End it; returns its digest. */
static TASKS_UNUSED uint64_t
sim_end(struct rt_sim *sim)
{
	uint64_t digest = rt_sim_digest(sim);

	ck_assert_int_eq(rt_sim_free(sim), 0);
	sim_world = NULL;
	sim_open->count--;
	return digest;
}

static TASKS_UNUSED struct rt_sim_node *
sim_node(struct rt_sim *sim, const char *name, rt_task_fn fn, void *arg)
{
	struct rt_sim_node *node;

	ck_assert_int_eq(rt_sim_node(sim, name, fn, arg, &node), 0);
	return node;
}

/* Make a task of the current node. */
static TASKS_UNUSED void
sim_go(rt_task_fn fn, void *arg)
{
	ck_assert_int_eq(rt_task_create(rt_sched_self(), fn, arg, NULL, NULL),
			 0);
}

static TASKS_UNUSED uint64_t
sim_in(uint64_t ns)
{
	return rt_sched_now(rt_sched_self()) + ns;
}

static TASKS_UNUSED void
sim_one(uint64_t seed, const struct rt_sim_opts *opts,
	void (*once)(struct rt_sim *sim))
{
	struct rt_sim *sim = sim_new(opts, seed);

	once(sim);
	if (getenv("VINE_SIM_SEED"))
		rt_sim_print(sim, stdout);
	sim_end(sim);
}

/* Run a case for seeds from 1 on. Returns how many. */
static TASKS_UNUSED uint64_t
sim_seeds(uint64_t count, const struct rt_sim_opts *opts,
	  void (*once)(struct rt_sim *sim))
{
	const char *one = getenv("VINE_SIM_SEED");
	const char *many = getenv("VINE_SIM_SEEDS");
	const char *seconds = getenv("VINE_TEST_SECONDS");
	time_t end = seconds ? time(NULL) + atoi(seconds) : 0;
	uint64_t seed = 1;

	if (one) {
		sim_one(strtoull(one, NULL, 10), opts, once);
		return 1;
	}
	if (many)
		count = strtoull(many, NULL, 10);
	for (; seed <= count || time(NULL) < end; seed++)
		sim_one(seed, opts, once);
	return seed - 1;
}

static TASKS_UNUSED int
sim_main(const char *name, TCase *tc)
{
	int rc;

	sim_open = mmap(NULL, sizeof(*sim_open), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim_open == MAP_FAILED)
		return EXIT_FAILURE;
	rc = tasks_main(name, tc);
	for (uint32_t i = 0; i < sim_open->count && i < SIM_OPEN; i++)
		printf("repeat it by CK_FORK=no VINE_SIM_SEED=%" PRIu64 "\n",
		       sim_open->seeds[i]);
	sim_tell();
	return rc;
}

#endif
