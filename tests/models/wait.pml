/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an application that waits learns of its completion.
 *
 * Follows src/core/vine_wait.c (vine_wait_sleep), vine_queue.c
 * (vine_queue_sleep, vine_queue_wake, vine_queue_quiet) and vine_lane.h
 * (vine_lane_wake_peer). A thread, or with TWO two of them, sleeps on a queue
 * for a task of its own; the lane completes tasks in any order. They run for
 * ever; values of `waiting` that nobody remembers are used again.
 *
 * Stores of either side wait in a buffer. By default arch_bell_barrier()
 * reaches the lane (membarrier); with FENCES each side fences itself. No wait
 * has a time limit here, so a completion that nobody is woken for is an invalid
 * end state.
 *
 * Twins: NO_BARRIER (WAIT-R1), FENCES,NO_FENCE (WAIT-A1), NO_LOOK, SEEN_LATE
 * (the bell is noted after `waiting`), SAME_VALUE (`waiting` has one value for
 * every sleep, so the second is not rung for).
 */
bit issued[2], done[2];	/* of each thread's task */
bit posted[2], post_waits[2];	/* its completion; and still in the buffer */
byte waiting, my_waiting;	/* as the lane sees it, as it was stored */
byte sleepers, sleeps;		/* under sleep_lock */
byte rung, seen;	/* the lane's: the value last rung for; just looked at */
bit rung_word[2];	/* the futex word changed since the thread noted it */
bit asleep[2];

#define USED(v)	(v == rung || v == seen || v == waiting || v == my_waiting)
#define DRAINED	(waiting == my_waiting)
/* completions lie in one ring; whoever looks takes in all of them */
#define QUIET	(posted[0] == done[0] && posted[1] == done[1])

inline reap()
{
	d_step { done[0] = posted[0]; done[1] = posted[1] }
}

proctype thread(byte me)
{
	do
	:: d_step { done[me] == issued[me] -> issued[me] = !issued[me] };
		do
		:: atomic { posted[me] == issued[me] -> reap() }; break
		:: d_step { posted[me] != issued[me] -> reap() };
			/* vine_wait_sleep() */
#ifndef SEEN_LATE
			rung_word[me] = 0;
#endif
			/* vine_queue_sleep() */
			d_step {
				sleepers++;
#ifdef SAME_VALUE
				sleeps = 1;
#else
				sleeps = 1;
				do
				:: USED(sleeps) -> sleeps++
				:: else -> break
				od;
#endif
				my_waiting = sleeps
			};
#ifdef SEEN_LATE
			rung_word[me] = 0;
#endif
			/* WAIT-R1 */
#ifndef NO_BARRIER
			atomic {
				DRAINED;
#ifndef FENCES
				d_step {
					posted[0] = posted[0] ^ post_waits[0];
					posted[1] = posted[1] ^ post_waits[1];
					post_waits[0] = 0;
					post_waits[1] = 0
				}
#endif
			};
#endif
#ifndef NO_LOOK
			if
			:: !QUIET || done[me] == issued[me] -> goto awake
			:: QUIET && done[me] != issued[me]
			fi;
#endif
			/* arch_bell_wait() */
			atomic { DRAINED -> asleep[me] = !rung_word[me] };
			!asleep[me];
			/* vine_queue_wake() */
awake:			atomic {
				sleepers--;
				my_waiting = (sleepers == 0 -> 0 : my_waiting)
			}
		od
	od
}

/* vine_req_answer(): vine_cring_push(), vine_lane_wake_peer() */
proctype lane()
{
end:	do
	:: if
	   :: issued[0] != done[0] && posted[0] == done[0] &&
	      !post_waits[0] -> post_waits[0] = 1
	   :: issued[1] != done[1] && posted[1] == done[1] &&
	      !post_waits[1] -> post_waits[1] = 1
	   fi;
#if defined(FENCES) && !defined(NO_FENCE)
	   !post_waits[0] && !post_waits[1];
#endif
	   /* WAIT-A1 */
	   seen = waiting;
	   if
	   :: seen != 0 && seen != rung ->
		/* vine_lane_wake_peer_slow(), arch_bell_ring() */
		rung = seen;
		d_step {
			rung_word[0] = 1;
			rung_word[1] = 1;
			asleep[0] = 0;
			asleep[1] = 0
		}
	   :: else
	   fi;
	   seen = 0
	od
}

proctype buffers()
{
end:	do
	:: d_step { waiting != my_waiting -> waiting = my_waiting }
	:: d_step { post_waits[0] -> posted[0] = !posted[0]; post_waits[0] = 0 }
	:: d_step { post_waits[1] -> posted[1] = !posted[1]; post_waits[1] = 0 }
	od
}

init {
	atomic {
		run thread(0);
#ifdef TWO
		run thread(1);
#endif
		run lane();
		run buffers()
	}
}
