/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broken appliance, or another application that writes in its place: what it
 * answers may be wrong, but the library stays whole and says so.
 */
#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"

static struct rig rig;

static void *
attach(void *rc)
{
	struct vine_session *s = NULL;

	*(int *)rc = rig_attach_for(&rig, 30 * SECOND, &s);
	return NULL;
}

/* Answer the next attach with a refusal; returns what the attach returned. */
static int
refuse_with(uint32_t error)
{
	struct vine_session_shm *shm = NULL;
	pthread_t thread;
	int rc = 1;

	ck_assert_int_eq(pthread_create(&thread, NULL, attach, &rc), 0);
	while (shm == NULL)
		for (uint32_t i = 0; i < rig.pipe->seg->layout.sessions; i++)
			if (arch_load_acquire32(&vine_seg_session(
			    rig.pipe->seg, i)->request) == VINE_REQUEST_ATTACH)
				shm = vine_seg_session(rig.pipe->seg, i);
	arch_store64(&shm->echo, arch_load64(&shm->nonce));
	arch_store32(&shm->error, error);
	arch_store_release32(&shm->state, VINE_SESSION_REFUSED);
	pthread_join(thread, NULL);
	return rc;
}

START_TEST(a_refusal_without_a_reason_is_a_refusal)
{
	rig_init(&rig, RIG_MIB, NULL);
	rig_serve_on(&rig);
	vine_pipe_serve(rig.pipe);
	ck_assert_int_eq(refuse_with(EPERM), -EPERM);
	ck_assert_int_eq(refuse_with(0), -EPROTO);
	ck_assert_int_eq(refuse_with(1u << 31), -EPROTO);
	ck_assert_int_eq(refuse_with((uint32_t)-5), -EPROTO);
	rig_close(&rig);
}
END_TEST

/* Its lower half is an index, and the directory has only so many entries. */
START_TEST(a_handle_in_the_directory_names_its_own_entry_or_nothing)
{
	struct vine_accel_shm *entry;
	vine_accel_stats_s stats;
	struct vine_session *s;
	vine_accel *list[4];
	uint32_t was;

	rig_open(&rig, RIG_MIB, NULL);
	s = rig_attach(&rig);
	entry = vine_seg_accel(s->seg, 1);
	was = arch_load32(&entry->handle);
	ck_assert_uint_eq(was & 0xffff, 1);
	arch_store32(&entry->handle, 0x1ffff);
	ck_assert_int_eq(vine_accel_list_in(s, ANY, list, 4), 0);
	for (int i = 0; i < vine_accel_list_in(s, ANY, list, 4); i++)
		vine_accel_stat(list[i], &stats);
	arch_store32(&entry->handle, was);
	ck_assert_int_eq(vine_accel_list_in(s, ANY, list, 4), 1);
	ck_assert_int_eq(vine_accel_stat(list[0], &stats), accel_idle);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(completions_of_nothing_are_logged_at_most_once_a_second)
{
	struct vine_task_opts o;
	struct vine_session *s;
	struct vine_queue *q;
	uint32_t lines = 0;
	uint64_t from;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	rig_stop(&rig);
	q = s->queues;
	rig_listen();
	from = rig_ns();
	for (int i = 0; i < 200; i++) {
		struct vine_cring ring = q->comp;
		struct vine_comp comp = { .cookie = 77 };

		vine_cring_push(&ring, &comp);
		ck_assert_uint_eq(vine_queue_reap(q), 0);
	}
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	for (char *at = rig_log; (at = strstr(at, "not in flight")); at++)
		lines++;
	ck_assert_uint_ge(lines, 1);
	ck_assert_msg(lines <= 2 + (rig_ns() - from) / SECOND,
		      "%u lines of 200 completions", lines);
	rig_start(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_refusal_without_a_reason_is_a_refusal),
	RIG_CASE(a_handle_in_the_directory_names_its_own_entry_or_nothing),
	RIG_CASE(completions_of_nothing_are_logged_at_most_once_a_second),
};

RIG_MAIN("broken", cases)
