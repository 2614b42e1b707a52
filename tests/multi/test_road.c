/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task does not cost: with both sides awake, neither the application
 * nor vined enters the kernel, allocates or locks because of a task. Calls are
 * counted, not timed: a run with ten times the tasks may have hardly more of
 * them. strace counts system calls; a preloaded library counts the others.
 *
 * ctest: serial
 */
#include <vine/vine.h>

#include "appliance.h"

enum { WINDOW = 64, FEW = 100000, MANY = 1000000 };

/* One more call for so many more tasks is a call that is not the tasks' */
enum { PER_CALL = 1000 };

static struct appliance appliance;

/* --- the application, in a process of its own --------------------------- */

static int
application(const char *config, long count)
{
	struct vine_session_opts so = { .size = sizeof(so),
		.config_file = config, .wait_mode = VINE_WAIT_SPIN,
		.attach_timeout = INT64_C(20000000000) };
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_session *s;
	vine_task *tasks[WINDOW];

	if (vine_session_open(&so, &s) != 0 ||
	    vine_accel_find(s, GPU_SOFT, "noop", &o.accel) != 0 ||
	    vine_proc_find(s, GPU_SOFT, "noop", &o.proc) != 0)
		return 1;
	for (long i = 0; i < count; i += WINDOW) {
		for (int j = 0; j < WINDOW; j++)
			if (vine_task_issue_opts(&o, &tasks[j]) != 0)
				return 1;
		if (vine_task_wait_all(tasks, WINDOW, VINE_FOREVER) != 0)
			return 1;
		for (int j = 0; j < WINDOW; j++)
			vine_task_free(tasks[j]);
	}
	vine_session_close(s);
	return 0;
}

/* --- counting ----------------------------------------------------------- */

static char counter[256];	/* the library that counts */

/* Fill argv[] so that the program behind it is counted into `file`. */
static int
counted(char **argv, const char *with, char *file, char *env)
{
	int n = 0;

	if (strcmp(with, "strace") == 0) {
		argv[n++] = "strace";
		argv[n++] = "-D";	/* the program stays our child */
		argv[n++] = "-f";
		argv[n++] = "-c";
		argv[n++] = "-o";
		argv[n++] = file;
	} else {
		sprintf(env, "COUNT_FILE=%s", file);
		argv[n++] = "env";
		argv[n++] = env;
		argv[n++] = counter;
	}
	return n;
}

