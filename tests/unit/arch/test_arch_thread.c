/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_thread: which signals a thread of the appliance blocks. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "arch/arch_thread.h"

static void *
look(void *arg)
{
	pthread_sigmask(SIG_SETMASK, NULL, arg);
	return arg;
}

START_TEST(a_thread_blocks_what_is_sent_and_not_its_own_faults)
{
	static const int own[] = { SIGSYS, SIGBUS, SIGSEGV };
	static const int sent[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };
	sigset_t mask, before, after;
	pthread_t thread;
	void *seen;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(arch_thread_start(&thread, look, &mask), 0);
	pthread_join(thread, &seen);
	ck_assert_ptr_eq(seen, &mask);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		ck_assert_int_eq(sigismember(&mask, own[i]), 0);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		ck_assert_int_eq(sigismember(&mask, sent[i]), 1);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++)
		ck_assert_int_eq(sigismember(&before, i),
				 sigismember(&after, i));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("arch_thread");
	TCase *tc = tcase_create("thread");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, a_thread_blocks_what_is_sent_and_not_its_own_faults);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
