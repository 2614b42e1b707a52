/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker is a scheduler: between its looks at the lanes it runs the tasks
 * that handle requests. It polls, climbs the ladder when it finds nothing, and
 * at its top arms every lane and sleeps at its wait, on all their bells at
 * once. Any lane that turns out to have work takes it back from the sleep. What
 * else the wait knows of, descriptors, operations and timers, a busy worker
 * looks at now and then. Where the lanes of several segments are active, each
 * is polled for as much as its segment's weight.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "appliance/vined_handler.h"
#include "appliance/vined_worker.h"
#include "arch/arch_thread.h"
#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_ladder.h"
#include "core/vine_cancel.h"
#include "rt/rt_sched.h"
#include "rt/rt_trace.h"
#include "rt/rt_watcher.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define WAIT_ROUNDS 64u	/* between two looks at the wait while busy */
#define SWITCHES 64u	/* to tasks, between two looks at the lanes */
#define GRACE_NS UINT64_C(1000000000) /* until a stop cancels what is left */
#define END_NS UINT64_C(1000000000)	/* that it has to end after that */

/* A lane of the worker's: deficit round robin by its segment's weight. */
struct share {
	struct vine_lane *lane;
	int32_t weight;
	int32_t credit;		/* units, where others have work */
};

struct worker {
	struct vined_workers *all;
	pthread_t thread;
	struct rt_wait *wait;
	struct rt_sched *sched;	/* at that wait; the thread's */
	sem_t entered;		/* posted when it has, or rc says why not */
	int rc;
	int stuck;		/* a task does not end: the process will */
	uint32_t index;
	int spin;
	struct share *shares;	/* one a segment that has such a lane */
	uint32_t count;		/* of them */
	_Atomic uint64_t rounds;
} __attribute__((aligned(64)));

struct vined_workers {
	vine_pipe_s *const *pipes;
	uint32_t pipe_count;
	uint32_t count;
	struct vined_workers_opts opts;
	_Atomic int stop;
	struct worker workers[];
};

/* Arm every lane; returns whether all may sleep. */
static int
arm_all(struct worker *w, struct arch_bell_seen *seen, uint64_t *limit)
{
	*limit = UINT64_MAX;
	for (uint32_t i = 0; i < w->count; i++) {
		uint64_t most;

		if (!vine_lane_arm(w->shares[i].lane, &seen[i], &most))
			return 0;
		if (most < *limit)
			*limit = most;
	}
	return !atomic_load(&w->all->stop);
}

static void
sleep_once(struct worker *w)
{
	struct arch_bell_seen seen[RT_WAIT_BELLS_MAX];
	uint64_t limit;
	int slept = arm_all(w, seen, &limit);

	if (slept)
		rt_sched_sleep(w->sched, seen, w->count, limit);
	for (uint32_t i = 0; i < w->count; i++)
		vine_lane_awake(w->shares[i].lane, slept);
}

/*
 * One lane's turn beside others: its weight in units. What it overdraws, by the
 * time its last task took, it leaves out of its next turns.
 */
static uint32_t
poll_share(struct share *s)
{
	uint32_t n = 0;

	s->credit += s->weight;
	if (s->credit > s->weight)	/* nothing is saved up */
		s->credit = s->weight;
	if (s->credit <= 0)
		return 1;	/* what waits there is no reason to sleep */
	do {
		n += vine_lane_poll_share(s->lane, (uint32_t)s->credit);
		s->credit -= (int32_t)s->lane->used;
	} while (s->credit > 0 && vine_lane_has_work(s->lane));
	if (s->credit < -VINE_DEBT_WORK_MAX)
		s->credit = -VINE_DEBT_WORK_MAX;
	return n;
}

static uint32_t
poll_all(struct worker *w)
{
	uint32_t n = 0, active = 0, count = w->count;

	for (uint32_t i = 0; i < count && count > 1; i++)
		active += (uint32_t)vine_lane_is_active(w->shares[i].lane);
	for (uint32_t i = 0; i < count; i++) {
		struct share *s = &w->shares[i];

		if (active > 1) {
			n += poll_share(s);
			continue;
		}
		s->credit = 0;
		n += vine_lane_poll(s->lane);
	}
	return n;
}