static pid_t
spawn(char *const argv[])
{
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = open(appliance.log, O_WRONLY | O_CREAT | O_APPEND,
			      0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(126);
		dup2(fd, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* The number in a counted program's file; strace writes its last. */
static long
count_in(const char *file)
{
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;
	char line[256];
	long n = -1, calls, yields = 0;

	while (n < 0) {
		FILE *f = fopen(file, "r");

		while (f && fgets(line, sizeof(line), f)) {
			char *total = strstr(line, "total");

			/* who spins lets others run: for time, not tasks */
			if (strstr(line, " sched_yield") &&
			    sscanf(line, "%*s %*s %*s %ld", &calls) == 1)
				yields = calls;
			if (total && total == strrchr(line, ' ') + 1 &&
			    sscanf(line, "%*s %*s %*s %ld", &calls) == 1)
				n = calls - yields;
		}
		if (f)
			fclose(f);
		ck_assert_msg(n >= 0 || appliance_now() < end,
			      "no total in %s", file);
		if (n < 0)
			appliance_nap(10);
	}
	return n;
}

struct counts {
	long application;
	long vined;
};

/* A vined and an application from beginning to end. */
static struct counts
run(const char *with, long tasks)
{
	char self[4096], bin[4096], file[2][256], env[2][512], number[32];
	char *argv[16];
	struct counts c;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t app;
	int n, status;

	ck_assert_int_gt(len, 0);
	self[len] = '\0';
	appliance_bin(bin, sizeof(bin), "vined");
	appliance_path(file[0], sizeof(file[0]), "count.app");
	appliance_path(file[1], sizeof(file[1]), "count.vined");
	unlink(file[0]);
	unlink(file[1]);
	appliance_plan(&appliance, "road", "shm_size 8M\nwait spin\n");
	unlink(appliance.log);

	n = counted(argv, with, file[1], env[1]);
	argv[n++] = bin;
	argv[n++] = "--config";
	argv[n++] = appliance.config;
	argv[n] = NULL;
	appliance.pid = spawn(argv);
	appliance_await(&appliance, 0, "serving segment ");

	snprintf(number, sizeof(number), "%ld", tasks);
	n = counted(argv, with, file[0], env[0]);
	argv[n++] = self;
	argv[n++] = "application";
	argv[n++] = appliance.config;
	argv[n++] = number;
	argv[n] = NULL;
	app = spawn(argv);
	ck_assert_int_eq(waitpid(app, &status, 0), app);
	ck_assert_msg(status == 0, "the application ended with %#x", status);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	c.application = count_in(file[0]);
	c.vined = count_in(file[1]);
	return c;
}

/* How many more tasks this machine does in some seconds, at most MANY. */
static long
many_for(const char *with)
{
	int64_t begin = appliance_now();
	int64_t ms;

	run(with, FEW);
	ms = appliance_now() - begin;
	return ms > 2000 ? 3 * FEW : MANY;
}

/* Which calls they were: the counted program's file, on a test's output. */
static void
show(const char *tail)
{
	char file[256], line[256];
	FILE *f;

	appliance_path(file, sizeof(file), tail);
	f = fopen(file, "r");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stdout);
	if (f)
		fclose(f);
	fflush(stdout);
}

static void
compare(const char *with)
{
	long many = many_for(with);
	struct counts few = run(with, FEW), more = run(with, many);
	long limit = (many - FEW) / PER_CALL;

	/* counting works: both sides do something while they start */
	ck_assert_int_gt(few.application, 20);
	ck_assert_int_gt(few.vined, 20);
	if (more.application - few.application >= limit)
		show("count.app");
	if (more.vined - few.vined >= limit)
		show("count.vined");
	ck_assert_msg(more.application - few.application < limit,
		      "application: %ld for %d tasks, %ld for %ld",
		      few.application, FEW, more.application, many);
	ck_assert_msg(more.vined - few.vined < limit,
		      "vined: %ld for %d tasks, %ld for %ld", few.vined, FEW,
		      more.vined, many);
}

START_TEST(tasks_make_no_system_calls)
{
	compare("strace");
}
END_TEST

/* Calls of malloc and its kin, and of pthread_mutex_lock. */
static void
make_counter(void)
{
	const char *cc = getenv("CC");
	char source[256], object[200], command[2048];

	appliance_path(source, sizeof(source), "count.c");
	appliance_path(object, sizeof(object), "count.so");
	snprintf(counter, sizeof(counter), "LD_PRELOAD=%s", object);
	appliance_write(source,
		"#define _GNU_SOURCE\n"
		"#include <dlfcn.h>\n#include <pthread.h>\n"
		"#include <stdio.h>\n#include <stdlib.h>\n"
		"static long n;\n"
		"#define ONE __atomic_fetch_add(&n, 1, __ATOMIC_RELAXED)\n"
		"extern void *__libc_malloc(size_t);\n"
		"extern void *__libc_calloc(size_t, size_t);\n"
		"extern void *__libc_realloc(void *, size_t);\n"
		"extern void *__libc_memalign(size_t, size_t);\n"
		"extern void __libc_free(void *);\n"
		"void *malloc(size_t a)\n"
		"{ ONE; return __libc_malloc(a); }\n"
		"void *calloc(size_t a, size_t b)\n"
		"{ ONE; return __libc_calloc(a, b); }\n"
		"void *realloc(void *p, size_t a)\n"
		"{ ONE; return __libc_realloc(p, a); }\n"
		"void *aligned_alloc(size_t a, size_t b)\n"
		"{ ONE; return __libc_memalign(a, b); }\n"
		"void free(void *p)\n"
		"{ ONE; __libc_free(p); }\n"
		"static int (*lock)(pthread_mutex_t *);\n"
		"int pthread_mutex_lock(pthread_mutex_t *m)\n"
		"{\n"
		"	ONE;\n"
		"	if (!lock)\n"
		"		*(void **)&lock = dlsym(RTLD_NEXT,\n"
		"				\"pthread_mutex_lock\");\n"
		"	return lock(m);\n"
		"}\n"
		"static FILE *f;\n"	/* vined may open none at the end */
		"__attribute__((constructor)) static void open_it(void)\n"
		"{\n"
		"	const char *name = getenv(\"COUNT_FILE\");\n"
		"	f = name ? fopen(name, \"w\") : NULL;\n"
		"}\n"
		"__attribute__((destructor)) static void write_it(void)\n"
		"{\n"
		"	long was = n;\n"
		"	if (f) {\n"
		"		fprintf(f, \"- - - %ld total\\n\", was);\n"
		"		fclose(f);\n"
		"	}\n"
		"}\n");
	snprintf(command, sizeof(command),
		 "%s -O1 -w -shared -fPIC -o '%s' '%s' -ldl",
		 cc ? cc : "cc", object, source);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(tasks_allocate_and_lock_nothing)
{
	make_counter();
	compare("preload");
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *tcase;

	if (argc == 4 && strcmp(argv[1], "application") == 0)
		return application(argv[2], strtol(argv[3], NULL, 10));
	if (APPLIANCE_SANITIZED) {
		fprintf(stderr, "skipped: a sanitizer has calls of its own\n");
		return 77;
	}
	tcase = tcase_create("road");
	if (system("strace -D -f -c -o /dev/null true") == 0)
		tcase_add_test(tcase, tasks_make_no_system_calls);
	else
		fprintf(stderr, "skipped: strace does not work here\n");
	tcase_add_test(tcase, tasks_allocate_and_lock_nothing);
	return appliance_main("road", tcase);
}
