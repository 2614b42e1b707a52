/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rig: an appliance in a thread and what tests of the core do with it.
 *
 * A rig is one POSIX segment with one CPU accelerator "rig" whose procedures
 * are functions of the test; a request that a procedure keeps is completed
 * later with rig_release. Names of segments carry the pid of the program and of
 * the test, so that rig_main can remove what a test that crashed left.
 */
#ifndef RIG_H
#define RIG_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vine/vine.h>
#include <vine_pipe.h>

#include "utils/utils_log.h"

#define RIG_MIB (UINT64_C(1) << 20)
#define RIG_KEPT 4096
#define SECOND INT64_C(1000000000)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RIG_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RIG_SANITIZED 1
#endif
#endif
#ifndef RIG_SANITIZED
#define RIG_SANITIZED 0
#endif

#define RIG_UNUSED __attribute__((unused))

struct rig;
typedef void (*rig_fn)(struct rig *rig, struct vine_req *req);

struct rig {
	char name[96];
	char config[384];
	vine_pipe_s *pipe;
	vine_accel_s *accel;
	pthread_t thread;
	int running;
	_Atomic int stop;
	pthread_mutex_t lock;
	struct vine_req *kept[RIG_KEPT];
	_Atomic uint32_t kept_count;
	_Atomic uint64_t served;
};

static pid_t rig_pid;		/* of the program */

/* What was logged since rig_listen. */
static char rig_log[16384];
static pthread_mutex_t rig_log_lock = PTHREAD_MUTEX_INITIALIZER;

static RIG_UNUSED void
rig_hear(enum utils_log_level level, const char *text, void *user)
{
	size_t n;

	(void)level;
	(void)user;
	pthread_mutex_lock(&rig_log_lock);
	n = strlen(rig_log);
	snprintf(rig_log + n, sizeof(rig_log) - n, "%s\n", text);
	pthread_mutex_unlock(&rig_log_lock);
}

static RIG_UNUSED void
rig_listen(void)
{
	pthread_mutex_lock(&rig_log_lock);
	rig_log[0] = '\0';
	pthread_mutex_unlock(&rig_log_lock);
	utils_log_set(UTILS_LOG_WARN, rig_hear, NULL);
}

static RIG_UNUSED uint64_t
rig_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static RIG_UNUSED void
rig_nap(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000u),
			      (long)(ns % 1000000000u) };

	nanosleep(&t, NULL);
}

/* Wait until a thread of this process sleeps, as the kernel sees it. */
static RIG_UNUSED void
rig_await_asleep(pid_t tid)
{
	char path[64], text[512], state = 0;
	uint64_t from = rig_ns();

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	/* twice: it may have slept on its way there */
	for (int times = 0; times < 2; times += state == 'S') {
		FILE *f = fopen(path, "r");
		const char *name = f ? fgets(text, sizeof(text), f) : NULL;
		const char *end = name ? strrchr(name, ')') : NULL;

		state = end ? end[2] : 0;
		if (f)
			fclose(f);
		ck_assert_msg(rig_ns() - from < 60 * (uint64_t)SECOND,
			      "thread %d never sleeps: %s", (int)tid,
			      name ? name : path);
		rig_nap(1000000);
	}
}

/* The same of all threads but the calling one: what they had to do is done. */
static RIG_UNUSED void
rig_await_all_asleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && atoi(e->d_name) != gettid())
			rig_await_asleep(atoi(e->d_name));
	closedir(dir);
}

