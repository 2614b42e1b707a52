/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake at the door, for one session slot that two applications want.
 *
 * Follows src/core/vine_claim.c (claim, introduce, knock, await_answer,
 * unclaim, vine_claim_make, vine_claim_end), vine_door.c (look_at, admit,
 * vine_door_say), vine_rec.c (vine_rec_open, vine_rec_close, finish,
 * vine_rec_end_lost, vine_rec_free_claim), vine_reaper.c (reap_claim,
 * vine_reaper_go), vine_heir.c (find_lost) and the byte locks of
 * arch/shm/arch_shm.c. Each application attaches and detaches TRIES times, with
 * a fresh nonce.
 * Application 0 may give up waiting at any time and may die at any step. With
 * RESTART the appliance is killed once, at any step, and another that has no
 * keep of it takes the segment up: a session is lost. Then application 0 dies
 * only with DEATH, which takes half a minute, so it is not in models.def. The
 * slot is a leftover of an orderly life from
 * the start.
 *
 * Stores are seen in program order here: that is what DOOR-R1 and DOOR-R2 are
 * for, and the twins that drop them store in another order. The appliance looks
 * when it was knocked at, and LOOKS times besides; the look of once a second is
 * left out, so who needs it is stuck. Waits of an application that find nothing
 * are bounded too (WAITS), and how often one is put off (AGAINS). The dead are
 * found at any time.
 *
 * Properties: one session in the slot at most; what is admitted is what the
 * applicant wrote; what it reads is its own answer, and it is admitted or
 * refused and never stuck, if no appliance is lost meanwhile.
 *
 * Twins: NO_LOCK_CHECK (claim() does not look again), LOCK_FIRST (unclaim()
 * gives the lock back first), REQUEST_EARLY (DOOR-R1), STATE_EARLY (DOOR-R2),
 * ANSWER_LAST (the nonce is echoed before the state is written), AGAIN_NOTED (a
 * nonce that was put off counts as seen), DEAD_CLAIM (a claim is cleared
 * without its lock), ONE_NONCE (the nonce is read once, after the request),
 * LOST_STAYS (a lost session waits for its own detach alone), LOST_ONLY (its
 * end lets nobody in), NO_KNOCK (nor does that of a session that gave up),
 * NO_NONCE (any answer is ours).
 */
#ifndef TRIES
#define TRIES	1
#endif
#ifndef LOOKS
#define LOOKS	0	/* looks of the appliance that come too early */
#endif
#ifndef WAITS
#define WAITS	0	/* of an application */
#endif
#ifndef AGAINS
#define AGAINS	0	/* applicants that are put off */
#endif
#define OLD	7	/* nonce of the earlier life */
#define APPLIANCE 3	/* as holder of the lock */

#define FREE	0
#define OPEN	1
#define REFUSED	2
#define CLOSED	3
#define LOST	4
#define NONE	0	/* of rec and request */
#define CLOSING	5
#define ATTACH	1
#define DETACH	2

/* The slot, and its byte lock. */
byte claim, lock;
byte nonce = OLD, request = DETACH, flags = OLD;
byte echo = OLD, state = CLOSED, queue = OLD, fence = OLD;

/* The appliance's record. */
byte rec, rec_nonce;
bit dead;

byte looks = LOOKS, waits = WAITS, agains = AGAINS;
bit inside[2];		/* the application has an open session */
bit killed;		/* application 0 is dead */
bit crashed;		/* the first appliance is dead */
bit served = 1;		/* is_served() */
bit knocked;		/* the door's ready bit, or lane->knocked */

#define ANSWERED(not_yet) (echo == me_nonce && state != not_yet)

inline await_answer(not_yet)
{
	do
	:: atomic {
		if
		:: ANSWERED(not_yet)
		:: !ANSWERED(not_yet) && waits > 0 -> waits--
		fi;
#ifdef ANSWER_LAST
		s = state
	   };
	   e = echo;
#else
		e = echo		/* DOOR-A2 */
	   };
	   s = state;
