/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined is killed and started again under applications at work: they go on.
 * Each task ends once, well and with the right bytes, or with appliance_lost if
 * it was in flight; none is carried out twice but those that may be. Calls in
 * progress, waits, handles, data and procedures outlive it.
 *
 * ctest: soak=600
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <vine/vine.h>

#include "segment_view.h"
#include "work.h"

static struct appliance appliance;

static void
plan(const char *tag, const char *more)
{
	char text[2048];

	work_kernels(text, sizeof(text), more);
	appliance_plan(&appliance, tag, text);
}

static void
start(const char *tag, const char *more)
{
	plan(tag, more);
	appliance_run(&appliance);
}

static void
kill_it(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
}

static void
restart(void)
{
	kill_it();
	appliance_run(&appliance);
}

/* Kill it, and some that take it up before they serve. */
static void
restart_roughly(uint64_t random)
{
	char *argv[] = { "vined", "--config", appliance.config, NULL };

	kill_it();
	for (; random & 1; random >>= 1) {
		appliance_spawn(&appliance, argv);
		appliance_nap((long)(random >> 8) % 60);
		kill_it();
	}
	appliance_run(&appliance);
}

static struct vine_session *
attach_with(const char *wait, const char *more)
{
	char text[512];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.attach_timeout = 20 * SECOND };
	struct vine_session *s = NULL;

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\nlog_level error\n"
		 "restart_wait %s\n%s", appliance.name, wait, more);
	MUST(vine_session_open(&o, &s) == 0);
	return s;
}

static struct vine_session *
attach(void)
{
	return attach_with("60s", "");
}

static int
status_of_child(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
		128 + WTERMSIG(status);
}

static int64_t
how_long_ms(void)
{
	const char *seconds = getenv("VINE_TEST_SECONDS");

	return seconds ? atoi(seconds) * INT64_C(1000) : 0;
}

