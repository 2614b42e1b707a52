/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image: sizes are computed in size_t with overflow checks, so that a width
 * and a height whose product wraps never pass for a small picture.
 */
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_image.h"

int
svc_cpu_image_check(const struct vine_kernel_call *call, const char *kernel,
		    size_t in_depth, struct svc_cpu_image_args *image)
{
	const struct svc_cpu_shape shape = {
		.kernel = kernel,
		.in_min = 1, .in_max = 1,
		.out_min = 1, .out_max = 1,
		.args_size = sizeof(*image),
	};
	size_t in_size;
	size_t pixels;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	memcpy(image, call->args, sizeof(*image));
	if (!image->width || !image->height ||
	    __builtin_mul_overflow((size_t)image->width,
				   (size_t)image->height, &pixels) ||
	    __builtin_mul_overflow(pixels, in_depth, &in_size))
		return svc_cpu_refuse(kernel, "a picture of %u x %u pixels",
				      image->width, image->height);
	err = svc_cpu_check_in(call, kernel, 0, in_size);
	if (err)
		return err;
	return svc_cpu_check_out(call, kernel, 0, pixels);
}
