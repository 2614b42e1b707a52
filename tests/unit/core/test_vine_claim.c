/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_claim: slots, and the handshake from the application's side. */
#include "rig.h"
#include "step.h"
#include "core/vine_session.h"

static struct rig rig;

START_TEST(without_an_appliance_attaching_times_out_and_says_so)
{
	struct vine_session *s = NULL;
	uint64_t from = rig_ns();

	rig_init(&rig, RIG_MIB, NULL);
	rig_listen();
	ck_assert_int_eq(rig_attach_for(&rig, 50000000, &s), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 50000000);
	ck_assert_msg(strstr(rig_log, rig.name) &&
		      strstr(rig_log, "no appliance"), "log: %s", rig_log);
	rig_close(&rig);
}
END_TEST

START_TEST(an_appliance_that_does_not_answer_times_out)
{
	struct vine_session *s = NULL;

	rig_init(&rig, RIG_MIB, NULL);
	rig_serve_on(&rig);
	rig_listen();
	ck_assert_int_eq(rig_attach_for(&rig, 50000000, &s), -ETIMEDOUT);
	/* and the slot is free again once it looks */
	rig_start(&rig);
	for (int i = 0; i < 40; i++)
		vine_session_close(rig_attach(&rig));
	rig_close(&rig);
}
END_TEST

/* 1 MiB has 16 slots: all of them can be had, whatever the nonces. */
START_TEST(every_slot_can_be_had_and_one_more_is_eusers)
{
	struct vine_session *s[16], *more = NULL;

	rig_open(&rig, RIG_MIB, NULL);
	for (int round = 0; round < 4; round++) {
		rig_listen();
		for (int i = 0; i < 16; i++) {
			int rc = rig_attach_for(&rig, 30 * SECOND, &s[i]);

			ck_assert_msg(rc == 0, "session %d of 16: %d %s", i,
				      rc, rig_log);
		}
		ck_assert_int_eq(rig_attach_for(&rig, SECOND, &more), -EUSERS);
		for (int i = 0; i < 16; i++)
			vine_session_close(s[i]);
	}
	rig_close(&rig);
}
END_TEST

#if STEP_CAN

#define OFF(member) offsetof(struct vine_session_shm, member)

/* The slot is given back: there is nothing more to see. */
static void
until_unclaimed(struct step step)
{
	step_watch.ends |= step.store && step.off == OFF(claim);
}

/* Read first, a state could be one from before the echo that comes with it. */
START_TEST(the_echo_of_an_answer_is_read_before_its_state)
{
	uint32_t looks = 0, i;
	struct vine_session *s;

	rig_open(&rig, 2 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	step_begin(s->shm, NULL, until_unclaimed);
	vine_session_close(s);
	step_end();
	for (i = 1; i < step_watch.count; i++) {
		if (step_watch.seen[i].store ||
		    step_watch.seen[i].off != OFF(state))
			continue;
		looks++;
		ck_assert_msg(step_watch.seen[i - 1].off == OFF(echo),
			      "offset %zu is read before the state",
			      step_watch.seen[i - 1].off);
	}
	ck_assert_uint_ge(looks, 1);
	rig_close(&rig);
}
END_TEST

#endif

static const struct rig_case cases[] = {
#if STEP_CAN
	RIG_CASE(the_echo_of_an_answer_is_read_before_its_state),
#endif
	RIG_CASE(without_an_appliance_attaching_times_out_and_says_so),
	RIG_CASE(an_appliance_that_does_not_answer_times_out),
	RIG_CASE(every_slot_can_be_had_and_one_more_is_eusers),
};

RIG_MAIN("vine_claim", cases)
