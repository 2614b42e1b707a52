/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sobel: the edges of a gray picture with 8 bits a pixel. Each pixel becomes
 * the length of Sobel's gradient, sqrt(gx^2 + gy^2), cut at 255 and rounded;
 * pixels of the border, which lack neighbours, become 0. The value is the
 * number of pixels. Input and output must not overlap.
 *
 * If the input changes meanwhile, gradients mix the old and the new picture;
 * the bytes are added up and the sum is bounded, never an index or a length.
 */
#include <math.h>
#include <string.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_image.h"

/* One inner row: above, here and below are three rows of `width` pixels. */
static void
svc_cpu_sobel_row(const uint8_t *above, const uint8_t *here,
		  const uint8_t *below, uint8_t *edge, size_t width)
{
	size_t x;
	int gx, gy;
	float sum;

	edge[0] = 0;
	for (x = 1; x + 1 < width; x++) {
		gx = above[x + 1] + 2 * here[x + 1] + below[x + 1] -
		     above[x - 1] - 2 * here[x - 1] - below[x - 1];
		gy = below[x - 1] + 2 * below[x] + below[x + 1] -
		     above[x - 1] - 2 * above[x] - above[x + 1];
		/* At most 2 * 1020^2 < 2^24, so the float is exact. */
		sum = (float)(gx * gx + gy * gy);
		if (sum > 255.0f * 255.0f)
			sum = 255.0f * 255.0f;
		edge[x] = (uint8_t)(sqrtf(sum) + 0.5f);
	}
	edge[width - 1] = 0;
}

int
svc_cpu_run_sobel(struct vine_kernel_call *call)
{
	struct svc_cpu_image_args image;
	const uint8_t *gray;
	uint8_t *edge;
	size_t width;
	size_t pixels;
	uint32_t y;
	int err;

	err = svc_cpu_image_check(call, "sobel", 1, &image);
	if (err)
		return err;
	width = image.width;
	pixels = width * image.height;
	err = svc_cpu_check_apart(call, "sobel", 0, pixels, pixels);
	if (err)
		return err;
	gray = call->in[0].ptr;
	edge = call->out[0].ptr;
	memset(edge, 0, width);
	for (y = 1; y + 1 < image.height; y++)
		svc_cpu_sobel_row(gray + (y - 1) * width, gray + y * width,
				  gray + (y + 1) * width, edge + y * width,
				  width);
	memset(edge + (image.height - 1) * width, 0, width);
	call->value = pixels;
	return 0;
}
