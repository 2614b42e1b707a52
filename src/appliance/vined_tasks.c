/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each worker's scheduler takes down its own tasks (rt_dump); names are found
 * here, on the main thread. Tasks that are alike are one row: of 10,000
 * connections one reads those few that are elsewhere.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/vined_tasks.h"
#include "appliance/vined_worker.h"
#include "rt/rt_dump.h"
#include "rt/rt_holders.h"
#include "rt/rt_place.h"
#include "rt/rt_wait.h"
#include "rt/rt_watcher.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define POLL_MS 2u

/* A question to all workers. */
struct question {
	uint64_t begun;			/* ns */
	uint32_t count;
	struct rt_dump *dumps[];	/* a worker each */
};

/* --- asking -------------------------------------------------------------- */

static void
forget(struct question *q)
{
	for (uint32_t i = 0; q && i < q->count; i++)
		rt_dump_drop(q->dumps[i]);
	free(q);
}

static struct question *
ask(struct vined_workers *workers)
{
	uint32_t n = vined_workers_count(workers);
	struct question *q = calloc(1, sizeof(*q) + n * sizeof(q->dumps[0]));

	if (q == NULL)
		return NULL;
	q->begun = utils_clock_ns();
	for (uint32_t i = 0; i < n; i++) {
		if (rt_dump_ask(vined_workers_sched(workers, i),
				VINE_CONTROL_ROWS, &q->dumps[i]) != 0) {
			forget(q);
			return NULL;
		}
		q->count++;
	}
	return q;
}

/* Have all answered, or is it too late for them? */
static int
is_over(const struct question *q)
{
	uint32_t i = 0;

	while (i < q->count && rt_dump_done(q->dumps[i]))
		i++;
	return i == q->count || utils_clock_ns() - q->begun >=
		VINE_RT_DUMP_MS * UINT64_C(1000000);
}

/* --- the command --------------------------------------------------------- */

struct options {
	int all;		/* a row each, and not one for those alike */
	int trace;		/* with their callers */
	int times;		/* how long they run and wait, instead */
	int events;		/* what they did last, instead */
	const char *pattern;	/* of names; NULL: all */
};

static int
read_options(const struct vined_call *call, struct options *o)
{
	memset(o, 0, sizeof(*o));
	for (uint32_t i = 1; i < call->count; i++) {
		const char *word = call->words[i];

		if (strcmp(word, "--all") == 0)
			o->all = 1;
		else if (strcmp(word, "--trace") == 0)
			o->trace = 1;
		else if (strcmp(word, "--times") == 0)
			o->times = 1;
		else if (strcmp(word, "--events") == 0)
			o->events = 1;
		else if (word[0] == '-' || o->pattern)
			return 0;
		else
			o->pattern = word;
	}
	return 1;
}

uint32_t
vined_tasks_begin(struct vined_call *call)
{
	struct options o;

	if (!read_options(call, &o))
		return vined_command_refuse(call, "usage: tasks [--all] "
			"[--trace] [--times] [--events] [NAME], a NAME may "
			"have * and ?");
	call->state = ask(call->admin->workers);
	if (call->state == NULL)
		return vined_command_refuse(call, "out of memory");
	return POLL_MS;
}

static json_t *
place_of(uintptr_t address, int back)
{
	struct rt_place place;
	char text[256];

	(void)rt_place_of(address, back, &place);
	return vined_command_text(rt_place_text(&place, text, sizeof(text)));
}

/* Where it waits; before it has begun, what it will run. */
static json_t *
where(const struct rt_dump_task *t)
{
	struct rt_place place;
	char text[256];

	if (rt_place_waits(t->frames, t->count, &place) == t->count)
		return place_of((uintptr_t)t->fn, 0);
	return vined_command_text(rt_place_text(&place, text, sizeof(text)));
}

