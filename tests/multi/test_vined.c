/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon from outside: how it checks its configs, starts, ends, reloads,
 * and what an application sees of its end.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vine/vine.h>

#include "segment_view.h"

static struct appliance appliance;
static int restart_wait;	/* ms; of each application */

/* Run vined with arguments to its end; returns its exit status. */
static int
vined(struct appliance *a, char *const argv[])
{
	appliance_spawn(a, argv);
	return appliance_wait(a);
}

static int
check_config(struct appliance *a, const char *file)
{
	char *argv[] = { "vined", "--check-config", "--config", (char *)file,
		NULL };

	unlink(a->log);
	return vined(a, argv);
}

/* The daemon's config may be a broken one: the application has its own. */
static int
open_with(const struct appliance *a, int64_t timeout_ms,
	  struct vine_session **s)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.attach_timeout = timeout_ms * 1000000 };

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\nrestart_wait %d\n",
		 a->name, restart_wait);
	return vine_session_open(&o, s);
}

static int
open_on(const struct appliance *a, struct vine_session **s)
{
	return open_with(a, 20000, s);
}

/* Issue one task without data. */
static vine_task *
issue(struct vine_session *s, vine_accel_type_e type, const char *accel,
      const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task = NULL;

	ck_assert_int_eq(vine_accel_find(s, type, accel, &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, type, proc, &o.proc), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

static enum vine_status
status_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, INT64_C(30000000000)), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	return r.status;
}

static enum vine_status
noop(struct vine_session *s)
{
	vine_task *task = issue(s, GPU_SOFT, "noop", "noop");
	enum vine_status status = status_of(task);

	vine_task_free(task);
	return status;
}

/* What this thread has issued was taken: its queue is served in order. */
static void
taken(struct vine_session *s)
{
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
}

/* --- configs and the command line --------------------------------------- */

START_TEST(a_good_config_is_good)
{
	appliance_plan(&appliance, "good", "shm_size 2M\nlog_level warn\n");
	ck_assert_int_eq(check_config(&appliance, appliance.config), 0);
	ck_assert_int_eq(appliance_log_size(&appliance), 0);
}
END_TEST

START_TEST(every_bad_config_is_exit_status_3_and_names_its_file)
{
	char folder[4096], path[8192];
	const char *tree = getenv("VINE_SRC_DIR");
	struct dirent *e;
	int count = 0;
	DIR *dir;

	appliance_plan(&appliance, "bad", "");
	snprintf(folder, sizeof(folder), "%s/tests/bad-configs",
		 tree ? tree : ".");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n < 5 || strcmp(e->d_name + n - 5, ".conf") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		ck_assert_msg(check_config(&appliance, path) == 3,
			      "%s is not refused", e->d_name);
		ck_assert_msg(appliance_logged(&appliance, 0, e->d_name),
			      "no line names %s", e->d_name);
		count++;
	}
	closedir(dir);
	ck_assert_int_ge(count, 20);
	ck_assert_int_eq(check_config(&appliance, "/no/such.conf"), 3);
}
END_TEST

START_TEST(a_bad_config_is_exit_status_3_without_check_config_too)
{
	char *argv[] = { "vined", "--config", appliance.config, NULL };
	char path[256];

	appliance_plan(&appliance, "start3", "shm_syze 2M\n");
	ck_assert_int_eq(vined(&appliance, argv), 3);
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(usage_is_exit_status_2_and_help_0)
{
	char *wrong[] = { "vined", "--no-such-option", NULL };
	char *extra[] = { "vined", "extra", NULL };
	char *level[] = { "vined", "--log-level", "loud", NULL };
	char *help[] = { "vined", "--help", NULL };
	char *keys[] = { "vined", "--help-config", NULL };
	char *version[] = { "vined", "--version", NULL };

	appliance_plan(&appliance, "usage", "");
	ck_assert_int_eq(vined(&appliance, wrong), 2);
	ck_assert_int_eq(vined(&appliance, extra), 2);
	ck_assert_int_eq(vined(&appliance, level), 2);
	ck_assert_int_eq(vined(&appliance, help), 0);
	ck_assert_int_eq(vined(&appliance, keys), 0);
	ck_assert_int_eq(vined(&appliance, version), 0);
}
END_TEST

START_TEST(what_cannot_be_done_is_exit_status_1)
{
	static const char *const configs[] = {
		"services no_such_service\n",
		"cpu_kernels /no/such.so\n",
		"shm_off 4096\nshm_trunc 0\n",	/* there is no object */
	};
	char *argv[] = { "vined", "--config", appliance.config, NULL };

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		appliance_plan(&appliance, "cannot", configs[i]);
		ck_assert_msg(vined(&appliance, argv) == 1, "config %zu", i);
		ck_assert(appliance_logged(&appliance, 0, "vined: error: "));
	}
}
END_TEST

