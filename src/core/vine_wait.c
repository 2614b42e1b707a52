/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One wait serves all: for one task, for any, for all, for room.
 *
 * To sleep: note the bell's value, say on each queue that somebody sleeps,
 * barrier, look again, wait while the bell has that value. The last look is
 * under each queue's token: a completion that another thread has popped but not
 * yet made known would otherwise be neither in the ring nor in the task.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "arch/spin/arch_bell.h"
#include "core/vine_life.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_wait.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)

static uint32_t
reap_all(struct vine_queue *const *queues, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		if (vine_queue_peek(queues[i]))
			n += vine_queue_reap(queues[i]);
	return n;
}

static int
all_quiet(struct vine_queue *const *queues, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!vine_queue_quiet(queues[i]))
			return 0;
	return 1;
}

/* The distinct bells of some queues, and the bits of a single one. */
static uint32_t
bells_of(struct vine_queue *const *queues, uint32_t count,
	 struct arch_bell_seen *bells, uint32_t *mask)
{
	uint32_t n = 0;

	*mask = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct arch_bell *bell = &queues[i]->session->bell;
		uint32_t j = 0;

		*mask |= 1u << (queues[i]->index & 31);
		while (j < n && bells[j].word != bell->word)
			j++;
		if (j == n && n < ARCH_BELL_WAIT_MAX) {
			bells[n].word = bell->word;
			bells[n++].seen = arch_bell_look(bell);
		}
	}
	return n;
}

/*
 * The sleep is over, and no bell has rung; is there something all the same?
 * Then the bell was lost, or comes this very moment.
 */
static void
count_late(struct vine_queue *const *queues, uint32_t count,
	   const struct arch_bell_seen *bells, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (arch_load32(bells[i].word) != bells[i].seen)
			return;
	for (uint32_t i = 0; i < count; i++)
		if (vine_queue_peek(queues[i]))
			atomic_fetch_add(&queues[i]->session->found_late, 1);
}

/* Is there one whose completions ring no bell? */
static int
any_mute(struct vine_queue *const *queues, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (queues[i]->session->mute)
			return 1;
	return 0;
}

/*
 * Sleep in naps, and look after each: an eighth of what the sleep has lasted,
 * so that a completion is found late by an eighth of its time at most.
 */
static int
sleep_in_naps(struct vine_queue *const *queues, uint32_t count,
	      int (*done)(void *arg), void *arg,
	      const struct arch_bell_seen *bells, uint32_t n,
	      uint64_t limit_ns)
{
	uint64_t start = utils_clock_ns(), waited = 0;

	while (waited < limit_ns) {
		uint64_t nap = waited / 8;
		int rc;

		if (nap < VINE_NAP_MIN_US * UINT64_C(1000))
			nap = VINE_NAP_MIN_US * UINT64_C(1000);
		if (nap > VINE_NAP_MAX_US * UINT64_C(1000))
			nap = VINE_NAP_MAX_US * UINT64_C(1000);
		if (nap > limit_ns - waited)
			nap = limit_ns - waited;
		rc = arch_bell_wait_any(bells, n, nap);
		if (rc != -ETIMEDOUT || !all_quiet(queues, count) || done(arg))
			return 0;
		waited = utils_clock_ns() - start;
	}
	return 0;
}

void
vine_wait_sleep(struct vine_queue *const *queues, uint32_t count,
		int (*done)(void *arg), void *arg, uint64_t limit_ns)
{
	struct arch_bell_seen bells[ARCH_BELL_WAIT_MAX];
	uint32_t mask, n = bells_of(queues, count, bells, &mask);
	int rc = 0, was = errno;

	for (uint32_t i = 0; i < count; i++)
		vine_queue_sleep(queues[i]);
	/* WAIT-R1: `waiting` before the looks below; pairs with WAIT-A1 in
	 * vine_lane_wake_peer(). The barrier pays for both sides. */
	arch_bell_barrier();
	if (all_quiet(queues, count) && !done(arg)) {
		if (any_mute(queues, count))
			rc = sleep_in_naps(queues, count, done, arg, bells, n,
					   limit_ns);
		else if (n == 1)
			rc = arch_bell_wait(&queues[0]->session->bell,
					    bells[0].seen, mask, limit_ns);
		else
			rc = arch_bell_wait_any(bells, n, limit_ns);
	}
	if (rc == -ETIMEDOUT)
		count_late(queues, count, bells, n);
	for (uint32_t i = 0; i < count; i++)
		vine_queue_wake(queues[i]);
	if (rc == -EFAULT || rc == -ENOSYS) {	/* no futex on this memory */
		struct timespec nap = { 0, VINE_NAP_MIN_US * 1000 };

		nanosleep(&nap, NULL);
	}
	errno = was;	/* a sleep is no failure of the call around it */
}

static void
check_sessions(struct vine_queue *const *queues, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (vine_life_check(queues[i]->session) != 0)
			vine_queue_fail(queues[i], queues[i]->session->lost);
}

/* A look that costs a line each, for those who never wait. */
static void
glance_at_sessions(struct vine_queue *const *queues, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (vine_life_glance(queues[i]->session) != 0)
			vine_queue_fail(queues[i], queues[i]->session->lost);
}

int
vine_wait(struct vine_queue *const *queues, uint32_t count,
	  struct arch_ladder *ladder, int (*done)(void *arg), void *arg,
	  int64_t timeout)
{
	uint64_t start = timeout > 0 ? utils_clock_ns() : 0;
	uint64_t nap = VINE_SLEEP_BUSY_MS * MS;

	arch_ladder_begin(ladder);
	for (;;) {
		uint64_t left = nap;

		reap_all(queues, count);
		if (done(arg))
			break;
		if (timeout == 0) {
			glance_at_sessions(queues, count);
			return done(arg) ? 0 : -ETIMEDOUT;
		}
		if (!arch_ladder_step(ladder)) {
			if (timeout > 0 && (ladder->looks & 1023) == 0 &&
			    utils_clock_ns() - start >= (uint64_t)timeout)
				return -ETIMEDOUT;
			/* a spinning wait must notice a lost session too */
			if ((ladder->looks & 0xfffff) == 0)
				check_sessions(queues, count);
			continue;
		}
		if (timeout > 0) {
			uint64_t waited = utils_clock_ns() - start;

			if (waited >= (uint64_t)timeout)
				return -ETIMEDOUT;
			if (left > (uint64_t)timeout - waited)
				left = (uint64_t)timeout - waited;
		}
		vine_wait_sleep(queues, count, done, arg, left);
		reap_all(queues, count);
		if (done(arg))
			break;
		check_sessions(queues, count);
		/* something long: look more rarely */
		if (nap < VINE_SLEEP_IDLE_MS * MS)
			nap *= 2;
		arch_ladder_slept(ladder);
	}
	arch_ladder_found(ladder);
	return 0;
}
