/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined is killed under vined-keeper while peers of its socket are at work:
 * their connections, their bells and their segment outlive it. What died
 * meanwhile is taken back, what dies later is noticed as ever, and what is no
 * longer needed is held no longer.
 *
 * ctest: soak=600
 */
#include "core/vine_life.h"
#include "core/vine_session.h"
#include "raw_peer.h"
#include "tool.h"
#include "work.h"

enum { MANY = 1000, TRIES = 10 };

static struct appliance appliance;
static char path[108];		/* of the socket */
static char control[108];
static char config[512];	/* an application's */
static char script[256];	/* that the keeper runs */
static char go[256];		/* it waits for this file */

static void
plan(const char *tag, const char *more)
{
	char text[2048], file[256], bin[4096], lines[8192];

	snprintf(file, sizeof(file), "%s/%s", appliance_folder, tag);
	ck_assert_uint_lt(strlen(file) + 5, sizeof(path));
	snprintf(path, sizeof(path), "%.100s.sock", file);
	snprintf(control, sizeof(control), "%.100s.ctl", file);
	snprintf(text, sizeof(text), "socket %s\nshm_size 16M\n"
		 "control_socket %s\n%s", path, control, more);
	snprintf(config, sizeof(config), "socket %s\ntrace 0\n"
		 "log_level error\nattach_timeout 20s\n", path);
	work_kernels(lines, sizeof(lines), text);
	appliance_plan(&appliance, tag, lines);
	appliance_path(script, sizeof(script), "run.sh");
	appliance_path(go, sizeof(go), "go");
	appliance_bin(bin, sizeof(bin), "vined");
	snprintf(lines, sizeof(lines),
		 "#!/bin/sh\nuntil [ -e '%s' ]; do sleep 0.01; done\n"
		 "exec '%s' --config '%s'\n", go, bin, appliance.config);
	appliance_write(script, lines);
	ck_assert_int_eq(chmod(script, 0700), 0);
	appliance_write(go, "");
}

/* With `die`, vined ends with its keeper, as that does with the test. */
static void
keep(const char *files, int die)
{
	char bin[4096], limit[32];
	char *argv[] = { "prlimit", limit, bin, "--restarts", "0", "setpriv",
		"--pdeathsig", die ? "KILL" : "clear", script, NULL };
	long from = appliance_log_size(&appliance);

	snprintf(limit, sizeof(limit), "--nofile=%s", files);
	appliance_bin(bin, sizeof(bin), "vined-keeper");
	appliance_exec(&appliance, "/usr/bin/prlimit", argv);
	appliance_await(&appliance, from, "serving segment ");
}

static void
start(const char *tag, const char *more)
{
	plan(tag, more);
	keep("4096", 1);
}

/* How many descriptors the keeper has of one kind, as /proc calls it. */
static uint32_t
links(const char *kind)
{
	char name[64], file[512], to[256];
	uint32_t n = 0;
	struct dirent *e;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", appliance.pid);
	dir = opendir(name);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		ssize_t len;

		snprintf(file, sizeof(file), "%s/%s", name, e->d_name);
		len = readlink(file, to, sizeof(to) - 1);
		to[len < 0 ? 0 : len] = '\0';
		n += strncmp(to, kind, strlen(kind)) == 0;
	}
	closedir(dir);
	return n;
}

/* Wait until the keeper has the segment, its keep, and so many peers: each has
 * a bell, and so has vined. */
static void
await_held(uint32_t peers)
{
	AWAIT(links("/memfd:") == 2 &&
	      links("anon_inode:[eventfd]") == peers + 1);
}

/* The process that the keeper has now, or 0. */
static pid_t
child(void)
{
	char name[64];
	int pid = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children",
		 appliance.pid, appliance.pid);
	file = fopen(name, "r");
	ck_assert_ptr_nonnull(file);
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void
kill_vined(void)
{
	pid_t pid = child();

	if (pid)
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
}

