/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Costs: each is the median of chunks of 64, of about 1 ms together.
 */
#include "tools/vine_bench_costs.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/vine_bench_pause.h"

#define COST_NS 1000000
#define SWITCH_NS 20000000	/* a switch is some us */

VINE_BENCH_INLINE double
cost(const struct vine_bench_rig *rig, uint64_t ns, vine_bench_op op, void *arg)
{
	struct vine_bench_result result = { .value = 0 };
	struct vine_bench_timer timer = rig->timer;

	timer.run = utils_clock_from_ns(ns);
	timer.warm = timer.run / 10;
	if (vine_bench_timer_chunks(&timer, VINE_BENCH_BATCH, op, arg))
		return NAN;
	vine_bench_timer_ns(&timer, VINE_BENCH_BATCH, &result);
	return result.value;
}

static int
clock_op(void *arg)
{
	*(volatile uint64_t *)arg = vine_bench_now();
	return 0;
}

double
vine_bench_cost_clock(const struct vine_bench_rig *rig)
{
	uint64_t tick;

	return cost(rig, COST_NS, clock_op, &tick);
}

static int
call_op(void *arg)
{
	(void)arg;
	syscall(SYS_getppid);
	return 0;
}

double
vine_bench_cost_call(const struct vine_bench_rig *rig)
{
	return cost(rig, COST_NS, call_op, NULL);
}

static int
wake_op(void *arg)
{
	vine_bench_futex_wake(arg);
	return 0;
}

double
vine_bench_cost_wake(const struct vine_bench_rig *rig)
{
	_Atomic uint32_t word = 0;

	return cost(rig, COST_NS, wake_op, &word);
}

static int
barrier_op(void *arg)
{
	(void)arg;
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0,
		       0) ? -EOPNOTSUPP : 0;
}

double
vine_bench_cost_barrier(const struct vine_bench_rig *rig)
{
	return cost(rig, COST_NS, barrier_op, NULL);
}

static void *
echo(void *arg)
{
	struct vine_bench_bells *bells = arg;
	uint32_t last = 0;

	while ((last = vine_bench_bell_await(&bells->request, last)) !=
	       UINT32_MAX)
		vine_bench_bell_ring(&bells->answer, last);
	return NULL;
}

static int
switch_op(void *arg)
{
	struct vine_bench_bells *bells = arg;
	uint32_t last = atomic_load_explicit(&bells->answer,
					     memory_order_relaxed);

	vine_bench_bell_ring(&bells->request, last + 1);
	vine_bench_bell_await(&bells->answer, last);
	return 0;
}

double
vine_bench_cost_switch(const struct vine_bench_rig *rig)
{
	struct vine_bench_bells bells = { .request = 0 };
	pthread_t thread;	/* on our cpu, as all that we start */
	double ns;

	if (pthread_create(&thread, NULL, echo, &bells))
		return NAN;
	ns = cost(rig, SWITCH_NS, switch_op, &bells) / 2;
	vine_bench_bell_ring(&bells.request, UINT32_MAX);
	pthread_join(thread, NULL);
	return ns;
}

int
vine_bench_instructions_open(void)
{
	struct perf_event_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_HARDWARE;
	attr.config = PERF_COUNT_HW_INSTRUCTIONS;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1,
		     PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

uint64_t
vine_bench_instructions_read(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}
