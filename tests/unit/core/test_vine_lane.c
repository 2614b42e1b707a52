/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_lane: who is served when, with real queues. The test itself is
 * the lane's thread, so it sees every poll; an owner of its own writes down
 * whose each task was. Nothing depends on time but how much of a turn is used.
 */
#include "rig.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_reaper.h"

#define QUEUES (RIG_SANITIZED ? 256 : 4096)
#define FILL 100	/* tasks of a queue with 128 slots */
#define SEEN 8192	/* indices of queues; places in the order */

static struct rig rig;
static uint32_t served[SEEN];		/* by index of the queue */
static uint32_t order[SEEN];		/* handles of accelerators */
static uint32_t total;
static pthread_t server;
static _Atomic int serving;

static void
submit(void *state, struct vine_req *req)
{
	(void)state;
	served[req->pq->index]++;
	if (total < SEEN)
		order[total] = req->handle;
	total++;
	vine_req_complete(req, VINE_STATUS_OK, 0, 0);
}

static const struct vine_owner owner = { .submit = submit };

static struct vine_lane *
lane(void)
{
	return &rig.pipe->lanes[0];
}

static void *
serve(void *arg)
{
	(void)arg;
	vine_lane_awake(lane(), 0);
	while (serving)
		vine_lane_poll(lane());
	return NULL;
}