static void
restart(void)
{
	long from = appliance_log_size(&appliance);

	kill_vined();
	appliance_await(&appliance, from, "serving segment ");
}

/* vined is killed, and none follows until come_back. */
static void
go_away(void)
{
	long from = appliance_log_size(&appliance);

	ck_assert_int_eq(unlink(go), 0);
	kill_vined();
	appliance_await(&appliance, from, "it is started again");
}

static void
come_back(void)
{
	long from = appliance_log_size(&appliance);

	appliance_write(go, "");
	appliance_await(&appliance, from, "serving segment ");
}

static void
stop(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}

static struct vine_session *
attach(void)
{
	struct vine_session_opts o = { .size = sizeof(o), .config = config };
	struct vine_session *s = NULL;

	MUST(vine_session_open(&o, &s) == 0);
	return s;
}

/* A task with "quick": how it ends. */
static enum vine_status
try(struct vine_session *s)
{
	struct vine_task_opts o = opts_of(s, "quick");
	struct order order = { 0, 5 };
	struct vine_slice out;
	enum vine_status status;
	vine_data *data;
	vine_task *task;

	MUST(vine_data_alloc_in(s, sizeof(struct tally), 64, &data) == 0);
	memset(vine_data_deref(data), 0, sizeof(struct tally));
	out = vine_slice_all(data);
	o.out = &out;
	o.out_count = 1;
	o.args = &order;
	o.args_size = sizeof(order);
	MUST(vine_task_issue_opts(&o, &task) == 0);
	status = status_of(task);
	vine_task_free(task);
	vine_data_free(data);
	return status;
}

static int
ended(int sock)
{
	struct pollfd p = { .fd = sock };

	return poll(&p, 1, 0) == 1;
}

static int64_t
how_long_ms(void)
{
	const char *seconds = getenv("VINE_TEST_SECONDS");

	return seconds ? atoi(seconds) * INT64_C(1000) : 0;
}

static int
status_of_child(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
		128 + WTERMSIG(status);
}

/* --- restarts ------------------------------------------------------------ */

START_TEST(work_goes_on_over_restarts_at_any_instant)
{
	_Atomic int *stop_word = shared_word();
	struct segment_use before;
	struct raw raw;
	pid_t pids[PROCESSES];
	uint64_t seed = (uint64_t)getpid();
	int64_t end;

	start("work", "");
	raw = raw_attach(path);
	before = segment_count(&raw.view);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work_until(attach(), stop_word, seed + (uint64_t)i);
	}
	AWAIT(counted(&raw, "sessions opened") == PROCESSES);
	await_held(PROCESSES + 1);
	end = appliance_now() + how_long_ms();
	for (int i = 0; i < 15 || appliance_now() < end; i++) {
		appliance_nap((long)(random_of(&seed) % 40));
		/* some that take it up before they serve, too */
		for (uint64_t r = random_of(&seed); r & 1; r >>= 1) {
			kill_vined();
			appliance_nap((long)(r >> 8) % 60);
		}
		restart();
	}
	appliance_nap(100);
	*stop_word = 1;
	for (int i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(status_of_child(pids[i]), 0);
	segment_settles(&raw.view, &before);
	ck_assert_uint_eq(counted(&raw, "sessions of an earlier appliance"), 0);
	ck_assert(!ended(raw.sock));
	stop();
	ck_assert(ended(raw.sock));
}
END_TEST

