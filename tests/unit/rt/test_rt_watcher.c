/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_watcher and rt_snapshot: who holds up his scheduler is named,
 * with the line; who waits is not.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "rt/rt_place.h"
#include "rt/rt_rendez.h"
#include "rt/rt_watcher.h"
#include "tests/unit/rt/tasks.h"
#include "utils/utils_clock.h"

/* ThreadSanitizer keeps signals back until its thread calls something. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLACES 0
#endif
#endif
#if defined(__SANITIZE_THREAD__) || !defined(VINE_HAVE_LIBDW)
#define PLACES 0
#endif
#ifndef PLACES
#define PLACES 1
#endif

#define ALLOWED_MS 40u

static char log_text[16384];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void
hear(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	pthread_mutex_lock(&log_lock);
	strncat(log_text, text, sizeof(log_text) - strlen(log_text) - 2);
	strcat(log_text, "\n");
	pthread_mutex_unlock(&log_lock);
}

static int
heard(const char *text)
{
	int is;

	pthread_mutex_lock(&log_lock);
	is = strstr(log_text, text) != NULL;
	pthread_mutex_unlock(&log_lock);
	return is;
}

/* Hold the thread up until the log has `text`; 0 when it never comes. */
static volatile uint64_t spun;

static int spin_line, nap_line;

static __attribute__((noinline)) int
spin_until(const char *text)
{
	uint64_t end = utils_clock_ns() + 60000 * MS;

	while (utils_clock_ns() < end) {
		/* nearly all of the time */
		spin_line = __LINE__; for (int i = 0; i < 10000000; i++) spun++;
		if (heard(text))
			return 1;
	}
	return 0;
}

static int
spinner(void *arg)
{
	(void)arg;
	ck_assert(spin_until("stalls for"));
	return 0;
}

/* As a service would that calls what blocks. */
static __attribute__((noinline)) void
nap(void)
{
	struct timespec t = { 0, 300000000 };

	for (int i = 0; i < 100 && !heard("stalls for"); i++) {
		nap_line = __LINE__; nanosleep(&t, NULL);
		t.tv_nsec += 1000000;	/* it may have been cut short */
	}
}

static int
napper(void *arg)
{
	(void)arg;
	nap();
	return 0;
}

static void
begin(uint64_t stall_ms, int number, int fd)
{
	struct rt_watcher_opts o = { .stall_ns = stall_ms * MS,
		.signal_number = number, .fd = fd };

	log_text[0] = '\0';
	utils_log_set(UTILS_LOG_INFO, hear, NULL);
	ck_assert_int_eq(rt_watcher_start(&o), 0);
	ck_assert_int_eq(rt_watcher_start(&o), -EALREADY);
}

static void
end(void)
{
	rt_watcher_stop();
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
}

