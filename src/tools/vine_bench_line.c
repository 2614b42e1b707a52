/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line: the servers of the line bounces, and the benchmarks line1 and line2.
 * line2 uses one line for the way there and another for the way back, as any
 * pair of queues must; it is the limit of a task's round trip.
 */
#include "tools/vine_bench_line.h"

#include "tools/vine_bench_pair.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"

/* The two words of line2, on lines that no prefetcher couples. */
struct two_lines {
	_Alignas(VINE_BENCH_APART) _Atomic uint64_t request;
	char apart[3 * VINE_BENCH_APART];
	_Alignas(VINE_BENCH_APART) _Atomic uint64_t answer;
};

struct two_side {
	struct two_lines *lines;
	uint64_t last;
};

void
vine_bench_line_serve(void *memory, uint64_t arg)
{
	_Atomic uint64_t *word = memory;
	uint64_t last = 0, now;

	(void)arg;
	for (;;) {
		do {
			now = atomic_load_explicit(word, memory_order_acquire);
		} while (now == last);
		if (now == VINE_BENCH_LINE_END)
			return;
		last = now + 1;
		atomic_store_explicit(word, last, memory_order_release);
	}
}

void
vine_bench_line_end(struct vine_bench_line *line)
{
	atomic_store_explicit(line->word, VINE_BENCH_LINE_END,
			      memory_order_release);
}

int
vine_bench_run_line1(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct vine_bench_line line = { .last = 0 };
	int rc;

	(void)bench;
	line.word = vine_bench_pair_start(rig->pair, VINE_BENCH_APART,
					  vine_bench_line_serve, 0);
	rc = vine_bench_timer_rtt(&rig->timer, vine_bench_line_op, &line,
				  result);
	vine_bench_line_end(&line);
	vine_bench_pair_join(rig->pair);
	return rc;
}

static void
serve_two(void *memory, uint64_t arg)
{
	struct two_lines *lines = memory;
	uint64_t last = 0, now;

	(void)arg;
	for (;;) {
		do {
			now = atomic_load_explicit(&lines->request,
						   memory_order_acquire);
		} while (now == last);
		if (now == VINE_BENCH_LINE_END)
			return;
		last = now;
		atomic_store_explicit(&lines->answer, now,
				      memory_order_release);
	}
}

VINE_BENCH_INLINE int
two_op(void *arg)
{
	struct two_side *side = arg;

	side->last++;
	atomic_store_explicit(&side->lines->request, side->last,
			      memory_order_release);
	while (atomic_load_explicit(&side->lines->answer,
				    memory_order_acquire) != side->last)
		;
	return 0;
}

int
vine_bench_run_line2(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	struct two_side side = { .last = 0 };
	int rc;

	(void)bench;
	side.lines = vine_bench_pair_start(rig->pair, sizeof(*side.lines),
					   serve_two, 0);
	rc = vine_bench_timer_rtt(&rig->timer, two_op, &side, result);
	atomic_store_explicit(&side.lines->request, VINE_BENCH_LINE_END,
			      memory_order_release);
	vine_bench_pair_join(rig->pair);
	return rc;
}
