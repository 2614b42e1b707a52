/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad weather on a real vined: an application that stops at any instruction of
 * an issue, bells that never come, ready bits of queues that are not there,
 * sequences that jump. Each is counted, and the tasks of others go on.
 *
 * A bell is suppressed by the application itself: it writes 0 over its queue's
 * `armed` word, so that its own issue publishes and wakes nobody.
 *
 * ctest: label=slow
 */
#include <sys/ptrace.h>

#include <vine/vine.h>

#include "core/vine_accel.h"
#include "core/vine_errand.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_thread.h"
#include "segment_view.h"

enum {
	PATIENCE = APPLIANCE_PATIENCE_MS,
	STEPS = 2000000,	/* instructions that no issue has */
	SLOW_MS = 500,		/* ten times VINE_SLEEP_BUSY_MS */
	QUEUES = 7000,		/* of one lane */
};

static struct appliance appliance;
static struct segment_view view;

static void
start(const char *tag, const char *more)
{
	char text[1024];

	appliance_plan(&appliance, tag, "");
	/* one worker: whoever is stopped shares it with the others */
	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nworkers 1\ncpu_threads 2\n"
		 "control_socket off\n%s",
		 appliance.name, more);
	appliance_write(appliance.config, text);
	appliance_run(&appliance);
	segment_map(&appliance, &view);
}

static void
stop(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

static struct vine_session *
attach(void)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text };
	struct vine_session *s = NULL;

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nattach_timeout 20s\n", appliance.name);
	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static struct vine_task_opts
opts_of(struct vine_session *s, vine_accel_type_e type, const char *accel,
	const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	ck_assert_int_eq(vine_accel_find(s, type, accel, &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, type, proc, &o.proc), 0);
	return o;
}

static struct vine_task_opts
noop_of(struct vine_session *s)
{
	return opts_of(s, GPU_SOFT, "noop", "noop");
}

/* Wait for a task, free it, and return how it ended. */
static enum vine_status
end_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, PATIENCE * INT64_C(1000000)),
			 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r.status;
}

/* The tasks of a session that has nothing to do with the weather. */
static void
work(const struct vine_task_opts *o, int count)
{
	vine_task *task;

	while (count-- > 0) {
		ck_assert_int_eq(vine_task_issue_opts(o, &task), 0);
		ck_assert_int_eq(end_of(task), VINE_STATUS_OK);
	}
}

static uint64_t
counter(const char *label)
{
	return segment_counter(&view, label);
}

static void
await_counter(const char *label, uint64_t least)
{
	int64_t end = appliance_now() + PATIENCE;

	while (counter(label) < least) {
		ck_assert_msg(appliance_now() < end, "\"%s\" is %llu, expected "
			      "at least %llu", label,
			      (unsigned long long)counter(label),
			      (unsigned long long)least);
		appliance_nap(1);
	}
}

static struct vine_queue *
queue_of(struct vine_session *s)
{
	return vine_thread_of(s, s->id)->queue;
}

static void
await_armed(const struct vine_queue *q)
{
	int64_t end = appliance_now() + PATIENCE;

	while (arch_load32(&q->shm->armed) == 0) {
		ck_assert(appliance_now() < end);
		appliance_nap(1);
	}
}

/* Issue without a bell; the queue is armed before. */
static vine_task *
issue_silently(const struct vine_task_opts *o)
{
	struct vine_queue *q = queue_of(o->accel->session);
	vine_task *task;

	await_armed(q);
	arch_store32(&q->shm->armed, 0);
	ck_assert_int_eq(vine_task_issue_opts(o, &task), 0);
	return task;
}

/* --- stopped ------------------------------------------------------------- */

/* Where the child's next task and its answer will lie. */
struct places {
	uint64_t slot;		/* offsets */
	uint64_t answer;
	uint32_t seq;		/* of both */
	uint32_t answer_seq;
};