/* --- segments ----------------------------------------------------------- */

START_TEST(a_second_vined_on_a_segment_is_refused_and_the_first_serves_on)
{
	struct appliance second;
	char *argv[] = { "vined", "--config", second.config, NULL };
	struct vine_session *s;
	char who[64];

	appliance_start(&appliance, "only", "shm_size 4M\n");
	snprintf(who, sizeof(who), "another appliance, process %d",
		 (int)appliance.pid);
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	second = appliance;
	appliance_path(second.log, sizeof(second.log), "second.log");
	ck_assert_int_eq(vined(&second, argv), 1);
	ck_assert(appliance_logged(&second, 0, appliance.name));
	ck_assert_msg(appliance_logged(&second, 0, who), "no line has \"%s\"",
		      who);
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(one_vined_serves_two_segments_each_with_its_sessions)
{
	struct appliance other;
	char *argv[] = { "vined", "--config", appliance.config, "-c",
		other.config, NULL };
	struct vine_session_info a = { .size = sizeof(a) }, b = a;
	struct vine_session *one, *two;
	vine_task *tasks[2];
	char path[256];
	size_t at;

	appliance_plan(&other, "two", "shm_size 8M\n");
	appliance_plan(&appliance, "one", "shm_size 4M\n");
	appliance_spawn(&appliance, argv);
	appliance_await(&appliance, 0, other.name);
	ck_assert_int_eq(open_on(&appliance, &one), 0);
	ck_assert_int_eq(open_on(&other, &two), 0);
	ck_assert_int_eq(vine_session_info(one, &a), 0);
	ck_assert_int_eq(vine_session_info(two, &b), 0);
	ck_assert_uint_eq(a.segment_size, 4 << 20);
	ck_assert_uint_eq(b.segment_size, 8 << 20);
	ck_assert_uint_ne(a.incarnation, b.incarnation);
	for (int i = 0; i < 1000; i++) {
		tasks[0] = issue(one, GPU_SOFT, "noop", "noop");
		tasks[1] = issue(two, GPU_SOFT, "noop", "noop");
		ck_assert_int_eq(vine_task_wait_any(tasks, 2, VINE_FOREVER,
						    &at), 0);
		ck_assert_int_eq(vine_task_wait_all(tasks, 2, VINE_FOREVER), 0);
		ck_assert_int_eq(status_of(tasks[0]), VINE_STATUS_OK);
		ck_assert_int_eq(status_of(tasks[1]), VINE_STATUS_OK);
		vine_task_free(tasks[0]);
		vine_task_free(tasks[1]);
	}
	vine_session_close(one);
	vine_session_close(two);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	ck_assert_int_ne(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "/dev/shm/%s", other.name);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_foreign_object_is_left_as_it_is)
{
	static const char precious[] = "these bytes are somebody's";
	char *argv[] = { "vined", "--config", appliance.config, NULL };
	char path[256], back[8192] = "";
	FILE *file;

	appliance_plan(&appliance, "foreign", "shm_size 2M\n");
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 400; i++)
		fputs(precious, file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(vined(&appliance, argv), 1);
	ck_assert(appliance_logged(&appliance, 0, "vined: error: segment "));
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(back, 1, sizeof(back), file), sizeof(back));
	fclose(file);
	ck_assert_int_eq(memcmp(back, precious, sizeof(precious) - 1), 0);
	unlink(path);
}
END_TEST

/* --- the end ------------------------------------------------------------ */

START_TEST(sigterm_finishes_the_tasks_in_flight)
{
	enum { N = 6 };		/* 2 threads: three rounds of 300 ms */
	struct vine_session *s;
	vine_task *tasks[N], *late;
	char more[512];

	appliance_slow(more, sizeof(more), 300);
	appliance_start(&appliance, "drain", more);
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	for (int i = 0; i < N; i++)
		tasks[i] = issue(s, CPU, "cpu0", "slow");
	late = issue(s, CPU, "cpu0", "slow");	/* taken with the others */
	taken(s);
	ck_assert_int_eq(kill(appliance.pid, SIGTERM), 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(status_of(tasks[i]), VINE_STATUS_OK);
	ck_assert_int_eq(status_of(late), VINE_STATUS_OK);
	ck_assert_int_eq(appliance_wait(&appliance), 0);
	ck_assert(!appliance_logged(&appliance, 0, "did not finish"));
	vine_session_close(s);
}
END_TEST

START_TEST(sigint_ends_it_too_and_a_session_learns_of_it)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_session *s;
	vine_task *task;
	int64_t begin;
	int rc;

	appliance_start(&appliance, "int", "shm_size 4M\n");
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	ck_assert_int_eq(vine_accel_find(s, GPU_SOFT, "noop", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, GPU_SOFT, "noop", &o.proc), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGINT), 0);
	rc = vine_task_issue_opts(&o, &task);
	if (rc == 0)
		ck_assert_int_ge((int)status_of(task),
				 VINE_STATUS_SESSION_CLOSED);
	else
		ck_assert_int_eq(rc, -ECONNRESET);
	begin = appliance_now();
	vine_session_close(s);
	ck_assert_int_lt(appliance_now() - begin, 15000);
}
END_TEST

