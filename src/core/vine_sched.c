/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of lists: a level has flows, a flow has items; who is first is next,
 * and goes to the end when its turn is over. A flow without items is on no
 * list, so what is idle costs nothing.
 *
 * The flows of a level stand in the order of their last turns. A flow that
 * comes back goes to the front if its last turn was before that of whoever
 * stands there: a session with a task now and then waits for one turn of
 * another, not for one of each. Nobody is overtaken twice by the same flow.
 */
#include <stddef.h>

#include "core/vine_sched.h"

#define flow_of(l) utils_list_of(l, struct vine_sched_flow, link)
#define item_of(l) utils_list_of(l, struct vine_sched_item, link)

_Static_assert(VINE_LEVELS <= 32, "a bit for each level");
_Static_assert(VINE_LEVEL_NORMAL < VINE_LEVELS, "the normal level exists");

void
vine_sched_init(struct vine_sched *sched)
{
	*sched = (struct vine_sched){ 0 };
	for (uint32_t i = 0; i < VINE_LEVELS; i++)
		utils_list_init(&sched->level[i]);
}

void
vine_sched_session_init(struct vine_sched_session *session, uint32_t weight)
{
	if (weight == 0)
		weight = VINE_WEIGHT_DEFAULT;
	*session = (struct vine_sched_session){
		.weight = weight < VINE_WEIGHT_MAX ? weight : VINE_WEIGHT_MAX,
	};
	for (uint32_t i = 0; i < VINE_LEVELS; i++) {
		utils_link_init(&session->flow[i].link);
		utils_list_init(&session->flow[i].items);
	}
}

/* Turns are counted in 32 bits; the difference tells. */
static int
is_before(const struct vine_sched_flow *a, const struct vine_sched_flow *b)
{
	return (int32_t)(a->turn - b->turn) < 0;
}

/* A flow gets its first item: where does it stand? */
static void
flow_add(struct vine_sched *sched, struct vine_sched_flow *flow,
	 uint32_t level)
{
	struct utils_list *flows = &sched->level[level];
	struct utils_link *at = &flows->head;	/* what to stand behind */

	/* in the middle of a turn nobody stands before who has it */
	if (sched->current && at->next == &sched->current->link)
		at = at->next;
	if (at->next != &flows->head && !is_before(flow, flow_of(at->next)))
		at = flows->head.prev;
	utils_list_insert_after(at, &flow->link);
	sched->filled |= 1u << level;
}

void
vine_sched_add(struct vine_sched *sched, struct vine_sched_session *session,
	       struct vine_sched_item *item, uint32_t level)
{
	struct vine_sched_flow *flow = &session->flow[level];

	if (utils_list_empty(&flow->items)) {
		flow->credit = (int32_t)session->weight;
		flow_add(sched, flow, level);
	}
	item->session = session;
	item->level = level;
	item->left = VINE_VISIT_BUDGET;
	utils_list_push_back(&flow->items, &item->link);
}

void
vine_sched_remove(struct vine_sched *sched, struct vine_sched_item *item)
{
	struct vine_sched_flow *flow;

	if (item->session == NULL)
		return;
	flow = &item->session->flow[item->level];
	item->session = NULL;
	utils_list_remove(&item->link);
	if (!utils_list_empty(&flow->items))
		return;
	utils_list_remove(&flow->link);
	if (utils_list_empty(&sched->level[item->level]))
		sched->filled &= ~(1u << item->level);
	if (sched->current == flow)
		sched->current = NULL;
}

static uint32_t
highest(uint32_t levels)
{
	return 31u - (uint32_t)__builtin_clz(levels);
}

/* The level to serve; there is one. */
static uint32_t
level_next(struct vine_sched *sched)
{
	uint32_t top = highest(sched->filled);
	uint32_t lower = sched->filled & ~(1u << top);

	if (lower == 0)
		sched->owed = 0;
	if (sched->owed < (int32_t)VINE_LEVEL_SHARE)
		return top;
	/* downwards from the one before, then from the top again */
	if (lower & ((1u << sched->low) - 1))
		lower &= (1u << sched->low) - 1;
	return highest(lower);
}

struct vine_sched_item *
vine_sched_next(struct vine_sched *sched)
{
	struct vine_sched_item *item;
	struct vine_sched_flow *flow;
	struct utils_list *flows;

	if (sched->filled == 0)
		return NULL;
	flows = &sched->level[level_next(sched)];
	for (;;) {
		flow = flow_of(utils_list_first(flows));
		item = item_of(utils_list_first(&flow->items));
		if (flow->credit > 0)
			break;
		/* alone: there is nobody whom it could owe a turn */
		if (flows->head.next == flows->head.prev) {
			flow->credit = (int32_t)item->session->weight;
			break;
		}
		flow->credit += (int32_t)item->session->weight;
		utils_list_remove(&flow->link);
		utils_list_push_back(flows, &flow->link);
	}
	if (flow != sched->current) {
		sched->current = flow;
		flow->turn = ++sched->turn;
	}
	return item;
}

/*
 * What the highest level uses while others wait is owed to those, and what they
 * use counts VINE_LEVEL_SHARE times against it.
 */
static void
level_charge(struct vine_sched *sched, uint32_t level, int32_t units)
{
	if (level == highest(sched->filled)) {
		if (sched->filled & (sched->filled - 1))
			sched->owed += units;
		return;
	}
	sched->owed -= units * (int32_t)VINE_LEVEL_SHARE;
	sched->low = level;
}

void
vine_sched_charge(struct vine_sched *sched, struct vine_sched_item *item,
		  uint32_t tasks, uint32_t units)
{
	struct vine_sched_flow *flow = &item->session->flow[item->level];
	struct utils_list *flows = &sched->level[item->level];
	int32_t n = units < VINE_DEBT_WORK_MAX ? (int32_t)units :
		(int32_t)VINE_DEBT_WORK_MAX;

	level_charge(sched, item->level, n);
	item->left -= (int32_t)tasks;
	if (item->left <= 0) {
		item->left = VINE_VISIT_BUDGET;
		utils_list_remove(&item->link);
		utils_list_push_back(&flow->items, &item->link);
	}
	flow->credit -= n;
	if (flow->credit > 0)
		return;
	flow->credit += (int32_t)item->session->weight;
	utils_list_remove(&flow->link);
	utils_list_push_back(flows, &flow->link);
	sched->current = NULL;
}