START_TEST(work_goes_on_over_restarts_at_any_instant)
{
	_Atomic int *stop = shared_word();
	struct segment_use before, after;
	struct segment_view view;
	pid_t pids[PROCESSES];
	uint64_t seed = (uint64_t)getpid();
	int64_t end;
	int restarts = 0;

	start("work", "shm_size 16M\n");
	segment_map(&appliance, &view);
	before = segment_count(&view);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work_until(attach(), stop, seed + (uint64_t)i);
	}
	appliance_nap(100);
	end = appliance_now() + how_long_ms();
	while (restarts < 15 || appliance_now() < end) {
		appliance_nap((long)(random_of(&seed) % 40));
		restart_roughly(random_of(&seed));
		restarts++;
	}
	appliance_nap(100);
	*stop = 1;
	for (int i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(status_of_child(pids[i]), 0);
	segment_settles(&view, &before);
	after = segment_count(&view);
	ck_assert(segment_same(&after, &before));
	ck_assert_uint_eq(segment_counter(&view, "sessions of an earlier "
					  "appliance"), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- calls in progress --------------------------------------------------- */

static _Atomic int calls_stop;

static void *
call_memory(void *arg)
{
	struct vine_session *s = arg;
	vine_data *data;

	while (!calls_stop) {
		MUST(vine_data_alloc_in(s, 3 << 20, 0, &data) == 0);
		memset(vine_data_deref(data), 1, 3 << 20);
		vine_data_free(data);
	}
	return NULL;
}

static void *
call_accels(void *arg)
{
	struct vine_session *s = arg;
	vine_accel *accel, *v;

	MUST(vine_accel_find(s, CPU, "cpu0", &accel) == 0);
	while (!calls_stop) {
		MUST(vine_accel_open(accel, 3, &v) == 0);
		MUST(vine_accel_close(v) == 0);
	}
	return NULL;
}

static void *
call_procs(void *arg)
{
	static uint8_t code[200000];
	struct vine_session *s = arg;
	vine_proc *proc, *mine;

	memset(code, 0x90, sizeof(code));
	while (!calls_stop) {
		MUST(vine_proc_find(s, CPU, "quick", &proc) == 0);
		MUST(vine_proc_add(s, CPU, "mine", code, sizeof(code),
				   &mine) == 0);
		MUST(vine_proc_release(mine) == 0);
		MUST(vine_proc_release(proc) >= 0);
	}
	return NULL;
}

static void *
call_sessions(void *arg)
{
	(void)arg;
	while (!calls_stop) {
		struct vine_session *s = attach();
		struct vine_task_opts o = { .size = sizeof(o) };
		vine_task *task;
		enum vine_status status;

		MUST(vine_accel_find(s, GPU_SOFT, "noop", &o.accel) == 0);
		MUST(vine_proc_find(s, GPU_SOFT, "noop", &o.proc) == 0);
		MUST(vine_task_issue_opts(&o, &task) == 0);
		status = status_of(task);
		MUST(status == VINE_STATUS_OK ||
		     status == VINE_STATUS_APPLIANCE_LOST);
		vine_task_free(task);
		vine_session_close(s);
	}
	return NULL;
}

START_TEST(calls_in_progress_come_back_with_their_result)
{
	static void *(*const calls[])(void *arg) = {
		call_memory, call_accels, call_procs, call_sessions,
	};
	enum { N = sizeof(calls) / sizeof(calls[0]) };
	struct segment_use before;
	struct segment_view view;
	struct vine_session *s;
	pthread_t threads[N];
	uint64_t seed = (uint64_t)getpid();

	start("calls", "shm_size 32M\n");
	segment_map(&appliance, &view);
	before = segment_count(&view);
	s = attach_with("60s", "recycle_size 0\n");
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, calls[i],
						s), 0);
	for (int i = 0; i < 15; i++) {
		appliance_nap((long)(random_of(&seed) % 40));
		restart_roughly(random_of(&seed));
	}
	calls_stop = 1;
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	vine_session_close(s);
	segment_settles(&view, &before);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- waits --------------------------------------------------------------- */

static struct {
	struct vine_session *s;
	struct slot one, set[3];
	_Atomic int ready;
} with;

/* Issue a task that takes long on `slot`. */
static void
issue_long(struct vine_session *s, struct slot *slot, uint32_t ms,
	   uint32_t flags)
{
	struct vine_task_opts o = opts_of(s, "tally");

	if (slot->data == NULL)
		MUST(vine_data_alloc_in(s, sizeof(struct tally), 64,
					&slot->data) == 0);
	memset(vine_data_deref(slot->data), 0, sizeof(struct tally));
	slot->order = (struct order){ ms * 1000, 7 };
	slot->out = vine_slice_all(slot->data);
	o.out = &slot->out;
	o.out_count = 1;
	o.args = &slot->order;
	o.args_size = sizeof(slot->order);
	o.flags = flags;
	MUST(vine_task_issue_opts(&o, &slot->task) == 0);
}

/* What this thread has issued was taken: its queue is served in order. */
static void
taken(struct vine_session *s)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task;

	MUST(vine_accel_find(s, GPU_SOFT, "noop", &o.accel) == 0);
	MUST(vine_proc_find(s, GPU_SOFT, "noop", &o.proc) == 0);
	MUST(vine_task_issue_opts(&o, &task) == 0);
	MUST(status_of(task) == VINE_STATUS_OK);
	vine_task_free(task);
}

static void *
wait_one(void *arg)
{
	(void)arg;
	with.ready++;
	ck_assert_int_eq(status_of(with.one.task), VINE_STATUS_APPLIANCE_LOST);
	return NULL;
}

static void *
wait_any(void *arg)
{
	vine_task *tasks[3];
	size_t i = 3;

	(void)arg;
	for (int n = 0; n < 3; n++)
		tasks[n] = with.set[n].task;
	with.ready++;
	ck_assert_int_eq(vine_task_wait_any(tasks, 3, PATIENCE, &i), 0);
	ck_assert_int_eq(status_of(tasks[i]), VINE_STATUS_APPLIANCE_LOST);
	ck_assert_int_eq(vine_task_wait_all(tasks, 3, PATIENCE), 0);
	return NULL;
}

/* More than a queue has slots and places, while nobody takes them. */
static void *
fill_queue(void *arg)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	static vine_task *tasks[1000];

	(void)arg;
	MUST(vine_accel_find(with.s, GPU_SOFT, "noop", &o.accel) == 0);
	MUST(vine_proc_find(with.s, GPU_SOFT, "noop", &o.proc) == 0);
	MUST(vine_task_issue_opts(&o, &tasks[0]) == 0);
	ck_assert_int_eq(status_of(tasks[0]), VINE_STATUS_OK);
	with.ready++;
	while (with.ready != 100)
		appliance_nap(1);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &tasks[i]), 0);
	for (int i = 0; i < 1000; i++)	/* all came after the kill */
		ck_assert_int_eq(status_of(tasks[i]), VINE_STATUS_OK);
	return NULL;
}

