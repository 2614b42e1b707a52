/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_dump, rt_backtrace and rt_place: what a dump says of each task is
 * so, down to the line on which the test itself has it wait.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_backtrace.h"
#include "rt/rt_barrier.h"
#include "rt/rt_chan.h"
#include "rt/rt_dump.h"
#include "rt/rt_inside.h"
#include "rt/rt_io.h"
#include "rt/rt_place.h"
#include "rt/rt_pool.h"
#include "rt/rt_qlock.h"
#include "rt/rt_range.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rwlock.h"
#include "rt/rt_sem.h"
#include "tests/unit/rt/tasks.h"

#if defined(VINE_HAVE_LIBDW) && defined(VINE_FRAME_POINTERS)
#define LINES 1
#else
#define LINES 0
#endif

static struct rt_rendez rendez;
static struct rt_qlock qlock;
static struct rt_rwlock rwlock;
static struct rt_sem sem;
static struct rt_barrier barrier;
static struct rt_chan chan;
static struct rt_ranges ranges;
static struct rt_pool pool;
static struct rt_task *joined;
static int pair[2];

/* --- each thing that a task may wait for --------------------------------- */

/* How one waits, the line on which it does, and what the dump should say. */
struct wait {
	const char *what;
	int (*fn)(void *arg);
	const void *object;
	int line;
};

#define WAITS_IN(name, call) \
	static int \
	name(void *arg) \
	{ \
		struct wait *w = arg; \
		w->line = __LINE__; (void)(call); \
		return 0; \
	}

static char byte;
static struct rt_range range;
static void *buffer;

WAITS_IN(in_rendez, rt_rendez_sleep(&rendez, RT_NEVER))
WAITS_IN(in_qlock, rt_qlock_lock(&qlock, RT_NEVER))
WAITS_IN(in_reading, rt_rwlock_read(&rwlock, RT_NEVER))
WAITS_IN(in_writing, rt_rwlock_write(&rwlock, RT_NEVER))
WAITS_IN(in_sem, rt_sem_take(&sem, 1, RT_NEVER))
WAITS_IN(in_barrier, rt_barrier_wait(&barrier, RT_NEVER))
WAITS_IN(in_chan, rt_chan_receive(&chan, &byte, RT_NEVER))
WAITS_IN(in_range, rt_range_lock(&ranges, &range, 0, 8, 0, RT_NEVER))
WAITS_IN(in_pool, rt_pool_get(&pool, &buffer, RT_NEVER))
WAITS_IN(in_delay, rt_task_delay(RT_NEVER))
WAITS_IN(in_join, rt_task_join(joined, NULL, RT_NEVER))
WAITS_IN(in_recv, rt_io_recv(pair[0], &byte, 1, 0, RT_NEVER))

static struct wait waits[] = {
	{ "rendez", in_rendez, &rendez, 0 },
	{ "qlock", in_qlock, &qlock, 0 },
	{ "rwlock, to read", in_reading, &rwlock, 0 },
	{ "rwlock, to write", in_writing, &rwlock, 0 },
	{ "semaphore", in_sem, &sem, 0 },
	{ "barrier", in_barrier, &barrier, 0 },
	{ "channel", in_chan, &chan, 0 },
	{ "range", in_range, &ranges, 0 },
	{ "pool", in_pool, &pool, 0 },
	{ "delay", in_delay, NULL, 0 },
	{ "join", in_join, NULL, 0 },
	{ "recv", in_recv, NULL, 0 },
};

enum { WAITS = sizeof(waits) / sizeof(waits[0]) };

