/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vinectl and the log of a real vined, under its filter, say of its tasks:
 * where they wait, and where a worker is that does not come round.
 */
#include <vine/net.h>
#include <vine/vine.h>

#include "tool.h"

static struct appliance appliance;
static struct vine_session *s;
static char sock[160];

static void
begin(const char *tag, const char *more)
{
	char text[1024];

	snprintf(sock, sizeof(sock), "%s/%s.sock", appliance_folder, tag);
	snprintf(text, sizeof(text), "shm_size 64M\ncontrol_socket %s\n"
		 "net_listen tcp:127.0.0.1:*\n%s", sock, more);
	appliance_start(&appliance, tag, text);
	ck_assert_int_eq(vine_session_open(&(struct vine_session_opts){
		.size = sizeof(struct vine_session_opts),
		.config_file = appliance.config }, &s), 0);
}

static void
end(void)
{
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

static vine_task *
issue(const char *proc, const void *args, size_t size)
{
	struct vine_task_opts o = { .size = sizeof(o), .args = args,
		.args_size = (uint32_t)size };
	vine_task *task;

	ck_assert_int_eq(vine_accel_find(s, VINE_NET, VINE_NET_ACCEL,
					 &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, VINE_NET, proc, &o.proc), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

static uint64_t
value_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, INT64_C(60000000000)), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r.value;
}

static vine_task *
start_accept(void)
{
	struct vine_net_open at = { .kind = VINE_NET_STREAM };
	struct vine_net_io io = { 0, 0, 0 };

	at.address.family = VINE_NET_INET;
	at.address.host[0] = 127;
	at.address.host[3] = 1;
	io.socket = (uint32_t)value_of(issue("net_listen", &at, sizeof(at)));
	return issue("net_accept", &io, sizeof(io));
}

START_TEST(tasks_shows_where_an_accept_waits_in_file_and_line)
{
	vine_task *one, *two;

	begin("where", "");
	one = start_accept();
	two = start_accept();
	tool_await("net_accept", "vinectl -S %s tasks", sock);
	tool_await("\"tasks\":1", "vinectl -S %s -j tasks --all", sock);
	ck_assert_int_eq(tool_run("vinectl -S %s tasks --trace net_acc*",
				  sock), 0);
	ck_assert_msg(tool_says("blocked") && tool_says("accept") &&
		      tool_says("fd "), "%s", tool_out);
	ck_assert_msg(tool_says("src/services/net/svc_net"), "%s", tool_out);
	ck_assert_msg(tool_says("src/appliance/vined_handler.c:"), "%s",
		      tool_out);
	ck_assert_int_eq(tool_run("vinectl -S %s tasks no_such_*", sock), 0);
	ck_assert_msg(tool_says("tasks: none"), "%s", tool_out);
	ck_assert_int_eq(tool_run("vinectl -S %s tasks a b", sock), 1);
	ck_assert_msg(tool_says("usage: tasks"), "%s", tool_out);
	ck_assert_int_eq(tool_run("vinectl -S %s status --all", sock), 2);
	vine_task_cancel(one);
	vine_task_cancel(two);
	value_of(one);
	value_of(two);
	end();
}
END_TEST

START_TEST(sigusr1_writes_the_tasks_to_the_log_and_vined_goes_on)
{
	vine_task *task;
	long from;

	begin("log", "");
	task = start_accept();
	tool_await("net_accept", "vinectl -S %s tasks", sock);
	for (int i = 0; i < 3; i++) {
		from = appliance_log_size(&appliance);
		ck_assert_int_eq(kill(appliance.pid, SIGUSR1), 0);
		appliance_await(&appliance, from, "end of tasks");
		ck_assert(appliance_logged(&appliance, from,
			"net_accept: blocked, accept fd "));
		ck_assert(appliance_logged(&appliance, from,
			"src/services/net/svc_net"));
	}
	vine_task_cancel(task);
	value_of(task);
	end();
}
END_TEST

START_TEST(times_and_events_say_how_long_and_what_the_tasks_did)
{
	vine_task *task;

	begin("events", "record 1\n");
	task = start_accept();
	tool_await("net_accept", "vinectl -S %s tasks", sock);
	ck_assert_int_eq(tool_run("vinectl -S %s tasks --times", sock), 0);
	ck_assert_msg(tool_says("running") && tool_says("ready") &&
		      tool_says("blocked") && tool_says("net_listen"), "%s",
		      tool_out);
	ck_assert_int_eq(tool_run("vinectl -S %s tasks --events net_accept",
				  sock), 0);
	ck_assert_msg(tool_says("task_create") && tool_says("task_begin") &&
		      tool_says("op_submit") && tool_says("task_block"), "%s",
		      tool_out);
	vine_task_cancel(task);
	value_of(task);
	end();
}
END_TEST

/* --- a worker that is held up -------------------------------------------- */

/*
 * A library that is loaded before libc, in which the first listen of a task
 * sleeps: as a service would that calls what blocks.
 */
static const char blocking_listen[] =
	"#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n"
	"#include <pthread.h>\n#include <string.h>\n#include <sys/socket.h>\n"
	"#include <time.h>\n"
	"int listen(int fd, int backlog)\n"
	"{\n"
	"	int (*next)(int, int) = (int (*)(int, int))\n"
	"		dlsym(RTLD_NEXT, \"listen\");\n"
	"	struct timespec t = { 1, 500000000 };\n"
	"	char name[16] = \"\";\n"
	"	pthread_getname_np(pthread_self(), name, sizeof(name));\n"
	"	while (strncmp(name, \"vined-w\", 7) == 0 &&\n"
	"	       nanosleep(&t, &t) != 0 && errno == EINTR)\n"
	"		;\n"
	"	return next(fd, backlog);\n"
	"}\n";

static void
preload_blocking_listen(void)
{
	const char *cc = getenv("CC");
	char source[256], object[256], command[2048];

	appliance_path(source, sizeof(source), "listen.c");
	appliance_path(object, sizeof(object), "listen.so");
	appliance_write(source, blocking_listen);
	snprintf(command, sizeof(command), "%s -O1 -g -fPIC -shared -o %s %s "
		 "-ldl -lpthread", cc && *cc ? cc : "cc", object, source);
	ck_assert_int_eq(system(command), 0);
	setenv("LD_PRELOAD", object, 1);
}

START_TEST(a_worker_that_is_held_up_is_named_with_its_place_and_goes_on)
{
	vine_task *task;

	preload_blocking_listen();
	begin("stall", "stall_after 50ms\n");
	unsetenv("LD_PRELOAD");
	task = start_accept();
	ck_assert(appliance_logged(&appliance, 0, " stalls for "));
	/* where ThreadSanitizer keeps signals back, that is what is said */
	if (!appliance_logged(&appliance, 0, "it does not say where")) {
		ck_assert(appliance_logged(&appliance, 0,
					   "task net_listen at "));
		ck_assert(appliance_logged(&appliance, 0, "/listen.c:"));
		ck_assert(appliance_logged(&appliance, 0,
					   "src/services/net/svc_net_open.c:"));
	} else {
		ck_assert(APPLIANCE_SANITIZED);
	}
	tool_await("\"stalls\":1,", "vinectl -S %s -j tasks", sock);
	tool_await("net_accept", "vinectl -S %s tasks", sock);
	vine_task_cancel(task);
	value_of(task);
	end();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("tasks");

	tcase_add_test(tcase,
		       tasks_shows_where_an_accept_waits_in_file_and_line);
	tcase_add_test(tcase,
		       sigusr1_writes_the_tasks_to_the_log_and_vined_goes_on);
	tcase_add_test(tcase,
		       times_and_events_say_how_long_and_what_the_tasks_did);
	tcase_add_test(tcase,
		a_worker_that_is_held_up_is_named_with_its_place_and_goes_on);
	return appliance_main("tasks", tcase);
}