/* Run a task of that name to its end; the scheduler stays. */
static void
run_one(rt_task_fn fn, const char *name)
{
	struct rt_task_opts o = { .name = name };

	ck_assert_int_eq(rt_task_create(sched, fn, NULL, &o, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
}

static void
make(void)
{
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_sched_enter(sched), 0);
	rt_watcher_name(sched, "tested", NULL);
}

static void
check_stall(const char *task, int line)
{
	struct rt_stalls st;
	char text[128];
	int64_t tries = 6000;

	/* told by the next look */
	do {
		struct timespec t = { 0, 10000000 };

		nanosleep(&t, NULL);
		rt_watcher_stalls(sched, &st);
	} while (st.now_ns && tries-- > 0);
	ck_assert_uint_ge(st.count, 1);
	ck_assert_uint_ge(st.longest_ns, ALLOWED_MS * MS);
	ck_assert_msg(heard("tested stalls for "), "%s", log_text);
	if (!PLACES)
		return;
	snprintf(text, sizeof(text), "%s at ", task);
	ck_assert_msg(heard(text), "%s", log_text);
	snprintf(text, sizeof(text), "tests/unit/rt/test_rt_watcher.c:%d",
		 line);
	ck_assert_msg(heard(text), "no %s in %s", text, log_text);
}

START_TEST(a_task_that_computes_for_long_is_named_with_its_line)
{
	begin(ALLOWED_MS, 0, -1);
	make();
	run_one(spinner, "spinner");
	check_stall("task spinner", spin_line);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	end();
}
END_TEST

START_TEST(a_task_that_calls_what_blocks_is_named_with_its_line)
{
	begin(ALLOWED_MS, 0, -1);
	make();
	run_one(napper, "napper");
	check_stall("task napper", nap_line);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	end();
}
END_TEST

static _Atomic uint64_t rounds;

START_TEST(what_a_thread_does_between_its_steps_is_watched_if_it_asks_for_it)
{
	begin(ALLOWED_MS, 0, -1);
	make();
	rt_watcher_name(sched, "tested", &rounds);
	nap();
	rounds++;
	rt_watcher_name(sched, "tested", NULL);
	check_stall("no task", nap_line);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	end();
}
END_TEST

static int
sleep_long(void *arg)
{
	(void)arg;
	/* others run meanwhile, and nobody for long */
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(rt_task_delay(in_ms(100)), 0);
	return 0;
}

START_TEST(who_waits_stalls_nobody)
{
	struct rt_stalls st;

	begin(1000, 0, -1);
	make();
	run_one(sleep_long, "sleeper");
	rt_watcher_stalls(sched, &st);
	ck_assert_uint_eq(st.count, 0);
	ck_assert(!heard("stalls"));
	ck_assert_int_eq(rt_sched_free(sched), 0);
	rt_watcher_stalls(sched, &st);	/* it is watched no more */
	ck_assert_uint_eq(st.count, 0);
	end();
}
END_TEST

/* --- a dump on a signal -------------------------------------------------- */

static struct rt_rendez rendez;
static char path[] = "/tmp/vine-watcher-XXXXXX";

static int
sleep_there(void *arg)
{
	(void)arg;
	return rt_rendez_sleep(&rendez, RT_NEVER) == -EPIPE ? 0 : 1;
}

static int
raise_and_look(void *arg)
{
	static char text[65536];
	int fd = *(int *)arg;

	ck_assert_int_eq(rt_task_yield(), 0);
	ck_assert_int_eq(raise(SIGUSR2), 0);
	for (int i = 0; i < 6000; i++) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		ck_assert_int_ge(n, 0);
		text[n] = '\0';
		if (strstr(text, "end of tasks\n"))
			break;
		ck_assert_int_eq(rt_task_delay(in_ms(10)), 0);
	}
	ck_assert_msg(strstr(text, "tested: 3 tasks\n2 tasks sleeper: blocked, "
			     "rendez a bed 0x") || strstr(text, "2 tasks "
			     "sleeper: blocked, rendez a bed 0x"), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "end of tasks\n"));
	rt_rendez_close(&rendez);
	return 0;
}

START_TEST(a_signal_writes_all_tasks_to_a_descriptor)
{
	struct rt_task_opts o = { .name = "sleeper" };
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	begin(0, SIGUSR2, fd);
	make();
	rt_rendez_init(&rendez);
	rendez.name = "a bed";
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(rt_task_create(sched, sleep_there, NULL, &o,
						NULL), 0);
	ck_assert_int_eq(rt_task_create(sched, raise_and_look, &fd, NULL,
					NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	end();
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("watcher");
	int rc;

	tcase_add_test(tc, a_task_that_computes_for_long_is_named_with_its_line);
	tcase_add_test(tc, a_task_that_calls_what_blocks_is_named_with_its_line);
	tcase_add_test(tc,
		what_a_thread_does_between_its_steps_is_watched_if_it_asks_for_it);
	tcase_add_test(tc, who_waits_stalls_nobody);
	tcase_add_test(tc, a_signal_writes_all_tasks_to_a_descriptor);
	(void)rt_place_open();
	rc = tasks_main("rt_watcher", tc);
	rt_place_close();
	return rc;
}