/* Have everything taken that could be had. */
static void
take_all(void)
{
	static struct rt_range taken;
	void *had;

	rt_rendez_init(&rendez);
	rt_qlock_init(&qlock);
	ck_assert_int_eq(rt_qlock_lock(&qlock, 0), 0);
	rt_rwlock_init(&rwlock);
	ck_assert_int_eq(rt_rwlock_write(&rwlock, 0), 0);
	rt_sem_init(&sem, 0);
	rt_barrier_init(&barrier, 2);
	rt_chan_init(&chan, 1, 0, NULL);
	rt_ranges_init(&ranges);
	ck_assert_int_eq(rt_range_lock(&ranges, &taken, 0, 8, 0, 0), 0);
	ck_assert_int_eq(rt_pool_init(&pool, 64, 64, 1, 1), 0);
	ck_assert_int_eq(rt_pool_get(&pool, &had, 0), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair), 0);
	buffer = had;
}

static void
cancel_one(struct rt_task *task, void *user)
{
	if (task != user)
		rt_task_cancel(task);
}

static void
end_all(void)
{
	rt_sched_each(sched, cancel_one, rt_task_self());
	settle();
	while (rt_sched_tasks(sched) > 1)
		rt_task_yield();
}

static const struct rt_dump_task *
find(const struct rt_dump *d, const char *name)
{
	for (uint32_t i = 0; i < rt_dump_count(d); i++)
		if (strcmp(rt_dump_task(d, i)->name, name) == 0)
			return rt_dump_task(d, i);
	ck_abort_msg("the dump has no task %s", name);
	return NULL;
}

static struct rt_dump *
dump_all(void)
{
	struct rt_dump *d;

	ck_assert_int_eq(rt_dump_here(sched, 20000, &d), 0);
	ck_assert(rt_dump_done(d));
	return d;
}

static void
object_of(const struct wait *w, char text[VINE_RT_NAME])
{
	if (w->object)
		snprintf(text, VINE_RT_NAME, "%p", w->object);
	else if (strcmp(w->what, "recv") == 0)
		snprintf(text, VINE_RT_NAME, "fd %d", pair[0]);
	else
		strcpy(text, strcmp(w->what, "join") == 0 ? "joined" : "");
}

/* libdw needs more stack than a task has. */
static struct {
	const struct rt_dump_task *task;
	struct rt_place place;
	uint32_t at;
} sought;

static void *
seek(void *arg)
{
	(void)arg;
	sought.at = rt_place_waits(sought.task->frames, sought.task->count,
				   &sought.place);
	return NULL;
}

static void
check_place(const struct rt_dump_task *t, const char *function, int line)
{
	struct rt_place place;
	pthread_t thread;

	if (!LINES)
		return;
	sought.task = t;
	ck_assert_int_eq(pthread_create(&thread, NULL, seek, NULL), 0);
	pthread_join(thread, NULL);
	place = sought.place;
	ck_assert_uint_lt(sought.at, t->count);
	ck_assert_msg(strcmp(place.file, "tests/unit/rt/test_rt_dump.c") == 0,
		      "%s waits in \"%s\"", t->name, place.file);
	ck_assert_msg(place.line == line, "%s waits at line %d, not %d",
		      t->name, place.line, line);
	if (function)
		ck_assert_str_eq(place.function, function);
}

