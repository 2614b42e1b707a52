/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane that puts idle queues aside and goes to sleep, and applications that
 * issue meanwhile. A task that nobody wakes the lane for is a deadlock.
 *
 * ctest: timeout=600
 */
#include "proof_world.h"

template<unsigned QUEUES, unsigned TASKS, bool FLAT, bool FENCE>
struct arm_case
	: proof_suite<arm_case<QUEUES, TASKS, FLAT, FENCE>, 1 + QUEUES> {
	struct proof_world w;
	unsigned taken;
	static inline arm_case *self;

	static void
	execute(struct vine_pq *, const struct vine_desc *desc)
	{
		proof_task_number(desc);
		self->taken++;
	}

	void
	setup()
	{
		self = this;
		proof_execute = execute;
		proof_world_make(&w, QUEUES, FLAT, true, FENCE);
		taken = 0;
	}

	void
	run(unsigned i)
	{
		if (i == QUEUES) {
			proof_serve(&w, &taken, QUEUES * TASKS);
			return;
		}
		proof_own(&w, i);
		for (unsigned n = 0; n < TASKS; n++) {
			proof_issue(&w, i);
			vine_queue_knock(&w.queue[i].app, w.session.fence);
		}
	}
};

/* Another thread of the appliance leaves a callback with a lane that sleeps. */
struct post_case : proof_suite<post_case, 2> {
	struct proof_world w;
	struct vine_post post;
	unsigned called;
	static inline post_case *self;

	static void
	call(struct vine_lane *, struct vine_post *)
	{
		self->called++;
	}

	void
	setup()
	{
		self = this;
		proof_world_make(&w, 0, true, true, false);
		w.lane.posts.calm = false;
		post.fn = call;
		called = 0;
	}

	void
	run(unsigned i)
	{
		if (i == 0)
			vine_lane_post(&w.lane, &post);
		else
			proof_serve(&w, &called, 1);
	}
};

int
main(void)
{
	int bad = 0;

	proof_membarrier = 1;
	proof_idle_looks = 1;
	bad += proof_case<arm_case<1, 2, true, false>>("arm", { 3 }, {
		{ "ARM-R1", "vine_lane_retire_idle", PROOF_BARRIER },
	});
	bad += proof_case<arm_case<1, 2, false, false>>("arm, deep", { 3 }, {
		{ "ARM-R1", "vine_lane_retire_idle", PROOF_BARRIER },
		{ "READY-R1", "vine_ready_ring", PROOF_RMW },
		{ "READY-A1", "vine_ready_collect", PROOF_RMW },
	});
	proof_idle_looks = 3;
	bad += proof_case<arm_case<1, 2, true, false>>("sleep", { 3 }, {
		{ "SLEEP-A1", "vine_lane_arm", PROOF_BARRIER },
	});
	bad += proof_case<arm_case<1, 2, false, false>>("sleep, deep", { 3 }, {
		{ "SLEEP-A1", "vine_lane_arm", PROOF_BARRIER },
	});
	bad += proof_case<post_case>("post", { 0 }, {
		{ "SLEEP-A1", "vine_lane_arm", PROOF_BARRIER },
	});
	proof_idle_looks = 1;
	bad += proof_case<arm_case<2, 2, true, false>>("two", { 1 }, {
		{ "ARM-R1", "vine_lane_retire_idle", PROOF_BARRIER },
		{ "RING-A1", "vine_ring_peek_accel", PROOF_ACQUIRE },
	});
	bad += proof_case<arm_case<2, 1, false, false>>("two, deep", { 1 }, {
		{ "ARM-R1", "vine_lane_retire_idle", PROOF_BARRIER },
	});
	proof_membarrier = 0;
	bad += proof_case<arm_case<1, 2, true, true>>("fences", { 3 }, {
		{ "ARM-A1", "vine_queue_knock", PROOF_FENCE },
		{ "SLEEP-R1", "vine_ready_ring", PROOF_RMW_FENCE },
		{ "ARM-R1", "vine_lane_retire_idle", PROOF_BARRIER },
		{ "SLEEP-A1", "vine_lane_arm", PROOF_BARRIER },
	});
	bad += proof_case<post_case>("post, fences", { 0 }, {
		{ "SLEEP-R1", "vine_lane_ring", PROOF_RMW_FENCE },
		{ "SLEEP-A1", "vine_lane_arm", PROOF_BARRIER },
	});
	return bad != 0;
}
