/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a queue has held is its list, which is the lane's; so who is not the
 * lane's thread posts.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/vine_cancel.h"
#include "core/vine_lane.h"
#include "core/vine_pipe.h"

uint32_t
vine_cancel_held(struct vine_pq *pq)
{
	struct vine_req *r = pq->held;
	uint32_t left = 0;

	for (struct vine_req *next; r; r = next) {
		const struct vine_owner *owner = r->accel->owner;

		next = r->held_next;	/* cancel may end r, and r alone */
		if (!r->canceled && owner->cancel) {
			r->canceled = 1;
			owner->cancel(owner->state, r);
		}
	}
	for (r = pq->held; r; r = r->held_next)
		left++;
	return left;
}

static void
cancel_here(struct vine_lane *lane, struct vine_post *post)
{
	for (uint32_t i = 0; i < lane->all_count; i++)
		vine_cancel_held(lane->all[i]);
	free(post);
}

int
vine_cancel_all(struct vine_lane *lane)
{
	struct vine_post *post = calloc(1, sizeof(*post));

	if (post == NULL)
		return -ENOMEM;
	post->fn = cancel_here;
	vine_lane_post(lane, post);
	return 0;
}