START_TEST(others_attach_afterwards_and_numbers_are_not_given_twice)
{
	struct raw first, second;
	struct vine_session *s;

	start("later", "");
	first = raw_attach(path);
	await_held(1);
	restart();
	second = raw_attach(path);
	ck_assert_int_ne(second.id, first.id);
	s = attach();
	ck_assert_int_eq(try(s), VINE_STATUS_OK);
	await_held(3);
	restart();
	ck_assert_int_eq(try(s), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert(!ended(first.sock));
	ck_assert(!ended(second.sock));
	/* of the same memory, which all of them have */
	ck_assert_uint_eq(counted(&first, "sessions closed"),
			  counted(&second, "sessions closed"));
	stop();
}
END_TEST

START_TEST(who_connects_meanwhile_waits_and_is_taken_in)
{
	struct vine_session *s;
	pid_t pid;

	start("between", "");
	await_held(0);
	go_away();
	pid = fork();
	if (pid == 0) {
		s = attach();
		_exit(try(s) != VINE_STATUS_OK);
	}
	appliance_nap(100);
	come_back();
	ck_assert_int_eq(status_of_child(pid), 0);
	stop();
}
END_TEST

START_TEST(the_bells_that_peers_have_reach_the_next_vined)
{
	uint64_t one = 1, sleeps;
	struct raw raw;

	start("bells", "");
	raw = raw_attach(path);
	await_held(1);
	restart();
	AWAIT(counted(&raw, "sleeps of workers") > 0);
	sleeps = counted(&raw, "sleeps of workers");
	/* of itself a worker sleeps about once a second */
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq((int)write(raw.bell, &one, sizeof(one)), 8);
		appliance_nap(10);
	}
	AWAIT(counted(&raw, "sleeps of workers") >= sleeps + 50);
	stop();
}
END_TEST

/* --- deaths ------------------------------------------------------------- */

/* Attaches, holds memory and a queue, and waits to be killed. */
static pid_t
start_victim(struct raw *raw, uint64_t sessions)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct vine_session *s = attach();
		vine_data *data;

		/* the memory last: who sees it may kill vined */
		MUST(try(s) == VINE_STATUS_OK);
		MUST(vine_data_alloc_in(s, 5 << 20, 0, &data) == 0);
		for (;;)
			pause();
	}
	AWAIT(segment_count(&raw->view).sessions == sessions &&
	      segment_count(&raw->view).extent_bytes >= 5 << 20);
	await_held((uint32_t)sessions + 1);
	return pid;
}

START_TEST(who_dies_while_there_is_no_vined_is_taken_back)
{
	struct segment_use none;
	struct vine_session *s;
	struct raw raw;
	pid_t pid;

	start("meanwhile", "");
	raw = raw_attach(path);
	none = segment_count(&raw.view);
	pid = start_victim(&raw, 1);
	go_away();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(status_of_child(pid), 128 + SIGKILL);
	come_back();
	AWAIT(counted(&raw, "sessions taken back from the dead") == 1);
	segment_settles(&raw.view, &none);
	s = attach();
	ck_assert_int_eq(try(s), VINE_STATUS_OK);
	vine_session_close(s);
	stop();
}
END_TEST

/* The promise is 1 s, which a busy machine may break often, but not always. */
START_TEST(who_dies_after_a_restart_is_noticed_at_once)
{
	struct segment_use none;
	struct raw raw;
	int64_t best = APPLIANCE_PATIENCE_MS, from;

	start("after", "");
	raw = raw_attach(path);
	none = segment_count(&raw.view);
	for (int i = 0; i < TRIES && (i < 2 || best >= 1000); i++) {
		pid_t pid = start_victim(&raw, 1);

		restart();
		from = appliance_now();
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		AWAIT(counted(&raw, "sessions taken back from the dead") == 1);
		if (appliance_now() - from < best)
			best = appliance_now() - from;
		ck_assert_int_eq(status_of_child(pid), 128 + SIGKILL);
		segment_settles(&raw.view, &none);
	}
	ck_assert_int_lt(best, 1000);
	stop();
}
END_TEST

START_TEST(a_peer_that_says_something_is_put_out_though_it_is_held)
{
	struct raw raw, other;

	start("talks", "");
	raw = raw_attach(path);
	other = raw_attach(path);
	await_held(2);
	restart();
	ck_assert_int_eq((int)write(raw.sock, "x", 1), 1);
	raw_ended(raw.sock);
	ck_assert(!ended(other.sock));
	stop();
}
END_TEST

