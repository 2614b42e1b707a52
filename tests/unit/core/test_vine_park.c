/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_park: tasks beyond a quota of tasks in flight wait in their
 * rings, cost nothing there, hold up nobody, and are all carried out.
 */
#include <signal.h>

#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "utils/utils_config.h"

#define MS INT64_C(1000000)
#define THREADS 4
#define TASKS (RIG_SANITIZED ? 320 : 1600)

static struct rig rig;

/* What the pipe's lock guards. */
#define locked(value) (pthread_mutex_lock(&rig.pipe->lock), \
		       guarded = (value), \
		       pthread_mutex_unlock(&rig.pipe->lock), guarded)
static uint64_t guarded;

static vine_task *
issue(const struct vine_task_opts *o)
{
	vine_task *task;

	ck_assert_int_eq(vine_task_issue_opts(o, &task), 0);
	return task;
}

static void
ends_well(vine_task *task)
{
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(task).status, VINE_STATUS_OK);
	vine_task_free(task);
}

static uint64_t
waits(void)
{
	return atomic_load(&rig.pipe->lanes[0].count[VINE_COUNT_QUOTA_TASKS]);
}

static void
set(const char *text)
{
	char all[512];
	struct utils_config *config;

	snprintf(all, sizeof(all), "shm_file x\n%s", text);
	ck_assert_int_eq(utils_config_parse(all, "test", &config), 0);
	vine_pipe_set_quotas(rig.pipe, config);
	utils_config_free(config);
}

