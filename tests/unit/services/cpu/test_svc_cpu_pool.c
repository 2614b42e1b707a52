/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: order and shares, taking out, its bound, many threads at once.
 */
#include <errno.h>
#include <stdlib.h>

#include "fake_framework.h"
#include "kernel_case.h"
#include "services/cpu/svc_cpu_pool.h"

/* A gate: requests with a ctx wait in it, so that others stay queued. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static int gate_open;
static int gate_waiting;

static struct svc_cpu_pool *pool;

static void
run(struct vine_req *req)
{
	pthread_mutex_lock(&gate_lock);
	gate_waiting++;
	pthread_cond_broadcast(&gate_moved);
	while (req->ctx && !gate_open)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
	vine_req_complete(req, VINE_STATUS_OK, 0, 0);
}

static void
open_gate(void)
{
	pthread_mutex_lock(&gate_lock);
	gate_open = 1;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

/* Starts one thread and lets it wait in the gate. */
static void
start_closed(struct vine_req *blocker)
{
	ck_assert_int_eq(svc_cpu_pool_start(1, run, &pool), 0);
	blocker->ctx = blocker;
	ck_assert_int_eq(svc_cpu_pool_push(pool, blocker), 0);
	pthread_mutex_lock(&gate_lock);
	while (!gate_waiting)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

START_TEST(requests_run_in_the_order_of_their_coming)
{
	struct vine_req blocker = { 0 };
	struct vine_req req[20] = { 0 };
	int i;

	start_closed(&blocker);
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	open_gate();
	for (i = 0; i < 20; i++) {
		fake_wait(&req[i]);
		ck_assert_int_eq(req[i].order, i + 1);
	}
	svc_cpu_pool_stop(pool);
}
END_TEST

START_TEST(a_request_that_was_taken_out_never_runs)
{
	struct vine_req blocker = { 0 };
	struct vine_req req[5] = { 0 };
	int i;

	start_closed(&blocker);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	/* the first, one between, the last */
	for (i = 0; i < 5; i += 2)
		ck_assert_int_eq(svc_cpu_pool_remove(pool, &req[i]), 1);
	for (i = 0; i < 5; i += 2)
		ck_assert_int_eq(svc_cpu_pool_remove(pool, &req[i]), 0);
	open_gate();
	svc_cpu_pool_stop(pool);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(req[i].completed, i % 2);
}
END_TEST

START_TEST(a_request_that_runs_cannot_be_taken_out)
{
	struct vine_req blocker = { 0 };

	start_closed(&blocker);
	ck_assert_int_eq(svc_cpu_pool_remove(pool, &blocker), 0);
	open_gate();
	svc_cpu_pool_stop(pool);
	ck_assert_int_eq(blocker.completed, 1);
}
END_TEST

START_TEST(a_request_can_come_again_after_it_was_taken_out)
{
	struct vine_req blocker = { 0 };
	struct vine_req req = { 0 };

	start_closed(&blocker);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &req), 0);
	ck_assert_int_eq(svc_cpu_pool_remove(pool, &req), 1);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &req), 0);
	open_gate();
	svc_cpu_pool_stop(pool);
	ck_assert_int_eq(req.completed, 1);
}
END_TEST

START_TEST(a_full_queue_returns_ebusy_until_one_is_taken_out)
{
	struct vine_req blocker = { 0 };
	struct vine_req *req = calloc(SVC_CPU_POOL_CELLS, sizeof(*req));
	struct vine_req more = { 0 };
	int i;

	start_closed(&blocker);
	for (i = 0; i < SVC_CPU_POOL_CELLS; i++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &more), -EBUSY);
	ck_assert_int_eq(svc_cpu_pool_remove(pool, &req[777]), 1);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &more), 0);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &req[777]), -EBUSY);
	open_gate();
	svc_cpu_pool_stop(pool);
	ck_assert_int_eq(more.order, SVC_CPU_POOL_CELLS);
	for (i = 0; i < SVC_CPU_POOL_CELLS; i++)
		ck_assert_int_eq(req[i].completed, i != 777);
	free(req);
}
END_TEST

/* Requests of one rank, pushed one after the other. */
static void
push_ranked(struct vine_req *req, int count, struct svc_rank rank)
{
	int i;

	for (i = 0; i < count; i++) {
		req[i].rank = rank;
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	}
}

START_TEST(a_session_with_many_requests_does_not_hold_up_another)
{
	struct vine_req blocker = { 0 };
	struct vine_req many[200] = { 0 };
	struct vine_req few[3] = { 0 };
	int i;

	start_closed(&blocker);
	push_ranked(many, 200, (struct svc_rank){ .session = 1 });
	push_ranked(few, 3, (struct svc_rank){ .session = 2 });
	open_gate();
	svc_cpu_pool_stop(pool);
	/* by turns */
	for (i = 0; i < 3; i++)
		ck_assert_int_le(few[i].order, 2 * i + 2);
	for (i = 1; i < 200; i++)
		ck_assert_int_gt(many[i].order, many[i - 1].order);
}
END_TEST

