/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vinectl and the control socket of a real vined: what is shown is so, what is
 * asked for happens, and no client can hold vined up.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vine/vine.h>

#include "tool.h"

#define CLIENTS 8	/* places, VINE_CONTROL_CLIENTS */

static struct appliance appliance;
static char sock[160];

/* A vined with a control socket, and a kernel "slow" of so many ms. */
static void
start(const char *tag, long slow_ms)
{
	char lines[512], more[1024];

	snprintf(sock, sizeof(sock), "%s/%s.sock", appliance_folder, tag);
	appliance_slow(lines, sizeof(lines), slow_ms);
	snprintf(more, sizeof(more), "%scontrol_socket %s\n", lines, sock);
	appliance_start(&appliance, tag, more);
}

#define CTL(words) tool_run("vinectl -S %s -j %s", sock, words)

static int
try_attach(int64_t timeout_ms, struct vine_session **s)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.label = "tested", .attach_timeout = timeout_ms * 1000000 };

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n", appliance.name);
	return vine_session_open(&o, s);
}

static struct vine_session *
attach(void)
{
	struct vine_session *s;

	ck_assert_int_eq(try_attach(20000, &s), 0);
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

static enum vine_status
status_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, INT64_C(60000000000)), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r.status;
}

/* --- a tenant whose tasks must go on ------------------------------------- */

static struct {
	pthread_t thread;
	struct vine_session *session;
	_Atomic int stop;
	_Atomic long done;
} tenant;

static void *
run_tenant(void *arg)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	ck_assert_int_eq(vine_accel_find(arg, GPU_SOFT, "noop", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(arg, GPU_SOFT, "noop", &o.proc), 0);
	while (!tenant.stop) {
		vine_task *task;

		ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
		ck_assert_int_eq(status_of(task), VINE_STATUS_OK);
		tenant.done++;
	}
	return NULL;
}

static void
tenant_begin(void)
{
	tenant.session = attach();
	tenant.stop = 0;
	ck_assert_int_eq(pthread_create(&tenant.thread, NULL, run_tenant,
					tenant.session), 0);
}

/* Wait until so many more of its tasks are done. */
static void
tenant_goes_on(long more)
{
	long from = tenant.done;
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;

	while (tenant.done - from < more) {
		ck_assert_msg(appliance_now() < end, "the tenant hangs");
		appliance_nap(1);
	}
}

static void
tenant_end(void)
{
	tenant.stop = 1;
	pthread_join(tenant.thread, NULL);
	vine_session_close(tenant.session);
}

/* The id that list shows of the session in a slot. */
static unsigned long
id_of(uint32_t slot)
{
	char text[64], *at;
	unsigned long id = 0;

	ck_assert_int_eq(CTL("list"), 0);
	snprintf(text, sizeof(text), ",\"slot\":%u,", slot);
	at = strstr(tool_out, text);
	ck_assert_ptr_nonnull(at);
	while (at > tool_out && at[-1] != ':')
		at--;
	id = strtoul(at, NULL, 10);
	ck_assert_uint_ne(id, 0);
	return id;
}

static uint32_t
slot_of(struct vine_session *s)
{
	struct vine_session_info info = { .size = sizeof(info) };

	ck_assert_int_eq(vine_session_info(s, &info), 0);
	return (uint32_t)info.session_id;
}

/* --- what is shown ------------------------------------------------------- */

START_TEST(status_and_list_tell_what_runs)
{
	start("status", 1);
	tenant_begin();
	tenant_goes_on(100);
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert(tool_says(appliance.name));
	ck_assert(tool_says("\"state\":\"serving\""));
	ck_assert(tool_says("\"sessions\":1"));
	ck_assert(!tool_says("\"tasks_per_s\":0,\"failed_per_s\":0,"
			     "\"tasks\":0"));
	ck_assert(tool_says("\"worker\":1"));
	ck_assert_int_eq(CTL("list"), 0);
	ck_assert(tool_says("\"label\":\"tested\",\"state\":\"open\""));
	ck_assert(tool_says("\"name\":\"cpu0\""));
	ck_assert(tool_says("\"name\":\"slow\",\"type\":\"CPU\""));
	ck_assert_int_eq(tool_run("vinectl -S %s -j list %s", sock,
				  appliance.name), 0);
	ck_assert(tool_says("\"label\":\"tested\""));
	ck_assert_int_eq(CTL("list nobody"), 1);
	ck_assert_int_eq(tool_run("vinectl -c %s status", appliance.config),
			 0);
	ck_assert(tool_says("tasks per s"));
	tenant_goes_on(100);
	tenant_end();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	ck_assert_int_ne(access(sock, F_OK), 0);
}
END_TEST

