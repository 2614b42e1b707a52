/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stress of falling asleep and waking: processes with threads that issue, pause
 * for about as long as either side looks before it sleeps, and wait in every
 * way there is, on a real vined. No completion may be lost and none may come
 * twice; the appliance's own count must agree. It prints what it saw.
 *
 * VINE_TEST_SECONDS says how long, VINE_TEST_SEED where to begin.
 *
 * ctest: label=slow soak=600
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include <vine/vine.h>

#include "arch/spin/arch_ladder.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "segment_view.h"
#include "utils/utils_log.h"

enum { PROCESSES = 2, THREADS = 3, BATCH = 8 };
#define PATIENCE_NS (2 * APPLIANCE_PATIENCE_MS * INT64_C(1000000))

/* What a process reports. */
struct tally {
	uint64_t issued;
	uint64_t done;
	uint64_t twice;		/* callbacks too many, stray completions */
	uint64_t failed;	/* completed, but not well */
	uint64_t lost;		/* not completed within PATIENCE_NS */
	uint64_t sleeps;	/* times its threads said that they sleep */
	uint64_t late;		/* completions found without a bell */
	uint64_t longest_us;	/* a single wait */
	uint64_t ended;
};

struct thread {
	pthread_t id;
	uint64_t seed;
	struct vine_task_opts noop, held;
	struct tally tally;
	_Atomic(vine_task *) handed;	/* for the next thread to wait for */
	struct thread *next;
};

static struct appliance appliance;
static struct segment_view view;
static struct thread threads[THREADS];
static struct vine_session *session;
static _Atomic uint64_t strays;
static _Atomic int over;
static int64_t until;

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t
draw(struct thread *t, uint64_t bound)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed % bound;
}

/* --- pauses --------------------------------------------------------------- */

static void
spin_for(uint64_t ns)
{
	uint64_t end = utils_clock_ns() + ns;

	while (utils_clock_ns() < end)
		arch_pause();
}

static void
sleep_for(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000),
			      (long)(ns % 1000000000) };

	nanosleep(&t, NULL);
}

/* Around what a side looks for, what a wake costs, and what a sleep lasts. */
static void
pause_a_while(struct thread *t)
{
	uint64_t wake = arch_ladder_wake_ns(), kind = draw(t, 1024);

	if (kind < 256)
		return;
	if (kind < 384)
		spin_for(draw(t, 2000));
	else if (kind < 576)
		spin_for(draw(t, 2 * wake));
	else if (kind < 768)
		sleep_for(draw(t, 2 * wake));
	else if (kind < 896)
		sleep_for(draw(t, 200000));
	else if (kind < 1023)
		sleep_for(draw(t, 3000000));
	else
		sleep_for(VINE_SLEEP_BUSY_MS * UINT64_C(1000000) +
			  draw(t, 20000000));
}

/* --- ways to wait --------------------------------------------------------- */

static void
take_note(struct thread *t, vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	if (vine_task_result(task, &r) != 0)
		t->tally.lost++;
	else if (r.status != VINE_STATUS_OK)
		t->tally.failed++;
	else
		t->tally.done++;
	vine_task_free(task);
}

static vine_task *
issue(struct thread *t, const struct vine_task_opts *o)
{
	vine_task *task = NULL;

	if (vine_task_issue_opts(o, &task) != 0)
		t->tally.failed++;
	t->tally.issued++;
	return task;
}

static void
await(struct thread *t, vine_task *task)
{
	uint64_t from = utils_clock_ns(), us;

	vine_task_wait_for(task, PATIENCE_NS);
	us = (utils_clock_ns() - from) / 1000;
	if (us > t->tally.longest_us)
		t->tally.longest_us = us;
	take_note(t, task);
}

static void
count_call(vine_task *task, void *user)
{
	(void)task;
	atomic_fetch_add((_Atomic uint64_t *)user, 1);
}