TASK_CASE(each_wait_is_shown_with_its_object_and_the_line_of_its_caller)
{
	struct rt_task_opts named = { .name = "joined" };
	char text[VINE_RT_NAME];
	struct rt_dump *d;

	take_all();
	ck_assert_int_eq(rt_task_create(sched, in_rendez, &waits[0], &named,
					&joined), 0);
	for (int i = 0; i < WAITS; i++) {
		struct rt_task_opts o = { .name = waits[i].what };

		ck_assert_int_eq(rt_task_create(sched, waits[i].fn, &waits[i],
						&o, NULL), 0);
	}
	settle();
	d = dump_all();
	ck_assert_uint_eq(rt_dump_count(d), WAITS + 2);
	for (int i = 0; i < WAITS; i++) {
		const struct rt_dump_task *t = find(d, waits[i].what);

		ck_assert_int_eq(t->state, RT_TASK_BLOCKED);
		ck_assert_str_eq(t->what, waits[i].what);
		object_of(&waits[i], text);
		ck_assert_str_eq(t->object, text);
		ck_assert(t->fn == waits[i].fn);
		ck_assert_uint_eq(t->left_ns, RT_NEVER);
		check_place(t, NULL, waits[i].line);
	}
	rt_dump_drop(d);
	rt_task_detach(joined);
	end_all();
	rt_pool_put(&pool, buffer);
	rt_pool_fini(&pool);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* --- states, ages -------------------------------------------------------- */

static int line_within;

static __attribute__((noinline)) int
deep_within(int depth)
{
	int rc;

	if (depth)
		return deep_within(depth - 1);
	rt_task_hold_cancel();
	line_within = __LINE__; rc = rt_rendez_sleep(&rendez, in_ms(60000));
	rt_task_let_cancel();
	return rc;
}

static int
sleep_deep(void *arg)
{
	(void)arg;
	return deep_within(5);
}

static int
just_end(void *arg)
{
	(void)arg;
	return 3;
}

TASK_CASE(states_ages_deadlines_and_cancels_are_shown_as_they_are)
{
	struct rt_task_opts system = { .name = "deep",
		.flags = RT_TASK_SYSTEM }, fresh = { .name = "fresh" },
		ended = { .name = "ended" };
	struct rt_task *deep, *end;
	const struct rt_dump_task *t;
	struct rt_dump *d;

	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_task_create(sched, sleep_deep, NULL, &system,
					&deep), 0);
	ck_assert_int_eq(rt_task_create(sched, just_end, NULL, &ended, &end),
			 0);
	settle();
	rt_task_cancel(deep);
	ck_assert_int_eq(rt_task_delay(in_ms(30)), 0);
	ck_assert_int_eq(rt_task_create(sched, just_end, NULL, &fresh, NULL),
			 0);
	d = dump_all();
	t = find(d, "deep");
	ck_assert(t->state == RT_TASK_BLOCKED && t->system && t->cancelled &&
		  t->held && t->begun);
	ck_assert_uint_ge(t->age_ns, 29 * MS);
	ck_assert_uint_le(t->left_ns, 60000 * MS);
	ck_assert_uint_ge(t->left_ns, 1000 * MS);
	ck_assert(!LINES || t->count >= 8);
	check_place(t, "deep_within", line_within);
	t = find(d, "fresh");
	ck_assert(t->state == RT_TASK_READY && !t->begun && t->count == 0);
	ck_assert(t->fn == just_end);
	t = find(d, "ended");
	ck_assert(t->state == RT_TASK_ENDED && t->count == 0);
	ck_assert_uint_ge(t->age_ns, 29 * MS);
	t = find(d, "task");
	ck_assert_int_eq(t->state, RT_TASK_RUNNING);
	rt_dump_drop(d);
	rt_rendez_close(&rendez);
	ck_assert_int_eq(join(deep), -EPIPE);
	ck_assert_int_eq(join(end), 3);
	return 0;
}

/* --- many ---------------------------------------------------------------- */

static int
sleep_here(void *arg)
{
	(void)arg;
	line_within = __LINE__; (void)rt_rendez_sleep(&rendez, RT_NEVER);
	return 0;
}

static struct {
	char text[65536];
	size_t used;
} report;

static void
add_line(const char *text, void *user)
{
	size_t n = strlen(text);

	(void)user;
	ck_assert_uint_lt(report.used + n + 2, sizeof(report.text));
	memcpy(report.text + report.used, text, n);
	report.used += n;
	report.text[report.used++] = '\n';
	report.text[report.used] = '\0';
}

static struct rt_dump *asked;

static void *
ask(void *arg)
{
	struct rt_dump *d;
	uint32_t i;

	(void)arg;
	for (;;) {
		ck_assert_int_eq(rt_dump_ask(sched, 20000, &d), 0);
		ck_assert_int_eq(rt_dump_await(d, 60000 * MS), 0);
		for (i = 0; i < rt_dump_count(d); i++)
			if (rt_dump_task(d, i)->state != RT_TASK_BLOCKED)
				break;
		if (i == rt_dump_count(d))
			break;
		rt_dump_drop(d);	/* not all of them have come so far */
	}
	asked = d;
	rt_sched_stop(sched);
	return NULL;
}