START_TEST(dump_shows_held_tasks_running_and_waiting)
{
	struct vine_session *s;
	vine_task *tasks[3];

	start("dump", 1500);
	s = attach();
	for (int i = 0; i < 3; i++)
		tasks[i] = issue(s, "slow");
	/* two threads of the cpu service: the third waits */
	tool_await("\"procedure\":\"slow\",\"state\":\"waiting\"",
		   "vinectl -S %s -j dump", sock);
	ck_assert(tool_says("\"accelerator\":\"cpu0\",\"procedure\":\"slow\","
			    "\"state\":\"running\""));
	ck_assert(tool_says("\"held\":3"));
	ck_assert(tool_says("\"answers\":true"));
	ck_assert(!tool_says("\"answers\":false"));
	ck_assert(tool_says("\"age_ns\":"));
	ck_assert_int_eq(vine_task_wait_all(tasks, 3, VINE_FOREVER), 0);
	for (int i = 0; i < 3; i++)
		vine_task_free(tasks[i]);
	tool_await("\"held\":[]", "vinectl -S %s -j dump", sock);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- what is done -------------------------------------------------------- */

START_TEST(fence_ends_a_sessions_tasks_while_anothers_go_on)
{
	struct vine_session *s;
	vine_task *running, *next;
	char words[256];

	start("fence", 2000);
	tenant_begin();
	s = attach();
	running = issue(s, "slow");
	next = issue(s, "slow");
	snprintf(words, sizeof(words), "fence %s %lu", appliance.name,
		 id_of(slot_of(s)));
	ck_assert_int_eq(CTL(words), 0);
	ck_assert(tool_says("\"fenced\":false,\"sessions_ended\":1"));
	/* or, where it was cancelled before we looked */
	ck_assert_int_eq(status_of(running), VINE_STATUS_SESSION_LOST);
	ck_assert_int_ne(status_of(next), VINE_STATUS_OK);
	tenant_goes_on(100);
	/* an id is of one session: of none by now */
	ck_assert_int_eq(CTL(words), 1);
	ck_assert(tool_says("has no open session"));
	vine_session_close(s);
	/* another is welcome, for the segment is not fenced */
	s = attach();
	ck_assert_int_eq(status_of(issue(s, "slow")), VINE_STATUS_OK);
	vine_session_close(s);
	tenant_goes_on(100);
	tenant_end();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_fenced_segment_refuses_sessions_until_unfence)
{
	struct vine_session *s, *none;
	char words[256];

	start("segment", 1);
	s = attach();
	snprintf(words, sizeof(words), "fence %s", appliance.name);
	ck_assert_int_eq(CTL(words), 0);
	ck_assert(tool_says("\"fenced\":true,\"sessions_ended\":1"));
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert(tool_says("\"state\":\"fenced\""));
	ck_assert_int_eq(try_attach(20000, &none), -EPERM);
	vine_session_close(s);
	snprintf(words, sizeof(words), "unfence %s", appliance.name);
	ck_assert_int_eq(CTL(words), 0);
	s = attach();
	ck_assert_int_eq(status_of(issue(s, "slow")), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(CTL("fence nobody"), 1);
	ck_assert(tool_says("there is no segment nobody"));
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* What quota says of a key, from its limit on. */
static const char *
quota_of(const char *key)
{
	static char row[256];
	char text[64], *at;

	ck_assert_int_eq(CTL("quota"), 0);
	snprintf(text, sizeof(text), "\"key\":\"%s\",", key);
	at = strstr(tool_out, text);
	ck_assert_ptr_nonnull(at);
	at = strstr(at, "\"limit\"");
	snprintf(row, sizeof(row), "%.*s", (int)strcspn(at, "}"), at);
	return row;
}

static int
set_quota(const char *key, const char *value)
{
	return tool_run("vinectl -S %s -j quota %s %s %s", sock,
			appliance.name, key, value);
}

START_TEST(a_quota_is_set_shown_and_forgotten_with_the_config)
{
	struct vine_session *s;
	vine_data *d, *e;
	long from;

	start("quota", 1);
	ck_assert_str_eq(quota_of("quota_memory"),
			 "\"limit\":null,\"used\":0,\"refused\":0");
	ck_assert_str_eq(quota_of("quota_procs"),
			 "\"limit\":256,\"used\":0,\"refused\":0");
	s = attach();
	ck_assert_int_eq(vine_data_alloc_in(s, 1 << 20, 0, &d), 0);
	ck_assert_int_eq(set_quota("quota_memory", "2M"), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 2 << 20, 0, &e), -EDQUOT);
	ck_assert_ptr_nonnull(strstr(quota_of("quota_memory"),
				     "\"limit\":2097152,\"used\":1"));
	ck_assert_ptr_null(strstr(quota_of("quota_memory"), "\"refused\":0"));
	ck_assert_str_eq(quota_of("segment_sessions"),
			 "\"limit\":null,\"used\":1,\"refused\":null");
	ck_assert(appliance_logged(&appliance, 0,
				   "quota_memory is 2097152 as the operator"));
	/* the session sees it, and so does whoever looks at the segment */
	tool_await("\"quota_memory_bytes\":2097152",
		   "vine-inspect -j -s quotas %s", appliance.name);
	ck_assert_int_eq(set_quota("quota_memory", "8M"), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 2 << 20, 0, &e), 0);
	vine_data_free(e);
	ck_assert_int_eq(set_quota("segment_sessions", "1"), 0);
	from = appliance_log_size(&appliance);
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, "was read again");
	ck_assert_ptr_nonnull(strstr(quota_of("quota_memory"),
				     "\"limit\":null"));
	ck_assert_ptr_nonnull(strstr(quota_of("segment_sessions"),
				     "\"limit\":null"));
	vine_data_free(d);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_quota_of_tasks_parks_queues_and_frees_them_when_it_is_lifted)
{
	struct vine_session *s;
	vine_task *tasks[4];

	start("park", 400);
	s = attach();
	ck_assert_int_eq(set_quota("quota_tasks", "1"), 0);
	for (int i = 0; i < 4; i++)
		tasks[i] = issue(s, "slow");
	tool_await("\"parked\":1", "vinectl -S %s -j dump", sock);
	ck_assert_int_eq(set_quota("quota_tasks", "0"), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(status_of(tasks[i]), VINE_STATUS_OK);
	ck_assert_int_eq(CTL("dump"), 0);
	ck_assert(!tool_says("\"parked\":1"));
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(what_is_no_quota_is_refused_and_says_what_was_expected)
{
	start("noquota", 1);
	ck_assert_int_eq(CTL("quota nobody"), 1);
	ck_assert(tool_says("there is no segment nobody"));
	ck_assert_int_eq(set_quota("shm_size", "2M"), 1);
	ck_assert(tool_says("shm_size is the key of no quota"));
	ck_assert_int_eq(set_quota("memory", "2M"), 1);
	ck_assert(tool_says("memory is the key of no quota"));
	ck_assert_int_eq(set_quota("quota_memory", "17T"), 1);
	ck_assert(tool_says("quota_memory is 17T, expected a size from 0 to "
			    "16T"));
	ck_assert_int_eq(set_quota("quota_tasks", "1k2"), 1);
	ck_assert(tool_says("quota_tasks is 1k2, expected a number"));
	ck_assert_int_eq(set_quota("quota_tasks", ""), 1);
	ck_assert(tool_says("quota_tasks has no value"));
	ck_assert_int_eq(set_quota("quota_tasks", "1 2"), 1);
	ck_assert(tool_says("usage: quota [SEGMENT [KEY VALUE]]"));
	ck_assert_ptr_nonnull(strstr(quota_of("quota_tasks"),
				     "\"limit\":null"));
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(drain_admits_nobody_and_those_who_are_in_go_on)
{
	struct vine_session *s, *none;
	vine_task *task;

	start("drain", 300);
	s = attach();
	task = issue(s, "slow");
	ck_assert_int_eq(CTL("drain"), 0);
	ck_assert(tool_says("\"drained\":true,\"tasks_left\":0,"
			    "\"stopping\":false"));
	/* it has waited for it */
	ck_assert_int_eq(vine_task_wait_for(task, INT64_C(5000000000)), 0);
	vine_task_free(task);
	ck_assert_int_eq(try_attach(300, &none), -ETIMEDOUT);
	ck_assert_int_eq(status_of(issue(s, "slow")), VINE_STATUS_OK);
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert(tool_says("\"state\":\"draining\""));
	ck_assert_int_eq(CTL("undrain"), 0);
	none = attach();
	vine_session_close(none);
	vine_session_close(s);
	ck_assert_int_eq(CTL("drain --exit"), 0);
	ck_assert(tool_says("\"stopping\":true"));
	ck_assert_int_eq(appliance_wait(&appliance), 0);
	ck_assert_int_ne(access(sock, F_OK), 0);
}
END_TEST

/* --- who asks ------------------------------------------------------------ */

static int
dial_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(strlen(path), sizeof(a.sun_path));
	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

static int
dial(void)
{
	return dial_at(sock);
}

START_TEST(clients_that_stall_hold_nobody_up_and_are_hung_up_on)
{
	int fds[CLIENTS];
	char byte;

	start("stall", 1);
	tenant_begin();
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = dial();
		ck_assert_int_ge(fds[i], 0);
		if (i % 2)	/* half a request */
			ck_assert_int_eq(send(fds[i], "stat", 4, 0), 4);
		if (i == 2) {	/* places are left */
			ck_assert_int_eq(CTL("status"), 0);
			tenant_goes_on(100);
		}
	}
	/* all places are taken: this one is answered once they are free */
	ck_assert_int_eq(CTL("status"), 0);
	tenant_goes_on(100);
	for (int i = 0; i < CLIENTS; i++) {
		ck_assert_int_le(recv(fds[i], &byte, 1, 0), 0);
		close(fds[i]);
	}
	ck_assert(appliance_logged(&appliance, 0, "stalled"));
	tenant_end();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_client_that_leaves_at_any_moment_leaves_nothing_behind)
{
	static const char *const lines[] = { "", "st", "status\n", "dump\n",
		"list\n", "drain\n" };

	start("leave", 1);
	for (int i = 0; i < 300; i++) {
		const char *line = lines[i % 6];
		int fd = dial();

		ck_assert_int_ge(fd, 0);
		ck_assert_int_ge(send(fd, line, strlen(line), MSG_NOSIGNAL),
				 0);
		if (i % 3 == 0)
			appliance_nap(i % 5);
		close(fd);
	}
	ck_assert_int_eq(CTL("undrain"), 0);
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(requests_of_any_bytes_are_answered_or_hung_up_on)
{
	uint64_t seed = 3;

	start("bytes", 1);
	for (int i = 0; i < 300; i++) {
		char bytes[700], answer[1024];
		size_t n = (size_t)i * 7 % sizeof(bytes);
		int fd = dial();
		ssize_t got;

		ck_assert_int_ge(fd, 0);
		for (size_t k = 0; k < n; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			bytes[k] = (char)(seed >> 40);
		}
		send(fd, bytes, n, MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_NOSIGNAL);
		got = recv(fd, answer, sizeof(answer) - 1, 0);
		ck_assert_int_gt(got, 0);
		ck_assert_int_eq(strncmp(answer, "{\"error\":", 9), 0);
		close(fd);
	}
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* As a user who is neither root nor vined's. */
static int
as_nobody(void)
{
	char answer[512] = "";
	int fd;

	/* from within: that user may not come here from the root */
	if (chdir(appliance_folder) != 0 || setgid(65534) != 0 ||
	    setuid(65534) != 0)
		return 10;
	fd = dial_at("foreign.sock");
	if (fd < 0)
		return fd == -EACCES ? 1 : 11;
	send(fd, "status\n", 7, MSG_NOSIGNAL);
	if (recv(fd, answer, sizeof(answer) - 1, 0) <= 0)
		return 12;
	return strstr(answer, "\"error\":\"only root") ? 2 : 13;
}

START_TEST(a_foreign_user_is_refused_by_mode_and_by_name)
{
	struct stat st;

	start("foreign", 1);
	ck_assert_int_eq(stat(sock, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	if (geteuid() != 0) {
		fprintf(stderr, "not root: no other user to be\n");
	} else {
		for (int open = 0; open < 2; open++) {
			pid_t pid;
			int status;

			ck_assert_int_eq(chmod(appliance_folder, 0711), 0);
			if (open)
				ck_assert_int_eq(chmod(sock, 0666), 0);
			pid = fork();
			ck_assert_int_ge(pid, 0);
			if (pid == 0)
				_exit(as_nobody());
			ck_assert_int_eq(waitpid(pid, &status, 0), pid);
			ck_assert(WIFEXITED(status));
			ck_assert_int_eq(WEXITSTATUS(status), open ? 2 : 1);
		}
		ck_assert(appliance_logged(&appliance, 0, "of user 65534"));
	}
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_socket_of_the_dead_is_replaced_and_one_of_the_living_is_not)
{
	struct appliance second;
	char more[256];
	char *argv[] = { "vined", "--config", second.config, NULL };

	start("first", 1);
	snprintf(more, sizeof(more), "shm_size 2M\ncontrol_socket %s\n", sock);
	appliance_plan(&second, "second", more);
	appliance_spawn(&second, argv);
	ck_assert_int_eq(appliance_wait(&second), 1);
	ck_assert(appliance_logged(&second, 0, "control_socket"));
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	ck_assert_int_eq(access(sock, F_OK), 0);
	ck_assert_int_eq(CTL("status"), 1);
	appliance_run(&second);
	ck_assert_int_eq(CTL("status"), 0);
	ck_assert(tool_says(second.name));
	ck_assert_int_eq(appliance_stop(&second, SIGTERM), 0);
	/* what is no socket is nobody's to replace */
	appliance_write(sock, "precious");
	appliance_spawn(&second, argv);
	ck_assert_int_eq(appliance_wait(&second), 1);
	ck_assert_int_eq(access(sock, F_OK), 0);
}
END_TEST

/* --- whoever answers ----------------------------------------------------- */

/* A process at the socket that answers one request with these bytes, `times`
 * times over. */
static pid_t
liar(const char *bytes, size_t times)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one;
	char line[256];
	pid_t pid;

	snprintf(sock, sizeof(sock), "%s/liar.sock", appliance_folder);
	unlink(sock);
	strcpy(a.sun_path, sock);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		one = accept(fd, NULL, NULL);
		if (recv(one, line, sizeof(line), 0) <= 0)
			_exit(1);
		for (size_t i = 0; i < times; i++)
			if (send(one, bytes, strlen(bytes), MSG_NOSIGNAL) < 0)
				_exit(0);
		_exit(0);
	}
	close(fd);
	return pid;
}

static void
answered(const char *bytes, size_t times, int status, const char *says)
{
	pid_t pid = liar(bytes, times);

	ck_assert_msg(CTL("status") == status && tool_says(says),
		      "%.40s: %.200s", bytes, tool_out);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(an_answer_of_any_bytes_is_shown_or_refused)
{
	static char many[1 << 16];

	appliance_plan(&appliance, "liar", "");
	answered("", 0, 1, "Protocol error");
	answered("{}", 1, 1, "Protocol error");
	answered("{\n", 1, 1, "no JSON object");
	answered("[1]\n", 1, 1, "no JSON object");
	answered("7\n", 1, 1, "no JSON object");
	answered("{\"a\":1,\"a\":2}\n", 1, 1, "duplicate object key");
	answered("{\"a\":\"\xff\"}\n", 1, 1, "no JSON object");
	answered("{\"a\":99999999999999999999}\n", 1, 1, "too big");
	answered("{\"error\":[]}\n", 1, 1, "vinectl: an error");
	answered("{\"error\":\"a\\u001b[2Jb\"}\n", 1, 1,
		 "vinectl: a?[2Jb\n");
	answered("{\"a\":\"\xc2\x9b\"}\n", 1, 0,
		 "{\"a\":\"\\u009B\"}\n");
	/* deep, and without end: more than is taken */
	answered("[[[[[[[[[[[[[[[[\n", 10000, 1, "parsing depth");
	answered("{\"a\":[[[[[[[[[[\n", 10000, 1, "parsing depth");
	memset(many, ' ', sizeof(many) - 1);
	answered(many, 600, 1, "Message too long");
}
END_TEST

START_TEST(who_does_not_answer_is_given_up_on)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	appliance_plan(&appliance, "mute", "");
	snprintf(sock, sizeof(sock), "%s/mute.sock", appliance_folder);
	strcpy(a.sun_path, sock);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(tool_run("vinectl -S %s -t 0.2 status", sock), 1);
	ck_assert(tool_says("timed out"));
	close(fd);
}
END_TEST

START_TEST(wrong_usage_is_exit_status_2_and_no_vined_1)
{
	appliance_plan(&appliance, "usage", "control_socket off\n");
	ck_assert_int_eq(tool_run("vinectl"), 2);
	ck_assert_int_eq(tool_run("vinectl -x"), 2);
	ck_assert_int_eq(tool_run("vinectl -S a -c b status"), 2);
	ck_assert_int_eq(tool_run("vinectl -t 0 status"), 2);
	ck_assert_int_eq(tool_run("vinectl --exit status"), 2);
	ck_assert_int_eq(tool_run("vinectl fence 'a b'"), 2);
	ck_assert_int_eq(tool_run("vinectl fence ''"), 2);
	ck_assert_int_eq(tool_run("vinectl -S /no/such status"), 1);
	ck_assert(tool_says("no vined listens there"));
	ck_assert_int_eq(tool_run("vinectl -c %s status", appliance.config),
			 1);
	ck_assert(tool_says("names no control_socket"));
	ck_assert_int_eq(tool_run("vinectl --help"), 0);
	ck_assert_int_eq(tool_run("vinectl --version"), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("vinectl");

	tcase_add_test(tcase, status_and_list_tell_what_runs);
	tcase_add_test(tcase, dump_shows_held_tasks_running_and_waiting);
	tcase_add_test(tcase, fence_ends_a_sessions_tasks_while_anothers_go_on);
	tcase_add_test(tcase, a_fenced_segment_refuses_sessions_until_unfence);
	tcase_add_test(tcase,
		a_quota_is_set_shown_and_forgotten_with_the_config);
	tcase_add_test(tcase,
		a_quota_of_tasks_parks_queues_and_frees_them_when_it_is_lifted);
	tcase_add_test(tcase,
		what_is_no_quota_is_refused_and_says_what_was_expected);
	tcase_add_test(tcase, drain_admits_nobody_and_those_who_are_in_go_on);
	tcase_add_test(tcase,
		clients_that_stall_hold_nobody_up_and_are_hung_up_on);
	tcase_add_test(tcase,
		a_client_that_leaves_at_any_moment_leaves_nothing_behind);
	tcase_add_test(tcase,
		requests_of_any_bytes_are_answered_or_hung_up_on);
	tcase_add_test(tcase, a_foreign_user_is_refused_by_mode_and_by_name);
	tcase_add_test(tcase,
		a_socket_of_the_dead_is_replaced_and_one_of_the_living_is_not);
	tcase_add_test(tcase, an_answer_of_any_bytes_is_shown_or_refused);
	tcase_add_test(tcase, who_does_not_answer_is_given_up_on);
	tcase_add_test(tcase, wrong_usage_is_exit_status_2_and_no_vined_1);
	return appliance_main("vinectl", tcase);
}
