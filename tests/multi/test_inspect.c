/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vine-inspect on segments of a real vined: what it shows of the living and of
 * the dead, and that nobody notices it.
 */
#include <vine/vine.h>

#include "tool.h"

static struct appliance appliance;

static struct vine_session *
attach(const char *label)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.label = label, .attach_timeout = INT64_C(20000000000) };
	struct vine_session *s;

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n", appliance.name);
	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static vine_task *
issue(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task;

	ck_assert_int_eq(vine_accel_find(s, CPU, "cpu0", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, CPU, proc, &o.proc), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

START_TEST(sessions_and_the_tasks_of_their_queues_are_shown)
{
	struct vine_session *s;
	vine_task *tasks[3];
	char lines[512];

	appliance_slow(lines, sizeof(lines), 1500);
	appliance_start(&appliance, "shown", lines);
	s = attach("who is it");
	for (int i = 0; i < 3; i++)
		tasks[i] = issue(s, "slow");
	tool_await("\"published\":0,\"taken\":3,\"unreaped_most\":0,"
		   "\"completed\":0", "vine-inspect --json %s",
		   appliance.name);
	ck_assert(tool_says("\"label\":\"who is it\",\"state\":\"open\","
			    "\"alive\":true"));
	ck_assert(tool_says("\"appliance\":\"serving\""));
	ck_assert(tool_says("\"for\":\"control\""));
	ck_assert(tool_says("\"name\":\"cpu0\""));
	ck_assert(tool_says("\"name\":\"slow\""));
	ck_assert(tool_says("\"faults\":[]"));
	ck_assert_int_eq(vine_task_wait_all(tasks, 3, VINE_FOREVER), 0);
	tool_await("\"published\":0,\"taken\":0,\"unreaped_most\":3,"
		   "\"completed\":3", "vine-inspect --json %s",
		   appliance.name);
	for (int i = 0; i < 3; i++)
		vine_task_free(tasks[i]);
	vine_session_close(s);
	ck_assert_int_eq(tool_run("vine-inspect -c %s", appliance.config), 0);
	ck_assert(tool_says("sessions: none"));
	ck_assert(tool_says("queues: none"));
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_section_alone_is_shown_alone)
{
	appliance_start(&appliance, "section", "shm_size 2M\n");
	ck_assert_int_eq(tool_run("vine-inspect -s counters -s segment %s",
				  appliance.name), 0);
	ck_assert(tool_says("tasks taken"));
	ck_assert(tool_says("queue slots"));
	ck_assert(!tool_says("\nprocedures"));
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* A child with a session, stopped so that nothing moves any more. */
static pid_t
stopped_application(void)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)issue(attach("stopped"), "crc32c");
		raise(SIGSTOP);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert(WIFSTOPPED(status));
	return pid;
}

static void
read_segment(uint8_t *bytes, size_t size)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(bytes, 1, size, file), size);
	fclose(file);
}

START_TEST(the_dead_are_shown_as_dead_and_nothing_changes)
{
	static uint8_t before[2 << 20], after[2 << 20];
	char path[256];
	struct stat a, b;
	pid_t pid;

	appliance_start(&appliance, "dead", "shm_size 2M\n");
	pid = stopped_application();
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	read_segment(before, sizeof(before));
	ck_assert_int_eq(stat(path, &a), 0);
	ck_assert_int_eq(tool_run("vine-inspect --json %s", appliance.name),
			 0);
	ck_assert(tool_says("\"appliance\":\"dead\""));
	ck_assert(tool_says("\"label\":\"stopped\",\"state\":\"open\","
			    "\"alive\":true"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(tool_run("vine-inspect --json %s", path), 0);
	ck_assert(tool_says("\"label\":\"stopped\",\"state\":\"open\","
			    "\"alive\":false"));
	read_segment(after, sizeof(after));
	ck_assert_int_eq(memcmp(before, after, sizeof(before)), 0);
	/* no hole was filled by looking */
	ck_assert_int_eq(stat(path, &b), 0);
	ck_assert_int_eq(a.st_blocks, b.st_blocks);
}
END_TEST

START_TEST(what_is_no_segment_is_exit_status_1_and_usage_2)
{
	char path[256];

	appliance_plan(&appliance, "none", "");
	appliance_path(path, sizeof(path), "other");
	appliance_write(path, "somebody's");
	ck_assert_int_eq(tool_run("vine-inspect %s", path), 1);
	ck_assert_int_eq(truncate(path, 8192), 0);
	ck_assert_int_eq(tool_run("vine-inspect %s", path), 1);
	ck_assert(tool_says("not a libvine segment"));
	ck_assert_int_eq(tool_run("vine-inspect %s", appliance.name), 1);
	ck_assert_int_eq(tool_run("vine-inspect /dev/null"), 1);
	ck_assert_int_eq(tool_run("vine-inspect -c /no/such.conf"), 1);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(tool_run("vine-inspect %s", path), 1);
	ck_assert_int_eq(tool_run("vine-inspect -x"), 2);
	ck_assert_int_eq(tool_run("vine-inspect a b"), 2);
	ck_assert_int_eq(tool_run("vine-inspect -c x a"), 2);
	ck_assert_int_eq(tool_run("vine-inspect -o x a"), 2);
	ck_assert_int_eq(tool_run("vine-inspect -w 0 a"), 2);
	ck_assert_int_eq(tool_run("vine-inspect -s tasks a"), 2);
	ck_assert_int_eq(tool_run("vine-inspect --help"), 0);
	ck_assert_int_eq(tool_run("vine-inspect --version"), 0);
}
END_TEST

START_TEST(watch_prints_again_until_its_reader_is_gone)
{
	appliance_start(&appliance, "watch", "shm_size 2M\n");
	(void)tool_run("vine-inspect -j -w 0.05 -s segment %s | head -n 3",
		       appliance.name);
	ck_assert_ptr_nonnull(strchr(tool_out, '\n'));
	ck_assert_int_eq(strncmp(strrchr(tool_out, '{') - 11, "{\"segment\":",
				 11), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("inspect");

	tcase_add_test(tcase,
		       sessions_and_the_tasks_of_their_queues_are_shown);
	tcase_add_test(tcase, a_section_alone_is_shown_alone);
	tcase_add_test(tcase, the_dead_are_shown_as_dead_and_nothing_changes);
	tcase_add_test(tcase, what_is_no_segment_is_exit_status_1_and_usage_2);
	tcase_add_test(tcase, watch_prints_again_until_its_reader_is_gone);
	return appliance_main("inspect", tcase);
}
