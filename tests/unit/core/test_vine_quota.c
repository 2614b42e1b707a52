/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_quota: what the operator's numbers keep a session from, at
 * once; what waiting does about it; and what a session is told.
 */
#include "rig.h"
#include "core/vine_errand.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "utils/utils_config.h"

#define MS INT64_C(1000000)

static struct rig rig;

/* What the pipe's lock guards. */
#define locked(value) (pthread_mutex_lock(&rig.pipe->lock), \
		       guarded = (value), \
		       pthread_mutex_unlock(&rig.pipe->lock), guarded)
static uint64_t guarded;

static struct vine_session_info
info_of(struct vine_session *s)
{
	struct vine_session_info info = { .size = sizeof(info) };

	ck_assert_int_eq(vine_session_info(s, &info), 0);
	return info;
}

static uint64_t
counted(enum vine_count what)
{
	return atomic_load(&rig.pipe->lanes[0].count[what]);
}

static int
get(struct vine_session *s, size_t bytes, int64_t wait_ns, vine_data **d)
{
	struct vine_data_opts o = {
		.size = sizeof(o), .bytes = bytes, .wait_ns = wait_ns,
	};

	return vine_data_alloc_opts(s, &o, d);
}

/* The quotas of a running pipe, as SIGHUP does. */
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

/* A program's own memory has no config: what is built in is what is read. */
START_TEST(the_built_in_defaults_are_those_of_the_config)
{
	struct vine_quotas built, read;
	struct utils_config *config;

	memset(&read, 0xa5, sizeof(read));
	vine_quota_init(&built);
	ck_assert_int_eq(utils_config_parse("shm_file x\n", "t", &config), 0);
	vine_quota_read(&read, config);
	utils_config_free(config);
	for (int i = 0; i < VINE_QUOTA_MAX; i++)
		ck_assert_uint_eq(built.session[i], read.session[i]);
	ck_assert_uint_eq(built.sessions, read.sessions);
	ck_assert_uint_eq(built.tasks, read.tasks);
	ck_assert_uint_eq(built.on_tasks, read.on_tasks);
}
END_TEST

START_TEST(one_quota_is_set_by_its_key_and_the_others_stay)
{
	struct vine_quotas q;
	uint64_t value = 77;
	int keys = 0;

	vine_quota_init(&q);
	for (int key = 0; key < UTILS_KEY_COUNT; key++)
		keys += vine_quota_set(&q, key, 0) == 0;
	ck_assert_int_eq(keys, VINE_QUOTA_MAX + 2);
	ck_assert_int_eq(vine_quota_set(&q, UTILS_KEY_shm_size, 1), -ENOENT);
	ck_assert_int_eq(vine_quota_get(&q, UTILS_KEY_shm_size, &value),
			 -ENOENT);
	ck_assert_uint_eq(value, 77);
	ck_assert_int_eq(vine_quota_set(&q, UTILS_KEY_quota_code, 5), 0);
	ck_assert_uint_eq(q.on_tasks, 0);
	ck_assert_int_eq(vine_quota_set(&q, UTILS_KEY_segment_tasks, 6), 0);
	ck_assert_uint_eq(q.on_tasks, 1);
	ck_assert_int_eq(vine_quota_get(&q, UTILS_KEY_quota_code, &value), 0);
	ck_assert_uint_eq(value, 5);
	ck_assert_uint_eq(q.session[VINE_QUOTA_CODE], 5);
	ck_assert_uint_eq(q.session[VINE_QUOTA_MEMORY], 0);
	ck_assert_int_eq(vine_quota_set(&q, UTILS_KEY_segment_tasks, 0), 0);
	ck_assert_uint_eq(q.on_tasks, 0);
}
END_TEST

