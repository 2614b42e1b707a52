/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_door: whom the appliance lets in, and when. */
#include "rig.h"
#include "step.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_reaper.h"
#include "core/vine_session.h"

static struct rig rig;

/* Ask for a slot as an attach does, but for the lock of the slot. */
static void
ask(const struct vine_session *s, uint32_t slot, uint64_t nonce)
{
	struct vine_session_shm *shm = vine_seg_session(s->seg, slot);
	struct vine_ready door;

	arch_store32(&shm->claim, 1);
	arch_store64(&shm->nonce, nonce);
	arch_store_release32(&shm->request, VINE_REQUEST_ATTACH);
	vine_ready_bind(s->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

START_TEST(refusals_are_logged_at_most_once_a_second)
{
	struct vine_session *s;
	uint32_t lines = 0;
	uint64_t from;
	vine_data *d;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	/* no room is left for the rings of another */
	for (size_t size = RIG_MIB; size >= 4096;)
		if (vine_data_alloc_in(s, size, 0, &d) != 0)
			size /= 2;
	rig_listen();
	from = rig_ns();
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t slot = 5 + i % 8;
		struct vine_session_shm *shm = vine_seg_session(s->seg, slot);

		ask(s, slot, 1000 + i);
		rig_await(arch_load_acquire32(&shm->state) ==
			  VINE_SESSION_REFUSED &&
			  arch_load64(&shm->echo) == 1000 + i);
	}
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	for (char *at = rig_log; (at = strstr(at, " refused: ")); at++)
		lines++;
	ck_assert_uint_ge(lines, 1);
	ck_assert_msg(lines <= 2 + (rig_ns() - from) / SECOND,
		      "%u lines of 200 refusals", lines);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static void
just_knock(void)
{
	struct vine_ready door;

	vine_ready_bind(rig.pipe->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

/* Each look goes through all slots, 4096 of them in a large segment. */
START_TEST(who_knocks_in_vain_is_looked_at_less_and_less_often)
{
	struct vine_lane *lane;
	uint64_t from, seen, passed, looks = 0;
	struct vine_session *s;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	rig_stop(&rig);
	lane = &rig.pipe->lanes[0];
	from = rig_ns();
	seen = lane->last_door;
	do {
		just_knock();
		vine_lane_poll(lane);
		looks += lane->last_door != seen;
		seen = lane->last_door;
		passed = rig_ns() - from;
	} while (passed < SECOND / 5 || looks < 3);
	/* 8 until it is 25.6 ms, then one each, and one a second anyway */
	ck_assert_msg(looks <= 12 + passed / 25600000, "%llu looks in %llu ms",
		      (unsigned long long)looks,
		      (unsigned long long)passed / 1000000);
	/* somebody who comes in is heard, and the next one at once again */
	rig_start(&rig);
	vine_session_close(s);
	s = rig_attach(&rig);
	rig_stop(&rig);
	ck_assert_uint_le(lane->door_wait, 1000000);
	rig_start(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* A knock that has to wait for its look is no reason to stay awake. */
START_TEST(a_lane_sleeps_until_the_door_may_be_looked_at)
{
	struct arch_bell_seen bell;
	struct vine_lane *lane;
	uint64_t limit = 0;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	rig_stop(&rig);
	lane = &rig.pipe->lanes[0];
	for (int i = 0; i < 2000 && lane->door_wait < 25600000; i++) {
		just_knock();
		vine_lane_poll(lane);
		rig_nap(100000);
	}
	ck_assert_uint_ge(lane->door_wait, 25600000);
	just_knock();
	vine_lane_poll(lane);
	ck_assert_int_eq(lane->knocked, 1);
	/* once a round is due it looks at its queues first */
	rig_await(vine_lane_arm(lane, &bell, &limit) == 1 ||
		  (vine_lane_awake(lane, 0), vine_lane_poll(lane),
		   just_knock(), vine_lane_poll(lane), 0));
	ck_assert_uint_le(limit, 25600000);
	vine_lane_awake(lane, 1);
	rig_start(&rig);
	rig_close(&rig);
}
END_TEST

/*
 * What follows is the appliance's part step by step: its thread has stopped,
 * and the test does lane 0's work. `guest` is a session of the same program
 * with a mapping, and a description for locks, of its own.
 */
#define SLOT 5

static struct vine_session *guest;

static struct vine_rec *
still_door(void)
{
	rig_open(&rig, 2 * RIG_MIB, NULL);
	guest = rig_attach(&rig);
	rig_stop(&rig);
	return &rig.pipe->recs[SLOT];
}

static void
open_door(void)
{
	rig_start(&rig);
	vine_session_close(guest);
	rig_close(&rig);
}

static struct vine_session_shm *
slot_shm(uint32_t slot)
{
	return vine_seg_session(guest->seg, slot);
}

static void
check_answer(uint64_t nonce, enum vine_session_state state)
{
	ck_assert_uint_eq(arch_load64(&slot_shm(SLOT)->echo), nonce);
	ck_assert_uint_eq(arch_load32(&slot_shm(SLOT)->state), state);
}

/* Admit an applicant to SLOT. */
static void
admit_one(uint64_t nonce)
{
	ask(guest, SLOT, nonce);
	vine_door_answer(rig.pipe);
	check_answer(nonce, VINE_SESSION_OPEN);
}

/* Has somebody knocked? Not any more. */
static void
hear(void *heard, uint32_t queue)
{
	*(int *)heard |= queue == VINE_READY_DOOR;
}

static int
knocked(void)
{
	int heard = 0;

	vine_ready_collect(&rig.pipe->lanes[0].ready, hear, &heard);
	return heard;
}

START_TEST(who_is_put_off_for_memory_that_rests_is_admitted_later)
{
	struct vine_rec *rec = still_door();
	struct vine_lane *lane = &rig.pipe->lanes[0];
	const uint32_t serial = 0x1234;
	vine_off_t off;

	pthread_mutex_lock(&rig.pipe->lock);
	for (uint64_t size = RIG_MIB; size >= 4096;)
		if (vine_extents_grant(&rig.pipe->extents, serial, 0, 0, size,
				       &off) != 0)
			size /= 2;
	vine_extents_leave(&rig.pipe->extents, 0, vine_pipe_rest(rig.pipe));
	pthread_mutex_unlock(&rig.pipe->lock);
	atomic_store(&lane->asleep, 0);	/* it may use what rests */
	ask(guest, SLOT, 1000);
	lane->knocked = 0;
	vine_door_answer(rig.pipe);
	ck_assert_int_eq(rec->state, VINE_REC_NONE);
	ck_assert_uint_ne(arch_load64(&slot_shm(SLOT)->echo), 1000);
	ck_assert_msg(lane->knocked, "the door will not be looked at again");
	atomic_store(&lane->asleep, 1);	/* it does not */
	vine_door_answer(rig.pipe);
	check_answer(1000, VINE_SESSION_OPEN);
	open_door();
}
END_TEST

static uint32_t
in_state(enum vine_rec_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rig.pipe->seg->layout.sessions; i++)
		n += rig.pipe->recs[i].state == state;
	return n;
}

/*
 * 4096 slots that all ask at once, again and again, would hold the lane, and
 * with it other segments, for a quarter of a second each time.
 */
START_TEST(a_look_lets_in_a_batch_and_the_next_look_goes_on)
{
	struct vine_lane *lane;
	uint32_t slots, calls = 0;
	int more;

	still_door();
	lane = &rig.pipe->lanes[0];
	slots = rig.pipe->seg->layout.sessions;
	for (uint32_t i = 1; i < slots; i++)
		ask(guest, i, 1000 + i);
	for (uint32_t n = 1; n < slots; n = in_state(VINE_REC_OPEN)) {
		lane->knocked = 0;
		ck_assert_uint_le(vine_door_answer(rig.pipe), VINE_DOOR_BATCH);
		ck_assert_uint_le(in_state(VINE_REC_OPEN),
				  n + VINE_DOOR_BATCH);
		ck_assert(lane->knocked ||
			  in_state(VINE_REC_OPEN) == slots);
	}
	/* none of them but the guest has a lock: they die together */
	do {
		uint32_t before = in_state(VINE_REC_CLOSING);

		more = vine_reaper_go(rig.pipe);
		ck_assert_uint_le(in_state(VINE_REC_CLOSING) - before,
				  VINE_DOOR_BATCH);
		calls++;
	} while (more);
	ck_assert_uint_ge(calls, 2);
	ck_assert_uint_eq(in_state(VINE_REC_CLOSING), slots - 1);
	vine_lane_run_posts(lane);
	ck_assert_uint_eq(in_state(VINE_REC_NONE), slots - 1);
	open_door();
}
END_TEST

START_TEST(the_door_is_left_alone_for_longer_than_a_look_took)
{
	struct vine_rec *rec = still_door();
	struct vine_lane *lane = &rig.pipe->lanes[0];

	ask(guest, SLOT, 1000);
	lane->knocked = 1;
	lane->last_door = rig_ns();
	lane->door_rest = 60 * SECOND;
	vine_lane_poll(lane);
	ck_assert_int_eq(rec->state, VINE_REC_NONE);
	ck_assert_int_eq(lane->knocked, 1);
	lane->last_door -= 61 * SECOND;
	vine_lane_poll(lane);
	/* admitted; it has no lock, so that a look for the dead finds it */
	ck_assert_int_ne(rec->state, VINE_REC_NONE);
	ck_assert_uint_gt(lane->door_rest, 0);
	ck_assert_uint_le(lane->door_rest, SECOND);
	open_door();
}
END_TEST

/* The slot was given back while its session was being closed for a dead one. */
START_TEST(the_end_of_a_dead_session_leaves_the_next_ones_claim_alone)
{
	const uint32_t byte = ARCH_SHM_BYTE_SESSION + SLOT;
	struct vine_rec *rec = still_door();

	admit_one(1000);
	while (vine_reaper_go(rig.pipe))
		;
	ck_assert_int_eq(rec->state, VINE_REC_CLOSING);
	ck_assert_int_eq(rec->dead, 1);
	arch_store32(&slot_shm(SLOT)->claim, 2);
	ck_assert_int_eq(arch_shm_lock(guest->seg->fd, byte, 0), 0);
	vine_lane_run_posts(&rig.pipe->lanes[0]);
	ck_assert_int_eq(rec->state, VINE_REC_NONE);
	ck_assert_uint_eq(arch_load32(&slot_shm(SLOT)->claim), 2);
	/* and where nobody has it, the claim goes */
	ask(guest, SLOT, 2000);
	arch_shm_unlock(guest->seg->fd, byte);
	vine_door_answer(rig.pipe);
	while (vine_reaper_go(rig.pipe))
		;
	vine_lane_run_posts(&rig.pipe->lanes[0]);
	ck_assert_int_eq(rec->state, VINE_REC_NONE);
	ck_assert_uint_eq(arch_load32(&slot_shm(SLOT)->claim), 0);
	open_door();
}
END_TEST

/* A first one that gave up before it was answered, and the next in its slot. */
START_TEST(who_follows_a_session_that_gave_up_need_not_knock_again)
{
	struct vine_rec *rec = still_door();

	admit_one(1000);
	ask(guest, SLOT, 2000);
	vine_door_answer(rig.pipe);
	ck_assert_int_eq(rec->state, VINE_REC_CLOSING);
	vine_door_answer(rig.pipe);	/* the knock of 2000 is not heard */
	ck_assert_int_eq(rec->state, VINE_REC_CLOSING);
	knocked();
	vine_lane_run_posts(&rig.pipe->lanes[0]);
	ck_assert_int_eq(rec->state, VINE_REC_CLOSED);
	ck_assert_msg(knocked(), "the door is not looked at before the tick");
	vine_door_answer(rig.pipe);
	check_answer(2000, VINE_SESSION_OPEN);
	open_door();
}
END_TEST

START_TEST(a_session_that_ends_with_nobody_behind_it_does_not_knock)
{
	struct vine_rec *rec = still_door();

	admit_one(1000);
	arch_store_release32(&slot_shm(SLOT)->request, VINE_REQUEST_DETACH);
	vine_door_answer(rig.pipe);
	knocked();
	vine_lane_run_posts(&rig.pipe->lanes[0]);
	ck_assert_int_eq(rec->state, VINE_REC_CLOSED);
	ck_assert(!knocked());
	check_answer(1000, VINE_SESSION_CLOSED);
	open_door();
}
END_TEST

/* A pipe that finds a session of an earlier one in SLOT. */
static struct vine_rec *
lost_door(uint64_t nonce)
{
	still_door();
	admit_one(nonce);
	rig_listen();
	vine_pipe_exit(rig.pipe);
	rig_serve_on(&rig);
	vine_pipe_serve(rig.pipe);
	ck_assert_int_eq(rig.pipe->recs[SLOT].state, VINE_REC_LOST);
	check_answer(nonce, VINE_SESSION_LOST);
	return &rig.pipe->recs[SLOT];
}

/* It asked to leave, but the next one's request stands there already. */
START_TEST(the_slot_of_a_lost_session_that_left_admits_the_next_at_once)
{
	struct vine_rec *rec = lost_door(1000);

	ask(guest, SLOT, 2000);
	vine_door_answer(rig.pipe);
	ck_assert_int_eq(rec->state, VINE_REC_OPEN);
	check_answer(2000, VINE_SESSION_OPEN);
	open_door();
}
END_TEST

START_TEST(a_lost_session_keeps_its_slot_until_it_leaves)
{
	struct vine_rec *rec = lost_door(1000);

	vine_door_answer(rig.pipe);
	ck_assert_int_eq(rec->state, VINE_REC_LOST);
	arch_store_release32(&slot_shm(SLOT)->request, VINE_REQUEST_DETACH);
	vine_door_answer(rig.pipe);
	ck_assert_int_eq(rec->state, VINE_REC_CLOSED);
	check_answer(1000, VINE_SESSION_CLOSED);
	open_door();
}
END_TEST

#if STEP_CAN

#define OFF(member) offsetof(struct vine_session_shm, member)

static struct vine_session_shm *
watched(void)
{
	return vine_seg_session(rig.pipe->seg, SLOT);
}

/* With the state last, the state of an earlier session had the new echo. */
START_TEST(the_echo_is_the_last_word_of_an_answer)
{
	static const size_t others[] = {
		OFF(state), OFF(error), OFF(generation), OFF(queue), OFF(fence),
		OFF(mailbox),
	};
	int echo;

	still_door();
	ask(guest, SLOT, 1000);
	step_begin(watched(), NULL, NULL);
	vine_door_answer(rig.pipe);
	step_end();
	check_answer(1000, VINE_SESSION_OPEN);
	echo = step_last_store(OFF(echo));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int at = step_last_store(others[i]);

		ck_assert_int_ge(at, 0);
		ck_assert_msg(at < echo, "offset %zu is stored after the echo",
			      others[i]);
	}
	open_door();
}
END_TEST

/* The next applicant comes the moment its forerunner's request was read. */
static void
come_behind(struct step step)
{
	if (step.off != OFF(request) || step.store)
		return;
	arch_store_release32(&slot_shm(SLOT)->request, VINE_REQUEST_NONE);
	arch_store_release64(&slot_shm(SLOT)->nonce, 2000);
}

START_TEST(a_request_is_not_taken_for_the_next_applicants)
{
	struct vine_rec *rec = still_door();

	ask(guest, SLOT, 1000);
	step_begin(watched(), NULL, come_behind);
	vine_door_answer(rig.pipe);
	step_end();
	ck_assert_uint_eq(arch_load64(&slot_shm(SLOT)->nonce), 2000);
	ck_assert_msg(rec->state == VINE_REC_NONE,
		      "%llu was admitted and had not asked",
		      (unsigned long long)rec->nonce);
	ask(guest, SLOT, 2000);
	vine_door_answer(rig.pipe);
	check_answer(2000, VINE_SESSION_OPEN);
	open_door();
}
END_TEST

static int has_slot;

/* Take the slot, as an applicant does, right before its claim is cleared. */
static void
take_slot(struct step step)
{
	if (step.off != OFF(claim) || !step.store)
		return;
	arch_store32(&slot_shm(SLOT)->claim, 2);
	has_slot = arch_shm_lock(guest->seg->fd, ARCH_SHM_BYTE_SESSION + SLOT,
				 0) == 0;
}

START_TEST(who_takes_the_slot_of_a_lost_session_keeps_it)
{
	struct vine_rec *rec = lost_door(1000);

	has_slot = 0;
	arch_store32(&slot_shm(SLOT)->claim, 0);
	step_begin(watched(), take_slot, NULL);
	while (vine_reaper_go(rig.pipe))
		;
	step_end();
	ck_assert_int_ge(step_last_store(OFF(claim)), 0);
	ck_assert_int_eq(rec->state, VINE_REC_NONE);
	ck_assert_msg(!has_slot || arch_load32(&slot_shm(SLOT)->claim) == 2,
		      "the claim of one who has the lock was cleared");
	open_door();
}
END_TEST

#endif

/* --- the operator's fence ------------------------------------------------ */

/* What the appliance's record of a slot, or a session, says now. */
static uint32_t
state_of(uint32_t slot)
{
	uint32_t state;

	pthread_mutex_lock(&rig.pipe->lock);
	state = rig.pipe->recs[slot].state;
	pthread_mutex_unlock(&rig.pipe->lock);
	return state;
}

static uint32_t
serial_of(const struct vine_session *s)
{
	uint32_t serial;

	pthread_mutex_lock(&rig.pipe->lock);
	serial = rig.pipe->recs[s->slot].serial;
	pthread_mutex_unlock(&rig.pipe->lock);
	return serial;
}

static uint64_t
free_pages(void)
{
	uint64_t n;

	pthread_mutex_lock(&rig.pipe->lock);
	n = rig.pipe->extents.free.free_pages;
	pthread_mutex_unlock(&rig.pipe->lock);
	return n;
}

START_TEST(a_fenced_sessions_tasks_end_while_anothers_go_on)
{
	struct vine_session *bad, *good;
	struct vine_task_opts b, g;
	vine_task *held;
	uint32_t slot;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	bad = rig_attach(&rig);
	slot = bad->slot;
	good = rig_attach(&rig);
	b = rig_opts(bad, "keep");
	g = rig_opts(good, "nop");
	ck_assert_int_eq(vine_task_issue_opts(&b, &held), 0);
	rig_await(rig.kept_count == 1);
	ck_assert_int_eq(vine_door_fence(rig.pipe, serial_of(bad)), 1);
	/* at once, though its request is still held */
	ck_assert_int_eq(vine_task_wait_for(held, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(held).status, VINE_STATUS_SESSION_LOST);
	ck_assert_int_eq(vine_task_issue_opts(&b, &held), -ECONNRESET);
	ck_assert_int_eq(state_of(slot), VINE_REC_CLOSING);
	ck_assert_int_eq(rig_run(&g, NULL), VINE_STATUS_OK);
	rig_release(&rig, 0, 0);
	rig_await(state_of(slot) == VINE_REC_LOST);
	ck_assert_int_eq(rig_run(&g, NULL), VINE_STATUS_OK);
	vine_session_close(bad);
	rig_await(state_of(slot) == VINE_REC_NONE ||
		  state_of(slot) == VINE_REC_CLOSED);
	vine_session_close(good);
	rig_close(&rig);
}
END_TEST

/* Until it notices, an application may write what it was granted. */
START_TEST(memory_of_a_fenced_session_is_nobody_elses_until_it_leaves)
{
	struct vine_session *bad, *good;
	uint64_t before;
	uint32_t slot;
	vine_data *d;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	good = rig_attach(&rig);
	before = free_pages();
	bad = rig_attach(&rig);
	slot = bad->slot;
	ck_assert_int_eq(vine_data_alloc_in(bad, 2 * RIG_MIB, 0, &d), 0);
	ck_assert_int_eq(vine_door_fence(rig.pipe, 0), 2);
	rig_await(state_of(slot) == VINE_REC_LOST &&
		  state_of(good->slot) == VINE_REC_LOST);
	vine_session_close(good);
	good = rig_attach(&rig);
	ck_assert_int_eq(vine_data_alloc_in(good, 2 * RIG_MIB, 0, &d),
			 -ENOMEM);
	vine_session_close(bad);
	rig_await(vine_data_alloc_in(good, 2 * RIG_MIB, 0, &d) == 0);
	vine_session_close(good);
	/* rings too */
	good = rig_attach(&rig);
	rig_await(free_pages() == before);
	vine_session_close(good);
	rig_close(&rig);
}
END_TEST

START_TEST(a_fenced_segment_refuses_until_it_is_fenced_no_more)
{
	struct vine_session *s;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	ck_assert_int_eq(vine_door_fence(rig.pipe, 0), 0);
	ck_assert_int_eq(vine_door_fence(rig.pipe, 12345), -ENOENT);
	rig.pipe->fenced = 1;
	rig_listen();
	ck_assert_int_eq(rig_attach_for(&rig, 30 * SECOND, &s), -EPERM);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	rig.pipe->fenced = 0;
	s = rig_attach(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(who_knocks_in_vain_is_looked_at_less_and_less_often),
	RIG_CASE(a_lane_sleeps_until_the_door_may_be_looked_at),
#if STEP_CAN
	RIG_CASE(the_echo_is_the_last_word_of_an_answer),
	RIG_CASE(a_request_is_not_taken_for_the_next_applicants),
	RIG_CASE(who_takes_the_slot_of_a_lost_session_keeps_it),
#endif
	RIG_CASE(who_is_put_off_for_memory_that_rests_is_admitted_later),
	RIG_CASE(a_look_lets_in_a_batch_and_the_next_look_goes_on),
	RIG_CASE(the_door_is_left_alone_for_longer_than_a_look_took),
	RIG_CASE(the_end_of_a_dead_session_leaves_the_next_ones_claim_alone),
	RIG_CASE(who_follows_a_session_that_gave_up_need_not_knock_again),
	RIG_CASE(a_session_that_ends_with_nobody_behind_it_does_not_knock),
	RIG_CASE(the_slot_of_a_lost_session_that_left_admits_the_next_at_once),
	RIG_CASE(a_lost_session_keeps_its_slot_until_it_leaves),
	RIG_CASE(refusals_are_logged_at_most_once_a_second),
	RIG_CASE(a_fenced_sessions_tasks_end_while_anothers_go_on),
	RIG_CASE(memory_of_a_fenced_session_is_nobody_elses_until_it_leaves),
	RIG_CASE(a_fenced_segment_refuses_until_it_is_fenced_no_more),
};

RIG_MAIN("vine_door", cases)
