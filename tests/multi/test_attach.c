/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applications that come, go and die, in great numbers and at any moment:
 * nothing of them stays in the segment or in vined, and others work on.
 *
 * ctest: label=slow
 */
#include <sched.h>
#include <sys/personality.h>

#include <vine/vine.h>

#include "segment_view.h"

enum { CYCLES = 1000, PROCESSES = 50, EACH = 20, KILLS = 50 };

static struct appliance appliance;
static struct segment_view view;
static struct segment_use at_rest;

static void
start_with(const char *tag, const char *more)
{
	appliance_start(&appliance, tag, more);
	segment_map(&appliance, &view);
	at_rest = segment_count(&view);
	ck_assert_uint_eq(at_rest.sessions, 0);
	ck_assert_uint_eq(at_rest.queues, 0);
	ck_assert_uint_eq(at_rest.extents, 0);
}

static int
open_more(const char *more, struct vine_session **s)
{
	char text[512];
	struct vine_session_opts o = { .size = sizeof(o), .config = text };

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nattach_timeout 20s\n%s",
		 appliance.name, more);
	return vine_session_open(&o, s);
}

enum { LEAVE = 1, NO_CODE = 2 };	/* how to use a session */

/*
 * Something of everything that a session can have. Returns 0 if it worked.
 * LEAVE leaves all of it to the end of the session; NO_CODE registers none.
 */
static int
use(struct vine_session *s, int how)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_task_result r = { .size = sizeof(r) };
	vine_accel *phys, *virt = NULL;
	vine_proc *mine = NULL;
	vine_data *data = NULL;
	struct vine_slice slice;
	vine_task *task;
	char name[32] = { 0 };	/* all of it is the code, too */
	int rc;

	snprintf(name, sizeof(name), "of %d", (int)getpid());
	rc = vine_accel_find(s, CPU, "cpu0", &phys);
	if (rc == 0)
		rc = vine_accel_open(phys, 0, &virt);
	if (rc == 0 && !(how & NO_CODE))
		rc = vine_proc_add(s, CPU, name, name, sizeof(name), &mine);
	if (rc == 0)
		rc = vine_data_alloc_in(s, 100000, 0, &data);
	if (rc == 0)
		rc = vine_proc_find(s, CPU, "crc32c", &o.proc);
	if (rc)
		return rc;
	slice = vine_slice_all(data);
	o.accel = virt;
	o.in = &slice;
	o.in_count = 1;
	rc = vine_task_issue_opts(&o, &task);
	if (rc)
		return rc;
	vine_task_wait_for(task, VINE_FOREVER);
	vine_task_result(task, &r);
	if (r.status != VINE_STATUS_OK)
		return -r.error;
	if (how & LEAVE)
		return 0;
	vine_task_free(task);
	vine_data_free(data);
	vine_proc_release(o.proc);
	if (mine)
		vine_proc_release(mine);
	return vine_accel_close(virt);
}

/* What vined holds of the machine. */
static long
fds_of(pid_t pid)
{
	char path[64];
	long n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static long
resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	/* without the segment, whose pages are touched one after the other */
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	fclose(file);
	ck_assert_int_ge(kib, 0);
	return kib;
}

static void
cycle(int leave)
{
	struct vine_session *s = NULL;

	ck_assert_int_eq(open_more("", &s), 0);
	ck_assert_int_eq(use(s, leave), 0);
	vine_session_close(s);
}

START_TEST(a_thousand_cycles_leave_nothing_behind)
{
	long fds, kib;

	start_with("cycles", "shm_size 32M\n");
	for (int i = 0; i < 100; i++)	/* caches fill, then stay */
		cycle(i % 2);
	segment_settles(&view, &at_rest);
	fds = fds_of(appliance.pid);
	kib = resident_kib(appliance.pid);
	for (int i = 0; i < CYCLES; i++)
		cycle(i % 2);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(fds_of(appliance.pid), fds);
	if (!APPLIANCE_SANITIZED)
		ck_assert_int_lt(resident_kib(appliance.pid), kib + 512);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Children that all end well. */
static void
join(const pid_t *children, int n)
{
	int status;

	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_msg(status == 0, "child %d ended with %#x", i,
			      status);
	}
}

