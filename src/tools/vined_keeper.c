/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined-keeper: starts vined, holds what is to outlive it, and starts it again;
 * see vined-keeper(8).
 *
 * To vined it is what systemd is: it has the socket of sd_notify(3), keeps the
 * descriptors that come with FDSTORE=1, and gives them to the next vined as
 * sd_listen_fds(3) reads them. Only its child is listened to. It has one
 * thread, which waits for signals and for what its child says.
 *
 * It does so little that it need not be upgraded with vined. If it ends, vined
 * goes on, and notices by the end of a pipe that nobody holds anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <vine/version.h>

#include "core/vine_limits.h"
#include "tools/vined_keeper_store.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)
#define TEXT_MAX 4096	/* bytes of a datagram */
#define FDS_MAX 16	/* descriptors of one */

/* Exit codes; they stand in vined-keeper(8). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/* Of vined, see vined_options.h: these do not become right by themselves. */
enum { VINED_USAGE = 2, VINED_CONFIG = 3, VINED_HANDED_OVER = 4 };

struct keeper {
	char **program;		/* and its arguments */
	uint64_t restarts_max;	/* failures in a row; 0: any number */
	char dir[96];		/* "": none now */
	char path[108];		/* of the socket in it */
	int notify;
	int signals;
	int life[2];		/* the child has [0], and [1] ends with us */
	sigset_t old;		/* signals as they were */
	pid_t child;		/* 0: none */
	int stopping;
	uint64_t ready;		/* ns, when it served; 0: not yet */
	uint64_t failures;	/* in a row */
	uint64_t starts;	/* in a row that never served */
	uint64_t again;		/* ns, when the next is started */
	struct keeper_store store;
};

static const char help[] =
	"Usage: vined-keeper [OPTION]... PROGRAM [ARGUMENT]...\n"
	"Run vined so that a restart of it ends no session, without systemd.\n"
	"\n"
	"  -r, --restarts N   give up after N failures in a row (default: 5; "
	"0: never)\n"
	"  -h, --help         print this and exit\n"
	"  -V, --version      print the version and exit\n"
	"\n"
	"TERM, INT and HUP are passed on. Exit status: PROGRAM's, or 128 and "
	"its signal;\n"
	"1 failed, 2 usage. See vined-keeper(8).\n";

static void
say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vined-keeper: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

/* --- the socket ---------------------------------------------------------- */

/* Vined has it open by then, and nobody else is to find it. */
static void
remove_path(struct keeper *k)
{
	if (k->dir[0] == '\0')
		return;
	unlink(k->path);
	rmdir(k->dir);
	k->dir[0] = '\0';
}

/* A folder that is ours alone: who may write to the socket could fill it. */
static int
make_folder(struct keeper *k)
{
	const char *tmp = getenv("TMPDIR"), *base[] = {
		geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR"),
		tmp, "/tmp" };

	for (size_t i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		int n;

		if (base[i] == NULL || base[i][0] != '/')
			continue;
		n = snprintf(k->dir, sizeof(k->dir), "%s/vined-keeper-XXXXXX",
			     base[i]);
		if (n < (int)sizeof(k->dir) && mkdtemp(k->dir))
			return 0;
	}
	say("no folder can be made in any of /run, XDG_RUNTIME_DIR, TMPDIR, "
	    "/tmp: %s", strerror(errno));
	k->dir[0] = '\0';
	return -1;
}

static int
open_socket(struct keeper *k)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int on = 1;

	if (k->notify >= 0)
		close(k->notify);
	k->notify = -1;
	if (make_folder(k) != 0)
		return -1;
	snprintf(k->path, sizeof(k->path), "%s/notify", k->dir);
	memcpy(at.sun_path, k->path, strlen(k->path));
	k->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   0);
	if (k->notify >= 0 &&
	    setsockopt(k->notify, SOL_SOCKET, SO_PASSCRED, &on,
		       sizeof(on)) == 0 &&
	    bind(k->notify, (struct sockaddr *)&at, sizeof(at)) == 0)
		return 0;
	say("socket %s cannot be made: %s", k->path, strerror(errno));
	return -1;
}

/* --- what it says -------------------------------------------------------- */

/* What of a datagram is for us; the rest goes on. */
struct told {
	int store;
	int drop;
	const char *name;
	char rest[TEXT_MAX + 1];
};

/* Its text is cut into lines where it stands. */
static void
read_told(struct told *t, char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	t->store = t->drop = 0;
	t->name = "stored";	/* as systemd calls what has no name */
	t->rest[0] = '\0';
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (strcmp(line, "FDSTORE=1") == 0) {
			t->store = 1;
		} else if (strcmp(line, "FDSTOREREMOVE=1") == 0) {
			t->drop = 1;
		} else if (strncmp(line, "FDNAME=", 7) == 0) {
			t->name = line + 7;
		} else if (strncmp(line, "FDPOLL=", 7) != 0 &&
			   strncmp(line, "MAINPID=", 8) != 0) {
			strcat(t->rest, t->rest[0] ? "\n" : "");
			strcat(t->rest, line);
		}
	}
}

