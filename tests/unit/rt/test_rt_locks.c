/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_rendez, rt_qlock, rt_rwlock, rt_sem and rt_barrier: their order,
 * deadlines, cancels and ends; and cancels and deadlines that meet a wake, in
 * either order.
 */
#include "rt/rt_barrier.h"
#include "rt/rt_qlock.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rwlock.h"
#include "rt/rt_sem.h"
#include "tests/unit/rt/tasks.h"

static struct rt_rendez rendez;
static struct rt_qlock lock;
static struct rt_rwlock rw;
static struct rt_sem sem;
static struct rt_barrier barrier;
static char order[64];
static uint64_t deadline;

static void
note(const char *what)
{
	strncat(order, what, sizeof(order) - strlen(order) - 1);
}

static int
sleep_and_note(void *arg)
{
	int rc = rt_rendez_sleep(&rendez, RT_NEVER);

	note(arg);
	return rc;
}

TASK_CASE(a_rendez_wakes_who_sleeps_longest_first)
{
	rt_rendez_init(&rendez);
	go(sleep_and_note, (void *)(uintptr_t)"a");
	go(sleep_and_note, (void *)(uintptr_t)"b");
	go(sleep_and_note, (void *)(uintptr_t)"c");
	ck_assert_uint_eq(rt_rendez_wake(&rendez), 0);
	settle();
	ck_assert_uint_eq(rt_rendez_wake(&rendez), 1);
	settle();
	ck_assert_str_eq(order, "a");
	ck_assert_uint_eq(rt_rendez_wake_all(&rendez), 2);
	settle();
	ck_assert_str_eq(order, "abc");
	ck_assert_int_eq(rt_rendez_sleep(&rendez, 0), -ETIMEDOUT);
	ck_assert_int_eq(rt_rendez_sleep(&rendez, in_ms(1)), -ETIMEDOUT);
	ck_assert_uint_eq(rt_rendez_wake_all(&rendez), 0);
	return 0;
}

/* --- one step of each primitive, for what holds for all of them --- */

struct kind {
	const char *name;
	void (*begin)(void);	/* so that a wait has to wait */
	int (*wait)(uint64_t deadline);
	void (*grant)(void);	/* ends one wait */
	void (*give_back)(void);	/* what a wait that ended well has */
	int (*is_free)(void);	/* nobody has anything */
	void (*close)(void);
};

static void
rendez_begin(void)
{
	rt_rendez_init(&rendez);
}

static int
rendez_wait(uint64_t at)
{
	return rt_rendez_sleep(&rendez, at);
}

static void
rendez_grant(void)
{
	rt_rendez_wake(&rendez);
}

static void
nothing(void)
{
}

static int
rendez_free(void)
{
	return rt_rendez_wake(&rendez) == 0;
}

static void
rendez_close(void)
{
	rt_rendez_close(&rendez);
}

static void
lock_begin(void)
{
	rt_qlock_init(&lock);
	ck_assert_int_eq(rt_qlock_lock(&lock, 0), 0);
}

static int
lock_wait(uint64_t at)
{
	return rt_qlock_lock(&lock, at);
}

static void
lock_unlock(void)
{
	ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
}

static int
lock_free(void)
{
	return lock.owner == NULL && utils_list_empty(&lock.waiters);
}

static void
lock_close(void)
{
	rt_qlock_close(&lock);
}

static int
rw_free(void)
{
	return rw.readers == 0 && rw.writer == NULL &&
		utils_list_empty(&rw.waiting_readers) &&
		utils_list_empty(&rw.waiting_writers);
}

static void
rw_begin(void)
{
	rt_rwlock_init(&rw);
	ck_assert_int_eq(rt_rwlock_write(&rw, 0), 0);
}

static int
rw_wait_read(uint64_t at)
{
	return rt_rwlock_read(&rw, at);
}

static int
rw_wait_write(uint64_t at)
{
	return rt_rwlock_write(&rw, at);
}

static void
rw_write_end(void)
{
	ck_assert_int_eq(rt_rwlock_write_end(&rw), 0);
}

static void
rw_read_end(void)
{
	ck_assert_int_eq(rt_rwlock_read_end(&rw), 0);
}

static void
rw_close(void)
{
	rt_rwlock_close(&rw);
}

static void
sem_begin(void)
{
	rt_sem_init(&sem, 0);
}

