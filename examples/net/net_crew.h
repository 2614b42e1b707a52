/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crew: the threads of a stress program, and the one that watches them.
 *
 * Each thread has a table of descriptors of its own (unshare(2), CLONE_FILES):
 * the limit on descriptors is one of a table, and threads that share one wait
 * for each other. So a thread makes all that it uses by itself, and nobody
 * wakes it by a descriptor: it looks at net_crew_stops every NET_LOOK_MS.
 */
#ifndef NET_CREW_H
#define NET_CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "net_meter.h"
#include "net_opts.h"

#define NET_LOOK_MS 20

struct net_crew;

struct net_thread {
	struct net_meter meter;		/* its own */
	const struct net_opts *opts;
	struct net_crew *crew;
	uint32_t number;		/* from 0 on */
	pthread_t thread;
	int started;
	int rc;
	uint64_t *marks;	/* what meter.bytes was when all were open */
	uint64_t second_in;	/* what it was at the last line */
	uint64_t second_out;
	uint64_t second_opened;
	uint64_t second_closed;
};

/* What was there at a time. */
struct net_sample {
	uint64_t ns;
	uint64_t opened, closed, failed, in, out, calls;
};

struct net_crew {
	const struct net_opts *opts;
	const char *engine;		/* what it runs on, set by a thread */
	struct net_thread *threads;
	struct net_times times;
	uint64_t wanted;		/* connections; 0: not known */
	_Atomic int stop;
	_Atomic uint32_t listening;	/* threads */
	_Atomic uint32_t ended;
	int said;			/* that all listen */

	struct net_sample start;
	struct net_sample all_open;	/* ns 0: not all were open yet */
	struct net_sample still_open;	/* the last one before a close */
	struct net_sample end;
	struct net_sample second;	/* of the last line; ns 0: none */
	uint64_t most_open;
	int interrupted;
};

/*
 * net_crew_run starts opts->threads threads that call run, and reports each
 * second until they have ended, and then the whole. `run` returns 0 when it is
 * told to stop or has no more to do, or -errno if it could not begin, which
 * stops the others. Returns how the program ends.
 */
enum net_exit net_crew_run(const struct net_opts *opts, const char *engine,
			   int (*run)(struct net_thread *thread));

/* net_crew_stops tells whether the threads are to end. Any thread. */
static inline int
net_crew_stops(const struct net_thread *thread)
{
	return atomic_load_explicit(&thread->crew->stop, memory_order_relaxed);
}

/* net_crew_listens says that a thread of srv takes connections in. */
void net_crew_listens(struct net_thread *thread);

#endif
