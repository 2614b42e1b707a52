/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the watcher: it is started, asked for a dump by its signal and
 * stopped while the nth call fails, of the thread that starts it and of its own.
 * Each time the report comes to its end and says of the scheduler how it is, or
 * why that is not known; and who cannot start it is as before.
 */
#include <check.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAULTS_URING 1
#include "tests/lib/faults.h"
#include "rt/rt_sched.h"
#include "rt/rt_task.h"
#include "rt/rt_watcher.h"
#include "tests/unit/rt/life.h"

#define MS UINT64_C(1000000)

static int out = -1;		/* what the watcher writes to */
static char report[4096];

/* Takes down what was written since `from`; is it all? */
static int
is_complete(off_t from)
{
	ssize_t n = pread(out, report, sizeof(report) - 1, from);

	report[n > 0 ? n : 0] = '\0';
	return strstr(report, "end of tasks\n") != NULL;
}

static int
ask(void *arg)
{
	off_t from = lseek(out, 0, SEEK_END);
	uint64_t now = rt_sched_now(rt_sched_self()), end = now + 60000 * MS;

	*(int *)arg = -EIO;
	pthread_kill(pthread_self(), SIGUSR1);
	while (!is_complete(from) && now < end) {
		rt_task_delay(now + MS);
		now = rt_sched_now(rt_sched_self());
	}
	if (now >= end)
		*(int *)arg = -ETIMEDOUT;
	else if (strncmp(report, "scheduler: ", 11) == 0)
		*(int *)arg = 0;
	return 0;
}

static int
run(void)
{
	int asked = 0, rc = life_run(NULL, ask, &asked);

	return rc ? rc : asked;
}

static void
on_usr1(int sig)
{
	(void)sig;
}

static int
live(void)
{
	struct rt_watcher_opts opts = { .stall_ns = 1000 * MS,
		.signal_number = SIGUSR1, .fd = out };
	struct sigaction now;
	int rc;

	signal(SIGUSR1, on_usr1);
	rc = rt_watcher_start(&opts);
	if (rc == 0) {
		rc = run();
		rt_watcher_stop();
		return rc;
	}
	/* it could not be started, and the signal is whose it was */
	sigaction(SIGUSR1, NULL, &now);
	return now.sa_handler == on_usr1 ? rc : -EIO;
}

START_TEST(a_watcher_bears_each_fault_of_who_starts_it)
{
	ck_assert_uint_ge(faults_sweep_of("who starts it", live, FAULTS_MINE),
			  3);
}
END_TEST

START_TEST(a_watcher_bears_each_fault_of_its_own)
{
	ck_assert_uint_ge(faults_sweep_of("its own", live, FAULTS_THEIRS), 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rt faults of the watcher");
	TCase *tc = tcase_create("watcher");
	SRunner *runner;
	int failed;

	out = memfd_create("report", MFD_CLOEXEC);
	tcase_add_test(tc, a_watcher_bears_each_fault_of_who_starts_it);
	tcase_add_test(tc, a_watcher_bears_each_fault_of_its_own);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
