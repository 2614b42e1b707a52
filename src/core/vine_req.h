/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request: a task that was admitted. All that it says was copied out of the
 * segment and checked; its views point into the segment.
 *
 * A request lives in its lane's pool. It is answered inside submit, or it is
 * held: then it counts on the extents it uses and on its procedure, hangs in
 * its lane's list, and whoever completes it posts it back to the lane, which
 * alone writes the completion ring.
 */
#ifndef VINE_REQ_H
#define VINE_REQ_H

#include <stdatomic.h>
#include <stdint.h>

#include <vine_pipe.h>

#include "core/vine_desc.h"

struct vine_extent;
struct vine_lane;
struct vine_pq;

/* Room for a task with a table, allocated when the first such one comes. */
struct vine_req_table {
	struct vine_view views[VINE_REFS_MAX];
	struct vine_ref refs[VINE_REFS_MAX];
	uint64_t args[VINE_ARGS_MAX / 8];
};

struct vine_req {
	struct vine_lane *lane;
	struct vine_pq *pq;
	struct vine_accel_s *accel;
	struct vine_proc_s *proc;
	struct vine_view *views;	/* inputs, then outputs */
	const void *args;
	uint32_t in_count;
	uint32_t out_count;
	uint32_t args_size;
	uint32_t cookie;
	uint32_t flags;			/* enum vine_desc_flag */
	uint32_t deadline_us;
	uint32_t handle;		/* of its accelerator; checked */
	uint64_t issue;			/* ticks, as the application says */
	uint64_t take;			/* ticks, ours */
	uint64_t execute;
	uint64_t complete;
	struct vine_view small_views[VINE_DESC_REFS_MAX];
	uint64_t small_args[VINE_DESC_BODY / 8];
	struct vine_req_table *table;
	void *word;			/* the service's */

	/* held ones */
	int held;
	int canceled;			/* the service was told */
	uint32_t placed;	/* not 0: it has a place, see vine_park.c */
	struct vine_req *next;		/* free list, mailbox, taken list */
	struct vine_req *held_next;
	struct vine_req **held_at;	/* what points to us */
	uint32_t status;		/* the answer on its way to the lane */
	int error;
	uint64_t value;
};

/*
 * vine_req_run judges a copied descriptor, fills a request with checked views
 * and hands it to the owner of its accelerator; or refuses it with a status.
 * The lane's thread. Returns 0, or -ENOMEM, or -EDQUOT where the session has as
 * many tasks in flight as it may: nothing was done then.
 */
int vine_req_run(struct vine_lane *lane, struct vine_pq *pq,
		 const struct vine_desc *desc);

/* vine_req_hold: see svc_hold in services/svc.h. */
void vine_req_hold(struct vine_req *req);

/* vine_req_expired tells whether the request's deadline has passed. */
int vine_req_expired(const struct vine_req *req);

/* VINE_STOP records that a request passed one of the nine stops. */
#define VINE_STOP(stop, req) \
	UTILS_TRACE_POINT(stop, (req)->pq->trace_id, (req)->cookie, \
			  utils_clock_ticks())

/* vine_req_answer writes the completion. The lane's thread. */
void vine_req_answer(struct vine_req *req, enum vine_status status, int error,
		     uint64_t value);

#endif
