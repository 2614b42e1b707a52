/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_pq: which index a queue gets. */
#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

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

static const struct rig_case cases[] = {
	RIG_CASE(an_index_is_not_given_out_before_its_lane_has_let_go),
};

RIG_MAIN("vine_pq", cases)
