/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined is killed and no other is waited for: what an application sees of it,
 * in whatever it is at that moment. Nothing may hang, each task ends once, with
 * appliance_lost, and each later call says that the session is gone.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <vine/vine.h>

#include "appliance.h"

#define FOREVER_MS 60000	/* longer than any look takes, see vine_wait */
#define IN_FLIGHT 256		/* of a queue: twice queue_slots */

static struct appliance appliance;

/* A kernel "hang" that is never done, so that vined holds its tasks. */
static void
start(const char *tag)
{
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], object[256], text[2048];

	appliance_path(source, sizeof(source), "hang.c");
	appliance_path(object, sizeof(object), "hang.so");
	appliance_write(source,
		"#include <unistd.h>\n"
		"#include <vine/kernel.h>\n"
		"static int hang(struct vine_kernel_call *call)\n"
		"{\n"
		"	(void)call;\n"
		"	for (;;)\n"
		"		pause();\n"
		"}\n"
		"static const struct vine_kernel k =\n"
		"	{ \"hang\", hang, 0, 0 };\n"
		"const struct vine_kernel_table vine_kernels =\n"
		"	{ VINE_KERNEL_ABI, 1, &k };\n");
	snprintf(text, sizeof(text), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(text), 0);
	snprintf(text, sizeof(text), "shm_size 8M\ncpu_kernels %s\n", object);
	appliance_start(&appliance, tag, text);
}

static void
kill_it(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
}

static struct vine_session *
attach(const char *more)
{
	char text[512];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.attach_timeout = INT64_C(20000000000) };
	struct vine_session *s = NULL;

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nrestart_wait 0\n%s", appliance.name,
		 more);
	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static struct vine_task_opts
hang(struct vine_session *s)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	ck_assert_int_eq(vine_accel_find(s, CPU, "cpu0", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, CPU, "hang", &o.proc), 0);
	return o;
}

static vine_task *
issue(struct vine_session *s)
{
	struct vine_task_opts o = hang(s);
	vine_task *task = NULL;

	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

static void
check_lost(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_result(task, &r), 0);
	ck_assert_int_eq(r.status, VINE_STATUS_APPLIANCE_LOST);
	ck_assert_int_eq(r.error,
			 vine_status_errno(VINE_STATUS_APPLIANCE_LOST));
}

/* --- who waits ---------------------------------------------------------- */

static struct {
	struct vine_session *s, *spinning;
	vine_task *one, *spun, *set[3];
	_Atomic int ready;	/* threads that are at it */
} with;

static void
here(void)
{
	atomic_fetch_add(&with.ready, 1);
}

static void *
wait_for_one(void *arg)
{
	here();
	ck_assert_int_eq(vine_task_wait_for(arg, VINE_FOREVER), 0);
	check_lost(arg);
	return NULL;
}

static void *
wait_with_timeout(void *arg)
{
	here();
	ck_assert_int_eq(vine_task_wait_for(arg, FOREVER_MS * 1000000LL), 0);
	check_lost(arg);
	return NULL;
}

static void *
wait_for_any(void *arg)
{
	size_t i = 3;

	(void)arg;
	here();
	ck_assert_int_eq(vine_task_wait_any(with.set, 3, VINE_FOREVER, &i), 0);
	ck_assert_uint_lt(i, 3);
	check_lost(with.set[i]);
	return NULL;
}

static void *
wait_for_all(void *arg)
{
	(void)arg;
	here();
	ck_assert_int_eq(vine_task_wait_all(with.set, 3, VINE_FOREVER), 0);
	for (int i = 0; i < 3; i++)
		check_lost(with.set[i]);
	return NULL;
}

static void *
wait_as_vinetalk(void *arg)
{
	here();
	errno = 0;
	ck_assert_int_eq(vine_task_wait(arg), task_failed);
	ck_assert_int_eq(errno, vine_status_errno(VINE_STATUS_APPLIANCE_LOST));
	return NULL;
}

/* A queue of this thread's own, full: the next issue waits for room. */
static void *
wait_for_room(void *arg)
{
	struct vine_task_opts o = hang(with.s);
	vine_task *task;

	(void)arg;
	for (int i = 0; i < IN_FLIGHT; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	here();
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), -ECONNRESET);
	return NULL;
}

START_TEST(every_waiter_returns_and_tasks_end_with_appliance_lost)
{
	static void *(*const waiters[])(void *arg) = {
		wait_for_one, wait_for_one, wait_with_timeout,
		wait_as_vinetalk, wait_for_any, wait_for_all, wait_for_room,
	};
	enum { N = sizeof(waiters) / sizeof(waiters[0]) };
	pthread_t threads[N + 1];

	start("waiters");
	with.s = attach("");
	with.spinning = attach("wait spin\n");
	with.one = issue(with.s);
	with.spun = issue(with.spinning);
	for (int i = 0; i < 3; i++)
		with.set[i] = issue(with.s);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, waiters[i],
						with.one), 0);
	ck_assert_int_eq(pthread_create(&threads[N], NULL, wait_for_one,
					with.spun), 0);
	while (with.ready < N + 1)
		appliance_nap(5);
	appliance_nap(200);	/* and asleep */
	kill_it();
	for (int i = 0; i <= N; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	vine_session_close(with.spinning);
	vine_session_close(with.s);
}
END_TEST

