/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payload: every byte is written on one side and read on the other. The raw
 * way goes through the pair's memory with two words for each piece; the task
 * way allocates data for each piece, so that the order in which the library
 * hands memory out again is part of what is measured. Each piece holds one
 * number throughout, a new one each time, and its sum is checked.
 */
#include "tools/vine_bench_payload.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define SETS_MAX 64
#define CHUNK_BYTES (4u << 20)	/* a chunk hands over so much, near 0.1 ms */
#define BYTES_AT (1u << 20)	/* of the pair's memory: where pieces begin */
#define END UINT64_MAX
#define READ_PAIRS 4		/* A B and B A, that often each */

typedef uint64_t vec __attribute__((vector_size(16)));

__attribute__((noinline)) void
vine_bench_payload_fill(void *ptr, size_t length, uint64_t word)
{
	vec *v = ptr, w = { word, word };
	size_t i, n = length / sizeof(vec);

	for (i = 0; i < n; i += 4) {
		v[i] = w;
		v[i + 1] = w;
		v[i + 2] = w;
		v[i + 3] = w;
	}
}

__attribute__((noinline)) uint64_t
vine_bench_payload_sum(const void *ptr, size_t length)
{
	const vec *v = ptr;
	vec a = { 0, 0 }, b = a, c = a, d = a;
	size_t i, n = length / sizeof(vec);

	for (i = 0; i < n; i += 4) {
		a += v[i];
		b += v[i + 1];
		c += v[i + 2];
		d += v[i + 3];
	}
	a += b + c + d;
	return a[0] + a[1];
}

/* The two words of a piece, each written by one side. */
struct hand {
	_Alignas(VINE_BENCH_APART) _Atomic uint64_t ready; /* number, or END */
	uint64_t bytes;
	_Alignas(VINE_BENCH_APART) _Atomic uint64_t done; /* number */
	uint64_t sum;
};

struct raw {
	struct hand *hand;
	char *bytes;
	uint64_t size;
	uint64_t sets;
	uint64_t number;	/* of the last piece; the first is 1 */
};

static void
serve_hand(void *memory, uint64_t sets)
{
	struct hand *hand = memory, *h;
	char *bytes = (char *)memory + BYTES_AT;
	uint64_t number, ready, at;

	for (number = 1;; number++) {
		at = number & (sets - 1);
		h = &hand[at];
		do {
			ready = atomic_load_explicit(&h->ready,
						     memory_order_acquire);
			if (ready == END)
				return;
		} while (ready != number);
		h->sum = vine_bench_payload_sum(bytes + at * h->bytes,
						h->bytes);
		atomic_store_explicit(&h->done, number, memory_order_release);
	}
}

/* hand_over waits until the oldest piece was read, and fills it again. */
static int
hand_over(void *arg)
{
	struct raw *r = arg;
	const uint64_t number = ++r->number;
	const uint64_t at = number & (r->sets - 1);
	struct hand *h = &r->hand[at];

	if (number > r->sets) {
		while (atomic_load_explicit(&h->done, memory_order_acquire) !=
		       number - r->sets)
			;
		if (h->sum != (number - r->sets) * (r->size / 8))
			return -EIO;
	}
	h->bytes = r->size;
	vine_bench_payload_fill(r->bytes + at * r->size, r->size, number);
	atomic_store_explicit(&h->ready, number, memory_order_release);
	return 0;
}

/* hand_end lets the server end at the piece that it waits for. */
static void
hand_end(struct raw *r)
{
	uint64_t last = r->number, i, first;
	struct hand *h;

	first = last > r->sets ? last - r->sets + 1 : 1;
	for (i = first; i <= last; i++) {
		h = &r->hand[i & (r->sets - 1)];
		while (atomic_load_explicit(&h->done, memory_order_acquire) !=
		       i)
			;
	}
	h = &r->hand[(last + 1) & (r->sets - 1)];
	atomic_store_explicit(&h->ready, END, memory_order_release);
}

static uint64_t
chunk_of(uint64_t bytes)
{
	return bytes < CHUNK_BYTES ? CHUNK_BYTES / bytes : 1;
}

int
vine_bench_run_hand_raw(struct vine_bench_rig *rig,
			const struct vine_bench *bench,
			struct vine_bench_result *result)
{
	struct raw r = { .size = bench->a, .sets = bench->b };
	const uint64_t ops = chunk_of(bench->a);
	uint64_t i;
	int rc = 0;

	r.hand = vine_bench_pair_start(rig->pair, BYTES_AT, serve_hand,
				       bench->b);
	r.bytes = (char *)r.hand + BYTES_AT;
	/* Once through the set: the pages must be there on both sides. */
	for (i = 0; i < 2 * r.sets && !rc; i++)
		rc = hand_over(&r);
	if (!rc)
		rc = vine_bench_timer_chunks(&rig->timer, ops, hand_over, &r);
	if (!rc)
		vine_bench_timer_rate(&rig->timer, ops, (double)r.size / 1e3,
				      result);
	else
		log_error("%s: a piece was not read as it was written",
			  bench->name);
	hand_end(&r);
	vine_bench_pair_join(rig->pair);
	return rc;
}

/* A piece of the task way. */
struct piece {
	vine_task *task;
	vine_data *data;
	uint64_t sum;		/* what the task must return */
};

struct sender {
	struct vine_bench_appliance *app;
	struct piece piece[SETS_MAX];
	uint64_t size;
	uint64_t sets;
	uint64_t number;
};