#endif
#ifdef NO_NONCE
	   e = me_nonce;
#endif
	   if
	   :: d_step { e == me_nonce && s != not_yet -> e = 0 }; break
	   :: d_step { else -> s = FREE; e = 0 }
	   fi
	:: me == 0 || !served -> s = FREE; break	/* timed out */
	od
}

inline unclaim()
{
#ifdef LOCK_FIRST
	lock = 0;
	claim = 0
#else
	claim = 0;
	lock = 0
#endif
}

inline take_slot()
{
	/* claim() */
	atomic { claim == 0 -> claim = me_nonce };
	atomic {
		if
		:: lock == 0 -> lock = me + 1; got = 1
		:: else -> got = 0
		fi
	};
	if
	:: !got ->
		atomic { claim = (claim == me_nonce -> 0 : claim) }
	:: got ->
		if
#ifndef NO_LOCK_CHECK
		:: claim != me_nonce -> lock = 0; got = 0
		:: claim == me_nonce
#else
		:: true
#endif
		fi
	fi
}

inline application()
{
	do
	:: tries == TRIES -> break
	:: tries < TRIES ->
		d_step { me_nonce = 1 + me + 2 * tries; tries++ };
		take_slot();
		if
		:: !got -> goto next
		:: d_step { got -> got = 0; request = NONE }
		fi;
		/* introduce() */
#ifdef REQUEST_EARLY
		request = ATTACH;
#endif
		nonce = me_nonce;
		/* DOOR-R1 */
		d_step { flags = me_nonce; request = ATTACH };
		knocked = 1;
		await_answer(FREE);
		if
		:: s == OPEN ->
			d_step {
				assert(queue == me_nonce);
				assert(fence == me_nonce);
				assert(lock == me + 1);
				inside[me] = 1;
				assert(!inside[1 - me])
			}
			/* detach() */
			d_step { inside[me] = 0; s = FREE; request = DETACH };
			knocked = 1;
			await_answer(OPEN)
		:: s != OPEN ->
			/* refused, timed out, or lost with its appliance */
			d_step {
				assert(s == REFUSED || s == FREE || crashed);
				request = DETACH
			};
			knocked = 1
		fi;
		unclaim();
next:		s = FREE;
		me_nonce = 0
	od
}

proctype living()
{
	byte me = 1, me_nonce, tries, s, e;
	bit got;

	application()
}

/* When it dies the kernel drops its lock, and it is not inside any more. */
proctype mortal()
{
	byte me, me_nonce, tries, s, e;
	bit got;

	{
		application()
	} unless {
		killed
	}
}

proctype fate()
{
	if
	:: d_step {
		killed = 1;
		lock = (lock == 1 -> 0 : lock);
		inside[0] = 0
	   }
	:: true
	fi
}

inline answer(n, what)
{
#ifdef ANSWER_LAST
	echo = n;
	state = what
#else
	state = what;
	echo = n			/* DOOR-R2 */
#endif
}

/* Under the slot's lock, so nobody else can take the slot for his. */
inline free_claim()
{
#ifdef DEAD_CLAIM
	claim = 0;
#else
	atomic {
		if
		:: lock == 0 -> lock = APPLIANCE
		:: else
		fi
	};
	if
	:: lock == APPLIANCE ->
		claim = 0;
		lock = 0
	:: else
	fi;
#endif
}

inline admit()
{
	if
	:: /* rec_open(): memory that rests may be enough in a moment */
		d_step { agains > 0 -> agains--; knocked = 1 };
#ifdef AGAIN_NOTED
		rec_nonce = n;
#endif
	:: rec_nonce = n;
		answer(n, REFUSED)
	:: d_step { rec_nonce = n; f = flags };
#ifdef STATE_EARLY
		rec = OPEN;
		answer(n, OPEN);
		d_step { queue = n; fence = f }
#else
		d_step { queue = n; fence = f; rec = OPEN };
		answer(n, OPEN)
#endif
	fi
}