static int
sem_wait_one(uint64_t at)
{
	return rt_sem_take(&sem, 1, at);
}

static void
sem_grant(void)
{
	rt_sem_give(&sem, 1);
}

static int
sem_is_free(void)
{
	return utils_list_empty(&sem.waiters);
}

static void
sem_end_all(void)
{
	rt_sem_close(&sem);
}

static void
barrier_begin(void)
{
	rt_barrier_init(&barrier, 2);
}

static int
barrier_wait_here(uint64_t at)
{
	return rt_barrier_wait(&barrier, at);
}

static void
barrier_grant(void)
{
	ck_assert_int_eq(rt_barrier_wait(&barrier, 0), 1);
}

static int
barrier_free(void)
{
	return barrier.here == 0 && utils_list_empty(&barrier.waiters);
}

static void
barrier_close(void)
{
	rt_barrier_close(&barrier);
}

static const struct kind kinds[] = {
	{ "rendez", rendez_begin, rendez_wait, rendez_grant, nothing,
	  rendez_free, rendez_close },
	{ "qlock", lock_begin, lock_wait, lock_unlock, lock_unlock, lock_free,
	  lock_close },
	{ "rwlock, to read", rw_begin, rw_wait_read, rw_write_end, rw_read_end,
	  rw_free, rw_close },
	{ "rwlock, to write", rw_begin, rw_wait_write, rw_write_end,
	  rw_write_end, rw_free, rw_close },
	{ "semaphore", sem_begin, sem_wait_one, sem_grant, nothing,
	  sem_is_free, sem_end_all },
	{ "barrier", barrier_begin, barrier_wait_here, barrier_grant, nothing,
	  barrier_free, barrier_close },
};

#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *kind;

static int
waiter(void *arg)
{
	int rc = kind->wait(deadline);

	(void)arg;
	if (rc == 0)
		kind->give_back();
	return rc;
}

/* ms, in which a task comes to wait, on a busy machine and under qemu too. */
#define SOON (getenv("VINE_EMULATED") ? 1000u : 30u)

static struct rt_task *
start_waiter(uint64_t at)
{
	struct rt_task *t;

	deadline = at;
	t = go_joined(waiter, NULL);
	settle();
	ck_assert_int_eq(rt_task_state(t), RT_TASK_BLOCKED);
	ck_assert_str_eq(rt_task_block_of(t)->what, kind->name);
	return t;
}

static int
all_ways(void *arg)
{
	struct rt_task *t;

	(void)arg;
	/* a wake */
	kind->begin();
	t = start_waiter(RT_NEVER);
	kind->grant();
	ck_assert_int_eq(join(t), 0);
	ck_assert(kind->is_free());

	/* a wake, then a cancel before its turn: what it was given it has */
	kind->begin();
	t = start_waiter(RT_NEVER);
	kind->grant();
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), 0);
	ck_assert(kind->is_free());

	/* a wake, then the deadline before its turn */
	kind->begin();
	t = start_waiter(in_ms(SOON));
	kind->grant();
	while (rt_sched_now(sched) < deadline)
		;
	rt_wait_poll(rt_sched_wait(sched));
	ck_assert_int_eq(join(t), 0);
	ck_assert(kind->is_free());

	/* two, a cancel of the first, then a wake: the second has it */
	kind->begin();
	t = start_waiter(RT_NEVER);
	if (kind->begin != barrier_begin) {
		struct rt_task *second = start_waiter(RT_NEVER);

		rt_task_cancel(t);
		kind->grant();
		ck_assert_int_eq(join(t), -ECANCELED);
		ck_assert_int_eq(join(second), 0);
		ck_assert(kind->is_free());
		kind->begin();
		t = start_waiter(RT_NEVER);
	}
	/* the other way round, and both before either has its turn */
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), -ECANCELED);

	/* the deadline, then a wake */
	kind->begin();
	t = start_waiter(in_ms(SOON));
	while (rt_sched_now(sched) < deadline)
		;
	rt_wait_poll(rt_sched_wait(sched));
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), -ETIMEDOUT);

	/* no wait at all */
	kind->begin();
	deadline = 0;
	ck_assert_int_eq(join(go_joined(waiter, NULL)), -ETIMEDOUT);

	/* its end */
	kind->begin();
	t = start_waiter(RT_NEVER);
	kind->close();
	rt_task_cancel(t);
	ck_assert_int_eq(join(t), -EPIPE);
	deadline = RT_NEVER;
	ck_assert_int_eq(join(go_joined(waiter, NULL)), -EPIPE);
	return 0;
}

