/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumer: an appliance of one's own in a few lines, with vine_pipe.h. It
 * offers the accelerator FakeAccel1 with one procedure, "add", which puts
 * strings together, and serves without vined until SIGINT or SIGTERM. The other
 * half of VineTalk's pair is producer.c; the config ($VINE_CONFIG, else
 * ~/.vinetalk) says which segment the two meet on.
 *
 * Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vine_pipe.h>

static const char help[] =
	"usage: consumer\n"
	"\n"
	"Serves the accelerator FakeAccel1 (CPU) with the procedure \"add\"\n"
	"on the segment of the config, until SIGINT or SIGTERM.\n"
	"\n"
	"exit codes: 0 stopped, 1 failed, 2 usage\n";

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	stop = sig;
}

/*
 * The procedure. Views have been checked: an address and a length inside what
 * the application's session holds. The bytes behind them it can change at any
 * time, so each is read once and no length is found in one pass and used in
 * the next. Returns 0 or a positive errno; *length is the task's value.
 */
static int
add(const struct vine_req *req, uint64_t *length)
{
	uint32_t ins, outs, i;
	const struct vine_view *in = vine_req_in(req, &ins);
	const struct vine_view *out = vine_req_out(req, &outs);
	size_t n = 0;

	if (ins == 0 || outs != 1)
		return EINVAL;
	for (i = 0; i < ins; i++) {
		const char *from = in[i].ptr;
		size_t j;

		for (j = 0; j < in[i].length; j++) {
			char c = from[j];

			if (c == '\0')
				break;
			if (n + 1 >= out->length)	/* and the NUL */
				return ENOSPC;
			((char *)out->ptr)[n++] = c;
		}
	}
	if (n >= out->length)
		return ENOSPC;
	((char *)out->ptr)[n] = '\0';
	*length = n;
	return 0;
}

/* Every request is completed exactly once, whatever becomes of it. */
static void
answer(struct vine_req *req)
{
	uint64_t length = 0;
	int err;

	vine_req_execute(req);
	err = add(req, &length);
	vine_req_complete(req, err ? VINE_STATUS_FAILED : VINE_STATUS_OK, err,
			  length);
}

/*
 * A second is how long a signal can go unseen that comes between the look at
 * `stop` and the wait. While it waits, vine_pipe_take also admits sessions and
 * takes back those of processes that died.
 */
static int
serve(vine_pipe_s *pipe)
{
	while (!stop) {
		struct vine_req *req;
		int rc = vine_pipe_take(pipe, INT64_C(1000000000), &req);

		if (rc == 0)
			answer(req);
		else if (rc != -ETIMEDOUT && rc != -EINTR)
			return rc;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	vine_accel_s *accel;
	vine_pipe_s *pipe;
	int rc;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			  strcmp(argv[1], "-h") == 0))
		return fputs(help, stdout) < 0;
	if (argc != 1) {
		fputs(help, stderr);
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pipe = vine_pipe_get();
	if (pipe == NULL) {	/* the library has said more on stderr */
		fprintf(stderr, "consumer: no segment: %s\n", strerror(errno));
		return 1;
	}
	rc = vine_pipe_add_accel(pipe, CPU, "FakeAccel1", &accel);
	if (rc == 0)
		rc = vine_pipe_add_proc(pipe, CPU, "add", NULL, NULL);
	if (rc == 0) {
		puts("consumer: serving FakeAccel1");
		fflush(stdout);
		rc = serve(pipe);
	}
	if (rc)
		fprintf(stderr, "consumer: %s\n", strerror(-rc));
	vine_pipe_exit(pipe);
	return rc ? 1 : 0;
}