/* A thread polls, for what has to be answered at once, until lane_still. */
static void
lane_busy(void)
{
	serving = 1;
	ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void
lane_still(void)
{
	serving = 0;
	pthread_join(server, NULL);
}

static void
start(uint64_t size, const char *more)
{
	struct vine_pipe_opts o = { .size = sizeof(o), .config = rig.config };
	vine_accel_s *accel;

	rig_init(&rig, size, more);
	ck_assert_int_eq(vine_pipe_open(&o, &rig.pipe), 0);
	ck_assert_int_eq(vine_pipe_add_accel_of(rig.pipe, CPU, "rig", 1,
						&owner, &accel), 0);
	ck_assert_int_eq(vine_pipe_add_proc_of(rig.pipe, CPU, "nop", &owner,
					       NULL), 0);
	vine_pipe_serve(rig.pipe);
	lane_busy();
}

/* --- threads with full queues -------------------------------------------- */

struct crowd {
	struct vine_task_opts opts;
	uint32_t fill;
	uint32_t count;
	pthread_t *thread;
	pthread_barrier_t queues, full, home;
};

static void *
member(void *arg)
{
	struct crowd *c = arg;
	vine_task *task[FILL];

	rig_check(rig_run(&c->opts, NULL) == VINE_STATUS_OK);
	pthread_barrier_wait(&c->queues);
	pthread_barrier_wait(&c->queues);	/* the lane stands still now */
	for (uint32_t i = 0; i < c->fill; i++)
		rig_check(vine_task_issue_opts(&c->opts, &task[i]) == 0);
	pthread_barrier_wait(&c->full);
	pthread_barrier_wait(&c->home);		/* the lane goes again */
	for (uint32_t i = 0; i < c->fill; i++) {
		rig_check(vine_task_wait_for(task[i], 60 * SECOND) == 0);
		vine_task_free(task[i]);
	}
	return NULL;
}

/* Threads with a queue each, which have had one task. The lane is busy. */
static void
crowd_gather(struct crowd *c, const struct vine_task_opts *opts,
	     uint32_t count, uint32_t fill)
{
	pthread_attr_t attr;

	c->opts = *opts;
	c->fill = fill;
	c->count = count;
	c->thread = calloc(count, sizeof(*c->thread));
	pthread_barrier_init(&c->queues, NULL, count + 1);
	pthread_barrier_init(&c->full, NULL, count + 1);
	pthread_barrier_init(&c->home, NULL, count + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256u << 10);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(pthread_create(&c->thread[i], &attr, member,
						c), 0);
	pthread_attr_destroy(&attr);
	pthread_barrier_wait(&c->queues);
}

/* Their queues are filled. The lane stands still. */
static void
crowd_fill(struct crowd *c)
{
	pthread_barrier_wait(&c->queues);
	pthread_barrier_wait(&c->full);
}

/* The lane is busy. */
static void
crowd_dismiss(struct crowd *c)
{
	pthread_barrier_wait(&c->home);
	for (uint32_t i = 0; i < c->count; i++)
		pthread_join(c->thread[i], NULL);
	free(c->thread);
}

/* Poll until so many tasks were served since the last reset. */
static void
reset(void)
{
	memset(served, 0, sizeof(served));
	total = 0;
}

static void
poll_until(uint32_t tasks)
{
	for (uint32_t i = 0; total < tasks; i++) {
		ck_assert_uint_lt(i, 1000000);
		vine_lane_poll(lane());
	}
}

/* --- cases ---------------------------------------------------------------- */

START_TEST(thousands_of_backlogged_queues_are_served_alike)
{
	struct vine_task_opts opts;
	struct vine_session *s[4];
	struct crowd c[4];
	double sum = 0, squares = 0;

	start(256 * RIG_MIB, NULL);
	for (int i = 0; i < 4; i++) {
		s[i] = rig_attach(&rig);
		opts = rig_opts(s[i], "nop");
		crowd_gather(&c[i], &opts, QUEUES / 4, FILL);
	}
	lane_still();
	for (int i = 0; i < 4; i++)
		crowd_fill(&c[i]);
	/* two rounds of each queue's; nobody runs out of tasks */
	reset();
	poll_until(QUEUES * 2 * VINE_VISIT_BUDGET);
	for (uint32_t i = 0; i < SEEN; i++) {
		sum += served[i];
		squares += (double)served[i] * served[i];
	}
	ck_assert_double_ge(sum * sum / (QUEUES * squares), 0.95);
	lane_busy();
	for (int i = 0; i < 4; i++) {
		crowd_dismiss(&c[i]);
		vine_session_close(s[i]);
	}
	lane_still();
	rig_close(&rig);
}
END_TEST

START_TEST(a_queue_s_own_tasks_stay_in_order_whatever_their_priorities)
{
	struct vine_task_opts opts[3];
	vine_accel *v[2];
	vine_task *task[60];
	struct vine_session *s;
	struct crowd c;

	start(16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	for (int i = 0; i < 3; i++)
		opts[i] = rig_opts(s, "nop");
	ck_assert_int_eq(vine_accel_open(opts[0].accel, -8, &v[0]), 0);
	ck_assert_int_eq(vine_accel_open(opts[0].accel, 7, &v[1]), 0);
	opts[0].accel = v[0];
	opts[1].accel = v[1];
	rig_run(&opts[2], NULL);
	crowd_gather(&c, &opts[2], 2, FILL);
	lane_still();
	crowd_fill(&c);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(vine_task_issue_opts(&opts[i % 2], &task[i]),
				 0);
	reset();
	poll_until(60 + 2 * FILL);
	for (int i = 0, n = 0; i < 60 + 2 * FILL; i++) {
		if (order[i] == opts[2].accel->handle)
			continue;
		ck_assert_uint_eq(order[i], v[n++ % 2]->handle);
	}
	/* the first of each pair is low: those of the others go before it */
	ck_assert_uint_eq(order[0], opts[2].accel->handle);
	lane_busy();
	for (int i = 0; i < 60; i++) {
		ck_assert_int_eq(vine_task_wait_for(task[i], 60 * SECOND), 0);
		vine_task_free(task[i]);
	}
	crowd_dismiss(&c);
	vine_session_close(s);
	lane_still();
	rig_close(&rig);
}
END_TEST

/* A session of its own: one task, then many at a word, then death. */
static void
die_with_tasks(int in, int out)
{
	struct vine_session *s = rig_attach(&rig);
	struct vine_task_opts opts = rig_opts(s, "nop");
	vine_task *task;
	char c;

	if (rig_run(&opts, NULL) != VINE_STATUS_OK || write(out, "q", 1) != 1 ||
	    read(in, &c, 1) != 1)
		_exit(1);
	for (int i = 0; i < FILL; i++)
		if (vine_task_issue_opts(&opts, &task) != 0)
			_exit(2);
	if (write(out, "f", 1) == 1)
		pause();
	_exit(3);
}

START_TEST(a_queue_that_is_taken_away_with_tasks_leaves_the_lane_whole)
{
	struct vine_task_opts opts;
	struct vine_session *s;
	int there[2], back[2];
	pid_t pid;
	char c;

	start(16 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	opts = rig_opts(s, "nop");
	rig_run(&opts, NULL);
	ck_assert_int_eq(pipe(there), 0);
	ck_assert_int_eq(pipe(back), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		die_with_tasks(there[0], back[1]);
	ck_assert_int_eq(read(back[0], &c, 1), 1);
	lane_still();
	ck_assert_int_eq(write(there[1], "g", 1), 1);
	ck_assert_int_eq(read(back[0], &c, 1), 1);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	/* both sessions are active, so a poll takes no more than a turn */
	reset();
	for (uint32_t i = 0; i < lane()->all_count; i++)
		vine_lane_activate(lane(), lane()->all[i]);
	poll_until(1);
	ck_assert_uint_lt(total, FILL);
	ck_assert_uint_ne(lane()->sched.filled, 0);
	while (vine_reaper_go(rig.pipe))
		;
	vine_lane_poll(lane());
	ck_assert_uint_eq(lane()->sched.filled, 0);
	ck_assert_uint_eq(lane()->sched.sessions, 1);
	lane_busy();
	ck_assert_int_eq(rig_run(&opts, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	lane_still();
	ck_assert_uint_eq(lane()->sched.sessions, 0);
	rig_close(&rig);
}
END_TEST

/* What the appliance took a session's weight for. */
static uint32_t
weight_of(struct vine_session *s)
{
	struct vine_session_info info = { .size = sizeof(info) };
	uint32_t weight;

	ck_assert_int_eq(vine_session_info(s, &info), 0);
	pthread_mutex_lock(&rig.pipe->lock);
	weight = rig.pipe->recs[info.session_id].shares[0]->turns.weight;
	pthread_mutex_unlock(&rig.pipe->lock);
	return weight;
}

START_TEST(a_session_s_weight_is_what_it_names_or_its_config_or_ten)
{
	struct vine_session_opts o = { .size = sizeof(o), .weight = 77,
				       .config = rig.config };
	struct vine_session *s[3];

	start(16 * RIG_MIB, NULL);
	s[0] = rig_attach(&rig);
	ck_assert_int_eq(vine_session_open(&o, &s[1]), 0);
	strcat(rig.config, "session_weight 5\n");
	s[2] = rig_attach(&rig);
	ck_assert_uint_eq(weight_of(s[0]), VINE_WEIGHT_DEFAULT);
	ck_assert_uint_eq(weight_of(s[1]), 77);
	ck_assert_uint_eq(weight_of(s[2]), 5);
	for (int i = 0; i < 3; i++)
		vine_session_close(s[i]);
	lane_still();
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_session_s_weight_is_what_it_names_or_its_config_or_ten),
	RIG_CASE(thousands_of_backlogged_queues_are_served_alike),
	RIG_CASE(a_queue_s_own_tasks_stay_in_order_whatever_their_priorities),
	RIG_CASE(a_queue_that_is_taken_away_with_tasks_leaves_the_lane_whole),
};

RIG_MAIN("vine_lane", cases)