START_TEST(waits_go_on_and_what_was_not_taken_is_carried_out)
{
	pthread_t threads[4];

	start("waits", "shm_size 8M\n");
	with.s = attach();
	issue_long(with.s, &with.one, 600000, 0);
	for (int i = 0; i < 3; i++)
		issue_long(with.s, &with.set[i], 600000, 0);
	taken(with.s);
	pthread_create(&threads[0], NULL, wait_one, NULL);
	pthread_create(&threads[1], NULL, wait_one, NULL);
	pthread_create(&threads[2], NULL, wait_any, NULL);
	pthread_create(&threads[3], NULL, fill_queue, NULL);
	while (with.ready < 4)
		appliance_nap(2);
	appliance_nap(200);	/* and asleep */
	kill_it();
	with.ready = 100;
	appliance_nap(1500);	/* longer than the naps of a wait */
	appliance_run(&appliance);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	vine_session_close(with.s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(the_descriptor_stays_quiet_while_vined_is_away)
{
	struct pollfd p = { .events = POLLIN };
	struct slot slot = { 0 };
	struct vine_session *s;
	struct timespec from, to;
	const struct tally *t;

	start("fd", "shm_size 8M\n");
	s = attach();
	ck_assert_int_eq(vine_session_fd(s, &p.fd), 0);
	issue_long(s, &slot, 600000, 0);
	t = vine_data_deref(slot.data);
	while (__atomic_load_n(&t->count, __ATOMIC_ACQUIRE) == 0)
		appliance_nap(1);	/* it has not begun */
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	kill_it();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	ck_assert_int_eq(poll(&p, 1, 2500), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_msg((to.tv_sec - from.tv_sec) * 1000 +
		      (to.tv_nsec - from.tv_nsec) / 1000000 < 500,
		      "the watch spins");
	appliance_run(&appliance);
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	ck_assert_int_eq(vine_session_reap(s), 1);
	ck_assert_int_eq(status_of(slot.task), VINE_STATUS_APPLIANCE_LOST);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- what a session has -------------------------------------------------- */

START_TEST(handles_data_and_code_are_valid_afterwards)
{
	static const char code[] = "not what a kernel looks like";
	static const char other[sizeof(code)] = "something else";
	struct vine_task_opts o;
	struct slot slot = { 0 };
	struct vine_session *s;
	vine_accel *v[4];
	vine_proc *mine, *again;
	vine_data *data;
	uint8_t *bytes;

	start("handles", "shm_size 8M\n");
	s = attach();
	o = opts_of(s, "tally");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(vine_accel_open(o.accel, i - 2, &v[i]), 0);
	ck_assert_int_eq(vine_accel_close(v[1]), 0);
	ck_assert_int_eq(vine_proc_add(s, CPU, "mine", code, sizeof(code),
				       &mine), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 1 << 20, 0, &data), 0);
	bytes = vine_data_deref(data);
	for (int i = 0; i < 1 << 20; i++)
		bytes[i] = (uint8_t)(i * 31);
	issue_long(s, &slot, 1, 0);
	ck_assert_int_eq(status_of(slot.task), VINE_STATUS_OK);
	for (int n = 0; n < 3; n++) {
		restart();
		for (int i = 0; i < 1 << 20; i++)
			ck_assert(bytes[i] == (uint8_t)(i * 31));
		issue_long(s, &slot, 1, 0);
		ck_assert_int_eq(status_of(slot.task), VINE_STATUS_OK);
		o.out = &slot.out;
		o.out_count = 1;
		o.args = &slot.order;
		o.args_size = sizeof(slot.order);
		o.accel = v[n + (n > 0)];	/* not v[1] */
		ck_assert_int_eq(vine_task_issue_opts(&o, &slot.task), 0);
		ck_assert_int_eq(status_of(slot.task), VINE_STATUS_OK);
		/* its code is stored, not run: decisions/0008 */
		o.proc = mine;
		ck_assert_int_eq(vine_task_issue_opts(&o, &slot.task), 0);
		ck_assert_int_eq(status_of(slot.task), VINE_STATUS_REFUSED);
		o = opts_of(s, "tally");
		/* it is compared with what was kept */
		ck_assert_int_eq(vine_proc_add(s, CPU, "mine", code,
					       sizeof(code), &again), 0);
		ck_assert_ptr_eq(again, mine);
		ck_assert_int_eq(vine_proc_add(s, CPU, "mine", other,
					       sizeof(code), &again), -EEXIST);
	}
	for (int i = 0; i < 4; i++)
		if (i != 1)
			ck_assert_int_eq(vine_accel_close(v[i]), 0);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Code that the operator lets applications bring is built again. */
START_TEST(code_of_applications_runs_afterwards)
{
	static char code[1 << 20];
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], object[256], text[2048];
	struct vine_task_opts o;
	struct vine_session *s;
	struct vine_task_result r = { .size = sizeof(r) };
	FILE *file;
	size_t size;

	appliance_path(source, sizeof(source), "own.c");
	appliance_path(object, sizeof(object), "own.so");
	appliance_write(source,
		"#include <vine/kernel.h>\n"
		"static int own(struct vine_kernel_call *call)\n"
		"{\n"
		"	call->value = 4711;\n"
		"	return 0;\n"
		"}\n"
		"static const struct vine_kernel k = { \"own\", own, 0, 0 };\n"
		"const struct vine_kernel_table vine_kernels =\n"
		"	{ VINE_KERNEL_ABI, 1, &k };\n");
	snprintf(text, sizeof(text), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(text), 0);
	file = fopen(object, "r");
	ck_assert_ptr_nonnull(file);
	size = fread(code, 1, sizeof(code), file);
	fclose(file);
	start("own", "shm_size 8M\ncpu_app_code 1\n");
	s = attach();
	o = opts_of(s, "tally");
	ck_assert_int_eq(vine_proc_add(s, CPU, "own", code, size, &o.proc), 0);
	for (int i = 0; i < 3; i++) {
		vine_task *task;

		ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
		ck_assert_int_eq(status_of(task), VINE_STATUS_OK);
		ck_assert_int_eq(vine_task_result(task, &r), 0);
		ck_assert_uint_eq(r.value, 4711);
		vine_task_free(task);
		restart();
	}
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(tasks_that_may_be_run_again_are)
{
	struct slot often[8] = { 0 }, once[8] = { 0 };
	struct vine_session *s;

	start("again", "shm_size 8M\n");
	s = attach();
	for (int i = 0; i < 8; i++) {
		issue_long(s, &often[i], 150, VINE_TASK_IDEMPOTENT);
		issue_long(s, &once[i], 600000, 0);
	}
	taken(s);
	for (int i = 0; i < 3; i++) {
		appliance_nap(100);
		restart();
	}
	for (int i = 0; i < 8; i++) {
		const struct tally *t = vine_data_deref(often[i].data);

		ck_assert_int_eq(status_of(often[i].task), VINE_STATUS_OK);
		ck_assert_uint_eq(t->mark, ~UINT64_C(7));
		ck_assert_int_eq(status_of(once[i].task),
				 VINE_STATUS_APPLIANCE_LOST);
	}
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- what does not go on ------------------------------------------------- */

START_TEST(an_orderly_end_is_the_sessions_end_at_once)
{
	struct vine_session *s;
	int64_t begin;

	start("orderly", "shm_size 4M\n");
	s = attach();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	begin = appliance_now();
	while (vine_session_reap(s) != -ECONNRESET)
		appliance_nap(5);
	ck_assert_int_lt(appliance_now() - begin, 20000);
	vine_session_close(s);
}
END_TEST

START_TEST(who_waits_long_enough_has_lost_its_appliance)
{
	struct slot slot = { 0 };
	struct vine_session *s;
	int64_t begin;

	start("patience", "shm_size 8M\n");
	s = attach_with("700ms", "");
	issue_long(s, &slot, 600000, 0);
	taken(s);
	kill_it();
	begin = appliance_now();
	ck_assert_int_eq(status_of(slot.task), VINE_STATUS_APPLIANCE_LOST);
	ck_assert_int_ge(appliance_now() - begin, 700);
	ck_assert_int_eq(vine_session_reap(s), -ECONNRESET);
	vine_session_close(s);
}
END_TEST

/* The keep of this segment. */
static void
keep_path(char *path, size_t size)
{
	struct dirent *e;
	DIR *dir = opendir(appliance_state_dir());

	path[0] = '\0';
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, appliance.name,
			    strlen(appliance.name)) == 0)
			snprintf(path, size, "%s/%s", appliance_state_dir(),
				 e->d_name);
	closedir(dir);
	ck_assert_msg(path[0], "there is no keep of %s", appliance.name);
}

START_TEST(without_the_keep_sessions_are_lost_and_the_next_ones_served)
{
	struct slot slot = { 0 };
	struct vine_session *s, *next;
	char path[512];
	uint64_t word;
	int fd;

	start("stale", "shm_size 8M\n");
	for (int i = 0; i < 3; i++) {
		memset(&slot, 0, sizeof(slot));
		s = attach();
		issue_long(s, &slot, 600000, 0);
		taken(s);
		kill_it();
		keep_path(path, sizeof(path));
		fd = open(path, O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		/* incarnation; size; all of it */
		if (i == 0) {
			ck_assert_int_eq(pread(fd, &word, 8, 32), 8);
			word++;
			ck_assert_int_eq(pwrite(fd, &word, 8, 32), 8);
		} else if (i == 1) {
			ck_assert_int_eq(ftruncate(fd, 8192), 0);
		} else {
			unlink(path);
		}
		close(fd);
		appliance_run(&appliance);
		ck_assert_int_eq(status_of(slot.task),
				 VINE_STATUS_SESSION_LOST);
		next = attach();
		memset(&slot, 0, sizeof(slot));
		issue_long(next, &slot, 1, 0);
		ck_assert_int_eq(status_of(slot.task), VINE_STATUS_OK);
		vine_session_close(next);
		vine_session_close(s);
	}
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(what_died_while_vined_was_away_is_taken_back)
{
	struct segment_use before;
	struct segment_view view;
	char byte;
	int fds[2];
	pid_t pid;

	start("ghost", "shm_size 8M\n");
	segment_map(&appliance, &view);
	before = segment_count(&view);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct vine_session *s = attach();
		struct slot slot = { 0 };
		vine_accel *v;
		vine_proc *p;

		MUST(vine_accel_open(opts_of(s, "tally").accel, 0, &v) == 0);
		MUST(vine_proc_add(s, CPU, "its", "code", 4, &p) == 0);
		issue_long(s, &slot, 600000, VINE_TASK_IDEMPOTENT);
		MUST(write(fds[1], "", 1) == 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq((int)read(fds[0], &byte, 1), 1);
	kill_it();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	appliance_run(&appliance);
	segment_settles(&view, &before);
	/* the task that was run again takes long */
	appliance_stop(&appliance, SIGKILL);
}
END_TEST

static void
set_workers(int workers)
{
	char text[1024];

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\nworkers %d\n"
		 "state_dir %s\nshm_size 8M\n", appliance.name, workers,
		 appliance_state_dir());
	appliance_write(appliance.config, text);
}

static void *
run_noops(void *arg)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_session *s = arg;
	vine_task *task;

	MUST(vine_accel_find(s, GPU_SOFT, "noop", &o.accel) == 0);
	MUST(vine_proc_find(s, GPU_SOFT, "noop", &o.proc) == 0);
	for (int round = 0; round < 2; round++) {
		while (with.ready < round * 100)
			appliance_nap(1);
		MUST(vine_task_issue_opts(&o, &task) == 0);
		MUST(status_of(task) == VINE_STATUS_OK);
		vine_task_free(task);
		with.ready++;
	}
	return NULL;
}

/* A queue belongs to one worker for life, also beyond that of vined. */
START_TEST(fewer_workers_become_as_many_as_there_were)
{
	struct vine_session *s;
	pthread_t threads[6];

	appliance_plan(&appliance, "fewer", "");
	set_workers(4);
	appliance_run(&appliance);
	s = attach();
	for (int i = 0; i < 6; i++)
		pthread_create(&threads[i], NULL, run_noops, s);
	while (with.ready < 6)
		appliance_nap(1);
	kill_it();
	set_workers(1);
	appliance_run(&appliance);
	ck_assert(appliance_logged(&appliance, 0, "as many are started"));
	with.ready = 100;
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("restart");

	tcase_add_test(tcase, work_goes_on_over_restarts_at_any_instant);
	tcase_add_test(tcase, calls_in_progress_come_back_with_their_result);
	tcase_add_test(tcase,
		waits_go_on_and_what_was_not_taken_is_carried_out);
	tcase_add_test(tcase, the_descriptor_stays_quiet_while_vined_is_away);
	tcase_add_test(tcase, handles_data_and_code_are_valid_afterwards);
	tcase_add_test(tcase, code_of_applications_runs_afterwards);
	tcase_add_test(tcase, tasks_that_may_be_run_again_are);
	tcase_add_test(tcase, an_orderly_end_is_the_sessions_end_at_once);
	tcase_add_test(tcase, who_waits_long_enough_has_lost_its_appliance);
	tcase_add_test(tcase,
		without_the_keep_sessions_are_lost_and_the_next_ones_served);
	tcase_add_test(tcase, what_died_while_vined_was_away_is_taken_back);
	tcase_add_test(tcase, fewer_workers_become_as_many_as_there_were);
	return appliance_main("restart", tcase);
}
