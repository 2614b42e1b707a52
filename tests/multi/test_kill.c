/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Death at every instant. Applications are killed at each stop of what they do,
 * so many system calls and instructions behind it (by ptrace), and at random;
 * threads end without cleaning; vined is killed while it starts and serves.
 * Meanwhile two applications work, one on the same segment and one on that of
 * another tenant, and look at every byte: none is wrong, nothing hangs, and
 * afterwards nothing of the dead is left.
 *
 * VINE_TEST_SECONDS (any) asks for 10,000 kills, VINE_TEST_SEED says where to
 * begin. It prints how many there were.
 *
 * ctest: soak=1800
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ptrace.h>

#include <vine/vine.h>

#include "segment_view.h"
#include "utils/utils_log.h"

enum { BYTES = 64 * 1024, DEEP = 8 };

/* What one that works on tells, in memory of both processes. */
struct tally {
	_Atomic uint64_t rounds;	/* verified */
	_Atomic uint64_t wrong;		/* bytes */
	_Atomic uint64_t failed;	/* tasks and calls */
	_Atomic uint64_t opened;	/* sessions */
	_Atomic int stop;
};

static struct appliance appliance, other;
static struct segment_view view;
static uint64_t seed;

static uint64_t
draw(uint64_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % bound;
}

/* How many kills a case makes of which `few` are enough for CI. */
static int
kills(int few)
{
	const char *text = getenv("VINE_TEST_SEED");

	seed = text ? strtoull(text, NULL, 0) | 1 :
		(uint64_t)appliance_now() << 16 | 1;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);		/* not once more by each child */
	return getenv("VINE_TEST_SECONDS") ? few * 50 : few;
}

static int
open_on(const char *segment, struct vine_session **s)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.attach_timeout = INT64_C(30000000000) };

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n", segment);
	return vine_session_open(&o, s);
}

/* --- who works on ------------------------------------------------------- */

struct worker {
	struct vine_session *s;
	struct vine_task_opts copy;
	vine_data *from, *to;
	struct vine_slice in, out;
};

static int
worker_open(struct worker *w, const char *segment)
{
	int rc = open_on(segment, &w->s);

	if (rc)
		return rc;
	w->copy = (struct vine_task_opts){ .size = sizeof(w->copy),
		.in = &w->in, .in_count = 1, .out = &w->out, .out_count = 1 };
	rc = vine_accel_find(w->s, CPU, "cpu0", &w->copy.accel);
	if (rc == 0)
		rc = vine_proc_find(w->s, CPU, "copy", &w->copy.proc);
	if (rc == 0)
		rc = vine_data_alloc_in(w->s, BYTES, 0, &w->from);
	if (rc == 0)
		rc = vine_data_alloc_in(w->s, BYTES, 0, &w->to);
	if (rc) {
		vine_session_close(w->s);
		return rc;
	}
	w->in = vine_slice_all(w->from);
	w->out = vine_slice_all(w->to);
	return 0;
}

/* One task. Returns 0 if its status is OK; every byte is looked at then. */
static int
worker_round(struct worker *w, struct tally *tally)
{
	struct vine_task_result r = { .size = sizeof(r) };
	uint64_t *from = vine_data_deref(w->from), *to = vine_data_deref(w->to);
	uint64_t n = tally->rounds + 1, wrong = 0;
	vine_task *task;
	int rc;

	for (size_t i = 0; i < BYTES / 8; i++)
		from[i] = n * UINT64_C(0x9e3779b97f4a7c15) + i;
	rc = vine_task_issue_opts(&w->copy, &task);
	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_FOREVER);
	vine_task_result(task, &r);
	vine_task_free(task);
	if (rc || r.status != VINE_STATUS_OK)
		return rc ? rc : -EIO;
	for (size_t i = 0; i < BYTES / 8; i++)
		wrong += from[i] != n * UINT64_C(0x9e3779b97f4a7c15) + i ||
			to[i] != from[i];
	tally->wrong += wrong * 8;
	tally->rounds++;
	return 0;
}

static void
say_nothing(enum utils_log_level level, const char *text, void *user)
{
	(void)level, (void)text, (void)user;
}

