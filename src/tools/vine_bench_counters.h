/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters: what a segment's directories say of its appliance, read as any tool
 * may read them.
 */
#ifndef VINE_BENCH_COUNTERS_H
#define VINE_BENCH_COUNTERS_H

#include <stdint.h>

struct vine_session;

/* What is counted there. */
struct vine_bench_counters {
	uint64_t queues;	/* in use, control queues among them */
	uint64_t queue_bytes;	/* of the heap, that hold rings */
	uint64_t entry_bytes;	/* of the tables, for one queue */
	uint64_t taken;		/* tasks */
	uint64_t bells;		/* rung for applications */
	uint64_t sleeps;	/* of workers */
};

/*
 * vine_bench_counters_read reads the segment of a session. What is counted
 * there is up to a tick old; a look at the queues and extents takes some ms.
 */
void vine_bench_counters_read(const struct vine_session *session,
			      struct vine_bench_counters *counters);

#endif