START_TEST(a_killed_vined_gives_errors_and_the_next_one_serves_anew)
{
	struct vine_session_info info = { .size = sizeof(info) };
	struct vine_session *s, *again;
	vine_task *tasks[3];
	uint64_t generation;
	vine_proc *proc;
	char more[512];
	int64_t begin;
	int rc;

	appliance_slow(more, sizeof(more), 300);
	appliance_start(&appliance, "crash", more);
	ck_assert_int_eq(open_with(&appliance, 3000, &s), 0);
	ck_assert_int_eq(vine_session_info(s, &info), 0);
	generation = info.generation;
	for (int i = 0; i < 3; i++)
		tasks[i] = issue(s, CPU, "cpu0", "slow");
	taken(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	begin = appliance_now();
	rc = vine_proc_find(s, CPU, "copy", &proc);
	ck_assert_msg(rc == -ECONNRESET || rc == -ETIMEDOUT, "it is %d", rc);
	ck_assert_int_lt(appliance_now() - begin, 15000);
	appliance_run(&appliance);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge((int)status_of(tasks[i]),
				 VINE_STATUS_SESSION_CLOSED);
	ck_assert_int_eq(open_on(&appliance, &again), 0);
	ck_assert_int_eq(vine_session_info(again, &info), 0);
	ck_assert_uint_gt(info.generation, generation);
	ck_assert_int_eq(noop(again), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(noop(again), VINE_STATUS_OK);
	vine_session_close(again);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* The application waits while the daemon dies and comes back. */
START_TEST(a_wait_over_a_crash_and_a_restart_ends_with_an_error)
{
	struct vine_session *s, *again;
	vine_task *task;
	char more[512];

	restart_wait = 60000;
	appliance_slow(more, sizeof(more), 300);
	appliance_start(&appliance, "restart", more);
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	task = issue(s, CPU, "cpu0", "slow");
	taken(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	appliance_run(&appliance);
	ck_assert_int_eq((int)status_of(task), VINE_STATUS_APPLIANCE_LOST);
	ck_assert_int_eq(open_on(&appliance, &again), 0);
	ck_assert_int_eq(noop(again), VINE_STATUS_OK);
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	vine_task_free(task);
	vine_session_close(s);
	vine_session_close(again);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Ten crashes under ten sessions that are never closed: slots come back. */
START_TEST(sessions_of_dead_applications_and_dead_daemons_come_back)
{
	struct segment_view view;
	struct vine_session *s;
	char byte;
	int fds[2];

	appliance_start(&appliance, "ghosts", "shm_size 2M\n");
	for (int i = 0; i < 10; i++) {
		pid_t pid;

		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			vine_data *data;

			if (open_on(&appliance, &s) != 0 ||
			    vine_data_alloc_in(s, 50000, 0, &data) != 0 ||
			    write(fds[1], "", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		close(fds[1]);
		ck_assert_int_eq((int)read(fds[0], &byte, 1), 1);
		close(fds[0]);
		appliance_stop(&appliance, SIGKILL);
		if (i % 2)
			kill(pid, SIGKILL);
		appliance_run(&appliance);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	segment_map(&appliance, &view);
	for (int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;;) {
		struct segment_use now = segment_count(&view);

		if (now.sessions == 0 && now.extents == 0 && now.queues == 0)
			break;
		ck_assert_msg(appliance_now() < end,
			      "%u sessions, %u extents, %u queues remain",
			      now.sessions, now.extents, now.queues);
		appliance_nap(10);
	}
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- reload ------------------------------------------------------------- */

static void
rewrite(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nworkers 2\ncpu_threads 2\n"
		 "state_dir %s\nshm_size 4M\ncontrol_socket off\n%s",
		 appliance.name, appliance_state_dir(), more);
	appliance_write(appliance.config, text);
}

/* Reload; returns where in the log what follows stands. */
static long
hang_up(const char *line)
{
	long from = appliance_log_size(&appliance);

	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, line);
	return appliance_log_size(&appliance);
}

static int
opening_is_logged(void)
{
	long from = appliance_log_size(&appliance);
	struct vine_session *s;

	ck_assert_int_eq(open_on(&appliance, &s), 0);
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	vine_session_close(s);
	return appliance_logged(&appliance, from, "opened");
}

START_TEST(sighup_takes_a_new_log_level_and_keeps_the_old_on_a_broken_config)
{
	struct vine_session *s;

	appliance_start(&appliance, "hup", "shm_size 4M\n");
	ck_assert_int_eq(open_on(&appliance, &s), 0);
	ck_assert(!opening_is_logged());
	rewrite("log_level debug\n");
	hang_up("was read again");
	ck_assert(opening_is_logged());
	rewrite("log_level shout\n");
	hang_up("stays in force");
	ck_assert(appliance_logged(&appliance, 0, "shout"));
	ck_assert(opening_is_logged());
	unlink(appliance.config);
	hang_up("stays in force");
	rewrite("log_level info\n");
	hang_up("was read again");
	ck_assert(!opening_is_logged());
	ck_assert_int_eq(noop(s), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- systemd ------------------------------------------------------------- */

/* Read what vined tells until it has told `text`. */
static void
await_told(int fd, const char *text)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char told[512];
	ssize_t n;

	do {
		ck_assert_msg(poll(&p, 1, APPLIANCE_PATIENCE_MS) == 1,
			      "systemd is not told %s", text);
		n = recv(fd, told, sizeof(told) - 1, 0);
		ck_assert_int_gt(n, 0);
		told[n] = '\0';
	} while (strncmp(told, text, strlen(text)) != 0);
}

START_TEST(systemd_is_told_of_start_reload_watchdog_and_stop)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[256], bin[4096], pid[32];

	appliance_plan(&appliance, "sd", "shm_size 2M\n");
	appliance_path(path, sizeof(path), "notify");
	ck_assert_uint_lt(strlen(path), sizeof(at.sun_path));
	memcpy(at.sun_path, path, strlen(path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	appliance_bin(bin, sizeof(bin), "vined");
	appliance.pid = fork();
	if (appliance.pid == 0) {
		dup2(open(appliance.log, O_WRONLY | O_CREAT, 0600), 2);
		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("NOTIFY_SOCKET", at.sun_path, 1);
		setenv("JOURNAL_STREAM", "1:2", 1);
		setenv("WATCHDOG_USEC", "200000", 1);
		setenv("WATCHDOG_PID", pid, 1);
		execl(bin, "vined", "-c", appliance.config, NULL);
		_exit(127);
	}
	await_told(fd, "READY=1\nSTATUS=serving 1 segments");
	await_told(fd, "WATCHDOG=1");
	await_told(fd, "WATCHDOG=1");
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	await_told(fd, "RELOADING=1");
	await_told(fd, "READY=1");
	ck_assert_int_eq(kill(appliance.pid, SIGTERM), 0);
	await_told(fd, "STOPPING=1");
	ck_assert_int_eq(appliance_wait(&appliance), 0);
	/* the journal wants a level in front */
	ck_assert(appliance_logged(&appliance, 0, "<6>serving segment "));
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("vined");

	tcase_add_test(tcase, a_good_config_is_good);
	tcase_add_test(tcase,
		every_bad_config_is_exit_status_3_and_names_its_file);
	tcase_add_test(tcase,
		a_bad_config_is_exit_status_3_without_check_config_too);
	tcase_add_test(tcase, usage_is_exit_status_2_and_help_0);
	tcase_add_test(tcase, what_cannot_be_done_is_exit_status_1);
	tcase_add_test(tcase,
		a_second_vined_on_a_segment_is_refused_and_the_first_serves_on);
	tcase_add_test(tcase,
		one_vined_serves_two_segments_each_with_its_sessions);
	tcase_add_test(tcase, a_foreign_object_is_left_as_it_is);
	tcase_add_test(tcase, sigterm_finishes_the_tasks_in_flight);
	tcase_add_test(tcase, sigint_ends_it_too_and_a_session_learns_of_it);
	tcase_add_test(tcase,
		a_killed_vined_gives_errors_and_the_next_one_serves_anew);
	tcase_add_test(tcase,
		a_wait_over_a_crash_and_a_restart_ends_with_an_error);
	tcase_add_test(tcase,
		sessions_of_dead_applications_and_dead_daemons_come_back);
	tcase_add_test(tcase,
	    sighup_takes_a_new_log_level_and_keeps_the_old_on_a_broken_config);
	tcase_add_test(tcase,
		systemd_is_told_of_start_reload_watchdog_and_stop);
	return appliance_main("vined", tcase);
}
