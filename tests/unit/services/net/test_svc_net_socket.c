/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of sockets: the descriptor of one that is closed stays open, and its
 * number nobody else's, until the last task at work on it has left off.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rt/rt_rendez.h"
#include "rt/rt_sched.h"
#include "services/net/svc_net_socket.h"

static struct svc_net_table table;
static struct svc_net_socket *s;
static struct rt_rendez rendez;
static int fd, waited;

static int
is_open(void)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The others do that when they have their turns; in a minute at most. */
static void
await_closed(void)
{
	for (int i = 0; i < 60000 && is_open(); i++)
		rt_task_delay(rt_sched_now(rt_sched_self()) + 1000000);
	ck_assert(!is_open());
}

static int
worker(void *arg)
{
	struct svc_net_user user;

	(void)arg;
	svc_net_socket_use(s, &user);
	waited = rt_rendez_sleep(&rendez, RT_NEVER);
	rt_task_hold_cancel();
	rt_task_yield();	/* as a call that has more to do */
	ck_assert(is_open());
	svc_net_socket_leave_off(&table, s, &user);
	return 0;
}

static int
closer(void *arg)
{
	uint32_t number;

	(void)arg;
	ck_assert_int_eq(svc_net_socket_take(&table, &table, 7, &s), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	number = svc_net_socket_open(&table, s, fd);
	ck_assert_ptr_eq(svc_net_socket_find(&table, number, &table, 7), s);
	ck_assert_ptr_null(svc_net_socket_find(&table, number, &table, 8));
	ck_assert_int_eq(rt_task_create(rt_sched_self(), worker, NULL, NULL,
					NULL), 0);
	rt_task_yield();
	svc_net_socket_close(&table, s);
	ck_assert_ptr_null(svc_net_socket_find(&table, number, &table, 7));
	ck_assert(is_open());
	await_closed();
	ck_assert_int_eq(waited, -ECANCELED);
	return 0;
}

static int
dig(int depth)
{
	volatile char some[512];

	some[depth % 512] = (char)depth;
	if (depth < 1000000)
		depth = dig(depth + 1) + some[depth % 512];
	return depth + some[0];
}

static int
digger(void *arg)
{
	struct svc_net_user user;

	(void)arg;
	svc_net_socket_use(s, &user);
	return dig(0);
}

static void
forget(struct rt_task *task, void *user)
{
	(void)user;
	svc_net_socket_forget(&table, task);
}

/* The other task is cancelled, and is the last to leave off. */
static int
witness(void *arg)
{
	uint32_t number;

	(void)arg;
	ck_assert_int_eq(svc_net_socket_take(&table, &table, 7, &s), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	number = svc_net_socket_open(&table, s, fd);
	ck_assert_int_eq(rt_task_create(rt_sched_self(), worker, NULL, NULL,
					NULL), 0);
	ck_assert_int_eq(rt_task_create(rt_sched_self(), digger, NULL,
					&(struct rt_task_opts){
						.overflowed = forget }, NULL),
			 0);
	await_closed();
	ck_assert_ptr_null(svc_net_socket_find(&table, number, &table, 7));
	ck_assert_int_eq(waited, -ECANCELED);
	return 0;
}

static void
run_alone(rt_task_fn fn)
{
	struct rt_sched *sched;

	rt_rendez_init(&rendez);
	ck_assert_int_eq(svc_net_table_init(&table, 4, 4), 0);
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_task_create(sched, fn, NULL, NULL, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	svc_net_table_fini(&table);
}

START_TEST(a_descriptor_stays_until_the_last_task_has_left_off)
{
	run_alone(closer);
}
END_TEST

START_TEST(the_socket_of_a_task_whose_stack_is_gone_is_closed)
{
	run_alone(witness);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("svc_net_socket");
	TCase *tcase = tcase_create("sockets");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase,
		       a_descriptor_stays_until_the_last_task_has_left_off);
	tcase_add_test(tcase,
		       the_socket_of_a_task_whose_stack_is_gone_is_closed);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