/* Works until it is told to stop; a session that is lost is opened anew. */
static void
work(const char *segment, struct tally *tally)
{
	struct worker w;

	while (!tally->stop) {
		int rc = worker_open(&w, segment);

		tally->opened += rc == 0;
		tally->failed += rc != 0;
		if (rc)
			continue;
		while (rc == 0 && !tally->stop)
			rc = worker_round(&w, tally);
		tally->failed += rc != 0;
		vine_session_close(w.s);
	}
}

static struct tally *
start_worker(const char *segment, pid_t *pid)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid();

	ck_assert_ptr_ne(tally, MAP_FAILED);
	*pid = fork();
	ck_assert_int_ge(*pid, 0);
	if (*pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		utils_log_set(UTILS_LOG_ERROR, say_nothing, NULL);
		if (getppid() == parent)
			work(segment, tally);
		_exit(0);
	}
	return tally;
}

/* It goes on: so many rounds more. */
static void
works_on(const struct tally *tally, uint64_t more)
{
	int64_t end = appliance_now() + 2 * APPLIANCE_PATIENCE_MS;
	uint64_t rounds = tally->rounds + more;

	while (tally->rounds < rounds) {
		ck_assert_msg(appliance_now() < end,
			      "a worker hangs after %llu rounds",
			      (unsigned long long)tally->rounds);
		appliance_nap(1);
	}
}

static void
stop_worker(struct tally *tally, pid_t pid)
{
	int64_t end = appliance_now() + 2 * APPLIANCE_PATIENCE_MS;
	int status;

	tally->stop = 1;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		ck_assert_msg(appliance_now() < end, "a worker does not end");
		appliance_nap(1);
	}
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(tally->wrong, 0);
}

/* --- who is killed ------------------------------------------------------ */

/* Where a victim stops to be looked at: it is about to do that. */
#define STOPS(X) \
	X(attach) X(find) X(open) X(add) X(alloc) X(issue) X(wait) X(batch) \
	X(reap) X(free) X(cancel) X(release) X(thread) X(close) X(leave)

enum stop {
#define X(name) STOP_##name,
	STOPS(X)
#undef X
	STOP_COUNT
};

static const char *const stop_names[] = {
#define X(name) #name,
	STOPS(X)
#undef X
};

static int traced;

static void
stop_at(enum stop stop)
{
	(void)stop;	/* they come in their order */
	if (traced)
		raise(SIGUSR1);
}

static void *
issue_and_end(void *arg)
{
	struct vine_task_opts *o = arg;
	vine_task *task;

	for (int i = 0; i < DEEP; i++)
		(void)!vine_task_issue_opts(o, &task);
	return NULL;
}

struct victim {
	struct worker w;
	struct vine_task_opts o;	/* on an accelerator of its own */
	struct vine_slice outs[2 * DEEP];	/* a task writes one */
	vine_accel *mine;
	vine_proc *added;
	vine_task *tasks[2 * DEEP];
};

/* Everything that a session can have, once. Returns 0, or what went wrong. */
static int
victim_begin(struct victim *v, const char *segment)
{
	char name[32];
	int rc;

	stop_at(STOP_attach);
	rc = open_on(segment, &v->w.s);
	stop_at(STOP_find);
	v->o = (struct vine_task_opts){ .size = sizeof(v->o), .in = &v->w.in,
		.in_count = 1, .out = &v->w.out, .out_count = 1 };
	if (rc == 0)
		rc = vine_accel_find(v->w.s, CPU, "cpu0", &v->o.accel);
	if (rc == 0)
		rc = vine_proc_find(v->w.s, CPU, "copy", &v->o.proc);
	stop_at(STOP_open);
	if (rc == 0)
		rc = vine_accel_open(v->o.accel, 0, &v->mine);
	stop_at(STOP_add);
	snprintf(name, sizeof(name), "of %d", (int)getpid());
	if (rc == 0)
		rc = vine_proc_add(v->w.s, CPU, name, name, sizeof(name),
				   &v->added);
	return rc;
}

