/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm-load THREADS SECONDS [PAUSE] has vined copy memory for some threads, each
 * checking every byte that comes back, with a pause of about so many us between two
 * tasks. It says "working" once each thread has had its first answer, and at
 * the end how many tasks there were, what they took, and what the segment's
 * counters say. With SECONDS 0 it works until the session is lost, and says how
 * long the last task took to end. Exit codes: 0 all answers right, 1 a wrong
 * one, 2 usage or no session, 3 the session was lost.
 *
 * It finds its segment by the config of whoever runs it.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vine/vine.h>

#include "core/vine_session.h"
#include "utils/utils_clock.h"
#include "utils/utils_hist.h"

#define BYTES 4096
#define WORDS (BYTES / sizeof(uint64_t))
#define THREADS_MAX 64
#define PATIENCE INT64_C(60000000000)

enum { RIGHT = 0, WRONG = 1, NO_SESSION = 2, LOST = 3 };

struct load {
	struct vine_session *session;
	vine_accel *accel;
	vine_proc *proc;
	uint64_t end;		/* ns; 0: never */
	uint64_t pause;		/* us */
	_Atomic uint64_t tasks;
	_Atomic uint64_t slowest; /* ns */
	_Atomic uint32_t working;
	_Atomic int how;
	pthread_mutex_t lock;
	struct utils_hist times; /* ns of a task; under the lock */
};

static void
complain(struct load *l, int how, const char *what, int error)
{
	printf("vm-load: %s: %s\n", what, strerror(error));
	atomic_store(&l->how, how);
}

/* One task; its time counts. */
static int
copy(struct load *l, struct utils_hist *times, vine_data *from, vine_data *to)
{
	struct vine_slice in = vine_slice_all(from), out = vine_slice_all(to);
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = l->accel, .proc = l->proc,
		.in = &in, .in_count = 1, .out = &out, .out_count = 1,
	};
	uint64_t start = utils_clock_ns(), ns;
	vine_task *task;
	int rc = vine_task_issue_opts(&opts, &task);

	if (rc) {
		complain(l, rc == -ECONNRESET ? LOST : WRONG, "issue", -rc);
		return -1;
	}
	rc = vine_task_wait_for(task, PATIENCE);
	ns = utils_clock_ns() - start;
	utils_hist_record(times, ns);
	if (ns > atomic_load(&l->slowest))
		atomic_store(&l->slowest, ns);
	if (rc == 0)
		rc = vine_task_result(task, &r);
	if (rc == 0 && r.status != VINE_STATUS_OK) {
		int lost = r.status == VINE_STATUS_APPLIANCE_LOST ||
			r.status == VINE_STATUS_SESSION_LOST;

		printf("vm-load: the last task took %" PRIu64 " ms\n",
		       ns / 1000000);
		complain(l, lost ? LOST : WRONG, "status", r.error);
		rc = -1;
	} else if (rc) {
		complain(l, WRONG, "wait", -rc);
	}
	vine_task_free(task);
	return rc;
}

static int
check(struct load *l, struct utils_hist *times, vine_data *from, vine_data *to,
      uint64_t seed)
{
	uint64_t *a = vine_data_deref(from), *b = vine_data_deref(to);

	for (size_t i = 0; i < WORDS; i++) {
		a[i] = seed + i;
		b[i] = ~a[i];
	}
	if (copy(l, times, from, to) != 0)
		return -1;
	for (size_t i = 0; i < WORDS; i++)
		if (b[i] != seed + i) {
			printf("vm-load: word %zu is %#" PRIx64 ", expected "
			       "%#" PRIx64 "\n", i, b[i], seed + i);
			atomic_store(&l->how, WRONG);
			return -1;
		}
	atomic_fetch_add(&l->tasks, 1);
	return 0;
}

