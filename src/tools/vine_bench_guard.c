/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guard: tables of fixed size, so that the signal handler may read them.
 *
 * The handler calls async-signal-safe functions only. Entries are added and
 * removed with the handled signals blocked; the handler blocks them all, so it
 * never runs twice at a time. A process that ended is kept in its entry with
 * its wait status until vine_bench_guard_stop asks for it.
 */
#include "tools/vine_bench_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "utils/utils_log.h"

#define PATH_SIZE 256
#define LOG_TAIL 2048		/* bytes of a dead process's log to show */

struct guarded {
	pid_t pid;		/* 0: free entry */
	const char *name;
	const char *log;
	int fatal;
	int died;
	int status;		/* of waitpid, once died */
};

static char paths[VINE_BENCH_GUARD_PATHS][PATH_SIZE];
static int path_count;
static struct guarded procs[VINE_BENCH_GUARD_PROCS];
static const char *watched;

static const int handled[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGCHLD };

static void
say(const char *text)
{
	/* Nobody is left to tell that stderr cannot be written. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static void
block(sigset_t *old)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	sigprocmask(SIG_BLOCK, &set, old);
}

static void
unblock(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* undo_all kills and removes what is guarded. Async-signal-safe. */
static void
undo_all(void)
{
	int i;

	for (i = 0; i < VINE_BENCH_GUARD_PROCS; i++)
		if (procs[i].pid > 0 && !procs[i].died)
			kill(procs[i].pid, SIGKILL);
	while (path_count > 0) {
		path_count--;
		if (unlink(paths[path_count]) < 0)
			rmdir(paths[path_count]);
	}
}

static void
show_tail(const char *log)
{
	char text[LOG_TAIL];
	ssize_t n;
	off_t size;
	int fd;

	fd = open(log, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = lseek(fd, 0, SEEK_END);
	lseek(fd, size > LOG_TAIL ? size - LOG_TAIL : 0, SEEK_SET);
	n = read(fd, text, sizeof(text));
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		n = 0;
	close(fd);
}

/* reap_dead looks at each guarded process; returns 1 where a fatal one died. */
static int
reap_dead(void)
{
	struct guarded *p;
	int fatal = 0;

	for (p = procs; p < procs + VINE_BENCH_GUARD_PROCS; p++) {
		if (p->pid <= 0 || p->died ||
		    waitpid(p->pid, &p->status, WNOHANG) != p->pid)
			continue;
		p->died = 1;
		say("vine-bench: the process ");
		say(p->name);
		say(WIFSIGNALED(p->status) ? " was killed by a signal\n" :
		    " ended before it was asked to\n");
		if (p->log)
			show_tail(p->log);
		fatal |= p->fatal;
	}
	return fatal;
}

static void
on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGCHLD && !reap_dead()) {
		errno = saved;
		return;
	}
	if (sig == SIGALRM) {
		say("vine-bench: no end in sight, giving up: ");
		say(watched ? watched : "?");
		say("\n");
	}
	undo_all();
	_exit(sig == SIGCHLD || sig == SIGALRM ? 1 : 128 + sig);
}

int
vine_bench_guard_install(void)
{
	struct sigaction act;
	size_t i;

	memset(&act, 0, sizeof(act));
	act.sa_handler = on_signal;
	act.sa_flags = SA_RESTART | SA_NOCLDSTOP;
	sigfillset(&act.sa_mask);
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
		if (sigaction(handled[i], &act, NULL) < 0) {
			log_error("signal %d: %s", handled[i], strerror(errno));
			return -errno;
		}
	}
	return 0;
}

int
vine_bench_guard_path(const char *path)
{
	sigset_t old;

	if (path_count == VINE_BENCH_GUARD_PATHS) {
		log_error("guard: no room for %s beside %d other files", path,
			  path_count);
		return -ENOSPC;
	}
	if (strlen(path) >= PATH_SIZE) {
		log_error("guard: %s is longer than %d bytes", path,
			  PATH_SIZE - 1);
		return -ENAMETOOLONG;
	}
	block(&old);
	strcpy(paths[path_count++], path);
	unblock(&old);
	return 0;
}

static struct guarded *
guarded_find(pid_t pid)
{
	int i;

	for (i = 0; i < VINE_BENCH_GUARD_PROCS; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

int
vine_bench_guard_proc(pid_t pid, const char *name, const char *log, int fatal)
{
	struct guarded *p = guarded_find(0);
	sigset_t old;

	if (!p) {
		log_error("guard: no room for process %d (%s)", (int)pid, name);
		return -ENOSPC;
	}
	block(&old);
	*p = (struct guarded){ .pid = pid, .name = name, .log = log,
			       .fatal = fatal };
	/* It may have died before it stood here. */
	fatal = reap_dead();
	unblock(&old);
	if (fatal)
		raise(SIGCHLD);
	return 0;
}

static void
nap_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

int
vine_bench_guard_stop(pid_t pid, int grace_ms)
{
	struct guarded *p = guarded_find(pid);
	sigset_t old;
	int status;

	if (!p || pid <= 0)
		return -1;
	block(&old);
	if (!p->died) {
		kill(pid, SIGTERM);
		kill(pid, SIGCONT);
		while (waitpid(pid, &p->status, WNOHANG) != pid) {
			if (grace_ms <= 0)
				kill(pid, SIGKILL);
			nap_ms(2);
			grace_ms -= 2;
		}
	}
	status = p->status;
	memset(p, 0, sizeof(*p));
	unblock(&old);
	return status;
}

int
vine_bench_guard_died(pid_t pid)
{
	const struct guarded *p = guarded_find(pid);

	return pid <= 0 || !p || p->died;
}

void
vine_bench_guard_watch(unsigned int seconds, const char *what)
{
	watched = what;
	alarm(seconds);
}

void
vine_bench_guard_child(pid_t parent)
{
	size_t i;

	path_count = 0;
	memset(procs, 0, sizeof(procs));
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		signal(handled[i], SIG_DFL);
	/* A parent that is gone already sends no signal any more. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
}

void
vine_bench_guard_finish(void)
{
	sigset_t old;

	block(&old);
	alarm(0);
	undo_all();
	memset(procs, 0, sizeof(procs));
	unblock(&old);
}
