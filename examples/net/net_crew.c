/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread does nothing but look, every NET_LOOK_MS: it sees when all
 * connections are open, when it is time to end, and prints the lines. A signal
 * is a word that it looks at.
 */
#include "net_crew.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "arch/arch_thread.h"
#include "net_memory.h"
#include "net_report.h"
#include "rt/rt_fiber.h"
#include "utils/utils_clock.h"

#define DESCRIPTORS_KEPT 256	/* listeners, engine, what is inherited */
#define SECOND UINT64_C(1000000000)

struct start {
	struct net_thread *thread;
	int (*run)(struct net_thread *thread);
};

static volatile sig_atomic_t interrupts;

static void
on_signal(int sig)
{
	(void)sig;
	interrupts = 1;
}

/*
 * A table of descriptors for this thread. ThreadSanitizer takes a number for
 * the same file in every thread: with it they share one.
 */
static int
own_descriptors(void)
{
#ifdef RT_FIBER_TSAN
	return 0;
#else
	return unshare(CLONE_FILES) == 0 ? 0 : -errno;
#endif
}

static void *
thread_main(void *arg)
{
	struct start *start = arg;
	struct net_thread *t = start->thread;
	int (*run)(struct net_thread *thread) = start->run;

	free(start);
	t->rc = own_descriptors();
	if (t->rc == 0)
		t->rc = run(t);
	if (t->rc) {
		fprintf(stderr, "%s: thread %u: %s\n", t->opts->program,
			t->number, strerror(-t->rc));
		atomic_store(&t->crew->stop, 1);
	}
	atomic_fetch_add(&t->crew->ended, 1);
	return NULL;
}

static int
start_thread(struct net_thread *t, int (*run)(struct net_thread *thread))
{
	struct start *start = malloc(sizeof(*start));
	int rc;

	if (start == NULL)
		return -ENOMEM;
	*start = (struct start){ t, run };
	rc = arch_thread_start(&t->thread, thread_main, start);
	if (rc)
		free(start);
	t->started = rc == 0;
	return rc;
}

/* As many descriptors as may be had; returns how many connections that is. */
static uint32_t
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > 1048576)
		limit.rlim_cur = 1048576;
	return limit.rlim_cur > DESCRIPTORS_KEPT ?
		(uint32_t)limit.rlim_cur - DESCRIPTORS_KEPT : 0;
}

/* --- looking --- */

static struct net_sample
sample(const struct net_crew *crew)
{
	struct net_sample s = { .ns = utils_clock_ns() };

	for (uint32_t i = 0; i < crew->opts->threads; i++) {
		const struct net_meter *m = &crew->threads[i].meter;

		/* closed first: nobody closes what is not open */
		s.closed += net_meter_get(&m->closed);
		s.opened += net_meter_get(&m->opened);
		s.failed += net_meter_get(&m->failed);
		s.in += net_meter_get(&m->in);
		s.out += net_meter_get(&m->out);
		s.calls += net_meter_get(&m->calls);
	}
	return s;
}

/* All are open now: note what each has had so far. */
static void
mark(struct net_crew *crew, const struct net_sample *now)
{
	for (uint32_t i = 0; i < crew->opts->threads; i++) {
		struct net_thread *t = &crew->threads[i];

		for (uint32_t n = 0; n < t->meter.room; n++)
			t->marks[n] = net_meter_get(&t->meter.bytes[n]);
	}
	crew->all_open = *now;
	printf("%s: all %llu are open\n", crew->opts->program,
	       (unsigned long long)crew->wanted);
	fflush(stdout);
}

void
net_crew_listens(struct net_thread *thread)
{
	atomic_fetch_add(&thread->crew->listening, 1);
}

static void
say_listening(struct net_crew *crew)
{
	if (crew->said ||
	    atomic_load(&crew->listening) < crew->opts->threads)
		return;
	crew->said = 1;
	printf("%s: %u threads listen\n", crew->opts->program,
	       crew->opts->threads);
	fflush(stdout);
}

static int
is_time_to_end(const struct net_crew *crew, const struct net_sample *now)
{
	const uint64_t from = atomic_load(&crew->times.last);

	if (interrupts)
		return 1;
	if (crew->opts->seconds == 0 || from == 0 ||
	    now->opened + now->failed < crew->wanted)
		return 0;
	return now->ns >= from &&
		now->ns - from >= crew->opts->seconds * SECOND;
}

