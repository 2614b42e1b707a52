/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_mail and rt_topic: what other threads have done on a scheduler's
 * thread, in which order, and what becomes of it when it is cancelled or the
 * scheduler ends; and how a thread cancels another one's timer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "rt/rt_mail.h"
#include "rt/rt_rendez.h"
#include "rt/rt_sem.h"
#include "rt/rt_topic.h"
#include "tests/unit/rt/tasks.h"

#define SENDERS 4
#define LETTERS (TASKS_SANITIZED ? 2000u : 20000u)

struct letter {
	struct rt_mail mail;
	uint32_t sender;
	uint32_t number;
};

static struct letter letters[SENDERS][20000];
static uint32_t next[SENDERS], calls, drops, wrong;
static struct rt_rendez all_here;
static pthread_t home;

static void
on_call(struct rt_mail *mail)
{
	struct letter *l = (struct letter *)(void *)mail;

	wrong += !pthread_equal(pthread_self(), home) || rt_task_self() != NULL;
	wrong += l->number != next[l->sender];
	next[l->sender]++;
	if (++calls == SENDERS * LETTERS)
		rt_rendez_wake(&all_here);
}

static void
on_drop(struct rt_mail *mail)
{
	(void)mail;
	drops++;
}

static struct rt_sched *target;

static void *
post_all(void *arg)
{
	uint32_t sender = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; i < LETTERS; i++) {
		struct letter *l = &letters[sender][i];

		l->mail.call = on_call;
		l->sender = sender;
		l->number = i;
		rt_mail_post(target, &l->mail);
		if (i % 512 == 0) {
			struct timespec nap = { 0, 100000 };

			nanosleep(&nap, NULL);
		}
	}
	return NULL;
}

TASK_CASE(mail_of_each_sender_arrives_in_its_order_on_the_threads_own)
{
	pthread_t threads[SENDERS];

	rt_rendez_init(&all_here);
	home = pthread_self();
	target = sched;
	for (uintptr_t i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, post_all,
						(void *)i), 0);
	/* it sleeps now and then: a lost wake would last for ever */
	ck_assert_int_eq(rt_rendez_sleep(&all_here, in_ms(100000)), 0);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(calls, SENDERS * LETTERS);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* One word each way, both asleep: a wake that is lost is an hour. */
static struct rt_sched *sides[2];
static struct rt_sem side_sem[2];	/* remember, unlike a rendez */
static struct rt_mail ball[2];
static _Atomic uint32_t hits;

static void
on_ball(struct rt_mail *mail)
{
	int side = mail == &ball[1];

	rt_sem_give(&side_sem[side], 1);
}

static int
player(void *arg)
{
	int side = (int)(intptr_t)arg;

	for (int i = 0; i < 2000; i++) {
		if (side == 0)
			rt_mail_post(sides[1], &ball[1]);
		ck_assert_int_eq(rt_sem_take(&side_sem[side], 1, RT_NEVER), 0);
		if (side == 1)
			rt_mail_post(sides[0], &ball[0]);
		atomic_fetch_add(&hits, 1);
	}
	return 0;
}

static void *
play(void *arg)
{
	return (void *)(intptr_t)rt_sched_run(sides[(intptr_t)arg]);
}

START_TEST(two_schedulers_that_sleep_wake_each_other)
{
	pthread_t threads[2];
	void *rc;

	for (intptr_t i = 0; i < 2; i++) {
		ck_assert_int_eq(rt_sched_new(NULL, &sides[i]), 0);
		rt_sem_init(&side_sem[i], 0);
		ball[i].call = on_ball;
		ck_assert_int_eq(rt_task_create(sides[i], player, (void *)i,
						NULL, NULL), 0);
	}
	for (intptr_t i = 1; i >= 0; i--)
		pthread_create(&threads[i], NULL, play, (void *)i);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &rc);
		ck_assert_ptr_null(rc);
	}
	ck_assert_uint_eq(hits, 4000);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(rt_sched_free(sides[i]), 0);
}
END_TEST

