/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two have a dump: who asked, and the scheduler until it is done. Whoever is
 * the second to be done with it frees it; `refs` orders what either did before
 * that. `done` says that the scheduler writes no more.
 *
 * Between two slices tasks end. A dump that would go on with one that is freed
 * goes on with the one behind it (rt_dump_skip). New tasks come at the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/rt_backtrace.h"
#include "rt/rt_dump.h"
#include "rt/rt_inside.h"
#include "rt/rt_mail.h"
#include "rt/rt_qlock.h"
#include "rt/rt_rwlock.h"
#include "utils/utils_clock.h"

struct rt_dump {
	struct rt_mail mail;
	struct rt_sched *sched;		/* while it is being taken down */
	struct rt_dump *next;		/* of the scheduler's */
	struct utils_link *at;		/* to go on with; of the list of all */
	uint64_t begun;			/* ticks, as `since` of tasks */
	uint32_t most;
	uint32_t count;
	uint32_t left_out;
	struct rt_times_report times;
	uint32_t event_count;
	struct rt_event events[VINE_RT_RECORDER];
	_Atomic int done;
	_Atomic int refs;
	struct rt_dump_task tasks[];
};

/* --- by the scheduler --------------------------------------------------- */

/* The object is there as long as somebody waits for it. */
static void
note_inside(struct rt_dump_task *to, const void *object)
{
	const struct rt_rwlock *rw = object;
	const struct rt_qlock *q = object;
	const char *const *name = object;

	if (*name)
		snprintf(to->called, sizeof(to->called), "%s", *name);
	if (to->kind == RT_OBJECT_QLOCK)
		to->holder = (uintptr_t)q->owner;
	if (to->kind == RT_OBJECT_RWLOCK) {
		to->holder = (uintptr_t)rw->writer;
		to->readers = rw->readers;
	}
}

static void
note_object(struct rt_dump_task *to, const struct rt_block *b)
{
	snprintf(to->what, sizeof(to->what), "%s", b->what ? b->what : "?");
	to->kind = (uint8_t)b->kind;
	if (b->kind >= RT_OBJECT_NAMED)
		note_inside(to, b->object);
	if (b->kind == RT_OBJECT_TASK)
		to->holder = (uintptr_t)b->object;
	if (b->kind != RT_OBJECT_FD && b->kind != RT_OBJECT_TASK)
		to->where = (uintptr_t)b->object;
	if (b->kind == RT_OBJECT_FD)
		snprintf(to->object, sizeof(to->object), "fd %d",
			 (int)(intptr_t)b->object);
	else if (b->kind == RT_OBJECT_TASK)
		snprintf(to->object, sizeof(to->object), "%s",
			 rt_task_name(b->object));
	else if (b->object)
		snprintf(to->object, sizeof(to->object), "0x%" PRIxPTR,
			 (uintptr_t)b->object);
}

static void
note_frames(struct rt_dump_task *to, const struct rt_task *t)
{
	const struct rt_context *c = &t->fiber.context;
	struct rt_view view = { .base = (uintptr_t)t->stack->base,
		.top = (uintptr_t)t, .bytes = t->stack->base };

	if (t->state == RT_TASK_RUNNING)	/* that is us */
		to->count = rt_backtrace(&view, (uintptr_t)rt_dump_here,
			(uintptr_t)__builtin_frame_address(0), to->frames,
			VINE_RT_FRAMES);
	else if (t->state < RT_TASK_ENDED && to->begun)
		to->count = rt_backtrace(&view, (uintptr_t)c->pc,
					 (uintptr_t)c->fp, to->frames,
					 VINE_RT_FRAMES);
}

static void
note(struct rt_dump_task *to, const struct rt_task *t, uint64_t begun)
{
	const struct rt_sched *s = t->sched;
	const struct rt_block *b = t->block;
	uint64_t since = t->since, now = utils_clock_ticks();

	memset(to, 0, sizeof(*to));
	to->address = (uintptr_t)t;
	/* the clock may not have been read since the dump began */
	to->settled = since < begun;
	/* it was made ready by the sleep, which has not looked at the clock */
	if (t->state == RT_TASK_READY && since < s->woke)
		since = s->woke;
	memcpy(to->name, t->name, sizeof(to->name));
	to->age_ns = now > since ? utils_clock_span_ns(now - since) : 0;
	to->left_ns = RT_NEVER;
	to->fn = t->fn;
	to->state = t->state;
	to->system = (t->flags & RT_TASK_SYSTEM) != 0;
	to->cancelled = t->cancelled;
	to->held = t->held != 0;
	to->begun = t->fiber.context.pc != (void *)(uintptr_t)rt_switch_start;
	if (b && t->state == RT_TASK_BLOCKED)
		note_object(to, b);
	if (b && rt_timer_is_set(&b->timer)) {
		uint64_t ns = rt_sched_now(s);

		to->left_ns = b->timer.at > ns ? b->timer.at - ns : 0;
	}
	note_frames(to, t);
}

