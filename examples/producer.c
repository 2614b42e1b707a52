/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producer: the application of VineTalk's pair, with vine_talk.h alone.
 *
 * Each thread finds the procedure "add" for accelerators of the type CPU, gives
 * it "Vine" and "Talk", and prints what comes back. The other half of the pair
 * is consumer.c, or vined: both offer "add". Which segment the two meet on says
 * the config ($VINE_CONFIG, else ~/.vinetalk).
 *
 *	cc -o producer producer.c -lvine -pthread
 *
 * Exit codes: 0 all threads got "VineTalk", 1 one did not, 2 wrong usage, 3 no
 * appliance.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vine_talk.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };
enum { THREADS_MAX = 256 };

static const char help[] =
	"usage: producer [-n COUNT] [-c FILE] [THREADS]\n"
	"\n"
	"Each of THREADS threads (1 to 256, default 1) has an appliance put\n"
	"\"Vine\" and \"Talk\" together and prints the result.\n"
	"\n"
	"  -n, --count COUNT  tasks of each thread, default 1\n"
	"  -c, --code FILE    if the appliance has no procedure \"add\",\n"
	"                     register this shared object as its code; the\n"
	"                     appliance's config must allow it (cpu_app_code)\n"
	"  -h, --help         print this\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

/* What the threads share. Nothing of it changes while they run. */
static unsigned long count = 1;
static const char *code_file;

struct worker {
	pthread_t thread;
	unsigned int index;
	int failed;
};

/* Say what went wrong and why; errno is the library's. */
static int
complain(const struct worker *w, const char *what)
{
	fprintf(stderr, "producer: thread %u: %s: %s\n", w->index, what,
		strerror(errno));
	return 1;
}

/* Read a file whole. The caller frees the result; NULL with errno set. */
static void *
read_file(const char *name, size_t *size)
{
	FILE *f = fopen(name, "rb");
	char *bytes = NULL;
	long end = -1;

	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0)
		end = ftell(f);
	if (end > 0 && fseek(f, 0, SEEK_SET) == 0)
		bytes = malloc((size_t)end);
	if (bytes && fread(bytes, 1, (size_t)end, f) != (size_t)end) {
		free(bytes);
		bytes = NULL;
		errno = EIO;
	}
	*size = end > 0 ? (size_t)end : 0;
	fclose(f);
	return bytes;
}

/*
 * Find the procedure or bring our own. Registering the same code twice gives
 * the same procedure, so threads need not agree on who does it.
 */
static vine_proc *
find_or_register(const struct worker *w)
{
	vine_proc *proc = vine_proc_get(CPU, "add");
	void *code;
	size_t size;

	if (proc)
		return proc;
	if (errno != ENOENT || code_file == NULL) {
		complain(w, "procedure add");
		return NULL;
	}
	code = read_file(code_file, &size);
	if (code == NULL) {
		complain(w, code_file);
		return NULL;
	}
	proc = vine_proc_register(CPU, "add", code, size);
	if (proc == NULL)
		complain(w, "procedure add cannot be registered");
	free(code);	/* it was copied */
	return proc;
}

/* A string in memory that the accelerator works on directly. */
static vine_data *
text(const char *s)
{
	vine_data *data = vine_data_alloc(strlen(s) + 1, Both);

	if (data)
		strcpy(vine_data_deref(data), s);
	return data;
}

/* One task. Its data must live until it has ended: wait, then free. */
static int
add_once(const struct worker *w, vine_accel *accel, vine_proc *proc)
{
	vine_data *in[2] = { text("Vine"), text("Talk") };
	vine_data *out = vine_data_alloc(64, Both);
	vine_task *task = NULL;
	int failed = 1;

	if (in[0] && in[1] && out)
		task = vine_task_issue(accel, proc, NULL, 2, in, 1, &out);
	if (task == NULL)
		complain(w, "task cannot be issued");
	else if (vine_task_wait(task) != task_completed)
		complain(w, "task failed");
	else
		failed = 0;
	if (!failed) {
		const char *result = vine_data_deref(out);

		/* do not trust that it ends: 64 bytes are ours */
		printf("thread %u: %.64s\n", w->index, result);
		if (strncmp(result, "VineTalk", 64) != 0) {
			fprintf(stderr, "producer: thread %u: \"%.64s\", "
				"expected \"VineTalk\"\n", w->index, result);
			failed = 1;
		}
	}
	vine_task_free(task);	/* NULL is fine, here and below */
	vine_data_free(in[0]);
	vine_data_free(in[1]);
	vine_data_free(out);
	return failed;
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	vine_accel **accels;
	vine_proc *proc;
	unsigned long i;

	w->failed = 1;
	errno = ENODEV;	/* for none; a failure sets its own */
	if (vine_accel_list(CPU, &accels) == 0) {
		complain(w, "accelerator of the type CPU");
		return NULL;
	}
	proc = find_or_register(w);
	if (proc) {
		w->failed = 0;
		for (i = 0; i < count && !w->failed; i++)
			w->failed = add_once(w, accels[0], proc);
		vine_proc_put(proc);
	}
	free(accels);	/* the array; the accelerators are the session's */
	return NULL;
}

static int
run_threads(unsigned int n)
{
	static struct worker workers[THREADS_MAX];
	unsigned int i, started;
	int failed = 0;

	for (started = 0; started < n; started++) {
		struct worker *w = &workers[started];

		w->index = started;
		errno = pthread_create(&w->thread, NULL, run, w);
		if (errno) {
			failed = complain(w, "cannot be started");
			break;
		}
	}
	for (i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		failed |= workers[i].failed;
	}
	return failed;
}

/* A whole number from 1 to max; 0 is none. */
static unsigned long
number(const char *s, unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || *s < '0' || *s > '9' || *end || n > max)
		return 0;
	return n;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "code", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long threads = 1;
	int c, failed;

	while ((c = getopt_long(argc, argv, "n:c:h", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? FAILED : DONE;
		if (c == 'n')
			count = number(optarg, 1000000000);
		else if (c == 'c')
			code_file = optarg;
		else
			count = 0;
	}
	if (optind < argc)
		threads = number(argv[optind++], THREADS_MAX);
	if (count == 0 || threads == 0 || optind < argc) {
		fputs(help, stderr);
		return USAGE;
	}
	vine_talk_init();
	if (errno) {	/* the library has said more on stderr */
		fprintf(stderr, "producer: no session: %s\n", strerror(errno));
		return NO_APPLIANCE;
	}
	failed = run_threads((unsigned int)threads);
	vine_talk_exit();
	return failed ? FAILED : DONE;
}
