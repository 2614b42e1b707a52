/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FFT plan: a table of plans, found by a walk of at most SVC_CPU_FFT_PLANS
 * entries; the one unused for longest makes room.
 *
 * Two locks, the planner's before the cache's. FFTW runs plans on any thread
 * but makes and destroys them one at a time, which takes up to a second for an
 * awkward size: that happens under the planner's lock. The table is under the
 * cache's lock, held for the walk alone, so that a task whose plan is kept
 * never waits for the making of another.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "services/cpu/svc_cpu_fft_plan.h"

struct svc_cpu_fft_plan {
	fftwf_plan plan;
	uint32_t n;
	int sign;
	int same;		/* input and output at one address */
	int aligned;		/* both as FFTW's vector code likes it */
	int kept;		/* in the table */
	uint32_t users;
	uint64_t last;		/* value of svc_cpu_fft_clock at last use */
};

static pthread_mutex_t svc_cpu_fft_planner = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t svc_cpu_fft_cache = PTHREAD_MUTEX_INITIALIZER;
static struct svc_cpu_fft_plan *svc_cpu_fft_plans[SVC_CPU_FFT_PLANS];
static uint64_t svc_cpu_fft_points;
static uint64_t svc_cpu_fft_clock;

static int
svc_cpu_fft_aligned(fftwf_complex *in, fftwf_complex *out)
{
	return !fftwf_alignment_of((float *)in) &&
	       !fftwf_alignment_of((float *)out);
}

/* Looks for the like of `want` and takes a use of it. */
static struct svc_cpu_fft_plan *
svc_cpu_fft_find(const struct svc_cpu_fft_plan *want)
{
	struct svc_cpu_fft_plan *plan = NULL;
	int i;

	pthread_mutex_lock(&svc_cpu_fft_cache);
	for (i = 0; i < SVC_CPU_FFT_PLANS; i++) {
		plan = svc_cpu_fft_plans[i];
		if (plan && plan->n == want->n && plan->sign == want->sign &&
		    plan->same == want->same &&
		    plan->aligned == want->aligned)
			break;
	}
	if (i == SVC_CPU_FFT_PLANS)
		plan = NULL;
	if (plan) {
		plan->users++;
		plan->last = ++svc_cpu_fft_clock;
	}
	pthread_mutex_unlock(&svc_cpu_fft_cache);
	return plan;
}

/* Under the planner's lock. */
static void
svc_cpu_fft_destroy(struct svc_cpu_fft_plan *plan)
{
	fftwf_destroy_plan(plan->plan);
	free(plan);
}

/* Takes the least recently used idle plan out of the table; under its lock. */
static struct svc_cpu_fft_plan *
svc_cpu_fft_evict(void)
{
	struct svc_cpu_fft_plan *plan;
	int oldest = -1;
	int i;

	for (i = 0; i < SVC_CPU_FFT_PLANS; i++) {
		plan = svc_cpu_fft_plans[i];
		if (!plan || plan->users)
			continue;
		if (oldest < 0 || plan->last < svc_cpu_fft_plans[oldest]->last)
			oldest = i;
	}
	if (oldest < 0)
		return NULL;
	plan = svc_cpu_fft_plans[oldest];
	svc_cpu_fft_plans[oldest] = NULL;
	svc_cpu_fft_points -= plan->n;
	plan->kept = 0;
	return plan;
}

/* Puts a plan into a free place if the points allow; under the cache's lock. */
static void
svc_cpu_fft_place(struct svc_cpu_fft_plan *plan)
{
	int i;

	if (svc_cpu_fft_points + plan->n > SVC_CPU_FFT_POINTS)
		return;
	for (i = 0; i < SVC_CPU_FFT_PLANS && !plan->kept; i++) {
		if (svc_cpu_fft_plans[i])
			continue;
		svc_cpu_fft_plans[i] = plan;
		svc_cpu_fft_points += plan->n;
		plan->last = ++svc_cpu_fft_clock;
		plan->kept = 1;
	}
}

/* Keeps a new plan, at the cost of older ones; under the planner's lock. A plan
 * too large to keep, or that finds all others in use, ends with its user. */
