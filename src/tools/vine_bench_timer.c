/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer: what is not on the measured road. The chunk array is touched when it
 * is made, so that no page fault falls into a measurement.
 */
#include "tools/vine_bench_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_log.h"

#define CLOCK_LOOKS 100000	/* reads of the clock to look at: 2 ms or so */
#define CLOCK_SPANS 1024	/* ticks between two reads; longer ones are
				 * interruptions */
#define CLOCK_OFTEN 10		/* a span seen less often is an accident */

int
vine_bench_timer_init(struct vine_bench_timer *timer, uint64_t time_ms)
{
	const size_t bytes = VINE_BENCH_CHUNKS_MAX * sizeof(*timer->chunk);

	timer->run = utils_clock_from_ns(time_ms * 1000000);
	timer->warm = timer->run / 10;
	timer->ns_per_tick = (double)utils_clock_span_ns(1000000000) / 1e9;
	timer->chunks = 0;
	timer->chunk = malloc(bytes);
	if (!timer->chunk) {
		log_error("no memory for %zu bytes of chunk times", bytes);
		return -ENOMEM;
	}
	memset(timer->chunk, 0xff, bytes);
	return 0;
}

void
vine_bench_timer_fini(struct vine_bench_timer *timer)
{
	free(timer->chunk);
	timer->chunk = NULL;
}

static const char *
kind_name(void)
{
	switch (utils_clock_kind_now) {
	case UTILS_CLOCK_TSC:
		return "tsc";
	case UTILS_CLOCK_CNTVCT:
		return "cntvct";
	case UTILS_CLOCK_MONOTONIC:
		break;
	}
	return "monotonic";
}

/*
 * step_of returns the smallest distance of two usual spans. A step that is no
 * whole number of ticks gives neighbouring spans; these count as one.
 */
static unsigned int
step_of(const unsigned int *seen)
{
	unsigned int i, last = 0, step = CLOCK_SPANS;

	for (i = 1; i < CLOCK_SPANS; i++) {
		if (seen[i] < CLOCK_OFTEN)
			continue;
		if (last && i - last > 1 && i - last < step)
			step = i - last;
		last = i;
	}
	return step == CLOCK_SPANS ? 1 : step;
}

/* middle_of returns the median of the spans. */
static unsigned int
middle_of(const unsigned int *seen)
{
	unsigned int i, all = 0, count = 0;

	for (i = 0; i < CLOCK_SPANS; i++)
		all += seen[i];
	for (i = 0; i < CLOCK_SPANS - 1; i++) {
		count += seen[i];
		if (count > all / 2)
			break;
	}
	return i;
}

void
vine_bench_clock_look(const struct vine_bench_timer *timer,
		      struct vine_bench_clock *clock)
{
	unsigned int seen[CLOCK_SPANS] = { 0 };
	uint64_t last = vine_bench_now(), now;
	int i;

	for (i = 0; i < CLOCK_LOOKS; i++) {
		now = vine_bench_now();
		if (now - last < CLOCK_SPANS)
			seen[now - last]++;
		last = now;
	}
	clock->kind = kind_name();
	clock->read_ns = middle_of(seen) * timer->ns_per_tick;
	clock->step_ns = step_of(seen) * timer->ns_per_tick;
}

static int
compare_ticks(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void
vine_bench_timer_ns(struct vine_bench_timer *timer, uint64_t ops,
		    struct vine_bench_result *result)
{
	const double scale = timer->ns_per_tick / (double)ops;
	double sum = 0;
	size_t i;

	if (!timer->chunks)
		return;
	for (i = 0; i < timer->chunks; i++)
		sum += (double)timer->chunk[i];
	qsort(timer->chunk, timer->chunks, sizeof(*timer->chunk),
	      compare_ticks);
	result->value = (double)timer->chunk[timer->chunks / 2] * scale;
	result->mean = sum / (double)timer->chunks * scale;
}

void
vine_bench_timer_rate(struct vine_bench_timer *timer, uint64_t ops,
		      double units, struct vine_bench_result *result)
{
	vine_bench_timer_ns(timer, ops, result);
	if (result->value > 0) {
		result->value = units * 1e3 / result->value;
		result->mean = units * 1e3 / result->mean;
	}
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
vine_bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