START_TEST(a_task_beyond_the_quota_waits_and_the_next_session_does_not)
{
	struct vine_session *s, *other;
	struct vine_task_opts keep, nop;
	vine_task *task[5];

	rig_open(&rig, 8 * RIG_MIB, "quota_tasks 2\n");
	s = rig_attach(&rig);
	other = rig_attach(&rig);
	keep = rig_opts(s, "keep");
	nop = rig_opts(other, "nop");
	for (int i = 0; i < 5; i++)
		task[i] = issue(&keep);
	rig_await(rig.kept_count == 2 && waits() >= 1);
	/* which is not held up */
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(rig_run(&nop, NULL), VINE_STATUS_OK);
	ck_assert_uint_eq(rig.kept_count, 2);
	ck_assert_int_eq(vine_task_wait_for(task[2], 0), -ETIMEDOUT);
	for (int left = 5; left > 0; left--) {
		uint32_t want = left < 2 ? 1 : 2;

		rig_await(rig.kept_count == want);
		rig_nap(MS);
		ck_assert_uint_eq(rig.kept_count, want);
		rig_release(&rig, 0, 0);
	}
	for (int i = 0; i < 5; i++)
		ends_well(task[i]);
	ck_assert_uint_eq(rig.pipe->recs[s->slot].places.used, 0);
	vine_session_close(other);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* A lane that waits for a place sleeps as one that waits for a task. */
START_TEST(waiting_for_a_place_is_no_work)
{
	struct vine_session *s;
	struct vine_task_opts keep;
	vine_task *task[8];
	struct timespec a, b;
	clockid_t clock;
	int64_t used;
	uint64_t from;

	rig_open(&rig, 8 * RIG_MIB, "quota_tasks 1\n");
	s = rig_attach(&rig);
	keep = rig_opts(s, "keep");
	for (int i = 0; i < 8; i++)
		task[i] = issue(&keep);
	rig_await(rig.kept_count == 1 && waits() >= 1);
	rig_nap(100 * MS);
	ck_assert_int_eq(pthread_getcpuclockid(rig.thread, &clock), 0);
	from = rig_ns();
	clock_gettime(clock, &a);
	rig_nap(500 * MS);
	clock_gettime(clock, &b);
	used = (b.tv_sec - a.tv_sec) * SECOND + b.tv_nsec - a.tv_nsec;
	ck_assert_msg(used < (int64_t)(rig_ns() - from) / 2,
		      "%lld ns of 500 ms", (long long)used);
	for (int i = 0; i < 8; i++) {
		rig_await(rig.kept_count == 1);
		rig_release(&rig, 0, 0);
	}
	for (int i = 0; i < 8; i++)
		ends_well(task[i]);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(issue_waits_for_its_deadline_or_not_at_all)
{
	struct vine_session *s;
	struct vine_task_opts keep;
	vine_task *task[64], *more;
	uint32_t n = 0;
	uint64_t from;
	int rc;

	rig_open(&rig, 8 * RIG_MIB, "quota_tasks 1\nqueue_slots 16\n");
	s = rig_attach(&rig);
	keep = rig_opts(s, "keep");
	keep.flags = VINE_TASK_NOWAIT;
	task[n++] = issue(&keep);
	rig_await(rig.kept_count == 1);
	while (n < 64 && (rc = vine_task_issue_opts(&keep, &task[n])) == 0) {
		n++;
		rig_await(waits() >= 1);	/* the lane has seen it */
	}
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_uint_le(n, 17);
	keep.flags = 0;
	keep.deadline_ns = 20 * MS;
	from = rig_ns();
	ck_assert_int_eq(vine_task_issue_opts(&keep, &more), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 20 * MS);
	/* and there is room as soon as there is a place */
	keep.deadline_ns = 60 * SECOND;
	rig_release(&rig, 0, 0);
	task[n++] = issue(&keep);
	for (uint32_t i = 1; i < n; i++) {
		rig_await(rig.kept_count == 1);
		rig_release(&rig, 0, 0);
	}
	for (uint32_t i = 0; i < n; i++)
		ends_well(task[i]);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(a_quota_that_is_raised_or_lifted_lets_them_go_on)
{
	struct vine_session *s;
	struct vine_task_opts keep;
	vine_task *task[6];

	rig_open(&rig, 8 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	keep = rig_opts(s, "keep");
	task[0] = issue(&keep);
	rig_await(rig.kept_count == 1);
	set("quota_tasks 2\n");	/* what is in flight already counts */
	for (int i = 1; i < 6; i++)
		task[i] = issue(&keep);
	rig_await(rig.kept_count == 2);
	rig_nap(5 * MS);
	ck_assert_uint_eq(rig.kept_count, 2);
	set("quota_tasks 3\n");
	rig_await(rig.kept_count == 3);
	rig_nap(5 * MS);
	ck_assert_uint_eq(rig.kept_count, 3);
	set("");
	rig_await(rig.kept_count == 6);
	while (rig.kept_count)
		rig_release(&rig, 0, 0);
	for (int i = 0; i < 6; i++)
		ends_well(task[i]);
	ck_assert_uint_eq(rig.pipe->recs[s->slot].places.used, 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Each has as many in flight as its ring takes, all want the same place. */
static void *
flood(void *arg)
{
	const struct vine_task_opts *o = arg;
	vine_task *task[16];

	for (int done = 0; done < TASKS; done += 16) {
		for (int i = 0; i < 16; i++)
			task[i] = issue(o);
		for (int i = 0; i < 16; i++)
			ends_well(task[i]);
	}
	return NULL;
}

static _Atomic uint32_t most;

/* Each request is held and answered at once by another thread. */
static void *
answer_kept(void *arg)
{
	_Atomic int *stop = arg;

	while (!*stop) {
		uint32_t n = rig.kept_count;

		if (n > most)
			most = n;
		if (n)
			rig_release(&rig, 0, 0);
	}
	return NULL;
}

START_TEST(many_threads_share_few_places_and_none_is_forgotten)
{
	static const char *const quotas[] = {
		"quota_tasks 1\n", "quota_tasks 3\n", "segment_tasks 2\n",
		"segment_tasks 2\nquota_tasks 1\n",
	};
	struct vine_session *s[2];
	struct vine_task_opts o[2][2];
	pthread_t thread[THREADS], helper;
	_Atomic int stop = 0;

	rig_open(&rig, 8 * RIG_MIB, quotas[_i]);
	most = 0;
	for (int i = 0; i < 2; i++) {
		s[i] = rig_attach(&rig);
		o[i][0] = rig_opts(s[i], "keep");
		o[i][1] = rig_opts(s[i], "nop");
	}
	pthread_create(&helper, NULL, answer_kept, &stop);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, flood, &o[i % 2][i == 3]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stop = 1;
	pthread_join(helper, NULL);
	/* two sessions; a request is gone from the list before its place is */
	ck_assert_uint_le(most, _i == 1 ? 6 : 2);
	for (int i = 0; i < 2; i++)
		rig_await(rig.pipe->recs[s[i]->slot].places.used == 0);
	ck_assert_uint_eq(rig.pipe->places.used, 0);
	for (int i = 0; i < 2; i++)
		vine_session_close(s[i]);
	rig_close(&rig);
}
END_TEST

static uint32_t
release_all(void)
{
	uint32_t n = 0;

	for (; rig.kept_count; n++)
		rig_release(&rig, 0, 0);
	return n;
}

/* Its queue is taken back from where it waits. */
START_TEST(a_process_that_dies_while_it_waits_leaves_nothing)
{
	pid_t pid;

	rig_open(&rig, 8 * RIG_MIB, "quota_tasks 2\n");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct vine_session *s = rig_attach(&rig);
		struct vine_task_opts keep = rig_opts(s, "keep");

		for (int i = 0; i < 6; i++)
			issue(&keep);
		rig_nap(60 * SECOND);
		_exit(1);
	}
	rig_await(rig.kept_count == 2 && waits() >= 1);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	rig_await(locked(rig.pipe->recs[0].state) == VINE_REC_CLOSING);
	/* as those end, the ones that wait are taken */
	rig_await(release_all() == 0 && locked(rig.pipe->recs_open) == 0);
	rig_stop(&rig);
	ck_assert_uint_eq(rig.kept_count, 0);
	ck_assert_uint_eq(rig.pipe->lanes[0].parked_count, 0);
	ck_assert_uint_eq(rig.pipe->recs[0].places.used, 0);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_task_beyond_the_quota_waits_and_the_next_session_does_not),
	RIG_CASE(waiting_for_a_place_is_no_work),
	RIG_CASE(issue_waits_for_its_deadline_or_not_at_all),
	RIG_CASE(a_quota_that_is_raised_or_lifted_lets_them_go_on),
	RIG_EACH(many_threads_share_few_places_and_none_is_forgotten, 4),
	RIG_CASE(a_process_that_dies_while_it_waits_leaves_nothing),
};

RIG_MAIN("vine_park", cases)