START_TEST(cancelled_mail_is_dropped_and_delivered_mail_cannot_be_cancelled)
{
	struct letter a = { .mail = { .call = on_call, .drop = on_drop } };
	struct letter b = a, c = a;

	home = pthread_self();
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_sched_enter(sched), 0);
	ck_assert_int_eq(rt_mail_cancel(&a.mail), -EALREADY);
	rt_mail_post(sched, &a.mail);
	rt_mail_post(sched, &b.mail);
	ck_assert(!rt_sched_idle(sched));
	ck_assert_int_eq(rt_mail_cancel(&a.mail), 0);
	ck_assert_int_eq(rt_mail_cancel(&a.mail), -EALREADY);
	ck_assert_uint_eq(rt_sched_step(sched, 1), 2);
	ck_assert_int_eq(rt_mail_cancel(&b.mail), -EALREADY);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(drops, 1);
	/* what is not delivered when the scheduler ends is dropped */
	rt_mail_post(sched, &c.mail);
	rt_sched_leave(sched);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	ck_assert_uint_eq(calls + drops, 3);
}
END_TEST

/* --- topics --- */

struct hearer {
	struct rt_subscriber sub;
	uint64_t sum;
	uint32_t count;
	uint32_t last;
	uint32_t leave_after;	/* 0: never */
	uint32_t want;
};

static struct rt_topic topic;
static struct rt_rendez heard[2];

static void
hear(struct rt_subscriber *sub, const void *news, size_t size)
{
	struct hearer *h = (struct hearer *)(void *)sub;
	uint32_t n;

	ck_assert_uint_eq(size, sizeof(n));
	memcpy(&n, news, size);
	ck_assert_uint_gt(n, h->last);
	h->last = n;
	h->sum += n;
	if (++h->count == h->leave_after)
		rt_topic_leave(sub);
	if (h->count == h->want)
		rt_rendez_wake_all(sub->user);
}

TASK_CASE(news_are_heard_in_order_until_the_subscriber_leaves)
{
	struct hearer a = { .sub = { .hear = hear, .user = &heard[0] },
			    .want = 5 };
	struct hearer b = { .sub = { .hear = hear, .user = &heard[0] },
			    .leave_after = 2 };

	rt_rendez_init(&heard[0]);
	rt_topic_init(&topic);
	ck_assert_int_eq(rt_topic_publish(&topic, NULL, 0), 0);
	rt_topic_join(&topic, sched, &a.sub);
	rt_topic_join(&topic, sched, &b.sub);
	for (uint32_t n = 1; n <= 5; n++)
		ck_assert_int_eq(rt_topic_publish(&topic, &n, sizeof(n)), 2);
	ck_assert_uint_eq(a.count, 0);
	ck_assert_int_eq(rt_rendez_sleep(&heard[0], RT_NEVER), 0);
	ck_assert_uint_eq(a.sum, 15);
	ck_assert_uint_eq(b.sum, 3);
	/* news that are under way are not heard any more */
	ck_assert_int_eq(rt_topic_publish(&topic, &(uint32_t){ 9 }, 4), 1);
	rt_topic_leave(&a.sub);
	rt_topic_leave(&a.sub);
	ck_assert_int_eq(rt_topic_publish(&topic, &(uint32_t){ 10 }, 4), 0);
	settle();
	rt_task_delay(in_ms(1));
	ck_assert_uint_eq(a.sum, 15);
	rt_topic_fini(&topic);
	return 0;
}

static struct hearer everywhere[2];

static int
listen_to_all(void *arg)
{
	intptr_t side = (intptr_t)arg;

	/* mail may be there before this has run */
	if (everywhere[side].count < everywhere[side].want)
		ck_assert_int_eq(rt_rendez_sleep(&heard[side], RT_NEVER), 0);
	return 0;
}

static void *
publish(void *arg)
{
	for (uint32_t n = 1; n <= 1000; n++)
		ck_assert_int_ge(rt_topic_publish(&topic, &n, sizeof(n)), 0);
	return arg;
}

