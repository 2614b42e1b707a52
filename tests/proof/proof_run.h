/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run: a case and its broken twins.
 *
 * A case is a class with before(), thread(i) and after(), made anew for each
 * schedule. proof_case searches its schedules and expects no fault; then it
 * breaks one edge after the other and expects a fault each time.
 */
#ifndef PROOF_RUN_H
#define PROOF_RUN_H

#include "arch/arch_atomic.h"

#define PROOF_THREADS_MAX 4

/* One fault of the case: wrong data, with the place. */
#define proof_check(x) RL_ASSERT(x)

/* Others may run here, and a barrier come: before a plain word is touched. */
static inline void
proof_step(void)
{
	rl::ctx().sched();
}

/* For the machine: where the threads are. Called by proof_suite. */
void proof_begin(unsigned threads, void (*fence_thread)(unsigned thread));

extern uint32_t proof_idle_looks;

/*
 * The base of a case of N threads. The case has setup(), run(i) and, where
 * there is something to say of the end, finish().
 */
template<typename Case, unsigned N>
struct proof_suite : rl::test_suite<Case, N> {
	static_assert(N <= PROOF_THREADS_MAX);
	static inline rl::thread_info_base *first;

	static void
	fence_thread(unsigned thread)
	{
		/* Relacy keeps them in an array */
		auto *i = reinterpret_cast<rl::aligned<rl::thread_info<N>> *>(
			first) + thread;

		i->atomic_thread_fence_seq_cst(rl::ctx().seq_cst_fence_order_);
	}

	void
	before()
	{
		first = reinterpret_cast<rl::thread_info_base *>(
			reinterpret_cast<rl::aligned<rl::thread_info<N>> *>(
				rl::ctx().threadx_) - rl::thread_index());
		proof_begin(N, fence_thread);
		static_cast<Case *>(this)->setup();
	}

	void
	thread(unsigned i)
	{
		proof_fence(proof_here());
		static_cast<Case *>(this)->run(i);
	}

	void
	after()
	{
		static_cast<Case *>(this)->finish();
	}

	void finish() { }
};

/* Where Relacy writes. Not a string stream: its operator new is Relacy's. */
struct proof_text : std::streambuf {
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	std::ostream stream { this };

	~proof_text()
	{
		fclose(file);
		free(text);
	}

	int
	overflow(int c) override
	{
		return fputc(c, file);
	}

	/* Of a fault: what the threads did to atomics, in that order. */
	void
	print_history()
	{
		char *line, *next;

		fflush(file);
		line = strstr(text, "[BEFORE END]");
		for (line = line ? line : text; *line; line = next) {
			next = line + strcspn(line, "\n");
			next += *next == '\n';
			if (strncmp(line, "thread 0:", 9) == 0)
				break;
			/* plain words are of no help */
			if (!memmem(line, next - line, "> load, ", 8) &&
			    !memmem(line, next - line, "> store, ", 9))
				fwrite(line, 1, next - line, stdout);
		}
	}
};

/* How far a search goes. */
struct proof_search {
	/* switches a schedule may have while a thread could go on; 0: any */
	unsigned bound;
};

/* Each case is also run in so many schedules at random: those switch as often
 * as they like, and their loads may lag by two stores, not one. */
#define PROOF_RANDOM 10000u

template<typename Case>
static bool
proof_holds(rl::test_params &params, struct proof_text &trace)
{
	struct proof_text quiet;

	params.output_stream = &trace.stream;
	params.progress_stream = &quiet.stream;
	return rl::simulate<Case>(params);
}

static inline rl::test_params
proof_params(struct proof_search search)
{
	rl::test_params params;

	params.search_type = search.bound ? rl::sched_bound : rl::sched_full;
	params.context_bound = search.bound;
	return params;
}

template<typename Case>
static int
proof_whole(const char *name, rl::test_params params, const char *which)
{
	struct proof_text trace;
	bool holds = proof_holds<Case>(params, trace);

	printf("%s: ", name);
	if (!holds) {
		printf("%s, in one of %s:\n",
		       rl::test_result_str(params.test_result), which);
		trace.print_history();
	} else {
		printf("holds in %llu schedules, %s\n",
		       (unsigned long long)params.stop_iteration, which);
	}
	fflush(stdout);
	return !holds;
}

template<typename Case>
static int
proof_broken_twin(const char *name, rl::test_params params,
		  const struct proof_twin *twin)
{
	struct proof_text trace;
	bool holds;

	proof_broken = twin;
	holds = proof_holds<Case>(params, trace);
	proof_broken = NULL;
	if (holds)
		printf("%s: holds without %s of %s, expected a fault\n", name,
		       twin->edge, twin->fn);
	else
		printf("%s: without %s: %s, schedule %llu\n", name, twin->edge,
		       rl::test_result_str(params.test_result),
		       (unsigned long long)params.stop_iteration);
	if (getenv("PROOF_TRACE"))
		trace.print_history();
	fflush(stdout);
	return holds;
}

/*
 * proof_case searches a case and its twins, each of which must fail. Returns
 * how many did not do as they should.
 */
template<typename Case>
static int
proof_case(const char *name, struct proof_search search,
	   std::initializer_list<struct proof_twin> twins)
{
	rl::test_params params;
	char which[64] = "all there are";
	int bad;

	if (search.bound)
		snprintf(which, sizeof(which), "those of up to %u switches",
			 search.bound);
	bad = proof_whole<Case>(name, proof_params(search), which);
	params.iteration_count = PROOF_RANDOM;
	bad += proof_whole<Case>(name, params, "at random");
	for (const struct proof_twin &twin : twins)
		bad += proof_broken_twin<Case>(name, proof_params(search),
					       &twin);
	return bad;
}

#endif
