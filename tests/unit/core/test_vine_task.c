/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_task: issuing, waiting, callbacks, cancelling, results. With
 * vine_queue and vine_wait underneath; see also test_vine_wait.c.
 */
#include "rig.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"

static struct rig rig;
static struct vine_session *s;

static void
begin(const char *more)
{
	rig_open(&rig, 64 * RIG_MIB, more);
	s = rig_attach(&rig);
}

static void
end(void)
{
	vine_session_close(s);
	rig_close(&rig);
}

static vine_task *
issue(const struct vine_task_opts *o)
{
	vine_task *task = NULL;

	ck_assert_int_eq(vine_task_issue_opts(o, &task), 0);
	return task;
}

static void
release_all(void)
{
	while (rig.kept_count)
		rig_release(&rig, 0, 1);
}

START_TEST(a_task_carries_its_data_arguments_and_result)
{
	struct vine_task_opts o;
	struct vine_slice in, out;
	vine_data *a, *b;
	uint64_t value;

	begin(NULL);
	o = rig_opts(s, "copy");
	ck_assert_int_eq(vine_data_alloc_in(s, 10000, 0, &a), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 10000, 0, &b), 0);
	for (int i = 0; i < 10000; i++)
		((uint8_t *)vine_data_deref(a))[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(vine_slice_of(a, 5, 9000, &in), 0);
	ck_assert_int_eq(vine_slice_of(b, 3, 9000, &out), 0);
	o.in = &in;
	o.in_count = 1;
	o.out = &out;
	o.out_count = 1;
	ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	ck_assert_uint_eq(value, 9000);
	ck_assert_mem_eq((uint8_t *)vine_data_deref(b) + 3,
			 (uint8_t *)vine_data_deref(a) + 5, 9000);
	o = rig_opts(s, "fail");
	ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_FAILED);
	ck_assert_uint_eq(value, 7);
	end();
}
END_TEST

/* Every count of references with every border of the arguments' size. */
START_TEST(inline_and_table_tasks_say_the_same)
{
	static const uint32_t sizes[] = { 0, 1, 7, 8, 9, 19, 20, 21, 31, 32,
		33, 500, 1023, 1024 };
	struct vine_slice slices[64];
	uint8_t args[1024];
	struct vine_task_opts o;
	vine_data *d;

	begin(NULL);
	ck_assert_int_eq(vine_data_alloc_in(s, 6400, 0, &d), 0);
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_int_eq(vine_slice_of(d, i * 100, i + 1, &slices[i]),
				 0);
	for (uint32_t i = 0; i < 1024; i++)
		args[i] = (uint8_t)(i + 1);
	o = rig_opts(s, "sum");
	for (uint32_t refs = 0; refs <= 64; refs += refs < 5 ? 1 : 59) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
			uint64_t want = refs * (refs + 1) / 2, value;

			for (uint32_t i = 0; i < sizes[k]; i++)
				want += args[i];
			o.in = slices;
			o.in_count = refs / 2;
			o.out = slices + refs / 2;
			o.out_count = refs - refs / 2;
			o.args = args;
			o.args_size = sizes[k];
			ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
			ck_assert_uint_eq(value, want);
		}
	}
	end();
}
END_TEST

