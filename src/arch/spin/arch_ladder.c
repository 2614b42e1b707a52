/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first 32 looks of a wait read no clock; from then on every 32nd does.
 *
 * Waits are learned by a running mean of their lengths, sleep included, which
 * is the time between arrivals as this side sees it. A wait counts for no more
 * than LONG wakes, so one long pause does not make a busy side sleepy, and a
 * few short waits make a sleepy one look again.
 *
 * A wake is measured as half of a round trip between two threads that sleep, on
 * two CPUs.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_ladder.h"

#define LONG 4u		/* wakes; no wait counts for more */
/*
 * Wakes; where waits last so long, do not look. More than two, or two sides that
 * ask each other, and both sleep, would never begin to look.
 */
#define HOPELESS 3u
#define WEIGHT 8	/* of the mean against the newest wait */

/*
 * Where a wake cannot be measured, and what is believed of a measurement. A
 * futex round trip between two CPUs took 22 to 46 us (two vCPUs of an AMD EPYC,
 * Linux 6.18, 2026); far more is a machine that was busy at that moment.
 */
#define WAKE_NS 20000u
#define WAKE_MIN_NS 1000u
#define WAKE_MAX_NS 50000u
#define ROUNDS 9	/* the median counts */
#define ROUND_NS UINT64_C(10000000)	/* of which none may last longer */

static pthread_once_t measured = PTHREAD_ONCE_INIT;
static uint64_t wake_ns = WAKE_NS;
static uint64_t wake_ticks = 1;		/* 1: do not look, we have one CPU */

struct pair {
	le32_t there;
	le32_t back;
	uint64_t wake_ns;
};

static void *
answer(void *arg)
{
	struct pair *pair = arg;
	struct arch_bell there = arch_bell_of_word(&pair->there);
	struct arch_bell back = arch_bell_of_word(&pair->back);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		while (arch_bell_look(&there) == i)
			arch_bell_wait(&there, i, ~0u, ROUND_NS);
		arch_bell_ring(&back, ~0u);
	}
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of some round trips gives the pair's wake. */
static void *
ask(void *arg)
{
	struct pair *pair = arg;
	struct arch_bell there = arch_bell_of_word(&pair->there);
	struct arch_bell back = arch_bell_of_word(&pair->back);
	uint64_t took[ROUNDS];

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct timespec nap = { 0, WAKE_NS };
		uint64_t from;

		nanosleep(&nap, NULL);	/* until the other sleeps */
		from = utils_clock_ns();
		arch_bell_ring(&there, ~0u);
		while (arch_bell_look(&back) == i)
			arch_bell_wait(&back, i, ~0u, ROUND_NS);
		took[i] = utils_clock_ns() - from;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	pair->wake_ns = took[ROUNDS / 2] / 2;
	return NULL;
}

/*
 * A thread on one of the CPUs, which is taken out of the set, with those that we
 * may not use. Returns 0 or an error, such as EINVAL where none is left.
 */
static int
start_at(pthread_t *thread, cpu_set_t *cpus, void *(*fn)(void *),
	 struct pair *pair)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return rc;
	rc = EINVAL;
	for (int cpu = 0; cpu < CPU_SETSIZE && rc == EINVAL; cpu++) {
		cpu_set_t one;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		CPU_CLR(cpu, cpus);
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
		rc = pthread_create(thread, &attr, fn, pair);
	}
	pthread_attr_destroy(&attr);
	return rc;
}

/* The CPUs of this thread, but for the first; or all others, if it has one. */
static void
others(const cpu_set_t *ours, int first, cpu_set_t *set)
{
	*set = *ours;
	CPU_CLR(first, set);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(ours) == 1; i++)
		if (i != first)
			CPU_SET(i, set);
}

/*
 * Each side has a CPU: if they shared one, a wake would look cheaper than it is.
 * Where this process may use only one CPU, looking is in vain.
 */
static void
measure(void)
{
	struct pair pair = { { 0 }, { 0 }, WAKE_NS };
	cpu_set_t first, second;
	pthread_t asks, answers;
	sigset_t all, old;
	int cpu = 0, rc;

	if (sched_getaffinity(0, sizeof(first), &first) != 0)
		return;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &first))
		cpu++;
	others(&first, cpu, &second);
	/* signals are for the application's threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = start_at(&answers, &second, answer, &pair);
	if (rc == 0 && start_at(&asks, &first, ask, &pair) == 0)
		pthread_join(asks, NULL);
	else if (rc == 0)
		ask(&pair);	/* or the other would never end */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		pthread_join(answers, NULL);
	if (rc == EINVAL)
		return;
	wake_ns = pair.wake_ns;
	if (wake_ns < WAKE_MIN_NS)
		wake_ns = WAKE_MIN_NS;
	if (wake_ns > WAKE_MAX_NS)
		wake_ns = WAKE_MAX_NS;
	wake_ticks = utils_clock_from_ns(wake_ns);
}

uint64_t
arch_ladder_wake_ns(void)
{
	pthread_once(&measured, measure);
	return wake_ns;
}

void
arch_ladder_init(struct arch_ladder *ladder, int spin)
{
	arch_ladder_begin(ladder);
	ladder->mean = 0;
	ladder->spin = (uint32_t)spin;
	if (!spin)
		pthread_once(&measured, measure);
	ladder->wake = wake_ticks;
}

int
arch_ladder_step_slow(struct arch_ladder *ladder)
{
	uint64_t now;

	if (ladder->spin) {
		/* pure spinning still lets others run where CPUs are short */
		if ((ladder->looks & 0xffff) == 0)
			sched_yield();
		return 0;
	}
	if (ladder->slept)	/* looking longer has been in vain */
		return 1;
	now = utils_clock_ticks();
	if (ladder->begin == 0) {
		ladder->begin = now;
		return ladder->wake <= 1 ||
		       ladder->mean > HOPELESS * ladder->wake;
	}
	return now - ladder->begin >= ladder->wake;
}

void
arch_ladder_found_slow(struct arch_ladder *ladder)
{
	uint64_t lasted = 0, most = LONG * ladder->wake;

	if (ladder->begin)
		lasted = utils_clock_ticks() - ladder->begin;
	if (lasted > most)
		lasted = most;
	if (lasted > ladder->mean)
		ladder->mean += (lasted - ladder->mean) / WEIGHT;
	else
		ladder->mean -= (ladder->mean - lasted + WEIGHT - 1) / WEIGHT;
	ladder->begin = 0;
}