static struct utils_link *
behind(struct rt_sched *s, struct utils_link *link)
{
	return link->next == &s->all.head ? NULL : link->next;
}

/* Returns whether there is more. */
static int
go_on(struct rt_dump *d, uint32_t budget)
{
	for (; d->at && budget; budget--) {
		if (d->count < d->most)
			note(&d->tasks[d->count++],
			     utils_list_of(d->at, struct rt_task, link),
			     d->begun);
		else
			d->left_out++;
		d->at = behind(d->sched, d->at);
	}
	return d->at != NULL;
}

void
rt_dump_skip(struct rt_sched *s, struct rt_task *t)
{
	for (struct rt_dump *d = s->dumps; d; d = d->next)
		if (d->at == &t->link)
			d->at = behind(s, d->at);
}

static void
finish(struct rt_dump *d)
{
	struct rt_dump **at = &d->sched->dumps;

	while (*at && *at != d)
		at = &(*at)->next;
	if (*at)
		*at = d->next;
	/* DUMP-R1: publishes what was taken down; pairs with DUMP-A1 in
	 * rt_dump_done(). */
	atomic_store_explicit(&d->done, 1, memory_order_release);
	rt_dump_drop(d);
}

static void
note_sched(struct rt_dump *d)
{
	rt_times_read(d->sched, &d->times);
	d->event_count = rt_trace_read(d->sched, d->events, VINE_RT_RECORDER);
}

static void
slice(struct rt_mail *mail)
{
	struct rt_dump *d = mail->user;

	/* nobody waits for it any more */
	if (atomic_load(&d->refs) == 1)
		d->at = NULL;
	if (go_on(d, VINE_RT_DUMP_SLICE))
		rt_mail_post(d->sched, mail);
	else
		finish(d);
}

static void
begin(struct rt_mail *mail)
{
	struct rt_dump *d = mail->user;
	struct rt_sched *s = d->sched;

	d->next = s->dumps;
	s->dumps = d;
	d->begun = s->now;
	d->at = utils_list_first(&s->all);
	note_sched(d);
	mail->call = slice;
	slice(mail);
}

/* The scheduler is freed: what is there by now is all there will be. */
static void
cut_off(struct rt_mail *mail)
{
	finish(mail->user);
}

/* --- by who asks -------------------------------------------------------- */

static struct rt_dump *
make(struct rt_sched *s, uint32_t most)
{
	struct rt_dump *d = calloc(1, sizeof(*d) + most * sizeof(d->tasks[0]));

	if (d == NULL)
		return NULL;
	d->mail.call = begin;
	d->mail.drop = cut_off;
	d->mail.user = d;
	d->sched = s;
	d->most = most;
	atomic_init(&d->refs, 2);
	return d;
}

int
rt_dump_ask(struct rt_sched *sched, uint32_t most, struct rt_dump **dump)
{
	struct rt_dump *d = make(sched, most);

	if (d == NULL)
		return -ENOMEM;
	*dump = d;
	rt_mail_post(sched, &d->mail);
	return 0;
}

int
rt_dump_here(struct rt_sched *sched, uint32_t most, struct rt_dump **dump)
{
	struct rt_dump *d = make(sched, most);

	if (d == NULL)
		return -ENOMEM;
	d->begun = UINT64_MAX;	/* nothing changes meanwhile */
	d->at = utils_list_first(&sched->all);
	note_sched(d);
	(void)go_on(d, UINT32_MAX);
	finish(d);
	*dump = d;
	return 0;
}

int
rt_dump_done(const struct rt_dump *dump)
{
	/* DUMP-A1: pairs with DUMP-R1 in finish(). */
	return atomic_load_explicit(&dump->done, memory_order_acquire);
}

int
rt_dump_await(const struct rt_dump *dump, uint64_t timeout_ns)
{
	uint64_t end = utils_clock_ns() + timeout_ns;
	struct timespec nap = { 0, 200000 };

	while (!rt_dump_done(dump)) {
		if (utils_clock_ns() >= end)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	return 0;
}

void
rt_dump_drop(struct rt_dump *dump)
{
	if (dump && atomic_fetch_sub(&dump->refs, 1) == 1)
		free(dump);
}

uint32_t
rt_dump_count(const struct rt_dump *dump)
{
	return dump->count;
}

uint32_t
rt_dump_left_out(const struct rt_dump *dump)
{
	return dump->left_out;
}

const struct rt_dump_task *
rt_dump_task(const struct rt_dump *dump, uint32_t i)
{
	return &dump->tasks[i];
}

const struct rt_times_report *
rt_dump_times(const struct rt_dump *dump)
{
	return &dump->times;
}

const struct rt_event *
rt_dump_events(const struct rt_dump *dump, uint32_t *count)
{
	*count = dump->event_count;
	return dump->events;
}