static void
one_with_a_callback(struct thread *t)
{
	static _Thread_local _Atomic uint64_t calls;
	struct vine_task_opts o = t->noop;
	uint64_t before = atomic_load(&calls);

	o.cb = count_call;
	o.cb_user = &calls;
	await(t, issue(t, &o));
	/* another thread may be about to call it */
	for (int i = 0; i < 10000 && atomic_load(&calls) == before; i++)
		sleep_for(1000000);
	if (atomic_load(&calls) == before)
		t->tally.lost++;
	else if (atomic_load(&calls) != before + 1)
		t->tally.twice++;
}

static void
some_at_once(struct thread *t)
{
	struct vine_task_opts o[BATCH];
	vine_task *tasks[BATCH];
	size_t count = 1 + draw(t, BATCH), first;
	int n;

	for (size_t i = 0; i < count; i++)
		o[i] = draw(t, 8) ? t->noop : t->held;
	n = vine_task_issue_batch(o, count, tasks);
	if (n < 0) {
		t->tally.failed++;
		return;
	}
	t->tally.issued += (uint64_t)n;
	if (vine_task_wait_any(tasks, (size_t)n, PATIENCE_NS, &first) != 0)
		t->tally.lost++;
	pause_a_while(t);
	vine_task_wait_all(tasks, (size_t)n, PATIENCE_NS);
	for (int i = 0; i < n; i++)
		take_note(t, tasks[i]);
}

/* One is issued here and waited for there. */
static void
hand_over(struct thread *t)
{
	vine_task *task = atomic_exchange(&t->handed, NULL);

	if (task == NULL)
		task = issue(t, &t->noop);
	task = atomic_exchange(&t->next->handed, task);
	if (task)
		await(t, task);
}

static void
poll_for(struct thread *t)
{
	vine_task *task = issue(t, &t->noop);
	uint64_t from = utils_clock_ns();

	while (vine_task_wait_for(task, 0) != 0 &&
	       utils_clock_ns() - from < (uint64_t)PATIENCE_NS)
		if (draw(t, 64) == 0)
			sleep_for(draw(t, 50000));
	take_note(t, task);
}

static void
one(struct thread *t)
{
	await(t, issue(t, &t->noop));
}

static void
one_held(struct thread *t)
{
	await(t, issue(t, &t->held));
}

static void (*const ways[])(struct thread *t) = {
	one, one, one, one_held, some_at_once, some_at_once,
	one_with_a_callback, hand_over, poll_for,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void *
live(void *arg)
{
	struct thread *t = arg;
	vine_task *task;

	while (appliance_now() < until) {
		for (int i = 0; i < 16; i++) {
			pause_a_while(t);
			ways[draw(t, WAYS)](t);
		}
	}
	task = atomic_exchange(&t->handed, NULL);
	if (task)
		await(t, task);
	return NULL;
}

/* A user of the descriptor, beside those who wait. */
static void *
live_by_fd(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	while (!atomic_load(&over)) {
		poll(&p, 1, 20);
		vine_session_reap(session);
	}
	return NULL;
}

/* --- processes ------------------------------------------------------------ */

static void
hear(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	if (strstr(text, "not in flight"))
		strays++;
	fprintf(stderr, "%s\n", text);
}

static struct vine_task_opts
opts_of(vine_accel_type_e type, const char *accel, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	ck_assert_int_eq(vine_accel_find(session, type, accel, &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(session, type, proc, &o.proc), 0);
	return o;
}

static void
attach(void)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text };

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nattach_timeout 20s\n", appliance.name);
	ck_assert_int_eq(vine_session_open(&o, &session), 0);
}

static void
add_up(struct tally *sum, const struct tally *t)
{
	sum->issued += t->issued;
	sum->done += t->done;
	sum->twice += t->twice;
	sum->failed += t->failed;
	sum->lost += t->lost;
	sum->sleeps += t->sleeps;
	sum->late += t->late;
	sum->ended += t->ended;
	if (t->longest_us > sum->longest_us)
		sum->longest_us = t->longest_us;
}

