/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs of tasks over all primitives, held against plain models.
 *
 * A seed makes a program: how many tasks there are, and what each does next:
 * wait for this or that, for ever, for a moment or not at all; cancel another
 * task, make or join one. Each grant is held against a model that knows nothing
 * of waiting: who is inside, how much there is, which item comes next. In the
 * end every task has ended and nothing is held by anybody.
 */
#include "rt/rt_chan.h"
#include "rt/rt_pool.h"
#include "rt/rt_qlock.h"
#include "rt/rt_range.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rwlock.h"
#include "rt/rt_sem.h"
#include "tests/unit/rt/tasks.h"

#define STARTERS 24u
#define STEPS (TASKS_SANITIZED ? 150u : 600u)
#define SEEDS (TASKS_SANITIZED ? 6 : 20)
#define CHANS 3u
#define SEM 5u
#define POOL 4u
#define ITEMS (STARTERS * STEPS)

static struct rt_qlock lock;
static struct rt_rwlock rw;
static struct rt_sem sem;
static struct rt_chan chans[CHANS];
static uint64_t room[4];
static struct rt_pool pool;
static struct rt_ranges ranges;
static struct rt_rendez rendez;

/* The models. */
static int in_lock, readers, writers;
static uint32_t sem_out, pool_out;
static int32_t bytes[64];
static uint64_t sent[CHANS], received[CHANS];	/* numbers of items */
static uint8_t seen[CHANS][ITEMS];
static uint32_t asleep, woken;
static uint32_t ended, made, ends[4];	/* well, late, cancelled, other */

static struct rt_task *running[STARTERS];	/* to cancel; NULL: ended */

static uint64_t
lot(uint64_t n)
{
	return rt_sched_random(sched) % n;
}

/* For ever only where somebody must come; a moment; not at all. */
static uint64_t
some_time(void)
{
	switch (lot(3)) {
	case 0:
		return 0;
	case 1:
		return rt_sched_now(sched) + lot(200000);
	default:
		return RT_NEVER;
	}
}

static uint64_t
short_time(void)
{
	return lot(2) ? 0 : rt_sched_now(sched) + lot(200000);
}

static int
count(int rc)
{
	ends[rc == 0 ? 0 : rc == -ETIMEDOUT ? 1 : rc == -ECANCELED ? 2 : 3]++;
	ck_assert(rc == 0 || rc == -ETIMEDOUT || rc == -ECANCELED);
	return rc;
}

/* Let others run while something is held, cancelled or not. */
static void
dwell(void)
{
	for (uint64_t n = lot(3); n; n--)
		rt_task_yield();
}

static void
try_lock(void)
{
	if (count(rt_qlock_lock(&lock, some_time())))
		return;
	ck_assert_int_eq(in_lock++, 0);
	dwell();
	in_lock--;
	ck_assert_int_eq(rt_qlock_unlock(&lock), 0);
}

static void
try_read(void)
{
	if (count(rt_rwlock_read(&rw, some_time())))
		return;
	readers++;
	ck_assert_int_eq(writers, 0);
	dwell();
	readers--;
	ck_assert_int_eq(rt_rwlock_read_end(&rw), 0);
}

static void
try_write(void)
{
	if (count(rt_rwlock_write(&rw, some_time())))
		return;
	ck_assert_int_eq(writers++ + readers, 0);
	dwell();
	writers--;
	ck_assert_int_eq(rt_rwlock_write_end(&rw), 0);
}

static void
try_sem(void)
{
	uint32_t n = 1 + (uint32_t)lot(SEM);

	if (count(rt_sem_take(&sem, n, some_time())))
		return;
	sem_out += n;
	ck_assert_uint_le(sem_out, SEM);
	dwell();
	sem_out -= n;
	rt_sem_give(&sem, n);
}

static void
try_pool(void)
{
	uint32_t n = 1 + (uint32_t)lot(POOL);
	struct rt_reserve r;

	if (count(rt_pool_reserve(&pool, n, &r, some_time())))
		return;
	pool_out += n;
	ck_assert_uint_le(pool_out, POOL);
	ck_assert_uint_eq(r.count, n);
	dwell();
	pool_out -= n;
	rt_pool_release(&r);
}

static void
mark(uint64_t first, uint64_t size, int shared, int by)
{
	for (uint64_t i = first; i < first + size; i++) {
		if (by > 0)
			ck_assert_int_eq(shared ? bytes[i] < 0 : bytes[i], 0);
		bytes[i] += shared ? by : -by;
	}
}

static void
try_range(void)
{
	uint64_t first = lot(60), size = 1 + lot(4);
	int shared = (int)lot(2);
	struct rt_range range;

	if (count(rt_range_lock(&ranges, &range, first, size, shared,
				some_time())))
		return;
	mark(first, size, shared, 1);
	dwell();
	mark(first, size, shared, -1);
	rt_range_unlock(&ranges, &range);
}

/*
 * Each item is received once. Not always in order, as seen from here: who was
 * given one may have its turn after another task that took the next.
 */
static void
got_item(uint32_t i, uint64_t item)
{
	ck_assert_uint_lt(item, ITEMS);
	ck_assert_int_eq(seen[i][item], 0);
	seen[i][item] = 1;
	received[i]++;
}