START_TEST(ten_thousand_tasks_are_dumped_from_another_thread_and_are_one_line)
{
	enum { MANY = 10000 };
	char expect[128];
	pthread_t thread;

	report.used = 0;
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	for (int i = 0; i < MANY; i++)
		go(sleep_here, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, ask, NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(rt_dump_count(asked), MANY);
	ck_assert_uint_eq(rt_dump_left_out(asked), 0);
	rt_dump_drop(asked);
	ck_assert_int_eq(rt_dump_here(sched, MANY - 1, &asked), 0);
	ck_assert_uint_eq(rt_dump_count(asked), MANY - 1);
	ck_assert_uint_eq(rt_dump_left_out(asked), 1);
	rt_dump_print(asked, add_line, NULL);
	rt_dump_drop(asked);
	snprintf(expect, sizeof(expect), "9999 tasks task: blocked, rendez "
		 "%s%p", LINES ? "rendez " : "", (void *)&rendez);
	ck_assert_ptr_eq(strstr(report.text, expect), report.text);
	snprintf(expect, sizeof(expect),
		 "    sleep_here tests/unit/rt/test_rt_dump.c:%d\n",
		 line_within);
	if (LINES)
		ck_assert_ptr_nonnull(strstr(report.text, expect));
	ck_assert_ptr_nonnull(strstr(report.text, "\n1 tasks more\n"));
	rt_rendez_close(&rendez);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

static _Atomic int dumps_to_go;

static void *
ask_again_and_again(void *arg)
{
	(void)arg;
	while (dumps_to_go > 0) {
		struct rt_dump *d;

		ck_assert_int_eq(rt_dump_ask(sched, 1000, &d), 0);
		if (dumps_to_go % 3)
			ck_assert_int_eq(rt_dump_await(d, 60000 * MS), 0);
		rt_dump_drop(d);
		dumps_to_go--;
	}
	return NULL;
}

static int
come_and_go(void *arg)
{
	struct rt_task_opts o = { .name = "short" };

	(void)arg;
	while (dumps_to_go > 0) {
		for (int i = 0; i < 300; i++)
			ck_assert_int_eq(rt_task_create(sched, just_end, NULL,
							&o, NULL), 0);
		ck_assert_int_eq(rt_task_yield(), 0);
	}
	return 0;
}

START_TEST(tasks_end_while_a_dump_goes_through_them)
{
	pthread_t thread;

	dumps_to_go = 300;
	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	go(come_and_go, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, ask_again_and_again,
					NULL), 0);
	ck_assert_int_eq(rt_sched_run(sched), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(rt_sched_free(sched), 0);
}
END_TEST

START_TEST(a_dump_of_a_scheduler_that_is_freed_ends)
{
	struct rt_dump *d;

	ck_assert_int_eq(rt_sched_new(NULL, &sched), 0);
	ck_assert_int_eq(rt_dump_ask(sched, 100, &d), 0);
	ck_assert(!rt_dump_done(d));
	ck_assert_int_eq(rt_sched_free(sched), 0);
	ck_assert(rt_dump_done(d));
	ck_assert_uint_eq(rt_dump_count(d), 0);
	rt_dump_drop(d);
}
END_TEST

/* --- the walk ------------------------------------------------------------ */

/* A stack of so many words that lies at BASE, as a copy would. */
#define BASE ((uintptr_t)0x10000)
#define WORDS 64u

static uintptr_t words[WORDS];

static uint32_t
walk(uintptr_t fp, uintptr_t *frames, uint32_t most)
{
	const struct rt_view view = { .base = BASE,
		.top = BASE + sizeof(words), .bytes = (const char *)words };

	return rt_backtrace(&view, 0x5000, fp, frames, most);
}

static void
put_frame(uint32_t at, uintptr_t caller, uintptr_t back)
{
	words[at] = caller;
	words[at + 1] = back;
}

#define AT(word) (BASE + (word) * sizeof(uintptr_t))

START_TEST(a_walk_goes_from_frame_to_frame_up_to_the_first)
{
	uintptr_t f[8];

	put_frame(4, AT(10), 0x6000);
	put_frame(10, AT(20), 0x7000);
	put_frame(20, 0, 0x8000);	/* of rt_switch_start */
	if (!LINES)
		return;
	ck_assert_uint_eq(walk(AT(4), f, 8), 3);
	ck_assert(f[0] == 0x5000 && f[1] == 0x6000 && f[2] == 0x7000);
	ck_assert_uint_eq(walk(AT(4), f, 2), 2);
	ck_assert_uint_eq(walk(AT(4), f, 0), 0);
}
END_TEST

START_TEST(no_frame_pointer_leads_the_walk_astray)
{
	static const uintptr_t bad[] = { 0, 1, BASE - 8, BASE + 1,
		AT(WORDS) - 8, AT(WORDS) - 15, AT(WORDS), AT(WORDS) + 8,
		UINTPTR_MAX, UINTPTR_MAX - 7, UINTPTR_MAX - 15,
		(uintptr_t)1 << 63 };
	uintptr_t f[8];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_uint_eq(walk(bad[i], f, 8), 1);
		/* the same, after one that is right */
		put_frame(4, bad[i], 0x6000);
		ck_assert_uint_le(walk(AT(4), f, 8), 2);
	}
	/* one that leads back to itself, and one that leads down */
	put_frame(4, AT(4), 0x6000);
	ck_assert_uint_le(walk(AT(4), f, 8), 2);
	put_frame(4, AT(10), 0x6000);
	put_frame(10, AT(4), 0x7000);
	ck_assert_uint_le(walk(AT(4), f, 8), 3);
	/* no code is there */
	put_frame(4, AT(10), 12);
	ck_assert_uint_eq(walk(AT(4), f, 8), 1);
}
END_TEST

START_TEST(whatever_is_on_a_stack_a_walk_ends_within_it)
{
	uint64_t seed = 20261122;
	uintptr_t f[WORDS];

	for (int round = 0; round < 20000; round++) {
		uint32_t n;

		for (uint32_t i = 0; i < WORDS; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			/* most of them words of this stack */
			words[i] = seed >> 62 ? AT(seed >> 33 & 63) :
				(uintptr_t)seed;
		}
		n = walk(AT(seed >> 40 & 63), f, WORDS);
		ck_assert(n >= 1 && n <= WORDS / 2 + 1);
	}
}
END_TEST

static int
wait_with_a_bad_frame(void *arg)
{
	(void)arg;
	(void)rt_rendez_sleep(&rendez, RT_NEVER);
	return 0;
}

TASK_CASE(a_task_whose_frames_are_spoilt_is_dumped_all_the_same)
{
	struct rt_task *task;
	void *fp;

	rt_rendez_init(&rendez);
	task = go_joined(wait_with_a_bad_frame, NULL);
	settle();
	fp = task->fiber.context.fp;
	for (int i = 0; i < 4; i++) {
		static const uintptr_t bad[] = { 0, 3, 0xdeadbee8,
			UINTPTR_MAX - 7 };
		struct rt_dump *d;

		task->fiber.context.fp = (void *)bad[i];
		d = dump_all();
		ck_assert_uint_eq(rt_dump_task(d, 1)->count, 1);
		rt_dump_drop(d);
	}
	task->fiber.context.fp = fp;
	rt_rendez_close(&rendez);
	join(task);
	return 0;
}

/* --- places -------------------------------------------------------------- */

START_TEST(a_place_has_what_is_known_of_it)
{
	struct rt_place p;
	char text[200];

	ck_assert_int_eq(rt_place_of((uintptr_t)just_end, 0, &p), 0);
	if (LINES) {
		ck_assert_str_eq(p.function, "just_end");
		ck_assert_str_eq(p.file, "tests/unit/rt/test_rt_dump.c");
		ck_assert_int_gt(p.line, 0);
		ck_assert(!rt_place_inside(&p));
	}
	ck_assert_int_eq(rt_place_of((uintptr_t)rt_task_wake, 0, &p), 0);
	ck_assert(!LINES || rt_place_inside(&p));
	/* of a library without debug information: a name and a module */
	ck_assert_int_eq(rt_place_of((uintptr_t)getppid, 0, &p), 0);
	ck_assert_str_ne(p.module, "");
	rt_place_text(&p, text, sizeof(text));
	ck_assert_ptr_nonnull(strchr(text, '+'));
	ck_assert_int_eq(rt_place_of(1, 0, &p), -ENOENT);
	ck_assert_str_eq(rt_place_text(&p, text, sizeof(text)), "?+0x1");
}
END_TEST

static struct {
	struct rt_rendez rendez[4];
} several = { .rendez = { { .closed = 1 } } };

static void
name_objects(void *arg)
{
	char text[RT_DUMP_OBJECT], name[VINE_RT_NAME] = "as before";
	struct rt_dump_task t = { .where = (uintptr_t)&rendez };

	snprintf(t.object, sizeof(t.object), "%p", (void *)&rendez);
	ck_assert_ptr_eq(strstr(rt_dump_object(&t, text, sizeof(text)),
				LINES ? "rendez 0x" : "0x"), text);
	strcpy(t.called, "door");
	ck_assert_ptr_eq(strstr(rt_dump_object(&t, text, sizeof(text)),
				"door 0x"), text);
	t = (struct rt_dump_task){ .object = "fd 3" };
	ck_assert_str_eq(rt_dump_object(&t, text, sizeof(text)), "fd 3");
	/* neither on the heap, nor on a stack, nor of code, nor of nothing */
	ck_assert_int_eq(rt_place_object((uintptr_t)arg, name, sizeof(name)),
			 -ENOENT);
	ck_assert_int_eq(rt_place_object((uintptr_t)&t, name, sizeof(name)),
			 -ENOENT);
	ck_assert_int_eq(rt_place_object((uintptr_t)name_objects, name,
					 sizeof(name)), -ENOENT);
	ck_assert_int_eq(rt_place_object(8, name, sizeof(name)), -ENOENT);
	ck_assert_str_eq(name, "as before");
	if (!LINES)
		return;
	/* one that has its value in the file, and one within it */
	ck_assert_int_eq(rt_place_object((uintptr_t)&several, name,
					 sizeof(name)), 0);
	ck_assert_str_eq(name, "several");
	ck_assert_int_eq(rt_place_object((uintptr_t)&several.rendez[1], name,
					 sizeof(name)), 0);
	snprintf(text, sizeof(text), "several+0x%zx", sizeof(rendez));
	ck_assert_str_eq(name, text);
}

START_TEST(a_static_object_has_the_name_of_its_variable)
{
	void *piece = malloc(64);

	name_objects(piece);
	free(piece);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("dump");
	int rc;

	tcase_add_test(tc,
		each_wait_is_shown_with_its_object_and_the_line_of_its_caller);
	tcase_add_test(tc,
		states_ages_deadlines_and_cancels_are_shown_as_they_are);
	tcase_add_test(tc,
		ten_thousand_tasks_are_dumped_from_another_thread_and_are_one_line);
	tcase_add_test(tc, tasks_end_while_a_dump_goes_through_them);
	tcase_add_test(tc, a_dump_of_a_scheduler_that_is_freed_ends);
	tcase_add_test(tc, a_walk_goes_from_frame_to_frame_up_to_the_first);
	tcase_add_test(tc, no_frame_pointer_leads_the_walk_astray);
	tcase_add_test(tc, whatever_is_on_a_stack_a_walk_ends_within_it);
	tcase_add_test(tc, a_task_whose_frames_are_spoilt_is_dumped_all_the_same);
	tcase_add_test(tc, a_place_has_what_is_known_of_it);
	tcase_add_test(tc, a_static_object_has_the_name_of_its_variable);
	(void)rt_place_open();
	rc = tasks_main("rt_dump", tc);
	rt_place_close();
	return rc;
}
