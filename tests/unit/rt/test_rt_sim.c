/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rt_sim: the world, its clock, its order, its digest, its nodes. */
#include <fcntl.h>
#include <stdio.h>

#include "rt/rt_io.h"
#include "rt/rt_mail.h"
#include "rt/rt_net.h"
#include "rt/rt_qlock.h"
#include "rt/rt_rendez.h"
#include "tests/unit/rt/sim.h"

#define YEAR (UINT64_C(365) * 24 * 3600 * SECOND)

/* --- the clock ------------------------------------------------------------ */

static int
sleep_a_year(void *arg)
{
	uint64_t *woke = arg, end = sim_in(YEAR);

	ck_assert_int_eq(rt_task_delay(end), 0);
	*woke = rt_sched_now(rt_sched_self());
	ck_assert_uint_ge(*woke, end);
	ck_assert_uint_lt(*woke, end + SECOND);
	return 7;
}

START_TEST(a_year_of_sleep_is_over_at_once)
{
	struct rt_sim *sim = sim_new(NULL, 1);
	uint64_t woke = 0;
	struct rt_sim_node *node = sim_node(sim, "sleeper", sleep_a_year,
					    &woke);

	ck_assert_int_eq(rt_sim_result(node), -EBUSY);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(rt_sim_result(node), 7);
	ck_assert_uint_ge(woke, YEAR);
	ck_assert_uint_ge(rt_sim_now(sim), woke);
	ck_assert_uint_lt(rt_sim_steps(sim), 100);
	sim_end(sim);
}
END_TEST

START_TEST(a_run_stops_at_its_time_and_goes_on)
{
	struct rt_sim *sim = sim_new(NULL, 1);
	uint64_t woke = 0;

	sim_node(sim, "sleeper", sleep_a_year, &woke);
	ck_assert_int_eq(rt_sim_run(sim, 5 * SECOND), -ETIME);
	ck_assert_uint_eq(rt_sim_now(sim), 5 * SECOND);
	ck_assert_uint_eq(woke, 0);
	ck_assert_int_eq(rt_sim_run(sim, 2 * YEAR), 0);
	ck_assert_uint_ne(woke, 0);
	sim_end(sim);
}
END_TEST

static int
yield_for_ever(void *arg)
{
	(void)arg;
	while (rt_task_yield() == 0)
		;
	return -ECANCELED;
}

START_TEST(a_run_ends_after_its_steps)
{
	const struct rt_sim_opts opts = { .steps = 1000 };
	struct rt_sim *sim = sim_new(&opts, 1);

	sim_node(sim, "busy", yield_for_ever, NULL);
	utils_log_set(UTILS_LOG_ERROR, NULL, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), -ELOOP);
	ck_assert_uint_eq(rt_sim_steps(sim), 1000);
	sim_end(sim);
}
END_TEST

/* --- the order ------------------------------------------------------------ */

static char order[8];

static int
note_me(void *arg)
{
	size_t n = strlen(order);

	order[n] = *(const char *)arg;
	return 0;
}

static int
make_some(void *arg)
{
	(void)arg;
	sim_go(note_me, (void *)(uintptr_t)"a");
	sim_go(note_me, (void *)(uintptr_t)"b");
	sim_go(note_me, (void *)(uintptr_t)"c");
	return 0;
}

START_TEST(each_order_of_three_tasks_comes_by_some_seed)
{
	static const char *const all[] = { "abc", "acb", "bac", "bca", "cab",
					   "cba" };
	uint32_t seen = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rt_sim *sim = sim_new(NULL, seed);

		memset(order, 0, sizeof(order));
		sim_node(sim, "a", make_some, NULL);
		ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
		for (uint32_t i = 0; i < 6; i++)
			seen |= (strcmp(order, all[i]) == 0) << i;
		sim_end(sim);
	}
	ck_assert_uint_eq(seen, 63);
}
END_TEST

/* A counter that is read, and written after others had their turn. */
struct counter {
	int value;
	int locked;
	struct rt_qlock lock;
};

static int
add_one(void *arg)
{
	struct counter *c = arg;
	int was;

	for (int i = 0; i < 2; i++) {
		if (c->locked)
			ck_assert_int_eq(rt_qlock_lock(&c->lock, RT_NEVER), 0);
		was = c->value;
		/* most often nobody comes between */
		if (rt_sched_random(rt_sched_self()) % 16 == 0)
			rt_task_yield();
		c->value = was + 1;
		if (c->locked)
			rt_qlock_unlock(&c->lock);
		rt_task_yield();
	}
	return 0;
}