inline look_at()
{
	if
	:: claim == 0 ->
		d_step { rec = (rec == CLOSED -> NONE : rec) };
		if
		:: rec == NONE -> goto looked
		:: rec != NONE
		fi
	:: claim != 0
	fi;
#ifdef ONE_NONCE
	r = request;
	n = nonce;
#else
	n = nonce;
	r = request;			/* DOOR-A1 */
	if
	:: n != nonce -> goto looked	/* its knock will follow */
	:: else
	fi;
#endif
	/* end_lost() */
	if
#ifdef LOST_STAYS
	:: rec == LOST && r == DETACH ->
#else
	:: rec == LOST && (r == DETACH || n != rec_nonce) ->
#endif
		rec = CLOSED;
		answer(rec_nonce, CLOSED);
#ifdef LOST_ONLY
		goto looked
#endif
	:: else
	fi;
	if
	:: (rec == NONE || rec == CLOSED) && r == ATTACH && n != rec_nonce ->
		admit()
	:: rec == OPEN && (r == DETACH || n != rec_nonce) ->
		d_step { rec = CLOSING; dead = 0 }
	:: else
	fi;
looked:	atomic { r = 0; n = 0; f = 0 }
}

inline reap()
{
	if
	:: lock == 0 && rec == OPEN -> d_step { rec = CLOSING; dead = 1 }
	:: lock == 0 && rec == LOST -> rec = NONE; free_claim()
	:: lock == 0 && (rec == CLOSED || rec == NONE) && claim != 0 ->
		/* reap_claim() always had the lock in hand */
		atomic {
			if
			:: lock == 0 -> lock = APPLIANCE
			:: else
			fi
		};
		if
		:: lock == APPLIANCE ->
			claim = 0;
			lock = 0
		:: else
		fi;
		rec = NONE
	:: else
	fi
}

/* Would the reaping of the dead change anything? */
#define REAP_HELPS \
	(lock == 0 && rec != CLOSING && (rec == OPEN || rec == LOST || claim))

inline serve()
{
	do
	:: skip;
end:	   if
	   :: d_step { knocked -> knocked = 0 }
	   :: atomic { !knocked && looks > 0 && claim != 0 -> looks-- }
	   :: REAP_HELPS -> goto bury
	   :: rec == CLOSING -> goto finish
	   fi;
	   look_at();
	   goto again;
bury:	   reap();
	   goto again;
finish:	   /* finish() of vine_rec.c, when every lane has let go */
	   r = rec_nonce;
	   answer(r, CLOSED);
	   rec = (dead -> NONE : CLOSED);
	   if
	   :: dead -> dead = 0; free_claim()
	   :: !dead
	   fi;
#ifndef NO_KNOCK
	   if
	   :: nonce != rec_nonce -> knocked = 1
	   :: else
	   fi;
#endif
again:	   r = 0
	od
}

#ifdef RESTART
proctype earlier()
{
	byte r, n, f;

	{
		serve()
	} unless {
		crashed
	}
}

proctype appliance()
{
	/* the kernel drops the locks of the dead */
	d_step {
		crashed = 1;
		served = 0;
		lock = (lock == APPLIANCE -> 0 : lock);
		rec = NONE;
		rec_nonce = 0;
		dead = 0
	};
	/* vine_heir_take_up() */
	if
	:: claim != 0 && (state == OPEN || state == LOST) ->
		rec_nonce = nonce;
		rec = LOST;
		answer(rec_nonce, LOST)
	:: else
	fi;
	/* vine_pipe_serve() */
	d_step { served = 1; knocked = 1 };
	run server()
}

proctype server()
{
	byte r, n, f;

	serve()
}
#else
proctype appliance()
{
	byte r, n, f;

	serve()
}
#endif

/* Who is started last is tried first: the twins fail soonest like this. */
init {
	atomic {
		run appliance();
#ifdef RESTART
		run earlier();
#endif
#if !defined(RESTART) || defined(DEATH)
		run fate();
#endif
		run living();
		run mortal()
	}
}
