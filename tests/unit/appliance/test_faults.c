/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the daemon: vined's own main starts on a config of a real segment,
 * one with a name or one from a socket, with its services and workers, serves,
 * and stops by a signal, while the nth call for memory, a mapping, a descriptor
 * or a thread fails, or one about a socket or a file, for every n there is, of
 * all threads and then of all but the main one. Each time it ends by itself
 * with a status of vined(8), leaves no segment, no socket and nothing allocated,
 * and the next one starts. Without the filter: what looks for leaks afterwards
 * makes calls that vined does not.
 *
 * ctest: timeout=400
 */
#include <check.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTS_URING 1
#define FAULTS_IO 1
#include "tests/lib/faults.h"

/* vined is its main: in a child each, as it would be. */
int vined_main(int argc, char **argv);
#define main vined_main
#include "appliance/vined.c"
#undef main

#define LEAKED 64		/* exit statuses of a child */

static char name[96];
static char file[4096];
static char path[128];		/* of the socket */
static _Atomic uint32_t *struck;	/* shared: a call failed */

static void
write_config(int over_socket)
{
	FILE *f;

	snprintf(name, sizeof(name), "vine-faults-%d", (int)getpid());
	snprintf(path, sizeof(path), "/tmp/vine-faults-%d.sock",
		 (int)getpid());
	snprintf(file, sizeof(file), "%s/vined-faults-%d.conf", getenv("HOME"),
		 (int)getpid());
	f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s %s\nshm_size 1M\ntrace 0\nworkers 2\n"
		"cpu_threads 2\nseccomp off\nrecord 1\n"
		"net_listen tcp:127.0.0.1:*\n",
		over_socket ? "socket" : "shm_file",
		over_socket ? path : name);
	fclose(f);
}

/* The signal that stops it is there before it starts. */
static void
be_vined(uint32_t n, enum faults_whose whose)
{
	char *argv[] = { "vined", "--config", file, "--log-level", "error",
			 NULL };
	struct faults_left before, after;
	sigset_t term;
	int status;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	raise(SIGTERM);
	before = faults_count();
	if (n)
		faults_arm(n, whose);
	status = vined_main(5, argv);
	atomic_store(struck, faults_disarm());
	after = faults_count();
	/* what other libraries keep open is theirs */
	after.fds = before.fds;
	if (!faults_same(&before, &after))
		status = LEAKED;
	fflush(stderr);
	exit(status);
}

/* Returns vined's exit status. */
static int
run_vined(uint32_t n, enum faults_whose whose)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	atomic_store(struck, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		be_vined(n, whose);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "call %u: signal %d", n,
		      WTERMSIG(status));
	/* the last user has removed it */
	ck_assert_msg(shm_unlink(name) == -1 && errno == ENOENT,
		      "call %u: the segment is left over", n);
	ck_assert_msg(access(path, F_OK) == -1,
		      "call %u: the socket is left over", n);
	return WEXITSTATUS(status);
}

START_TEST(vined_bears_each_fault_of_its_start_and_stop)
{
	enum faults_whose whose = _i < 2 ? FAULTS_ALL : FAULTS_THEIRS;
	uint32_t n, borne = 0;

	struck = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	write_config(_i % 2);
	ck_assert_int_eq(run_vined(0, whose), VINED_EXIT_OK);
	for (n = 1; n < FAULTS_MANY; n++) {
		int status = run_vined(n, whose);

		ck_assert_msg(status == VINED_EXIT_OK ||
			      status == VINED_EXIT_FAILED ||
			      status == VINED_EXIT_CONFIG, "call %u: status %d",
			      n, status);
		if (!atomic_load(struck))
			break;
		borne += status == VINED_EXIT_OK;
	}
	ck_assert_int_eq(run_vined(0, whose), VINED_EXIT_OK);
	unlink(file);
	printf("vined%s, %s: %u calls, %u of them borne\n",
	       _i % 2 ? " with a socket" : "",
	       whose == FAULTS_ALL ? "all threads" : "all but the main one",
	       n - 1, borne);
	ck_assert_uint_gt(n, whose == FAULTS_ALL ? 30 : 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vined faults");
	TCase *tc = tcase_create("start and stop");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, vined_bears_each_fault_of_its_start_and_stop,
			    0, 4);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
