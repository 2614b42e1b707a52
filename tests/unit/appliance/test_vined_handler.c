/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vined_handler: a session whose tasks all wait does not take the
 * places of others, a handler that runs over its stack is answered for, and of
 * two that wait for each other vinectl says so.
 * vined's own main runs in a child with one worker and one
 * service, of the test; two sessions use it as applications do.
 */
#include <check.h>
#include <sys/prctl.h>

#include "rt/rt_qlock.h"
#include "rt/rt_rendez.h"
#include "rt/rt_sched.h"
#include "services/svc.h"
#include "tests/unit/core/rig.h"

/* vined is its main, as it would be. */
int vined_main(int argc, char **argv);
#define main vined_main
#include "appliance/vined.c"
#undef main

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif

#define QUEUES 3
#define EACH 4000		/* tasks on a queue */

/* --- the service --- */

enum { WAIT, ANSWER, GO, DIG, LEFT, RIGHT };
static const int procs[] = { WAIT, ANSWER, GO, DIG, LEFT, RIGHT };
static struct rt_rendez gate;	/* at which those of "wait" do */
static struct rt_qlock locks[2];	/* "left" takes the first one first */
static uint32_t locked;

static int
proc_of(const struct vine_req *req)
{
	return *(const int *)vine_req_ctx(req);
}

static int
hold_start(struct svc_host *host, const struct utils_config *config,
	   void **state)
{
	int rc = svc_add_accel(host, CPU, "hold", VINE_HANDLERS_MAX);

	(void)config;
	*state = NULL;
	rt_rendez_init(&gate);
	rt_qlock_init(&locks[0]);
	rt_qlock_init(&locks[1]);
	locks[0].name = "the left one";
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "wait", (void *)&procs[WAIT]);
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "answer", (void *)&procs[ANSWER]);
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "go", (void *)&procs[GO]);
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "dig", (void *)&procs[DIG]);
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "left", (void *)&procs[LEFT]);
	if (rc == 0)
		rc = svc_add_proc(host, CPU, "right", (void *)&procs[RIGHT]);
	return rc;
}

static void
hold_submit(void *state, struct vine_req *req)
{
	int rc;

	(void)state;
	if (proc_of(req) == GO) {
		vine_req_complete(req, VINE_STATUS_OK, 0,
				  rt_rendez_wake_all(&gate));
		return;
	}
	rc = svc_handle(req, NULL);
	if (rc)
		vine_req_complete(req, VINE_STATUS_BUSY, -rc, 0);
}

static uint32_t overflows;

/* Deeper and deeper, a little at a time. */
static int
dig(int depth)
{
	volatile char some[512];

	some[depth % 512] = (char)depth;
	if (depth < 1000000)
		depth = dig(depth + 1) + some[depth % 512];
	return depth + some[0];
}

static void
hold_overflowed(void *state, struct vine_req *req, struct rt_task *task)
{
	(void)state;
	rig_check(proc_of(req) == DIG && rt_task_self() == NULL);
	rig_check(rt_task_state(task) == RT_TASK_OVERFLOWED);
	overflows++;
}

/* Both have one, then each wants the other's. */
static int
lock_both(int first)
{
	int rc = rt_qlock_lock(&locks[first], RT_NEVER);

	if (rc)
		return rc;
	locked++;
	while (locked < 2)
		rt_task_yield();
	rc = rt_qlock_lock(&locks[!first], RT_NEVER);
	if (rc == 0)
		rt_qlock_unlock(&locks[!first]);
	rt_qlock_unlock(&locks[first]);
	return rc;
}

static void
hold_handle(void *state, struct vine_req *req, struct svc_answer *answer)
{
	(void)state;
	answer->value = overflows;
	if (proc_of(req) == DIG)
		answer->value = (uint64_t)dig(0);
	if ((proc_of(req) == LEFT || proc_of(req) == RIGHT) &&
	    lock_both(proc_of(req) == RIGHT) == -ECANCELED)
		answer->status = VINE_STATUS_CANCELED;
	if (proc_of(req) == WAIT &&
	    rt_rendez_sleep(&gate, RT_NEVER) == -ECANCELED)
		answer->status = VINE_STATUS_CANCELED;
}

