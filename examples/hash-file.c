/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash file: has an appliance take the SHA-256 of files, many at a time, and
 * prints what sha256sum would.
 *
 *	cc -o hash-file hash-file.c -lvine
 *	./hash-file /usr/bin/[a-f]* | sha256sum -c --quiet
 *
 * A task is independent of every other one: there is no state between two, so
 * the whole of a file is one task's input and a file must fit the segment.
 * Parallel are the files: while the appliance hashes some, the next are read
 * from the disk into shared memory. Results are printed in the order of the
 * arguments.
 *
 * Exit codes: 0 done, 1 a file failed, 2 wrong usage, 3 no appliance.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vine/vine.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };
enum { WINDOW = 16, DIGEST = 32 };

static const char help[] =
	"usage: hash-file FILE...\n"
	"\n"
	"Prints the SHA-256 of files, which an appliance computes, as\n"
	"sha256sum does. A file must fit the segment (shm_size).\n"
	"\n"
	"exit codes: 0 done, 1 a file failed, 2 usage, 3 no appliance\n";

/* A file on its way. */
struct entry {
	const char *name;
	vine_data *bytes;
	vine_data *digest;
	vine_task *task;	/* NULL: free */
};

struct hash {
	struct vine_session *session;
	vine_accel *accel;
	vine_proc *proc;
	struct entry window[WINDOW];
	size_t first;		/* the oldest entry in flight */
	size_t count;
	int failed;
};

static int
complain(const char *what, int err)
{
	fprintf(stderr, "hash-file: %s: %s\n", what, strerror(err));
	return FAILED;
}

/* Wait for the oldest file and print its line. */
static void
print_first(struct hash *h)
{
	struct entry *e = &h->window[h->first++ % WINDOW];
	struct vine_task_result result = { .size = sizeof(result) };
	const unsigned char *digest = vine_data_deref(e->digest);
	int i, rc;

	h->count--;
	rc = vine_task_wait_for(e->task, VINE_FOREVER);
	if (rc == 0)
		rc = vine_task_result(e->task, &result);
	if (rc == 0)
		rc = -result.error;
	if (rc) {
		h->failed = complain(e->name, -rc);
	} else {
		for (i = 0; i < DIGEST; i++)
			printf("%02x", digest[i]);
		printf("  %s\n", e->name);
	}
	vine_task_free(e->task);
	vine_data_free(e->bytes);
	vine_data_free(e->digest);
	e->task = NULL;
}

/*
 * Memory for a file. Where there is none, those in flight may have it: take
 * their results in and try again.
 */
static int
alloc(struct hash *h, size_t size, vine_data **data)
{
	int rc;

	for (;;) {
		rc = vine_data_alloc_in(h->session, size, 0, data);
		if (rc != -ENOMEM || h->count == 0)
			return rc;
		print_first(h);
	}
}

static int
read_whole(int fd, char *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = read(fd, to + got, size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;	/* it has become shorter */
		got += (size_t)n;
	}
	return 0;
}

/* From the disk into shared memory, once. */
static int
load(struct hash *h, struct entry *e)
{
	int fd = open(e->name, O_RDONLY);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;	/* no size to ask for */
	if (rc == 0)
		rc = alloc(h, (size_t)st.st_size, &e->bytes);
	if (rc == 0)
		rc = read_whole(fd, vine_data_deref(e->bytes),
				(size_t)st.st_size);
	close(fd);
	return rc;
}

static int
issue(struct hash *h, struct entry *e)
{
	struct vine_slice in = vine_slice_all(e->bytes);
	struct vine_slice out = vine_slice_all(e->digest);
	struct vine_task_opts opts = {
		.size = sizeof(opts),
		.accel = h->accel,
		.proc = h->proc,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1,
	};

	return vine_task_issue_opts(&opts, &e->task);
}

static void
add(struct hash *h, const char *name)
{
	struct entry e = { .name = name };
	int rc;

	if (h->count == WINDOW)
		print_first(h);
	rc = load(h, &e);
	if (rc == 0)
		rc = alloc(h, DIGEST, &e.digest);
	if (rc == 0)
		rc = issue(h, &e);
	if (rc) {
		h->failed = complain(name, -rc);
		vine_data_free(e.bytes);
		vine_data_free(e.digest);
		return;
	}
	h->window[(h->first + h->count++) % WINDOW] = e;
}

static int
run(struct hash *h, char **files)
{
	int rc = vine_accel_list_in(h->session, CPU, &h->accel, 1);

	if (rc <= 0)
		return complain("accelerator of the type CPU",
				rc ? -rc : ENODEV);
	rc = vine_proc_find(h->session, CPU, "sha256", &h->proc);
	if (rc)
		return complain("procedure sha256", -rc);
	for (; *files; files++)
		add(h, *files);
	while (h->count > 0)
		print_first(h);
	if (fflush(stdout) != 0)
		return complain("stdout", errno);
	return h->failed ? FAILED : DONE;
}

int
main(int argc, char **argv)
{
	static struct hash h;
	int rc;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			  strcmp(argv[1], "-h") == 0))
		return fputs(help, stdout) < 0;
	if (argc < 2) {
		fputs(help, stderr);
		return USAGE;
	}
	rc = vine_session_open(NULL, &h.session);
	if (rc) {	/* the library has said more on stderr */
		complain("no session", -rc);
		return NO_APPLIANCE;
	}
	rc = run(&h, argv + 1);
	vine_session_close(h.session);
	return rc;
}
