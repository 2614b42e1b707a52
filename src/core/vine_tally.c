/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each lane counts for itself, and nobody else writes its numbers; threads
 * without a lane add to the pipe's. The sums are written under the pipe's lock,
 * by whichever lane is to go to sleep, or ticks; one that finds it taken leaves
 * that to the other.
 */
#include "core/vine_pipe.h"
#include "core/vine_tally.h"
#include "utils/utils_clock.h"

static uint64_t
lanes_count(const struct vine_pipe_s *pipe, uint32_t what)
{
	uint64_t sum = atomic_load_explicit(&pipe->count[what],
					    memory_order_relaxed);

	for (uint32_t i = 0; i < pipe->lane_count; i++)
		sum += atomic_load_explicit(&pipe->lanes[i].count[what],
					    memory_order_relaxed);
	return sum;
}

static void
publish_accel(const struct vine_pipe_s *pipe, const struct vine_accel_s *a)
{
	struct vine_accel_shm *shm =
		vine_seg_accel(pipe->seg, a->handle & 0xffff);
	uint64_t taken = 0, completed = 0, failed = 0, busy = 0;

	for (uint32_t i = 0; i < pipe->lane_count; i++) {
		const struct vine_accel_count *c = &a->count[i];

		taken += atomic_load_explicit(&c->taken, memory_order_relaxed);
		completed += atomic_load_explicit(&c->completed,
						  memory_order_relaxed);
		failed += atomic_load_explicit(&c->failed,
					       memory_order_relaxed);
		busy += atomic_load_explicit(&c->busy_ticks,
					     memory_order_relaxed);
	}
	arch_store64(&shm->completed, completed);
	arch_store64(&shm->failed, failed);
	arch_store64(&shm->in_flight, taken > completed + failed ?
		     taken - completed - failed : 0);
	arch_store64(&shm->busy_ns, utils_clock_span_ns(busy));
}

void
vine_tally_write(struct vine_pipe_s *pipe)
{
	for (uint32_t i = 0; i < VINE_COUNT_MAX; i++)
		arch_store64(&vine_seg_counter(pipe->seg, i)->value,
			     lanes_count(pipe, i));
	for (struct vine_accel_s *a = pipe->registry.phys; a; a = a->next)
		if (!a->dropped)
			publish_accel(pipe, a);
}

void
vine_tally_publish(vine_pipe_s *pipe)
{
	if (pthread_mutex_trylock(&pipe->lock) != 0)
		return;
	vine_tally_write(pipe);
	pthread_mutex_unlock(&pipe->lock);
}

void
vine_tally_add(vine_pipe_s *pipe, enum vine_count what, uint64_t n)
{
	atomic_fetch_add_explicit(&pipe->count[what], n, memory_order_relaxed);
}