START_TEST(bad_options_are_einval)
{
	struct vine_task_opts good, o;
	struct vine_session *other;
	struct vine_slice slice;
	vine_task *task = NULL;
	uint8_t args[2000] = { 0 };
	vine_data *d;

	begin(NULL);
	good = rig_opts(s, "nop");
	other = rig_attach(&rig);
	ck_assert_int_eq(vine_data_alloc_in(s, 100, 0, &d), 0);
#define REFUSED(change) \
	do { \
		o = good; \
		slice = vine_slice_all(d); \
		change; \
		ck_assert_msg(vine_task_issue_opts(&o, &task) == -EINVAL, \
			      "%s", #change); \
	} while (0)
	ck_assert_int_eq(vine_task_issue_opts(NULL, &task), -EINVAL);
	REFUSED(o.size--);
	REFUSED(o.accel = NULL);
	REFUSED(o.proc = NULL);
	REFUSED(o.accel = rig_accel(other));
	REFUSED(o.proc = rig_proc(other, "nop"));
	REFUSED(o.args = args; o.args_size = 1025);
	REFUSED(o.args_size = 1);
	REFUSED(o.flags = 8);
	REFUSED(o.in = &slice; o.in_count = 65);
	REFUSED(o.out = &slice; o.out_count = UINT32_MAX);
	REFUSED(o.in = &slice; o.in_count = 1; slice.length = 101);
	REFUSED(o.in = &slice; o.in_count = 1; slice.offset = 1);
	REFUSED(o.in = &slice; o.in_count = 1; slice.offset = SIZE_MAX;
		slice.length = 2);
	REFUSED(o.out = &slice; o.out_count = 1; slice.data = NULL);
	ck_assert_int_eq(vine_data_alloc_in(other, 100, 0, &d), 0);
	REFUSED(o.in = &slice; o.in_count = 1);
	ck_assert_ptr_null(task);
	ck_assert_int_eq(rig_run(&good, NULL), VINE_STATUS_OK);
	vine_session_close(other);
	end();
}
END_TEST

START_TEST(a_task_may_be_waited_for_twice_and_by_many)
{
	struct vine_task_opts o;
	vine_task *task;

	begin(NULL);
	o = rig_opts(s, "nop");
	o.user = 99;
	task = issue(&o);
	ck_assert_int_eq(vine_task_wait_for(task, VINE_FOREVER), 0);
	ck_assert_int_eq(vine_task_wait_for(task, 0), 0);
	ck_assert_int_eq(vine_task_wait_for(task, VINE_FOREVER), 0);
	ck_assert_uint_eq(rig_result(task).value, 42);
	ck_assert_uint_eq(rig_result(task).user, 99);
	vine_task_free(task);
	end();
}
END_TEST

static void *
wait_forever(void *task)
{
	return (void *)(intptr_t)vine_task_wait_for(task, 60 * SECOND);
}

START_TEST(several_threads_wait_for_one_task)
{
	struct vine_task_opts o;

	begin(NULL);
	o = rig_opts(s, "keep");
	for (int round = 0; round < 30; round++) {
		pthread_t threads[4];
		vine_task *task = issue(&o);

		for (int i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, wait_forever, task);
		rig_await(rig.kept_count == 1);
		if (round % 3)
			rig_nap((uint64_t)round * 100000);
		rig_release(&rig, 0, 5);
		for (int i = 0; i < 4; i++) {
			void *rc;

			pthread_join(threads[i], &rc);
			ck_assert_ptr_null(rc);
		}
		ck_assert_uint_eq(rig_result(task).value, 5);
		vine_task_free(task);
	}
	end();
}
END_TEST

START_TEST(a_task_in_flight_times_out_and_has_no_result_yet)
{
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_task_opts o;
	vine_task *task;

	begin(NULL);
	o = rig_opts(s, "keep");
	task = issue(&o);
	errno = 0;
	ck_assert_int_eq(vine_task_wait_for(task, 0), -ETIMEDOUT);
	ck_assert_int_eq(vine_task_wait_for(task, 1000000), -ETIMEDOUT);
	ck_assert_int_eq(vine_task_wait_for(task, 30000000), -ETIMEDOUT);
	/* errno is VineTalk's; a sleep inside a call that succeeds says nothing */
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(vine_task_result(task, &r), -EINPROGRESS);
	r.size--;
	ck_assert_int_eq(vine_task_result(task, &r), -EINVAL);
	ck_assert_int_eq(vine_task_result(task, NULL), -EINVAL);
	rig_await(rig.kept_count == 1);
	rig_release(&rig, 0, 3);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	vine_task_free(task);
	end();
}
END_TEST

START_TEST(hundreds_of_tasks_in_flight_complete_in_any_order)
{
	static vine_task *tasks[300];
	struct vine_task_opts o;
	uint64_t seed = 9;

	begin("queue_slots 256\n");
	o = rig_opts(s, "keep");
	for (int i = 0; i < 300; i++) {
		o.user = (uint64_t)i;
		tasks[i] = issue(&o);
	}
	rig_await(rig.kept_count == 300);
	while (rig.kept_count)
		rig_release(&rig, (uint32_t)(rig_random(&seed) %
					     rig.kept_count), 8);
	ck_assert_int_eq(vine_task_wait_all(tasks, 300, 60 * SECOND), 0);
	for (int i = 0; i < 300; i++) {
		ck_assert_uint_eq(rig_result(tasks[i]).user, (uint64_t)i);
		ck_assert_uint_eq(rig_result(tasks[i]).value, 8);
		vine_task_free(tasks[i]);
	}
	end();
}
END_TEST

START_TEST(tasks_that_take_long_do_not_keep_others_out)
{
	struct vine_task_opts slow, quick;
	static vine_task *kept[100];

	begin("queue_slots 64\n");	/* 128 in flight at most */
	slow = rig_opts(s, "keep");
	quick = rig_opts(s, "nop");
	for (int i = 0; i < 100; i++) {
		kept[i] = issue(&slow);
		for (int j = 0; j < 5; j++)
			ck_assert_int_eq(rig_run(&quick, NULL),
					 VINE_STATUS_OK);
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(rig_run(&quick, NULL), VINE_STATUS_OK);
	rig_await(rig.kept_count == 100);
	while (rig.kept_count)
		rig_release(&rig, 0, 3);
	ck_assert_int_eq(vine_task_wait_all(kept, 100, 60 * SECOND), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_eq(rig_result(kept[i]).value, 3);
		vine_task_free(kept[i]);
	}
	end();
}
END_TEST

START_TEST(a_full_queue_is_eagain_with_nowait_and_waits_without)
{
	static vine_task *tasks[2000];
	struct vine_task_opts o;
	uint32_t n = 0;
	int rc;

	begin("queue_slots 16\n");
	o = rig_opts(s, "keep");
	o.flags = VINE_TASK_NOWAIT;
	rig_stop(&rig);		/* nobody takes anything */
	{
		/* the first issue asks for the queue: let that be answered */
		rig_start(&rig);
		tasks[n++] = issue(&o);
		rig_await(rig.kept_count == 1);
		rig_stop(&rig);
	}
	while ((rc = vine_task_issue_opts(&o, &tasks[n])) == 0)
		n++;
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_uint_ge(n, 16);
	ck_assert_uint_le(n, 17);
	rig_start(&rig);
	rig_await(rig.kept_count == n);
	/* slots are free, places among completions are too: twice as many */
	while ((rc = vine_task_issue_opts(&o, &tasks[n])) == 0) {
		n++;
		rig_await(rig.kept_count == n);
		rig_nap(100000);
	}
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_uint_eq(n, 32);
	while (rig.kept_count)
		rig_release(&rig, 0, 0);
	o = rig_opts(s, "nop");
	for (int i = 0; i < 500; i++)
		tasks[n++] = issue(&o);		/* waits for room */
	ck_assert_int_eq(vine_task_wait_all(tasks, n, 60 * SECOND), 0);
	while (n)
		vine_task_free(tasks[--n]);
	end();
}
END_TEST

START_TEST(a_full_queue_is_waited_for_no_longer_than_the_deadline)
{
	static vine_task *tasks[64];
	struct vine_task_opts o;
	uint64_t from;
	uint32_t n = 0;

	begin("queue_slots 16\n");
	o = rig_opts(s, "keep");
	tasks[n++] = issue(&o);
	rig_await(rig.kept_count == 1);
	rig_stop(&rig);		/* nobody takes anything */
	o.flags = VINE_TASK_NOWAIT;
	while (vine_task_issue_opts(&o, &tasks[n]) == 0)
		n++;
	o.flags = 0;
	o.deadline_ns = 20000000;
	from = rig_ns();
	ck_assert_int_eq(vine_task_issue_opts(&o, &tasks[n]), -ETIMEDOUT);
	ck_assert_uint_ge(rig_ns() - from, 20000000);
	/* what was waited counts: the rest is for the appliance */
	rig_start(&rig);
	rig_await(rig.kept_count == n);
	while (rig.kept_count)
		rig_release(&rig, 0, 0);
	ck_assert_int_eq(vine_task_wait_all(tasks, n, 60 * SECOND), 0);
	o.deadline_ns = (uint64_t)SECOND * 60;
	o.proc = rig_proc(s, "nop");
	tasks[n++] = issue(&o);
	ck_assert_int_eq(vine_task_wait_for(tasks[n - 1], 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(tasks[n - 1]).status, VINE_STATUS_OK);
	while (n)
		vine_task_free(tasks[--n]);
	end();
}
END_TEST

START_TEST(a_batch_is_issued_in_order_and_stops_at_the_first_bad)
{
	static struct vine_task_opts o[100];
	static vine_task *tasks[100];

	begin(NULL);
	for (int i = 0; i < 100; i++) {
		o[i] = rig_opts(s, "nop");
		o[i].user = (uint64_t)i;
	}
	ck_assert_int_eq(vine_task_issue_batch(o, 0, tasks), 0);
	ck_assert_int_eq(vine_task_issue_batch(o, 100, tasks), 100);
	ck_assert_int_eq(vine_task_wait_all(tasks, 100, 60 * SECOND), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_eq(rig_result(tasks[i]).user, (uint64_t)i);
		vine_task_free(tasks[i]);
	}
	o[7].args_size = 5000;
	ck_assert_int_eq(vine_task_issue_batch(o, 100, tasks), 7);
	ck_assert_int_eq(vine_task_wait_all(tasks, 7, 60 * SECOND), 0);
	for (int i = 0; i < 7; i++)
		vine_task_free(tasks[i]);
	ck_assert_int_eq(vine_task_issue_batch(o + 7, 1, tasks), -EINVAL);
	end();
}
END_TEST

START_TEST(instants_follow_one_another)
{
	struct vine_task_result r;
	struct vine_task_opts o;
	uint64_t before, after;

	begin(NULL);
	o = rig_opts(s, "sum");
	for (int i = 0; i < 200; i++) {
		vine_task *task;

		before = rig_ns();
		task = issue(&o);
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		after = rig_ns();
		r = rig_result(task);
		ck_assert_uint_le(r.issue_ns, r.take_ns);
		ck_assert_uint_le(r.take_ns, r.execute_ns);
		ck_assert_uint_le(r.execute_ns, r.complete_ns);
		/* ticks are converted: a ms of doubt */
		ck_assert_uint_le(before, r.issue_ns + 1000000);
		ck_assert_uint_le(r.complete_ns, after + 1000000);
		vine_task_free(task);
	}
	o.flags = VINE_TASK_NOSTAMP;
	{
		vine_task *task = issue(&o);

		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		r = rig_result(task);
		ck_assert_uint_eq(r.issue_ns, 0);
		ck_assert_uint_eq(r.take_ns, 0);
		ck_assert_uint_eq(r.complete_ns, 0);
		vine_task_free(task);
	}
	end();
}
END_TEST

START_TEST(a_deadline_that_passed_ends_the_task)
{
	struct vine_task_opts o;
	vine_task *late, *soon;

	begin(NULL);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	rig_stop(&rig);
	o.deadline_ns = 1;
	late = issue(&o);
	o.deadline_ns = 3600 * (uint64_t)SECOND;
	soon = issue(&o);
	rig_nap(20000000);
	rig_start(&rig);
	ck_assert_int_eq(vine_task_wait_for(late, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_wait_for(soon, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(late).status, VINE_STATUS_DEADLINE);
	ck_assert_int_eq(rig_result(late).error, ETIME);
	ck_assert_int_eq(rig_result(soon).status, VINE_STATUS_OK);
	o.deadline_ns = UINT64_MAX;
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_task_free(late);
	vine_task_free(soon);
	end();
}
END_TEST

/* --- cancelling --- */

START_TEST(a_task_that_was_not_taken_is_cancelled)
{
	struct vine_task_opts o;
	static vine_task *tasks[8];
	int canceled = 0;

	begin(NULL);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	rig_stop(&rig);
	for (int i = 0; i < 8; i++)
		tasks[i] = issue(&o);
	rig_start(&rig);
	for (int i = 0; i < 8; i++) {
		int rc = vine_task_cancel(tasks[i]);

		ck_assert(rc == 0 || rc == -EALREADY);
	}
	ck_assert_int_eq(vine_task_wait_all(tasks, 8, 60 * SECOND), 0);
	for (int i = 0; i < 8; i++) {
		canceled += rig_result(tasks[i]).status ==
			VINE_STATUS_CANCELED;
		ck_assert_int_eq(vine_task_cancel(tasks[i]), -EALREADY);
		vine_task_free(tasks[i]);
	}
	ck_assert_int_le(canceled, 8);
	end();
}
END_TEST

/* The cookie of a task comes again 65,536 tasks later. */
START_TEST(cancelling_a_completed_task_harms_no_later_one)
{
	struct vine_task_opts o;
	uint32_t n = 70000, bad = 0;
	vine_task *task, *later[8];

	begin("queue_slots 16\n");
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	task = issue(&o);
	rig_await(rig.served == 2);
	/* done, but we have not looked */
	ck_assert_int_eq(vine_task_cancel(task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(rig_result(task).status, VINE_STATUS_OK);
	vine_task_free(task);
	for (uint32_t i = 0; i < n; i += 8) {
		for (int k = 0; k < 8; k++)
			later[k] = issue(&o);
		ck_assert_int_eq(vine_task_wait_all(later, 8, 60 * SECOND), 0);
		for (int k = 0; k < 8; k++) {
			bad += rig_result(later[k]).status != VINE_STATUS_OK;
			vine_task_free(later[k]);
		}
	}
	ck_assert_msg(bad == 0, "%u of %u later tasks were cancelled", bad, n);
	end();
}
END_TEST

/* --- callbacks --- */

static _Atomic uint32_t called;

static void
count_and_free(vine_task *task, void *user)
{
	ck_assert_ptr_eq(user, &rig);
	ck_assert_uint_eq(rig_result(task).value, 42);
	called++;
	vine_task_free(task);
}

START_TEST(a_callback_runs_once_and_may_free_its_task)
{
	struct vine_task_opts o;

	begin(NULL);
	o = rig_opts(s, "nop");
	o.cb = count_and_free;
	o.cb_user = &rig;
	for (int i = 0; i < 1000; i++)
		issue(&o);
	rig_await(vine_session_reap(s) >= 0 && called == 1000);
	ck_assert_int_eq(vine_session_reap(s), 0);
	ck_assert_uint_eq(called, 1000);
	end();
}
END_TEST

static void
issue_again(vine_task *task, void *user)
{
	const struct vine_task_opts *o = user;
	vine_data *d;

	ck_assert_int_eq(vine_data_alloc_in(s, 100, 0, &d), 0);
	vine_data_free(d);
	vine_task_free(task);
	if (++called < 2000)
		issue(o);
}

START_TEST(a_callback_may_issue_and_allocate)
{
	struct vine_task_opts o;

	begin("queue_slots 16\n");
	o = rig_opts(s, "nop");
	o.cb = issue_again;
	o.cb_user = &o;
	issue(&o);
	rig_await(vine_session_reap(s) >= 0 && called >= 2000);
	ck_assert_uint_eq(called, 2000);
	end();
}
END_TEST

static void
count_only(vine_task *task, void *user)
{
	(void)task;
	(void)user;
	called++;
}

START_TEST(a_wait_runs_callbacks_on_its_way)
{
	struct vine_task_opts o;
	vine_task *tasks[20];

	begin(NULL);
	o = rig_opts(s, "nop");
	o.cb = count_only;
	for (int i = 0; i < 20; i++)
		tasks[i] = issue(&o);
	ck_assert_int_eq(vine_task_wait_for(tasks[19], 60 * SECOND), 0);
	rig_await(vine_session_reap(s) >= 0 && called == 20);
	for (int i = 0; i < 20; i++)
		vine_task_free(tasks[i]);
	end();
}
END_TEST

/* --- several threads --- */

static _Atomic uint32_t wrong;

static void *
issue_many(void *arg)
{
	struct vine_task_opts o = rig_opts(s, "sum");
	uint32_t rounds = RIG_SANITIZED ? 2000 : 20000;
	uint64_t seed = (uintptr_t)arg + 1, from = rig_ns();
	vine_task *kept[8] = { NULL };

	for (uint32_t i = 0; !rig_enough(i, rounds, from); i++) {
		uint32_t k = (uint32_t)(rig_random(&seed) % 8);
		uint8_t args[40];
		vine_task *old = kept[k];

		memset(args, (int)i, sizeof(args));
		o.args = args;
		o.args_size = i % 41;
		o.user = (uint64_t)(o.args_size * (uint8_t)i);
		if (old) {
			if (vine_task_wait_for(old, 60 * SECOND) != 0 ||
			    rig_result(old).value != rig_result(old).user)
				wrong++;
			vine_task_free(old);
		}
		if (vine_task_issue_opts(&o, &kept[k]) != 0) {
			kept[k] = NULL;
			wrong++;
		}
	}
	for (int k = 0; k < 8; k++) {
		if (kept[k])
			wrong += vine_task_wait_for(kept[k], 60 * SECOND) != 0;
		vine_task_free(kept[k]);
	}
	return NULL;
}

START_TEST(threads_issue_and_wait_without_disturbing_each_other)
{
	pthread_t threads[4];

	begin(NULL);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, issue_many, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(wrong, 0);
	end();
}
END_TEST

/* One issues; others wait for and free its tasks. */
#define HAND 64
static vine_task *_Atomic hand[HAND];
static _Atomic int done_issuing;

static void *
wait_and_free(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 77;

	for (;;) {
		int last = done_issuing;
		int found = 0;

		for (int i = 0; i < HAND; i++) {
			vine_task *t = atomic_exchange(&hand[(i + (int)(seed %
						       HAND)) % HAND], NULL);

			if (t == NULL)
				continue;
			found = 1;
			if (vine_task_wait_for(t, 60 * SECOND) != 0 ||
			    rig_result(t).value != 42)
				wrong++;
			vine_task_free(t);
		}
		if (!found && last)
			return NULL;
		if (!found)
			sched_yield();
	}
}

START_TEST(others_wait_for_and_free_what_one_issued)
{
	uint32_t rounds = RIG_SANITIZED ? 5000 : 60000;
	uint64_t from = rig_ns();
	struct vine_task_opts o;
	pthread_t threads[3];

	begin(NULL);
	o = rig_opts(s, "nop");
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, wait_and_free, (void *)i);
	for (uint32_t i = 0; !rig_enough(i, rounds, from); i++) {
		vine_task *old = atomic_exchange(&hand[i % HAND], issue(&o));

		if (old) {	/* the owner takes its share */
			wrong += vine_task_wait_for(old, 60 * SECOND) != 0;
			wrong += rig_result(old).value != 42;
			vine_task_free(old);
		}
	}
	done_issuing = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(wrong, 0);
	end();
}
END_TEST

START_TEST(a_task_may_be_freed_before_it_completed)
{
	struct vine_task_opts o;
	uint8_t args[100] = { 1 };

	begin(NULL);
	o = rig_opts(s, "keep");
	o.args = args;
	o.args_size = sizeof(args);	/* with a table */
	for (int i = 0; i < 50; i++)
		vine_task_free(issue(&o));
	rig_await(rig.kept_count == 50);
	release_all();
	rig_await(vine_session_reap(s) >= 0 && rig.kept_count == 0);
	end();
}
END_TEST

/* "Every object of the session is freed with it": for the leak checker */
START_TEST(tasks_that_nobody_freed_end_with_the_session)
{
	struct vine_task_opts o;

	begin(NULL);
	o = rig_opts(s, "nop");
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(vine_task_wait_for(issue(&o), 60 * SECOND), 0);
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_task_carries_its_data_arguments_and_result),
	RIG_CASE(inline_and_table_tasks_say_the_same),
	RIG_CASE(bad_options_are_einval),
	RIG_CASE(a_task_may_be_waited_for_twice_and_by_many),
	RIG_CASE(several_threads_wait_for_one_task),
	RIG_CASE(a_task_in_flight_times_out_and_has_no_result_yet),
	RIG_CASE(hundreds_of_tasks_in_flight_complete_in_any_order),
	RIG_CASE(tasks_that_take_long_do_not_keep_others_out),
	RIG_CASE(a_full_queue_is_eagain_with_nowait_and_waits_without),
	RIG_CASE(a_full_queue_is_waited_for_no_longer_than_the_deadline),
	RIG_CASE(a_batch_is_issued_in_order_and_stops_at_the_first_bad),
	RIG_CASE(instants_follow_one_another),
	RIG_CASE(a_deadline_that_passed_ends_the_task),
	RIG_CASE(a_task_that_was_not_taken_is_cancelled),
	RIG_CASE(cancelling_a_completed_task_harms_no_later_one),
	RIG_CASE(a_callback_runs_once_and_may_free_its_task),
	RIG_CASE(a_callback_may_issue_and_allocate),
	RIG_CASE(a_wait_runs_callbacks_on_its_way),
	RIG_CASE(threads_issue_and_wait_without_disturbing_each_other),
	RIG_CASE(others_wait_for_and_free_what_one_issued),
	RIG_CASE(a_task_may_be_freed_before_it_completed),
	RIG_CASE(tasks_that_nobody_freed_end_with_the_session),
};

RIG_MAIN("vine_task", cases)