static int
victim_work(struct victim *v)
{
	struct vine_task_opts batch[DEEP];
	int rc;

	stop_at(STOP_alloc);
	rc = vine_data_alloc_in(v->w.s, BYTES, 0, &v->w.from);
	if (rc == 0)
		rc = vine_data_alloc_in(v->w.s, BYTES, 0, &v->w.to);
	if (rc)
		return rc;
	/* a late write of a dead one's task would be seen */
	memset(vine_data_deref(v->w.from), 0xee, BYTES);
	v->w.in = vine_slice_all(v->w.from);
	v->w.in.length = BYTES / (2 * DEEP);
	v->o.accel = v->mine;
	for (int i = 0; i < 2 * DEEP && rc == 0; i++)
		rc = vine_slice_of(v->w.to, i * v->w.in.length, v->w.in.length,
				   &v->outs[i]);
	for (int i = 0; i < DEEP; i++) {
		batch[i] = v->o;
		batch[i].out = &v->outs[DEEP + i];
	}
	stop_at(STOP_issue);
	for (int i = 0; i < DEEP && rc == 0; i++) {
		v->o.out = &v->outs[i];
		rc = vine_task_issue_opts(&v->o, &v->tasks[i]);
	}
	stop_at(STOP_wait);
	if (rc == 0)
		rc = vine_task_wait_for(v->tasks[DEEP - 1], VINE_FOREVER);
	stop_at(STOP_batch);
	if (rc == 0 && vine_task_issue_batch(batch, DEEP, v->tasks + DEEP) !=
	    DEEP)
		rc = -EIO;
	stop_at(STOP_reap);
	if (rc == 0)
		rc = vine_session_reap(v->w.s);
	stop_at(STOP_free);
	for (int i = 0; i < DEEP && rc >= 0; i++)
		vine_task_free(v->tasks[i]);
	stop_at(STOP_cancel);
	for (int i = DEEP; i < 2 * DEEP && rc >= 0; i++) {
		(void)!vine_task_cancel(v->tasks[i]);
		vine_task_free(v->tasks[i]);
	}
	stop_at(STOP_release);
	vine_data_free(v->w.from);
	vine_data_free(v->w.to);
	return rc < 0 ? rc : 0;
}

/* Tasks of threads that nobody waits for: many at a time, none writes. */
static int
only_reads(struct victim *v)
{
	v->o.out_count = 0;
	return vine_proc_find(v->w.s, CPU, "crc32c", &v->o.proc);
}

static int
victim_end(struct victim *v)
{
	pthread_t thread;
	int rc;

	rc = vine_data_alloc_in(v->w.s, BYTES, 0, &v->w.from);
	if (rc)
		return rc;
	v->w.in = vine_slice_all(v->w.from);
	rc = only_reads(v);
	if (rc)
		return rc;
	stop_at(STOP_thread);
	if (pthread_create(&thread, NULL, issue_and_end, &v->o) != 0)
		return -EAGAIN;
	pthread_join(thread, NULL);
	stop_at(STOP_close);
	vine_session_close(v->w.s);
	stop_at(STOP_leave);
	return 0;
}

static void
victim(const char *segment)
{
	static struct victim v;
	int rc = victim_begin(&v, segment);

	do {
		if (rc == 0)
			rc = victim_work(&v);
	} while (rc == 0 && !traced);
	if (rc == 0)
		rc = victim_end(&v);
	if (rc)
		fprintf(stderr, "one to be killed: %s\n", strerror(-rc));
	exit(rc != 0);
}

static pid_t
start_victim(int with_ptrace)
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	traced = with_ptrace;
	if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	victim(appliance.name);
	_exit(0);
}

static void
must_end(pid_t pid, int status)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* One ptrace request; returns the signal it stopped by, 0 if it has ended. */
static int
go(pid_t pid, int request, int *status)
{
	if (ptrace(request, pid, NULL, NULL) != 0)
		return 0;
	ck_assert_int_eq(waitpid(pid, status, 0), pid);
	return WIFSTOPPED(*status) ? WSTOPSIG(*status) : 0;
}

/*
 * Let a victim go to a stop, then over `calls` system calls, then `steps`
 * instructions, then kill it. Returns 0 where ptrace is forbidden.
 */