static int
count_two(void *arg)
{
	sim_go(add_one, arg);
	sim_go(add_one, arg);
	return 0;
}

/* How many of the seeds find that the counter is wrong. */
static int
find_race(int locked, int seeds)
{
	int found = 0;

	for (int seed = 1; seed <= seeds; seed++) {
		struct rt_sim *sim = sim_new(NULL, (uint64_t)seed);
		struct counter c = { .locked = locked };

		rt_qlock_init(&c.lock);
		sim_node(sim, "a", count_two, &c);
		ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
		found += c.value != 4;
		sim_end(sim);
	}
	return found;
}

START_TEST(a_planted_race_is_found_and_one_with_a_lock_is_none)
{
	ck_assert_int_gt(find_race(0, 200), 0);
	ck_assert_int_eq(find_race(1, 200), 0);
}
END_TEST

/* --- the digest ----------------------------------------------------------- */

#define FRIENDS 4

static int
answer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[200];
	int64_t n;

	while ((n = rt_io_recv(fd, bytes, sizeof(bytes), 0,
			       sim_in(60 * SECOND))) > 0)
		if (rt_io_write_all(fd, bytes, (size_t)n, RT_IO_HERE,
				    sim_in(60 * SECOND)) != 0)
			break;
	rt_io_close(fd);
	return 0;
}

static int
serve(void *arg)
{
	static const struct rt_task_opts system = { .flags = RT_TASK_SYSTEM };
	int listener, fd;

	(void)arg;
	ck_assert_int_eq(rt_net_announce("tcp:0.0.0.0:7", NULL, &listener), 0);
	while ((fd = rt_io_accept(listener, NULL, NULL, RT_NEVER)) >= 0)
		ck_assert_int_eq(rt_task_create(rt_sched_self(), answer,
						(void *)(intptr_t)fd, &system,
						NULL), 0);
	return fd;
}

static int
serve_beside(void *arg)
{
	static const struct rt_task_opts system = { .flags = RT_TASK_SYSTEM };

	(void)arg;
	return rt_task_create(rt_sched_self(), serve, NULL, &system, NULL);
}

/* Talk to all, write what they say to a file, with delays and locks. */
static int
talk(void *arg)
{
	char name[32], bytes[4000], back[4000], path[32];
	int fd, file, n = (int)(intptr_t)arg;

	snprintf(path, sizeof(path), "log.%d", n);
	file = rt_io_open(path, O_RDWR | O_CREAT, 0600, RT_NEVER);
	ck_assert_int_ge(file, 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "tcp:node%d:7", (n + i) % FRIENDS);
		memset(bytes, n * 16 + i, sizeof(bytes));
		ck_assert_int_eq(rt_net_dial(name, sim_in(SECOND), &fd), 0);
		ck_assert_int_eq(rt_io_write_all(fd, bytes, sizeof(bytes),
						 RT_IO_HERE, RT_NEVER), 0);
		ck_assert_int_eq(rt_io_read_all(fd, back, sizeof(back),
						RT_IO_HERE, RT_NEVER), 0);
		ck_assert_mem_eq(bytes, back, sizeof(bytes));
		ck_assert_int_eq(rt_io_write_all(file, back, sizeof(back),
						 i * 4000, RT_NEVER), 0);
		ck_assert_int_eq(rt_io_fsync(file, RT_NEVER), 0);
		rt_io_close(fd);
		rt_task_delay(sim_in(rt_sched_random(rt_sched_self()) % MS));
	}
	rt_io_close(file);
	return 0;
}

static int
friend_main(void *arg)
{
	ck_assert_int_eq(serve_beside(NULL), 0);
	rt_task_delay(sim_in(MS));
	sim_go(talk, arg);
	return talk(arg);
}

