/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring pair of a queue: submissions, `taken`, places, completions.
 *
 * Follows src/core/vine_ring.h (vine_ring_push, vine_ring_pop, vine_cring_push,
 * vine_cring_pop), vine_queue.h and vine_queue.c (vine_queue_put, has_room,
 * take_in, complete) and vine_visit.c (take, run, vine_visit_queue,
 * vine_visit_publish). Three
 * threads: the owner issues, the lane takes and completes in any order, another
 * thread of the application reaps. They run for ever; positions and sequences
 * are counted modulo SEQ, so every state includes their wrap. A place in
 * flight[] is the credit for a completion slot. The owner may take any empty
 * place, where the code takes them in turn and leaves filled ones out.
 *
 * What the lane took and had no memory or time for goes back. With BATCH there
 * are two submission slots, and both the lane and the reaper may copy two out
 * before they do anything with the first. (There it is the two places that keep
 * the owner from unread slots, and `taken` only lags.)
 *
 * Each thread's stores wait in a buffer. With TSO they leave it in order, as on
 * x86-64; else in any order, only two to the same word stay in order, and a
 * release waits until all that was stored before has left. Loads happen in
 * program order: that is what the acquires are for.
 *
 * Properties: a slot is read whole and unread slots are not overwritten; a
 * completion is that of a task in flight; no two tasks are in one place; the
 * completion ring never holds more than it has slots; nothing gets stuck.
 *
 * Twins: NO_RELEASE (RING-R1), NO_RELEASE_COMP (RING-R2), NO_ACQUIRE (RING-A1),
 * NO_CREDIT (a place is not looked at: FLIGHT-A2), TAKEN_EARLY (TAKEN-R1),
 * PLACE_EARLY (FLIGHT-R2), TAKEN_AHEAD (what may go back counts as taken).
 * FLIGHT-R1 has none: the rings order the same.
 */
#ifdef BATCH
#define SUB	2	/* slots of the submission ring */
#define MORE(first, second) (!second)
#else
#define SUB	1
#define MORE(first, second) (!first)
#endif
#define COMP	2	/* completion slots, which are as many as places */
#define SEQ	4

/* Words that are stored through a buffer. */
#define SUB_W0	0	/* + slot: sequence and cookie */
#define SUB_W1	2	/* + slot: the rest, here the task's position */
#define COMP_W0	4	/* + slot */
#define COMP_W1	6	/* + slot: the rest, here the cookie */
#define TAKEN	8
#define FLIGHT	9	/* + place: cookie + 1 of the task in it; 0: empty */
#define WORDS	11

byte mem[WORDS];
byte unread;		/* completions that were pushed and not copied */

chan owner_buf = [3] of { byte, byte };
chan lane_buf = [3] of { byte, byte };
chan reaper_buf = [3] of { byte, byte };

/* A cookie: the place, and of the position what tells two laps apart. */
#define cookie_of(place, pos) ((place) | (pos) << 1)
#define place_of(cookie) ((cookie) & 1)
#define word0(seq, cookie) ((seq) | (cookie) << 2)
#define seq_of(word) ((word) & 3)
#define cookie_in(word) ((word) >> 2)
#define next(pos) (((pos) + 1) % SEQ)
#define before(pos) (((pos) + SEQ - 1) % SEQ)

#define STORE(buf, word, value) buf!word,value
#ifdef TSO
#define RELEASE(buf, word, value) buf!word,value
#else
#define RELEASE(buf, word, value) atomic { empty(buf); buf!word,value }
#endif

/* The owner sees what it stored itself. */
#define EMPTY(place) \
	(mem[FLIGHT + place] == 0 && !owner_buf??[eval(FLIGHT + place),_])

/* has_room(), vine_queue_put(), vine_ring_push() */
proctype owner()
{
	byte pos, taken, place;

	do
	:: atomic {
		/* has_room(): TAKEN-A1 */
		if
		:: (pos + SEQ - taken) % SEQ < SUB
		:: (pos + SEQ - taken) % SEQ >= SUB &&
		   (pos + SEQ - mem[TAKEN]) % SEQ < SUB ->
			taken = mem[TAKEN]
		fi;
	   };
	   atomic {
		/* has_room(): FLIGHT-A2 */
		if
#ifdef NO_CREDIT
		:: place = pos & 1
#else
		:: EMPTY(0) -> place = 0
		:: EMPTY(1) -> place = 1
#endif
		fi;
	   };
	   /* FLIGHT-R1 */
	   RELEASE(owner_buf, FLIGHT + place, cookie_of(place, pos) + 1);
	   STORE(owner_buf, SUB_W1 + pos % SUB, pos);
	   /* RING-R1 */
#ifdef NO_RELEASE
	   STORE(owner_buf, SUB_W0 + pos % SUB,
		 word0(next(pos), cookie_of(place, pos)));
#else
	   RELEASE(owner_buf, SUB_W0 + pos % SUB,
		   word0(next(pos), cookie_of(place, pos)));
#endif
	   d_step { place = 0; pos = next(pos) }
	od
}

