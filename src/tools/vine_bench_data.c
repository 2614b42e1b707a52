/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data: what allocating and freeing costs the client, beside malloc in the
 * same repetition. The memory is not touched: that costs what the machine's
 * pages cost, not what the allocator does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define LIVE_MAX 1024
#define CHUNK 256		/* operations in a chunk: 2 us and more */

struct store {
	struct vine_session *session;	/* NULL: malloc */
	size_t bytes;
	uint64_t live;
	uint64_t random;	/* xorshift state, never 0 */
	void *place[LIVE_MAX];
};

/* The compiler must believe that somebody uses the memory. */
VINE_BENCH_INLINE void *
used(void *ptr)
{
	__asm__ volatile("" : "+r"(ptr) : : "memory");
	return ptr;
}

VINE_BENCH_INLINE void *
get(struct store *s)
{
	vine_data *data;

	if (!s->session)
		return used(malloc(s->bytes));
	return vine_data_alloc_in(s->session, s->bytes, 0, &data) ? NULL : data;
}

VINE_BENCH_INLINE void
put(struct store *s, void *ptr)
{
	if (s->session)
		vine_data_free(ptr);
	else
		free(ptr);
}

VINE_BENCH_INLINE int
pair_op(void *arg)
{
	struct store *s = arg;
	void *ptr = get(s);

	if (!ptr)
		return -ENOMEM;
	put(s, ptr);
	return 0;
}

VINE_BENCH_INLINE int
random_op(void *arg)
{
	struct store *s = arg;
	void **place;

	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	/* live is a power of two */
	place = &s->place[s->random & (s->live - 1)];
	put(s, *place);
	*place = get(s);
	return *place ? 0 : -ENOMEM;
}

static int
failed(const struct vine_bench *bench, int rc)
{
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

/* run_pair is inlined with and without a session, so each is one plain loop. */
VINE_BENCH_INLINE int
run_pair(struct vine_bench_rig *rig, struct vine_session *session,
	 const struct vine_bench *bench, struct vine_bench_result *result)
{
	struct store s = { .session = session, .bytes = bench->a };
	int rc = vine_bench_timer_chunks(&rig->timer, CHUNK, pair_op, &s);

	if (!rc)
		vine_bench_timer_ns(&rig->timer, CHUNK, result);
	return failed(bench, rc);
}

VINE_BENCH_INLINE int
run_random(struct vine_bench_rig *rig, struct vine_session *session,
	   const struct vine_bench *bench, struct vine_bench_result *result)
{
	struct store *s = calloc(1, sizeof(*s));
	uint64_t i;
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->session = session;
	s->bytes = bench->a;
	s->live = bench->b;
	s->random = 88172645463325252u;
	for (i = 0; i < s->live && !rc; i++)
		if (!(s->place[i] = get(s)))
			rc = -ENOMEM;
	if (!rc)
		rc = vine_bench_timer_chunks(&rig->timer, CHUNK, random_op, s);
	if (!rc)
		vine_bench_timer_ns(&rig->timer, CHUNK, result);
	for (i = 0; i < s->live; i++)
		put(s, s->place[i]);
	free(s);
	return failed(bench, rc);
}

int
vine_bench_run_malloc_pair(struct vine_bench_rig *rig,
			   const struct vine_bench *bench,
			   struct vine_bench_result *result)
{
	return run_pair(rig, NULL, bench, result);
}

int
vine_bench_run_data_pair(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	return run_pair(rig, rig->appliance->session, bench, result);
}

int
vine_bench_run_malloc_random(struct vine_bench_rig *rig,
			     const struct vine_bench *bench,
			     struct vine_bench_result *result)
{
	return run_random(rig, NULL, bench, result);
}

int
vine_bench_run_data_random(struct vine_bench_rig *rig,
			   const struct vine_bench *bench,
			   struct vine_bench_result *result)
{
	return run_random(rig, rig->appliance->session, bench, result);
}
