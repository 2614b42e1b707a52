/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_ctl: what a session may ask of the appliance, and may not. */
#include <signal.h>

#include "rig.h"
#include "core/vine_errand.h"
#include "core/vine_pipe.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"

static struct rig rig;

/* What the pipe's lock guards. */
#define locked(value) (pthread_mutex_lock(&rig.pipe->lock), \
		       guarded = (value), \
		       pthread_mutex_unlock(&rig.pipe->lock), guarded)
static uint64_t guarded;

/* Register `size` bytes under "code<i>". */
static int
add_code(struct vine_session *s, int i, size_t size, vine_proc **proc)
{
	char *code = malloc(size), name[16];
	int rc;

	memset(code, i, size);
	snprintf(name, sizeof(name), "code%d", i);
	rc = vine_proc_add(s, CPU, name, code, size, proc);
	free(code);
	return rc;
}

/* The appliance keeps a copy: a guest could have it keep any number of them. */
START_TEST(code_of_applications_fills_no_more_than_the_segment_has)
{
	struct vine_session *s, *other;
	vine_proc *procs[8], *again;
	int n = 0, rc;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	other = rig_attach(&rig);
	while (n < 8 && (rc = add_code(s, n, RIG_MIB, &procs[n])) == 0)
		n++;
	ck_assert_int_eq(rc, -EDQUOT);
	ck_assert_int_ge(n, 2);
	ck_assert_int_lt(n, 4);
	/* nor by another session; what is there already costs nothing */
	ck_assert_int_eq(add_code(other, n, RIG_MIB, &again), -EDQUOT);
	ck_assert_int_eq(add_code(other, 0, RIG_MIB, &again), 0);
	vine_proc_release(again);
	while (n > 0)
		vine_proc_release(procs[--n]);
	rig_await(add_code(other, 7, RIG_MIB, &again) == 0);
	vine_session_close(s);
	vine_session_close(other);
	rig_close(&rig);
}
END_TEST

START_TEST(an_operation_that_does_not_exist_is_enosys)
{
	struct vine_session *s;
	uint64_t value = 7;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_errand_run(s, (enum vine_ctl)0, 1, 2, 3,
					 NULL, &value), -ENOSYS);
	ck_assert_int_eq(vine_errand_run(s, (enum vine_ctl)10, 1, 2, 3,
					 NULL, &value), -ENOSYS);
	ck_assert_uint_eq(value, 7);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(operands_at_the_edges_are_errors)
{
	static const uint64_t edges[] = { 0, 1, 4095, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 32,
		UINT64_C(1) << 48, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX - 4095, UINT64_MAX };
	enum { N = sizeof(edges) / sizeof(edges[0]) };
	struct vine_session *s;
	struct vine_task_opts o;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	for (int op = VINE_CTL_RETURN; op <= VINE_CTL_CANCEL; op++)
		for (int i = 0; i < N * N; i++)
			ck_assert_int_lt(
				vine_errand_run(s, (enum vine_ctl)op,
						edges[i % N], edges[i / N],
						edges[i % N], "x", NULL),
				op == VINE_CTL_CANCEL ||
				op == VINE_CTL_PROC_ADD);
	for (int i = 4; i < N; i++)
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_GRANT,
						 edges[i] < 4 * RIG_MIB ?
						 0 : edges[i], 0, 0, NULL,
						 NULL),
				 edges[i] < 4 * RIG_MIB ? -EINVAL : -ENOMEM);
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static struct vine_lane *
lane(void)
{
	return &rig.pipe->lanes[0];
}

static uint64_t
controls(void)
{
	return atomic_load(&lane()->count[VINE_COUNT_CONTROL]);
}

/* A control task that nobody waits for. */
static void
put_control(struct vine_session *s, enum vine_ctl op, uint64_t a)
{
	struct vine_queue *q = s->control;
	struct vine_body body = { { a, 0, 0, 0 } };
	struct vine_task_s *task = vine_task_new(q);

	ck_assert_ptr_nonnull(task);
	task->cb = NULL;
	task->cookie = vine_queue_next_cookie(q);
	vine_queue_put(q, task, (uint64_t)op << 32,
		       vine_desc_w2(0, 0, 0, VINE_DESC_NOSTAMP, 0), 0, body);
	vine_queue_knock(q, s->fence);
}