static void
svc_cpu_fft_keep(struct svc_cpu_fft_plan *plan)
{
	struct svc_cpu_fft_plan *old = NULL;

	if (plan->n > SVC_CPU_FFT_POINTS)
		return;
	do {
		if (old)
			svc_cpu_fft_destroy(old);
		pthread_mutex_lock(&svc_cpu_fft_cache);
		svc_cpu_fft_place(plan);
		old = plan->kept ? NULL : svc_cpu_fft_evict();
		pthread_mutex_unlock(&svc_cpu_fft_cache);
	} while (old);
}

/* Under the planner's lock. */
static struct svc_cpu_fft_plan *
svc_cpu_fft_make(const struct svc_cpu_fft_plan *want, fftwf_complex *in,
		 fftwf_complex *out)
{
	struct svc_cpu_fft_plan *plan = malloc(sizeof(*plan));
	unsigned int flags = FFTW_ESTIMATE | FFTW_PRESERVE_INPUT;

	if (!plan)
		return NULL;
	*plan = *want;
	plan->users = 1;
	if (!plan->aligned)
		flags |= FFTW_UNALIGNED;
	/* ESTIMATE: no trial runs, which would overwrite the arrays. */
	plan->plan = fftwf_plan_dft_1d((int)plan->n, in, out, plan->sign,
				       flags);
	/* Else FFTW remembers every size that any application ever asked. */
	fftwf_forget_wisdom();
	if (!plan->plan) {
		free(plan);
		return NULL;
	}
	svc_cpu_fft_keep(plan);
	return plan;
}

int
svc_cpu_fft_plan_get(uint32_t n, int sign, fftwf_complex *in,
		     fftwf_complex *out, struct svc_cpu_fft_plan **plan)
{
	struct svc_cpu_fft_plan want = {
		.n = n,
		.sign = sign,
		.same = in == out,
		.aligned = svc_cpu_fft_aligned(in, out),
	};
	struct svc_cpu_fft_plan *found = svc_cpu_fft_find(&want);

	if (!found) {
		pthread_mutex_lock(&svc_cpu_fft_planner);
		/* Another thread may have made it while this one waited. */
		found = svc_cpu_fft_find(&want);
		if (!found)
			found = svc_cpu_fft_make(&want, in, out);
		pthread_mutex_unlock(&svc_cpu_fft_planner);
	}
	if (!found)
		return -ENOMEM;
	*plan = found;
	return 0;
}

void
svc_cpu_fft_plan_run(const struct svc_cpu_fft_plan *plan, fftwf_complex *in,
		     fftwf_complex *out)
{
	fftwf_execute_dft(plan->plan, in, out);
}

void
svc_cpu_fft_plan_put(struct svc_cpu_fft_plan *plan)
{
	int last;

	pthread_mutex_lock(&svc_cpu_fft_cache);
	plan->users--;
	/* Only an unkept plan ends here, and it never has another user. */
	last = !plan->kept && !plan->users;
	pthread_mutex_unlock(&svc_cpu_fft_cache);
	if (!last)
		return;
	pthread_mutex_lock(&svc_cpu_fft_planner);
	svc_cpu_fft_destroy(plan);
	pthread_mutex_unlock(&svc_cpu_fft_planner);
}

void
svc_cpu_fft_plan_forget(void)
{
	struct svc_cpu_fft_plan *plan;

	pthread_mutex_lock(&svc_cpu_fft_planner);
	do {
		pthread_mutex_lock(&svc_cpu_fft_cache);
		plan = svc_cpu_fft_evict();
		pthread_mutex_unlock(&svc_cpu_fft_cache);
		if (plan)
			svc_cpu_fft_destroy(plan);
	} while (plan);
	pthread_mutex_unlock(&svc_cpu_fft_planner);
}

void
svc_cpu_fft_plan_kept(uint32_t *plans, uint64_t *points)
{
	int i;

	pthread_mutex_lock(&svc_cpu_fft_cache);
	*plans = 0;
	for (i = 0; i < SVC_CPU_FFT_PLANS; i++)
		*plans += svc_cpu_fft_plans[i] != NULL;
	*points = svc_cpu_fft_points;
	pthread_mutex_unlock(&svc_cpu_fft_cache);
}
