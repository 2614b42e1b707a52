/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image: what the kernels on raw pictures share, the check of width, height
 * and lengths.
 */
#ifndef SVC_CPU_IMAGE_H
#define SVC_CPU_IMAGE_H

#include "services/cpu/svc_cpu_kernels.h"

/*
 * svc_cpu_image_check checks a call with one input of in_depth bytes a pixel,
 * one output of one byte a pixel and struct svc_cpu_image_args, which it
 * copies to *image. Returns 0, or -EINVAL, logged. Never blocks; any thread.
 */
int svc_cpu_image_check(const struct vine_kernel_call *call,
			const char *kernel, size_t in_depth,
			struct svc_cpu_image_args *image);

#endif
