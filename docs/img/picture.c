/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picture: draws docs/img/picture.png, the picture that scripts/run.sh filters:
 * balls over a chequered floor, by ray tracing. It is here so that the picture
 * has a source and a licence.
 *
 *	cc -std=c11 -O2 -o /tmp/picture docs/img/picture.c -lpng -lm
 *	/tmp/picture docs/img/picture.png
 */
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 1280, HEIGHT = 800, SAMPLES = 3, BOUNCES = 4, BALLS = 8 };

struct vec { double x, y, z; };
struct ball { struct vec at; double r; struct vec color; double mirror; };

static const struct ball balls[BALLS] = {
	{ { -1.6, 1.0, 6.0 }, 1.0, { .75, .13, .16 }, .25 },
	{ { 0.5, 0.7, 4.6 }, 0.7, { .12, .42, .70 }, .30 },
	{ { 2.3, 1.3, 7.6 }, 1.3, { .90, .90, .92 }, .75 },
	{ { -0.3, 0.3, 3.6 }, 0.3, { .96, .76, .10 }, .15 },
	{ { 1.6, 0.4, 4.0 }, 0.4, { .10, .55, .26 }, .20 },
	{ { -2.7, 0.5, 4.4 }, 0.5, { .45, .20, .60 }, .30 },
	{ { 0.2, 2.6, 9.0 }, 0.9, { .95, .50, .12 }, .20 },
	{ { -1.2, 0.25, 3.2 }, 0.25, { .85, .85, .85 }, .60 },
};
static const struct vec sun = { -.4743, .7589, -.4462 };

static struct vec
sum(struct vec a, double k, struct vec b)
{
	return (struct vec){ a.x + k * b.x, a.y + k * b.y, a.z + k * b.z };
}

static double
dot(struct vec a, struct vec b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vec
unit(struct vec a)
{
	return sum((struct vec){ 0, 0, 0 }, 1 / sqrt(dot(a, a)), a);
}

/* The first ball on a ray; -1 none. */
static int
hit(struct vec from, struct vec way, double *far)
{
	int best = -1;

	for (int i = 0; i < BALLS; i++) {
		struct vec to = sum(balls[i].at, -1, from);
		double along = dot(to, way);
		double gap = balls[i].r * balls[i].r - dot(to, to) +
			along * along;
		double t = gap > 0 ? along - sqrt(gap) : -1;

		if (t > 1e-6 && t < *far) {
			*far = t;
			best = i;
		}
	}
	return best;
}

static struct vec
color_of(struct vec from, struct vec way, int bounces)
{
	struct vec sky = { .45 + .25 * (1 - way.y), .62 + .18 * (1 - way.y),
			   .92 };
	double far = 1e9, floor_at = way.y < -1e-9 ? -from.y / way.y : 1e9;
	int i = hit(from, way, &far), lit;
	struct vec at, normal, color, seen;
	double mirror = .12, light, none = 1e9;

	if (i < 0 && floor_at > 60)
		return sky;
	if (i >= 0 && far < floor_at) {
		at = sum(from, far, way);
		normal = unit(sum(at, -1, balls[i].at));
		color = balls[i].color;
		mirror = balls[i].mirror;
	} else {
		at = sum(from, floor_at, way);
		normal = (struct vec){ 0, 1, 0 };
		lit = ((int)floor(at.x) + (int)floor(at.z)) & 1;
		color = lit ? (struct vec){ .86, .84, .80 } :
			(struct vec){ .20, .22, .26 };
	}
	at = sum(at, 1e-6, normal);
	light = .25 + (hit(at, sun, &none) < 0 ?
		       .75 * fmax(0, dot(normal, sun)) : 0);
	color = sum((struct vec){ 0, 0, 0 }, light, color);
	if (bounces == 0)
		return color;
	seen = color_of(at, sum(way, -2 * dot(way, normal), normal),
			bounces - 1);
	return sum(sum((struct vec){ 0, 0, 0 }, 1 - mirror, color), mirror,
		   seen);
}

static unsigned char
byte(double v)
{
	v = pow(fmin(1, fmax(0, v)), 1 / 2.2) * 255;
	return (unsigned char)(v + .5);
}

static void
draw_pixel(unsigned char *to, int x, int y)
{
	const struct vec eye = { 0, 1.5, -1.2 };
	struct vec all = { 0, 0, 0 };

	for (int s = 0; s < SAMPLES * SAMPLES; s++) {
		double dx = x + (s % SAMPLES + .5) / SAMPLES - WIDTH / 2.;
		double dy = y + (s / SAMPLES + .5) / SAMPLES - HEIGHT / 2.;
		struct vec way = { dx / HEIGHT, -dy / HEIGHT - .08, 1.15 };

		all = sum(all, 1. / (SAMPLES * SAMPLES),
			  color_of(eye, unit(way), BOUNCES));
	}
	to[0] = byte(all.x);
	to[1] = byte(all.y);
	to[2] = byte(all.z);
}

int
main(int argc, char **argv)
{
	png_image image = { .version = PNG_IMAGE_VERSION, .width = WIDTH,
			    .height = HEIGHT, .format = PNG_FORMAT_RGB };
	unsigned char *pixels = malloc(WIDTH * HEIGHT * 3);

	if (argc != 2 || pixels == NULL) {
		fprintf(stderr, "usage: picture OUT\n");
		return 2;
	}
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		draw_pixel(pixels + i * 3, i % WIDTH, i / WIDTH);
	if (!png_image_write_to_file(&image, argv[1], 0, pixels, 0, NULL)) {
		fprintf(stderr, "picture: %s: %s\n", argv[1], image.message);
		return 1;
	}
	free(pixels);
	return 0;
}
