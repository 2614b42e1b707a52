/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel: a function for the appliance's CPU accelerator that an operator
 * loads from a shared object (`cpu_kernels /path/x.so` in the config).
 *
 * The shared object exports one symbol, vine_kernels, of type
 * struct vine_kernel_table. The appliance checks abi before anything else. The
 * code runs inside the appliance with all its rights: load only what you
 * trust.
 *
 * A kernel sees views: an address and a length that were checked once. The
 * bytes behind an input stay the application's and may change while the kernel
 * runs; a kernel that parses its input copies what it parses first. It may
 * read inputs, read and write outputs, and nothing else of the segment. It may
 * run on several threads at once. It may block, but a thread of the
 * accelerator waits with it.
 */
#ifndef VINE_KERNEL_H
#define VINE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include <vine/view.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VINE_KERNEL_ABI 1u

struct vine_kernel_call {
	const struct vine_view *in;
	const struct vine_view *out;
	uint32_t in_count;
	uint32_t out_count;
	const void *args;	/* a private copy, 8-byte aligned */
	uint32_t args_size;	/* bytes */
	uint32_t reserved;
	uint64_t value;		/* the task's 64-bit result; begins as 0 */
};

struct vine_kernel {
	const char *name;	/* 1 to 63 bytes; the procedure's name */
	/*
	 * run carries out one task. Returns 0, or a negative errno that becomes
	 * the task's error. Must not exit, longjmp or throw.
	 */
	int (*run)(struct vine_kernel_call *call);
	/*
	 * ns per KiB of input, roughly; 0: unknown. A call that is expected to
	 * take under 2 us runs on the queue's own worker, any other on a
	 * thread of the accelerator.
	 */
	uint32_t ns_per_kib;
	uint32_t reserved;
};

struct vine_kernel_table {
	uint32_t abi;		/* VINE_KERNEL_ABI */
	uint32_t count;		/* of kernels */
	const struct vine_kernel *kernels;
};

#ifdef __cplusplus
}
#endif
#endif
