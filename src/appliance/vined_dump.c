/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look is one lane's post and its answer. Two have it, the lane and the
 * command; whoever is the second to be done with it frees it. The exchange of
 * `done` says who that is, and orders what the lane wrote before what the
 * command reads.
 */
#include <stdlib.h>
#include <string.h>

#include "appliance/vined_dump.h"
#include "utils/utils_clock.h"

#define POLL_MS 2u

/* One held request, with copies of all that may go away. */
struct held {
	char accel[sizeof(((struct vine_accel_s *)0)->name)];
	char proc[sizeof(((struct vine_proc_s *)0)->name)];
	uint32_t session;	/* its id */
	uint32_t queue;
	uint32_t cookie;
	uint32_t canceled;
	uint64_t take;		/* ticks; 0: it has no stamps */
	uint64_t execute;	/* ticks; 0: it waits */
};

struct look {
	struct vine_post post;	/* first: the lane frees what it drops */
	_Atomic int done;	/* 1: by one of the two */
	uint64_t now;		/* ticks, when the lane wrote this */
	uint32_t queues;
	uint32_t active;	/* looked at, and empty */
	uint32_t filled;	/* have tasks and wait for a turn */
	uint32_t parked;	/* have tasks and no place in a quota */
	uint32_t held_count;
	uint32_t deferred;	/* callbacks that wait for an answer */
	uint32_t shown;
	struct held held[VINE_CONTROL_HELD];
};

struct dump {
	uint32_t count;
	struct look *looks[];	/* lanes of the first pipe, ...; NULL: taken */
};

/* Returns 1 for the second of the two. */
static int
is_last(struct look *look)
{
	return atomic_exchange(&look->done, 1);
}

/* --- in the lane's thread ------------------------------------------------ */

static void
copy_held(struct held *to, struct vine_req *req)
{
	memcpy(to->accel, req->accel->name, sizeof(to->accel));
	memcpy(to->proc, req->proc->name, sizeof(to->proc));
	to->session = req->pq->serial;
	to->queue = req->pq->index;
	to->cookie = req->cookie;
	to->canceled = (uint32_t)req->canceled;
	to->take = req->take;
	/* a thread of the service may be storing it */
	to->execute = __atomic_load_n(&req->execute, __ATOMIC_RELAXED);
}

static void
look_here(struct vine_lane *lane, struct vine_post *post)
{
	struct look *look = (struct look *)post;

	look->now = utils_clock_ticks();
	look->queues = lane->all_count;
	look->active = lane->active_count;
	for (uint32_t i = 0; i < lane->all_count && i < VINE_CONTROL_QUEUES;
	     i++) {
		struct vine_pq *pq = lane->all[i];

		look->filled += pq->item.session != NULL;
		look->parked += pq->parked;
		for (struct vine_req *r = pq->held;
		     r && look->shown < VINE_CONTROL_HELD; r = r->held_next)
			copy_held(&look->held[look->shown++], r);
	}
	look->held_count = atomic_load(&lane->held_count);
	for (struct vine_post *p = lane->deferred; p; p = p->next)
		look->deferred++;
	if (is_last(look))
		free(look);
}

/* --- in the main thread -------------------------------------------------- */

uint32_t
vined_dump_begin(struct vined_call *call)
{
	const struct vined_admin *a = call->admin;
	uint32_t n = a->pipe_count * a->worker_count;
	struct dump *d = calloc(1, sizeof(*d) + n * sizeof(d->looks[0]));

	call->state = d;
	for (uint32_t i = 0; d && i < n; i++) {
		struct look *look = calloc(1, sizeof(*look));

		if (look == NULL)
			break;
		look->post.fn = look_here;
		d->looks[d->count++] = look;
		vine_lane_post(&a->pipes[i / a->worker_count]->
			       lanes[i % a->worker_count], &look->post);
	}
	if (d == NULL || d->count < n)
		return vined_command_refuse(call, "out of memory");
	return POLL_MS;
}