/* Descriptors of a message: as many as there are, at most FDS_MAX. */
static uint32_t
read_fds(struct msghdr *msg, int *fds, pid_t *from)
{
	uint32_t n = 0;

	*from = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			memcpy(fds, CMSG_DATA(c), size);
			n = (uint32_t)(size / sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			*from = cred.pid;
		}
	}
	return n;
}

static void
take_told(struct keeper *k, char *text, const int *fds, uint32_t count)
{
	struct told told;
	uint32_t kept = 0;

	read_told(&told, text);
	if (told.drop)
		keeper_store_drop(&k->store, told.name);
	for (; told.store && !told.drop && kept < count; kept++) {
		int rc = keeper_store_put(&k->store, told.name, fds[kept]);

		if (rc)
			say("%s cannot be held beside %u descriptors: %s",
			    told.name, k->store.count, strerror(-rc));
	}
	for (; kept < count; kept++)
		close(fds[kept]);
	if (strncmp(told.rest, "READY=1", 7) == 0) {
		k->ready = utils_clock_ns();
		remove_path(k);
	}
	if (told.rest[0])
		(void)sd_notify(0, told.rest);	/* of whoever started us */
}

/* Returns 0 when there is no more. */
static int
hear_one(struct keeper *k)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int)) +
			   CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char text[TEXT_MAX + 1];
	struct iovec iov = { text, TEXT_MAX };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	int fds[FDS_MAX];
	uint32_t count;
	pid_t from;
	ssize_t n;

	n = recvmsg(k->notify, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR;
	text[n] = '\0';
	count = read_fds(&msg, fds, &from);
	if (from == k->child && from > 0 && !(msg.msg_flags & MSG_TRUNC)) {
		take_told(k, text, fds, count);
		return 1;
	}
	for (uint32_t i = 0; i < count; i++)
		close(fds[i]);
	say("process %ld is not listened to, only process %ld is", (long)from,
	    (long)k->child);
	return 1;
}

static void
hear(struct keeper *k)
{
	while (hear_one(k))
		;
}

/* --- the child ---------------------------------------------------------- */

/* In the child. Does not return. */
static void
become(struct keeper *k)
{
	char number[32];
	int rc, life = fcntl(k->life[0], F_DUPFD_CLOEXEC, 3);

	snprintf(number, sizeof(number), "%u", k->store.most);
	k->store.most++;	/* for what each child has of its own */
	rc = life < 0 ? -errno : keeper_store_put(&k->store, "keeper", life);
	if (rc == 0 && (setenv("FDSTORE", number, 1) != 0 ||
			setenv("NOTIFY_SOCKET", k->path, 1) != 0))
		rc = -errno;
	unsetenv("WATCHDOG_PID");	/* it was for us, who have none */
	if (rc == 0)
		rc = keeper_store_pass(&k->store);
	sigprocmask(SIG_SETMASK, &k->old, NULL);
	if (rc == 0) {
		execvp(k->program[0], k->program);
		rc = -errno;
	}
	say("%s cannot be started: %s", k->program[0], strerror(-rc));
	_exit(127);
}

static int
start(struct keeper *k)
{
	k->again = 0;
	k->ready = 0;
	if (open_socket(k) != 0)
		return -1;
	fflush(stderr);
	k->child = fork();
	if (k->child == 0)
		become(k);
	if (k->child > 0)
		return 0;
	say("no process can be made: %s", strerror(errno));
	k->child = 0;
	return -1;
}

/* When the next one is to be started. Sessions wait for one that died at work;
 * one that could not even begin may find what it needs later. */
static void
set_time(struct keeper *k, uint64_t now)
{
	uint64_t ms = VINE_KEEPER_AGAIN_MS;

	k->again = now;
	k->starts = k->ready ? 0 : k->starts + 1;
	if (k->starts == 0)
		return;
	for (uint64_t i = 1; i < k->starts && ms < VINE_KEEPER_AGAIN_MAX_MS;
	     i++)
		ms *= 2;
	k->again += (ms < VINE_KEEPER_AGAIN_MAX_MS ? ms :
		     VINE_KEEPER_AGAIN_MAX_MS) * MS;
}