static int
kill_at(enum stop stop, uint64_t calls, uint64_t steps)
{
	pid_t pid = start_victim(1);
	int status, sig;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return 0;
	for (int i = 0; i < (int)stop; i++)
		if (go(pid, PTRACE_CONT, &status) != SIGUSR1)
			ck_abort_msg("a victim ended with %#x before stop %s",
				     status, stop_names[stop]);
	ck_assert_msg(WIFSTOPPED(status), "a victim ended with %#x", status);
	sig = SIGTRAP;
	while (calls-- > 0 && sig == SIGTRAP)
		sig = go(pid, PTRACE_SYSCALL, &status);
	while (steps-- > 0 && sig == SIGTRAP)
		sig = go(pid, PTRACE_SINGLESTEP, &status);
	if (sig)
		must_end(pid, status);
	return 1;
}

/* --- applications ------------------------------------------------------- */

static struct {
	struct tally *here, *there;
	pid_t pids[2];
	struct segment_use before;
	int64_t longest;	/* ms until nothing was left */
} rest;

/* A vined with two segments, a worker on each. */
static void
begin(const char *tag, const char *another)
{
	char *argv[] = { "vined", "--config", appliance.config, "-c",
		other.config, NULL };

	appliance_plan(&other, another, "shm_size 8M\n");
	appliance_plan(&appliance, tag, "shm_size 512M\n");
	appliance_spawn(&appliance, argv);
	appliance_await(&appliance, 0, other.name);
	segment_map(&appliance, &view);
	rest.here = start_worker(appliance.name, &rest.pids[0]);
	rest.there = start_worker(other.name, &rest.pids[1]);
	works_on(rest.here, 10);
	works_on(rest.there, 10);
	rest.before = segment_count(&view);
}

/* What died has left nothing; who works saw nothing. */
static void
nothing_is_left(void)
{
	int64_t begin;

	works_on(rest.here, 10);
	works_on(rest.there, 10);
	begin = appliance_now();
	segment_settles(&view, &rest.before);
	begin = appliance_now() - begin;
	if (rest.longest < begin)
		rest.longest = begin;
	ck_assert_uint_eq(rest.here->wrong + rest.there->wrong, 0);
	ck_assert_uint_eq(rest.here->failed + rest.there->failed, 0);
}

