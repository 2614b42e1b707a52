/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings, twice round and more: tasks to the lane and `taken` back; and
 * completions to one thread, whose places another gives out again.
 *
 * ctest: timeout=600
 */
#include "proof_world.h"

/* An owner issues three tasks on a ring of two; the lane takes them. */
struct sub_case : proof_suite<sub_case, 2> {
	struct proof_world w;
	proof_var<uint32_t> data[PROOF_SLOTS];	/* of the tasks, reused */
	unsigned taken;
	static inline sub_case *self;

	static void
	execute(struct vine_pq *, const struct vine_desc *desc)
	{
		unsigned n = proof_task_number(desc);

		proof_check(n == self->taken);
		proof_check(self->data[n % PROOF_SLOTS] == n);
		self->taken++;
	}

	void
	setup()
	{
		self = this;
		proof_execute = execute;
		proof_world_make(&w, 1, true, true, false);
		/* plenty of credits: they are for the other case */
		w.queue[0].app.credit_seen = 2 * PROOF_TASKS;
		taken = 0;
		data[0] = 0;
		data[1] = 0;
	}

	void
	run(unsigned i)
	{
		if (i == 0) {
			proof_own(&w, 0);
			for (unsigned n = 0; n < PROOF_TASKS; n++) {
				while (!vine_queue_room(&w.queue[0].app))
					arch_pause();
				data[n % PROOF_SLOTS] = n;
				proof_issue(&w, 0);
			}
		} else {
			while (taken < PROOF_TASKS)
				if (!vine_lane_poll(&w.lane))
					arch_pause();
		}
	}
};

/*
 * Two tasks are under way. A thread answers them; a stranger takes the answers
 * in; the owner issues a third task when there is a credit.
 */
struct comp_case : proof_suite<comp_case, 3> {
	struct proof_world w;
	proof_var<uint32_t> output[2];

	void
	setup()
	{
		proof_world_make(&w, 1, true, true, false);
		proof_issue(&w, 0);
		proof_issue(&w, 0);
		/* the slots are free, only credits are not */
		arch_store32(&w.queue[0].shm.taken, 2);
		output[0] = 0;
		output[1] = 0;
	}

	void
	owner()
	{
		proof_own(&w, 0);
		while (!vine_queue_room(&w.queue[0].app))
			arch_pause();
		proof_issue(&w, 0);
	}

	void
	answerer()
	{
		struct vine_pq *pq = &w.queue[0].pq;
		struct vine_desc desc;

		for (unsigned n = 0; n < 2; n++) {
			vine_ring_pop(&pq->sub, &desc);
			output[n] = n;
			proof_answer(pq, &desc);
		}
	}

	void
	reaper()
	{
		struct vine_task_s *tasks = w.queue[0].tasks;
		unsigned n = 0;

		while (n < 2) {
			if (!vine_queue_peek(&w.queue[0].app) ||
			    !vine_queue_take(&w.queue[0].app))
				arch_pause();
			for (; n < 2 && vine_task_is_done(&tasks[n]); n++) {
				proof_check(tasks[n].value == proof_value(n));
				proof_check(output[n] == n);
			}
		}
	}

	void
	run(unsigned i)
	{
		i == 0 ? owner() : i == 1 ? reaper() : answerer();
	}

	void
	finish()
	{
		proof_check(proof_logged == 0);
	}
};

/*
 * An appliance that lies: the completion is there before its task. The thread
 * that takes it in finds no task, or a whole one.
 */
struct forged_case : proof_suite<forged_case, 2> {
	struct proof_world w;

	void
	setup()
	{
		struct vine_comp comp = {};

		proof_world_make(&w, 1, true, true, false);
		comp.cookie = vine_queue_next_cookie(&w.queue[0].app);
		vine_cring_push(&w.queue[0].pq.comp, &comp);
	}

	void
	run(unsigned i)
	{
		if (i == 0) {
			proof_own(&w, 0);
			proof_issue(&w, 0);
		} else {
			vine_queue_take(&w.queue[0].app);
		}
	}

	void
	finish()
	{
		proof_check(proof_logged +
			    vine_task_is_done(&w.queue[0].tasks[0]) == 1);
	}
};

int
main(void)
{
	int bad = 0;

	proof_idle_looks = 1000000;
	proof_membarrier = 1;
	bad += proof_case<sub_case>("submission ring", { 3 }, {
		{ "RING-R1", "vine_ring_push", PROOF_RELEASE },
		{ "RING-A1", "vine_ring_pop", PROOF_ACQUIRE },
		{ "TAKEN-R1", "publish_taken", PROOF_RELEASE },
		{ "TAKEN-A1", "has_room", PROOF_ACQUIRE },
	});
	bad += proof_case<comp_case>("completion ring", { 2 }, {
		{ "RING-R2", "vine_cring_push", PROOF_RELEASE },
		{ "RING-A2", "vine_cring_pop", PROOF_ACQUIRE },
		{ "CREDIT-R1", "take_in", PROOF_RELEASE },
		{ "CREDIT-A1", "has_room", PROOF_ACQUIRE },
	});
	bad += proof_case<forged_case>("forged completion", { 0 }, {
		{ "FLIGHT-R1", "vine_queue_put", PROOF_RELEASE },
		{ "FLIGHT-A1", "take_in", PROOF_ACQUIRE },
	});
	return bad != 0;
}