/*
 * What handles a request, here or elsewhere, has been cancelled by now, or does
 * not end; until it has ended mail may come. Then the rest.
 */
static void
end_tasks(struct worker *w)
{
	uint64_t end = utils_clock_ns() + END_NS;

	while (vined_handlers_left() && utils_clock_ns() < end) {
		rt_sched_step(w->sched, SWITCHES);
		rt_sched_sleep(w->sched, NULL, 0, END_NS / 1000);
	}
	w->stuck = vined_handlers_left() || rt_sched_free(w->sched) != 0;
	if (w->stuck)	/* or its thread would be watched, which ends now */
		rt_sched_leave(w->sched);
	w->sched = NULL;
}

static void
serve(struct worker *w)
{
	struct arch_ladder ladder;

	arch_ladder_init(&ladder, w->spin);
	for (uint32_t i = 0; i < w->count; i++)
		vine_lane_awake(w->shares[i].lane, 0);
	while (!atomic_load_explicit(&w->all->stop, memory_order_relaxed)) {
		uint32_t n = poll_all(w);
		uint64_t rounds = w->rounds + 1;

		atomic_store_explicit(&w->rounds, rounds, memory_order_relaxed);
		if (!rt_sched_idle(w->sched))
			n += rt_sched_step(w->sched, SWITCHES);
		if (rounds % WAIT_ROUNDS == 0)
			n += rt_wait_poll(w->wait);
		if (n) {
			arch_ladder_found(&ladder);
			arch_ladder_begin(&ladder);
		} else if (arch_ladder_step(&ladder)) {
			sleep_once(w);
			arch_ladder_slept(&ladder);
		}
	}
	/* WEND-A1: all that the main thread did with our scheduler, mail that
	 * it posted there, is done before that is freed; pairs with WEND-R1 in
	 * vined_workers_stop(). */
	(void)atomic_load(&w->all->stop);
}

/* The thread is the scheduler's, and its ring is made: no filter yet. */
static int
enter(struct worker *w)
{
	const struct vined_workers_opts *opts = &w->all->opts;
	int rc = rt_sched_enter(w->sched);

	if (rc == 0 && opts->may)
		rc = rt_wait_confine(w->wait, opts->may);
	if (rc == 0 && opts->record)
		rc = rt_trace_record(w->sched, 1);
	if (rc)
		rt_sched_leave(w->sched);
	return rc;
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	char name[16];

	vined_handlers_here(w->index);
	w->rc = enter(w);
	snprintf(name, sizeof(name), "worker %u", w->index);
	rt_watcher_name(w->sched, name, &w->rounds);
	sem_post(&w->entered);
	if (w->rc == 0) {
		serve(w);
		rt_watcher_name(w->sched, name, NULL);
		end_tasks(w);
	}
	return NULL;
}

/* Its lane of each segment that has so many. */
static int
find_lanes(struct worker *w)
{
	const struct vined_workers *all = w->all;

	w->shares = calloc(all->pipe_count, sizeof(*w->shares));
	if (w->shares == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < all->pipe_count; i++)
		if (w->index < all->pipes[i]->lane_count)
			w->shares[w->count++] = (struct share){
				.lane = &all->pipes[i]->lanes[w->index],
				.weight = (int32_t)all->pipes[i]->weight,
			};
	return 0;
}

static void
free_one(struct worker *w)
{
	free(w->shares);
	sem_destroy(&w->entered);
	if (w->sched)	/* no task was made yet */
		(void)rt_sched_free(w->sched);
	if (w->wait && !w->stuck)
		rt_wait_free(w->wait);
}

/* The thread, as soon as it is its scheduler's. */
static int
start_thread(struct worker *w)
{
	int rc = arch_thread_start(&w->thread, run, w);

	if (rc)
		return rc;
	while (sem_wait(&w->entered) != 0)
		;
	if (w->rc)
		pthread_join(w->thread, NULL);
	return w->rc;
}

