/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a hist works: a value's bucket is its top UTILS_HIST_BITS + 1 bits and,
 * above them, how far it was shifted to keep just those. Buckets are in the
 * order of their values, so a percentile is found by adding up from the front.
 */
#include "utils/utils_hist.h"

#include <string.h>

_Static_assert(UTILS_HIST_BITS >= 6, "a query would be off by more than 1 %");

void
utils_hist_init(struct utils_hist *hist)
{
	memset(hist, 0, sizeof(*hist));
	hist->min = UINT64_MAX;
}

void
utils_hist_merge(struct utils_hist *to, const struct utils_hist *from)
{
	size_t i;

	for (i = 0; i < UTILS_HIST_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	to->count += from->count;
	to->sum += from->sum;
	if (from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
}

/* middle returns the value that a bucket's values are answered with. */
static uint64_t
middle(size_t bucket)
{
	size_t shift = bucket >> UTILS_HIST_BITS;

	/* the first two powers of two are not shifted */
	if (shift < 2)
		return bucket;
	shift--;
	return ((uint64_t)(bucket - (shift << UTILS_HIST_BITS)) << shift) +
	       (UINT64_C(1) << (shift - 1));
}

/* rank_of returns how many values the percentile's is the largest of. */
static uint64_t
rank_of(uint64_t count, double percent)
{
	double exact = percent / 100 * (double)count;
	uint64_t rank = (uint64_t)exact;

	/* 99.9 % of 1000 is 999, though the product may come out above it */
	if (exact - (double)rank > 1e-6)
		rank++;
	return rank;
}

uint64_t
utils_hist_percentile(const struct utils_hist *hist, double percent)
{
	uint64_t rank, value, seen = 0;
	size_t i;

	if (hist->count == 0)
		return 0;
	if (!(percent > 0))
		return hist->min;
	if (percent >= 100)
		return hist->max;
	rank = rank_of(hist->count, percent);
	for (i = 0; i < UTILS_HIST_BUCKETS - 1; i++) {
		seen += hist->buckets[i];
		if (seen >= rank)
			break;
	}
	value = middle(i);
	if (value < hist->min)
		return hist->min;
	return value > hist->max ? hist->max : value;
}

double
utils_hist_mean(const struct utils_hist *hist)
{
	return hist->count ? hist->sum / (double)hist->count : 0;
}
