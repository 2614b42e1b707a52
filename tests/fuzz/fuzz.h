/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: what the fuzzers share: the input, taken from its front; a log that is
 * written in full and thrown away; and the check that ends the program.
 *
 * The same input does the same each time: nothing is kept from one to the next.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_log.h"

#define FUZZ_UNUSED __attribute__((unused))

/* fuzz_check ends the program where something is not as it must be. */
#define fuzz_check(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* The input that has not been used yet. */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

/* fuzz_take returns the next `bytes` (up to 8) as a number; 0 past the end. */
static FUZZ_UNUSED uint64_t
fuzz_take(struct fuzz_in *in, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > in->left)
		bytes = in->left;
	if (bytes)
		memcpy(&value, in->at, bytes);
	in->at += bytes;
	in->left -= bytes;
	return value;
}

/* fuzz_copy copies the next bytes to `to`; zeros past the end. */
static FUZZ_UNUSED void
fuzz_copy(struct fuzz_in *in, void *to, size_t bytes)
{
	size_t n = bytes < in->left ? bytes : in->left;

	memset(to, 0, bytes);
	if (n)
		memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
}

static FUZZ_UNUSED void
fuzz_forget(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	fuzz_check(strlen(text) < 1024);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every fuzzer starts so: all lines are made, and none is printed. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	utils_log_set(UTILS_LOG_DEBUG, fuzz_forget, NULL);
	return 0;
}

#endif
