/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels: the procedures that the CPU accelerator brings along, as one table
 * of struct vine_kernel made from kernels.def.
 *
 * All of them may run on several threads at once. They return 0, or -EINVAL
 * where counts, lengths or arguments are wrong (logged), or -ENOSPC where an
 * output cannot hold a result whose size depends on the content, or what
 * docs/services.md says. What they leave in an output on failure is not
 * defined.
 */
#ifndef SVC_CPU_KERNELS_H
#define SVC_CPU_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include <vine/kernel.h>

/* Arguments, in the byte order of the machine, little-endian everywhere. */
struct svc_cpu_image_args {	/* grayscale, sobel */
	uint32_t width;		/* pixels */
	uint32_t height;
};

struct svc_cpu_sgemm_args {	/* C = alpha * A * B + beta * C */
	uint32_t m;		/* rows of A and C */
	uint32_t n;		/* columns of B and C */
	uint32_t k;		/* columns of A, rows of B */
	float alpha;
	float beta;
};

struct svc_cpu_fft1d_args {
	uint32_t n;		/* complex points, at most SVC_CPU_FFT_MAX */
	int32_t sign;		/* of the exponent: -1 forward, 1 backward */
};

enum {
	/* A plan holds a table of about the size of its points in the
	 * appliance's memory: 2^24 points bound it to some 128 MiB a thread. */
	SVC_CPU_FFT_MAX = 1 << 24,
	/* Level 19 takes about 90 MiB a thread, 22 takes 700. */
	SVC_CPU_ZSTD_LEVEL_MIN = -7,
	SVC_CPU_ZSTD_LEVEL_MAX = 19,
	/* Bytes of name that a kernel may have, without the NUL. */
	SVC_CPU_NAME_MAX = 63,
};

#define SVC_CPU_KERNEL(name, ns_per_kib) \
	int svc_cpu_run_##name(struct vine_kernel_call *call);
#include "services/cpu/kernels.def"
#undef SVC_CPU_KERNEL

/*
 * svc_cpu_kernels returns the table. It is constant and lives for ever. Never
 * blocks. Any thread.
 */
const struct vine_kernel_table *svc_cpu_kernels(void);

/*
 * svc_cpu_kernel_find returns the kernel of that name in a table that has been
 * checked, or NULL. Never blocks. Any thread.
 */
const struct vine_kernel *svc_cpu_kernel_find(
	const struct vine_kernel_table *table, const char *name);

#endif
