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

static json_t *
number_or_null(int known, uint64_t n)
{
	return known ? json_integer(vined_command_int(n)) : json_null();
}

static json_t *
lane_row(const struct vined_admin *a, uint32_t i, const struct look *look)
{
	const vine_pipe_s *pipe = a->pipes[i / a->worker_count];
	const struct vine_lane *lane = &pipe->lanes[i % a->worker_count];
	static const struct look none;
	int known = look != NULL;

	if (look == NULL)
		look = &none;
	return json_pack("{s:I, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:I}",
		"worker", vined_command_int(i % a->worker_count),
		"segment", vined_command_text(pipe->seg->name),
		"answers", known,
		"asleep", atomic_load(&lane->asleep) != 0,
		"queues", number_or_null(known, look->queues),
		"active", number_or_null(known, look->active),
		"filled", number_or_null(known, look->filled),
		"parked", number_or_null(known, look->parked),
		"armed", number_or_null(known, look->queues - look->active -
					look->filled - look->parked),
		"deferred", number_or_null(known, look->deferred),
		"held", vined_command_int(known ? look->held_count :
					  atomic_load(&lane->held_count)));
}

/* How long ago `from` was; null where it never was. */
static json_t *
age(uint64_t from, uint64_t now)
{
	return number_or_null(from != 0, now > from ?
			      utils_clock_span_ns(now - from) : 0);
}

static json_t *
held_row(const struct vined_admin *a, uint32_t i, const struct look *look,
	 const struct held *h)
{
	const vine_pipe_s *pipe = a->pipes[i / a->worker_count];

	return json_pack("{s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:s, s:b, s:o, "
			 "s:o}",
		"worker", vined_command_int(i % a->worker_count),
		"segment", vined_command_text(pipe->seg->name),
		"session", vined_command_int(h->session),
		"queue", vined_command_int(h->queue),
		"cookie", vined_command_int(h->cookie),
		"accelerator", vined_command_text(h->accel),
		"procedure", vined_command_text(h->proc),
		"state", h->execute ? "running" : "waiting",
		"cancelled", (int)h->canceled,
		"age_ns", age(h->take, look->now),
		"running_ns", age(h->execute, look->now));
}

static uint32_t
write_all(struct vined_call *call)
{
	struct dump *d = call->state;
	json_t *lanes = json_array(), *held = json_array();

	for (uint32_t i = 0; i < d->count; i++) {
		struct look *look = d->looks[i];

		/* what is not done by now is the lane's to free */
		if (!is_last(look))
			look = NULL;
		vined_command_row(call, lanes, lane_row(call->admin, i, look));
		for (uint32_t k = 0; look && k < look->shown; k++)
			vined_command_row(call, held, held_row(call->admin, i,
				look, &look->held[k]));
		free(look);
	}
	d->count = 0;
	return vined_command_answer(call, json_pack("{s:o, s:o}",
						    "lanes", lanes,
						    "held", held));
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
