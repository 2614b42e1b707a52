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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <vine/version.h>

#include "core/vine_limits.h"
#include "tools/vined_keeper_again.h"
#include "tools/vined_keeper_notify.h"
#include "tools/vined_keeper_say.h"
#include "tools/vined_keeper_store.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)

/* Exit codes; they stand in vined-keeper(8). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

struct keeper {
	char **program;		/* and its arguments */
	struct keeper_notify notify;	/* what the child tells us */
	struct keeper_again again;	/* when the next one begins */
	int signals;
	int life[2];		/* the child has [0], and [1] ends with us */
	sigset_t old;		/* signals as they were */
	pid_t child;		/* 0: none */
	int stopping;
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

/* --- what the child says ------------------------------------------------- */

/* It takes the descriptors. */
static void
obey(struct keeper *k, const struct keeper_told *told)
{
	uint32_t kept = 0;

	if (told->drop)
		keeper_store_drop(&k->store, told->name);
	for (; told->store && !told->drop && kept < told->count; kept++) {
		int rc = keeper_store_put(&k->store, told->name,
					  told->fds[kept]);

		if (rc)
			keeper_say("%s cannot be held beside %u descriptors: "
				   "%s", told->name, k->store.count,
				   strerror(-rc));
	}
	for (; kept < told->count; kept++)
		close(told->fds[kept]);
	if (strncmp(told->rest, "READY=1", 7) == 0) {
		k->again.ready = utils_clock_ns();
		keeper_notify_hide(&k->notify);
	}
	if (told->rest[0])
		(void)sd_notify(0, told->rest);	/* of whoever started us */
}

static void
hear(struct keeper *k)
{
	struct keeper_told told;

	while (keeper_notify_hear(&k->notify, &told)) {
		if (told.from == k->child && told.from > 0 && !told.cut) {
			obey(k, &told);
			continue;
		}
		for (uint32_t i = 0; i < told.count; i++)
			close(told.fds[i]);
		keeper_say("process %ld is not listened to, only process %ld "
			   "is", (long)told.from, (long)k->child);
	}
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
			setenv("NOTIFY_SOCKET", k->notify.path, 1) != 0))
		rc = -errno;
	unsetenv("WATCHDOG_PID");	/* it was for us, who have none */
	if (rc == 0)
		rc = keeper_store_pass(&k->store);
	sigprocmask(SIG_SETMASK, &k->old, NULL);
	if (rc == 0) {
		execvp(k->program[0], k->program);
		rc = -errno;
	}
	keeper_say("%s cannot be started: %s", k->program[0], strerror(-rc));
	_exit(127);
}

static int
start(struct keeper *k)
{
	k->again.at = 0;
	k->again.ready = 0;
	if (keeper_notify_open(&k->notify) != 0)
		return -1;
	fflush(stderr);
	k->child = fork();
	if (k->child == 0)
		become(k);
	if (k->child > 0)
		return 0;
	keeper_say("no process can be made: %s", strerror(errno));
	k->child = 0;
	return -1;
}

static int
is_to_be_started(struct keeper *k, int code)
{
	enum keeper_verdict verdict = k->stopping ? KEEPER_USELESS :
		keeper_again_ended(&k->again, code, utils_clock_ns());

	if (verdict == KEEPER_TOO_OFTEN)
		keeper_say("%s failed %llu times in a row: it is not started "
			   "again", k->program[0],
			   (unsigned long long)k->again.failures);
	return verdict == KEEPER_AGAIN;
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
	keeper_notify_hide(&k->notify);
	if (!is_to_be_started(k, code))
		return code;
	keeper_say("%s ended with %s %d: it is started again, with %u "
		   "descriptors held", k->program[0],
		   WIFEXITED(status) ? "status" : "signal",
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

		if (k->child == 0 && k->again.at <= now) {
			if (start(k) != 0)
				return EXIT_FAILED;
		} else if (k->child == 0) {
			ms = (int)((k->again.at - now) / MS) + 1;
		}
		p[0].fd = k->signals;
		p[1].fd = k->notify.fd;
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
	keeper_say("signals cannot be waited for: %s", strerror(errno));
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
	keeper_say("%s%s", what, value);
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
			k->again.most = strtoull(optarg, &end, 10);
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
	static struct keeper k = { .again.most = 5, .notify.fd = -1,
		.signals = -1, .life = { -1, -1 } };
	int code = read_options(&k, argc, argv);

	if (code >= 0)
		return code;
	make_room(&k);
	code = EXIT_FAILED;
	if (open_signals(&k) == 0)
		code = run(&k);
	keeper_notify_hide(&k.notify);
	keeper_store_empty(&k.store);
	return code;
}