static uint32_t
seq_at(uint64_t off)
{
	return (uint32_t)arch_load64((le64_t *)(uintptr_t)(view.base + off));
}

/* A child that issues one task under the eyes of its parent. */
static void
be_stepped(int to)
{
	struct vine_session *s = attach();
	struct vine_task_opts o = noop_of(s);
	struct places at;
	struct vine_queue *q;
	vine_task *task;

	work(&o, 3);
	q = queue_of(s);
	await_armed(q);
	memset(&at, 0, sizeof(at));
	at.slot = (uint64_t)((uint8_t *)vine_ring_slot(&q->sub) - s->seg->base);
	at.answer = (uint64_t)((uint8_t *)&q->comp.slots[q->comp.pos &
					q->comp.mask] - s->seg->base);
	at.seq = q->sub.pos + 1;
	at.answer_seq = q->comp.pos + 1;
	if (write(to, &at, sizeof(at)) != sizeof(at) ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	raise(SIGSTOP);
	if (vine_task_issue_opts(&o, &task) != 0)
		_exit(2);
	_exit(end_of(task) == VINE_STATUS_OK ? 0 : 3);
}

/* One instruction further; 0 when the child has ended. */
static int
step(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status);
}

/*
 * Let the child go on, an instruction at a time, until word `word` of its slot
 * is no more `old`. In between the other session works.
 */
static void
step_until_changed(pid_t pid, const struct places *at, uint32_t word,
		   uint64_t old, const struct vine_task_opts *other)
{
	le64_t *w = (le64_t *)(uintptr_t)(view.base + at->slot) + word;

	for (int i = 0; arch_load64(w) == old; i++) {
		ck_assert_int_lt(i, STEPS);
		ck_assert_msg(step(pid), "the child ended before it published");
		if (i < 500 || i % 512 == 0)
			work(other, 1);
	}
}

/* The last instructions before and the first after are what matters. */
START_TEST(an_application_may_stop_at_any_instruction_of_an_issue)
{
	struct vine_session *s;
	struct vine_task_opts o;
	struct places at;
	uint64_t late, w0, w3;
	int fds[2], status;
	int64_t end;
	pid_t pid;

	start("stopped", "shm_size 8M\n");
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		be_stepped(fds[1]);
	s = attach();
	o = noop_of(s);
	ck_assert_int_eq(read(fds[0], &at, sizeof(at)), sizeof(at));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		fprintf(stderr, "skipped: no process may be traced here\n");
		stop();
		return;
	}
	ck_assert(WIFSTOPPED(status));
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	w0 = arch_load64((le64_t *)(uintptr_t)(view.base + at.slot));
	w3 = arch_load64((le64_t *)(uintptr_t)(view.base + at.slot) + 3);

	/* stopped with words in the slot, before it is published */
	step_until_changed(pid, &at, 3, w3, &o);
	ck_assert_uint_ne(seq_at(at.slot), at.seq);
	end = appliance_now() + 1500;	/* longer than any sleep */
	while (appliance_now() < end)
		work(&o, 10);
	ck_assert_uint_ne(seq_at(at.answer), at.answer_seq);

	/* stopped after it published, before it looks whom to wake */
	late = counter("work found without a bell");
	step_until_changed(pid, &at, 0, w0, &o);
	ck_assert_uint_eq(seq_at(at.slot), at.seq);
	end = appliance_now() + PATIENCE;
	while (seq_at(at.answer) != at.answer_seq) {
		ck_assert_msg(appliance_now() < end, "not found");
		work(&o, 1);
	}
	await_counter("work found without a bell", late + 1);

	ck_assert_int_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	vine_session_close(s);
	stop();
}
END_TEST

/* --- bells that never come ------------------------------------------------ */

