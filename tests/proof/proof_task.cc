/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task from its completion to its next use, by two threads. Each may take
 * in what the other waits for, each frees a task, and the owner uses again what
 * the stranger freed.
 *
 * ctest: timeout=600
 */
#include "proof_world.h"

struct task_case : proof_suite<task_case, 2> {
	struct proof_world w;

	void
	setup()
	{
		struct vine_desc desc;

		proof_world_make(&w, 1, true, true, false);
		proof_issue(&w, 0);
		proof_issue(&w, 0);
		while (vine_ring_pop(&w.queue[0].pq.sub, &desc))
			proof_answer(&w.queue[0].pq, &desc);
	}

	void
	wait_and_free(unsigned n)
	{
		struct vine_task_s *task = &w.queue[0].tasks[n];

		while (!vine_task_is_done(task)) {
			vine_queue_take(&w.queue[0].app);
			if (vine_task_is_done(task))
				break;
			arch_pause();
		}
		proof_check_result(task, n);
		proof_check(task->user == n);
		vine_task_unref(task);
	}

	void
	run(unsigned i)
	{
		struct vine_queue *app = &w.queue[0].app;
		struct vine_task_s *task;

		if (i == 1) {
			wait_and_free(1);
			return;
		}
		proof_own(&w, 0);
		wait_and_free(0);
		for (unsigned n = 0; n < 2; n++) {
			while (!app->free_tasks &&
			       !atomic_load_explicit(&app->freed,
						     memory_order_relaxed))
				arch_pause();
			task = vine_task_new(app);
			proof_check(task == &w.queue[0].tasks[0] ||
				    task == &w.queue[0].tasks[1]);
			task->user = 7;
		}
	}

	void
	finish()
	{
		struct vine_queue *app = &w.queue[0].app;

		proof_check(proof_logged == 0);
		proof_check(!app->free_tasks && !atomic_load(&app->freed));
	}
};

int
main(void)
{
	int bad = 0;

	proof_membarrier = 1;
	bad += proof_case<task_case>("task", { 3 }, {
		{ "TASK-R1", "vine_task_finish", PROOF_RELEASE },
		{ "TASK-A1", "vine_task_is_done", PROOF_ACQUIRE },
		{ "BIAS-R1", "arch_bias_take_slow", PROOF_BARRIER },
		{ "BIAS-R2", "arch_bias_leave", PROOF_RELEASE },
		{ "BIAS-A2", "arch_bias_take_slow", PROOF_ACQUIRE },
		{ "the token's release", "token_give", PROOF_RELEASE },
		{ "the token's acquire", "token_take", PROOF_RMW },
		{ "the references' order", "vine_task_unref_in", PROOF_RMW },
		{ "the free list's release", "vine_task_put_back", PROOF_RMW },
		{ "the free list's acquire", "vine_task_new_slow", PROOF_RMW },
	});
	return bad != 0;
}
