/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings, twice round and more: tasks to the lane and `taken` back; and
 * completions to one thread, whose places another gives out again.
 *
 * ctest: timeout=600
 */
#include "proof_world.h"

/*
 * An owner issues three tasks on a ring of two; the lane takes them, those of a
 * stream in batches of two.
 */
template<bool STREAM>
struct sub_case : proof_suite<sub_case<STREAM>, 2> {
	struct proof_world w;
	proof_var<uint32_t> data[PROOF_TASKS];
	unsigned taken;
	static inline sub_case *self;

	static void
	execute(struct vine_pq *, const struct vine_desc *desc)
	{
		unsigned n = proof_task_number(desc);

		proof_check(n == self->taken);
		proof_check(self->data[n] == n);
		self->taken++;
	}

	void
	setup()
	{
		self = this;
		proof_execute = execute;
		proof_world_make(&w, 1, true, true, false);
		proof_places(&w, 0);
		w.flags = STREAM ? VINE_DESC_STREAM : 0;
		taken = 0;
		for (unsigned n = 0; n < PROOF_TASKS; n++)
			data[n] = 0;
	}

	void
	run(unsigned i)
	{
		if (i == 0) {
			proof_own(&w, 0);
			for (unsigned n = 0; n < PROOF_TASKS; n++) {
				while (!vine_queue_room(&w.queue[0].app))
					arch_pause();
				data[n] = n;
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
 * Two tasks are under way; a stranger takes the answers in. The second is
 * answered first, and the owner issues a third task in its place. When that is
 * answered too, the first one's answer goes where the second one's was.
 */
struct comp_case : proof_suite<comp_case, 3> {
	struct proof_world w;
	proof_var<uint32_t> output[3];

	void
	setup()
	{
		proof_world_make(&w, 1, true, true, false);
		proof_issue(&w, 0);
		proof_issue(&w, 0);
		/* the slots are free, only places are not */
		arch_store32(&w.queue[0].shm.taken, 2);
		for (unsigned n = 0; n < 3; n++)
			output[n] = 0;
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
		struct vine_desc desc[3];
		unsigned taken = 0;

		for (unsigned n : { 1, 2, 0 }) {
			while (taken <= n)
				if (vine_ring_pop(&pq->sub, &desc[taken]))
					taken++;
				else
					arch_pause();
			output[n] = n;
			proof_answer(pq, &desc[n]);
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
				proof_check_result(&tasks[n], n);
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
		struct vine_task_s *tasks = w.queue[0].tasks;

		proof_check(proof_logged == 0);
		proof_check((tasks[2].cookie & 0xffff) ==
			    (tasks[1].cookie & 0xffff));
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
	bad += proof_case<sub_case<false>>("submission ring", { 3 }, {
		{ "RING-R1", "vine_ring_push", PROOF_RELEASE },
		{ "RING-A1", "vine_ring_pop", PROOF_ACQUIRE },
		{ "TAKEN-R1", "vine_visit_publish", PROOF_RELEASE },
		{ "TAKEN-A1", "has_room", PROOF_ACQUIRE },
	});
	bad += proof_case<sub_case<true>>("submission ring, stream", { 3 }, {
		{ "RING-R1", "vine_ring_push", PROOF_RELEASE },
		{ "TAKEN-R1", "vine_visit_publish", PROOF_RELEASE },
	});
	bad += proof_case<comp_case>("completion ring", { 2 }, {
		{ "RING-R2", "vine_cring_push", PROOF_RELEASE },
		{ "RING-A2", "vine_cring_pop", PROOF_ACQUIRE },
		{ "FLIGHT-R2", "complete", PROOF_RELEASE },
		{ "FLIGHT-A2", "vine_queue_has_room", PROOF_ACQUIRE },
	});
	bad += proof_case<forged_case>("forged completion", { 0 }, {
		{ "FLIGHT-R1", "vine_queue_put", PROOF_RELEASE },
		{ "FLIGHT-A1", "complete", PROOF_ACQUIRE },
	});
	return bad != 0;
}
