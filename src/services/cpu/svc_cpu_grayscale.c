/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grayscale: RGB with 8 bits a channel to gray with 8 bits, by the weights of
 * ITU-R BT.601 in 256ths, rounded: (77 R + 150 G + 29 B + 128) / 256. The
 * value is the number of pixels. The output may begin where the input does.
 *
 * If the input changes meanwhile, pixels are of the old or the new picture;
 * their bytes are multiplied and added, never looked at.
 */
#include "services/cpu/svc_cpu_image.h"

int
svc_cpu_run_grayscale(struct vine_kernel_call *call)
{
	struct svc_cpu_image_args image;
	const uint8_t *rgb;
	uint8_t *gray;
	size_t pixels;
	size_t i;
	int err;

	err = svc_cpu_image_check(call, "grayscale", 3, &image);
	if (err)
		return err;
	pixels = (size_t)image.width * image.height;
	rgb = call->in[0].ptr;
	gray = call->out[0].ptr;
	/* The weights add up to 256: white stays 255 and nothing exceeds it. */
	for (i = 0; i < pixels; i++)
		gray[i] = (uint8_t)((77u * rgb[3 * i] + 150u * rgb[3 * i + 1] +
				     29u * rgb[3 * i + 2] + 128u) >> 8);
	call->value = pixels;
	return 0;
}
