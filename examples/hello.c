/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hello: about the smallest program of the native API. It has an appliance take
 * the SHA-256 of its arguments, put together with a blank between them.
 *
 *	cc -o hello hello.c -lvine
 *	./hello hello world
 *
 * Five things happen in every program: open a session, find a procedure and an
 * accelerator of its type, allocate data, issue a task, wait for it.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no appliance.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vine/vine.h>

enum { DIGEST = 32 };

static const char help[] =
	"usage: hello WORD...\n"
	"\n"
	"Prints the SHA-256 of the words, which an appliance computes.\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

static int
failed(const char *what, int rc)
{
	fprintf(stderr, "hello: %s: %s\n", what, strerror(-rc));
	return 1;
}

/* The words, in memory that the appliance reads where it lies. */
static int
put_words(struct vine_session *session, int argc, char **argv, vine_data **data)
{
	size_t size = 0;
	char *to;
	int i, rc;

	for (i = 1; i < argc; i++)
		size += strlen(argv[i]) + (i > 1);
	rc = vine_data_alloc_in(session, size, 0, data);
	if (rc)
		return rc;
	to = vine_data_deref(*data);
	for (i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (i > 1)
			*to++ = ' ';
		memcpy(to, argv[i], n);
		to += n;
	}
	return 0;
}

/* Issue and wait. 0, or what went wrong at either. */
static int
hash(vine_accel *accel, vine_proc *proc, vine_data *words, vine_data *digest)
{
	struct vine_slice in = vine_slice_all(words);
	struct vine_slice out = vine_slice_all(digest);
	struct vine_task_opts opts = {
		.size = sizeof(opts),
		.accel = accel,
		.proc = proc,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1,
	};
	struct vine_task_result result = { .size = sizeof(result) };
	vine_task *task;
	int rc = vine_task_issue_opts(&opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_FOREVER);
	if (rc == 0)
		rc = vine_task_result(task, &result);
	if (rc == 0)
		rc = -result.error;	/* how the task itself ended */
	vine_task_free(task);
	return rc;
}

static int
hello(struct vine_session *session, int argc, char **argv)
{
	vine_data *words, *digest;
	const unsigned char *bytes;
	vine_accel *accel;
	vine_proc *proc;
	int i, rc;

	rc = vine_accel_list_in(session, CPU, &accel, 1);
	if (rc <= 0)
		return failed("accelerator of the type CPU", rc ? rc : -ENODEV);
	rc = vine_proc_find(session, CPU, "sha256", &proc);
	if (rc)
		return failed("procedure sha256", rc);
	rc = put_words(session, argc, argv, &words);
	if (rc == 0)
		rc = vine_data_alloc_in(session, DIGEST, 0, &digest);
	if (rc)
		return failed("data", rc);
	rc = hash(accel, proc, words, digest);
	if (rc)
		return failed("task", rc);
	bytes = vine_data_deref(digest);
	for (i = 0; i < DIGEST; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
	return 0;	/* closing the session frees all that is left */
}

int
main(int argc, char **argv)
{
	struct vine_session *session;
	int rc;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			  strcmp(argv[1], "-h") == 0))
		return fputs(help, stdout) < 0;
	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	rc = vine_session_open(NULL, &session);
	if (rc) {
		failed("no session", rc);
		return 3;
	}
	rc = hello(session, argc, argv);
	vine_session_close(session);
	return rc;
}