static void
add_caller(const struct rt_place *place, void *list)
{
	char text[256];

	json_array_append_new(list, vined_command_text(
		rt_place_text(place, text, sizeof(text))));
}

static json_t *
callers(const struct rt_dump_task *t)
{
	json_t *list = json_array();

	if (rt_place_show(t->frames, t->count, add_caller, list) == 0)
		json_array_append_new(list, place_of((uintptr_t)t->fn, 0));
	return list;
}

static json_t *
text_or_null(const char *text)
{
	return text[0] ? vined_command_text(text) : json_null();
}

static json_t *
object_of(const struct rt_dump_task *t)
{
	char text[RT_DUMP_OBJECT];

	return text_or_null(rt_dump_object(t, text, sizeof(text)));
}

static json_t *
holder_of(const struct rt_holders *holders, const struct rt_dump_task *t)
{
	char text[VINE_RT_NAME];

	return text_or_null(rt_holders_text(holders, t, text, sizeof(text)));
}

static json_t *
task_row(uint32_t worker, const struct rt_dump_task *t, uint32_t count,
	 const struct rt_holders *holders, const struct options *o)
{
	json_t *row = json_pack("{s:I, s:I, s:o, s:s, s:o, s:o, s:o, s:I, s:o, "
				"s:b, s:o}",
		"worker", vined_command_int(worker),
		"tasks", vined_command_int(count),
		"name", vined_command_text(t->name),
		"state", rt_task_state_name(t->state),
		"waits_for", text_or_null(t->what),
		"object", object_of(t),
		"held_by", holder_of(holders, t),
		"age_ns", vined_command_int(t->age_ns),
		"left_ns", t->left_ns == RT_NEVER ? json_null() :
			json_integer(vined_command_int(t->left_ns)),
		"cancelled", t->cancelled,
		"where", where(t));

	if (row && o->trace)
		json_object_set_new(row, "callers", callers(t));
	return row;
}

/* Tasks of one worker that wait for each other. */
static void
add_deadlocks(struct vined_call *call, json_t *rows, uint32_t worker,
	      const struct rt_dump *d, const struct rt_holders *holders)
{
	char text[1024];

	for (uint32_t i = 0; i < rt_dump_count(d); i++)
		if (rt_holders_circle(holders, i, text, sizeof(text)))
			vined_command_row(call, rows, json_pack("{s:I, s:o}",
				"worker", vined_command_int(worker),
				"deadlock", vined_command_text(text)));
}

/* Tasks of one worker, those that are alike in a row, the oldest shown. */
static void
add_tasks(struct vined_call *call, json_t *rows, uint32_t worker,
	  const struct rt_dump *d, const struct rt_holders *holders,
	  const struct options *o)
{
	uint32_t n = rt_dump_count(d);
	uint32_t *order = calloc(n ? n : 1, sizeof(*order));

	if (order == NULL) {
		call->left_out += n;
		return;
	}
	rt_dump_group(d, order);
	for (uint32_t i = 0, end; i < n; i = end) {
		const struct rt_dump_task *t = rt_dump_task(d, order[i]);

		end = i + 1;
		while (!o->all && end < n &&
		       rt_dump_alike(t, rt_dump_task(d, order[end])))
			end++;
		if (o->pattern && fnmatch(o->pattern, t->name, 0) != 0)
			continue;
		vined_command_row(call, rows,
				  task_row(worker, t, end - i, holders, o));
	}
	call->left_out += rt_dump_left_out(d);
	free(order);
}

/* d is NULL where it does not answer. */
static json_t *
worker_row(struct vined_workers *workers, uint32_t worker,
	   const struct rt_dump *d)
{
	struct rt_stalls st;

	rt_watcher_stalls(vined_workers_sched(workers, worker), &st);
	return json_pack("{s:I, s:b, s:o, s:I, s:I, s:o, s:o}",
		"worker", vined_command_int(worker),
		"answers", d != NULL,
		"tasks", d ? json_integer(rt_dump_count(d) +
					  rt_dump_left_out(d)) : json_null(),
		"stalls", vined_command_int(st.count),
		"longest_ns", vined_command_int(st.longest_ns),
		"stalled_ns", st.now_ns ?
			json_integer(vined_command_int(st.now_ns)) :
			json_null(),
		"last_stall", text_or_null(st.where));
}