START_TEST(every_scheduler_hears_what_any_thread_publishes)
{
	pthread_t threads[3];

	rt_topic_init(&topic);
	for (intptr_t i = 0; i < 2; i++) {
		ck_assert_int_eq(rt_sched_new(NULL, &sides[i]), 0);
		rt_rendez_init(&heard[i]);
		everywhere[i].sub.hear = hear;
		everywhere[i].sub.user = &heard[i];
		everywhere[i].want = 1000;
		rt_topic_join(&topic, sides[i], &everywhere[i].sub);
		ck_assert_int_eq(rt_task_create(sides[i], listen_to_all,
						(void *)i,
						NULL, NULL), 0);
		pthread_create(&threads[i], NULL, play, (void *)i);
	}
	pthread_create(&threads[2], NULL, publish, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(everywhere[i].sum, 500500);
		/* it leaves with its scheduler */
		ck_assert_int_eq(rt_sched_free(sides[i]), 0);
		ck_assert_ptr_null(everywhere[i].sub.topic);
	}
	ck_assert_uint_eq(topic.count, 0);
	rt_topic_fini(&topic);
}
END_TEST

/* A timer that another thread cancels. */
static struct race {
	struct rt_timer timer;
	struct rt_mail mail;
	uint32_t fired;
	uint32_t late;		/* it was not set any more */
	int over;
	struct rt_rendez done;
} race;

static void
on_time(struct rt_timer *timer)
{
	(void)timer;
	race.fired++;
}

static void
on_cancel(struct rt_mail *mail)
{
	struct race *r = mail->user;

	r->late += !rt_timer_is_set(&r->timer);
	rt_timers_cancel(rt_wait_timers(rt_sched_wait(sched)), &r->timer);
	r->over = 1;
	rt_rendez_wake(&r->done);
}

static void *
cancel_it(void *arg)
{
	struct timespec nap = { 0, (long)(uintptr_t)arg };

	nanosleep(&nap, NULL);
	rt_mail_post(sched, &race.mail);
	return NULL;
}

static void
run_race(uint64_t timer_ns, uint64_t cancel_ns)
{
	pthread_t thread;

	rt_timers_set(rt_wait_timers(rt_sched_wait(sched)), &race.timer,
		      rt_sched_now(sched) + timer_ns);
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_it,
					(void *)(uintptr_t)cancel_ns), 0);
	while (!race.over)
		ck_assert_int_eq(rt_rendez_sleep(&race.done, RT_NEVER), 0);
	race.over = 0;
	pthread_join(thread, NULL);
	ck_assert(!rt_timer_is_set(&race.timer));
}

TASK_CASE(a_timer_that_another_thread_cancels_fires_before_that_or_never)
{
	race.timer.fire = on_time;
	race.mail.call = on_cancel;
	race.mail.user = &race;
	rt_rendez_init(&race.done);
	run_race(3600 * 1000 * MS, 0);
	ck_assert_uint_eq(race.fired, 0);
	ck_assert_uint_eq(race.late, 0);
	for (uint64_t n = 0; n < 200; n++) {
		run_race(n * 2000, 200000);
		ck_assert_uint_eq(race.fired, race.late);
	}
	race.fired = race.late = 0;
	rt_timers_set(rt_wait_timers(rt_sched_wait(sched)), &race.timer, 0);
	while (race.fired == 0)
		rt_task_delay(in_ms(1));
	cancel_it(NULL);
	while (!race.over)
		ck_assert_int_eq(rt_rendez_sleep(&race.done, RT_NEVER), 0);
	ck_assert_uint_eq(race.fired, 1);
	ck_assert_uint_eq(race.late, 1);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("mail");

	tcase_add_test(tc,
		mail_of_each_sender_arrives_in_its_order_on_the_threads_own);
	tcase_add_test(tc, two_schedulers_that_sleep_wake_each_other);
	tcase_add_test(tc,
		cancelled_mail_is_dropped_and_delivered_mail_cannot_be_cancelled);
	tcase_add_test(tc,
		news_are_heard_in_order_until_the_subscriber_leaves);
	tcase_add_test(tc, every_scheduler_hears_what_any_thread_publishes);
	tcase_add_test(tc,
		a_timer_that_another_thread_cancels_fires_before_that_or_never);
	return tasks_main("rt_mail", tc);
}