static void
application(uint64_t seed, struct tally *out)
{
	pthread_t reaper;
	int fd;

	utils_log_set(UTILS_LOG_WARN, hear, NULL);
	attach();
	for (int i = 0; i < THREADS; i++) {
		threads[i].seed = (seed + (uint64_t)i) * 0x9e3779b97f4a7c15;
		threads[i].next = &threads[(i + 1) % THREADS];
		threads[i].noop = opts_of(GPU_SOFT, "noop", "noop");
		threads[i].held = opts_of(CPU, "cpu0", "slow");
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i].id, NULL, live,
						&threads[i]), 0);
	if (seed & 1) {
		ck_assert_int_eq(vine_session_fd(session, &fd), 0);
		ck_assert_int_eq(pthread_create(&reaper, NULL, live_by_fd, &fd),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		add_up(out, &threads[i].tally);
	}
	for (int i = 0; i < THREADS; i++) {	/* handed over at the end */
		vine_task *task = atomic_exchange(&threads[i].handed, NULL);

		if (task) {
			struct thread rest = { .seed = 1 };

			await(&rest, task);
			add_up(out, &rest.tally);
		}
	}
	atomic_store(&over, 1);
	if (seed & 1)
		pthread_join(reaper, NULL);
	for (struct vine_queue *q = session->queues; q; q = q->next)
		out->sleeps += q->sleeps;
	out->sleeps += session->control->sleeps;
	out->late = atomic_load(&session->found_late);
	out->twice += strays;
	vine_session_close(session);
	out->ended = 1;
	_exit(0);
}

static uint64_t
counter(const char *label)
{
	return segment_counter(&view, label);
}

static void
report(const struct tally *sum, uint64_t seconds)
{
	printf("%llu s, %d threads: %llu tasks, %llu lost, %llu twice\n"
	       "applications: %llu sleeps, %llu bells for them, %llu found "
	       "without a bell, longest wait %llu us\n"
	       "workers: %llu sleeps, %llu found without a bell\n",
	       (unsigned long long)seconds, PROCESSES * THREADS,
	       (unsigned long long)sum->issued,
	       (unsigned long long)(sum->lost + sum->issued - sum->done -
				    sum->failed),
	       (unsigned long long)sum->twice, (unsigned long long)sum->sleeps,
	       (unsigned long long)counter("bells rung for applications"),
	       (unsigned long long)sum->late,
	       (unsigned long long)sum->longest_us,
	       (unsigned long long)counter("sleeps of workers"),
	       (unsigned long long)counter("work found without a bell"));
	fflush(stdout);
}

START_TEST(no_completion_is_lost_or_comes_twice_whoever_sleeps)
{
	uint64_t seconds = number("VINE_TEST_SECONDS", 5);
	uint64_t seed = number("VINE_TEST_SEED", 1);
	struct tally *each, sum = { 0 };
	char more[512];
	pid_t pids[PROCESSES];
	int status;
	int64_t end;

	each = mmap(NULL, sizeof(*each) * PROCESSES, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(each, MAP_FAILED);
	appliance_slow(more, sizeof(more), 0);
	appliance_start(&appliance, "sleep", more);
	segment_map(&appliance, &view);
	until = appliance_now() + (int64_t)seconds * 1000;
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			application(seed + (uint64_t)i, &each[i]);
	}
	for (int i = 0; i < PROCESSES; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
		add_up(&sum, &each[i]);
	}
	end = appliance_now() + APPLIANCE_PATIENCE_MS;
	while (counter("tasks completed") != sum.issued &&
	       appliance_now() < end)
		appliance_nap(10);	/* until it publishes them */
	report(&sum, seconds);
	ck_assert_uint_eq(sum.ended, PROCESSES);
	ck_assert_uint_eq(sum.lost, 0);
	ck_assert_uint_eq(sum.failed, 0);
	ck_assert_uint_eq(sum.twice, 0);
	ck_assert_uint_eq(sum.done, sum.issued);
	ck_assert_uint_eq(counter("tasks completed"), sum.issued);
	/* a wake-up that was lost, were it not for the bounded sleeps */
	ck_assert_uint_eq(sum.late, 0);
	ck_assert_uint_le(counter("bells rung for applications"), sum.sleeps);
	ck_assert_uint_gt(counter("sleeps of workers"), 10);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("sleep");

	tcase_add_test(tcase,
		       no_completion_is_lost_or_comes_twice_whoever_sleeps);
	return appliance_main("sleep", tcase);
}