START_TEST(whatever_comes_first_counts_and_nothing_is_lost)
{
	kind = &kinds[_i];
	tasks_run(&sched, all_ways);
}
END_TEST

/* --- each one's own --- */

static int
lock_and_note(void *arg)
{
	ck_assert_int_eq(rt_qlock_lock(&lock, RT_NEVER), 0);
	note(arg);
	rt_task_yield();
	ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
	return 0;
}

TASK_CASE(a_qlock_is_handed_to_who_waits_longest_and_to_nobody_else)
{
	rt_qlock_init(&lock);
	ck_assert_int_eq(rt_qlock_try(&lock), 0);
	ck_assert_int_eq(rt_qlock_lock(&lock, RT_NEVER), -EDEADLK);
	go(lock_and_note, (void *)(uintptr_t)"a");
	go(lock_and_note, (void *)(uintptr_t)"b");
	settle();
	ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
	/* it is a's already */
	ck_assert_int_eq(rt_qlock_try(&lock), -EAGAIN);
	ck_assert_int_eq(rt_qlock_unlock(&lock), -EPERM);
	ck_assert_int_eq(rt_qlock_lock(&lock, RT_NEVER), 0);
	ck_assert_str_eq(order, "ab");
	rt_qlock_close(&lock);
	ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
	ck_assert_int_eq(rt_qlock_try(&lock), -EPIPE);
	ck_assert_int_eq(rt_qlock_unlock(&lock), -EPERM);
	return 0;
}

static int
read_and_note(void *arg)
{
	int rc = rt_rwlock_read(&rw, RT_NEVER);

	note(arg);
	if (rc == 0) {
		rt_task_yield();
		rt_rwlock_read_end(&rw);
	}
	return rc;
}

static int
write_and_note(void *arg)
{
	int rc = rt_rwlock_write(&rw, RT_NEVER);

	note(arg);
	if (rc == 0) {
		ck_assert_uint_eq(rw.readers, 0);
		rt_task_yield();
		rt_rwlock_write_end(&rw);
	}
	return rc;
}

TASK_CASE(writers_come_before_readers_and_readers_come_together)
{
	struct rt_task *w;

	rt_rwlock_init(&rw);
	ck_assert_int_eq(rt_rwlock_read(&rw, 0), 0);
	go(read_and_note, (void *)(uintptr_t)"r");
	settle();
	ck_assert_str_eq(order, "r");
	go(write_and_note, (void *)(uintptr_t)"W");
	settle();
	go(read_and_note, (void *)(uintptr_t)"r");
	go(read_and_note, (void *)(uintptr_t)"r");
	go(write_and_note, (void *)(uintptr_t)"W");
	settle();
	ck_assert_int_eq(rt_rwlock_try_read(&rw), -EAGAIN);
	ck_assert_int_eq(rt_rwlock_try_write(&rw), -EAGAIN);
	ck_assert_int_eq(rt_rwlock_read_end(&rw), 0);
	ck_assert_int_eq(rt_rwlock_read_end(&rw), -EPERM);
	ck_assert_int_eq(rt_rwlock_write_end(&rw), -EPERM);
	settle();
	ck_assert_str_eq(order, "rWWrr");

	/* a writer that gives up lets the readers behind it in */
	ck_assert_int_eq(rt_rwlock_read(&rw, 0), 0);
	w = go_joined(write_and_note, (void *)(uintptr_t)"-");
	settle();
	go(read_and_note, (void *)(uintptr_t)"r");
	settle();
	ck_assert_str_eq(order, "rWWrr");
	rt_task_cancel(w);
	ck_assert_int_eq(join(w), -ECANCELED);
	settle();
	ck_assert_uint_eq(strlen(order), 7);
	ck_assert_int_eq(rt_rwlock_read_end(&rw), 0);
	ck_assert_int_eq(rt_rwlock_write(&rw, 0), 0);
	ck_assert_int_eq(rt_rwlock_read(&rw, RT_NEVER), -EDEADLK);
	ck_assert_int_eq(rt_rwlock_write(&rw, RT_NEVER), -EDEADLK);
	return 0;
}