/* --- the end ------------------------------------------------------------- */

START_TEST(an_orderly_end_is_the_end_of_sessions_and_connections)
{
	struct vine_session *s;
	struct raw raw;

	start("orderly", "");
	raw = raw_attach(path);
	s = attach();
	await_held(2);
	restart();
	ck_assert_int_eq(try(s), VINE_STATUS_OK);
	stop();
	ck_assert(ended(raw.sock));
	ck_assert_int_ne(vine_life_check(s), 0);
	vine_session_close(s);
}
END_TEST

START_TEST(a_thousand_peers_that_came_and_went_leave_nothing_behind)
{
	start("thousand", "");
	for (int i = 0; i < MANY; i += 50) {
		int socks[50];

		for (int j = 0; j < 50; j++) {
			socks[j] = raw_connect(path);
			ck_assert_int_ge(socks[j], 0);
		}
		await_held(50);
		for (int j = 0; j < 50; j++)
			close(socks[j]);
		await_held(0);
	}
	/* and in no order at all */
	for (int i = 0; i < MANY; i++)
		close(raw_connect(path));
	await_held(0);
	stop();
}
END_TEST

START_TEST(what_the_keeper_has_no_room_for_is_served_and_not_kept)
{
	int socks[30], alive = 0;

	plan("full", "");
	keep("160", 1);
	for (int i = 0; i < 30; i++) {
		struct raw raw = raw_attach(path);

		close(raw.fd);
		close(raw.bell);
		close(raw.own);
		socks[i] = raw.sock;
	}
	appliance_await(&appliance, 0, "is not held for the next vined");
	await_held(22);
	restart();
	for (int i = 0; i < 30; i++)
		alive += !ended(socks[i]);
	/* (160 - 64) / 2: four of the socket's, and two of each peer */
	ck_assert_int_eq(alive, 22);
	stop();
}
END_TEST

START_TEST(a_handover_loses_no_task_and_starts_the_next_at_once)
{
	_Atomic int *stop_word = shared_word();
	struct raw raw;
	pid_t pids[PROCESSES];

	start("handover", "");
	raw = raw_attach(path);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work_until(attach(), stop_word, (uint64_t)i + 1);
	}
	AWAIT(counted(&raw, "sessions opened") == PROCESSES);
	await_held(PROCESSES + 1);
	for (int i = 0; i < 5; i++) {
		long from = appliance_log_size(&appliance);

		ck_assert_int_eq(tool_run("vinectl -S %s handover", control),
				 0);
		ck_assert(tool_says("in_flight") || tool_says("in flight"));
		appliance_await(&appliance, from, "ended with status 4");
		appliance_await(&appliance, from, "serving segment ");
	}
	*stop_word = 1;
	for (int i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(status_of_child(pids[i]), 0);
	ck_assert_int_eq(stop_word[1], 0);
	ck_assert(!ended(raw.sock));
	stop();
}
END_TEST

START_TEST(a_task_that_takes_too_long_for_a_handover_is_run_again_if_it_may)
{
	struct order order = { 6000000, 9 };
	struct vine_session *s;
	struct vine_task_opts o;
	struct vine_slice out;
	vine_task *once, *again;
	vine_data *data[2];
	long from;

	start("long", "");
	s = attach();
	o = opts_of(s, "tally");
	for (int i = 0; i < 2; i++) {
		MUST(vine_data_alloc_in(s, sizeof(struct tally), 64,
					&data[i]) == 0);
		memset(vine_data_deref(data[i]), 0, sizeof(struct tally));
	}
	o.out = &out;
	o.out_count = 1;
	o.args = &order;
	o.args_size = sizeof(order);
	out = vine_slice_all(data[0]);
	ck_assert_int_eq(vine_task_issue_opts(&o, &once), 0);
	order.us = 4000000;
	out = vine_slice_all(data[1]);
	o.flags = VINE_TASK_IDEMPOTENT;
	ck_assert_int_eq(vine_task_issue_opts(&o, &again), 0);
	for (int i = 0; i < 2; i++)
		AWAIT(__atomic_load_n(&((struct tally *)vine_data_deref(
			data[i]))->count, __ATOMIC_SEQ_CST) == 1);
	await_held(1);
	from = appliance_log_size(&appliance);
	ck_assert_int_eq(tool_run("vinectl -S %s handover", control), 0);
	ck_assert_int_eq(status_of(once), VINE_STATUS_APPLIANCE_LOST);
	ck_assert_int_eq(status_of(again), VINE_STATUS_OK);
	ck_assert_uint_eq(((struct tally *)vine_data_deref(data[1]))->count, 2);
	ck_assert(appliance_logged(&appliance, from, "with 2 tasks in flight"));
	vine_task_free(once);
	vine_task_free(again);
	vine_session_close(s);
	stop();
}
END_TEST

