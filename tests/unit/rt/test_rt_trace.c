/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rt_trace: the probes are in the program, by the names of the table,
 * and the recorder has what happened, in order.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/rt_dump.h"
#include "rt/rt_io.h"
#include "rt/rt_rendez.h"
#include "rt/rt_rpc.h"
#include "rt/rt_trace.h"
#include "rt/rt_watcher.h"
#include "tests/unit/rt/tasks.h"

/* So that the linker takes these in. */
int (*volatile test_rt_trace_uses)(struct rt_rpc *, struct rt_rpc_call *,
				   uint64_t) = rt_rpc_call;

static struct rt_rendez rendez;
static struct rt_event events[VINE_RT_RECORDER];

START_TEST(each_row_of_the_table_is_a_probe_in_the_program)
{
#if __has_include(<sys/sdt.h>)
	static char notes[1 << 20];
	char command[64], name[64];
	size_t n;
	FILE *out;

	snprintf(command, sizeof(command), "readelf -nW /proc/%d/exe",
		 (int)getpid());
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	n = fread(notes, 1, sizeof(notes) - 1, out);
	notes[n] = '\0';
	ck_assert_int_eq(pclose(out), 0);
	ck_assert_ptr_nonnull(strstr(notes, "Provider: vine_rt"));
	for (int i = 0; i < RT_TRACES; i++) {
		snprintf(name, sizeof(name), "Name: %s\n", rt_trace_name(i));
		ck_assert_msg(strstr(notes, name) != NULL, "no probe %s",
			      rt_trace_name(i));
	}
#endif
}
END_TEST

static int
sleeper(void *arg)
{
	(void)arg;
	(void)rt_rendez_sleep(&rendez, in_ms(60000));
	(void)rt_task_delay(in_ms(5));
	return 7;
}

/* Check that the steps of a task are these, in their order; ends with -1. */
static void
check_steps(const char *task, uint32_t count, const int *want)
{
	uint64_t last = UINT64_MAX;
	uint32_t i = 0;

	for (; i < count && *want >= 0; i++) {
		if (strcmp(events[i].task, task) != 0)
			continue;
		ck_assert_msg(events[i].what == *want, "%s did %s, not %s",
			      task, rt_trace_name(events[i].what),
			      rt_trace_name((enum rt_trace)*want));
		ck_assert_uint_le(events[i].ns, last);
		last = events[i].ns;
		want++;
	}
	ck_assert_msg(*want < 0, "%s never did %s", task,
		      rt_trace_name((enum rt_trace)*want));
}

TASK_CASE(the_recorder_has_what_happened_in_order)
{
	static const int steps[] = { RT_TRACE_task_create, RT_TRACE_task_run,
		RT_TRACE_task_begin, RT_TRACE_task_block, RT_TRACE_task_wake,
		RT_TRACE_task_run, RT_TRACE_task_block, RT_TRACE_task_deadline,
		RT_TRACE_task_wake, RT_TRACE_task_run, RT_TRACE_task_end, -1 };
	struct rt_task_opts o = { .name = "sleeper" };
	struct rt_task *task;
	uint32_t n;

	ck_assert_uint_eq(rt_trace_read(sched, events, VINE_RT_RECORDER), 0);
	ck_assert_int_eq(rt_trace_record(sched, 1), 0);
	ck_assert_int_eq(rt_trace_record(sched, 1), 0);
	rt_rendez_init(&rendez);
	ck_assert_int_eq(rt_task_create(sched, sleeper, NULL, &o, &task), 0);
	rt_task_yield();
	rt_rendez_wake(&rendez);
	ck_assert_int_eq(join(task), 7);
	n = rt_trace_read(sched, events, VINE_RT_RECORDER);
	check_steps("sleeper", n, steps);
	ck_assert_int_eq(events[n - 1].what, RT_TRACE_task_run);
	ck_assert_int_eq(rt_trace_record(sched, 0), 0);
	ck_assert_uint_eq(rt_trace_read(sched, events, VINE_RT_RECORDER), 0);
	return 0;
}

TASK_CASE(the_recorder_keeps_the_last_steps_and_a_dump_has_them)
{
	const struct rt_event *e;
	struct rt_dump *d;
	uint32_t n;

	ck_assert_int_eq(rt_trace_record(sched, 1), 0);
	rt_task_set_name(rt_task_self(), "early");
	for (int i = 0; i < VINE_RT_RECORDER; i++)
		rt_task_yield();
	rt_task_set_name(rt_task_self(), "late");
	for (int i = 0; i < VINE_RT_RECORDER + 3; i++)
		rt_task_yield();
	ck_assert_uint_eq(rt_trace_read(sched, events, 5), 5);
	ck_assert_int_eq(rt_dump_here(sched, 10, &d), 0);
	e = rt_dump_events(d, &n);
	ck_assert_uint_eq(n, VINE_RT_RECORDER);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_str_eq(e[i].task, "late");
	rt_dump_drop(d);
	return 0;
}

static int
receiver(void *arg)
{
	char c;

	return (int)rt_io_recv(*(int *)arg, &c, 1, 0, RT_NEVER);
}

TASK_CASE(an_operation_is_kept_with_its_descriptor_and_its_result)
{
	struct rt_task_opts o = { .name = "receiver" };
	struct rt_task *task;
	int pair[2], submitted = 0, done = 0;
	uint32_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair), 0);
	ck_assert_int_eq(rt_trace_record(sched, 1), 0);
	ck_assert_int_eq(rt_task_create(sched, receiver, &pair[0], &o, &task),
			 0);
	rt_task_yield();
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(join(task), 1);
	n = rt_trace_read(sched, events, VINE_RT_RECORDER);
	for (uint32_t i = 0; i < n; i++) {
		if (events[i].what == RT_TRACE_op_submit)
			submitted += events[i].object == (uint64_t)pair[0];
		if (events[i].what == RT_TRACE_op_done)
			done += events[i].object == (uint64_t)pair[0] &&
				events[i].number == 1;
	}
	ck_assert_int_eq(submitted, 1);
	ck_assert_int_eq(done, 1);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

int
main(void)
{
	TCase *tc = tcase_create("trace");

	tcase_add_test(tc, each_row_of_the_table_is_a_probe_in_the_program);
	tcase_add_test(tc, the_recorder_has_what_happened_in_order);
	tcase_add_test(tc,
		       the_recorder_keeps_the_last_steps_and_a_dump_has_them);
	tcase_add_test(tc,
		       an_operation_is_kept_with_its_descriptor_and_its_result);
	return tasks_main("rt_trace", tc);
}
