/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a worker learns of tasks: active and armed queues, ready bits, its bell.
 *
 * Follows src/core/vine_queue.h (vine_queue_knock), vine_ready.c
 * (vine_ready_ring, vine_ready_any, vine_ready_collect), vine_lane.c (take_in,
 * vine_lane_poll_share), vine_visit.c (vine_visit_queue), vine_sleep.c
 * (vine_lane_retire_idle, has_work, vine_lane_arm, vine_lane_awake) and
 * arch/spin/arch_bell.c. With FLAT there is no summary, as
 * in a segment of up to VINE_READY_FLAT_MAX queues. Two
 * applications with a queue each, neighbours in one leaf word, and the worker.
 * They run for ever; an application may stop once its tasks were taken.
 * Application 0 may die at any step.
 *
 * What a side stores waits in a buffer of its own and leaves it in any order. A
 * read-modify-write happens after all that was stored before. A load may
 * overtake the read-modify-write before it, as C11 and aarch64 without LSE
 * allow (`early`), but for the fence that arch_or64() has in it; with TSO none
 * may.
 *
 * By default arch_bell_barrier() reaches the applications (membarrier): it is a
 * fence in the middle of whatever they do. With FENCES it is a fence of the
 * worker alone, and the applications issue their own, as a session does that
 * was told so at the door.
 *
 * Property: nothing gets stuck. An application waits for ever only if it is
 * dead, so a task of a living one that nobody will find is an invalid end
 * state. The worker's sleep ends by itself only where application 0 died
 * between taking `sleeping` and ringing: there alone it needs its time limit.
 *
 * Twins: NO_ARM_BARRIER (ARM-R1), NO_SLEEP_BARRIER (SLEEP-A1), NO_MEMBARRIER
 * (a barrier that reaches nobody), NO_ARM_FENCE (ARM-A1) and NO_SLEEP_FENCE
 * (SLEEP-R1) with FENCES, NO_SECOND_LOOK, SUMMARY_IF_EMPTY, READ_THEN_CLEAR,
 * LOOK_THEN_TAKE (READY-A1), NO_LIMIT (a sleep without end).
 */
/* Words of the worker's that are stored through its buffer. */
#define ARMED	0	/* + queue */
#define SLEEPING 2

bit tail[2];		/* published, modulo 2: the sequence in the one slot */
bit head[2];		/* taken: private, but applications see it by answers */
bit word[3];		/* armed of each queue, sleeping */
bit mine[3];		/* the same as the worker stored them */
bit leaf[2];		/* one word of two bits */
bit summary;
bit rung;		/* the futex word has changed since it was noted */
bit asleep;		/* the worker waits in the kernel */
bit killed;		/* application 0 is dead */
bit ringing;		/* application 0 took `sleeping` and has not rung */

bit waits[2];		/* an application's slot is in its buffer */
bit early[2];		/* it has looked at `sleeping` ahead of time */
bit early_value[2];

#define STORE(w, v)	mine[w] = v
#define DRAINED	(word[0] == mine[0] && word[1] == mine[1] && word[2] == mine[2])
#define filled(q)	(tail[q] != head[q])
/* vine_ready_any() */
#ifdef FLAT
#define ANY		(leaf[0] || leaf[1])
#else
#define ANY		(summary != 0)
#endif

/* What waits in an application's buffer leaves it. */
inline flush_slot(q)
{
	tail[q] = tail[q] ^ waits[q];
	waits[q] = 0
}

/* The look at `sleeping` may come before the read-modify-write is seen. */
inline look_early(q)
{
	if
	:: d_step { early[q] = 1; early_value[q] = word[SLEEPING] }
	:: true
	fi
}

/* arch_fence_after_rmw(): what was seen ahead of time does not count. */
inline fence_after_rmw(q)
{
#ifdef NO_SLEEP_FENCE
	skip
#else
	early[q] = 0;
	early_value[q] = 0
#endif
}

inline application(me)
{
	do
	:: break
	:: /* vine_ring_push() */
		waits[me] = 1;
		/* vine_queue_knock() */
#if defined(FENCES) && !defined(NO_ARM_FENCE)
		!waits[me];
#endif
		/* ARM-A1 */
		if
		:: word[ARMED + me]
		:: !word[ARMED + me] -> goto done
		fi;
#if defined(FLAT) && !defined(TSO)
		look_early(me);
#endif
		/* vine_ready_ring(): READY-R1 */
		d_step {
			flush_slot(me);
#ifdef FLAT
			fence_after_rmw(me);
#else
			was = leaf[0] | leaf[1];
#endif
			leaf[me] = 1
		};
#ifndef FLAT
#ifdef SUMMARY_IF_EMPTY
		if
		:: was -> goto look
		:: !was
		fi;
#endif
#ifndef TSO
		look_early(me);
#endif
		d_step {
			was = 0;
			fence_after_rmw(me);
			summary = 1
		};
#endif
#ifdef SUMMARY_IF_EMPTY
look:		skip;
#endif
		/* SLEEP-R1 */
		d_step {
			was = (early[me] -> early_value[me] : word[SLEEPING]);
			early[me] = 0;
			early_value[me] = 0
		};
		if
		:: !was -> goto done
		:: was
		fi;
		d_step {
			was = word[SLEEPING];
			word[SLEEPING] = 0;
			mine[SLEEPING] = (was -> 0 : mine[SLEEPING]);
			ringing = ringing | (was && me == 0)
		};
		if
		:: !was -> goto done
		:: was
		fi;
		/* arch_bell_ring() */
		rung = 1;
		d_step { asleep = 0; ringing = ringing && me != 0 };
done:		atomic { !waits[me] && !filled(me) -> was = 0 }
	od
}

