/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of a wait: each engine is made, watches a descriptor and is freed
 * while the nth call for memory, a descriptor or a thread fails. What can be
 * had without the ring of io_uring works without it.
 */
#include <check.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FAULTS_URING 1
#include "tests/lib/faults.h"
#include "rt/rt_wait.h"

static enum rt_wait_engine engine;
static int fd;			/* is readable */
static int fired;

static void
on_ready(struct rt_watch *watch, uint32_t events)
{
	(void)watch;
	fired = (events & POLLIN) != 0;
}

static int
live_wait(void)
{
	struct rt_watch watch = { .fd = fd, .events = POLLIN,
				  .ready = on_ready };
	struct rt_wait *wait;
	int rc = rt_wait_new(engine, &wait);

	if (rc)
		return rc;
	rc = rt_wait_watch(wait, &watch);
	fired = 0;
	/* one that the kernel refuses ends early */
	for (int i = 0; i < 3 && rc == 0 && !fired; i++)
		rt_wait_sleep(wait, NULL, 0, 10000000000);
	if (rc == 0 && !fired)
		rc = -EIO;
	rt_wait_free(wait);
	return rc;
}

START_TEST(a_wait_bears_each_fault)
{
	static const enum rt_wait_engine engines[] = { RT_WAIT_AUTO,
						       RT_WAIT_EPOLL };
	uint64_t one = 1;

	fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	engine = engines[_i];
	ck_assert_uint_ge(faults_sweep(_i ? "epoll" : "whatever there is",
				       live_wait), 3);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rt faults");
	TCase *tc = tcase_create("wait");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, a_wait_bears_each_fault, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