/*
 * The number of an item is given when it is sent, so a channel has one sender
 * at a time that waits: its number is not anybody else's.
 */
static int sending[CHANS];

static void
try_send(void)
{
	uint32_t i = (uint32_t)lot(CHANS);
	uint64_t item = sent[i];

	if (sending[i])
		return;
	sending[i] = 1;
	if (count(rt_chan_send(&chans[i], &item, short_time())) == 0)
		sent[i]++;
	sending[i] = 0;
}

static void
try_receive(void)
{
	struct rt_chan_case cases[CHANS];
	uint64_t items[CHANS];
	uint32_t which;

	for (uint32_t i = 0; i < CHANS; i++)
		cases[i] = (struct rt_chan_case){ .op = RT_CHAN_RECEIVE,
			.chan = &chans[i], .item = &items[i] };
	if (count(rt_chan_alt(cases, CHANS, &which, short_time())) == 0)
		got_item(which, items[which]);
}

static void
try_rendez(void)
{
	asleep++;
	if (count(rt_rendez_sleep(&rendez, short_time())) == 0)
		woken--;
	asleep--;
}

static void
wake_some(void)
{
	uint32_t n = lot(2) ? rt_rendez_wake(&rendez) :
		rt_rendez_wake_all(&rendez);

	woken += n;
	ck_assert_uint_le(woken, asleep);
}

static int
leaf(void *arg)
{
	dwell();
	return (int)(intptr_t)arg;
}

static void
make_and_join(void)
{
	int number = (int)lot(1000), rc = -1;
	struct rt_task *t = go_joined(leaf, (void *)(intptr_t)number);

	made++;
	if (lot(2)) {
		rt_task_detach(t);
	} else if (rt_task_join(t, &rc, some_time()) == 0) {
		ck_assert_int_eq(rc, number);
	} else {
		rt_task_detach(t);
	}
}

static void
cancel_one(void)
{
	struct rt_task *t = running[lot(STARTERS)];

	if (t && lot(8) == 0)
		rt_task_cancel(t);
}

static void (*const steps[])(void) = {
	try_lock, try_lock, try_read, try_read, try_write, try_sem, try_sem,
	try_pool, try_range, try_range, try_send, try_send, try_receive,
	try_receive, try_rendez, wake_some, make_and_join, cancel_one, dwell,
};

static int
program(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint32_t i = 0; i < STEPS; i++) {
		/* some go on after a cancel, some end */
		if (rt_task_cancelled(rt_task_self()) && lot(20) == 0)
			break;
		if (lot(10) == 0) {
			rt_task_hold_cancel();
			steps[lot(sizeof(steps) / sizeof(steps[0]))]();
			rt_task_let_cancel();
		} else {
			steps[lot(sizeof(steps) / sizeof(steps[0]))]();
		}
	}
	running[me] = NULL;
	ended++;
	return 0;
}

static void
begin(void)
{
	rt_qlock_init(&lock);
	rt_rwlock_init(&rw);
	rt_sem_init(&sem, SEM);
	rt_rendez_init(&rendez);
	rt_ranges_init(&ranges);
	rt_chan_init(&chans[0], 8, 0, NULL);
	rt_chan_init(&chans[1], 8, 1, room);
	rt_chan_init(&chans[2], 8, 3, room + 1);
	ck_assert_int_eq(rt_pool_init(&pool, 32, 8, 1, POOL), 0);
}

START_TEST(nothing_is_lost_doubled_or_out_of_order)
{
	struct rt_sched_opts opts = { .seed = (uint64_t)_i * 7919 + 1 };
	struct rt_task_opts named = { .name = "program" };

	ck_assert_int_eq(rt_sched_new(&opts, &sched), 0);
	begin();
	for (uintptr_t i = 0; i < STARTERS; i++) {
		ck_assert_int_eq(rt_task_create(sched, program, (void *)i,
						&named, &running[i]), 0);
		rt_task_detach(running[i]);
	}
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_uint_eq(ended, STARTERS);
	ck_assert_ptr_null(lock.owner);
	ck_assert(utils_list_empty(&lock.waiters));
	ck_assert_uint_eq(rw.readers, 0);
	ck_assert_ptr_null(rw.writer);
	ck_assert_uint_eq(sem.count, SEM);
	ck_assert_uint_eq(pool.free_count, pool.total);
	ck_assert_ptr_null(ranges.root);
	ck_assert_uint_eq(asleep + woken, 0);
	for (uint32_t i = 0; i < CHANS; i++) {
		ck_assert_uint_eq(sent[i], received[i] + chans[i].count);
		for (uint64_t n = 0; n < received[i]; n++)
			ck_assert_int_eq(seen[i][n], 1);
	}
	for (int i = 0; i < 3; i++)	/* well, late and cancelled */
		ck_assert_uint_gt(ends[i], 0);
	ck_assert_uint_gt(made, 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
	rt_pool_fini(&pool);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("random");

	tcase_add_loop_test(tc, nothing_is_lost_doubled_or_out_of_order, 0,
			    SEEDS);
	return tasks_main("rt_random", tc);
}