/* --- who only looks ----------------------------------------------------- */

/* Until something is noticed; a minute is for ever. */
#define LOOK_UNTIL(what, condition) \
	do { \
		int64_t end_ = appliance_now() + FOREVER_MS; \
		while (!(condition)) { \
			ck_assert_msg(appliance_now() < end_, \
				      "%s never notices", what); \
			appliance_nap(1); \
		} \
	} while (0)

START_TEST(one_who_polls_a_task_learns_of_it)
{
	struct vine_session *s;
	vine_task *task, *another;

	start("stat");
	s = attach("");
	task = issue(s);
	another = issue(s);
	ck_assert_int_eq(vine_task_stat(task, NULL), task_issued);
	kill_it();
	LOOK_UNTIL("vine_task_stat",
		   vine_task_stat(task, NULL) == task_failed);
	check_lost(task);
	ck_assert_int_eq(vine_task_wait_for(another, 0), 0);
	check_lost(another);
	vine_session_close(s);
}
END_TEST

START_TEST(one_who_polls_with_a_timeout_of_0_learns_of_it)
{
	struct vine_session *s;
	vine_task *task;
	size_t i;

	start("poll");
	s = attach("wait spin\n");
	task = issue(s);
	kill_it();
	LOOK_UNTIL("vine_task_wait_any",
		   vine_task_wait_any(&task, 1, 0, &i) == 0);
	check_lost(task);
	vine_session_close(s);
}
END_TEST

START_TEST(one_who_only_reaps_learns_of_it)
{
	struct vine_session *s;
	vine_task *task;

	start("reap");
	s = attach("");
	task = issue(s);
	ck_assert_int_eq(vine_session_reap(s), 0);
	kill_it();
	LOOK_UNTIL("vine_session_reap", vine_session_reap(s) == -ECONNRESET);
	check_lost(task);
	vine_session_close(s);
}
END_TEST

START_TEST(one_who_issues_without_waiting_learns_of_it)
{
	struct vine_task_opts o;
	struct vine_session *s;
	vine_task *task, *first;
	int rc;

	start("nowait");
	s = attach("");
	o = hang(s);
	o.flags = VINE_TASK_NOWAIT;
	ck_assert_int_eq(vine_task_issue_opts(&o, &first), 0);
	kill_it();
	do
		rc = vine_task_issue_opts(&o, &task);
	while (rc == 0);
	LOOK_UNTIL("vine_task_issue_opts",
		   (rc = vine_task_issue_opts(&o, &task)) != -EAGAIN);
	ck_assert_int_eq(rc, -ECONNRESET);
	ck_assert_int_eq(vine_task_wait_for(first, VINE_FOREVER), 0);
	check_lost(first);
	vine_session_close(s);
}
END_TEST

static void
count_call(vine_task *task, void *user)
{
	_Atomic int *calls = user;

	check_lost(task);
	atomic_fetch_add(calls, 1);
}

START_TEST(the_descriptor_polls_readable_and_callbacks_run_once)
{
	static _Atomic int calls;
	struct vine_task_opts o;
	struct vine_session *s;
	struct pollfd p = { .events = POLLIN };
	vine_task *tasks[5];

	start("fd");
	s = attach("");
	o = hang(s);
	o.cb = count_call;
	o.cb_user = &calls;
	ck_assert_int_eq(vine_session_fd(s, &p.fd), 0);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &tasks[i]), 0);
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	kill_it();
	ck_assert_int_eq(poll(&p, 1, FOREVER_MS), 1);
	ck_assert_int_eq(vine_session_reap(s), -ECONNRESET);
	ck_assert_int_eq(calls, 5);
	ck_assert_int_eq(vine_session_reap(s), -ECONNRESET);
	vine_session_close(s);
	ck_assert_int_eq(calls, 5);
}
END_TEST

/* --- what comes after --------------------------------------------------- */

