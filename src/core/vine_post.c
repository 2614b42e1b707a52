/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts: callbacks that other threads leave with a lane.
 *
 * A list that anybody pushes to and the lane takes as a whole; it is turned
 * round, so that posts are called in the order in which they were left. A post
 * is one block of memory that its fn frees.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_heir.h"
#include "core/vine_lane.h"

void
vine_lane_post(struct vine_lane *lane, struct vine_post *post)
{
	struct vine_post *first = atomic_load(&lane->posts);

	do
		post->next = first;
	while (!atomic_compare_exchange_weak(&lane->posts, &first, post));
	vine_lane_ring(lane);
}

uint32_t
vine_lane_run_posts(struct vine_lane *lane)
{
	struct vine_post *p, *next, *fifo = NULL;
	uint32_t n = 0;

	if (atomic_load_explicit(&lane->posts, memory_order_relaxed) == NULL)
		return 0;
	p = atomic_exchange_explicit(&lane->posts, NULL, memory_order_acquire);
	for (; p; p = next) {
		next = p->next;
		p->next = fifo;
		fifo = p;
	}
	for (p = fifo; p; p = next, n++) {
		next = p->next;
		p->fn(lane, p);
	}
	return n;
}

void
vine_lane_defer(struct vine_lane *lane, struct vine_post *post)
{
	post->next = lane->deferred;
	lane->deferred = post;
}

void
vine_lane_run_deferred(struct vine_lane *lane)
{
	struct vine_post *p = lane->deferred, *next;

	lane->deferred = NULL;
	for (; p; p = next) {
		next = p->next;
		p->fn(lane, p);
	}
}

void
vine_post_drop(struct vine_post *first)
{
	struct vine_post *next;

	for (struct vine_post *p = first; p; p = next) {
		next = p->next;
		if (p->drop)
			p->drop(p);
		free(p);
	}
}

void
vine_lane_drop_posts(struct vine_lane *lane)
{
	vine_post_drop(lane->deferred);
	lane->deferred = NULL;
	vine_post_drop(atomic_exchange(&lane->posts, NULL));
}

struct add {
	struct vine_post post;
	struct vine_pq *pq;
};

static void
add_here(struct vine_lane *lane, struct vine_post *post)
{
	struct vine_pq *pq = ((struct add *)post)->pq;

	pq->place = lane->all_count;
	pq->added = 1;
	utils_list_push_back(&pq->share->queues, &pq->mate);
	lane->all[lane->all_count++] = pq;
	if (pq->entering)
		vine_heir_run_again(lane, pq);
	/* armed from the start; what came before this is found by this look */
	if (vine_ring_peek(&pq->sub))
		vine_lane_activate(lane, pq);
	free(post);
}

static void
add_drop(struct vine_post *post)
{
	free(((struct add *)post)->pq);
}

struct grow {
	struct vine_post post;
	struct vine_pq **all;
	struct vine_pq **active;
	uint32_t room;
};

static void
grow_here(struct vine_lane *lane, struct vine_post *post)
{
	struct grow *g = (struct grow *)post;

	memcpy(g->all, lane->all, lane->all_count * sizeof(*g->all));
	memcpy(g->active, lane->active,
	       lane->active_count * sizeof(*g->active));
	free(lane->all);
	free(lane->active);
	lane->all = g->all;
	lane->active = g->active;
	free(g);
}

static void
grow_drop(struct vine_post *post)
{
	free(((struct grow *)post)->all);
	free(((struct grow *)post)->active);
}

/* Room for one more queue, made here so that the lane never allocates. */
static int
reserve(struct vine_lane *lane)
{
	struct grow *g;

	if (atomic_load(&lane->reserved) < lane->all_room) {
		atomic_fetch_add(&lane->reserved, 1);
		return 0;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return -ENOMEM;
	g->room = lane->all_room * 2;
	g->all = malloc(g->room * sizeof(*g->all));
	g->active = malloc(g->room * sizeof(*g->active));
	if (g->all == NULL || g->active == NULL) {
		free(g->all);
		free(g->active);
		free(g);
		return -ENOMEM;
	}
	lane->all_room = g->room;
	atomic_fetch_add(&lane->reserved, 1);
	g->post.fn = grow_here;
	g->post.drop = grow_drop;
	vine_lane_post(lane, &g->post);
	return 0;
}

int
vine_lane_prepare(struct vine_lane *lane, struct vine_pq *pq,
		  struct vine_post **post)
{
	struct add *a = malloc(sizeof(*a));
	int rc = a ? reserve(lane) : -ENOMEM;

	if (rc) {
		free(a);
		return rc;
	}
	a->pq = pq;
	a->post.fn = add_here;
	a->post.drop = add_drop;
	*post = &a->post;
	return 0;
}

int
vine_lane_add(struct vine_lane *lane, struct vine_pq *pq)
{
	struct vine_post *post;
	int rc = vine_lane_prepare(lane, pq, &post);

	if (rc == 0)
		vine_lane_post(lane, post);
	return rc;
}
