/* SPDX-License-Identifier: Apache-2.0 */
/*
 * World: one session with up to two queues, and the lane that serves them.
 *
 * Everything is what the product would have made, but small: rings of two
 * slots, two tasks in flight. The queues count as control queues, so that a
 * task that the lane takes comes to the case's execute() at once.
 *
 * Both sides are honest. So nobody must touch a word of a slot, but the first,
 * which says whose the slot is, while another one does.
 */
#ifndef PROOF_WORLD_H
#define PROOF_WORLD_H

#include "core/vine_ctl.h"
#include "core/vine_pipe.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "core/vine_thread.h"
#include "core/vine_wait.h"
#include "proof_run.h"

#define PROOF_SLOTS 2u
#define PROOF_PLACES 4u
#define PROOF_TASKS 3u

/* What the lane does with a task. Set by the case. */
extern void (*proof_execute)(struct vine_pq *pq,
			     const struct vine_desc *desc);

struct proof_queue {
	struct vine_queue_shm shm;
	struct vine_desc_shm sub[PROOF_SLOTS];
	struct vine_comp_shm comp[PROOF_SLOTS];
	_Atomic(struct vine_task_s *) flight[PROOF_PLACES];
	struct vine_queue app;		/* the application's half */
	struct vine_pq pq;		/* the appliance's */
	struct vine_keep_queue kept;	/* for the next appliance */
	uint32_t entries[PROOF_PLACES];	/* of its journal */
	struct vine_thread owner;
	struct vine_task_s tasks[PROOF_TASKS];
	unsigned issued;
};

struct proof_world {
	struct vine_session_shm session_shm;
	struct vine_bell_shm bell;
	struct vine_share share;
	uint32_t flags;			/* of all tasks, VINE_DESC_... */
	le64_t summary[1];
	le64_t leaf[2];
	struct vine_seg seg;
	struct vine_session session;
	struct vine_pipe_s pipe;
	struct vine_rec rec;
	struct vine_lane lane;
	struct vine_pq *active[2];
	struct vine_pq *all[2];
	_Atomic(struct vine_pq *) by_index[128];
	_Atomic(uint32_t) lane_of[128];
	struct proof_queue queue[2];
};

/*
 * proof_world_make sets up `count` queues, 1 and 65 or, flat, 1 and 2. They
 * are in the lane's active list, or armed. `fence`: the session issues fences.
 */
void proof_world_make(struct proof_world *w, unsigned count, bool flat,
		      bool active, bool fence);

/*
 * proof_places gives queue i places for all tasks of a case, so that only slots
 * are short. For cases that answer none.
 */
void proof_places(struct proof_world *w, unsigned i);

/* proof_own makes the calling thread the owner of queue i. */
void proof_own(struct proof_world *w, unsigned i);

/*
 * proof_issue issues task `n` of queue i, whose words follow from n. There must
 * be room. The owner.
 */
struct vine_task_s *proof_issue(struct proof_world *w, unsigned i);

/* proof_task_number checks that a descriptor is whole and tells which it is. */
unsigned proof_task_number(const struct vine_desc *desc);

/* proof_answer completes a task, with a value that follows from its number. */
void proof_answer(struct vine_pq *pq, const struct vine_desc *desc);

/* proof_check_result checks the result of task n, which is done. */
void proof_check_result(const struct vine_task_s *task, unsigned n);

/*
 * proof_serve is a worker: it polls the lane, sleeps where it may, and returns
 * when `tasks` have been taken. *taken counts them.
 */
void proof_serve(struct proof_world *w, const unsigned *taken, unsigned tasks);

#endif