static void
finish(int killed)
{
	struct segment_use none = { 0 };

	nothing_is_left();
	stop_worker(rest.here, rest.pids[0]);
	stop_worker(rest.there, rest.pids[1]);
	none.procs = rest.before.procs;
	none.vaccels = rest.before.vaccels;
	segment_settles(&view, &none);
	printf("%d kills, %llu and %llu tasks verified meanwhile, all taken "
	       "back within %lld ms\n", killed,
	       (unsigned long long)rest.here->rounds,
	       (unsigned long long)rest.there->rounds,
	       (long long)rest.longest);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

START_TEST(applications_killed_at_every_stop_leave_nothing_behind)
{
	int n = kills(8 * STOP_COUNT);

	begin("stops", "stops2");
	for (int i = 0; i < n; i++) {
		/* the first at the stop itself, then ever further behind it;
		 * an attach has about 80 calls, an issue 1,000 instructions */
		uint64_t far = (uint64_t)i / STOP_COUNT;
		uint64_t calls = far ? draw(far < 8 ? 10 * far : 80) : 0;

		if (!kill_at(i % STOP_COUNT, calls, far ? draw(1500) : 0)) {
			fprintf(stderr, "left out: ptrace is forbidden\n");
			n = i;
		}
		if (i % 64 == 63)
			nothing_is_left();
	}
	finish(n);
}
END_TEST

START_TEST(applications_killed_at_random_leave_nothing_behind)
{
	int n = kills(80);

	begin("random", "random2");
	for (int i = 0; i < n; i++) {
		struct timespec pause = { 0, (long)draw(8000000) };
		pid_t pid = start_victim(0);

		nanosleep(&pause, NULL);
		must_end(pid, 0);
		if (i % 64 == 63)
			nothing_is_left();
	}
	finish(n);
}
END_TEST

/* --- threads ------------------------------------------------------------ */

static void *
end_with_all_that_it_has(void *arg)
{
	static _Atomic unsigned int ends;
	struct victim *v = arg;
	vine_data *data;

	issue_and_end(&v->o);
	for (size_t size = 100; size < 100000; size *= 10)
		(void)!vine_data_alloc_in(v->w.s, size, 0, &data);
	if (ends++ & 1)
		pthread_exit(NULL);
	return NULL;
}

START_TEST(threads_that_end_without_cleaning_leave_no_queue_behind)
{
	static struct victim v;
	struct segment_use with_one;
	struct segment_use now;
	pthread_t threads[4];
	int n = kills(50);
	int64_t end;

	appliance_start(&appliance, "threads", "shm_size 64M\n");
	segment_map(&appliance, &view);
	ck_assert_int_eq(worker_open(&v.w, appliance.name), 0);
	v.o = v.w.copy;
	ck_assert_int_eq(only_reads(&v), 0);
	ck_assert_int_eq(vine_task_issue_opts(&v.o, &v.tasks[0]), 0);
	ck_assert_int_eq(vine_task_wait_for(v.tasks[0], VINE_FOREVER), 0);
	with_one = segment_count(&view);
	for (int i = 0; i < n; i++) {
		for (int j = 0; j < 4; j++)
			ck_assert_int_eq(pthread_create(&threads[j], NULL,
				end_with_all_that_it_has, &v), 0);
		for (int j = 0; j < 4; j++)
			pthread_join(threads[j], NULL);
	}
	/* queues are used again: as many as threads lived at a time */
	end = appliance_now() + APPLIANCE_PATIENCE_MS;
	do
		now = segment_count(&view);
	while (now.queues > with_one.queues + 4 && appliance_now() < end);
	ck_assert_uint_le(now.queues, with_one.queues + 4);
	ck_assert_int_eq(vine_task_issue_opts(&v.o, &v.tasks[0]), 0);
	ck_assert_int_eq(vine_task_wait_for(v.tasks[0], VINE_FOREVER), 0);
	vine_session_close(v.w.s);
	with_one = (struct segment_use){ .procs = now.procs,
		.vaccels = now.vaccels };
	segment_settles(&view, &with_one);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- vined -------------------------------------------------------------- */

/* Killed while it starts, or while it serves; then started once more. */
static void
kill_vined(int while_it_starts)
{
	char *argv[] = { "vined", "--config", appliance.config, NULL };
	struct timespec pause = { 0, 0 };

	if (while_it_starts) {
		pause.tv_nsec = (long)draw(15000000);
		appliance_stop(&appliance, SIGKILL);
		appliance_spawn(&appliance, argv);
	} else {
		pause.tv_nsec = (long)draw(3000000);
	}
	nanosleep(&pause, NULL);
	appliance_stop(&appliance, SIGKILL);
	unlink(appliance.log);
	appliance_run(&appliance);
}

START_TEST(vined_killed_again_and_again_loses_no_byte_and_nobody_hangs)
{
	struct segment_use none = { 0 };
	int n = kills(50);
	struct tally *tally[2];
	pid_t pids[2];

	appliance_start(&appliance, "vined", "shm_size 64M\n");
	for (int i = 0; i < 2; i++)
		tally[i] = start_worker(appliance.name, &pids[i]);
	for (int i = 0; i < n; i++) {
		works_on(tally[i % 2], 1 + draw(20));
		kill_vined(i % 3 == 2);
	}
	for (int i = 0; i < 2; i++) {
		works_on(tally[i], 10);
		ck_assert_uint_ge(tally[i]->opened, 1);
		stop_worker(tally[i], pids[i]);
	}
	segment_map(&appliance, &view);
	none.procs = segment_count(&view).procs;
	none.vaccels = segment_count(&view).vaccels;
	segment_settles(&view, &none);
	printf("vined killed %d times, %llu tasks verified in %llu sessions\n",
	       n, (unsigned long long)(tally[0]->rounds + tally[1]->rounds),
	       (unsigned long long)(tally[0]->opened + tally[1]->opened));
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("kill");

	tcase_add_test(tcase,
		applications_killed_at_every_stop_leave_nothing_behind);
	tcase_add_test(tcase, applications_killed_at_random_leave_nothing_behind);
	tcase_add_test(tcase,
		threads_that_end_without_cleaning_leave_no_queue_behind);
	tcase_add_test(tcase,
		vined_killed_again_and_again_loses_no_byte_and_nobody_hangs);
	return appliance_main("kill", tcase);
}