START_TEST(memory_ends_at_the_quota_and_another_session_has_its_own)
{
	struct vine_session *s, *other;
	vine_data *d[17], *more;
	int n = 0, rc;

	rig_open(&rig, 64 * RIG_MIB, "quota_memory 8M\nrecycle_size 0\n");
	s = rig_attach(&rig);
	other = rig_attach(&rig);
	rig_listen();
	while (n < 17 && (rc = vine_data_alloc_in(s, 512 << 10, 0, &d[n])) == 0)
		n++;
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	ck_assert_int_eq(rc, -EDQUOT);
	ck_assert_int_eq(n, 16);
	ck_assert_ptr_nonnull(strstr(rig_log, "its quota is 8388608"));
	ck_assert_uint_ge(counted(VINE_COUNT_QUOTA_MEMORY), 1);
	ck_assert_uint_eq(info_of(s).memory.used, 8 * RIG_MIB);
	ck_assert_uint_eq(info_of(s).memory.quota, 8 * RIG_MIB);
	ck_assert_int_eq(vine_data_alloc_in(s, 1, 0, &more), -EDQUOT);
	ck_assert_int_eq(vine_data_alloc_in(other, 8 * RIG_MIB, 0, &more), 0);
	vine_data_free(more);
	while (n > 0)
		vine_data_free(d[--n]);
	ck_assert_int_eq(vine_data_alloc_in(s, 8 * RIG_MIB, 0, &more), 0);
	vine_data_free(more);
	vine_session_close(other);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* Else a slow task on it, and the next, and the next, would be no quota. */
START_TEST(what_was_given_back_counts_while_a_task_works_on_it)
{
	struct vine_session *s;
	struct vine_task_opts o;
	struct vine_slice slice;
	vine_data *d;
	vine_task *task;
	uint64_t off;

	rig_open(&rig, 64 * RIG_MIB, "quota_memory 8M\nrecycle_size 0\n");
	s = rig_attach(&rig);
	o = rig_opts(s, "keep");
	ck_assert_int_eq(vine_data_alloc_in(s, 8 * RIG_MIB, 0, &d), 0);
	slice = vine_slice_all(d);
	o.in = &slice;
	o.in_count = 1;
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	rig_await(rig.kept_count == 1);
	ck_assert_int_eq(vine_errand_run(s, VINE_CTL_RETURN,
			 slice.data->off, 0, 0, NULL, NULL), 0);
	ck_assert_int_lt(vine_errand_run(s, VINE_CTL_GRANT, RIG_MIB, 0, 0,
					 NULL, &off), 0);
	ck_assert_uint_eq(locked(rig.pipe->extents.use[s->slot].held),
			  8 * RIG_MIB);
	rig_release(&rig, 0, 0);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(vine_errand_run(s, VINE_CTL_GRANT, 8 * RIG_MIB,
					 0, 0, NULL, &off), 0);
	ck_assert_uint_eq(locked(rig.pipe->extents.use[s->slot].held),
			  8 * RIG_MIB);
	vine_task_free(task);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

struct waiter {
	struct vine_session *s;
	vine_data *d;
	_Atomic int rc;		/* 1: not yet */
};

static void *
wait_for_memory(void *arg)
{
	struct waiter *w = arg;

	w->rc = get(w->s, 4 * RIG_MIB, VINE_FOREVER, &w->d);
	return NULL;
}

START_TEST(an_allocation_that_may_wait_waits_for_the_quota)
{
	struct waiter w = { .rc = 1 };
	vine_data *d[2], *more;
	pthread_t thread;
	uint64_t from;

	rig_open(&rig, 64 * RIG_MIB, "quota_memory 8M\n");
	w.s = rig_attach(&rig);
	ck_assert_int_eq(get(w.s, 4 * RIG_MIB, 0, &d[0]), 0);
	ck_assert_int_eq(get(w.s, 4 * RIG_MIB, 0, &d[1]), 0);
	from = rig_ns();
	ck_assert_int_eq(get(w.s, 4 * RIG_MIB, 30 * MS, &more), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 30 * MS);
	/* what can never be is said at once */
	ck_assert_int_eq(get(w.s, 9 * RIG_MIB, VINE_FOREVER, &more), -EDQUOT);
	pthread_create(&thread, NULL, wait_for_memory, &w);
	rig_nap(10 * MS);
	ck_assert_int_eq(w.rc, 1);
	vine_data_free(d[0]);
	pthread_join(thread, NULL);
	ck_assert_int_eq(w.rc, 0);
	/* a quota that is raised is as good */
	w.rc = 1;
	pthread_create(&thread, NULL, wait_for_memory, &w);
	rig_nap(10 * MS);
	ck_assert_int_eq(w.rc, 1);
	set("quota_memory 12M\n");
	pthread_join(thread, NULL);
	ck_assert_int_eq(w.rc, 0);
	vine_session_close(w.s);
	rig_close(&rig);
}
END_TEST

static void *
issue_one(void *arg)
{
	struct vine_task_opts *o = arg;
	vine_task *task = NULL;
	int rc = vine_task_issue_opts(o, &task);

	if (rc == 0) {
		vine_task_wait_for(task, 60 * SECOND);
		vine_task_free(task);
	}
	return (void *)(intptr_t)rc;
}

/* Its thread goes on only when told, so that its queue is not used again. */
static pthread_barrier_t two;

static void *
issue_and_stay(void *arg)
{
	void *rc = issue_one(arg);

	pthread_barrier_wait(&two);
	return rc;
}

START_TEST(a_thread_beyond_the_quota_of_queues_gets_none)
{
	struct vine_session *s;
	struct vine_task_opts o;
	pthread_t first, second;
	void *rc;

	rig_open(&rig, 8 * RIG_MIB, "quota_queues 1\n");
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	pthread_barrier_init(&two, NULL, 2);
	pthread_create(&first, NULL, issue_and_stay, &o);
	rig_await(info_of(s).thread_queues.used == 1);
	pthread_create(&second, NULL, issue_one, &o);
	pthread_join(second, &rc);
	ck_assert_int_eq((int)(intptr_t)rc, -EDQUOT);
	ck_assert_uint_eq(info_of(s).thread_queues.quota, 1);
	ck_assert_uint_eq(counted(VINE_COUNT_QUOTA_QUEUES), 1);
	pthread_barrier_wait(&two);
	pthread_join(first, &rc);
	ck_assert_int_eq((int)(intptr_t)rc, 0);
	/* the queue it left is there for another */
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(virtual_accelerators_end_at_the_quota)
{
	struct vine_session *s;
	vine_accel *v[3];

	rig_open(&rig, 8 * RIG_MIB, "quota_vaccels 2\n");
	s = rig_attach(&rig);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(vine_accel_open(rig_accel(s), 0, &v[i]), 0);
	ck_assert_int_eq(vine_accel_open(rig_accel(s), 0, &v[2]), -EDQUOT);
	ck_assert_uint_eq(counted(VINE_COUNT_QUOTA_VACCELS), 1);
	ck_assert_uint_eq(info_of(s).vaccels.used, 2);
	/* a lower one takes nothing away */
	set("quota_vaccels 1\n");
	vine_accel_close(v[1]);
	ck_assert_int_eq(vine_accel_open(rig_accel(s), 0, &v[2]), -EDQUOT);
	vine_accel_close(v[0]);
	ck_assert_int_eq(vine_accel_open(rig_accel(s), 0, &v[2]), 0);
	ck_assert_uint_eq(info_of(s).vaccels.used, 1);
	set("quota_vaccels 0\n");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(vine_accel_open(rig_accel(s), 0, &v[i]), 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static int
add(struct vine_session *s, int i, size_t size, vine_proc **proc)
{
	static uint8_t code[65536];
	char name[16];

	memset(code, i, size);
	snprintf(name, sizeof(name), "code%d", i);
	return vine_proc_add(s, CPU, name, code, size, proc);
}

START_TEST(procedures_end_at_the_quota_and_so_does_their_code)
{
	struct vine_session *s;
	vine_proc *p[4];

	rig_open(&rig, 8 * RIG_MIB, "quota_procs 3\nquota_code 8K\n");
	s = rig_attach(&rig);
	ck_assert_int_eq(add(s, 0, 8193, &p[0]), -EDQUOT);
	ck_assert_int_eq(add(s, 0, 4096, &p[0]), 0);
	ck_assert_int_eq(add(s, 1, 4096, &p[1]), 0);
	ck_assert_int_eq(add(s, 2, 1, &p[2]), -EDQUOT);
	ck_assert_uint_eq(counted(VINE_COUNT_QUOTA_CODE), 2);
	ck_assert_uint_eq(info_of(s).code.used, 8192);
	ck_assert_uint_eq(info_of(s).procs.used, 2);
	vine_proc_release(p[1]);
	ck_assert_uint_eq(info_of(s).code.used, 4096);
	ck_assert_int_eq(add(s, 1, 1, &p[1]), 0);
	ck_assert_int_eq(add(s, 2, 1, &p[2]), 0);
	ck_assert_int_eq(add(s, 3, 1, &p[3]), -EDQUOT);
	ck_assert_uint_eq(counted(VINE_COUNT_QUOTA_PROCS), 1);
	/* one that is there is a use, not another procedure */
	ck_assert_int_eq(add(s, 2, 1, &p[3]), 0);
	ck_assert_uint_eq(info_of(s).procs.used, 3);
	ck_assert_uint_eq(info_of(s).procs.quota, 3);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(sessions_of_a_segment_end_at_its_quota)
{
	struct vine_session *s[3];

	rig_open(&rig, 8 * RIG_MIB, "segment_sessions 2\n");
	s[0] = rig_attach(&rig);
	s[1] = rig_attach(&rig);
	ck_assert_int_eq(rig_attach_for(&rig, 30 * SECOND, &s[2]), -EUSERS);
	vine_session_close(s[0]);
	s[2] = rig_attach(&rig);
	set("segment_sessions 3\n");
	s[0] = rig_attach(&rig);
	for (int i = 0; i < 3; i++)
		vine_session_close(s[i]);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(the_built_in_defaults_are_those_of_the_config),
	RIG_CASE(one_quota_is_set_by_its_key_and_the_others_stay),
	RIG_CASE(memory_ends_at_the_quota_and_another_session_has_its_own),
	RIG_CASE(what_was_given_back_counts_while_a_task_works_on_it),
	RIG_CASE(an_allocation_that_may_wait_waits_for_the_quota),
	RIG_CASE(a_thread_beyond_the_quota_of_queues_gets_none),
	RIG_CASE(virtual_accelerators_end_at_the_quota),
	RIG_CASE(procedures_end_at_the_quota_and_so_does_their_code),
	RIG_CASE(sessions_of_a_segment_end_at_its_quota),
};

RIG_MAIN("vine_quota", cases)
