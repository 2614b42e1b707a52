/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops that rest for the same time stand in one list, in the order of their
 * ends. One timer is set to the first end of all lists. An op's `result`, which
 * it has none of yet, is that end, or since when it waits again.
 *
 * One time in vain is nothing: another took what had come, or it was an event
 * of what stood there before. So is one after a long wait.
 */
#include "rt/rt_rest.h"

#define MS UINT64_C(1000000)

_Static_assert(VINE_RT_VAIN_MS << (RT_REST_STEPS - 2) < VINE_RT_VAIN_MAX_MS &&
	       VINE_RT_VAIN_MS << (RT_REST_STEPS - 1) >= VINE_RT_VAIN_MAX_MS,
	       "steps of a rest and its longest time");

static uint64_t
length_of(uint32_t step)
{
	uint64_t ms = (uint64_t)VINE_RT_VAIN_MS << step;

	return (ms < VINE_RT_VAIN_MAX_MS ? ms : VINE_RT_VAIN_MAX_MS) * MS;
}

static struct rt_op *
first_of(struct utils_list *list)
{
	struct utils_link *link = utils_list_first(list);

	return link ? utils_list_of(link, struct rt_op, queued) : NULL;
}

/* The timer, for the first end of a rest, if any op rests. */
static void
set_timer(struct rt_rest *r)
{
	uint64_t first = RT_TIMER_NEVER;

	for (uint32_t i = 0; i < RT_REST_STEPS; i++) {
		const struct rt_op *op = first_of(&r->steps[i]);

		if (op && (uint64_t)op->result < first)
			first = (uint64_t)op->result;
	}
	if (first != RT_TIMER_NEVER)
		rt_timers_set(r->timers, &r->timer, first);
}

static void
on_timer(struct rt_timer *timer)
{
	struct rt_rest *r = timer->user;
	const uint64_t now = timer->at;

	for (uint32_t i = 0; i < RT_REST_STEPS; i++) {
		struct rt_op *op;

		while ((op = first_of(&r->steps[i])) != NULL &&
		       (uint64_t)op->result <= now) {
			utils_list_remove(&op->queued);
			op->result = (int64_t)now;
			r->again(r->user, op);
		}
	}
	set_timer(r);
}

void
rt_rest_init(struct rt_rest *r, struct rt_timers *timers,
	     void (*again)(void *user, struct rt_op *op), void *user)
{
	*r = (struct rt_rest){
		.timers = timers,
		.timer = { .fire = on_timer, .user = r },
		.again = again,
		.user = user,
	};
	for (uint32_t i = 0; i < RT_REST_STEPS; i++)
		utils_list_init(&r->steps[i]);
}

int
rt_rest_vain(struct rt_rest *r, struct rt_op *op, uint64_t now)
{
	uint32_t step;

	if (op->vain && now - (uint64_t)op->result >
	    VINE_RT_VAIN_MAX_MS * MS)
		op->vain = 0;
	op->result = (int64_t)now;
	if (op->vain++ == 0)
		return 0;
	step = op->vain - 2u;
	if (step >= RT_REST_STEPS) {
		step = RT_REST_STEPS - 1;
		op->vain--;
	}
	op->result += (int64_t)length_of(step);
	utils_list_remove(&op->queued);
	utils_list_push_back(&r->steps[step], &op->queued);
	set_timer(r);
	return 1;
}