static void
write_lane(struct vined_call *call, uint32_t i, const struct look *look)
{
	const struct vined_admin *a = call->admin;
	const vine_pipe_s *pipe = a->pipes[i / a->worker_count];
	const struct vine_lane *lane = &pipe->lanes[i % a->worker_count];
	struct utils_json *j = &call->json;

	utils_json_object(j, NULL);
	utils_json_u64(j, "worker", i % a->worker_count);
	utils_json_text(j, "segment", pipe->seg->name);
	utils_json_bool(j, "answers", look != NULL);
	utils_json_bool(j, "asleep", atomic_load(&lane->asleep) != 0);
	if (look) {
		utils_json_u64(j, "queues", look->queues);
		utils_json_u64(j, "active", look->active);
		utils_json_u64(j, "filled", look->filled);
		utils_json_u64(j, "parked", look->parked);
		utils_json_u64(j, "armed", look->queues - look->active -
			       look->filled - look->parked);
		utils_json_u64(j, "deferred", look->deferred);
	} else {
		utils_json_null(j, "queues");
		utils_json_null(j, "active");
		utils_json_null(j, "filled");
		utils_json_null(j, "parked");
		utils_json_null(j, "armed");
		utils_json_null(j, "deferred");
	}
	utils_json_u64(j, "held", look ? look->held_count :
		       atomic_load(&lane->held_count));
	utils_json_close_object(j);
}

static void
put_age(struct utils_json *j, const char *key, uint64_t from, uint64_t now)
{
	if (from)
		utils_json_u64(j, key, now > from ?
			       utils_clock_span_ns(now - from) : 0);
	else
		utils_json_null(j, key);
}

static void
write_held(struct vined_call *call, uint32_t i, const struct look *look)
{
	const struct vined_admin *a = call->admin;
	struct utils_json *j = &call->json;

	for (uint32_t k = 0; k < look->shown; k++) {
		const struct held *h = &look->held[k];

		utils_json_object(j, NULL);
		utils_json_u64(j, "worker", i % a->worker_count);
		utils_json_text(j, "segment",
				a->pipes[i / a->worker_count]->seg->name);
		utils_json_u64(j, "session", h->session);
		utils_json_u64(j, "queue", h->queue);
		utils_json_u64(j, "cookie", h->cookie);
		utils_json_text(j, "accelerator", h->accel);
		utils_json_text(j, "procedure", h->proc);
		utils_json_text(j, "state", h->execute ? "running" :
				"waiting");
		utils_json_bool(j, "cancelled", (int)h->canceled);
		put_age(j, "age_ns", h->take, look->now);
		put_age(j, "running_ns", h->execute, look->now);
		utils_json_close_object(j);
	}
}

static uint32_t
write_all(struct vined_call *call)
{
	struct dump *d = call->state;
	struct utils_json *j = &call->json;

	utils_json_object(j, NULL);
	utils_json_list(j, "lanes");
	for (uint32_t i = 0; i < d->count; i++) {
		/* what is not done by now is the lane's to free */
		if (!is_last(d->looks[i]))
			d->looks[i] = NULL;
		write_lane(call, i, d->looks[i]);
	}
	utils_json_close_list(j);
	utils_json_list(j, "held");
	for (uint32_t i = 0; i < d->count; i++)
		if (d->looks[i])
			write_held(call, i, d->looks[i]);
	utils_json_close_list(j);
	utils_json_close_object(j);
	for (uint32_t i = 0; i < d->count; i++)
		free(d->looks[i]);
	d->count = 0;
	return 0;
}

uint32_t
vined_dump_again(struct vined_call *call)
{
	const struct dump *d = call->state;
	uint64_t ms = (utils_clock_ns() - call->begun) / 1000000;
	uint32_t i = 0;

	while (i < d->count && atomic_load(&d->looks[i]->done))
		i++;
	if (i < d->count && ms < VINE_CONTROL_LANE_MS)
		return POLL_MS;
	return write_all(call);
}

void
vined_dump_drop(struct vined_call *call)
{
	struct dump *d = call->state;

	for (uint32_t i = 0; d && i < d->count; i++)
		if (is_last(d->looks[i]))
			free(d->looks[i]);
	free(d);
}
