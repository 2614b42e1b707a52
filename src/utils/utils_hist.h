/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hist: how often values came, in fixed memory, whatever the values are.
 *
 * Values are counted in buckets. Those below 128 have a bucket each. From there
 * on every power of two is cut into 64 buckets of equal width, so a bucket is
 * at most 1/64 of its values wide; a query answers with its middle, which is
 * at most 1/128 (0.8 %) off. min, max, count and sum are exact.
 *
 * A hist is 30 KiB. It is not locked: one thread writes it; to gather from
 * many threads give each its own and merge them.
 */
#ifndef UTILS_HIST_H
#define UTILS_HIST_H

#include <stddef.h>
#include <stdint.h>

#define UTILS_HIST_BITS 6	/* 2^6 buckets for a power of two */
#define UTILS_HIST_BUCKETS \
	((64u - UTILS_HIST_BITS + 1) << UTILS_HIST_BITS)

struct utils_hist {
	uint64_t count;
	uint64_t min;		/* UINT64_MAX while empty */
	uint64_t max;
	double sum;		/* of the values; a double cannot overflow */
	uint64_t buckets[UTILS_HIST_BUCKETS];
};

/* utils_hist_init empties a hist. */
void utils_hist_init(struct utils_hist *hist);

/* utils_hist_bucket returns the bucket of a value. */
static inline size_t
utils_hist_bucket(uint64_t value)
{
	unsigned int shift;

	if (value < (UINT64_C(2) << UTILS_HIST_BITS))
		return (size_t)value;
	/* so that the value's top bit becomes bit UTILS_HIST_BITS */
	shift = 63u - UTILS_HIST_BITS - (unsigned int)__builtin_clzll(value);
	return ((size_t)shift << UTILS_HIST_BITS) + (size_t)(value >> shift);
}

/* utils_hist_record counts a value. Constant time. */
static inline void
utils_hist_record(struct utils_hist *hist, uint64_t value)
{
	hist->buckets[utils_hist_bucket(value)]++;
	hist->count++;
	hist->sum += (double)value;
	if (value < hist->min)
		hist->min = value;
	if (value > hist->max)
		hist->max = value;
}

/* utils_hist_merge adds what `from` counted to `to`. */
void utils_hist_merge(struct utils_hist *to, const struct utils_hist *from);

/*
 * utils_hist_percentile returns the least value that `percent` (0 to 100, may
 * have a fraction) of all values do not exceed, within 0.8 %; 0 gives min, 100
 * gives max, both exact. 0 if the hist is empty.
 */
uint64_t utils_hist_percentile(const struct utils_hist *hist, double percent);

/* utils_hist_mean returns the mean of the values, 0 if the hist is empty. */
double utils_hist_mean(const struct utils_hist *hist);

#endif