proctype living()
{
	bit was;

	application(1)
}

proctype mortal()
{
	bit was;

	{
		application(0)
	} unless {
		killed
	}
}

proctype fate()
{
	if
	:: killed = 1
	:: true
	fi
}

/* arch_bell_barrier() */
inline barrier()
{
	atomic {
		DRAINED;
#if !defined(FENCES) && !defined(NO_MEMBARRIER)
		d_step {
			flush_slot(0);
			flush_slot(1);
			/* a look ahead of time is done again */
			early[0] = 0;
			early_value[0] = 0;
			early[1] = 0;
			early_value[1] = 0
		}
#endif
	}
}

/* vine_lane_activate() */
inline activate(q)
{
	if
	:: got[q] && !polled[q] -> polled[q] = 1; STORE(ARMED + q, 0)
	:: else
	fi
}

/* Says of a queue that it is armed, or no more. */
inline say(q, which, value)
{
	if
	:: which -> STORE(ARMED + q, value)
	:: else
	fi
}

proctype worker()
{
	bit polled[2];		/* the queue is active */
	bit got[2];

	/* take_in(): vine_ready_any(), vine_ready_collect() */
poll:	if
	:: !ANY -> goto visit
	:: atomic { ANY && DRAINED -> summary = 0 }
	fi;
#ifdef LOOK_THEN_TAKE
	d_step { got[0] = leaf[0]; got[1] = leaf[1] };
	head[0] = (got[0] -> tail[0] : head[0]);
	head[1] = (got[1] -> tail[1] : head[1]);
	d_step { leaf[0] = 0; leaf[1] = 0; got[0] = 0; got[1] = 0 };
visit:	goto arm;
#else
	/* READY-A1 */
	d_step {
		got[0] = leaf[0]; got[1] = leaf[1];
#ifdef READ_THEN_CLEAR
	};
	d_step {
#endif
		leaf[0] = 0; leaf[1] = 0
	};
#ifdef NEIGHBOURS
	/* retired again at once */
	head[0] = (got[0] -> tail[0] : head[0]);
	head[1] = (got[1] -> tail[1] : head[1]);
	d_step { got[0] = 0; got[1] = 0 };
visit:	goto arm;
#else
	atomic { activate(1); got[1] = 0 };
#endif
#endif
#ifndef NEIGHBOURS
visit:	head[1] = (polled[1] -> tail[1] : head[1]);
	if
	:: goto poll
	:: polled[1] -> goto retire
	:: goto arm
	fi;

	/* vine_lane_retire_idle() */
retire:	STORE(ARMED + 1, 1);
	/* ARM-R1 */
#ifndef NO_ARM_BARRIER
	barrier();
#endif
#ifndef NO_ARM_LOOK
	if
	:: filled(1) -> STORE(ARMED + 1, 0); goto poll
	:: !filled(1)
	fi;
#endif
	polled[1] = 0;
	goto poll;
#endif

	/* vine_lane_arm() */
arm:	rung = 0;
	d_step {
		say(1, polled[1], 1);
		STORE(SLEEPING, 1)
	};
	/* SLEEP-A1 */
#ifndef NO_SLEEP_BARRIER
	barrier();
#endif
#ifndef NO_SLEEP_LOOK
	/* has_work() */
	if
	:: ANY -> goto awake
	:: !ANY
	fi;
	if
	:: polled[1] && filled(1) -> goto awake
	:: !polled[1] || !filled(1)
	fi;
#endif
	/* arch_bell_wait(): the kernel compares and queues as one step; a
	 * system call drains the buffer */
	atomic {
		DRAINED ->
		polled[1] = 0;
		asleep = !rung
	};
end:	if
	:: !asleep
#ifndef NO_LIMIT
	:: killed && ringing -> asleep = 0
#endif
	fi;
awake:	/* vine_lane_awake() */
	atomic {
		STORE(SLEEPING, 0);
		say(1, polled[1], 0)
	};
	goto poll
}

proctype buffers()
{
end:	do
	:: d_step { word[0] != mine[0] -> word[0] = mine[0] }
	:: d_step { word[1] != mine[1] -> word[1] = mine[1] }
	:: d_step { word[2] != mine[2] -> word[2] = mine[2] }
	:: d_step { waits[0] -> flush_slot(0) }
	:: d_step { waits[1] -> flush_slot(1) }
	od
}

init {
	/* queue_form(): a queue is armed from the start */
	d_step {
		word[ARMED] = 1; mine[ARMED] = 1;
		word[ARMED + 1] = 1; mine[ARMED + 1] = 1
	};
	atomic {
#ifdef NEIGHBOURS
		run mortal();
		run fate();
#endif
		run living();
		run worker();
		run buffers()
	}
}
