/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of quotas with the real vined: queues of several workers share the
 * places of one session, a second session notices nothing, SIGHUP takes new
 * numbers, and VineTalk's functions wait where the config says so.
 */
#include <pthread.h>

#include <vine/vine.h>

#include "segment_view.h"

#define THREADS 6
#define EACH 20
#define SECOND INT64_C(1000000000)

static struct appliance appliance;

static struct vine_session *
open_on(void)
{
	struct vine_session_opts o = {
		.size = sizeof(o), .config_file = appliance.config,
	};
	struct vine_session *s;

	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static vine_task *
issue(struct vine_session *s, vine_accel_type_e type, const char *accel,
      const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task;

	ck_assert_int_eq(vine_accel_find(s, type, accel, &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, type, proc, &o.proc), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

static void
ends_well(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	ck_assert_int_eq(r.status, VINE_STATUS_OK);
	vine_task_free(task);
}

static void *
flood(void *arg)
{
	vine_task *tasks[EACH];

	for (int i = 0; i < EACH; i++)
		tasks[i] = issue(arg, CPU, "cpu0", "slow");
	for (int i = 0; i < EACH; i++)
		ends_well(tasks[i]);
	return NULL;
}

/* What the appliance says that cpu0 has. */
static uint64_t
in_flight(const struct segment_view *v)
{
	for (uint32_t i = 0; i < v->layout.accels; i++) {
		const struct vine_accel_shm *a = SEGMENT_AT(v, accel, i);

		if (arch_load32(&a->handle) && arch_load32(&a->phys) == 0 &&
		    strcmp((const char *)a->name, "cpu0") == 0)
			return arch_load64(&a->in_flight);
	}
	ck_abort_msg("no cpu0");
	return 0;
}

START_TEST(queues_of_several_workers_share_a_session_s_places)
{
	struct vine_session *s, *other;
	pthread_t threads[THREADS];
	struct segment_view v;
	char more[512];
	uint64_t most = 0, now;

	appliance_slow(more, sizeof(more), 5);
	strcat(more, "quota_tasks 3\n");
	appliance_start(&appliance, "places", more);
	segment_map(&appliance, &v);
	s = open_on();
	other = open_on();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, flood, s);
	for (int i = 0; i < 100; i++) {
		now = in_flight(&v);
		if (now > most)
			most = now;
		ends_well(issue(other, GPU_SOFT, "noop", "noop"));
		appliance_nap(1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_ge(most, 1);
	/* the two workers' numbers are not of the same instant */
	ck_assert_uint_le(most, 2 * 3);
	ck_assert_uint_ge(segment_counter(&v, "waits for the quota of tasks"),
			  1);
	vine_session_close(other);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

static void
reload(const char *more)
{
	long from = appliance_log_size(&appliance);
	char text[512];

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\nshm_size 64M\n%s",
		 appliance.name, more);
	appliance_write(appliance.config, text);
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, "was read again");
}

START_TEST(sighup_takes_over_new_quotas)
{
	struct vine_session_info info = { .size = sizeof(info) };
	struct vine_session *s;
	vine_data *d, *e;

	appliance_start(&appliance, "hup", "shm_size 64M\n");
	s = open_on();
	ck_assert_int_eq(vine_data_alloc_in(s, 4 << 20, 0, &d), 0);
	reload("quota_memory 6M\n");
	ck_assert_int_eq(vine_data_alloc_in(s, 4 << 20, 0, &e), -EDQUOT);
	for (int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;
	     info.memory.quota != 6 << 20 && appliance_now() < end;) {
		ck_assert_int_eq(vine_session_info(s, &info), 0);
		appliance_nap(5);
	}
	ck_assert_uint_eq(info.memory.quota, 6 << 20);
	reload("quota_memory 8M\n");
	ck_assert_int_eq(vine_data_alloc_in(s, 4 << 20, 0, &e), 0);
	reload("");
	ck_assert_int_eq(vine_data_alloc_in(s, 32 << 20, 0, &e), 0);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

static void *
free_soon(void *data)
{
	appliance_nap(50);
	vine_data_free(data);
	return NULL;
}

START_TEST(vinetalk_waits_for_memory_where_throttle_says_so)
{
	pthread_t thread;
	int64_t begin;
	vine_data *d, *e;

	appliance_start(&appliance, "throttle",
			"shm_size 64M\nquota_memory 8M\nthrottle 100\n");
	setenv("VINE_CONFIG", appliance.config, 1);
	vine_talk_init();
	d = vine_data_alloc(6 << 20, Both);
	ck_assert_ptr_nonnull(d);
	begin = appliance_now();
	ck_assert_ptr_null(vine_data_alloc(6 << 20, Both));
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_ge(appliance_now() - begin, 99);
	ck_assert_ptr_null(vine_data_alloc(9 << 20, Both));
	ck_assert_int_eq(errno, EDQUOT);
	pthread_create(&thread, NULL, free_soon, d);
	do	/* a machine that is busy may take more than 100 ms */
		e = vine_data_alloc(6 << 20, Both);
	while (e == NULL && errno == ETIMEDOUT);
	ck_assert_ptr_nonnull(e);
	pthread_join(thread, NULL);
	vine_talk_exit();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("quota");

	tcase_add_test(tcase,
		       queues_of_several_workers_share_a_session_s_places);
	tcase_add_test(tcase, sighup_takes_over_new_quotas);
	tcase_add_test(tcase, vinetalk_waits_for_memory_where_throttle_says_so);
	return appliance_main("quota", tcase);
}
