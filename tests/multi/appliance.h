/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appliance: the real vined as a child of a test, on a segment of its own.
 *
 * A program makes one folder for its configs and logs; the folder's name is
 * part of the name of each of its segments, so that at the end everything can
 * be taken away whatever happened to the cases. A vined dies with the process
 * that started it. Only the C library and Check are used here: the tests of
 * the application's API see no other header of this tree.
 */
#ifndef APPLIANCE_H
#define APPLIANCE_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define APPLIANCE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define APPLIANCE_SANITIZED 1
#endif
#endif
#ifndef APPLIANCE_SANITIZED
#define APPLIANCE_SANITIZED 0
#endif

#define APPLIANCE_PATIENCE_MS 120000	/* for what always comes */
#define APPLIANCE_UNUSED __attribute__((unused))

struct appliance {
	pid_t pid;		/* 0: not running */
	char name[128];		/* of the segment */
	char config[256];	/* paths */
	char log[256];
};

static char appliance_folder[128];

/* appliance_has_rings tells whether a vined can wait by io_uring behind its
 * filter here: Linux 6.8, where nobody has switched io_uring off. */
APPLIANCE_UNUSED static int
appliance_has_rings(void)
{
	char params[256] = "";
	unsigned int major = 0, minor = 0;
	struct utsname name;
	int fd = (int)syscall(SYS_io_uring_setup, 1, params);

	if (fd >= 0)
		close(fd);
	if (uname(&name) != 0 ||
	    sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return fd >= 0 && (major > 6 || (major == 6 && minor >= 8));
}

/* appliance_path writes the path of a file in the program's folder. */
APPLIANCE_UNUSED static void
appliance_path(char *path, size_t size, const char *file)
{
	snprintf(path, size, "%s/%s", appliance_folder, file);
}

/* appliance_state_dir returns where its appliances keep what outlives them. */
APPLIANCE_UNUSED static const char *
appliance_state_dir(void)
{
	static char dir[256];

	snprintf(dir, sizeof(dir), "/dev/shm/%s-state",
		 strrchr(appliance_folder, '/') + 1);
	return dir;
}

/* appliance_bin writes the path of a program of the build. */
APPLIANCE_UNUSED static void
appliance_bin(char *path, size_t size, const char *program)
{
	const char *bin = getenv("VINE_BIN_DIR");

	snprintf(path, size, "%s/%s", bin ? bin : "bin", program);
}

/* appliance_nap sleeps for ms milliseconds. */
APPLIANCE_UNUSED static void
appliance_nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* appliance_now returns milliseconds of a clock that only goes forward. */
APPLIANCE_UNUSED static int64_t
appliance_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* appliance_write makes a file of the folder out of a text. */
APPLIANCE_UNUSED static void
appliance_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* appliance_logged tells whether the log has `text` from byte `from` on. */
APPLIANCE_UNUSED static int
appliance_logged(const struct appliance *a, long from, const char *text)
{
	static char all[1 << 20];
	FILE *file = fopen(a->log, "r");
	size_t n = 0;

	if (file) {
		if (fseek(file, from, SEEK_SET) == 0)
			n = fread(all, 1, sizeof(all) - 1, file);
		fclose(file);
	}
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

/* appliance_log_size returns where the next line of the log will stand. */
APPLIANCE_UNUSED static long
appliance_log_size(const struct appliance *a)
{
	struct stat st;

	return stat(a->log, &st) == 0 ? (long)st.st_size : 0;
}

/* appliance_await waits until the log has `text`. */
APPLIANCE_UNUSED static void
appliance_await(const struct appliance *a, long from, const char *text)
{
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;

	while (!appliance_logged(a, from, text)) {
		ck_assert_msg(appliance_now() < end,
			      "%s has no line with \"%s\"", a->log, text);
		appliance_nap(2);
	}
}

/*
 * appliance_plan names the segment and the files of appliance `tag` and writes
 * its config: the segment, small and private, then `more`; no control socket,
 * which would outlive a vined that is killed, unless that names one.
 */
APPLIANCE_UNUSED static void
appliance_plan(struct appliance *a, const char *tag, const char *more)
{
	char text[16384];

	memset(a, 0, sizeof(*a));
	snprintf(a->name, sizeof(a->name), "%s-%s",
		 strrchr(appliance_folder, '/') + 1, tag);
	snprintf(a->config, sizeof(a->config), "%s/%s.conf", appliance_folder,
		 tag);
	snprintf(a->log, sizeof(a->log), "%s/%s.log", appliance_folder, tag);
	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nworkers 2\ncpu_threads 2\n"
		 "state_dir %s\n%s%s", a->name, appliance_state_dir(), more,
		 strstr(more, "control_socket") ? "" : "control_socket off\n");
	appliance_write(a->config, text);
}

/* appliance_exec starts a program with arguments, a NULL behind the last. */
APPLIANCE_UNUSED static void
appliance_exec(struct appliance *a, const char *path, char *const argv[])
{
	pid_t parent = getpid();
	int fd;

	a->pid = fork();
	ck_assert_int_ge(a->pid, 0);
	if (a->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	fd = open(a->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDERR_FILENO);
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	setpgid(0, 0);		/* out of reach of Check's signals */
	unsetenv("JOURNAL_STREAM");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	execv(path, argv);
	_exit(127);
}

/* appliance_spawn starts vined. */
APPLIANCE_UNUSED static void
appliance_spawn(struct appliance *a, char *const argv[])
{
	char path[4096];

	appliance_bin(path, sizeof(path), "vined");
	appliance_exec(a, path, argv);
}

/* appliance_run starts vined on the planned config and waits until it serves */
APPLIANCE_UNUSED static void
appliance_run(struct appliance *a)
{
	char *argv[] = { "vined", "--config", a->config, NULL };
	long from = appliance_log_size(a);

	appliance_spawn(a, argv);
	appliance_await(a, from, "serving segment ");
}

/* appliance_start plans and runs. */
APPLIANCE_UNUSED static void
appliance_start(struct appliance *a, const char *tag, const char *more)
{
	appliance_plan(a, tag, more);
	appliance_run(a);
}

/* appliance_wait returns the exit status, or 128 and the signal. */
APPLIANCE_UNUSED static int
appliance_wait(struct appliance *a)
{
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;
	int status = 0;

	while (waitpid(a->pid, &status, WNOHANG) == 0) {
		ck_assert_msg(appliance_now() < end, "vined does not end");
		appliance_nap(2);
	}
	a->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
		128 + WTERMSIG(status);
}

/* appliance_stop sends a signal and returns how vined ended. */
APPLIANCE_UNUSED static int
appliance_stop(struct appliance *a, int sig)
{
	ck_assert_int_eq(kill(a->pid, sig), 0);
	return appliance_wait(a);
}

/* appliance_have tells whether there is a vined to test. */
APPLIANCE_UNUSED static int
appliance_have(void)
{
	char path[4096];

	appliance_bin(path, sizeof(path), "vined");
	return access(path, X_OK) == 0;
}

/* appliance_open makes the program's folder; before anything else. */
APPLIANCE_UNUSED static void
appliance_open(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(appliance_folder, sizeof(appliance_folder), "%s/vine-XXXXXX",
		 tmp && tmp[0] == '/' && strlen(tmp) < 80 ? tmp : "/tmp");
	if (mkdtemp(appliance_folder) == NULL) {
		perror(appliance_folder);
		exit(1);
	}
}

static void
appliance_sweep(const char *folder, const char *prefix)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	char path[4096];

	while (dir && (e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
		    strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

/* appliance_tell prints what the vineds of a program that failed complained of */
APPLIANCE_UNUSED static void
appliance_tell(void)
{
	DIR *dir = opendir(appliance_folder);
	char path[4096], line[1024];
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		size_t n = strlen(e->d_name);
		FILE *file;

		if (n < 4 || strcmp(e->d_name + n - 4, ".log") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", appliance_folder,
			 e->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			if (strstr(line, "vined: error: "))
				fprintf(stderr, "%s: %s", e->d_name, line);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

/* appliance_close takes the folder and all segments of the program away. */
APPLIANCE_UNUSED static void
appliance_close(void)
{
	char prefix[160];

	snprintf(prefix, sizeof(prefix), "%s-",
		 strrchr(appliance_folder, '/') + 1);
	appliance_sweep("/dev/shm", prefix);
	appliance_sweep(appliance_state_dir(), "");
	rmdir(appliance_state_dir());
	appliance_sweep(appliance_folder, "");
	rmdir(appliance_folder);
}

/*
 * appliance_slow makes a kernel "slow" that sleeps ms milliseconds and then
 * answers 7, and writes the lines of a config that load it.
 */
APPLIANCE_UNUSED static void
appliance_slow(char *lines, size_t size, long ms)
{
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], object[256], text[1024], command[2048];

	appliance_path(source, sizeof(source), "slow.c");
	appliance_path(object, sizeof(object), "slow.so");
	snprintf(text, sizeof(text),
		 "#include <errno.h>\n#include <time.h>\n"
		 "#include <vine/kernel.h>\n"
		 "static int slow(struct vine_kernel_call *call)\n"
		 "{\n"
		 "	struct timespec t = { %ld, %ld };\n"
		 "	while (nanosleep(&t, &t) != 0 && errno == EINTR)\n"
		 "		;\n"
		 "	call->value = 7;\n"
		 "	return 0;\n"
		 "}\n"
		 "static const struct vine_kernel k =\n"
		 "	{ \"slow\", slow, 0, 0 };\n"
		 "const struct vine_kernel_table vine_kernels =\n"
		 "	{ VINE_KERNEL_ABI, 1, &k };\n", ms / 1000,
		 ms % 1000 * 1000000);
	appliance_write(source, text);
	snprintf(command, sizeof(command), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(command), 0);
	snprintf(lines, size, "shm_size 8M\ncpu_kernels %s\n", object);
}

/* appliance_main runs a suite of one case and returns main's result. */
APPLIANCE_UNUSED static int
appliance_main(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	if (!appliance_have()) {
		fprintf(stderr, "skipped: there is no vined\n");
		return 77;
	}
	appliance_open();
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (failed)
		appliance_tell();
	appliance_close();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