static void
hold_stop(void *state)
{
	(void)state;
}

static const struct svc_ops hold_ops = {
	.size = sizeof(struct svc_ops),
	.name = "hold",
	.start = hold_start,
	.submit = hold_submit,
	.handle = hold_handle,
	.overflowed = hold_overflowed,
	.cancel = svc_cancel_handled,
	.stop = hold_stop,
};

/* In place of the daemon's table. */
extern const struct svc_ops *const vined_services[];
const struct svc_ops *const vined_services[] = { &hold_ops, NULL };

/* --- vined --- */

static char name[96], file[4096], control[128];
static pid_t vined;

static void
begin(void)
{
	char *argv[] = { "vined", "--config", file, "--log-level", "error",
			 NULL };
	FILE *f;

	rig_name(name);
	snprintf(file, sizeof(file), "%s/vined-handler-%d.conf",
		 getenv("HOME"), (int)getpid());
	snprintf(control, sizeof(control), "/tmp/vined-handler-%d.sock",
		 (int)getpid());
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "shm_file %s\nshm_size 256M\ntrace 0\nworkers 1\n"
		"queue_slots 4096\nseccomp off\ncontrol_socket %s\n", name,
		control);
	fclose(f);
	vined = fork();
	ck_assert_int_ge(vined, 0);
	if (vined == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(vined_main(5, argv));
	}
}

static struct vine_session *
attach(void)
{
	struct vine_session *session;

	ck_assert_int_eq(vine_session_open(&(struct vine_session_opts){
		.size = sizeof(struct vine_session_opts), .config_file = file,
		.attach_timeout = 30 * SECOND }, &session), 0);
	return session;
}

static vine_task *
issue(struct vine_session *session, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task;

	rig_check(vine_accel_find(session, CPU, "hold", &o.accel) == 0);
	rig_check(vine_proc_find(session, CPU, proc, &o.proc) == 0);
	rig_check(vine_task_issue_opts(&o, &task) == 0);
	return task;
}

/* --- sessions --- */

/* Many tasks of a session, on a thread's own queue. */
struct crowd {
	struct vine_session *session;
	pthread_t thread;
	vine_task *tasks[EACH];
};

static struct crowd crowds[QUEUES + 1];

static void *
come(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < EACH; i++)
		c->tasks[i] = issue(c->session, "wait");
	return NULL;
}

static void
come_at_once(struct vine_session *session)
{
	for (int i = 0; i < QUEUES; i++) {
		crowds[i].session = session;
		pthread_create(&crowds[i].thread, NULL, come, &crowds[i]);
	}
	for (int i = 0; i < QUEUES; i++)
		pthread_join(crowds[i].thread, NULL);
}

static uint32_t
refused(struct crowd *c)
{
	struct vine_task_result r = { .size = sizeof(r) };
	uint32_t n = 0;

	for (int i = 0; i < EACH; i++) {
		if (vine_task_wait_for(c->tasks[i], 0) != 0)
			continue;
		rig_check(vine_task_result(c->tasks[i], &r) == 0);
		rig_check(r.status == VINE_STATUS_BUSY && r.error == EBUSY);
		n++;
	}
	return n;
}

static uint32_t
refused_of_three(void)
{
	uint32_t n = 0;

	for (int i = 0; i < QUEUES; i++)
		n += refused(&crowds[i]);
	return n;
}

static struct vine_task_result
call(struct vine_session *session, const char *proc)
{
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task = issue(session, proc);

	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r;
}

/* The status with which the appliance answers a session. */
static int
answers(struct vine_session *session)
{
	return call(session, "answer").status;
}

static vine_task *last_in;

/* Whether one more task of a session is let in; a refusal would come first. */
static int
comes(struct vine_session *session)
{
	vine_task *task = issue(session, "wait");

	(void)answers(session);
	if (vine_task_wait_for(task, 0) == 0) {
		vine_task_free(task);
		return 0;
	}
	last_in = task;
	return 1;
}

