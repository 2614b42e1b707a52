/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause: whether this thread slept in a round is taken from the kernel's count
 * of its voluntary switches.
 */
#include "tools/vine_bench_pause.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

void
vine_bench_nap(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000),
			      (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static long
switches_here(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

int
vine_bench_paused(uint64_t ms, vine_bench_op op, void *arg,
		  struct vine_bench_result *result, int *slept)
{
	uint64_t begin, end;
	long before;
	int i, rc = 0;

	*slept = 0;
	for (i = 0; i < VINE_BENCH_PAUSES && !rc; i++) {
		vine_bench_nap(ms);
		before = switches_here();
		begin = vine_bench_now();
		rc = op(arg);
		end = vine_bench_now();
		*slept += switches_here() != before;
		utils_hist_record(&result->hist,
				  utils_clock_span_ns(end - begin));
	}
	result->has_hist = 1;
	vine_bench_by_median(result);
	return rc;
}

void
vine_bench_by_median(struct vine_bench_result *result)
{
	result->value = (double)utils_hist_percentile(&result->hist, 50.0);
	result->mean = utils_hist_mean(&result->hist);
}