START_TEST(without_a_bell_an_idle_vined_finds_a_task_at_its_next_look)
{
	struct vine_session *s;
	struct vine_task_opts o;

	start("silent", "shm_size 8M\n");
	s = attach();
	o = noop_of(s);
	work(&o, 3);
	for (int i = 0; i < 3; i++) {
		uint64_t late = counter("work found without a bell");
		uint64_t sleeps;
		vine_task *task;

		await_armed(queue_of(s));
		appliance_nap(50);	/* it sleeps by now */
		sleeps = counter("sleeps of workers");
		task = issue_silently(&o);
		ck_assert_int_eq(end_of(task), VINE_STATUS_OK);
		await_counter("work found without a bell", late + 1);
		/* that sleep's end, and the one after the work */
		ck_assert_uint_le(counter("sleeps of workers") - sleeps, 3);
	}
	vine_session_close(s);
	stop();
}
END_TEST

/* 50 ms against 500: it must be done before the slow one. */
START_TEST(without_a_bell_it_is_found_soon_while_a_task_is_in_flight)
{
	struct vine_session *a, *b;
	struct vine_task_opts slow, o;
	char more[512];

	appliance_plan(&appliance, "soon", "");
	appliance_slow(more, sizeof(more), SLOW_MS);
	start("soon", more);
	a = attach();
	b = attach();
	slow = opts_of(a, CPU, "cpu0", "slow");
	o = noop_of(b);
	work(&o, 3);
	for (int i = 0; i < 4; i++) {
		uint64_t late = counter("work found without a bell");
		vine_task *first, *second;

		await_armed(queue_of(b));
		ck_assert_int_eq(vine_task_issue_opts(&slow, &first), 0);
		appliance_nap(20);	/* taken, and all asleep */
		second = issue_silently(&o);
		ck_assert_int_eq(end_of(second), VINE_STATUS_OK);
		ck_assert_msg(vine_task_wait_for(first, 0) == -ETIMEDOUT,
			      "found after the task of %d ms, expected within "
			      "%d ms", SLOW_MS, VINE_SLEEP_BUSY_MS);
		ck_assert_int_eq(end_of(first), VINE_STATUS_OK);
		await_counter("work found without a bell", late + 1);
	}
	vine_session_close(a);
	vine_session_close(b);
	stop();
}
END_TEST

/* A task of nonsense, published on a queue without a bell. */
static void
publish_junk(struct vine_queue *q)
{
	struct vine_desc_shm *slot = vine_ring_slot(&q->sub);

	for (int i = 1; i < 8; i++)
		arch_store64(&slot->w[i], UINT64_MAX);
	vine_ring_push(&q->sub, 0);
}

/* However many queues there are, one round finds all of them. */
START_TEST(thousands_of_queues_are_looked_at_in_one_round)
{
	static struct vine_queue *queues[QUEUES];
	struct vine_session *s;
	struct vine_task_opts o;
	uint64_t index, late, sleeps;
	int64_t end;
	int silent = 0;

	start("many", "shm_size 256M\nqueue_slots 16\n");
	s = attach();
	o = noop_of(s);
	work(&o, 3);
	for (int i = 0; i < QUEUES; i++) {
		ck_assert_int_eq(vine_errand_run(s, VINE_CTL_QUEUE_OPEN,
						 0, 0, 0, NULL, &index),
				 0);
		ck_assert_int_eq(vine_queue_bind(s, (uint32_t)index,
						 &queues[i]), 0);
	}
	await_armed(queue_of(s));
	await_armed(s->control);
	appliance_nap(50);
	late = counter("work found without a bell");
	sleeps = counter("sleeps of workers");
	for (int i = 0; i < QUEUES; i += 100, silent++)
		publish_junk(queues[i]);
	end = appliance_now() + PATIENCE;
	for (int i = 0; i < QUEUES; i += 100) {
		while (!vine_queue_peek(queues[i])) {
			ck_assert(appliance_now() < end);
			appliance_nap(1);
		}
	}
	await_counter("work found without a bell", late + silent);
	ck_assert_uint_le(counter("sleeps of workers") - sleeps, 3);
	for (int i = 0; i < QUEUES; i++)
		vine_queue_free(queues[i]);
	work(&o, 10);
	vine_session_close(s);
	stop();
}
END_TEST