static json_t *
time_row(uint32_t worker, const char *what, const struct rt_times_of *t)
{
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
		"worker", vined_command_int(worker),
		"time", what,
		"turns", vined_command_int(t->count),
		"mean_ns", vined_command_int(t->mean),
		"p50_ns", vined_command_int(t->p50),
		"p99_ns", vined_command_int(t->p99),
		"p99.9_ns", vined_command_int(t->p999),
		"max_ns", vined_command_int(t->max));
}

static json_int_t
mean_of(const struct rt_times_sum *sum)
{
	return vined_command_int(sum->count ? sum->total / sum->count : 0);
}

static json_t *
name_row(uint32_t worker, const struct rt_times_name *n)
{
	return json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"worker", vined_command_int(worker),
		"name", vined_command_text(n->name),
		"turns", vined_command_int(n->run.count),
		"run_mean_ns", mean_of(&n->run),
		"run_max_ns", vined_command_int(n->run.max),
		"wait_mean_ns", mean_of(&n->wait),
		"wait_max_ns", vined_command_int(n->wait.max),
		"blocked_mean_ns", mean_of(&n->blocked),
		"blocked_max_ns", vined_command_int(n->blocked.max));
}

/* In the order of the answer: times, then the same by names. */
static void
add_times(struct vined_call *call, json_t *times, json_t *names,
	  uint32_t worker, const struct rt_times_report *r,
	  const struct options *o)
{
	vined_command_row(call, times, time_row(worker, "running", &r->run));
	vined_command_row(call, times, time_row(worker, "ready", &r->wait));
	vined_command_row(call, times, time_row(worker, "blocked",
						&r->blocked));
	for (uint32_t i = 0; i < r->names; i++)
		if (o->pattern == NULL ||
		    fnmatch(o->pattern, r->by_name[i].name, 0) == 0)
			vined_command_row(call, names,
					  name_row(worker, &r->by_name[i]));
}

static uint32_t
answer_times(struct vined_call *call, const struct options *o)
{
	const struct question *q = call->state;
	json_t *times = json_array(), *names = json_array();

	for (uint32_t i = 0; i < q->count; i++)
		if (rt_dump_done(q->dumps[i]))
			add_times(call, times, names, i,
				  rt_dump_times(q->dumps[i]), o);
	return vined_command_answer(call, json_pack("{s:o, s:o}",
						    "times", times,
						    "by_name", names));
}

static json_t *
event_row(uint32_t worker, const struct rt_event *e)
{
	json_t *object = e->object > UINT32_MAX ?
		json_sprintf("0x%llx", (unsigned long long)e->object) :
		json_sprintf("%lld", (long long)e->object);

	return json_pack("{s:I, s:I, s:s, s:o, s:o, s:I}",
		"worker", vined_command_int(worker),
		"ago_ns", vined_command_int(e->ns),
		"event", rt_trace_name(e->what),
		"task", text_or_null(e->task),
		"object", object,
		"number", (json_int_t)e->number);
}

static uint32_t
answer_events(struct vined_call *call, const struct options *o)
{
	const struct question *q = call->state;
	json_t *events = json_array();

	for (uint32_t i = 0; i < q->count; i++) {
		const struct rt_event *e = NULL;
		uint32_t n = 0;

		if (rt_dump_done(q->dumps[i]))
			e = rt_dump_events(q->dumps[i], &n);
		for (uint32_t k = 0; k < n; k++)
			if (o->pattern == NULL ||
			    fnmatch(o->pattern, e[k].task, 0) == 0)
				vined_command_row(call, events,
						  event_row(i, &e[k]));
	}
	return vined_command_answer(call, json_pack("{s:o}", "events",
						    events));
}