static void *
run(void *arg)
{
	struct load *l = arg;
	struct timespec nap = { 0, 0 };
	struct utils_hist *times = malloc(sizeof(*times));
	vine_data *from = NULL, *to = NULL;
	uint64_t seed = (uint64_t)(uintptr_t)&from;
	int first = 1;

	if (times == NULL ||
	    vine_data_alloc_in(l->session, BYTES, 0, &from) != 0 ||
	    vine_data_alloc_in(l->session, BYTES, 0, &to) != 0) {
		complain(l, WRONG, "alloc", ENOMEM);
		free(times);
		return NULL;
	}
	utils_hist_init(times);
	while (atomic_load(&l->how) == RIGHT &&
	       (l->end == 0 || utils_clock_ns() < l->end)) {
		seed += WORDS;
		if (check(l, times, from, to, seed) != 0)
			break;
		if (first)
			atomic_fetch_add(&l->working, 1);
		first = 0;
		/* of any length, so that sleeps begin at any moment */
		seed = seed * UINT64_C(6364136223846793005) + 1;
		nap.tv_nsec = l->pause ?
			(long)((seed >> 33) % (2 * l->pause) * 1000) : 0;
		if (l->pause)
			nanosleep(&nap, NULL);
	}
	vine_data_free(from);
	vine_data_free(to);
	pthread_mutex_lock(&l->lock);
	utils_hist_merge(&l->times, times);
	pthread_mutex_unlock(&l->lock);
	free(times);
	return NULL;
}

/* The appliance writes them every 100 ms while it is awake. */
static void
print_counters(const struct load *l)
{
	const struct vine_seg *seg = l->session->seg;
	struct timespec nap = { 2, 0 };

	nanosleep(&nap, NULL);
	for (uint32_t i = 0; i < VINE_COUNTERS_MAX; i++) {
		struct vine_counter_shm *c = vine_seg_counter(seg, i);
		char label[sizeof(c->label) + 1] = "";

		for (size_t j = 0; j < sizeof(c->label); j++)
			label[j] = (char)c->label[j].v;
		if (label[0])
			printf("counter: %s: %" PRIu64 "\n", label,
			       c->value.v);
	}
}

static int
open_session(struct load *l)
{
	int rc = vine_session_open(NULL, &l->session);

	if (rc == 0)
		rc = vine_accel_list_in(l->session, CPU, &l->accel, 1) > 0 ?
			0 : -ENOENT;
	if (rc == 0)
		rc = vine_proc_find(l->session, CPU, "copy", &l->proc);
	if (rc)
		complain(l, NO_SESSION, "session", -rc);
	return rc;
}

int
main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[1]) : 0;
	int seconds = argc > 2 ? atoi(argv[2]) : 0;
	pthread_t thread[THREADS_MAX];
	static struct load l = { .lock = PTHREAD_MUTEX_INITIALIZER };

	if (threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: vm-load THREADS SECONDS [PAUSE]\n");
		return NO_SESSION;
	}
	utils_hist_init(&l.times);
	l.pause = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (open_session(&l) != 0)
		return NO_SESSION;
	printf("vm-load: segment %016" PRIx64 "\n",
	       l.session->seg->incarnation);
	l.end = seconds ? utils_clock_ns() +
		(uint64_t)seconds * 1000000000u : 0;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, &l) != 0)
			return WRONG;
	while (atomic_load(&l.working) < (uint32_t)threads &&
	       atomic_load(&l.how) == RIGHT) {
		struct timespec nap = { 0, 1000000 };

		nanosleep(&nap, NULL);
	}
	if (atomic_load(&l.how) == RIGHT)
		printf("vm-load: working\n");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("vm-load: %" PRIu64 " tasks right, the slowest took %" PRIu64
	       " us\n", atomic_load(&l.tasks), atomic_load(&l.slowest) / 1000);
	printf("vm-load: round trip: median %" PRIu64 " ns, 99 of 100 within "
	       "%" PRIu64 " ns\n", utils_hist_percentile(&l.times, 50),
	       utils_hist_percentile(&l.times, 99));
	printf("vm-load: %s bell, %" PRIu64 " completions found without one\n",
	       l.session->mute ? "no" : "a",
	       atomic_load(&l.session->found_late));
	if (atomic_load(&l.how) == RIGHT)
		print_counters(&l);
	vine_session_close(l.session);
	return atomic_load(&l.how);
}
