/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pair: the two pinned processes of a raw measurement and the memory between
 * them.
 *
 * The client is the process that opens the pair, the server its child. They
 * share one anonymous mapping at the same address, so plain pointers into it
 * and pointers to functions mean the same on both sides. Between measurements
 * the server sleeps in the kernel and takes no cpu.
 */
#ifndef VINE_BENCH_PAIR_H
#define VINE_BENCH_PAIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for the largest rotating set of payloads, and for what leads them. */
#define VINE_BENCH_PAIR_BYTES (33u << 20)
/* Two lines: the prefetcher of neighbouring lines must not couple words. */
#define VINE_BENCH_APART 128

struct vine_bench_pair;

/* What the server does with the memory until the client tells it to end. */
typedef void (*vine_bench_serve)(void *memory, uint64_t arg);

/*
 * vine_bench_pair_open pins the caller to cpu[0] and starts a server on
 * cpu[1]. The caller owns *pair. Main thread. Returns 0, or -ENOMEM, -EAGAIN,
 * -EINVAL (a cpu that the process may not use), logged.
 */
int vine_bench_pair_open(const int cpu[2], struct vine_bench_pair **pair);

/* vine_bench_pair_close ends the server and frees the pair. NULL is ignored. */
void vine_bench_pair_close(struct vine_bench_pair *pair);

/*
 * vine_bench_pair_start has the server call serve(memory, arg) and returns
 * when it is about to. The memory's first `clear` bytes are zeroed before.
 * Returns the memory.
 */
void *vine_bench_pair_start(struct vine_bench_pair *pair, size_t clear,
			    vine_bench_serve serve, uint64_t arg);

/* vine_bench_pair_join waits until the server has returned from serve. */
void vine_bench_pair_join(struct vine_bench_pair *pair);

/*
 * vine_bench_pin pins the calling thread. Returns 0, or -EINVAL, logged with
 * the cpu and the reason.
 */
int vine_bench_pin(int cpu);

/* The bare futex calls, also for the benchmark of the futex itself. */
void vine_bench_futex_wait(_Atomic uint32_t *word, uint32_t value);
void vine_bench_futex_wake(_Atomic uint32_t *word);

#endif