START_TEST(a_session_whose_tasks_wait_leaves_as_many_places_as_it_has)
{
	struct vine_session *first, *second;
	const uint32_t refusals = QUEUES * EACH - VINE_HANDLERS_MAX / 2;

	begin();
	first = attach();
	second = attach();
	come_at_once(first);
	rig_await(refused_of_three() == refusals);

	/* another finds as many places as are left then */
	ck_assert_int_eq(answers(first), VINE_STATUS_BUSY);
	ck_assert_int_eq(answers(second), VINE_STATUS_OK);
	crowds[QUEUES].session = second;
	come(&crowds[QUEUES]);
	ck_assert_int_eq(answers(second), VINE_STATUS_OK);
	ck_assert_uint_eq(refused(&crowds[QUEUES]), 0);
	for (int n = EACH; n < VINE_HANDLERS_MAX / 4; n++)
		ck_assert(comes(second));
	ck_assert(!comes(second));
	ck_assert_uint_eq(refused_of_three(), refusals);

	/* and half of all, when they have come back */
	ck_assert_uint_eq(call(second, "go").value, VINE_HANDLERS_MAX / 4 * 3);
	ck_assert_int_eq(vine_task_wait_for(last_in, 60 * SECOND), 0);
	come_at_once(second);
	rig_await(refused_of_three() == refusals);
	call(second, "go");
	vine_session_close(first);
	vine_session_close(second);
	kill(vined, SIGTERM);
	ck_assert_int_eq(rig_child_ended(vined), VINED_EXIT_OK);
	unlink(file);
}
END_TEST

START_TEST(a_handler_that_runs_over_its_stack_is_answered_for)
{
	struct vine_session *session;
	struct vine_task_result r;

	begin();
	session = attach();
	for (uint32_t i = 1; i <= 3; i++) {
		r = call(session, "dig");
		ck_assert_uint_eq(r.status, VINE_STATUS_FAILED);
		ck_assert_int_eq(r.error, EOVERFLOW);
		/* the service was told, and the worker goes on */
		r = call(session, "answer");
		ck_assert_uint_eq(r.status, VINE_STATUS_OK);
		ck_assert_uint_eq(r.value, i);
	}
	vine_session_close(session);
	kill(vined, SIGTERM);
	ck_assert_int_eq(rig_child_ended(vined), VINED_EXIT_OK);
	unlink(file);
}
END_TEST

/* Does vinectl say it? */
static int
is_said(const char *text)
{
	static char answer[65536];
	char command[512];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "%s/vinectl -S %s -j tasks",
		 getenv("VINE_BIN_DIR"), control);
	f = popen(command, "r");
	rig_check(f != NULL);
	n = fread(answer, 1, sizeof(answer) - 1, f);
	answer[n] = '\0';
	rig_check(pclose(f) == 0);
	return strstr(answer, text) != NULL;
}

START_TEST(of_handlers_that_wait_for_each_other_vinectl_says_so)
{
	struct vine_session *session;
	vine_task *left, *right;

	begin();
	session = attach();
	ck_assert(is_said("\"deadlocks\":[]"));
	left = issue(session, "left");
	right = issue(session, "right");
	rig_await(is_said("\"deadlocks\":[{\"worker\":0,\"deadlock\":\""));
	ck_assert(is_said("left waits for right (qlock "));
	ck_assert(is_said("right waits for left (qlock the left one 0x"));
	ck_assert(is_said("\"object\":\"the left one 0x"));
	ck_assert(is_said("\"held_by\":\"left\""));
	vine_task_cancel(left);
	ck_assert_int_eq(vine_task_wait_for(left, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_wait_for(right, 60 * SECOND), 0);
	vine_task_free(left);
	vine_task_free(right);
	ck_assert(is_said("\"deadlocks\":[]"));
	vine_session_close(session);
	kill(vined, SIGTERM);
	ck_assert_int_eq(rig_child_ended(vined), VINED_EXIT_OK);
	unlink(file);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_handler_that_runs_over_its_stack_is_answered_for),
	RIG_CASE(a_session_whose_tasks_wait_leaves_as_many_places_as_it_has),
	RIG_CASE(of_handlers_that_wait_for_each_other_vinectl_says_so),
};

int
main(void)
{
	if (TSAN) {
		printf("skipped: ThreadSanitizer knows 8128 stacks, this needs "
		       "more\n");
		return 77;
	}
	return rig_main("vined_handler", cases, 3);
}
