/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_rec: how the appliance names sessions. */
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

static const struct rig_case cases[] = {
	RIG_CASE(serials_stay_unique_when_they_begin_anew),
};

RIG_MAIN("vine_rec", cases)
