/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: what it costs to set one and cancel it, or to have it fire, beside
 * others that are set; on the client's cpu alone.
 *
 * The clock is made up: it stands where the last timer fired. The others lie
 * anywhere within the second ahead. To set and cancel, one more is set among
 * them and cancelled. To fire, the clock goes to where the next one fires,
 * which is then set again. Many timers do not fit a cache, so beside the time
 * the instructions are given, where the machine counts them.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/rt_timer.h"
#include "tools/vine_bench_costs.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define AHEAD (UINT64_C(1) << 30)	/* ns; about a second */
#define COUNTED 100000			/* operations whose instructions are */

struct clockwork {
	struct rt_timers timers;
	uint64_t now;
	uint64_t random;
	struct rt_timer one;
	struct rt_timer others[];
};

/* Splitmix64, by S. Vigna, in the public domain. */
static uint64_t
sometime(struct clockwork *c)
{
	uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return c->now + 1 + (z ^ (z >> 31)) % AHEAD;
}

static void
again(struct rt_timer *timer)
{
	struct clockwork *c = timer->user;

	rt_timers_set(&c->timers, timer, sometime(c));
}

static int
cancel_op(void *arg)
{
	struct clockwork *c = arg;

	rt_timers_set(&c->timers, &c->one, sometime(c));
	rt_timers_cancel(&c->timers, &c->one);
	return 0;
}

static int
fire_op(void *arg)
{
	struct clockwork *c = arg;

	c->now = rt_timers_next(&c->timers);
	return rt_timers_run(&c->timers, c->now) ? 0 : -EPROTO;
}

static double
instructions(struct clockwork *c, vine_bench_op op)
{
	int fd = vine_bench_instructions_open();
	uint64_t n;

	if (fd < 0)
		return NAN;
	n = vine_bench_instructions_read(fd);
	for (uint32_t i = 0; i < COUNTED; i++)
		(void)op(c);
	n = vine_bench_instructions_read(fd) - n;
	close(fd);
	return n ? (double)n / COUNTED : NAN;
}

static struct clockwork *
wind_up(uint64_t count)
{
	struct clockwork *c = calloc(1, sizeof(*c) +
				     count * sizeof(c->others[0]));

	if (c == NULL) {
		log_error("%llu timers: %s", (unsigned long long)count,
			  strerror(ENOMEM));
		return NULL;
	}
	c->one.fire = again;
	c->one.user = c;
	for (uint64_t i = 0; i < count; i++) {
		c->others[i] = (struct rt_timer){ .fire = again, .user = c };
		again(&c->others[i]);
	}
	return c;
}

int
vine_bench_run_timer_cancel(struct vine_bench_rig *rig,
			    const struct vine_bench *bench,
			    struct vine_bench_result *result)
{
	struct clockwork *c = wind_up(bench->a);
	int rc;

	if (c == NULL)
		return -ENOMEM;
	rc = vine_bench_timer_rtt(&rig->timer, cancel_op, c, result);
	vine_bench_part_add(result, "instructions", "",
			    instructions(c, cancel_op));
	free(c);
	return rc;
}

int
vine_bench_run_timer_fire(struct vine_bench_rig *rig,
			  const struct vine_bench *bench,
			  struct vine_bench_result *result)
{
	struct clockwork *c = wind_up(bench->a);
	int rc;

	if (c == NULL)
		return -ENOMEM;
	rc = vine_bench_timer_rtt(&rig->timer, fire_op, c, result);
	vine_bench_part_add(result, "instructions", "",
			    instructions(c, fire_op));
	free(c);
	return rc;
}