START_TEST(sessions_run_by_their_weights)
{
	struct vine_req blocker = { 0 };
	struct vine_req one[100] = { 0 };
	struct vine_req three[100] = { 0 };
	int i, n = 0;

	start_closed(&blocker);
	push_ranked(one, 100, (struct svc_rank){ .session = 1,
						 .session_weight = 20 });
	push_ranked(three, 100, (struct svc_rank){ .session = 2,
						   .session_weight = 60 });
	open_gate();
	svc_cpu_pool_stop(pool);
	for (i = 0; i < 100; i++)
		n += one[i].order <= 100;
	ck_assert_int_ge(n, 23);
	ck_assert_int_le(n, 27);
}
END_TEST

START_TEST(a_higher_priority_runs_first_within_its_segment)
{
	struct vine_req blocker = { 0 };
	struct vine_req low[10] = { 0 };
	struct vine_req high[10] = { 0 };
	int i;

	start_closed(&blocker);
	push_ranked(low, 10, (struct svc_rank){ .level = 3 });
	push_ranked(high, 10, (struct svc_rank){ .level = 12 });
	open_gate();
	svc_cpu_pool_stop(pool);
	/* but for the small share of those below: one of these ten */
	for (i = 0; i < 10; i++)
		ck_assert_int_le(high[i].order, i + 2);
	ck_assert_int_le(low[0].order, 11);
}
END_TEST

START_TEST(a_segment_gains_nothing_by_priorities_over_another)
{
	struct vine_req blocker = { 0 };
	struct vine_req loud[100] = { 0 };
	struct vine_req calm[10] = { 0 };
	int i;

	start_closed(&blocker);
	push_ranked(loud, 100, (struct svc_rank){ .tenant = loud,
						  .level = 15 });
	push_ranked(calm, 10, (struct svc_rank){ .tenant = calm });
	open_gate();
	svc_cpu_pool_stop(pool);
	for (i = 0; i < 10; i++)
		ck_assert_int_le(calm[i].order, 2 * i + 2);
}
END_TEST

START_TEST(stop_runs_what_is_queued)
{
	struct vine_req req[50] = { 0 };
	int i;

	ck_assert_int_eq(svc_cpu_pool_start(3, run, &pool), 0);
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	svc_cpu_pool_stop(pool);
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(req[i].completed, 1);
}
END_TEST

START_TEST(a_number_of_threads_out_of_range_is_refused)
{
	ck_assert_int_eq(svc_cpu_pool_start(0, run, &pool), -EINVAL);
	ck_assert_int_eq(svc_cpu_pool_start(SVC_CPU_POOL_THREADS + 1, run,
					    &pool), -EINVAL);
}
END_TEST

enum { EACH = 20000 };

static void *
push_and_remove(void *arg)
{
	struct vine_req *req = arg;
	int i;

	for (i = 0; i < EACH; i++) {
		while (svc_cpu_pool_push(pool, &req[i]))
			sched_yield();
		if (i % 3 == 0 && svc_cpu_pool_remove(pool, &req[i]))
			vine_req_complete(&req[i], VINE_STATUS_CANCELED, 0, 0);
	}
	return NULL;
}

START_TEST(each_request_ends_once_under_many_threads)
{
	struct vine_req *req = calloc(3 * EACH, sizeof(*req));
	pthread_t threads[3];
	int i;

	ck_assert_int_eq(svc_cpu_pool_start(3, run, &pool), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						push_and_remove,
						req + i * EACH), 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	svc_cpu_pool_stop(pool);
	for (i = 0; i < 3 * EACH; i++)
		ck_assert_int_eq(req[i].completed, 1);
	free(req);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("pool");

	tcase_add_test(tcase, requests_run_in_the_order_of_their_coming);
	tcase_add_test(tcase, a_request_that_was_taken_out_never_runs);
	tcase_add_test(tcase, a_request_that_runs_cannot_be_taken_out);
	tcase_add_test(tcase, a_request_can_come_again_after_it_was_taken_out);
	tcase_add_test(tcase,
		a_full_queue_returns_ebusy_until_one_is_taken_out);
	tcase_add_test(tcase,
		a_session_with_many_requests_does_not_hold_up_another);
	tcase_add_test(tcase, sessions_run_by_their_weights);
	tcase_add_test(tcase,
		a_higher_priority_runs_first_within_its_segment);
	tcase_add_test(tcase,
		a_segment_gains_nothing_by_priorities_over_another);
	tcase_add_test(tcase, stop_runs_what_is_queued);
	tcase_add_test(tcase, a_number_of_threads_out_of_range_is_refused);
	tcase_add_test(tcase, each_request_ends_once_under_many_threads);
	return case_main("svc_cpu_pool", tcase);
}