/* Applications send one at a time; who does not could hold up the others. */
START_TEST(a_flood_of_control_tasks_is_one_a_visit)
{
	struct vine_session *s;
	uint64_t before;

	rig_open(&rig, 64 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	rig_stop(&rig);
	before = controls();
	for (int i = 0; i < 10; i++)
		put_control(s, VINE_CTL_GRANT, 2 * RIG_MIB);
	for (uint64_t n = 1; n <= 10; n++) {
		ck_assert_uint_ge(vine_lane_poll(lane()), 1);
		ck_assert_uint_eq(controls() - before, n);
		/* and charged for what it did */
		ck_assert_uint_eq(lane()->work, VINE_CTL_UNITS + 2 * RIG_MIB /
				  VINE_PAGE / VINE_CTL_UNIT_PAGES);
	}
	rig_start(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

/* The more procedures there are, the longer one is looked for. */
START_TEST(a_search_for_a_procedure_is_charged_by_how_many_there_are)
{
	enum { PROCS = 200 };
	struct vine_session *s;
	char proc[16];

	rig_open(&rig, 64 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	rig_stop(&rig);
	for (int i = 0; i < PROCS; i++) {
		snprintf(proc, sizeof(proc), "proc%d", i);
		rig_offer(&rig, proc, rig_nop);
	}
	strcpy((char *)s->mailbox, "there is none of this name");
	put_control(s, VINE_CTL_PROC_GET, CPU);
	ck_assert_uint_ge(vine_lane_poll(lane()), 1);
	ck_assert_uint_ge(lane()->work, VINE_CTL_UNITS + PROCS /
			  VINE_CTL_UNIT_PROCS);
	/* the first of all is found at once */
	strcpy((char *)s->mailbox, "nop");
	put_control(s, VINE_CTL_PROC_GET, CPU);
	ck_assert_uint_ge(vine_lane_poll(lane()), 1);
	ck_assert_uint_eq(lane()->work, VINE_CTL_UNITS);
	rig_start(&rig);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

struct adder {
	struct vine_session *s;
	int i;
	vine_proc *proc;
	_Atomic int rc;		/* 1: not yet */
};

static void *
add_large(void *arg)
{
	struct adder *a = arg;

	a->rc = add_code(a->s, a->i, 8 * RIG_MIB, &a->proc);
	return NULL;
}

/* Polls until the registration has its answer; returns after how many there
 * was more to do, while tasks of another session are served. */
static uint32_t
polls_for(struct adder *a, const struct vine_task_opts *nop)
{
	const struct vine_pq *pq =
		atomic_load(&rig.pipe->queues[a->s->control->index]);
	uint32_t n = 0;
	vine_task *task;
	pthread_t thread;
	uint64_t served;

	a->rc = 1;
	pthread_create(&thread, NULL, add_large, a);
	while (a->rc == 1) {
		ck_assert_int_eq(vine_task_issue_opts(nop, &task), 0);
		served = lane()->count[VINE_COUNT_COMPLETED];
		while (lane()->count[VINE_COUNT_COMPLETED] == served) {
			struct vine_req *req;

			vine_lane_poll(lane());
			n += pq->job != NULL;
			if (vine_pipe_take(rig.pipe, 0, &req) == 0)
				rig_nop(&rig, req);
		}
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		vine_task_free(task);
	}
	pthread_join(thread, NULL);
	return n;
}

/* A copy of 64 MiB would keep everybody waiting for 10 ms and more. */
START_TEST(large_code_is_taken_in_pieces_between_others_tasks)
{
	const uint32_t pieces = 8 * RIG_MIB / VINE_CODE_PIECE;
	struct adder a = { .i = 1 };
	struct vine_task_opts nop;
	struct vine_session *other;
	uint32_t n;

	rig_open(&rig, 64 * RIG_MIB, NULL);
	a.s = rig_attach(&rig);
	other = rig_attach(&rig);
	nop = rig_opts(other, "nop");
	ck_assert_int_eq(rig_run(&nop, NULL), VINE_STATUS_OK);
	rig_stop(&rig);
	n = polls_for(&a, &nop);
	ck_assert_int_eq(a.rc, 0);
	ck_assert_msg(n >= pieces / 2, "%u polls", n);
	ck_assert_uint_eq(rig.pipe->registry.code_bytes, 8 * RIG_MIB);
	/* to find that it is there already is no less work, but no copy */
	n = polls_for(&a, &nop);
	ck_assert_int_eq(a.rc, 0);
	ck_assert_msg(n >= pieces / 2, "%u polls", n);
	ck_assert_uint_eq(rig.pipe->registry.code_bytes, 8 * RIG_MIB);
	rig_start(&rig);
	vine_session_close(other);
	vine_session_close(a.s);
	rig_close(&rig);
}
END_TEST

START_TEST(code_whose_session_dies_half_way_is_forgotten)
{
	pid_t pid;

	rig_open(&rig, 64 * RIG_MIB, NULL);
	rig_stop(&rig);
	vine_pipe_serve(rig.pipe);	/* its thread may not have come so far */
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct adder a = { .s = rig_attach(&rig), .i = 1 };

		add_large(&a);
		_exit(0);
	}
	rig_await((vine_lane_poll(lane()),
		   rig.pipe->registry.code_bytes != 0));
	ck_assert_int_ne(waitpid(pid, NULL, WNOHANG), pid);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	rig_start(&rig);
	rig_await(locked(rig.pipe->recs_open) == 0);
	rig_await(locked(rig.pipe->registry.code_bytes) == 0);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_flood_of_control_tasks_is_one_a_visit),
	RIG_CASE(a_search_for_a_procedure_is_charged_by_how_many_there_are),
	RIG_CASE(large_code_is_taken_in_pieces_between_others_tasks),
	RIG_CASE(code_whose_session_dies_half_way_is_forgotten),
	RIG_CASE(code_of_applications_fills_no_more_than_the_segment_has),
	RIG_CASE(an_operation_that_does_not_exist_is_enosys),
	RIG_CASE(operands_at_the_edges_are_errors),
};

RIG_MAIN("vine_ctl", cases)
