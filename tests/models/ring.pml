/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring pair of a queue: submissions, `taken`, credits, completions.
 *
 * Follows src/core/vine_ring.h (vine_ring_push, vine_ring_pop, vine_cring_push,
 * vine_cring_pop), vine_queue.h and vine_queue.c (vine_queue_put, has_room,
 * take_in) and vine_lane.c (visit, publish_taken). Three threads: the owner
 * issues, the lane takes and completes in any order, another thread of the
 * application reaps. They run for ever; positions and sequences are counted
 * modulo SEQ, so every state includes their wrap.
 *
 * Each thread's stores wait in a buffer. With TSO they leave it in order, as on
 * x86-64; else in any order, only two to the same word stay in order, and a
 * release waits until all that was stored before has left. Loads happen in
 * program order: that is what the acquires are for.
 *
 * Properties: a slot is read whole and unread slots are not overwritten; a
 * completion is that of a task in flight; a place is given out only empty; the
 * completion ring never holds more than it has slots; nothing gets stuck.
 *
 * Twins: NO_RELEASE (RING-R1), NO_RELEASE_COMP (RING-R2), NO_ACQUIRE (RING-A1),
 * NO_CREDIT, TAKEN_EARLY (TAKEN-R1), CREDIT_EARLY (CREDIT-R1).
 */
#define SUB	1	/* slots of the submission ring */
#define COMP	2	/* completion slots, credits, places: twice as many */
#define SEQ	4

/* Words that are stored through a buffer. */
#define SUB_W0	0	/* + slot: sequence and cookie */
#define SUB_W1	1	/* + slot: the rest, here the task's position */
#define COMP_W0	2	/* + slot */
#define COMP_W1	4	/* + slot: the rest, here the cookie */
#define TAKEN	6
#define CREDITS	7	/* + index: the ring of free places */
#define CREDIT_TAIL 9
#define WORDS	10

byte mem[WORDS];
byte flight[COMP];	/* cookie + 1 of the task in a place; 0: none */
byte unread;		/* completions that were pushed and not popped */

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

#define STORE(buf, word, value) buf!word,value
#ifdef TSO
#define RELEASE(buf, word, value) buf!word,value
#else
#define RELEASE(buf, word, value) atomic { empty(buf); buf!word,value }
#endif

/* has_room(), vine_queue_put(), vine_ring_push() */
proctype owner()
{
	byte pos, taken, head, place;
	byte seen = COMP;

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
#ifndef NO_CREDIT
	   atomic {
		/* has_room(): CREDIT-A1 */
		if
		:: head != seen
		:: head == seen && head != mem[CREDIT_TAIL] ->
			seen = mem[CREDIT_TAIL]
		fi;
	   };
#endif
	   d_step {
		/* vine_queue_next_cookie(), FLIGHT-R1 */
		place = mem[CREDITS + head % COMP];
#ifndef NO_CREDIT
		assert(flight[place] == 0);
#endif
		flight[place] = cookie_of(place, pos) + 1;
		head = next(head);
	   };
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

/* visit(), publish_taken(), vine_ring_pop(), vine_req_answer() */
proctype lane()
{
	byte pos, cpos, taken, w0, copy, i;
	byte held[COMP];	/* cookie + 1, by place */

end:	do
	:: seq_of(mem[SUB_W0 + pos % SUB]) == next(pos) ->
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
			i = place_of(cookie_in(w0));
#ifndef NO_CREDIT
			assert(held[i] == 0);
#endif
			held[i] = cookie_in(w0) + 1;
			pos = next(pos);
			i = 0; w0 = 0; copy = 0
		}
#ifdef NO_ACQUIRE
	:: copy = mem[SUB_W1 + pos % SUB]
#endif
	:: taken != pos ->
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

/* take_in(), vine_cring_pop() */
proctype reaper()
{
	byte pos, w0, copy;
	byte tail = COMP;

end:	do
	:: seq_of(mem[COMP_W0 + pos % COMP]) == next(pos) ->
		/* RING-A2 */
		w0 = mem[COMP_W0 + pos % COMP];
		d_step {
			copy = mem[COMP_W1 + pos % COMP];
			assert(copy == cookie_in(w0));
			/* FLIGHT-A1 */
#ifndef NO_CREDIT
			assert(flight[place_of(copy)] == copy + 1);
#endif
			unread--
		};
#ifdef CREDIT_EARLY
		STORE(reaper_buf, CREDIT_TAIL, next(tail));
#endif
		d_step { flight[place_of(copy)] = 0; w0 = 0 };
		STORE(reaper_buf, CREDITS + tail % COMP, place_of(copy));
		/* CREDIT-R1 */
#ifndef CREDIT_EARLY
		RELEASE(reaper_buf, CREDIT_TAIL, next(tail));
#endif
		d_step { tail = next(tail); pos = next(pos); copy = 0 }
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
	DRAIN(owner_buf, 0) DRAIN(owner_buf, 1)
	DRAIN(lane_buf, 2) DRAIN(lane_buf, 3) DRAIN(lane_buf, 4)
	DRAIN(lane_buf, 5) DRAIN(lane_buf, 6)
	DRAIN(reaper_buf, 7) DRAIN(reaper_buf, 8) DRAIN(reaper_buf, 9)
#endif
	od
}

init {
	d_step {
		mem[CREDITS + 1] = 1;
		mem[CREDIT_TAIL] = COMP
	}
	atomic {
		run owner();
		run lane();
		run reaper();
		run buffers()
	}
}