static int
take_three(void *arg)
{
	int rc = rt_sem_take(&sem, 3, RT_NEVER);

	note(arg);
	return rc;
}

static int
take_one(void *arg)
{
	int rc = rt_sem_take(&sem, 1, RT_NEVER);

	note(arg);
	return rc;
}

TASK_CASE(who_wants_little_of_a_semaphore_waits_behind_who_wants_much)
{
	struct rt_task *much;

	rt_sem_init(&sem, 2);
	much = go_joined(take_three, (void *)(uintptr_t)"3");
	go(take_one, (void *)(uintptr_t)"1");
	settle();
	ck_assert_str_eq(order, "");
	ck_assert_int_eq(rt_sem_try(&sem, 1), -EAGAIN);
	rt_sem_give(&sem, 1);
	ck_assert_int_eq(join(much), 0);
	ck_assert_str_eq(order, "3");
	rt_sem_give(&sem, 1);
	settle();
	ck_assert_str_eq(order, "31");
	/* one that gives up lets those behind it */
	rt_sem_give(&sem, 2);
	much = go_joined(take_three, (void *)(uintptr_t)"-");
	go(take_one, (void *)(uintptr_t)"1");
	settle();
	rt_task_cancel(much);
	ck_assert_int_eq(join(much), -ECANCELED);
	settle();
	ck_assert_uint_eq(sem.count, 1);
	ck_assert_int_eq(rt_sem_try(&sem, 1), 0);
	ck_assert_int_eq(rt_sem_try(&sem, 1), -EAGAIN);
	rt_sem_give(&sem, UINT64_MAX);
	rt_sem_give(&sem, 9);
	ck_assert_uint_eq(sem.count, UINT64_MAX);
	return 0;
}

static int
arrive(void *arg)
{
	int rc = rt_barrier_wait(&barrier, RT_NEVER);

	(void)arg;
	note(rc == 1 ? "L" : rc == 0 ? "." : "-");
	return rc;
}

TASK_CASE(a_barrier_lets_all_go_when_the_last_has_come_and_begins_again)
{
	struct rt_task *leaver;

	rt_barrier_init(&barrier, 3);
	for (int round = 0; round < 3; round++) {
		leaver = go_joined(arrive, NULL);
		go(arrive, NULL);
		settle();
		rt_task_cancel(leaver);
		ck_assert_int_eq(join(leaver), -ECANCELED);
		go(arrive, NULL);
		settle();
		ck_assert_uint_eq(barrier.here, 2);
		ck_assert_int_eq(rt_barrier_wait(&barrier, RT_NEVER), 1);
		settle();
	}
	ck_assert_str_eq(order, "-..-..-..");
	rt_barrier_init(&barrier, 1);
	ck_assert_int_eq(rt_barrier_wait(&barrier, 0), 1);
	return 0;
}

static uint32_t inside, most;

static int
work(void *arg)
{
	for (uintptr_t i = (uintptr_t)arg; i < 200; i++) {
		ck_assert_int_eq(rt_qlock_lock(&lock, RT_NEVER), 0);
		inside++;
		most = inside > most ? inside : most;
		if (i % 3 == 0)
			rt_task_yield();
		inside--;
		ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
		if (i % 5 == 0)
			rt_task_yield();
	}
	return 0;
}

TASK_CASE(no_two_tasks_are_inside_a_qlock)
{
	rt_qlock_init(&lock);
	for (uintptr_t i = 0; i < 50; i++)
		go(work, (void *)i);
	work(NULL);
	ck_assert_uint_eq(most, 1);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("locks");

	tcase_add_test(tc, a_rendez_wakes_who_sleeps_longest_first);
	tcase_add_loop_test(tc, whatever_comes_first_counts_and_nothing_is_lost,
			    0, KINDS);
	tcase_add_test(tc,
		a_qlock_is_handed_to_who_waits_longest_and_to_nobody_else);
	tcase_add_test(tc,
		writers_come_before_readers_and_readers_come_together);
	tcase_add_test(tc,
		who_wants_little_of_a_semaphore_waits_behind_who_wants_much);
	tasks_add(tc,
		a_barrier_lets_all_go_when_the_last_has_come_and_begins_again);
	tasks_add(tc, no_two_tasks_are_inside_a_qlock);
	return tasks_main("rt_locks", tc);
}