static int
start_one(struct worker *w)
{
	char name[16];
	int rc;

	sem_init(&w->entered, 0, 0);
	rc = rt_wait_new(w->all->opts.engine, &w->wait);
	if (rc == 0)
		rc = rt_sched_new(&(struct rt_sched_opts){ .wait = w->wait },
				  &w->sched);
	if (rc == 0)
		rc = find_lanes(w);
	if (rc == 0)
		rc = start_thread(w);
	if (rc) {
		free_one(w);
		return rc;
	}
	snprintf(name, sizeof(name), "vined-w%u", w->index);
	pthread_setname_np(w->thread, name);
	return 0;
}

int
vined_workers_start(vine_pipe_s *const *pipes, uint32_t pipe_count,
		    uint32_t count, const struct vined_workers_opts *opts,
		    struct vined_workers **out)
{
	size_t size = sizeof(struct vined_workers) +
		count * sizeof(struct worker);
	struct vined_workers *all = aligned_alloc(64, (size + 63) / 64 * 64);
	int rc;

	if (all == NULL)
		return -ENOMEM;
	memset(all, 0, size);
	all->pipes = pipes;
	all->pipe_count = pipe_count;
	all->opts = *opts;
	/* now: it has threads stay on a CPU, which the filter forbids */
	arch_ladder_wake_ns();
	for (uint32_t i = 0; i < count; i++) {
		struct worker *w = &all->workers[i];

		w->all = all;
		w->index = i;
		w->spin = pipes[0]->spin;
		rc = start_one(w);
		if (rc) {
			log_error("worker %u cannot be started: %s", i,
				  strerror(-rc));
			vined_workers_stop(all);
			return rc;
		}
		all->count++;
	}
	*out = all;
	return 0;
}

uint32_t
vined_workers_rings(const struct vined_workers *all)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->count; i++)
		n += strcmp(rt_wait_engine_name(all->workers[i].wait),
			    "io_uring") == 0;
	return n;
}

static uint32_t
left(struct vined_workers *all)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->pipe_count; i++)
		n += vine_pipe_busy(all->pipes[i]);
	return n;
}

static void
wake_all(struct vined_workers *all)
{
	for (uint32_t i = 0; i < all->pipe_count; i++)
		for (uint32_t j = 0; j < all->pipes[i]->lane_count; j++)
			vine_lane_ring(&all->pipes[i]->lanes[j]);
}

/* Returns 1, or 0 where there was no memory for it. */
static int
cancel_all(struct vined_workers *all)
{
	for (uint32_t i = 0; i < all->pipe_count; i++)
		for (uint32_t j = 0; j < all->pipes[i]->lane_count; j++)
			if (vine_cancel_all(&all->pipes[i]->lanes[j]) != 0)
				return 0;
	return 1;
}

uint32_t
vined_workers_drain(struct vined_workers *all, uint64_t timeout_ns)
{
	uint64_t start = utils_clock_ns();
	struct timespec nap = { 0, 1000000 };
	int quiet = 0, canceled = 0;

	/* twice in a row: an answer may be between service and lane */
	while (quiet < 2 && utils_clock_ns() - start < timeout_ns) {
		if (!canceled && utils_clock_ns() - start > GRACE_NS)
			canceled = cancel_all(all);
		wake_all(all);
		nanosleep(&nap, NULL);
		quiet = left(all) == 0 ? quiet + 1 : 0;
	}
	return left(all);
}

void
vined_workers_stop(struct vined_workers *all)
{
	/* WEND-R1: pairs with WEND-A1 in serve(). */
	atomic_store(&all->stop, 1);
	/* not by the bells: what an application wrote there may mute them */
	for (uint32_t i = 0; i < all->count; i++)
		rt_wait_wake(all->workers[i].wait);
	for (uint32_t i = 0; i < all->count; i++) {
		pthread_join(all->workers[i].thread, NULL);
		free_one(&all->workers[i]);
	}
	free(all);
}

uint32_t
vined_workers_count(const struct vined_workers *all)
{
	return all->count;
}

struct rt_sched *
vined_workers_sched(struct vined_workers *all, uint32_t index)
{
	return all->workers[index].sched;
}

uint64_t
vined_workers_progress(struct vined_workers *all)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < all->count; i++) {
		uint64_t r = atomic_load_explicit(&all->workers[i].rounds,
						  memory_order_relaxed);

		if (r < least)
			least = r;
	}
	return least;
}
