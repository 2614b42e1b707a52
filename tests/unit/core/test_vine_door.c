/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_door: whom the appliance lets in, and how it names them. */
#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

/* Give the next session the serial after this one. */
static void
set_serial(uint32_t serial)
{
	pthread_mutex_lock(&rig.pipe->lock);
	rig.pipe->next_serial = serial;
	pthread_mutex_unlock(&rig.pipe->lock);
}

/* Is each open session's serial one that no other has, and none of rings? */
static void
check_serials(uint32_t sessions)
{
	uint32_t seen[64], n = 0;

	pthread_mutex_lock(&rig.pipe->lock);
	for (uint32_t i = 0; i < rig.pipe->seg->layout.sessions; i++) {
		const struct vine_rec *rec = &rig.pipe->recs[i];

		if (rec->state != VINE_REC_OPEN)
			continue;
		ck_assert_uint_lt(n, 64);
		ck_assert_uint_ne(rec->serial, 0);
		ck_assert_msg((rec->serial & 0x80000000u) == 0,
			      "serial %#x is one of rings", rec->serial);
		for (uint32_t j = 0; j < n; j++)
			ck_assert_msg(seen[j] != rec->serial,
				      "two sessions have serial %#x",
				      rec->serial);
		seen[n++] = rec->serial;
	}
	pthread_mutex_unlock(&rig.pipe->lock);
	ck_assert_uint_eq(n, sessions);
}

/* An attach a microsecond brings 2^31 of them within the hour. */
START_TEST(serials_stay_unique_when_they_begin_anew)
{
	struct vine_session *s[7];

	rig_open(&rig, 16 * RIG_MIB, NULL);
	s[0] = rig_attach(&rig);
	s[1] = rig_attach(&rig);
	set_serial(0x7ffffffe);
	for (int i = 2; i < 5; i++)
		s[i] = rig_attach(&rig);
	set_serial(0xfffffffe);
	for (int i = 5; i < 7; i++)
		s[i] = rig_attach(&rig);
	check_serials(7);
	for (int i = 0; i < 7; i++)
		vine_session_close(s[i]);
	rig_close(&rig);
}
END_TEST

/* A queue leaves pipe->queues before its lane has let go of the index. */
START_TEST(an_index_is_not_given_out_before_its_lane_has_let_go)
{
	struct vine_session *s;
	struct vine_task_opts o;
	uint32_t next;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	pthread_mutex_lock(&rig.pipe->lock);
	next = rig.pipe->next_queue ? rig.pipe->next_queue : 1;
	atomic_store(&rig.pipe->queue_lanes[next], 1);
	pthread_mutex_unlock(&rig.pipe->lock);
	s = rig_attach(&rig);
	ck_assert_uint_ne(arch_load32(&s->shm->queue), next);
	atomic_store(&rig.pipe->queue_lanes[next], 0);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

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
	uint64_t from, seen, looks = 0;
	struct vine_session *s;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	rig_stop(&rig);
	lane = &rig.pipe->lanes[0];
	from = rig_ns();
	seen = lane->last_door;
	while (rig_ns() - from < SECOND / 5) {
		just_knock();
		vine_lane_poll(lane);
		looks += lane->last_door != seen;
		seen = lane->last_door;
	}
	/* 8 until it is 25.6 ms, then one each, and one a second anyway */
	ck_assert_msg(looks <= 20, "%llu looks in 200 ms",
		      (unsigned long long)looks);
	ck_assert_uint_ge(looks, 3);
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

static const struct rig_case cases[] = {
	RIG_CASE(who_knocks_in_vain_is_looked_at_less_and_less_often),
	RIG_CASE(a_lane_sleeps_until_the_door_may_be_looked_at),
	RIG_CASE(serials_stay_unique_when_they_begin_anew),
	RIG_CASE(an_index_is_not_given_out_before_its_lane_has_let_go),
	RIG_CASE(refusals_are_logged_at_most_once_a_second),
};

RIG_MAIN("vine_door", cases)