static uint64_t
talk_of_friends(uint64_t seed)
{
	const struct rt_sim_opts opts = { .faults = {
		.short_read = 10, .short_write = 10, .short_recv = 5,
		.short_send = 5, .slow_disk = 20, .net_stall = 100,
	} };
	struct rt_sim *sim = sim_new(&opts, seed);
	char name[16];
	uint64_t digest;

	for (int i = 0; i < FRIENDS; i++) {
		snprintf(name, sizeof(name), "node%d", i);
		sim_node(sim, name, friend_main, (void *)(intptr_t)i);
	}
	ck_assert_int_eq(rt_sim_run(sim, 1000 * SECOND), 0);
	if (getenv("VINE_SIM_SEED"))
		rt_sim_print(sim, stdout);
	digest = sim_end(sim);
	printf("seed %" PRIu64 " digest %016" PRIx64 "\n", seed, digest);
	return digest;
}

START_TEST(a_seed_makes_the_same_run_again_and_another_another)
{
	uint64_t one = talk_of_friends(1), two = talk_of_friends(2);
	char *noise;

	ck_assert_uint_ne(one, two);
	/* what lies where in memory changes nothing */
	noise = malloc(12345);
	ck_assert_uint_eq(talk_of_friends(1), one);
	free(noise);
	ck_assert_uint_eq(talk_of_friends(2), two);
}
END_TEST

/* --- deadlock ------------------------------------------------------------- */

static char waiters[1024];

static void
collect(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	strncat(waiters, text, sizeof(waiters) - strlen(waiters) - 2);
	strcat(waiters, "\n");
}

static struct rt_qlock locks[2];

static int
lock_both(void *arg)
{
	int first = *(const char *)arg - 'a', rc;

	rc = rt_qlock_lock(&locks[first], RT_NEVER);
	rt_task_delay(sim_in(MS));
	if (rc == 0)
		rc = rt_qlock_lock(&locks[!first], RT_NEVER);
	return rc;
}

START_TEST(tasks_that_will_never_go_on_are_named)
{
	struct rt_sim *sim = sim_new(NULL, 3);

	rt_qlock_init(&locks[0]);
	rt_qlock_init(&locks[1]);
	sim_node(sim, "left", lock_both, (void *)(uintptr_t)"a");
	sim_node(sim, "right", lock_both, (void *)(uintptr_t)"b");
	utils_log_set(UTILS_LOG_ERROR, collect, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), -EDEADLK);
	ck_assert_ptr_nonnull(strstr(waiters, "seed 3: task left of node left "
				     "is blocked qlock"));
	ck_assert_ptr_nonnull(strstr(waiters, "task right of node right"));
	sim_end(sim);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
}
END_TEST

/* --- power ---------------------------------------------------------------- */

static int lives, ended;

static int
live(void *arg)
{
	struct rt_rendez never;
	int fd, rc;

	(void)arg;
	lives++;
	rt_rendez_init(&never);
	fd = rt_io_open("state", O_RDWR | O_CREAT, 0600, RT_NEVER);
	ck_assert_int_ge(fd, 0);
	rc = rt_rendez_sleep(&never, RT_NEVER);
	ck_assert_int_eq(rc, -ECANCELED);
	/* nothing of this reaches anything, cancelled or not */
	ck_assert_int_eq(rt_io_write(fd, "late", 4, 0, RT_NEVER), -ECANCELED);
	rt_task_hold_cancel();
	ck_assert_int_eq(rt_io_write(fd, "late", 4, 0, RT_NEVER), -EIO);
	ck_assert_int_eq(rt_io_open("other", O_CREAT, 0600, RT_NEVER), -EIO);
	rt_task_let_cancel();
	ck_assert_int_eq(rt_net_announce("tcp:0.0.0.0:1", NULL, &fd), -EIO);
	ck_assert_int_eq(rt_task_create(rt_sched_self(), live, NULL, NULL,
					NULL), -ESHUTDOWN);
	ck_assert_int_eq(rt_io_close(fd), 0);
	ended++;
	return rc;
}

static struct rt_sim_node *victim;

static int
live_again(void *arg)
{
	(void)arg;
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(rt_io_open("other", O_RDONLY, 0, RT_NEVER), -ENOENT);
	return 5;
}

static int
kill_and_wake(void *arg)
{
	(void)arg;
	rt_task_delay(sim_in(SECOND));
	ck_assert(rt_sim_is_up(victim));
	rt_sim_crash(victim);
	ck_assert(!rt_sim_is_up(victim));
	rt_sim_crash(victim);	/* it is off */
	rt_task_delay(sim_in(SECOND));
	ck_assert_int_eq(ended, 1);
	rt_sim_restart(victim, live_again, NULL);
	return 0;
}