START_TEST(without_a_holder_a_handover_is_refused)
{
	plan("alone", "");
	appliance_run(&appliance);
	ck_assert_int_eq(tool_run("vinectl -S %s handover", control), 1);
	ck_assert(tool_says("nobody holds the sockets and segments"));
	ck_assert_int_eq(kill(appliance.pid, 0), 0);
	stop();
}
END_TEST

/* --- the keeper ---------------------------------------------------------- */

START_TEST(without_its_keeper_vined_goes_on_and_says_so)
{
	struct vine_session *s;
	pid_t pid;

	plan("orphan", "");
	keep("4096", 0);
	s = attach();
	pid = child();
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	appliance_await(&appliance, 0, "is gone: it has ended");
	ck_assert_int_eq(try(s), VINE_STATUS_OK);
	ck_assert_int_eq(tool_run("vinectl -S %s handover", control), 1);
	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	AWAIT(access(path, F_OK) != 0);
	ck_assert_int_ne(vine_life_check(s), 0);
	vine_session_close(s);
	AWAIT(kill(pid, 0) != 0);
}
END_TEST

/* How a keeper ends that runs a shell command. */
static int
keeper_of(const char *restarts, const char *command)
{
	char bin[4096];
	char *argv[] = { "vined-keeper", "--restarts", (char *)restarts,
		"/bin/sh", "-c", (char *)command, NULL };

	appliance_bin(bin, sizeof(bin), "vined-keeper");
	appliance_exec(&appliance, bin, argv);
	return appliance_wait(&appliance);
}

