/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumer: an appliance of one's own in 60 lines of code. It offers
 * the accelerator FakeAccel1 with one procedure, "add", which puts strings
 * together, and serves without vined until SIGINT or SIGTERM. The other half of
 * VineTalk's pair is producer.c; the config ($VINE_CONFIG, else ~/.vinetalk)
 * says which segment the two meet on. Exit codes: 0 stopped, 1 failed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vine_pipe.h>

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
	uint32_t ins, outs;
	const struct vine_view *in = vine_req_in(req, &ins);
	const struct vine_view *out = vine_req_out(req, &outs);
	char *to = outs == 1 ? out->ptr : NULL, c;

	if (ins == 0 || to == NULL)
		return EINVAL;
	for (uint32_t i = 0; i < ins; i++) {
		const char *from = in[i].ptr;

		for (size_t j = 0; j < in[i].length; j++) {
			if ((c = from[j]) == '\0')
				break;
			if (*length + 1 >= out->length)	/* and the NUL */
				return ENOSPC;
			to[(*length)++] = c;
		}
	}
	if (*length >= out->length)
		return ENOSPC;
	to[*length] = '\0';
	return 0;
}

/*
 * A second is how long a signal can go unseen that comes between the look at
 * `stop` and the wait. While it waits, vine_pipe_take also admits sessions and
 * takes back those of processes that died. Every request is completed exactly
 * once, whatever becomes of it.
 */
static int
serve(vine_pipe_s *pipe)
{
	struct vine_req *req;
	int rc = 0;

	while (!stop && (rc == 0 || rc == -ETIMEDOUT || rc == -EINTR)) {
		uint64_t length = 0;
		int err;

		rc = vine_pipe_take(pipe, INT64_C(1000000000), &req);
		if (rc)
			continue;
		vine_req_execute(req);
		err = add(req, &length);
		vine_req_complete(req, err ? VINE_STATUS_FAILED :
				  VINE_STATUS_OK, err, err ? 0 : length);
	}
	return stop ? 0 : rc;
}

int
main(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	vine_pipe_s *pipe = vine_pipe_get();
	vine_accel_s *accel;
	int rc;

	if (pipe == NULL) {	/* the library has said more on stderr */
		fprintf(stderr, "consumer: no segment: %s\n", strerror(errno));
		return 1;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
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