static int
attach_many(void)
{
	struct vine_session *s;
	int rc = 0;

	for (int i = 0; i < EACH && rc == 0; i++) {
		rc = open_more("", &s);
		if (rc == 0) {
			rc = use(s, i % 2);
			vine_session_close(s);
		}
	}
	if (rc)
		fprintf(stderr, "a concurrent attach: %s\n", strerror(-rc));
	return rc != 0;
}

START_TEST(a_thousand_concurrent_attaches_leave_nothing_behind)
{
	pid_t children[PROCESSES];
	long fds;

	start_with("crowd", "shm_size 128M\n");
	cycle(0);
	segment_settles(&view, &at_rest);
	fds = fds_of(appliance.pid);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(attach_many());
	}
	join(children, PROCESSES);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(fds_of(appliance.pid), fds);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(one_session_too_many_is_eusers_until_one_leaves)
{
	struct vine_session *s[5000], *more;
	uint32_t n = 0, max;
	int64_t end;
	int rc;

	start_with("full", "shm_size 1M\n");
	max = view.layout.sessions;
	ck_assert_uint_lt(max, 5000);
	while (n <= max && (rc = open_more("", &s[n])) == 0)
		n++;
	ck_assert_int_eq(rc, -EUSERS);
	ck_assert_uint_ge(n, 4);
	vine_session_close(s[--n]);
	/* its rings are free when every worker has gone round once more */
	end = appliance_now() + APPLIANCE_PATIENCE_MS;
	while (open_more("", &more) != 0) {
		ck_assert(appliance_now() < end);
		appliance_nap(5);
	}
	vine_session_close(more);
	while (n-- > 0)
		vine_session_close(s[n]);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- death -------------------------------------------------------------- */

/* Work that never ends, with much in flight. Says so on fd, then goes on. */
static void
work_for_ever(int fd)
{
	enum { DEEP = 64 };
	struct vine_task_opts o[2] = { { .size = sizeof(o[0]) } };
	vine_task *tasks[DEEP] = { NULL };
	struct vine_session *s;
	struct vine_slice slices[2];
	vine_accel *cpu;
	vine_data *data;
	int rc;

	rc = open_more("", &s);
	if (rc == 0)
		rc = use(s, LEAVE);
	if (rc == 0)
		rc = vine_accel_find(s, CPU, "cpu0", &cpu);
	if (rc == 0)
		rc = vine_data_alloc_in(s, 1 << 20, 0, &data);
	if (rc) {
		fprintf(stderr, "one to be killed: %s\n", strerror(-rc));
		_exit(1);
	}
	slices[0] = slices[1] = vine_slice_all(data);
	slices[1].length = 64;
	o[0].accel = cpu;
	o[0].in_count = 1;
	o[1] = o[0];
	o[0].in = &slices[0];
	o[1].in = &slices[1];
	if (vine_proc_find(s, CPU, "crc32c", &o[0].proc) != 0)
		_exit(1);
	o[1].proc = o[0].proc;
	for (unsigned int i = 0;; i++) {
		vine_data *churn;

		vine_task_free(tasks[i % DEEP]);
		if (vine_task_issue_opts(&o[i % 16 != 0], &tasks[i % DEEP]))
			_exit(1);
		if (i % 7 == 0)
			vine_task_wait_for(tasks[(i + 1) % DEEP] ?
					   tasks[(i + 1) % DEEP] : tasks[0],
					   VINE_FOREVER);
		if (i % 11 == 0 &&
		    vine_data_alloc_in(s, 50000 * (i % 5), 0, &churn) == 0)
			vine_data_free(churn);
		if (i == DEEP && write(fd, "", 1) != 1)
			_exit(1);
	}
}

/* One that works on, and says at the end whether all went well. */
static int
work_until(int fd)
{
	struct vine_session *s;
	int rc = open_more("", &s);
	long n = 0;

	while (rc == 0) {
		struct vine_session_info info = { .size = sizeof(info) };
		char stop;

		rc = use(s, NO_CODE);
		n++;
		if (rc == 0)
			rc = vine_session_info(s, &info);
		if (read(fd, &stop, 1) == 0)
			break;
	}
	if (rc)
		fprintf(stderr, "the one that works on, round %ld: %s\n", n,
			strerror(-rc));
	else
		vine_session_close(s);
	return rc != 0;
}

static pid_t
start_worker(int *end)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		_exit(work_until(fds[0]));
	}
	close(fds[0]);
	*end = fds[1];
	return pid;
}

