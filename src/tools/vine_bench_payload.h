/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payload: bytes that one side writes all and the other reads all, by the same
 * two functions wherever the bytes lie.
 */
#ifndef VINE_BENCH_PAYLOAD_H
#define VINE_BENCH_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/*
 * vine_bench_payload_fill writes `word` to every 8 bytes. ptr is aligned to 64
 * and length a multiple of 64.
 */
void vine_bench_payload_fill(void *ptr, size_t length, uint64_t word);

/* vine_bench_payload_sum reads every 8 bytes and returns their sum. */
uint64_t vine_bench_payload_sum(const void *ptr, size_t length);

#endif
