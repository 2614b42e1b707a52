/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of an application that sleep until a task is done, or until there is
 * room, and a lane that completes and takes. A sleep that nobody ends is a
 * deadlock.
 *
 * ctest: timeout=600
 */
#include "proof_world.h"

static int
is_done(void *task)
{
	return vine_task_is_done((struct vine_task_s *)task);
}

static int
has_room(void *queue)
{
	return vine_queue_room((struct vine_queue *)queue);
}

/* As vine_wait(), without the looks before the sleep. */
static void
wait_for(struct vine_queue *queue, int (*done)(void *arg), void *arg)
{
	for (;;) {
		if (vine_queue_peek(queue))
			vine_queue_reap(queue);
		if (done(arg))
			return;
		vine_wait_sleep(&queue, 1, done, arg, 1);
		arch_pause();
	}
}

/* The owner, and with two waiters a stranger, wait for a task each. */
template<unsigned WAITERS, bool FENCE>
struct wait_case : proof_suite<wait_case<WAITERS, FENCE>, 1 + WAITERS> {
	struct proof_world w;

	void
	setup()
	{
		proof_world_make(&w, 1, true, true, FENCE);
		for (unsigned n = 0; n < WAITERS; n++)
			proof_issue(&w, 0);
	}

	void
	run(unsigned i)
	{
		struct proof_queue *q = &w.queue[0];
		struct vine_desc desc;

		if (i == WAITERS) {
			while (vine_ring_pop(&q->pq.sub, &desc))
				proof_answer(&q->pq, &desc);
			return;
		}
		if (i == 0)
			proof_own(&w, 0);
		wait_for(&q->app, is_done, &q->tasks[i]);
		proof_check_result(&q->tasks[i], i);
	}
};

/* The owner streams on and fills a ring twice; the lane sleeps, and so does
 * he. */
template<bool FENCE>
struct room_case : proof_suite<room_case<FENCE>, 2> {
	struct proof_world w;
	unsigned taken;
	static inline room_case *self;

	static void
	execute(struct vine_pq *, const struct vine_desc *desc)
	{
		proof_check(proof_task_number(desc) == self->taken);
		self->taken++;
	}

	void
	setup()
	{
		self = this;
		proof_execute = execute;
		proof_world_make(&w, 1, true, true, FENCE);
		proof_places(&w, 0);
		w.flags = VINE_DESC_STREAM;
		proof_issue(&w, 0);
		taken = 0;
	}

	void
	run(unsigned i)
	{
		struct vine_queue *app = &w.queue[0].app;

		if (i == 1) {
			proof_serve(&w, &taken, PROOF_TASKS);
			return;
		}
		proof_own(&w, 0);
		while (w.queue[0].issued < PROOF_TASKS) {
			if (!vine_queue_room(app)) {
				vine_queue_knock(app, w.session.fence);
				wait_for(app, has_room, app);
			}
			proof_issue(&w, 0);
		}
		vine_queue_knock(app, w.session.fence);
	}
};

int
main(void)
{
	int bad = 0;

	proof_membarrier = 1;
	proof_idle_looks = 1;
	bad += proof_case<wait_case<1, false>>("wait", { 4 }, {
		{ "WAIT-R1", "vine_wait_sleep", PROOF_BARRIER },
	});
	bad += proof_case<wait_case<2, false>>("wait, two", { 1 }, {
		{ "WAIT-R1", "vine_wait_sleep", PROOF_BARRIER },
		{ "the token's release", "token_give", PROOF_RELEASE },
		{ "the token's acquire", "token_take", PROOF_RMW },
	});
	bad += proof_case<room_case<false>>("room", { 3 }, {
		{ "WAIT-R1", "vine_wait_sleep", PROOF_BARRIER },
	});
	proof_membarrier = 0;
	bad += proof_case<wait_case<1, true>>("wait, fences", { 4 }, {
		{ "WAIT-R1", "vine_wait_sleep", PROOF_BARRIER },
		{ "WAIT-A1", "vine_lane_wake_peer", PROOF_FENCE },
	});
	bad += proof_case<room_case<true>>("room, fences", { 3 }, {
		{ "WAIT-A1", "vine_lane_wake_peer", PROOF_FENCE },
	});
	return bad != 0;
}
