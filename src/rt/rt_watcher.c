/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler says in one word since when its tasks run, anew at each of its
 * turns, and 0 while they do not. So a word that is old is a stall: no task was
 * switched to, or too few for a turn.
 *
 * `lock` guards the list of schedulers, which they are on while a thread has
 * entered them: whoever is on it has a thread that can be asked. Where the
 * watcher itself came late, the process was stopped, or the machine had no turn
 * for it, and nothing is said of the others.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch_thread.h"
#include "rt/rt_dump.h"
#include "rt/rt_inside.h"
#include "rt/rt_place.h"
#include "rt/rt_snapshot.h"
#include "rt/rt_watcher.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define MS UINT64_C(1000000)
#define LOOKS 4u		/* in the time that a stall is allowed */
#define SIGNAL_LOOK_NS (1000 * MS)	/* where only a signal is waited for */

struct watched {
	struct rt_sched *sched;		/* NULL: a free place */
	pthread_t thread;
	char name[16];
	const _Atomic uint64_t *rounds;
	uint64_t round;			/* when last looked at */
	uint64_t since;			/* ticks: the same word since then */
	uint64_t seen;			/* ticks of the first look at it */
	uint64_t used;			/* ns of processor, by then */
	uint64_t stall;			/* `since` of one that was told; 0 */
	struct rt_stalls stalls;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched all[VINE_RT_WATCHED];

static struct {
	struct rt_watcher_opts opts;
	pthread_t thread;
	sem_t wake;
	int running;
	_Atomic int stop;
	_Atomic int dump;
	struct utils_log_rate begins;
	struct utils_log_rate ends;
} watcher;

/* --- who is watched ------------------------------------------------------ */

static struct watched *
find(const struct rt_sched *s)
{
	for (uint32_t i = 0; i < VINE_RT_WATCHED; i++)
		if (all[i].sched == s)
			return &all[i];
	return NULL;
}

/* Where all places are taken it is not watched. */
void
rt_watcher_enter(struct rt_sched *s)
{
	struct watched *w;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_mutex_lock(&lock);
	w = find(NULL);
	if (w) {
		*w = (struct watched){ .sched = s, .thread = pthread_self() };
		strcpy(w->name, "scheduler");
	}
	pthread_mutex_unlock(&lock);
}

void
rt_watcher_leave(struct rt_sched *s)
{
	struct watched *w;

	pthread_mutex_lock(&lock);
	w = find(s);
	if (w)
		w->sched = NULL;
	pthread_mutex_unlock(&lock);
}

void
rt_watcher_name(struct rt_sched *sched, const char *name,
		const _Atomic uint64_t *rounds)
{
	struct watched *w;

	pthread_mutex_lock(&lock);
	w = find(sched);
	if (w) {
		snprintf(w->name, sizeof(w->name), "%s", name);
		w->rounds = rounds;
	}
	pthread_mutex_unlock(&lock);
}

void
rt_watcher_stalls(const struct rt_sched *sched, struct rt_stalls *stalls)
{
	const struct watched *w;

	memset(stalls, 0, sizeof(*stalls));
	pthread_mutex_lock(&lock);
	w = find(sched);
	if (w) {
		*stalls = w->stalls;
		if (w->stall)
			stalls->now_ns = utils_clock_span_ns(
				utils_clock_ticks() - w->stall);
	}
	pthread_mutex_unlock(&lock);
}

/* --- a stall ------------------------------------------------------------- */

/* What the thread used of a processor, ns; 0: not known. */
static uint64_t
used_by(const struct watched *w)
{
	struct timespec t;
	clockid_t clock;

	if (pthread_getcpuclockid(w->thread, &clock) != 0 ||
	    clock_gettime(clock, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

struct text {
	char *at;
	size_t left;
};

static void __attribute__((format(printf, 2, 3)))
put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->at += n;
	t->left -= (size_t)n;
}

/* Up to the first of our frames, and those behind it; never the runtime's. */
static void
put_frames(struct text *t, const uintptr_t *frames, uint32_t count)
{
	struct rt_place place;
	char one[200];
	int shown = 0;

	for (uint32_t i = 0; i < count; i++) {
		(void)rt_place_of(frames[i], i > 0, &place);
		if (rt_place_inside(&place))
			continue;
		put(t, "%s%s", shown++ ? " < " : " at ",
		    rt_place_text(&place, one, sizeof(one)));
	}
}

static int
take(const struct watched *w, struct rt_snapshot **snapshot)
{
	uintptr_t low = 0, high = 0;
	pthread_attr_t attr;
	void *base;
	size_t size;

	if (pthread_getattr_np(w->thread, &attr) == 0) {
		if (pthread_attr_getstack(&attr, &base, &size) == 0) {
			low = (uintptr_t)base;
			high = low + size;
		}
		pthread_attr_destroy(&attr);
	}
	return rt_snapshot_take(w->sched, w->thread, low, high, snapshot);
}

/* Write who stalls, and where. */
static void
locate(struct watched *w)
{
	struct text t = { w->stalls.where, sizeof(w->stalls.where) };
	uintptr_t frames[VINE_RT_FRAMES];
	struct rt_snapshot *s;
	int rc = take(w, &s);

	if (rc) {
		put(&t, "it does not say where: %s", strerror(-rc));
		return;
	}
	if (s->task[0])
		put(&t, "task %s", s->task);
	else
		put(&t, "no task");
	put_frames(&t, frames, rt_place_unwind(&s->registers, &s->view, frames,
					       VINE_RT_FRAMES));
}

static void
begin_stall(struct watched *w, uint64_t now)
{
	uint64_t ns = utils_clock_span_ns(now - w->since);
	uint64_t looked = utils_clock_span_ns(now - w->seen);
	uint64_t used = used_by(w) - w->used;
	char share[48] = "";

	locate(w);
	RT_PROBE(stall, w->sched, ns);
	w->stall = w->since;
	w->stalls.count++;
	if (looked > MS)
		snprintf(share, sizeof(share), ", on a processor for %" PRIu64
			 " %% of it", used >= looked ? 100 :
			 used * 100 / looked);
	utils_log_limited(&watcher.begins, UTILS_LOG_WARN,
			  "%s stalls for %" PRIu64 " ms%s: %s", w->name,
			  ns / MS, share, w->stalls.where);
}

/* It ended after the last look. */
static void
end_stall(struct watched *w, uint64_t now)
{
	uint64_t ns = utils_clock_span_ns(now - w->stall);

	w->stall = 0;
	if (ns > w->stalls.longest_ns)
		w->stalls.longest_ns = ns;
	utils_log_limited(&watcher.ends, UTILS_LOG_WARN,
			  "%s goes on after about %" PRIu64 " ms: %s", w->name,
			  ns / MS, w->stalls.where);
}

/* Ticks since when the thread is at the same thing; 0: it goes round. */
static uint64_t
since_when(struct watched *w, uint64_t now)
{
	uint64_t running = atomic_load_explicit(&w->sched->running,
						memory_order_relaxed);
	uint64_t round;

	if (running)
		return running;
	round = w->rounds ? atomic_load_explicit(w->rounds,
						 memory_order_relaxed) : 0;
	if (w->rounds == NULL || round != w->round ||
	    atomic_load_explicit(&w->sched->asleep, memory_order_relaxed)) {
		w->round = round;
		return 0;
	}
	/* known since the look that saw this round first */
	return w->since ? w->since : now;
}

/* Returns whether it sleeps. */
static int
look_at(struct watched *w, uint64_t now, int late)
{
	uint64_t since = since_when(w, now);

	if (w->stall && since != w->stall)
		end_stall(w, now);
	if (since != w->since || late) {
		w->since = since;
		w->seen = now;
		w->used = used_by(w);
	}
	if (since && !w->stall && !late && now > since &&
	    utils_clock_span_ns(now - since) >= watcher.opts.stall_ns)
		begin_stall(w, now);
	return since == 0 && atomic_load_explicit(&w->sched->asleep,
						  memory_order_relaxed);
}

/* Returns whether all sleep. */
static int
look_at_all(int late)
{
	int asleep = 1;

	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < VINE_RT_WATCHED; i++)
		if (all[i].sched)
			asleep &= look_at(&all[i], utils_clock_ticks(), late);
	pthread_mutex_unlock(&lock);
	return asleep;
}

/* --- a dump -------------------------------------------------------------- */

static void
write_line(const char *text, void *user)
{
	(void)user;
	dprintf(watcher.opts.fd, "%s\n", text);
}

/* The lock is not kept meanwhile: who leaves the list answers all the same. */
static void
dump_one(uint32_t i)
{
	struct rt_dump *dump = NULL;
	char name[16];
	int rc = 0, there;

	pthread_mutex_lock(&lock);
	there = all[i].sched != NULL;
	if (there)
		rc = rt_dump_ask(all[i].sched, VINE_RT_DUMP_TASKS, &dump);
	memcpy(name, all[i].name, sizeof(name));
	pthread_mutex_unlock(&lock);
	if (rc)
		dprintf(watcher.opts.fd, "%s: no memory for its tasks\n",
			name);
	if (!there || rc)
		return;
	if (rt_dump_await(dump, VINE_RT_DUMP_MS * MS) == 0) {
		dprintf(watcher.opts.fd, "%s: %u tasks\n", name,
			rt_dump_count(dump) + rt_dump_left_out(dump));
		rt_dump_print(dump, write_line, NULL);
	} else {
		dprintf(watcher.opts.fd, "%s: does not answer\n", name);
	}
	rt_dump_drop(dump);
}

static void
dump_all(void)
{
	for (uint32_t i = 0; i < VINE_RT_WATCHED; i++)
		dump_one(i);
	dprintf(watcher.opts.fd, "end of tasks\n");
}

static void
on_signal(int sig)
{
	int keep = errno;

	(void)sig;
	atomic_store(&watcher.dump, 1);
	sem_post(&watcher.wake);
	errno = keep;
}

/* --- the thread ---------------------------------------------------------- */

/* Sleep until then, or until something is asked for. */
static void
sleep_until(uint64_t at)
{
	struct timespec t = { (time_t)(at / (1000 * MS)),
		(long)(at % (1000 * MS)) };

	while (sem_clockwait(&watcher.wake, CLOCK_MONOTONIC, &t) != 0 &&
	       errno == EINTR)
		;
}

static void *
run(void *arg)
{
	uint64_t shortest = watcher.opts.stall_ns ?
		watcher.opts.stall_ns / LOOKS : SIGNAL_LOOK_NS;
	uint64_t longest = VINE_RT_WATCH_IDLE_MS * MS, pause = shortest;

	(void)arg;
	while (!atomic_load(&watcher.stop)) {
		uint64_t planned = utils_clock_ns() + pause, now;

		sleep_until(planned);
		now = utils_clock_ns();
		if (atomic_exchange(&watcher.dump, 0))
			dump_all();
		if (watcher.opts.stall_ns == 0 || now < planned)
			continue;
		if (look_at_all(now - planned > shortest))
			pause = pause * 2 < longest ? pause * 2 : longest;
		else
			pause = shortest;
		if (pause < shortest)
			pause = shortest;
	}
	return NULL;
}

/* *before is what the signal did. */
static int
catch(const struct rt_watcher_opts *opts, struct sigaction *before)
{
	struct sigaction act = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART | SA_ONSTACK };
	int rc = opts->stall_ns ? rt_snapshot_start() : 0;

	sigemptyset(&act.sa_mask);
	if (rc == 0 && opts->signal_number &&
	    sigaction(opts->signal_number, &act, before) != 0)
		rc = -errno;
	return rc;
}

int
rt_watcher_start(const struct rt_watcher_opts *opts)
{
	struct sigaction before;
	int rc;

	if (watcher.running)
		return -EALREADY;
	memset(&watcher.begins, 0, sizeof(watcher.begins));
	memset(&watcher.ends, 0, sizeof(watcher.ends));
	watcher.opts = *opts;
	if (watcher.opts.stall_ns && watcher.opts.stall_ns < MS)
		watcher.opts.stall_ns = MS;
	atomic_store(&watcher.stop, 0);
	sem_init(&watcher.wake, 0, 0);
	rc = catch(opts, &before);
	if (rc == 0) {
		rc = arch_thread_start(&watcher.thread, run, NULL);
		/* what was asked for meanwhile finds nobody */
		if (rc && opts->signal_number)
			sigaction(opts->signal_number, &before, NULL);
	}
	if (rc) {
		sem_destroy(&watcher.wake);
		return rc;
	}
	pthread_setname_np(watcher.thread, "rt-watcher");
	watcher.running = 1;
	return 0;
}

void
rt_watcher_stop(void)
{
	if (!watcher.running)
		return;
	if (watcher.opts.signal_number)
		signal(watcher.opts.signal_number, SIG_IGN);
	atomic_store(&watcher.stop, 1);
	sem_post(&watcher.wake);
	pthread_join(watcher.thread, NULL);
	sem_destroy(&watcher.wake);
	watcher.running = 0;
}