/* vine_visit_queue(), take(), run(), vine_visit_publish(), vine_req_answer() */
proctype lane()
{
	byte pos, cpos, taken, w0, copy, i;
	byte first, second;	/* cookie + 1: the batch, taken and not run */
	byte held[COMP];	/* cookie + 1, by place */

end:	do
	:: MORE(first, second) && seq_of(mem[SUB_W0 + pos % SUB]) == next(pos) ->
#ifdef TAKEN_EARLY
		RELEASE(lane_buf, TAKEN, next(pos));
		taken = next(pos);
#endif
#ifdef NO_ACQUIRE
		/* the words of the slot were read before its sequence */
		w0 = mem[SUB_W0 + pos % SUB];
#else
		/* RING-A1 */
		w0 = mem[SUB_W0 + pos % SUB];
		copy = mem[SUB_W1 + pos % SUB];
#endif
		d_step {
			assert(copy == pos);
			assert(seq_of(w0) == next(pos));
			if
			:: first == 0 -> first = cookie_in(w0) + 1
			:: else -> second = cookie_in(w0) + 1
			fi;
			pos = next(pos);
			w0 = 0; copy = 0
		}
#ifdef NO_ACQUIRE
	:: copy = mem[SUB_W1 + pos % SUB]
#endif
	:: d_step {
		first ->
		i = place_of(first - 1);
#ifndef NO_CREDIT
		assert(held[i] == 0);
#endif
		held[i] = first;
		first = second;
		second = 0;
		i = 0
	   }
	:: d_step {
		/* run(): what was not run goes back */
		first ->
		pos = (second -> before(before(pos)) : before(pos));
		first = 0;
		second = 0
	   }
#ifdef TAKEN_AHEAD
	:: taken != pos ->
#else
	:: taken != pos && first == 0 ->
#endif
		/* TAKEN-R1: at a quarter of the ring, or when a visit finds
		 * nothing; here at any time */
		RELEASE(lane_buf, TAKEN, pos);
		taken = pos
	:: atomic {
		if
		:: held[0] -> i = 0
		:: held[1] -> i = 1
		fi };
		/* vine_cring_push() */
		unread++;
		assert(unread <= COMP);
		STORE(lane_buf, COMP_W1 + cpos % COMP, held[i] - 1);
		/* RING-R2 */
#ifdef NO_RELEASE_COMP
		STORE(lane_buf, COMP_W0 + cpos % COMP,
		      word0(next(cpos), held[i] - 1));
#else
		RELEASE(lane_buf, COMP_W0 + cpos % COMP,
			word0(next(cpos), held[i] - 1));
#endif
		d_step { held[i] = 0; cpos = next(cpos); i = 0 }
	od
}

/* take_in(), vine_cring_pop(), complete() */
proctype reaper()
{
	byte pos, w0, copy;
	byte first, second;	/* cookie + 1: the batch, copied out */

end:	do
	:: MORE(first, second) && seq_of(mem[COMP_W0 + pos % COMP]) == next(pos) ->
		/* RING-A2 */
		w0 = mem[COMP_W0 + pos % COMP];
#ifdef PLACE_EARLY
		STORE(reaper_buf, FLIGHT + place_of(cookie_in(w0)), 0);
#endif
		d_step {
			copy = mem[COMP_W1 + pos % COMP];
			assert(copy == cookie_in(w0));
			if
			:: first == 0 -> first = copy + 1
			:: else -> second = copy + 1
			fi;
			unread--;
			pos = next(pos);
			w0 = 0; copy = 0
		}
	:: first ->
#if !defined(NO_CREDIT) && !defined(PLACE_EARLY)
		/* FLIGHT-A1 */
		assert(mem[FLIGHT + place_of(first - 1)] == first);
#endif
#ifndef PLACE_EARLY
		/* FLIGHT-R2 */
		RELEASE(reaper_buf, FLIGHT + place_of(first - 1), 0);
#endif
		d_step { first = second; second = 0 }
	od
}

#define DRAIN(buf, word) :: atomic { buf??word,v -> mem[word] = v; v = 0 }

proctype buffers()
{
	byte v, w;

end:	do
#ifdef TSO
	:: atomic { owner_buf?w,v -> mem[w] = v; v = 0; w = 0 }
	:: atomic { lane_buf?w,v -> mem[w] = v; v = 0; w = 0 }
	:: atomic { reaper_buf?w,v -> mem[w] = v; v = 0; w = 0 }
#else
	DRAIN(owner_buf, 0) DRAIN(owner_buf, 1) DRAIN(owner_buf, 2)
	DRAIN(owner_buf, 3) DRAIN(owner_buf, 9) DRAIN(owner_buf, 10)
	DRAIN(lane_buf, 4) DRAIN(lane_buf, 5) DRAIN(lane_buf, 6)
	DRAIN(lane_buf, 7) DRAIN(lane_buf, 8)
	DRAIN(reaper_buf, 9) DRAIN(reaper_buf, 10)
#endif
	od
}

init {
	atomic {
		run owner();
		run lane();
		run reaper();
		run buffers()
	}
}
