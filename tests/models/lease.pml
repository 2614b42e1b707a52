/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session holds, and how it is taken back: once, when nobody uses it.
 *
 * Follows src/core/vine_door.c (look_at), vine_reaper.c (vine_reaper_go),
 * vine_rec.c (vine_rec_close, leave_here, finish), vine_pq.c (queue_index),
 * vine_lane.c (take_in, vine_lane_remove), vine_sleep.c (vine_lane_arm),
 * vine_req.c (vine_req_hold, unhold), vine_extent.c
 * (vine_extents_find, rest, vine_extents_sweep) and vine_pipe.c
 * (vine_pipe_sweep). A session with one queue in lane 1, one task and one
 * extent; the door's thread; a service that works on the task's data. The
 * application may give the extent back while the task uses it, detach, or die,
 * in any order and at any time; its byte lock goes only when it dies. What came
 * free is granted to the next session at once. Order of memory is taken for
 * granted here (EXT, QUIET).
 *
 * Properties: taken back exactly once, and not from one that lives and did not
 * ask; what the next session is granted, nobody of the last still uses; a queue
 * whose index was used again is found by its bit; nothing gets stuck.
 *
 * Twins: NO_LOCK (the lock is not asked), TWICE (a closing session is closed
 * again), NO_QUIET (QUIET-R1), NO_HOLD (a held request does not count),
 * NO_LEAVE (a lane lets go while requests are held), INDEX_EARLY (an index is
 * used again before the lane's number has gone).
 */
#define OPEN	1
#define CLOSING	2
#define CLOSED	3
#define GRANTED	1
#define RESTING	2
#define FREE	3

/* the application */
bit dead, asked, gave, published;
/* the session's record */
byte rec = OPEN;
byte closings, returns;
bit leave;		/* the post to the lane */
/* its extent: serial 1 is the session's, 2 the next one's, 0 nobody's */
byte serial = 1, extent = GRANTED, rested;
byte holds;
/* its queue: pipe->queues[i], pipe->queue_lanes[i] */
byte queues = 1, queue_lanes = 1;
byte epoch, quiet;
bit asleep;
bit in_use;		/* somebody has a view of the extent */
bit held, answered;

proctype application()
{
	if
	:: published = 1
	:: true
	fi;
	if
	:: gave = 1
	:: true
	fi;
	if
	:: asked = 1
	:: true
	fi;
	/* at any time before, as nobody waits for it to get here */
	dead = 1
}

inline rest()
{
	/* vine_pipe_rest(), then the serial goes */
	epoch++;
	rested = epoch;
	d_step { serial = 0; extent = RESTING }
}

proctype lane()
{
	byte seen;
	bit view;

poll:	/* QUIET-R1 */
	seen = epoch;
	quiet = seen;
	seen = 0;
	if
	:: answered ->
		/* run_answers(), unhold(), vine_cring_push() */
		d_step {
			assert(queues == 1);
			answered = 0; held = 0; in_use = 0;
#ifndef NO_HOLD
			holds--
#endif
		}
	:: !answered
	fi;
	/* leave_here(): while something is held it is deferred */
	if
#ifdef NO_LEAVE
	:: leave ->
#else
	:: leave && !held ->
#endif
		/* vine_lane_remove() */
		leave = 0;
		queues = 0;
		queue_lanes = 0;
		/* finish() of vine_rec.c */
		returns++;
		assert(returns == 1);
		if
		:: extent == GRANTED -> rest()
		:: else
		fi;
		rec = CLOSED
	:: else
	fi;
	/* visit(), vine_req_admit(): vine_extents_find() */
	if
	:: published && queues == 1 ->
		published = 0;
		d_step { view = (serial == 1); in_use = in_use | view };
		if
		:: view ->
			view = 0;
			if
			:: in_use = 0		/* answered at once */
			:: /* vine_req_hold() */
#ifndef NO_HOLD
				holds++;
#endif
				held = 1
			fi
		:: !view
		fi
	:: else
	fi;
	/* vine_lane_arm() */
	asleep = 1;
end:	if
	:: published && queues == 1
	:: leave && !held
	:: answered
	:: extent == RESTING	/* somebody else's work wakes it */
	fi;
	/* vine_lane_awake() */
	asleep = 0;
	goto poll
}

proctype service()
{
end:	do
	:: held && !answered -> answered = 1
	od
}

proctype door()
{
	byte low;

end:	do
	:: gave && rec == OPEN && extent == GRANTED ->
		/* a control task: vine_extents_return() */
		rest()
	:: rec == OPEN && asked ->
		/* look_at() */
		rec = CLOSING; closings++; leave = 1
#ifdef NO_LOCK
	:: rec == OPEN ->
#else
	:: rec == OPEN && dead ->
#endif
		/* vine_reaper_go() */
		rec = CLOSING; closings++; leave = 1;
		assert(dead)
#ifdef TWICE
	:: rec == CLOSING && dead && closings < 2 ->
		closings++; leave = 1
#endif
	:: extent == RESTING ->
		/* vine_pipe_sweep() */
		d_step { epoch = (epoch == rested -> epoch + 1 : epoch) };
#ifdef NO_QUIET
		low = 255;
#else
		low = quiet;
		if
		:: asleep -> low = 255
		:: !asleep
		fi;
#endif
		if
		:: rested < low && holds == 0 ->
			extent = FREE;
			/* and the next session has it */
			assert(!in_use);
			serial = 2
		:: else ->
			/* not yet: until there is a reason to look again */
			(rested < quiet || asleep) && holds == 0
		fi;
		low = 0
	/* queue_index(), vine_pq_open() */
#ifdef INDEX_EARLY
	:: queues == 0 ->
#else
	:: queues == 0 && queue_lanes == 0 ->
#endif
		queue_lanes = 2;
		queues = 2;
		/* vine_lane_queue(), for ever after */
		rec == CLOSED;
		assert(queue_lanes == 2)
	od
}

init {
	atomic {
		run application();
		run lane();
		run service();
		run door()
	}
}