static int
lines_of(const char *file)
{
	FILE *f = fopen(file, "r");
	int c, n = 0;

	while (f && (c = fgetc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

START_TEST(what_fails_is_started_again_and_what_cannot_be_right_is_not)
{
	char ran[256], until[512], command[1024];

	plan("policy", "");
	appliance_path(ran, sizeof(ran), "ran");
#define RAN(restarts, end, status, times) \
	do { \
		unlink(ran); \
		snprintf(command, sizeof(command), "echo >>%s; %s", ran, \
			 end); \
		ck_assert_int_eq(keeper_of(restarts, command), status); \
		ck_assert_int_eq(lines_of(ran), times); \
	} while (0)
	RAN("3", "exit 0", 0, 1);
	RAN("3", "exit 1", 1, 4);
	RAN("3", "exit 2", 2, 1);
	RAN("3", "exit 3", 3, 1);
	RAN("1", "kill -SEGV $$", 128 + SIGSEGV, 2);
	/* until it works */
	snprintf(until, sizeof(until), "[ $(wc -l <%s) -eq 3 ] && exit 0; "
		 "exit 4", ran);
	RAN("1", until, 0, 3);
	ck_assert(appliance_logged(&appliance, 0, "4 times in a row"));
	ck_assert_int_eq(tool_run("vined-keeper"), 2);
	ck_assert_int_eq(tool_run("vined-keeper --restarts x true"), 2);
	ck_assert_int_eq(tool_run("vined-keeper --restarts 0 true"), 0);
	ck_assert_int_eq(tool_run("vined-keeper --help"), 0);
	ck_assert_int_eq(tool_run("vined-keeper --version"), 0);
	ck_assert_int_eq(tool_run("vined-keeper -r 1 /no/such/program"), 127);
	ck_assert(tool_says("/no/such/program cannot be started"));
}
END_TEST

START_TEST(sighup_is_passed_on)
{
	long from;

	start("hup", "");
	from = appliance_log_size(&appliance);
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, "was read again");
	stop();
}
END_TEST

START_TEST(a_keeper_ends_though_its_vined_has_not_begun)
{
	start("gap", "");
	go_away();
	AWAIT(child() != 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 128 + SIGTERM);
	unlink(path);
}
END_TEST

/* The socket's path, out of what its child has; 0: that has none yet. */
static int
notify_path(char *to, size_t size)
{
	char name[64], all[65536];
	size_t n;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/environ", child());
	file = fopen(name, "r");
	if (file == NULL)
		return 0;
	n = fread(all, 1, sizeof(all) - 1, file);
	fclose(file);
	all[n] = '\0';
	for (char *at = all; at < all + n; at += strlen(at) + 1)
		if (strncmp(at, "NOTIFY_SOCKET=", 14) == 0) {
			snprintf(to, size, "%s", at + 14);
			return 1;
		}
	return 0;
}

START_TEST(nobody_but_its_child_is_listened_to)
{
	const char *text = "FDSTORE=1\nFDNAME=x";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control_bytes = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control_bytes.bytes,
		.msg_controllen = sizeof(control_bytes.bytes) };
	struct cmsghdr *c = &control_bytes.align;
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	start("stranger", "");
	await_held(0);
	go_away();	/* once vined serves the socket has no path */
	AWAIT(notify_path(to.sun_path, sizeof(to.sun_path)));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &sock, sizeof(sock));
	ck_assert_int_eq((int)sendmsg(sock, &msg, 0), (int)strlen(text));
	appliance_await(&appliance, 0, "is not listened to");
	await_held(0);
	come_back();
	AWAIT(access(to.sun_path, F_OK) != 0);
	ck_assert(!ended(raw_connect(path)));
	close(sock);
	stop();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("keeper");

	tcase_add_test(tcase, work_goes_on_over_restarts_at_any_instant);
	tcase_add_test(tcase,
		others_attach_afterwards_and_numbers_are_not_given_twice);
	tcase_add_test(tcase, who_connects_meanwhile_waits_and_is_taken_in);
	tcase_add_test(tcase, the_bells_that_peers_have_reach_the_next_vined);
	tcase_add_test(tcase, who_dies_while_there_is_no_vined_is_taken_back);
	tcase_add_test(tcase, who_dies_after_a_restart_is_noticed_at_once);
	tcase_add_test(tcase,
		a_peer_that_says_something_is_put_out_though_it_is_held);
	tcase_add_test(tcase,
		an_orderly_end_is_the_end_of_sessions_and_connections);
	tcase_add_test(tcase,
		a_thousand_peers_that_came_and_went_leave_nothing_behind);
	tcase_add_test(tcase,
		what_the_keeper_has_no_room_for_is_served_and_not_kept);
	tcase_add_test(tcase,
		a_handover_loses_no_task_and_starts_the_next_at_once);
	tcase_add_test(tcase,
	    a_task_that_takes_too_long_for_a_handover_is_run_again_if_it_may);
	tcase_add_test(tcase, without_a_holder_a_handover_is_refused);
	tcase_add_test(tcase, without_its_keeper_vined_goes_on_and_says_so);
	tcase_add_test(tcase,
		what_fails_is_started_again_and_what_cannot_be_right_is_not);
	tcase_add_test(tcase, sighup_is_passed_on);
	tcase_add_test(tcase, a_keeper_ends_though_its_vined_has_not_begun);
	tcase_add_test(tcase, nobody_but_its_child_is_listened_to);
	return appliance_main("keeper", tcase);
}