static int
piece_finish(struct piece *p)
{
	uint64_t sum = 0;
	int rc;

	if (!p->task)
		return 0;
	rc = vine_task_wait_for(p->task, VINE_BENCH_WAIT_NS);
	if (!rc)
		rc = vine_bench_outcome(p->task, &sum);
	if (!rc && sum != p->sum) {
		log_error("a task summed a piece to %llu, expected %llu",
			  (unsigned long long)sum, (unsigned long long)p->sum);
		rc = -EIO;
	}
	vine_task_free(p->task);
	vine_data_free(p->data);
	p->task = NULL;
	p->data = NULL;
	return rc;
}

static int
send_piece(void *arg)
{
	struct sender *s = arg;
	struct piece *p = &s->piece[++s->number & (s->sets - 1)];
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = s->app->accel,
		.proc = s->app->sum, .in_count = 1,
	};
	struct vine_slice slice;
	int rc = piece_finish(p);

	if (rc)
		return rc;
	rc = vine_data_alloc_in(s->app->session, s->size, 0, &p->data);
	if (rc)
		return rc;
	slice = vine_slice_all(p->data);
	vine_bench_payload_fill(vine_slice_ptr(&slice), s->size, s->number);
	p->sum = s->number * (s->size / 8);
	opts.in = &slice;
	rc = vine_task_issue_opts(&opts, &p->task);
	if (rc) {
		vine_data_free(p->data);
		p->data = NULL;
	}
	return rc;
}

int
vine_bench_run_hand_task(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	struct sender s = { .app = rig->appliance, .size = bench->a,
			    .sets = bench->b };
	const uint64_t ops = chunk_of(bench->a);
	uint64_t i;
	int rc = 0, end_rc;

	for (i = 0; i < 2 * s.sets && !rc; i++)
		rc = send_piece(&s);
	if (!rc)
		rc = vine_bench_timer_chunks(&rig->timer, ops, send_piece, &s);
	if (!rc)
		vine_bench_timer_rate(&rig->timer, ops, (double)s.size / 1e3,
				      result);
	for (i = 0; i < s.sets; i++) {
		end_rc = piece_finish(&s.piece[i]);
		rc = rc ? rc : end_rc;
	}
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	return rc;
}

/* What read.local and read.task time by turns: A, data of the session; B. */
struct reader {
	struct vine_bench_appliance *app;
	const void *data_ptr;
	const void *malloc_ptr;
	struct vine_slice slice;
	uint64_t bytes;
};

static int
read_here(struct reader *r, int other)
{
	uint64_t sum = vine_bench_payload_sum(other ? r->malloc_ptr :
					      r->data_ptr, r->bytes);

	return sum == r->bytes / 8 ? 0 : -EIO;
}

static int
read_there(struct reader *r, int other)
{
	struct vine_task_opts opts = {
		.size = sizeof(opts), .accel = r->app->accel,
		.proc = other ? r->app->sum_own : r->app->sum,
		.in = &r->slice, .in_count = other ? 0 : 1,
	};
	uint64_t sum = 0;
	vine_task *task;
	int rc = vine_task_issue_opts(&opts, &task);

	if (rc)
		return rc;
	rc = vine_task_wait_for(task, VINE_BENCH_WAIT_NS);
	if (!rc)
		rc = vine_bench_outcome(task, &sum);
	vine_task_free(task);
	return rc ? rc : sum == r->bytes / 8 ? 0 : -EIO;
}

/* read_turns reads A B B A ...; value is A's median ms, limit_value B's. */
static int
read_turns(struct reader *r, int (*read)(struct reader *, int),
	   struct vine_bench_result *result)
{
	double ms[2][2 * READ_PAIRS];
	uint64_t begin;
	int turn, other, rc;

	for (turn = -2; turn < 4 * READ_PAIRS; turn++) {
		other = (turn & 3) == 1 || (turn & 3) == 2;
		begin = vine_bench_now();
		rc = read(r, other);
		if (rc)
			return rc;
		if (turn >= 0)	/* the first two bring the pages in */
			ms[other][turn / 2] = (double)utils_clock_span_ns(
				vine_bench_now() - begin) / 1e6;
	}
	result->value = vine_bench_median(ms[0], 2 * READ_PAIRS);
	result->limit_value = vine_bench_median(ms[1], 2 * READ_PAIRS);
	result->mean = result->value;
	return 0;
}

static int
run_read(struct vine_bench_rig *rig, const struct vine_bench *bench,
	 int (*read)(struct reader *, int), struct vine_bench_result *result)
{
	struct reader r = { .app = rig->appliance, .bytes = bench->a };
	vine_data *data = NULL;
	void *own = NULL;
	int rc;

	rc = vine_data_alloc_in(r.app->session, r.bytes, 4096, &data);
	if (!rc && posix_memalign(&own, 4096, r.bytes))
		rc = -ENOMEM;
	if (!rc) {
		r.slice = vine_slice_all(data);
		r.data_ptr = vine_slice_ptr(&r.slice);
		r.malloc_ptr = own;
		vine_bench_payload_fill(vine_slice_ptr(&r.slice), r.bytes, 1);
		vine_bench_payload_fill(own, r.bytes, 1);
		rc = read_turns(&r, read, result);
	}
	if (rc)
		log_error("%s: %s", bench->name, strerror(-rc));
	free(own);
	vine_data_free(data);
	return rc;
}

int
vine_bench_run_read_local(struct vine_bench_rig *rig,
			  const struct vine_bench *bench,
			  struct vine_bench_result *result)
{
	return run_read(rig, bench, read_here, result);
}

int
vine_bench_run_read_task(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	return run_read(rig, bench, read_there, result);
}
