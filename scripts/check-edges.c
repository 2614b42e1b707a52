/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check edges: tells whether EDGES.png is what Sobel's operator makes of
 * IN.png, without libvine. scripts/run.sh compiles and runs it. It follows the
 * definitions, in whole numbers: gray is (77 R + 150 G + 29 B + 128) / 256; an
 * edge is the length of the gradient, rounded, at most 255, and 0 on the border.
 *
 * Exit codes: 0 every pixel is right, 1 not, 2 wrong usage.
 */
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *
read_png(const char *name, png_image *image, png_uint_32 format)
{
	static const png_color white = { 255, 255, 255 };
	uint8_t *pixels = NULL;

	*image = (png_image){ .version = PNG_IMAGE_VERSION };
	if (png_image_begin_read_from_file(image, name)) {
		image->format = format;
		pixels = malloc(PNG_IMAGE_SIZE(*image));
		if (pixels && png_image_finish_read(image, &white, pixels, 0,
						    NULL))
			return pixels;
	}
	fprintf(stderr, "check-edges: %s: %s\n", name, image->message);
	exit(1);
}

/* The whole number nearest to the root of n, by trying. */
static long
root(long n)
{
	long r = 0;

	while (r < 255 && (2 * r + 1) * (2 * r + 1) <= 4 * n)
		r++;
	return r;
}

static long
gray(const uint8_t *rgb, long i)
{
	return (77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2] +
		128) / 256;
}

static long
edge(const uint8_t *rgb, long width, long height, long x, long y)
{
	static const int weight[3] = { 1, 2, 1 };
	long gx = 0, gy = 0;
	int k;

	if (x == 0 || y == 0 || x == width - 1 || y == height - 1)
		return 0;
	for (k = -1; k <= 1; k++) {
		gx += weight[k + 1] * (gray(rgb, (y + k) * width + x + 1) -
				       gray(rgb, (y + k) * width + x - 1));
		gy += weight[k + 1] * (gray(rgb, (y + 1) * width + x + k) -
				       gray(rgb, (y - 1) * width + x + k));
	}
	return root(gx * gx + gy * gy);
}

int
main(int argc, char **argv)
{
	png_image in, out;
	uint8_t *rgb, *edges;
	long x, y, wrong = 0, want;

	if (argc != 3) {
		fputs("usage: check-edges IN EDGES\n", stderr);
		return 2;
	}
	rgb = read_png(argv[1], &in, PNG_FORMAT_RGB);
	edges = read_png(argv[2], &out, PNG_FORMAT_GRAY);
	if (in.width != out.width || in.height != out.height) {
		fprintf(stderr, "check-edges: %u x %u pixels, expected %u x "
			"%u\n", out.width, out.height, in.width, in.height);
		return 1;
	}
	for (y = 0; y < (long)in.height; y++) {
		for (x = 0; x < (long)in.width; x++) {
			want = edge(rgb, in.width, in.height, x, y);
			if (edges[y * (long)in.width + x] == want)
				continue;
			if (wrong++ == 0)
				fprintf(stderr, "check-edges: pixel %ld, %ld "
					"is %d, expected %ld\n", x, y,
					edges[y * (long)in.width + x], want);
		}
	}
	printf("%ld of %lu pixels are wrong\n", wrong,
	       (unsigned long)in.width * in.height);
	free(rgb);
	free(edges);
	return wrong ? 1 : 0;
}