/* Wait until a condition holds; a minute is for ever. */
#define rig_await(condition) \
	do { \
		uint64_t from_ = rig_ns(); \
		while (!(condition)) { \
			ck_assert_msg(rig_ns() - from_ < 60 * SECOND, \
				      "never happened: %s", #condition); \
			rig_nap(200000); \
		} \
	} while (0)

/*
 * rig_enough tells whether a loop of `most` rounds, in which two sides wait for
 * each other, may end in this one. On a busy machine each round can cost a time
 * slice, and all of them minutes: after 10 s some hundreds are enough.
 */
static RIG_UNUSED int
rig_enough(uint32_t round, uint32_t most, uint64_t from)
{
	return round >= most ||
		(round >= most / 100 + 300 && round % 64 == 0 &&
		 rig_ns() - from > 10 * (uint64_t)SECOND);
}

/* As ck_assert, for loops: costs nothing while it holds. */
#define rig_check(condition) \
	do { \
		if (__builtin_expect(!(condition), 0)) \
			ck_abort_msg("%s", #condition); \
	} while (0)

/* xorshift64*: the same numbers everywhere. */
static RIG_UNUSED uint64_t
rig_random(uint64_t *state)
{
	uint64_t x = *state ? *state : 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* A fresh name; the object does not exist. */
static RIG_UNUSED void
rig_name(char name[96])
{
	static unsigned int next;

	snprintf(name, 96, "vine-test-%d-%d-%u", (int)rig_pid, (int)getpid(),
		 next++);
	shm_unlink(name);
}

/* Where the program's appliances keep what outlives them. */
static RIG_UNUSED const char *
rig_state_dir(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/dev/shm/vine-test-%d-state", (int)rig_pid);
	return dir;
}

static void
rig_sweep_in(const char *folder, const char *prefix)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char path[512];

	while (dir && (e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

static void
rig_sweep(void)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "vine-test-%d-", (int)rig_pid);
	rig_sweep_in("/dev/shm", prefix);
	rig_sweep_in(rig_state_dir(), "");
	rmdir(rig_state_dir());
}

/* --- procedures --- */

static RIG_UNUSED void
rig_nop(struct rig *rig, struct vine_req *req)
{
	(void)rig;
	vine_req_complete(req, VINE_STATUS_OK, 0, 42);
}

static RIG_UNUSED void
rig_fail(struct rig *rig, struct vine_req *req)
{
	(void)rig;
	vine_req_complete(req, VINE_STATUS_FAILED, EDOM, 7);
}

/* value: bytes of all views, plus the sum of the arguments' bytes; outputs are
 * filled with the number of inputs */
static RIG_UNUSED void
rig_sum(struct rig *rig, struct vine_req *req)
{
	uint32_t in, out, size;
	const struct vine_view *i = vine_req_in(req, &in);
	const struct vine_view *o = vine_req_out(req, &out);
	const uint8_t *args = vine_req_args(req, &size);
	uint64_t sum = 0;

	(void)rig;
	vine_req_execute(req);
	for (uint32_t n = 0; n < in; n++)
		sum += i[n].length;
	for (uint32_t n = 0; n < out; n++) {
		sum += o[n].length;
		memset(o[n].ptr, (int)in, o[n].length);
	}
	for (uint32_t n = 0; n < size; n++)
		sum += args[n];
	vine_req_complete(req, VINE_STATUS_OK, 0, sum);
}

/* out[0] = in[0] */
static RIG_UNUSED void
rig_copy(struct rig *rig, struct vine_req *req)
{
	uint32_t in, out;
	const struct vine_view *i = vine_req_in(req, &in);
	const struct vine_view *o = vine_req_out(req, &out);

	(void)rig;
	if (in != 1 || out != 1 || i->length != o->length) {
		vine_req_complete(req, VINE_STATUS_FAILED, EINVAL, 0);
		return;
	}
	memmove(o->ptr, i->ptr, i->length);
	vine_req_complete(req, VINE_STATUS_OK, 0, i->length);
}

/* Kept until rig_release. */
static RIG_UNUSED void
rig_keep(struct rig *rig, struct vine_req *req)
{
	pthread_mutex_lock(&rig->lock);
	ck_assert_uint_lt(rig->kept_count, RIG_KEPT);
	rig->kept[rig->kept_count] = req;
	rig->kept_count++;
	pthread_mutex_unlock(&rig->lock);
}

/* Complete the kept request with an index, the last taking its place. */
static RIG_UNUSED void
rig_release(struct rig *rig, uint32_t i, uint64_t value)
{
	struct vine_req *req;

	pthread_mutex_lock(&rig->lock);
	ck_assert_uint_lt(i, rig->kept_count);
	req = rig->kept[i];
	rig->kept[i] = rig->kept[--rig->kept_count];
	pthread_mutex_unlock(&rig->lock);
	vine_req_complete(req, VINE_STATUS_OK, 0, value);
}

/* --- the appliance --- */

static RIG_UNUSED void *
rig_serve(void *arg)
{
	struct rig *rig = arg;
	struct vine_req *req;

	while (!rig->stop) {
		if (vine_pipe_take(rig->pipe, 10000000, &req) != 0)
			continue;
		((rig_fn)(uintptr_t)vine_req_ctx(req))(rig, req);
		rig->served++;
	}
	return NULL;
}

static RIG_UNUSED void
rig_start(struct rig *rig)
{
	rig->stop = 0;
	ck_assert_int_eq(pthread_create(&rig->thread, NULL, rig_serve, rig), 0);
	rig->running = 1;
}

/* The appliance stays, but looks at nothing until rig_start. */
static RIG_UNUSED void
rig_stop(struct rig *rig)
{
	if (rig->running) {
		rig->stop = 1;
		pthread_join(rig->thread, NULL);
		rig->running = 0;
	}
}

static RIG_UNUSED void
rig_offer(struct rig *rig, const char *name, rig_fn fn)
{
	ck_assert_int_eq(vine_pipe_add_proc(rig->pipe, CPU, name,
					    (void *)(uintptr_t)fn, NULL), 0);
}

/* A pipe on rig->config, with everything above. */
static RIG_UNUSED void
rig_serve_on(struct rig *rig)
{
	struct vine_pipe_opts opts = { .size = sizeof(opts),
				       .config = rig->config };

	ck_assert_int_eq(vine_pipe_open(&opts, &rig->pipe), 0);
	ck_assert_int_eq(vine_pipe_add_accel(rig->pipe, CPU, "rig",
					     &rig->accel), 0);
	rig_offer(rig, "nop", rig_nop);
	rig_offer(rig, "fail", rig_fail);
	rig_offer(rig, "sum", rig_sum);
	rig_offer(rig, "copy", rig_copy);
	rig_offer(rig, "keep", rig_keep);
}

static RIG_UNUSED void
rig_init(struct rig *rig, uint64_t size, const char *more)
{
	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->lock, NULL);
	rig_name(rig->name);
	snprintf(rig->config, sizeof(rig->config),
		 "shm_file %s\nshm_size %llu\ntrace 0\nstate_dir %s\n%s",
		 rig->name, (unsigned long long)size, rig_state_dir(),
		 more ? more : "");
}

static RIG_UNUSED void
rig_open(struct rig *rig, uint64_t size, const char *more)
{
	rig_init(rig, size, more);
	rig_serve_on(rig);
	rig_start(rig);
}

static RIG_UNUSED void
rig_close(struct rig *rig)
{
	rig_stop(rig);
	if (rig->pipe)
		vine_pipe_exit(rig->pipe);
	rig->pipe = NULL;
	shm_unlink(rig->name);
}

/* --- the application --- */

static RIG_UNUSED int
rig_attach_for(struct rig *rig, int64_t timeout, struct vine_session **session)
{
	struct vine_session_opts opts = {
		.size = sizeof(opts),
		.config = rig->config,
		.attach_timeout = timeout,
	};

	return vine_session_open(&opts, session);
}

static RIG_UNUSED struct vine_session *
rig_attach(struct rig *rig)
{
	struct vine_session *s = NULL;

	ck_assert_int_eq(rig_attach_for(rig, 30 * SECOND, &s), 0);
	ck_assert_ptr_nonnull(s);
	return s;
}

static RIG_UNUSED vine_accel *
rig_accel(struct vine_session *s)
{
	vine_accel *accel = NULL;

	ck_assert_int_eq(vine_accel_find(s, CPU, "rig", &accel), 0);
	return accel;
}

static RIG_UNUSED vine_proc *
rig_proc(struct vine_session *s, const char *name)
{
	vine_proc *proc = NULL;

	ck_assert_int_eq(vine_proc_find(s, CPU, name, &proc), 0);
	return proc;
}

static RIG_UNUSED struct vine_task_opts
rig_opts(struct vine_session *s, const char *proc)
{
	return (struct vine_task_opts){
		.size = sizeof(struct vine_task_opts),
		.accel = rig_accel(s),
		.proc = rig_proc(s, proc),
	};
}

static RIG_UNUSED struct vine_task_result
rig_result(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_result(task, &r), 0);
	return r;
}

/* Issue, wait, free; returns the status. */
static RIG_UNUSED enum vine_status
rig_run(const struct vine_task_opts *opts, uint64_t *value)
{
	struct vine_task_result r;
	vine_task *task;

	ck_assert_int_eq(vine_task_issue_opts(opts, &task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	r = rig_result(task);
	if (value)
		*value = r.value;
	vine_task_free(task);
	return r.status;
}

/* Wait for a child; returns its exit status, or -1 if a signal ended it. */
static RIG_UNUSED int
rig_child_ended(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- the program --- */

struct rig_case {
	const char *name;
	const TTest **test;
	int each;		/* run for _i of 0 to each - 1; 0: once */
};

static RIG_UNUSED int
rig_main(const char *name, const struct rig_case *cases, size_t count)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	rig_pid = getpid();
	for (size_t i = 0; i < count; i++) {
		TCase *tc = tcase_create(cases[i].name);

		if (getenv("CK_DEFAULT_TIMEOUT") == NULL)
			tcase_set_timeout(tc, 240);	/* CTest has its own */
		tcase_add_loop_test(tc, *cases[i].test, 0,
				    cases[i].each ? cases[i].each : 1);
		suite_add_tcase(suite, tc);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	rig_sweep();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define RIG_CASE(test) { #test, &test, 0 }
#define RIG_EACH(test, count) { #test, &test, count }
#define RIG_MAIN(name, cases) \
	int \
	main(void) \
	{ \
		return rig_main(name, cases, \
				sizeof(cases) / sizeof((cases)[0])); \
	}

#endif