static void
look(struct net_crew *crew, uint64_t *next)
{
	struct net_sample now = sample(crew);

	say_listening(crew);
	if (now.opened - now.closed > crew->most_open)
		crew->most_open = now.opened - now.closed;
	if (crew->wanted && crew->all_open.ns == 0 &&
	    now.opened == crew->wanted && now.closed == 0)
		mark(crew, &now);
	if (now.closed == 0)
		crew->still_open = now;
	if (is_time_to_end(crew, &now))
		atomic_store(&crew->stop, 1);
	if (now.ns >= *next) {
		net_memory_look();
		net_report_second(crew, &now);
		*next += SECOND;
	}
}

static void
watch(struct net_crew *crew, uint32_t started)
{
	const struct timespec pause = { 0, NET_LOOK_MS * 1000000 };
	uint64_t next = crew->start.ns + SECOND;

	while (atomic_load(&crew->ended) < started) {
		nanosleep(&pause, NULL);
		look(crew, &next);
	}
}

/* --- from beginning to end --- */

static int
make(struct net_crew *crew, uint32_t room)
{
	const uint32_t n = crew->opts->threads;
	int rc = 0;

	crew->threads = aligned_alloc(_Alignof(struct net_thread),
				      n * sizeof(*crew->threads));
	if (crew->threads == NULL)
		return -ENOMEM;
	memset(crew->threads, 0, n * sizeof(*crew->threads));
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		struct net_thread *t = &crew->threads[i];

		t->opts = crew->opts;
		t->crew = crew;
		t->number = i;
		t->marks = calloc(room, sizeof(*t->marks));
		rc = net_meter_init(&t->meter, &crew->times, room);
		if (t->marks == NULL)
			rc = -ENOMEM;
	}
	return rc;
}

static void
unmake(struct net_crew *crew)
{
	for (uint32_t i = 0; crew->threads && i < crew->opts->threads; i++) {
		net_meter_fini(&crew->threads[i].meter);
		free(crew->threads[i].marks);
	}
	free(crew->threads);
}

static int
check(const struct net_opts *opts, uint32_t room)
{
	if (opts->sockets <= room)
		return 0;
	fprintf(stderr, "%s: --sockets %u: expected at most %u, which is what "
		"a thread may have (ulimit -Hn, less %u)\n", opts->program,
		opts->sockets, room, DESCRIPTORS_KEPT);
	return -EINVAL;
}

/* Returns the number of threads that were started. */
static uint32_t
start_all(struct net_crew *crew, int (*run)(struct net_thread *thread))
{
	uint32_t i = 0;
	int rc = 0;

	while (i < crew->opts->threads && rc == 0) {
		rc = start_thread(&crew->threads[i], run);
		i += rc == 0;
	}
	if (rc) {
		fprintf(stderr, "%s: thread %u of %u cannot be started: %s\n",
			crew->opts->program, i, crew->opts->threads,
			strerror(-rc));
		atomic_store(&crew->stop, 1);
	}
	return i;
}

static enum net_exit
verdict(const struct net_crew *crew, uint32_t started)
{
	if (started < crew->opts->threads)
		return NET_EXIT_START;
	for (uint32_t i = 0; i < started; i++)
		if (crew->threads[i].rc)
			return NET_EXIT_START;
	if (crew->end.failed || (crew->end.opened < crew->wanted &&
				 !crew->interrupted))
		return NET_EXIT_FAILED;
	return NET_EXIT_OK;
}

enum net_exit
net_crew_run(const struct net_opts *opts, const char *engine,
	     int (*run)(struct net_thread *thread))
{
	struct sigaction act = { .sa_handler = on_signal };
	struct net_crew crew = { .opts = opts, .engine = engine };
	const uint32_t room = raise_limit();
	enum net_exit status = NET_EXIT_START;
	uint32_t started;

	if (check(opts, room) != 0)
		return NET_EXIT_USAGE;
	if (opts->role == NET_CLT)
		crew.wanted = (uint64_t)opts->threads * opts->sockets;
	if (make(&crew, crew.wanted ? opts->sockets : room) != 0) {
		fprintf(stderr, "%s: no memory for %u threads\n",
			opts->program, opts->threads);
		unmake(&crew);
		return status;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	net_memory_begin();
	crew.start = sample(&crew);
	started = start_all(&crew, run);
	watch(&crew, started);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(crew.threads[i].thread, NULL);
	crew.interrupted = interrupts != 0;
	crew.end = sample(&crew);
	status = verdict(&crew, started);
	if (status != NET_EXIT_START && net_report_end(&crew) != 0)
		status = NET_EXIT_FAILED;
	unmake(&crew);
	return status;
}