START_TEST(calls_afterwards_are_econnreset)
{
	static const char code[] = "code";
	struct vine_task_opts o;
	struct vine_session *s;
	vine_accel *v, *list[4];
	vine_data *data;
	vine_proc *proc;
	vine_task *task;
	int64_t begin;
	int fd;

	start("after");
	s = attach("");
	o = hang(s);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	kill_it();
	begin = appliance_now();
	/* the first is the one that finds out */
	ck_assert_int_eq(vine_proc_find(s, CPU, "copy", &proc), -ECONNRESET);
	ck_assert_int_lt(appliance_now() - begin, 15000);
	ck_assert_int_eq(vine_proc_add(s, CPU, "x", code, 4, &proc),
			 -ECONNRESET);
	ck_assert_int_eq(vine_accel_open(o.accel, 0, &v), -ECONNRESET);
	ck_assert_int_eq(vine_accel_find(s, CPU, "cpu0", &v), -ECONNRESET);
	ck_assert_int_eq(vine_accel_list_in(s, ANY, list, 4), -ECONNRESET);
	ck_assert_int_eq(vine_data_alloc_in(s, 100, 0, &data), -ECONNRESET);
	ck_assert_int_eq(vine_task_cancel(task), -ECONNRESET);
	ck_assert_int_eq(vine_session_fd(s, &fd), -ECONNRESET);
	ck_assert_int_eq(vine_session_reap(s), -ECONNRESET);
	check_lost(task);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), -ECONNRESET);
	ck_assert_int_eq(vine_task_issue_batch(&o, 1, &task), -ECONNRESET);
	begin = appliance_now();
	vine_session_close(s);
	ck_assert_int_lt(appliance_now() - begin, 15000);
}
END_TEST

/* Nobody has looked since: the close is the first that finds out. */
START_TEST(a_close_ends_the_tasks_with_their_callbacks)
{
	static _Atomic int calls;
	struct vine_task_opts o;
	struct vine_session *s;
	vine_task *tasks[3];
	int64_t begin;

	start("close");
	s = attach("");
	o = hang(s);
	o.cb = count_call;
	o.cb_user = &calls;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &tasks[i]), 0);
	kill_it();
	begin = appliance_now();
	vine_session_close(s);
	ck_assert_int_lt(appliance_now() - begin, 15000);
	ck_assert_int_eq(calls, 3);
}
END_TEST

START_TEST(vinetalks_functions_set_errno)
{
	char text[256], path[512];
	vine_accel **accels, *accel, *v;
	vine_accel_stats_s stats;
	vine_data *data;
	vine_proc *proc;
	vine_task *task;

	start("talk");
	appliance_path(path, sizeof(path), "talk-app.conf");
	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\nrestart_wait 0\n",
		 appliance.name);
	appliance_write(path, text);
	setenv("VINE_CONFIG", path, 1);
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(vine_accel_list(CPU, &accels), 1);
	accel = v = accels[0];
	free(accels);
	ck_assert_int_eq(vine_accel_acquire(&v), 1);
	proc = vine_proc_get(CPU, "hang");
	data = vine_data_alloc(100, Both);
	task = vine_task_issue(v, proc, NULL, 1, &data, 0, NULL);
	ck_assert_ptr_nonnull(task);
	kill_it();
	errno = 0;
	ck_assert_int_eq(vine_task_wait(task), task_failed);
	ck_assert_int_eq(errno, vine_status_errno(VINE_STATUS_APPLIANCE_LOST));

#define IS_LOST(call) \
	do { \
		errno = 0; \
		ck_assert(call); \
		ck_assert_msg(errno == ECONNRESET, "%s: errno is %d", #call, \
			      errno); \
	} while (0)
	IS_LOST(vine_task_issue(v, proc, NULL, 1, &data, 0, NULL) == NULL);
	IS_LOST(vine_accel_list(CPU, NULL) == 0);
	IS_LOST(vine_proc_get(CPU, "copy") == NULL);
	IS_LOST(vine_proc_register(CPU, "mine", "code", 4) == NULL);
	IS_LOST(vine_data_alloc(1 << 20, Both) == NULL);
	IS_LOST(vine_data_alloc(100, Both) == NULL);
	IS_LOST(vine_accel_stat(accel, &stats) == accel_failed);
	IS_LOST(vine_accel_acquire(&accel) == 0);
#undef IS_LOST
	/* what is given back is gone here, whatever is known over there */
	ck_assert_int_eq(vine_accel_release(&v), 1);
	ck_assert_ptr_null(v);
	ck_assert_int_eq(vine_proc_put(proc), 1);
	vine_data_free(data);
	vine_task_free(task);
	vine_talk_exit();
	unsetenv("VINE_CONFIG");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("killed");

	tcase_add_test(tcase,
		every_waiter_returns_and_tasks_end_with_appliance_lost);
	tcase_add_test(tcase, one_who_polls_a_task_learns_of_it);
	tcase_add_test(tcase, one_who_polls_with_a_timeout_of_0_learns_of_it);
	tcase_add_test(tcase, one_who_only_reaps_learns_of_it);
	tcase_add_test(tcase, one_who_issues_without_waiting_learns_of_it);
	tcase_add_test(tcase,
		the_descriptor_polls_readable_and_callbacks_run_once);
	tcase_add_test(tcase, calls_afterwards_are_econnreset);
	tcase_add_test(tcase, a_close_ends_the_tasks_with_their_callbacks);
	tcase_add_test(tcase, vinetalks_functions_set_errno);
	return appliance_main("killed", tcase);
}
