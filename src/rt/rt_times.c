/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn is timed by having the scheduler asked at its end: `turn` is 1 then.
 * The end stamps the task, whose `since` is exact from there on; a wake, too.
 * Then the scheduler must be asked when that task has its turn: the ready ring
 * tells in how many switches that is. One stamped task that is ready is looked
 * out for at a time; any number may be blocked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_times.h"
#include "utils/utils_clock.h"
#include "utils/utils_hist.h"

struct rt_times {
	int all;
	struct rt_task *in;	/* whose turn is timed; NULL: nobody's */
	uint64_t begun;		/* ticks of its begin */
	uint64_t sampled;	/* ticks of the last one */
	uint64_t pause;		/* ticks between two */
	uint32_t next;		/* where in the ring the stamped task is */
	int looked_for;		/* there is one */
	struct utils_hist run;
	struct utils_hist wait;
	struct utils_hist blocked;
	uint32_t names;
	struct rt_times_name by_name[VINE_RT_TIMED_NAMES];
};

static void
clear(struct rt_times *times)
{
	utils_hist_init(&times->run);
	utils_hist_init(&times->wait);
	utils_hist_init(&times->blocked);
	times->names = 0;
}

int
rt_times_new(struct rt_sched *sched, struct rt_times **out)
{
	struct rt_times *times = calloc(1, sizeof(*times));

	(void)sched;
	if (times == NULL)
		return -ENOMEM;
	clear(times);
	times->pause = utils_clock_from_ns(VINE_RT_SAMPLE_US * 1000);
	*out = times;
	return 0;
}

void
rt_times_free(struct rt_times *times)
{
	free(times);
}

void
rt_times_all(struct rt_sched *s, int all)
{
	s->times->all = all;
	clear(s->times);
}

/* --- counting ------------------------------------------------------------ */

static struct rt_times_name *
of_name(struct rt_times *times, const char *name)
{
	struct rt_times_name *n = times->by_name;

	for (uint32_t i = 0; i < times->names; i++, n++)
		if (strcmp(n->name, name) == 0)
			return n;
	if (times->names == VINE_RT_TIMED_NAMES)
		return n - 1;
	memset(n, 0, sizeof(*n));
	strcpy(n->name, ++times->names == VINE_RT_TIMED_NAMES ? "others" :
	       name);
	return n;
}

static void
add(struct rt_times_sum *sum, uint64_t ns)
{
	sum->count++;
	sum->total += ns;
	if (ns > sum->max)
		sum->max = ns;
}

#define COUNT(times, task, kind, ticks) \
	do { \
		uint64_t ns_ = utils_clock_span_ns(ticks); \
		utils_hist_record(&(times)->kind, ns_); \
		add(&of_name(times, (task)->name)->kind, ns_); \
	} while (0)

/* --- when what is timed comes -------------------------------------------- */

/* For the one that was made ready last. */
static void
look_out(struct rt_sched *s, struct rt_task *t)
{
	struct rt_times *times = s->times;

	if (times->all)
		return;
	if (times->looked_for) {
		t->stamped = 0;
		return;
	}
	times->looked_for = 1;
	times->next = s->tail - 1;
}

void
rt_times_moved(struct rt_sched *s, uint32_t by)
{
	s->times->next -= by;
}

uint32_t
rt_times_soon(const struct rt_sched *s, uint32_t from, uint32_t most)
{
	const struct rt_times *times = s->times;
	uint32_t left;

	if (times->in || times->all)
		return most ? 1 : 0;
	left = times->looked_for ? times->next - from + 1 : most;
	return left < most ? left : most;
}

void
rt_times_out(struct rt_sched *s, struct rt_task *t)
{
	struct rt_times *times = s->times;
	uint64_t now;

	if (times->in != t || t == NULL)
		return;
	times->in = NULL;
	now = utils_clock_ticks();
	COUNT(times, t, run, now - times->begun);
	times->sampled = now;
	if (t->state >= RT_TASK_ENDED)
		return;
	t->since = now;
	t->stamped = 1;
	if (t->state == RT_TASK_READY)
		look_out(s, t);
}

void
rt_times_woken(struct rt_sched *s, struct rt_task *t, uint64_t since)
{
	struct rt_times *times = s->times;
	uint32_t less;

	t->since = utils_clock_ticks();
	COUNT(times, t, blocked, t->since - since);
	look_out(s, t);
	/* the switches until the next turn were counted before it came */
	less = s->turn - rt_times_soon(s, s->head, s->turn);
	s->turn -= less;
	s->grain -= less;
}

void
rt_times_in(struct rt_sched *s)
{
	struct rt_task *t = s->ready[s->head & s->mask].task;
	struct rt_times *times = s->times;
	int is_next = times->looked_for && times->next == s->head;

	/* one that was passed by is not looked out for, either */
	if ((int32_t)(times->next - s->head) <= 0)
		times->looked_for = 0;
	if ((is_next || times->all) && t->stamped)
		COUNT(times, t, wait, utils_clock_ticks() - t->since);
	t->stamped = 0;
	if (!times->all && s->now < times->sampled + times->pause)
		return;
	times->in = t;
	times->begun = utils_clock_ticks();
}

/* --- reading ------------------------------------------------------------- */

static struct rt_times_of
read_hist(const struct utils_hist *h)
{
	return (struct rt_times_of){
		.count = h->count,
		.mean = (uint64_t)utils_hist_mean(h),
		.p50 = utils_hist_percentile(h, 50),
		.p99 = utils_hist_percentile(h, 99),
		.p999 = utils_hist_percentile(h, 99.9),
		.max = h->max,
	};
}

void
rt_times_read(const struct rt_sched *s, struct rt_times_report *r)
{
	const struct rt_times *times = s->times;

	memset(r, 0, sizeof(*r));
	r->run = read_hist(&times->run);
	r->wait = read_hist(&times->wait);
	r->blocked = read_hist(&times->blocked);
	r->names = times->names;
	memcpy(r->by_name, times->by_name,
	       times->names * sizeof(times->by_name[0]));
}
