/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Poll loop: tasks in a program that has an event loop of its own.
 *
 *	cc -o poll-loop poll-loop.c -lvine
 *	ls | ./poll-loop
 *
 * One thread, one epoll, three sources: lines come on stdin, each is given to
 * the appliance (SHA-256); vine_session_fd says when tasks have completed; a
 * timer reports once a second. Nothing here waits for a task. The answer is
 * printed by the task's callback, which vine_session_reap calls.
 *
 * Exit codes: 0 end of input and all tasks done, 1 failed, 2 wrong usage, 3 no
 * appliance.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <vine/vine.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };
enum { LINE = 4096, DIGEST = 32, IN_FLIGHT_MAX = 64 };

static const char help[] =
	"usage: poll-loop\n"
	"\n"
	"Reads lines from stdin, prints the SHA-256 of each in the order in\n"
	"which an appliance answers; says once a second on stderr how many\n"
	"there were. Lines longer than 4096 bytes are cut into several.\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

struct loop {
	struct vine_session *session;
	vine_accel *accel;
	vine_proc *proc;
	int epoll;
	int timer;
	int completions;	/* the session's descriptor; never read it */
	int stdin_is_file;	/* always ready, so epoll does not take it */
	int stdin_watched;
	int ended;		/* no more lines */
	int failed;
	unsigned int in_flight;
	uint64_t done;
	char text[LINE];	/* the beginning of a line */
	size_t length;
};

/* A line on its way. */
struct line {
	struct loop *loop;
	vine_data *text;
	vine_data *digest;
};

static int
complain(struct loop *l, const char *what, int err)
{
	fprintf(stderr, "poll-loop: %s: %s\n", what, strerror(err));
	l->failed = 1;
	return FAILED;
}

static void
line_free(struct line *line)
{
	vine_data_free(line->text);
	vine_data_free(line->digest);
	free(line);
}

/*
 * Runs inside vine_session_reap, once a task, when its state is final. It may
 * free the task, and could issue the next one.
 */
static void
on_done(vine_task *task, void *user)
{
	struct vine_task_result result = { .size = sizeof(result) };
	struct line *line = user;
	struct loop *l = line->loop;
	int i, rc = vine_task_result(task, &result);

	l->in_flight--;
	l->done++;
	if (rc || result.status != VINE_STATUS_OK) {
		complain(l, "task", rc ? -rc : result.error);
	} else {
		const unsigned char *digest = vine_data_deref(line->digest);

		for (i = 0; i < DIGEST; i++)
			printf("%02x", digest[i]);
		printf("  %.*s\n", (int)vine_data_size(line->text),
		       (const char *)vine_data_deref(line->text));
	}
	vine_task_free(task);
	line_free(line);
}

static int
issue(struct loop *l, struct line *line)
{
	struct vine_slice in = vine_slice_all(line->text);
	struct vine_slice out = vine_slice_all(line->digest);
	struct vine_task_opts opts = {
		.size = sizeof(opts),
		.accel = l->accel,
		.proc = l->proc,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1,
		.flags = VINE_TASK_NOWAIT,	/* the loop must not block */
		.cb = on_done,
		.cb_user = line,
	};
	vine_task *task;	/* the callback frees it */

	return vine_task_issue_opts(&opts, &task);
}

/* Returns 0, also after a failure that was said; -EAGAIN: not now. */
static int
give_line(struct loop *l, const char *text, size_t length)
{
	struct line *line = calloc(1, sizeof(*line));
	int rc = line ? 0 : -ENOMEM;

	if (rc == 0) {
		line->loop = l;
		rc = vine_data_alloc_in(l->session, length, 0, &line->text);
	}
	if (rc == 0)
		rc = vine_data_alloc_in(l->session, DIGEST, 0, &line->digest);
	if (rc == 0) {
		memcpy(vine_data_deref(line->text), text, length);
		rc = issue(l, line);
	}
	if (rc == 0) {
		l->in_flight++;
		return 0;
	}
	if (line)
		line_free(line);
	if (rc == -EAGAIN)	/* a queue_slots smaller than our window */
		return rc;
	complain(l, "line", -rc);
	return 0;
}

/*
 * Give out the whole lines of what was read, and keep the rest for later: what
 * follows the last end of line, or what would be too much in flight. It is
 * looked at again after the next event, at the latest the timer's.
 */
