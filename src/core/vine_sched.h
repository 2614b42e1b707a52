/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduler: which of the things that wait is served next.
 *
 * What waits is an *item*: in a lane a queue that has tasks, in a pool a
 * request. An item is filed under a session and a level, the priority of the
 * accelerator that it is for. Three questions are asked, in this order:
 *
 *   level    the highest that has items; of VINE_LEVEL_SHARE + 1 units of work
 *            one goes to the levels below, in turn, so none starves
 *   session  deficit round robin: a turn is as many units as the session's
 *            weight, however many items it has
 *   item     round robin, VINE_VISIT_BUDGET tasks at a time
 *
 * What a unit is, is the user's affair: vine_sched_charge says how many were
 * used. Work is charged after it was done, so a turn may be overdrawn; the debt
 * is paid by turns left out.
 *
 * Every function takes constant time but vine_sched_next, which passes over
 * sessions in debt: at most once for each unit that was charged before. Nothing
 * allocates and nothing locks; one thread at a time.
 */
#ifndef VINE_SCHED_H
#define VINE_SCHED_H

#include <stdint.h>

#include "core/vine_limits.h"
#include "utils/utils_list.h"

/* The level of priority 0. Priorities are from -8 to 7. */
#define VINE_LEVEL_NORMAL 8u

/* A session's items of one level. */
struct vine_sched_flow {
	struct utils_link link;		/* in its level, while it has items */
	struct utils_list items;
	int32_t credit;			/* units left of its turn */
	uint32_t turn;			/* when it last had one */
};

/* A session, or whatever has a weight. */
struct vine_sched_session {
	uint32_t weight;
	uint32_t entered;		/* see vine_sched_enter */
	struct vine_sched_flow flow[VINE_LEVELS];
};

struct vine_sched_item {
	struct utils_link link;		/* in its flow */
	struct vine_sched_session *session; /* NULL: not filed */
	uint32_t level;
	int32_t left;			/* tasks, until the next item's turn */
};

struct vine_sched {
	uint32_t filled;		/* a bit for each level with items */
	uint32_t sessions;		/* that have entered */
	uint32_t turn;			/* counts them */
	uint32_t low;			/* level last served out of order */
	int32_t owed;			/* to the levels below, see charge */
	struct vine_sched_flow *current; /* whose turn it is; NULL: nobody's */
	struct utils_list level[VINE_LEVELS]; /* flows; the first is next */
};

/* vine_sched_init makes a scheduler without items. */
void vine_sched_init(struct vine_sched *sched);

/*
 * vine_sched_session_init makes a session without items. A weight out of range
 * counts as the nearest that is in it; 0 as the default.
 */
void vine_sched_session_init(struct vine_sched_session *session,
			     uint32_t weight);

/*
 * vine_sched_enter and vine_sched_leave count the sessions that may have items
 * soon; each enter needs a leave. sched->sessions tells whether there is
 * anybody to be fair to.
 */
static inline void
vine_sched_enter(struct vine_sched *sched, struct vine_sched_session *session)
{
	sched->sessions += session->entered++ == 0;
}

static inline void
vine_sched_leave(struct vine_sched *sched, struct vine_sched_session *session)
{
	sched->sessions -= --session->entered == 0;
}

/*
 * vine_sched_add files an item that is not filed. A session that comes back
 * after others had their turn is next; else it is last.
 */
void vine_sched_add(struct vine_sched *sched,
		    struct vine_sched_session *session,
		    struct vine_sched_item *item, uint32_t level);

/* vine_sched_remove takes an item out, if it is filed. */
void vine_sched_remove(struct vine_sched *sched, struct vine_sched_item *item);

/*
 * vine_sched_next returns the item to serve, which stays filed, or NULL. Until
 * something is charged, added or removed, it is the same.
 */
struct vine_sched_item *vine_sched_next(struct vine_sched *sched);

/* vine_sched_credit returns how many units are left of its session's turn. */
static inline uint32_t
vine_sched_credit(const struct vine_sched_item *item)
{
	return (uint32_t)item->session->flow[item->level].credit;
}

/*
 * vine_sched_charge says what was done for the item that vine_sched_next
 * returned: so many tasks, and `units`, at least 1, of work. Tasks end the
 * item's turn, units that of its session; then sched->current is NULL.
 */
void vine_sched_charge(struct vine_sched *sched, struct vine_sched_item *item,
		       uint32_t tasks, uint32_t units);

#endif
