/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: order, taking out, its bound, and many threads at once.
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

START_TEST(a_full_queue_returns_ebusy_until_there_are_gaps_enough)
{
	struct vine_req blocker = { 0 };
	struct vine_req *req = calloc(SVC_CPU_POOL_CELLS, sizeof(*req));
	struct vine_req *late = calloc(SVC_CPU_POOL_CELLS / 8, sizeof(*req));
	struct vine_req more = { 0 };
	int removed = 0;
	int i, j;

	start_closed(&blocker);
	for (i = 0; i < SVC_CPU_POOL_CELLS; i++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &req[i]), 0);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &more), -EBUSY);
	for (i = 0; svc_cpu_pool_push(pool, &more) == -EBUSY; i += 5) {
		ck_assert_int_lt(i, SVC_CPU_POOL_CELLS);
		ck_assert_int_eq(svc_cpu_pool_remove(pool, &req[i]), 1);
		removed++;
	}
	ck_assert_int_eq(removed, SVC_CPU_POOL_CELLS / 8);
	/* Now the eighth that was freed is the room there is, no more. */
	for (j = 1; j < SVC_CPU_POOL_CELLS / 8; j++)
		ck_assert_int_eq(svc_cpu_pool_push(pool, &late[j]), 0);
	ck_assert_int_eq(svc_cpu_pool_push(pool, &late[0]), -EBUSY);
	/* The words of those that were moved are right: take one out. */
	ck_assert_int_eq(svc_cpu_pool_remove(pool, &req[i + 1]), 1);
	req[i + 1].completed = 1;	/* the loop below expects it */
	open_gate();
	svc_cpu_pool_stop(pool);
	ck_assert_int_eq(more.completed, 1);
	ck_assert_int_eq(late[0].completed, 0);
	for (j = 1; j < SVC_CPU_POOL_CELLS / 8; j++)
		ck_assert_int_eq(late[j].order, more.order + j);
	for (i = 0; i < SVC_CPU_POOL_CELLS; i++)
		ck_assert_int_eq(req[i].completed,
				 i % 5 || i / 5 >= removed);
	free(late);
	free(req);
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
		a_full_queue_returns_ebusy_until_there_are_gaps_enough);
	tcase_add_test(tcase, stop_runs_what_is_queued);
	tcase_add_test(tcase, a_number_of_threads_out_of_range_is_refused);
	tcase_add_test(tcase, each_request_ends_once_under_many_threads);
	return case_main("svc_cpu_pool", tcase);
}