/* --- words that lie ------------------------------------------------------- */

/* A child that does an evil thing again and again for ms milliseconds. */
static pid_t
do_evil(void (*evil)(struct vine_session *s, int round), int64_t ms)
{
	pid_t pid = fork();
	int64_t end = appliance_now() + ms;
	struct vine_session *s;
	struct vine_task_opts o;

	if (pid != 0)
		return pid;
	s = attach();
	o = noop_of(s);
	work(&o, 3);
	for (int i = 0; appliance_now() < end; i++)
		evil(s, i);
	/* and back to honest work on what it left */
	work(&o, 100);
	vine_session_close(s);
	_exit(0);
}

/* Work until the child has ended; it counted `label` up. */
static void
outlast(pid_t pid, const char *label)
{
	struct vine_session *s = attach();
	struct vine_task_opts o = noop_of(s);
	int rounds = 0, status = 0;
	uint64_t sleeps;

	for (; waitpid(pid, &status, WNOHANG) == 0; rounds++)
		work(&o, 20);
	ck_assert_int_eq(status, 0);
	ck_assert_int_ge(rounds, 5);
	await_counter(label, 1);
	/* nothing is left that would keep vined awake */
	await_armed(queue_of(s));
	sleeps = counter("sleeps of workers");
	await_counter("sleeps of workers", sleeps + 2);
	work(&o, 20);
	vine_session_close(s);
}

static void
set_all_bits(struct vine_session *s, int round)
{
	struct vine_queue *q = queue_of(s);
	uint8_t *set = s->seg->base + s->seg->layout.ready_off;

	memset(set, round & 1 ? 0xff : 0xa5, s->seg->layout.ready_stride);
	vine_ready_ring(&q->ready, s->seg->layout.queues - 1);
	if (round % 16 == 0)
		appliance_nap(1);
}

START_TEST(ready_bits_of_queues_that_are_not_there_are_counted)
{
	start("bits", "shm_size 64M\n");	/* with a summary */
	outlast(do_evil(set_all_bits, 1000),
		"ready bits of queues that are not there");
	stop();
	start("flat", "shm_size 8M\n");
	outlast(do_evil(set_all_bits, 1000),
		"ready bits of queues that are not there");
	stop();
}
END_TEST

static void
jump(struct vine_session *s, int round)
{
	struct vine_queue *q = queue_of(s);
	uint64_t was = arch_load64(&vine_ring_slot(&q->sub)->w[0]);

	/* far ahead, by one, by a lap, behind */
	arch_store64(&vine_ring_slot(&q->sub)->w[0],
		     q->sub.pos + (uint32_t[]){ 0x7fffffff, 2,
				   q->sub.mask + 2, UINT32_MAX }[round & 3]);
	vine_ready_ring(&q->ready, q->index);
	appliance_nap(2);
	arch_store64(&vine_ring_slot(&q->sub)->w[0], was);
}

START_TEST(sequences_that_jump_are_counted)
{
	start("jump", "shm_size 8M\n");
	outlast(do_evil(jump, 1000), "slots with an impossible sequence");
	stop();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("weather");

	tcase_add_test(tcase,
		an_application_may_stop_at_any_instruction_of_an_issue);
	tcase_add_test(tcase,
		without_a_bell_an_idle_vined_finds_a_task_at_its_next_look);
	tcase_add_test(tcase,
		without_a_bell_it_is_found_soon_while_a_task_is_in_flight);
	tcase_add_test(tcase, thousands_of_queues_are_looked_at_in_one_round);
	tcase_add_test(tcase,
		ready_bits_of_queues_that_are_not_there_are_counted);
	tcase_add_test(tcase, sequences_that_jump_are_counted);
	return appliance_main("weather", tcase);
}