/* Another is to be started, unless it makes no sense. */
static int
is_to_be_started(struct keeper *k, int code)
{
	uint64_t now = utils_clock_ns();

	if (k->stopping || code == EXIT_DONE || code == VINED_USAGE ||
	    code == VINED_CONFIG)
		return 0;
	set_time(k, now);
	if (code == VINED_HANDED_OVER)
		return 1;
	if (k->ready && now - k->ready >= VINE_KEEPER_STEADY_MS * MS)
		k->failures = 0;
	k->failures++;
	if (k->restarts_max == 0 || k->failures <= k->restarts_max)
		return 1;
	say("%s failed %llu times in a row: it is not started again",
	    k->program[0], (unsigned long long)k->failures);
	return 0;
}

/* Returns -1, or the exit status with which we end. */
static int
bury(struct keeper *k)
{
	int status, code;

	hear(k);	/* its last words, while it is still our child */
	if (k->child == 0 || waitpid(k->child, &status, WNOHANG) <= 0)
		return -1;
	code = WIFEXITED(status) ? WEXITSTATUS(status) :
		EXIT_SIGNAL + WTERMSIG(status);
	k->child = 0;
	remove_path(k);
	if (!is_to_be_started(k, code))
		return code;
	say("%s ended with %s %d: it is started again, with %u descriptors "
	    "held", k->program[0], WIFEXITED(status) ? "status" : "signal",
	    WIFEXITED(status) ? code : WTERMSIG(status), k->store.count);
	return -1;
}

/* --- the keeper --------------------------------------------------------- */

static int
take_signals(struct keeper *k)
{
	struct signalfd_siginfo s;
	int code = -1;

	while (code < 0 && read(k->signals, &s, sizeof(s)) == sizeof(s)) {
		int sig = (int)s.ssi_signo;

		if (sig == SIGCHLD) {
			code = bury(k);
			continue;
		}
		if (sig != SIGHUP)
			k->stopping = 1;
		if (k->child)
			kill(k->child, sig);
		else if (sig != SIGHUP)	/* between one and the next */
			code = EXIT_FAILED;
	}
	return code;
}

static int
run(struct keeper *k)
{
	int code = -1;

	if (start(k) != 0)
		return EXIT_FAILED;
	while (code < 0) {
		struct pollfd p[2] = { { .events = POLLIN },
			{ .events = POLLIN } };
		uint64_t now = utils_clock_ns();
		int ms = -1;

		if (k->child == 0 && k->again <= now) {
			if (start(k) != 0)
				return EXIT_FAILED;
		} else if (k->child == 0) {
			ms = (int)((k->again - now) / MS) + 1;
		}
		p[0].fd = k->signals;
		p[1].fd = k->notify;
		if (poll(p, 2, ms) < 0 && errno != EINTR)
			return EXIT_FAILED;
		hear(k);
		code = take_signals(k);
	}
	return code;
}

static int
open_signals(struct keeper *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &k->old) == 0)
		k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (k->signals >= 0 && pipe2(k->life, O_CLOEXEC) == 0)
		return 0;
	say("signals cannot be waited for: %s", strerror(errno));
	return -1;
}

/* For what is held, and once more while it is passed on. */
static void
make_room(struct keeper *k)
{
	struct rlimit files = { 1024, 1024 };
	rlim_t room;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
	}
	room = files.rlim_cur > 64 ? (files.rlim_cur - 64) / 2 : 0;
	k->store.most = room < VINE_HOLDER_FDS ? (uint32_t)room :
		VINE_HOLDER_FDS;
}

static int
usage(const char *what, const char *value)
{
	say("%s%s", what, value);
	fputs("Try 'vined-keeper --help'.\n", stderr);
	return EXIT_USAGE;
}

/* Returns -1 where there is something to do, else the exit status. */
static int
read_options(struct keeper *k, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "restarts", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int c;

	/* +: what follows the program is its own */
	while ((c = getopt_long(argc, argv, "+r:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			k->restarts_max = strtoull(optarg, &end, 10);
			if (*end || *optarg < '0' || *optarg > '9')
				return usage("--restarts is no number: ",
					     optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		case 'V':
			printf("vined-keeper %d.%d.%d\n", VINE_VERSION_MAJOR,
			       VINE_VERSION_MINOR, VINE_VERSION_PATCH);
			return EXIT_DONE;
		default:	/* getopt_long has said what is wrong */
			fputs("Try 'vined-keeper --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	k->program = argv + optind;
	return k->program[0] ? -1 : usage("a program is missing", "");
}

int
main(int argc, char **argv)
{
	static struct keeper k = { .restarts_max = 5, .notify = -1,
		.signals = -1, .life = { -1, -1 } };
	int code = read_options(&k, argc, argv);

	if (code >= 0)
		return code;
	make_room(&k);
	code = EXIT_FAILED;
	if (open_signals(&k) == 0)
		code = run(&k);
	remove_path(&k);
	keeper_store_empty(&k.store);
	return code;
}