static void
give_lines(struct loop *l)
{
	char *from = l->text, *end;
	size_t left = l->length;

	while (l->in_flight < IN_FLIGHT_MAX && left > 0) {
		end = memchr(from, '\n', left);
		if (end == NULL && left < LINE && !l->ended)
			break;
		if (give_line(l, from, end ? (size_t)(end - from) : left) != 0)
			break;
		left -= end ? (size_t)(end + 1 - from) : left;
		from = l->text + l->length - left;
	}
	memmove(l->text, from, left);
	l->length = left;
}

static void
read_some(struct loop *l)
{
	ssize_t n;

	if (l->length == LINE)
		return;
	n = read(STDIN_FILENO, l->text + l->length, LINE - l->length);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		complain(l, "stdin", errno);
	if (n <= 0)
		l->ended = 1;
	else
		l->length += (size_t)n;
}

static int
watch(struct loop *l, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/*
 * Watch stdin only while there is room for what it brings. Removing it is the
 * way to do so: a closed pipe is reported whatever events are asked for.
 */
static void
watch_stdin(struct loop *l, int wanted)
{
	int rc = 0;

	if (l->stdin_is_file || l->stdin_watched == wanted)
		return;
	if (wanted)
		rc = watch(l, STDIN_FILENO);
	else
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	l->stdin_watched = wanted;
	if (rc == -EPERM)
		l->stdin_is_file = 1;
	else if (rc)
		complain(l, "stdin", -rc);
}

static void
on_event(struct loop *l, int fd)
{
	uint64_t ticks;
	int rc;

	if (fd == l->completions) {
		rc = vine_session_reap(l->session);	/* clears it, too */
		if (rc < 0)
			complain(l, "reap", -rc);
	} else if (fd == l->timer) {
		if (read(l->timer, &ticks, sizeof(ticks)) > 0)
			fprintf(stderr, "poll-loop: %llu done, %u in flight\n",
				(unsigned long long)l->done, l->in_flight);
	} else {
		read_some(l);
	}
}

static int
loop(struct loop *l)
{
	while (!l->failed && (!l->ended || l->length || l->in_flight)) {
		struct epoll_event events[3];
		int room = !l->ended && l->length < LINE &&
			l->in_flight < IN_FLIGHT_MAX;
		int file, i, n;

		watch_stdin(l, room);
		file = room && l->stdin_is_file;
		if (file)	/* and look at the others in passing */
			read_some(l);
		n = epoll_wait(l->epoll, events, 3, file ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return complain(l, "epoll_wait", errno);
		for (i = 0; i < n; i++)
			on_event(l, events[i].data.fd);
		give_lines(l);
	}
	return l->failed ? FAILED : DONE;
}

static int
prepare(struct loop *l)
{
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	int rc = vine_accel_list_in(l->session, CPU, &l->accel, 1);

	if (rc <= 0)
		return complain(l, "accelerator of the type CPU",
				rc ? -rc : ENODEV);
	rc = vine_proc_find(l->session, CPU, "sha256", &l->proc);
	if (rc)
		return complain(l, "procedure sha256", -rc);
	rc = vine_session_fd(l->session, &l->completions);
	if (rc)
		return complain(l, "descriptor of the session", -rc);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->epoll < 0 || l->timer < 0 ||
	    timerfd_settime(l->timer, 0, &second, NULL) != 0)
		return complain(l, "epoll and timer", errno);
	rc = watch(l, l->completions);
	if (rc == 0)
		rc = watch(l, l->timer);
	return rc ? complain(l, "epoll", -rc) : DONE;
}

int
main(int argc, char **argv)
{
	static struct loop l;
	int rc;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			  strcmp(argv[1], "-h") == 0))
		return fputs(help, stdout) < 0;
	if (argc != 1) {
		fputs(help, stderr);
		return USAGE;
	}
	rc = vine_session_open(NULL, &l.session);
	if (rc) {	/* the library has said more on stderr */
		complain(&l, "no session", -rc);
		return NO_APPLIANCE;
	}
	rc = prepare(&l);
	if (rc == DONE)
		rc = loop(&l);
	vine_session_close(l.session);	/* runs the callbacks still to come */
	return rc;
}