static void
add_worker(struct vined_call *call, json_t *rows, json_t *deadlocks,
	   uint32_t worker, const struct rt_dump *d, const struct options *o)
{
	struct rt_holders *holders;

	if (rt_holders_new(d, &holders) != 0) {
		call->left_out += rt_dump_count(d) + rt_dump_left_out(d);
		return;
	}
	add_tasks(call, rows, worker, d, holders, o);
	add_deadlocks(call, deadlocks, worker, d, holders);
	rt_holders_free(holders);
}

static uint32_t
write_all(struct vined_call *call)
{
	struct question *q = call->state;
	json_t *workers, *rows, *deadlocks;
	struct options o;

	(void)read_options(call, &o);
	if (o.times)
		return answer_times(call, &o);
	if (o.events)
		return answer_events(call, &o);
	workers = json_array();
	rows = json_array();
	deadlocks = json_array();
	for (uint32_t i = 0; i < q->count; i++) {
		int known = rt_dump_done(q->dumps[i]);

		vined_command_row(call, workers,
			worker_row(call->admin->workers, i,
				   known ? q->dumps[i] : NULL));
		if (known)
			add_worker(call, rows, deadlocks, i, q->dumps[i], &o);
	}
	return vined_command_answer(call, json_pack("{s:o, s:o, s:o}",
						    "workers", workers,
						    "tasks", rows,
						    "deadlocks", deadlocks));
}

uint32_t
vined_tasks_again(struct vined_call *call)
{
	return is_over(call->state) ? write_all(call) : POLL_MS;
}

void
vined_tasks_drop(struct vined_call *call)
{
	forget(call->state);
}

/* --- the log ------------------------------------------------------------- */

static struct {
	struct vined_workers *workers;
	struct rt_wait *wait;
	struct rt_timer timer;
	struct question *question;	/* NULL: none is under way */
} asked;

static void
log_line(const char *text, void *user)
{
	(void)user;
	log_info("  %s", text);
}

static void
log_unanswered(uint32_t worker)
{
	struct rt_stalls st;

	rt_watcher_stalls(vined_workers_sched(asked.workers, worker), &st);
	log_info("tasks of worker %u: it does not answer%s%s", worker,
		 st.now_ns ? ", it stalls: " : "", st.now_ns ? st.where : "");
}

static void
write_log(struct question *q)
{
	for (uint32_t i = 0; i < q->count; i++) {
		const struct rt_dump *d = q->dumps[i];

		if (!rt_dump_done(d)) {
			log_unanswered(i);
			continue;
		}
		log_info("tasks of worker %u: %u", i,
			 rt_dump_count(d) + rt_dump_left_out(d));
		(void)rt_dump_print(d, log_line, NULL);
	}
	log_info("end of tasks");
}

static void
look_again(struct rt_timer *timer)
{
	if (is_over(asked.question)) {
		write_log(asked.question);
		vined_tasks_log_end();
		return;
	}
	rt_timers_set(rt_wait_timers(asked.wait), timer,
		      utils_clock_ns() + POLL_MS * UINT64_C(1000000));
}

void
vined_tasks_log(struct vined_workers *workers, struct rt_wait *wait)
{
	if (asked.question)
		return;
	asked.workers = workers;
	asked.wait = wait;
	asked.timer.fire = look_again;
	asked.question = ask(workers);
	if (asked.question)
		look_again(&asked.timer);
	else
		log_error("no memory for a dump of all tasks");
}

void
vined_tasks_log_end(void)
{
	if (asked.question == NULL)
		return;
	rt_timers_cancel(rt_wait_timers(asked.wait), &asked.timer);
	forget(asked.question);
	asked.question = NULL;
}