START_TEST(a_node_without_power_runs_out_and_comes_again)
{
	struct rt_sim *sim = sim_new(NULL, 1);

	lives = ended = 0;
	victim = sim_node(sim, "victim", live, NULL);
	sim_node(sim, "operator", kill_and_wake, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(lives, 1);
	ck_assert_int_eq(rt_sim_result(victim), 5);
	sim_end(sim);
}
END_TEST

static int
end_oneself(void *arg)
{
	(void)arg;
	if (lives++ == 0)
		rt_sim_restart(rt_sim_node_self(), end_oneself, NULL);
	return rt_task_check();
}

START_TEST(a_node_can_cut_its_own_power)
{
	struct rt_sim *sim = sim_new(NULL, 1);

	lives = 0;
	victim = sim_node(sim, "victim", end_oneself, NULL);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(lives, 2);
	ck_assert_int_eq(rt_sim_result(victim), 0);
	sim_end(sim);
}
END_TEST

static void
hear(struct rt_mail *mail)
{
	rt_rendez_wake_all(mail->user);
}

static struct rt_rendez heard;
static struct rt_sim_node *listener_node;

static int
wait_for_mail(void *arg)
{
	(void)arg;
	return rt_rendez_sleep(&heard, RT_NEVER);
}

static int
send_mail(void *arg)
{
	rt_task_delay(sim_in(SECOND));
	rt_mail_post(rt_sim_sched(listener_node), arg);
	return 0;
}

START_TEST(mail_goes_from_node_to_node)
{
	struct rt_mail mail = { .call = hear, .user = &heard };
	struct rt_sim *sim = sim_new(NULL, 1);

	rt_rendez_init(&heard);
	listener_node = sim_node(sim, "a", wait_for_mail, NULL);
	sim_node(sim, "b", send_mail, &mail);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	ck_assert_int_eq(rt_sim_result(listener_node), 0);
	sim_end(sim);
}
END_TEST

static int64_t
double_it(void *arg)
{
	ck_assert_ptr_null(rt_task_self());
	return *(int *)arg * 2;
}

static int
call_it(void *arg)
{
	const uint64_t before = rt_sched_now(rt_sched_self());

	ck_assert_int_eq(rt_io_call(double_it, arg, RT_NEVER), 42);
	ck_assert_uint_gt(rt_sched_now(rt_sched_self()), before);
	return 0;
}

START_TEST(a_call_of_a_helper_takes_its_time)
{
	struct rt_sim *sim = sim_new(NULL, 1);
	int n = 21;

	sim_node(sim, "a", call_it, &n);
	ck_assert_int_eq(rt_sim_run(sim, RT_NEVER), 0);
	sim_end(sim);
}
END_TEST

START_TEST(what_is_out_of_place_is_refused)
{
	const struct rt_sim_opts opts = { .sector = 513 };
	struct rt_sim *sim;

	ck_assert_int_eq(rt_sim_new(&opts, &sim), -EINVAL);
	ck_assert_int_eq(rt_sim_pair((int[2]){ 0 }), -EPERM);
	ck_assert_ptr_null(rt_sim_node_self());
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rt_sim");

	tcase_add_test(tc, a_year_of_sleep_is_over_at_once);
	tcase_add_test(tc, a_run_stops_at_its_time_and_goes_on);
	tcase_add_test(tc, a_run_ends_after_its_steps);
	tcase_add_test(tc, each_order_of_three_tasks_comes_by_some_seed);
	tcase_add_test(tc, a_planted_race_is_found_and_one_with_a_lock_is_none);
	tcase_add_test(tc, a_seed_makes_the_same_run_again_and_another_another);
	tcase_add_test(tc, tasks_that_will_never_go_on_are_named);
	tcase_add_test(tc, a_node_without_power_runs_out_and_comes_again);
	tcase_add_test(tc, a_node_can_cut_its_own_power);
	tcase_add_test(tc, mail_goes_from_node_to_node);
	tcase_add_test(tc, a_call_of_a_helper_takes_its_time);
	tcase_add_test(tc, what_is_out_of_place_is_refused);
	return sim_main("rt_sim", tc);
}