START_TEST(fifty_killed_applications_are_taken_back_while_another_works)
{
	struct timespec pause = { 0 };
	char byte;
	int end, fds[2];
	pid_t worker;

	/* room for all at once: the dead are looked for once a second */
	start_with("kills", "shm_size 512M\n");
	worker = start_worker(&end);
	for (int i = 0; i < KILLS; i++) {
		pid_t victim;

		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		victim = fork();
		if (victim == 0) {
			close(end);
			work_for_ever(fds[1]);
		}
		close(fds[1]);
		ck_assert_int_eq((int)read(fds[0], &byte, 1), 1);
		close(fds[0]);
		pause.tv_nsec = i * 137000 % 5000000;
		nanosleep(&pause, NULL);
		ck_assert_int_eq(kill(victim, SIGKILL), 0);
		ck_assert_int_eq(waitpid(victim, NULL, 0), victim);
	}
	close(end);
	join(&worker, 1);
	segment_settles(&view, &at_rest);
	ck_assert_uint_ge(segment_counter(&view,
			  "sessions taken back from the dead"), 1);
	cycle(0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/*
 * The promise is about 2 s. This waits longer before it fails, because a
 * machine can be busy.
 */
START_TEST(a_dead_application_is_noticed_soon_and_memory_is_there_again)
{
	struct vine_session *s;
	struct segment_use one;
	vine_data *data;
	int64_t end;
	pid_t pid;
	int fds[2];
	char byte;

	start_with("memory", "shm_size 32M\n");
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (open_more("", &s) != 0 ||
		    vine_data_alloc_in(s, 20 << 20, 0, &data) != 0 ||
		    write(fds[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	one = segment_count(&view);
	ck_assert_uint_eq(one.sessions, 1);
	ck_assert_int_eq(open_more("", &s), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 20 << 20, 0, &data), -ENOMEM);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end = appliance_now() + 10000;
	while (vine_data_alloc_in(s, 20 << 20, 0, &data) != 0) {
		ck_assert(appliance_now() < end);
		appliance_nap(20);
	}
	memset(vine_data_deref(data), 1, 20 << 20);
	vine_session_close(s);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Its child lives on, with what it inherited, and never calls libvine. */
START_TEST(a_dead_application_is_noticed_though_its_child_lives)
{
	pid_t pid, child = 0;
	int fds[2];

	start_with("heir", "shm_size 32M\n");
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct vine_session *s;

		if (open_more("", &s) != 0)
			_exit(1);
		child = fork();
		if (child == 0) {
			for (;;)
				pause();
		}
		if (write(fds[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq((int)read(fds[0], &child, sizeof(child)),
			 (int)sizeof(child));
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- kinds of applications ---------------------------------------------- */

START_TEST(a_size_of_ones_own_config_does_not_touch_a_living_segment)
{
	static const char *const sizes[] = { "shm_size 1M\n", "shm_size 1G\n",
		"shm_size 2M\nqueue_slots 16\n", "shm_trunc 0\n" };
	struct vine_session *s, *first;
	struct vine_session_info info = { .size = sizeof(info) };

	start_with("sizes", "shm_size 32M\n");
	ck_assert_int_eq(open_more("", &first), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(open_more(sizes[i], &s), 0);
		ck_assert_int_eq(vine_session_info(s, &info), 0);
		ck_assert_uint_eq(info.segment_size, 32 << 20);
		ck_assert_int_eq(use(s, 0), 0);
		ck_assert_int_eq(use(first, 0), 0);
		vine_session_close(s);
	}
	vine_session_close(first);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Two applications at once, each process 1 of its namespace. */
START_TEST(equal_pids_in_two_namespaces_are_two_applications)
{
	pid_t children[2];
	int go[2];
	char byte;

	children[0] = fork();
	if (children[0] == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 ||
		      unshare(CLONE_NEWPID) == 0 ? 0 : 77);
	ck_assert_int_eq(waitpid(children[0], go, 0), children[0]);
	if (go[0] != 0) {
		fprintf(stderr, "skipped: no PID namespaces here\n");
		return;
	}
	start_with("pids", "shm_size 32M\n");
	ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			pid_t pid;
			int status = 1;

			if (unshare(CLONE_NEWPID) != 0 &&
			    unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0)
				_exit(2);
			pid = fork();
			if (pid == 0) {
				struct vine_session *s;
				int rc;

				if (getpid() != 1 || open_more("", &s) != 0 ||
				    read(go[0], &byte, 1) != 1)
					_exit(1);
				rc = use(s, 0);
				if (rc)
					fprintf(stderr, "in a namespace: %s\n",
						strerror(-rc));
				vine_session_close(s);
				_exit(rc != 0);
			}
			waitpid(pid, &status, 0);
			_exit(status != 0);
		}
	}
	while (segment_count(&view).sessions < 2)
		appliance_nap(5);
	ck_assert_int_eq((int)write(go[1], "..", 2), 2);
	join(children, 2);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* The same program, at fixed and at random addresses. */
START_TEST(addresses_do_not_matter)
{
	char self[4096], *argv[] = { self, "once", appliance.name, NULL };
	pid_t children[8];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	start_with("aslr", "shm_size 32M\n");
	for (int i = 0; i < 8; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			/* where it is forbidden they are all random */
			if (i % 2)
				personality(ADDR_NO_RANDOMIZE);
			execv(self, argv);
			_exit(127);
		}
	}
	join(children, 8);
	segment_settles(&view, &at_rest);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

static int
once(const char *name)
{
	struct vine_session *s;
	int rc;

	snprintf(appliance.name, sizeof(appliance.name), "%s", name);
	rc = open_more("", &s);
	if (rc == 0) {
		rc = use(s, 0);
		vine_session_close(s);
	}
	return rc != 0;
}

int
main(int argc, char **argv)
{
	TCase *tcase;

	if (argc == 3 && strcmp(argv[1], "once") == 0)
		return once(argv[2]);
	tcase = tcase_create("attach");
	tcase_add_test(tcase, a_thousand_cycles_leave_nothing_behind);
	tcase_add_test(tcase,
		a_thousand_concurrent_attaches_leave_nothing_behind);
	tcase_add_test(tcase, one_session_too_many_is_eusers_until_one_leaves);
	tcase_add_test(tcase,
		fifty_killed_applications_are_taken_back_while_another_works);
	tcase_add_test(tcase,
		a_dead_application_is_noticed_soon_and_memory_is_there_again);
	tcase_add_test(tcase,
		a_dead_application_is_noticed_though_its_child_lives);
	tcase_add_test(tcase,
		a_size_of_ones_own_config_does_not_touch_a_living_segment);
	tcase_add_test(tcase,
		equal_pids_in_two_namespaces_are_two_applications);
	tcase_add_test(tcase, addresses_do_not_matter);
	return appliance_main("attach", tcase);
}
